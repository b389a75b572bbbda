"""The user's own models: checkpoint files taken into a folder and a catalog of their own.

A file is opened and recognised before it is taken in, so that a wrong one is refused while its owner looks on.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from napari_sr.errors import FileWriteError, InputError
from napari_sr.models._catalog import card_of, list_models, own_models, user_catalog
from napari_sr.models._download import check_sha256
from napari_sr.models._home import is_bundled, models_folder, path_of
from napari_sr.models._toml import to_toml
from napari_sr.models._transfer import fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sr.models._card import Checkpoint, Color, ModelCard
    from napari_sr.models._model import Model

__all__ = ["add_model", "import_model", "remove_model"]

_ID = re.compile("[a-z0-9][a-z0-9._-]*")
_LOCK = threading.Lock()
"""Held while the user's catalog is read, changed and written."""


def import_model(
    file: str | Path,
    id: str | None = None,
    *,
    title: str | None = None,
    license: str | None = None,
    value_range: float | None = None,
    color: Color | None = None,
    url: str | None = None,
    trust_program: bool = False,
) -> ModelCard:
    """Take a checkpoint file into the catalog; the file itself stays where it is and is copied.

    A file that is a published checkpoint is recognised by its SHA-256 and becomes that model, as if it had been
    downloaded. Files of several scales become one model if they are imported under one id.

    Parameters
    ----------
    file : str or Path
        Anything that `load_model` reads.
    id : str, optional
        Small letters, digits, ``.``, ``_`` and ``-``. Left out: made from the file's name.
    title, license : str, optional
        For the card. Left out: the id, and what the file says of itself.
    value_range, color : optional
        As in `load_model`, for a file of which they cannot be found out.
    url : str, optional
        Where the file can be downloaded.
    trust_program : bool, optional
        As in `load_model`. The catalog remembers the agreement, for a file with this SHA-256 only.

    Returns
    -------
    ModelCard
        As it stands in the catalog now.

    Raises
    ------
    ModelNotFoundError, ModelLoadError, ModelRangeError
        If there is no such file, or it is not a network that can be run.
    InputError
        If the id cannot be used, or the catalog has that file already.
    FileWriteError
        If it cannot be copied; the catalog is as it was.
    """
    from napari_sr.models._load import load_model

    path = Path(file).expanduser()
    loaded = load_model(path, value_range=value_range, color=color, trust_program=trust_program)
    found, whole = loaded.card, _whole_file(loaded)
    (checkpoint,) = found.checkpoints
    if whole:
        digest = hashlib.sha256(whole).hexdigest()
        checkpoint = replace(checkpoint, sha256=digest, size=len(whole))
    known = _known(checkpoint)
    if known is not None and id in (None, known.id):
        return _put_back(known, path, checkpoint, whole)
    name = _checked(id) if id else _slug(path.stem)
    with _LOCK:
        card = _joined(
            replace(
                found,
                id=name,
                title=title or id or found.title,
                group="Mine",
                license=license or found.license,
                source=url or found.source,
                checkpoints=(
                    replace(checkpoint, file=_file_name(name, checkpoint, path), url=url),
                ),
            )
        )
        target = path_of(card, card.checkpoint(checkpoint.scale))
        _copy(path, target, whole)
        try:
            _write_own([*(each for each in own_models() if each.id != name), card])
        except BaseException:
            with suppress(OSError):
                target.unlink()
            raise
    return card


def add_model(
    url: str,
    sha256: str,
    id: str | None = None,
    *,
    title: str | None = None,
    license: str | None = None,
    value_range: float | None = None,
    color: Color | None = None,
    trust_program: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> ModelCard:
    """Download a checkpoint file from an address and take it into the catalog.

    Parameters
    ----------
    url : str
        Its path ends in a suffix that `load_model` reads, such as ``.pth``.
    sha256 : str
        What the file must be, hexadecimal.
    id, title, license, value_range, color, trust_program : optional
        As in `import_model`.
    progress : callable, optional
        Called with bytes done and bytes in all (0: unknown). What it raises stops the download.

    Returns
    -------
    ModelCard
        As it stands in the catalog now.

    Raises
    ------
    DownloadError
        If the file cannot be downloaded or is another one.
    InputError, ModelLoadError, ModelRangeError, FileWriteError
        As `import_model`; the file is not kept then.
    """
    from napari_sr.models._files import SUFFIXES

    name = Path(unquote(urlsplit(url).path)).name
    if Path(name).suffix.lower() not in SUFFIXES:
        raise InputError(f"{url}: should end in the name of a checkpoint ({', '.join(SUFFIXES)})")
    if id is not None:
        _checked(id)
    folder = models_folder() / f".adding-{secrets.token_hex(4)}"
    try:
        fetch(url, folder / name, check_sha256(sha256), progress=progress)
        return import_model(
            folder / name,
            id,
            title=title,
            license=license,
            value_range=value_range,
            color=color,
            url=url,
            trust_program=trust_program,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_model(model: str) -> ModelCard:
    """Take a model of the user's own out of the catalog, or delete the downloaded files of a published one.

    Returns
    -------
    ModelCard
        Of the model as it was.

    Raises
    ------
    ModelNotFoundError
        If there is no such model.
    InputError
        If it ships with napari-sr.
    FileWriteError
        If the catalog cannot be written; then nothing was removed.
    """
    card = card_of(model)
    if is_bundled(card):
        raise InputError(f"{card.id} ships with napari-sr and cannot be removed")
    if card.group == "Mine":
        with _LOCK:
            _write_own([each for each in own_models() if each.id != card.id])
    for checkpoint in card.checkpoints:
        path = path_of(card, checkpoint)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise FileWriteError(f"{path}: cannot be removed ({error.strerror})") from error
    return card


def check_new_id(id: str, scale: int) -> str:
    """The id, if a model of that scale can be taken in under it: to be asked before long work.

    Raises
    ------
    InputError
        If it is none, or the catalog has that already.
    """
    taken = next((card for card in list_models() if card.id == _checked(id)), None)
    if taken is not None and (taken.group != "Mine" or scale in taken.scales):
        raise InputError(_taken(id))
    return id


def _taken(id: str) -> str:
    return (
        f"the catalog has a model {id} already; choose another id, or first run: "
        f"napari-sr models remove {id}"
    )


def _known(checkpoint: Checkpoint) -> ModelCard | None:
    """Card of the catalog with that very file."""
    for card in list_models():
        if any(each.sha256 == checkpoint.sha256 for each in card.checkpoints):
            return card
    return None


def _put_back(card: ModelCard, path: Path, checkpoint: Checkpoint, whole: bytes) -> ModelCard:
    """Copy a file to where the catalog has it already, and remember the agreement to run it, if that is new."""
    if is_bundled(card):
        raise InputError(f"{path.name} ships with napari-sr already: it is {card.id}")
    before = card.checkpoint(checkpoint.scale)
    if checkpoint.trusted_program and not before.trusted_program:
        if not card.is_program:
            raise InputError(
                f"the catalog has this file already as {card.id}, without its program; "
                f"first run: napari-sr models remove {card.id}"
            )
        agreed = replace(before, trusted_program=True)
        checkpoints = tuple(agreed if each is before else each for each in card.checkpoints)
        card = replace(card, checkpoints=checkpoints)
        with _LOCK:
            _write_own([card if each.id == card.id else each for each in own_models()])
    _copy(path, path_of(card, before), whole)
    return card


def _joined(card: ModelCard) -> ModelCard:
    """A card together with what the catalog has under its id: other scales of the same model."""
    before = next((each for each in list_models() if each.id == card.id), None)
    if before is None:
        return card
    (new,) = card.checkpoints
    alike = all(
        getattr(before, name) == getattr(card, name)
        for name in ("group", "architecture", "color", "value_range")
    )
    if not alike or new.scale in before.scales:
        raise InputError(_taken(card.id))
    checkpoints = sorted((*before.checkpoints, new), key=lambda each: each.scale)
    return replace(before, checkpoints=tuple(checkpoints))


def _file_name(name: str, checkpoint: Checkpoint, path: Path) -> str:
    return f"{name}-x{checkpoint.scale}{path.suffix.lower()}"


def _checked(id: str) -> str:
    if not _ID.fullmatch(id):
        raise InputError(
            f"an id has small letters, digits and . _ - only, and begins with one of the first two; not {id!r}"
        )
    return id


def _slug(stem: str) -> str:
    """Id made from a file's name."""
    return re.sub("[^a-z0-9._-]+", "-", stem.lower()).strip("._-") or "model"


def _whole_file(model: Model) -> bytes:
    """Contents of a model's file with its weights inside, if they lay in another file beside it; else empty."""
    (scale,) = model.scales
    return bytes(getattr(getattr(model.network(scale), "program", None), "embedded", b""))


def _copy(source: Path, target: Path, whole: bytes) -> None:
    """Copy a file, or write `whole` in its place."""
    if whole:
        _place(target, lambda beside: beside.write_bytes(whole))
    else:
        _place(target, lambda beside: shutil.copyfile(source, beside))


def _write_own(cards: list[ModelCard]) -> None:
    _place(user_catalog(), lambda beside: beside.write_text(to_toml(cards), encoding="utf-8"))


def _place(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and rename it, so that there is the old or the new one."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(beside)
        os.replace(beside, path)
    except OSError as error:
        raise FileWriteError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
