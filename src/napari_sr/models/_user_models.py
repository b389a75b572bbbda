"""The user's models: checkpoint files that are copied into the user's folder and listed in a catalog there.

A file is loaded before it is added, so that a file that cannot be run is refused at once and not when it is first used.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from napari_sr._files import atomic_path, write_text
from napari_sr.errors import FileWriteError, InputError
from napari_sr.models._card import accept_british_spelling
from napari_sr.models._catalog import (
    find_by_sha256,
    find_card,
    is_bundled,
    list_models,
    models_folder,
    path_of,
    to_toml,
    user_catalog,
    user_models,
)
from napari_sr.models._download import check_sha256, fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sr.models._card import Checkpoint, Color, ModelCard
    from napari_sr.models._model import Model

__all__ = ["add_model", "check_new_id", "import_model", "remove_model"]

_ID = re.compile("[a-z0-9][a-z0-9._-]*")
"""What an id may be: safe as the beginning of a file name on every system."""
_LOCK = threading.Lock()
"""Held while the user's catalog is read, changed and written."""


@accept_british_spelling
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
    """Add a copy of a checkpoint file to the catalog.

    A published checkpoint is recognized by its SHA-256 and becomes that model, as if it had been downloaded. Files of
    several scales become one model if they are imported under one id.

    Parameters
    ----------
    file : str or Path
        Anything that `load_model` reads.
    id : str, optional
        Lower-case letters, digits, ``.``, ``_`` and ``-``. Default: derived from the name of the file.
    title, license : str, optional
        For the card. Default: the id, and the license in the metadata of the file.
    value_range, color : optional
        As in `load_model`, for a file for which they cannot be determined.
    url : str, optional
        Where the file can be downloaded.
    trust_program : bool, optional
        As in `load_model`. The catalog remembers the agreement, for a file with this SHA-256 only.

    Returns
    -------
    ModelCard
        As it is in the catalog now.

    Raises
    ------
    ModelNotFoundError, ModelLoadError, ModelRangeError
        If there is no such file, or it is not a network that can be run.
    InputError
        If the id is not valid or taken, or the file is bundled.
    FileWriteError
        If it cannot be copied; the catalog is not changed.
    """
    from napari_sr.models._load import load_model

    path = Path(file).expanduser()
    loaded = load_model(path, value_range=value_range, color=color, trust_program=trust_program)
    found, whole = loaded.card, _whole_file(loaded)
    (checkpoint,) = found.checkpoints
    if whole:
        digest = hashlib.sha256(whole).hexdigest()
        checkpoint = replace(checkpoint, sha256=digest, size=len(whole))
    known = find_by_sha256(checkpoint.sha256)
    if known is not None and id in (None, known.id):
        return _restore_known(known, path, checkpoint, whole)
    name = _valid_id(id) if id else _slug(path.stem)
    with _LOCK:
        card = _merge_cards(
            replace(
                found,
                id=name,
                title=title or id or found.title,
                group="Mine",
                license=license or found.license,
                source=url or found.source,
                checkpoints=(
                    replace(
                        checkpoint,
                        file=f"{name}-x{checkpoint.scale}{path.suffix.lower()}",
                        url=url,
                    ),
                ),
            )
        )
        target = path_of(card, card.checkpoint(checkpoint.scale))
        _copy(path, target, whole)
        try:
            _write_user_models([*(each for each in user_models() if each.id != name), card])
        except BaseException:
            with suppress(OSError):
                target.unlink()
            raise
    return card


@accept_british_spelling
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
    """Download a checkpoint file from an address and add it to the catalog.

    Parameters
    ----------
    url : str
        Its path ends in a suffix of a checkpoint file, such as ``.pth``.
    sha256 : str
        Of the file, hexadecimal.
    id, title, license, value_range, color, trust_program : optional
        As in `import_model`.
    progress : callable, optional
        Called with the bytes received and the total (0: unknown). An exception that it raises stops the download.

    Returns
    -------
    ModelCard
        As it is in the catalog now.

    Raises
    ------
    DownloadError
        If the file cannot be downloaded, or has a different SHA-256.
    InputError, ModelLoadError, ModelRangeError, FileWriteError
        As `import_model`; then the file is not kept.
    """
    from napari_sr.models._files import SUFFIXES

    name = Path(unquote(urlsplit(url).path)).name
    if Path(name).suffix.lower() not in SUFFIXES:
        raise InputError(f"{url}: should end in the name of a checkpoint ({', '.join(SUFFIXES)})")
    if id is not None:
        _valid_id(id)
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
    """Remove a model of the user, or delete the downloaded files of a published one.

    Parameters
    ----------
    model : str
        Id in the catalog.

    Returns
    -------
    ModelCard
        Of the removed model.

    Raises
    ------
    ModelNotFoundError
        If there is no such model.
    InputError
        If it is bundled with napari-sr.
    FileWriteError
        If the catalog cannot be written; then nothing was removed.
    """
    card = find_card(model)
    if is_bundled(card):
        raise InputError(f"{card.id} ships with napari-sr and cannot be removed")
    if card.group == "Mine":
        with _LOCK:
            _write_user_models([each for each in user_models() if each.id != card.id])
    for checkpoint in card.checkpoints:
        path = path_of(card, checkpoint)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise FileWriteError(f"{path}: cannot be removed ({error.strerror})") from error
    return card


def check_new_id(id: str, scale: int) -> str:
    """Check that a model can be added under an id; training does so before it begins.

    Parameters
    ----------
    id : str
        Of the new model.
    scale : int
        Its native scale.

    Returns
    -------
    str
        The id.

    Raises
    ------
    InputError
        If it is no valid id, or the catalog has that model already.
    """
    taken = next((card for card in list_models() if card.id == _valid_id(id)), None)
    if taken is not None and (taken.group != "Mine" or scale in taken.scales):
        raise InputError(_taken(id))
    return id


def _taken(id: str) -> str:
    return (
        f"the catalog has a model {id} already; choose another id, or first run: "
        f"napari-sr models remove {id}"
    )


def _restore_known(card: ModelCard, path: Path, checkpoint: Checkpoint, whole: bytes) -> ModelCard:
    """Copy a file to the path that it has in the catalog, and record the agreement to run it, if that is new."""
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
            _write_user_models([card if each.id == card.id else each for each in user_models()])
    _copy(path, path_of(card, before), whole)
    return card


def _merge_cards(card: ModelCard) -> ModelCard:
    """Add a card to the one that the catalog has under the same id: other scales of the same model."""
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


def _valid_id(id: str) -> str:
    if not _ID.fullmatch(id):
        raise InputError(
            f"an id consists of lower-case letters, digits and . _ - and begins with a letter or digit; not {id!r}"
        )
    return id


def _slug(stem: str) -> str:
    """Id derived from a file name without its suffix."""
    return re.sub("[^a-z0-9._-]+", "-", stem.lower()).strip("._-") or "model"


def _whole_file(model: Model) -> bytes:
    """Contents of a model's file with its weights inside, if they were in another file beside it; else empty."""
    (scale,) = model.scales
    return bytes(getattr(getattr(model.network(scale), "program", None), "embedded", b""))


def _copy(source: Path, target: Path, whole: bytes) -> None:
    """Copy a file, or write `whole` in its place."""
    with atomic_path(target, make_folder=True) as beside:
        if whole:
            beside.write_bytes(whole)
        else:
            shutil.copyfile(source, beside)


def _write_user_models(cards: list[ModelCard]) -> None:
    write_text(user_catalog(), to_toml(cards), make_folder=True)
