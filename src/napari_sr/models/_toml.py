"""Cards as TOML, the inverse of reading a catalog."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_sr.models._card import Checkpoint, ModelCard

__all__ = ["to_toml"]


def to_toml(cards: Iterable[ModelCard]) -> str:
    """Write cards as the text of a catalog, which `read_catalog` reads back equal.

    Parameters
    ----------
    cards : iterable of ModelCard
        In the order in which they are to be listed.
    """
    return "\n\n".join("\n".join(_model(card)) for card in cards) + "\n"


def _model(card: ModelCard) -> Iterator[str]:
    yield "[[model]]"
    yield from _fields(card, without="checkpoints")
    for checkpoint in card.checkpoints:
        yield ""
        yield "[[model.checkpoint]]"
        yield from _fields(checkpoint, without="scores")
        if checkpoint.scores:
            yield f"scores = {{ {', '.join(_scores(checkpoint))} }}"


def _fields(record: ModelCard | Checkpoint, without: str) -> Iterator[str]:
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name != without and value is not None:
            yield f"{field.name} = {_value(value)}"


def _scores(checkpoint: Checkpoint) -> Iterator[str]:
    for name, (psnr, ssim) in checkpoint.scores.items():
        yield f"{_value(name)} = [{psnr}, {ssim}]"


def _value(value: Any) -> str:
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for the one control character that JSON lets stand
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)
