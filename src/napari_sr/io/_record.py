"""The record of how an image was made: model, scale, versions. It travels inside the file, as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORD = "napari_sr"
"""Key in the metadata of images and layers."""


def record_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Record of an image, as far as JSON can hold it.

    Parameters
    ----------
    metadata : mapping
        Of an image or a layer.

    Returns
    -------
    dict
        Empty where there is none, or it is of another kind.
    """
    try:
        record = json.loads(json.dumps(metadata.get(RECORD)))
    except (TypeError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def to_text(record: Mapping[str, Any]) -> str:
    """Text that stands in a file's description.

    Parameters
    ----------
    record : mapping
        As `record_of` gives it.

    Returns
    -------
    str
        JSON in plain ASCII.
    """
    return json.dumps({RECORD: record})


def from_text(text: Any) -> dict[str, Any]:
    """Record from a file's description.

    Parameters
    ----------
    text : str or None
        Whatever stands there.

    Returns
    -------
    dict
        Empty unless it is what `to_text` made.
    """
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return record_of(found) if isinstance(found, dict) else {}
