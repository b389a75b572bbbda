"""Download of weights: a file arrives complete and with the right checksum, or not at all."""

from __future__ import annotations

import errno
import logging
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from napari_sr._files import atomic_path, sha256
from napari_sr._text import error_line, one_line
from napari_sr.errors import DownloadError, FileWriteError, InputError
from napari_sr.models._catalog import find_card, is_bundled, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from napari_sr.models._card import Checkpoint, ModelCard

__all__ = ["LARGEST", "check_sha256", "download_model", "fetch", "missing_checkpoints"]

LARGEST = 4 * 2**30
"""Bytes after which the download of a file of unknown size is stopped; the largest networks have a tenth of that."""

_CHUNK = 8192
"""Bytes between two calls of `progress`, which may cancel: a slow connection takes a fraction of a second for them."""

_TIMEOUT = 20.0
"""Seconds without a byte from the server after which a download is stopped: more than a busy server takes."""


def missing_checkpoints(card: ModelCard, scales: Collection[int] = ()) -> tuple[Checkpoint, ...]:
    """Find the checkpoints of a model that are not on this machine, or are damaged.

    Parameters
    ----------
    card : ModelCard
        Of the catalog.
    scales : collection of int
        Native scales that are wanted; all of them if empty.

    Returns
    -------
    tuple of Checkpoint
        Those to be downloaded.

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
    return tuple(each for each in wanted if each.file and not _is_intact(card, each))


def download_model(
    model: str,
    scales: Collection[int] = (),
    progress: Callable[[int, int], object] | None = None,
) -> ModelCard:
    """Download the weights of a published model, or of a model that the user added from an address.

    Files that are already on this machine are not downloaded again. Each new file is verified before it is stored.

    Parameters
    ----------
    model : str
        Id in the catalog.
    scales : collection of int
        Native scales that are wanted; all of them if empty.
    progress : callable, optional
        Called with the bytes received and the total. An exception that it raises stops the download.

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
        If a file has no address, or cannot be downloaded; an existing file is not changed.
    """
    card = find_card(model)
    missing = missing_checkpoints(card, scales)
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
    """Check a SHA-256 that a user wrote.

    Parameters
    ----------
    text : str
        Hexadecimal.

    Returns
    -------
    str
        In lower case.

    Raises
    ------
    InputError
        If it is not a SHA-256.
    """
    if not re.fullmatch("[0-9a-f]{64}", text.strip().lower()):
        raise InputError(
            f"a SHA-256 consists of 64 hexadecimal digits, unlike {one_line(text, 80)!r}"
        )
    return text.strip().lower()


def _check_addresses(card: ModelCard, missing: tuple[Checkpoint, ...]) -> None:
    if missing and is_bundled(card):
        raise DownloadError(f"{card.id} is part of napari-sr and damaged; reinstall napari-sr")
    if any(each.url is None for each in missing):
        raise DownloadError(
            f"{card.id} has no address for downloads; remove it and import its file again"
        )


def _shifted(
    progress: Callable[[int, int], object] | None, before: int, total: int
) -> Callable[[int, int], object] | None:
    """Turn the progress of one file into that of all files."""
    if progress is None:
        return None
    return lambda done, size: progress(before + done, total or size)


def _is_intact(card: ModelCard, checkpoint: Checkpoint) -> bool:
    path = path_of(card, checkpoint)
    return path.is_file() and sha256(path) == checkpoint.sha256


def fetch(
    url: str,
    path: Path,
    digest: str,
    size: int | None = None,
    progress: Callable[[int, int], object] | None = None,
    timeout: float = _TIMEOUT,
) -> None:
    """Download a file; an existing one is replaced only after the new one was verified.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``.
    path : Path
        Where it is stored. The folder is created.
    digest : str
        SHA-256 of the file, hexadecimal.
    size : int, optional
        Bytes of the file, if known; the download stops if the server sends more.
    progress : callable, optional
        Called with the bytes received and the total (0: unknown). An exception that it raises stops the download.
    timeout : float
        Seconds without a byte from the server after which the download is stopped.

    Raises
    ------
    DownloadError
        If there is no network, the server refuses, breaks off or sends another file, or the disk is full.
        No partial file is left behind.
    """
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise DownloadError(f"{url}: the address must begin with https://")
    meter = _Meter(url, size or 0, progress)
    try:
        with atomic_path(path, make_folder=True) as beside, _worded_errors(url, path, meter):
            _retrieve(url, beside, digest, meter, timeout)
    except FileWriteError as error:
        raise DownloadError(f"{error}; nothing was kept") from error


def _retrieve(url: str, path: Path, digest: str, meter: _Meter, timeout: float) -> None:
    """Let pooch verify the file; its own downloader counts whole chunks, too coarsely for a limit of bytes."""
    import pooch

    def transfer(url: str, file: str, _pooch: object) -> None:
        _stream(url, file, meter, timeout)

    with _quiet(pooch.get_logger()):
        pooch.retrieve(
            url, f"sha256:{digest}", fname=path.name, path=path.parent, downloader=transfer
        )


def _stream(url: str, file: str, meter: _Meter, timeout: float) -> None:
    import requests

    with requests.get(url, stream=True, timeout=timeout) as answer, open(file, "wb") as output:
        answer.raise_for_status()
        meter.announced = int(answer.headers.get("Content-Length", 0))
        for chunk in answer.iter_content(_CHUNK):
            output.write(chunk)
            meter.count(len(chunk))


@dataclass(slots=True)
class _Meter:
    """Counts and reports bytes, and stops a server that sends too many."""

    url: str
    size: int
    """Bytes of the file; 0 if unknown."""
    progress: Callable[[int, int], object] | None
    announced: int = 0
    """Bytes that the server announced; 0 if it did not."""
    done: int = 0
    """Bytes received."""

    @property
    def total(self) -> int:
        """Bytes of the whole file; 0 if unknown."""
        return self.size or self.announced

    def count(self, arrived: int) -> None:
        """Count received bytes, and report them."""
        self.done += arrived
        most = self.size or LARGEST
        if self.done > most:
            raise DownloadError(
                f"{self.url}: the server sends more than the {most:,} bytes expected; not kept"
            )
        if self.progress is not None:
            self.progress(self.done, self.total)


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch from logging the errors that are raised here."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _worded_errors(url: str, path: Path, meter: _Meter) -> Iterator[None]:
    """Turn exceptions of requests, pooch and the system into one line that says what to do."""
    from requests.exceptions import RequestException

    try:
        yield
    except RequestException as error:
        raise DownloadError(f"{url}: {_network(error, meter)}") from error
    except OSError as error:
        raise DownloadError(f"{path}: {_disk(error)}") from error
    except ValueError as error:  # of pooch, for a wrong checksum
        raise DownloadError(
            f"{url}: the server sent data that is not the expected file (wrong SHA-256); nothing was kept. "
            "Try again later, or from another network"
        ) from error


def _network(error: Any, meter: _Meter) -> str:
    from requests import exceptions

    host = urlsplit(meter.url).netloc
    if isinstance(error, exceptions.HTTPError):
        return _refusal(error.response)
    if meter.done or isinstance(error, exceptions.ChunkedEncodingError):
        total = f" of {meter.total:,}" if meter.total else ""
        return (
            f"the transfer broke off after {meter.done:,}{total} bytes; nothing was kept, try again"
        )
    if isinstance(error, exceptions.Timeout):
        return f"{host} does not answer; try again later"
    if isinstance(error, exceptions.SSLError):
        return f"no secure connection to {host} could be made; are date and proxy of this machine right?"
    if isinstance(error, exceptions.ConnectionError):
        return (
            f"{host} cannot be reached; is this machine online? A file that was downloaded elsewhere "
            "can be imported by: napari-sr models import FILE"
        )
    return f"cannot be downloaded ({error_line(error)})"


def _refusal(answer: Any) -> str:
    status = answer.status_code
    message = f"the server answers {status} {one_line(answer.reason or '', 80)}".rstrip()
    if status in (404, 410):
        return f"{message}: the file is not there any more"
    return f"{message}; try again later" if status >= 500 or status == 429 else message


def _disk(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return "the disk is full; make room and try again. Nothing was kept"
    return f"cannot be written ({error.strerror or error}); nothing was kept"
