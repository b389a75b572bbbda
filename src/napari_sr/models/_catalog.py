"""The catalog: cards of the models that ship, of published ones to download, and of the user's own, read from TOML."""

from __future__ import annotations

import dataclasses
import difflib
import logging
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from napari_sr.errors import ModelNotFoundError, NapariSRError
from napari_sr.models._card import COLORS, GROUPS, Checkpoint, ModelCard, american
from napari_sr.models._home import WEIGHTS, models_folder

__all__ = [
    "WEIGHTS",
    "CatalogError",
    "card_of",
    "list_models",
    "own_models",
    "read_catalog",
    "user_catalog",
]

_REINSTALL = "reinstall napari-sr"
_LOG = logging.getLogger(__name__)

_T = TypeVar("_T", Checkpoint, ModelCard)


class CatalogError(NapariSRError, ValueError):
    """A catalog file is damaged; the message says where."""


def list_models() -> list[ModelCard]:
    """Cards of all models that `load_model` knows by id: bundled, published, and the user's own.

    Weights of published models must be downloaded first; `napari_sr.models.is_local` tells whether they are.
    """
    own = _readable_own()
    taken = {card.id for card in own}
    # where a later release brings a model of the same name, the user's goes on to mean what it meant
    return [card for card in _shipped() if card.id not in taken] + list(own)


@cache
def _shipped() -> tuple[ModelCard, ...]:
    official = Path(__file__).with_name("official.toml")
    return read_catalog(WEIGHTS / "catalog.toml") + read_catalog(official)


def card_of(model: str) -> ModelCard:
    """Card of a model by its id.

    Raises
    ------
    ModelNotFoundError
        If the catalog has none of that id; near ones are named.
    """
    cards = {card.id: card for card in list_models()}
    if model not in cards:
        near = difflib.get_close_matches(model, cards, n=3, cutoff=0.4) or list(cards)[:3]
        raise ModelNotFoundError(f"no model is called {model!r}; did you mean {', '.join(near)}?")
    return cards[model]


def user_catalog() -> Path:
    """File with the cards of the user's own models; it need not exist."""
    return models_folder() / "catalog.toml"


def own_models() -> tuple[ModelCard, ...]:
    """Cards of the models that the user imported, added or trained.

    Raises
    ------
    CatalogError
        If their catalog is damaged.
    """
    path = user_catalog()
    if not path.is_file():
        return ()
    cards = read_catalog(path, f"mend {path}, or move it away and import your models again")
    return tuple(dataclasses.replace(card, group="Mine") for card in cards)


_WARNED: set[str] = set()


def _readable_own() -> tuple[ModelCard, ...]:
    """Own models; a damaged catalog must not take the others away, and is told of once."""
    try:
        return own_models()
    except CatalogError as error:
        if str(error) not in _WARNED:
            _WARNED.add(str(error))
            _LOG.warning("your own models are left out: %s", error)
        return ()


def read_catalog(path: Path, advice: str = _REINSTALL) -> tuple[ModelCard, ...]:
    """Read and check a catalog.

    Parameters
    ----------
    path : Path
        TOML with ``[[model]]`` tables and ``[[model.checkpoint]]`` tables in them, whose keys are the
        fields of `ModelCard` and `Checkpoint`.
    advice : str
        What to do about a file that cannot be read.

    Raises
    ------
    CatalogError
        If it cannot be read, or a key is unknown, missing or of the wrong type.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"{path.name}: cannot be read ({error}); {advice}") from error
    models = tables.get("model", [])
    if not isinstance(models, list) or not all(isinstance(each, dict) for each in models):
        raise CatalogError(f"{path.name}: write each model as a [[model]] table; {advice}")
    cards = tuple(_card(table, path.name) for table in models)
    ids = [card.id for card in cards]
    twice = {each for each in ids if ids.count(each) > 1}
    if twice:
        raise CatalogError(f"{path.name}: {', '.join(sorted(twice))} stands there twice")
    return cards


def _card(table: dict[str, Any], file: str) -> ModelCard:
    where = f"{file}: model {table.get('id', '?')!r}"
    rows = sorted(table.pop("checkpoint", []), key=lambda row: str(row.get("scale")))
    table["checkpoints"] = tuple(_checkpoint(row, where) for row in rows)
    card = _fill(ModelCard, american(table), where)
    if card.color not in COLORS or card.group not in GROUPS or card.value_range not in (1, 255):
        raise CatalogError(
            f"{where}: color must be one of {', '.join(COLORS)}, "
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
    "Color": (str,),
    "Group": (str,),
}
