"""The record of how an image was made (model, scale, versions). It is stored inside the file, as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

__all__ = ["RECORD", "Record", "evaluate", "facts_of", "from_text", "record_of", "to_text"]

RECORD = "napari_sr"
"""Key of the record in the metadata of images and layers."""

Record: TypeAlias = Mapping[str, Any] | Callable[[], Mapping[str, Any]]
"""A record, or a function that gives it once all pixels have been computed: some facts, such as how many pixels were
replaced, are known only then."""


def evaluate(record: Record) -> dict[str, Any]:
    """A record as JSON can hold it.

    Parameters
    ----------
    record : mapping or callable
        All pixels must have been computed by now.

    Returns
    -------
    dict
        Empty where JSON cannot hold it.
    """
    return record_of({RECORD: record() if callable(record) else record})


def record_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Record in the metadata of an image or a layer, as JSON can hold it.

    Parameters
    ----------
    metadata : mapping
        Of an image or a layer.

    Returns
    -------
    dict
        Empty where there is none, or JSON cannot hold it.
    """
    try:
        record = json.loads(json.dumps(metadata.get(RECORD)))
    except (TypeError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def to_text(record: Mapping[str, Any], further: Mapping[str, Any] | None = None) -> str:
    """Text of a record for the description of a file.

    Parameters
    ----------
    record : mapping
        As `record_of` gives it.
    further : mapping, optional
        What else is to be stored, as JSON can hold it.

    Returns
    -------
    str
        JSON on one line of plain ASCII; empty if there is nothing to store.
    """
    facts = {**({RECORD: record} if record else {}), **(further or {})}
    return json.dumps(facts) if facts else ""


def facts_of(text: Any) -> dict[str, Any]:
    """What `to_text` stored in the description of a file.

    Parameters
    ----------
    text : str or None
        The description, whatever wrote it. Other programs' text may follow after the first line.

    Returns
    -------
    dict
        Empty if its first line is not a JSON object.
    """
    try:
        found = json.loads(str(text).partition("\n")[0])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def from_text(text: Any) -> dict[str, Any]:
    """Record from the description of a file.

    Parameters
    ----------
    text : str or None
        The description, whatever wrote it.

    Returns
    -------
    dict
        Empty unless `to_text` made the text.
    """
    return record_of(facts_of(text))
