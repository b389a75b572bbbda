"""Downloading the weights of a model of the catalog."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_sr.errors import DownloadError, InputError
from napari_sr.models._catalog import card_of
from napari_sr.models._home import is_bundled, path_of
from napari_sr.models._transfer import fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from napari_sr.models._card import Checkpoint, ModelCard

__all__ = ["check_sha256", "download_model", "to_download"]


def to_download(card: ModelCard, scales: Collection[int] = ()) -> tuple[Checkpoint, ...]:
    """Checkpoints of a model that are not on this machine, or are damaged.

    Parameters
    ----------
    card : ModelCard
        Of the catalog.
    scales : collection of int
        Native scales that are wanted; all of them if empty.

    Raises
    ------
    InputError
        If the model has no such native scale.
    """
    wrong = sorted(set(scales) - set(card.scales))
    if wrong:
        native = ", ".join(f"x{scale}" for scale in card.scales)
        raise InputError(f"model {card.id} has no native x{wrong[0]}; it has {native}")
    wanted = [each for each in card.checkpoints if not scales or each.scale in scales]
    return tuple(each for each in wanted if each.file and not _is_right(card, each))


def download_model(
    model: str,
    scales: Collection[int] = (),
    progress: Callable[[int, int], object] | None = None,
) -> ModelCard:
    """Download the weights of a published model, or those of the user's own that came from an address.

    What is already here is not downloaded again; each file is whole and verified, or not there at all.

    Parameters
    ----------
    model : str
        Id in the catalog.
    scales : collection of int
        Native scales that are wanted; all of them if empty.
    progress : callable, optional
        Called with bytes done and bytes in all. What it raises stops the download.

    Returns
    -------
    ModelCard
        Of the model, which can now be loaded.

    Raises
    ------
    ModelNotFoundError
        If there is no such model.
    InputError
        If it has no such scale.
    DownloadError
        If a file has no address, or could not be downloaded; what stood there before is untouched.
    """
    card = card_of(model)
    missing = to_download(card, scales)
    _check_addresses(card, missing)
    total, before = sum(each.size or 0 for each in missing), 0
    for checkpoint in missing:
        fetch(
            checkpoint.url or "",
            path_of(card, checkpoint),
            checkpoint.sha256,
            checkpoint.size,
            _shifted(progress, before, total),
        )
        before += checkpoint.size or 0
    return card


def check_sha256(text: str) -> str:
    """Return a checksum in small letters.

    Raises
    ------
    InputError
        If it is none.
    """
    if not re.fullmatch("[0-9a-f]{64}", text.strip().lower()):
        raise InputError(f"a SHA-256 has 64 digits 0-9 and a-f; {text!r} has not")
    return text.strip().lower()


def _check_addresses(card: ModelCard, missing: tuple[Checkpoint, ...]) -> None:
    if missing and is_bundled(card):
        raise DownloadError(f"{card.id} ships with napari-sr and is damaged; reinstall napari-sr")
    if any(each.url is None for each in missing):
        raise DownloadError(
            f"it is not known where {card.id} can be downloaded; remove it and import its file again"
        )


def _shifted(
    progress: Callable[[int, int], object] | None, before: int, total: int
) -> Callable[[int, int], object] | None:
    """Progress of one file as progress of all."""
    if progress is None:
        return None
    return lambda done, size: progress(before + done, total or size)


def _is_right(card: ModelCard, checkpoint: Checkpoint) -> bool:
    import hashlib

    path = path_of(card, checkpoint)
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == checkpoint.sha256
