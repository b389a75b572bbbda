"""The catalog: cards of bundled models, of published models to download, and of the user's models, and their files.

Catalogs are TOML. Bundled weights and their catalog are in the package, all others in the user's data folder.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import logging
import os
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sr._text import error_line, one_line
from napari_sr.errors import ModelNotFoundError, NapariSRError
from napari_sr.models._card import Checkpoint, ModelCard, american

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

__all__ = [
    "HOME",
    "OFFICIAL_CATALOG",
    "WEIGHTS",
    "CatalogError",
    "find_by_sha256",
    "find_card",
    "is_bundled",
    "is_local",
    "list_models",
    "local_scales",
    "models_folder",
    "path_of",
    "read_catalog",
    "to_toml",
    "user_catalog",
    "user_models",
]

HOME = "NAPARI_SR_HOME"
"""Environment variable with another folder for the user's models."""

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
"""Folder of the bundled weights and of their catalog, ``catalog.toml``."""

OFFICIAL_CATALOG = Path(__file__).with_name("official.toml")
"""Catalog of the checkpoints that authors published, which users download."""


def models_folder() -> Path:
    """Folder of downloaded and imported models, ``$NAPARI_SR_HOME/models`` or the system's; it need not exist."""
    if home := os.environ.get(HOME):
        return Path(home).expanduser() / "models"
    import platformdirs

    return platformdirs.user_data_path("napari-sr", appauthor=False) / "models"


def user_catalog() -> Path:
    """File with the cards of the user's models; it need not exist."""
    return models_folder() / "catalog.toml"


def is_bundled(card: ModelCard) -> bool:
    """Whether a model of the catalog is part of napari-sr."""
    return card.group not in ("Published", "Mine")


def path_of(card: ModelCard, checkpoint: Checkpoint) -> Path:
    """Path of a file of a model of the catalog, whether or not it exists."""
    return (WEIGHTS if is_bundled(card) else models_folder()) / checkpoint.file


def local_scales(card: ModelCard) -> tuple[int, ...]:
    """Native scales of a model of the catalog that can be run without a download, ascending."""
    return tuple(sorted(each.scale for each in card.checkpoints if _exists(card, each)))


def is_local(card: ModelCard) -> bool:
    """Whether all files of a model of the catalog exist on this machine."""
    return local_scales(card) == card.scales


def _exists(card: ModelCard, checkpoint: Checkpoint) -> bool:
    # by its size: a list of models asks this of every card, and the checksum is verified when a model is loaded
    if not checkpoint.file:
        return True
    try:
        size = path_of(card, checkpoint).stat().st_size
    except OSError:
        return False
    return checkpoint.size in (None, size)


LARGEST_SCALE = 16
"""Native scale above which a card is wrong: published networks go to 8."""

_REINSTALL = "reinstall napari-sr"
"""Advice about a damaged catalog that is part of the package."""
_SIMILAR = 0.6
"""Similarity from 0 to 1 of two ids of which one may be a misspelling of the other; difflib's own default."""
_UNKNOWN_KEY = "unexpected_keyword_argument"
"""Type of pydantic's error for a key that is no field."""
_LOG = logging.getLogger(__name__)


class CatalogError(NapariSRError, ValueError):
    """A catalog is damaged; the message says where."""


def list_models() -> list[ModelCard]:
    """List the models that `load_model` finds by id: bundled, published, and the user's.

    Returns
    -------
    list of ModelCard
        Published models must be downloaded before they are run; see `napari_sr.models.is_local`.
    """
    own = _readable_user_models()
    taken = {card.id for card in own}
    # if a later release adds a model of the same id, the id still means the user's model
    return [card for card in _shipped() if card.id not in taken] + own


@cache
def _shipped() -> tuple[ModelCard, ...]:
    return read_catalog(WEIGHTS / "catalog.toml") + read_catalog(OFFICIAL_CATALOG)


def find_card(model: str) -> ModelCard:
    """Find a model by its id.

    Parameters
    ----------
    model : str
        Id, in upper or lower case.

    Returns
    -------
    ModelCard
        Its card.

    Raises
    ------
    ModelNotFoundError
        If the catalog has no such id. The message suggests similar ids.
    """
    cards = {card.id.casefold(): card for card in list_models()}
    wanted = model.casefold()
    if wanted in cards:
        return cards[wanted]
    similar = difflib.get_close_matches(wanted, cards, n=3, cutoff=_SIMILAR)
    advice = (
        f"did you mean {', '.join(cards[each].id for each in similar)}?"
        if similar
        else "run: napari-sr models list"
    )
    raise ModelNotFoundError(f"no model is called {one_line(model, 80)!r}; {advice}")


def find_by_sha256(sha256: str) -> ModelCard | None:
    """Find the model to which a checkpoint file belongs.

    Parameters
    ----------
    sha256 : str
        Of the file, hexadecimal.

    Returns
    -------
    ModelCard or None
        None if no model of the catalog has that file.
    """
    for card in list_models():
        if any(checkpoint.sha256 == sha256 for checkpoint in card.checkpoints):
            return card
    return None


def user_models() -> tuple[ModelCard, ...]:
    """Cards of all models that the user imported, added or trained.

    Raises
    ------
    CatalogError
        If any part of their catalog is damaged.
    """
    path = user_catalog()
    cards = read_catalog(path, _mend(path)) if path.is_file() else ()
    return tuple(dataclasses.replace(card, group="Mine") for card in cards)


def _mend(path: Path) -> str:
    return f"mend {path}, or move it away and import your models again"


_WARNED: set[str] = set()
"""Messages that were logged: a damaged catalog is read again and again."""


def _readable_user_models() -> list[ModelCard]:
    """User's models without those whose cards are damaged, about which a warning is logged once."""
    path = user_catalog()
    cards: dict[str, ModelCard] = {}
    try:
        tables = _read_tables(path, _mend(path)) if path.is_file() else []
    except CatalogError as error:
        _warn_once(f"your own models are left out: {error}")
        return []
    for table in tables:
        try:
            card = _card(table, path.name)
        except CatalogError as error:
            _warn_once(f"a model of yours is left out: {error}; {_mend(path)}")
        else:
            cards.setdefault(card.id, dataclasses.replace(card, group="Mine"))
    return list(cards.values())


def _warn_once(message: str) -> None:
    if message not in _WARNED:
        _WARNED.add(message)
        _LOG.warning("%s", message)


def read_catalog(path: Path, advice: str = _REINSTALL) -> tuple[ModelCard, ...]:
    """Read and check a catalog.

    Parameters
    ----------
    path : Path
        TOML with ``[[model]]`` tables and ``[[model.checkpoint]]`` tables in them, whose keys are the
        fields of `ModelCard` and `Checkpoint`.
    advice : str
        What the user can do about a file that cannot be read.

    Returns
    -------
    tuple of ModelCard
        In the order of the file.

    Raises
    ------
    CatalogError
        If the file cannot be read, or a key is unknown, missing or has a value of the wrong type.
    """
    cards = tuple(_card(table, path.name) for table in _read_tables(path, advice))
    ids = [card.id for card in cards]
    twice = {each for each in ids if ids.count(each) > 1}
    if twice:
        raise CatalogError(f"{path.name}: two models are called {', '.join(sorted(twice))}")
    return cards


def _read_tables(path: Path, advice: str) -> list[dict[str, Any]]:
    try:
        contents = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CatalogError(
            f"{path.name}: cannot be read ({error_line(error)}); {advice}"
        ) from error
    tables = contents.get("model", [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise CatalogError(f"{path.name}: write each model as a [[model]] table; {advice}")
    return tables


@cache
def _checker() -> TypeAdapter[ModelCard]:
    from pydantic import TypeAdapter

    return TypeAdapter(ModelCard)


def _card(table: dict[str, Any], file: str) -> ModelCard:
    """Check a table of a catalog; CatalogError with one line if it is no card."""
    from pydantic import ValidationError

    where = f"{file}: model {one_line(str(table.get('id', '?')), 80)!r}"
    fields = american(table)
    fields["checkpoints"] = fields.pop("checkpoint", [])
    try:
        # strict validation builds tuples and dataclasses from JSON, but not from Python's lists and dictionaries
        card = _checker().validate_json(json.dumps(fields, default=str))
    except ValidationError as error:
        # an unknown key first: where it is a misspelled one, another key is missing
        problems = sorted(error.errors(), key=lambda each: each["type"] != _UNKNOWN_KEY)
        raise CatalogError(f"{where}: {_in_words(problems[0])}") from error
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"{where}: {error_line(error)}") from error
    if card.value_range not in (1, 255):
        raise CatalogError(f"{where}: value_range must be 1 or 255, not {card.value_range:g}")
    if not card.checkpoints or len(set(card.scales)) < len(card.checkpoints):
        raise CatalogError(f"{where}: needs one [[model.checkpoint]] for each scale")
    if not card.id.isprintable() or card.id != card.id.strip() or not card.id:
        raise CatalogError(f"{where}: id must be a name of printable characters")
    for each in card.checkpoints:
        if each.file and not _is_plain_name(each.file):
            raise CatalogError(f"{where}: file must be a file name without a folder")
        if not 1 <= each.scale <= LARGEST_SCALE:
            raise CatalogError(f"{where}: scale must be 1 to {LARGEST_SCALE}, not {each.scale}")
        if bool(each.file) != (len(each.sha256) == 64):
            raise CatalogError(f"{where}: x{each.scale} needs both file and sha256, or neither")
    ascending = sorted(card.checkpoints, key=lambda each: each.scale)
    return dataclasses.replace(card, checkpoints=tuple(ascending))


def _is_plain_name(file: str) -> bool:
    """Whether a file name stays in the folder of weights on every system."""
    return file.isprintable() and not set(file) & set("/\\:") and file not in (".", "..")


def _in_words(error: ErrorDetails) -> str:
    """One line about a value that is not allowed."""
    location = error["loc"]
    key = one_line(str(location[-1] if location else ""), 80)
    if "scores" in location:
        return "write scores as { Set5 = [PSNR, SSIM] }"
    if error["type"] == _UNKNOWN_KEY:
        kind = Checkpoint if "checkpoints" in location else ModelCard
        known = ", ".join(each.name for each in dataclasses.fields(kind))
        return f"unknown key {key}; known are {known}"
    if error["type"] == "missing":
        return f"missing key {key!r}"
    value = one_line(repr(error["input"]), 80)
    if error["type"] == "literal_error":
        return f"{key} must be {error['ctx']['expected']}, not {value}"
    return f"{key} = {value} {error['msg'].removeprefix('Input ')}"


def to_toml(cards: Iterable[ModelCard]) -> str:
    """Write cards as the text of a catalog.

    Parameters
    ----------
    cards : iterable of ModelCard
        In the order in which they are to be listed.

    Returns
    -------
    str
        `read_catalog` reads equal cards from it.
    """
    import tomli_w

    return tomli_w.dumps({"model": [_table(card) for card in cards]})


def _table(card: ModelCard) -> dict[str, Any]:
    table = dataclasses.asdict(card)
    table["checkpoint"] = [
        {key: value for key, value in row.items() if value is not None}
        for row in table.pop("checkpoints")
    ]
    return table
