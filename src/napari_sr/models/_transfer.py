"""One file from a web server: whole and with the right checksum, or not at all."""

from __future__ import annotations

import errno
import logging
import os
import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from napari_sr.errors import DownloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["LARGEST", "fetch"]

LARGEST = 4 * 2**30
"""Bytes after which a file of unknown size is given up; the largest networks have a tenth of it."""

_CHUNK = 8192
"""Bytes between two looks at whether somebody cancelled."""

_TIMEOUT = 20.0
"""Seconds of silence after which a server is given up."""


def fetch(
    url: str,
    path: Path,
    sha256: str,
    size: int | None = None,
    progress: Callable[[int, int], object] | None = None,
    timeout: float = _TIMEOUT,
) -> None:
    """Download a file; what stood in its place stays until the new one is verified.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``.
    path : Path
        Where it goes. The folder is created.
    sha256 : str
        Of the file, hexadecimal.
    size : int, optional
        Bytes of the file, where that is known; a server that sends more is not listened to further.
    progress : callable, optional
        Called with bytes done and bytes in all (0: unknown). What it raises stops the download.
    timeout : float
        Seconds of silence after which the server is given up.

    Raises
    ------
    DownloadError
        If there is no network, the server refuses, breaks off or sends something else, or the disk is full.
        Nothing half-done is left behind.
    """
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise DownloadError(f"{url}: the address must begin with https://")
    # beside its place, so that moving it there is one step that cannot fail half-way
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    meter = _Meter(url, size or 0, progress)
    try:
        with _told(url, path, meter):
            path.parent.mkdir(parents=True, exist_ok=True)
            _retrieve(url, beside, sha256, meter, timeout)
            os.replace(beside, path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _retrieve(url: str, path: Path, sha256: str, meter: _Meter, timeout: float) -> None:
    """Let pooch write and verify the file; the transfer itself is ours, so that it can be stopped and is closed."""
    import pooch

    def transfer(url: str, file: str, _pooch: object) -> None:
        _stream(url, file, meter, timeout)

    with _quiet(pooch.get_logger()):
        pooch.retrieve(
            url, f"sha256:{sha256}", fname=path.name, path=path.parent, downloader=transfer
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
    """Counts bytes, tells of them, and stops a server that never ends."""

    url: str
    size: int
    """Bytes of the file; 0 where that is not known."""
    progress: Callable[[int, int], object] | None
    announced: int = 0
    """Bytes that the server says it will send; 0 if it does not say."""
    done: int = 0
    """Bytes that came."""

    @property
    def total(self) -> int:
        """Bytes in all; 0 where nobody knows."""
        return self.size or self.announced

    def count(self, arrived: int) -> None:
        """Count what came."""
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
    """Keep pooch from telling on stderr what we tell ourselves."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _told(url: str, path: Path, meter: _Meter) -> Iterator[None]:
    """Say in one line what went wrong, and what to do."""
    from requests.exceptions import RequestException

    try:
        yield
    except RequestException as error:
        raise DownloadError(f"{url}: {_network(error, meter)}") from error
    except OSError as error:
        raise DownloadError(f"{path}: {_disk(error)}") from error
    except ValueError as error:  # pooch: the checksum
        raise DownloadError(
            f"{url}: what the server sent is not the expected file (wrong SHA-256); not kept. "
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
            "can be taken in by: napari-sr models import FILE"
        )
    return f"cannot be downloaded ({str(error).strip().partition(chr(10))[0]})"


def _refusal(answer: Any) -> str:
    status = answer.status_code
    said = f"the server answers {status} {answer.reason or ''}".rstrip()
    if status in (404, 410):
        return f"{said}: the file is not there any more"
    return f"{said}; try again later" if status >= 500 or status == 429 else said


def _disk(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return "the disk is full; make room and try again. Nothing was kept"
    return f"cannot be written ({error.strerror or error}); nothing was kept"
