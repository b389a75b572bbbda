"""The catalog: cards of the bundled models, read from a TOML file beside their weights."""

from __future__ import annotations

import dataclasses
import sys
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from napari_sr.errors import NapariSRError
from napari_sr.models._card import COLOURS, GROUPS, Checkpoint, ModelCard

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["WEIGHTS", "CatalogError", "list_models", "read_catalog"]

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
"""Folder of the bundled weights and of ``catalog.toml``."""

_T = TypeVar("_T", Checkpoint, ModelCard)


class CatalogError(NapariSRError, ValueError):
    """A catalog file is damaged; the message says where."""


def list_models() -> list[ModelCard]:
    """Cards of all models that `load_model` knows by id, the bundled ones first."""
    return list(_bundled())


@cache
def _bundled() -> tuple[ModelCard, ...]:
    return read_catalog(WEIGHTS / "catalog.toml")


def read_catalog(path: Path) -> tuple[ModelCard, ...]:
    """Read and check a catalog.

    Parameters
    ----------
    path : Path
        TOML with ``[[model]]`` tables and ``[[model.checkpoint]]`` tables in them, whose keys are the
        fields of `ModelCard` and `Checkpoint`.

    Raises
    ------
    CatalogError
        If it cannot be read, or a key is unknown, missing or of the wrong type.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"{path.name}: cannot be read ({error}); reinstall napari-sr") from error
    cards = tuple(_card(table, path.name) for table in tables.get("model", []))
    ids = [card.id for card in cards]
    twice = {each for each in ids if ids.count(each) > 1}
    if twice:
        raise CatalogError(f"{path.name}: {', '.join(sorted(twice))} stands there twice")
    return cards


def _card(table: dict[str, Any], file: str) -> ModelCard:
    where = f"{file}: model {table.get('id', '?')!r}"
    rows = sorted(table.pop("checkpoint", []), key=lambda row: str(row.get("scale")))
    table["checkpoints"] = tuple(_checkpoint(row, where) for row in rows)
    card = _fill(ModelCard, table, where)
    if card.colour not in COLOURS or card.group not in GROUPS or card.value_range not in (1, 255):
        raise CatalogError(
            f"{where}: colour must be one of {', '.join(COLOURS)}, "
            f"group one of {', '.join(GROUPS)}, value_range 1 or 255"
        )
    if not card.checkpoints or len(set(card.scales)) < len(card.checkpoints):
        raise CatalogError(f"{where}: needs one [[model.checkpoint]] for each scale")
    return card


def _checkpoint(row: dict[str, Any], where: str) -> Checkpoint:
    try:
        scores = {
            name: (float(psnr), float(ssim)) for name, (psnr, ssim) in row.pop("scores", {}).items()
        }
    except (TypeError, ValueError, AttributeError) as error:
        raise CatalogError(f"{where}: write scores as {{ Set5 = [PSNR, SSIM] }}") from error
    checkpoint = _fill(Checkpoint, {**row, "scores": scores}, where)
    if bool(checkpoint.file) != (len(checkpoint.sha256) == 64):
        raise CatalogError(f"{where}: x{checkpoint.scale} needs both file and sha256, or neither")
    return checkpoint


def _fill(kind: type[_T], values: dict[str, Any], where: str) -> _T:
    """Build a card or checkpoint from a table, saying what is wrong with it in one line."""
    fields = {each.name: each for each in dataclasses.fields(kind)}
    unknown = sorted(values.keys() - fields.keys())
    if unknown:
        raise CatalogError(
            f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(fields)}"
        )
    for name, value in values.items():
        expected = _TYPES.get(str(fields[name].type), (object,))
        if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
            raise CatalogError(f"{where}: {name} = {value!r} should be {fields[name].type}")
    try:
        return kind(**values)
    except TypeError as error:
        raise CatalogError(f"{where}: {str(error).partition(') ')[2]}") from error


_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "int | None": (int,),
    "float": (int, float),
    "str": (str,),
    "str | None": (str,),
    "bool": (bool,),
    "Colour": (str,),
    "Group": (str,),
}
