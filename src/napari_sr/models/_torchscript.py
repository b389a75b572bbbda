"""TorchScript: programs that PyTorch runs without Python, mostly from C++.

PyTorch 2.11 deprecated TorchScript (https://pytorch.org/blog/pytorch-2-11-release-blog/). Its successors compile for
one kind of machine, while LibTorch reads TorchScript everywhere. Therefore it is used on purpose, and the deprecation
warnings are silenced here and only here.

A file is never given to PyTorch as it is. Its entries are read and checked, and PyTorch opens an archive in memory that
is written from them.
"""

from __future__ import annotations

import io
import json
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch.jit._trace import TracerWarning

from napari_sr.errors import ModelLoadError
from napari_sr.models._archive import Archive, write_archive
from napari_sr.models._script_check import (
    Source,
    check_graphs,
    check_members,
    check_source,
    why_not_opened,
)
from napari_sr.models._unpickle import check_script_pickles, read_script_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

__all__ = [
    "METADATA",
    "open_program",
    "read_metadata",
    "read_tensors",
    "read_torchscript",
    "silence_torchscript_warnings",
]

METADATA = "napari-sr.json"
"""Name of the text file in the archive in which our exports describe themselves."""

_MOST_METADATA = 2**20
"""Bytes of the file in which our exports describe themselves, which has some hundred."""
_PARTS = ("data.pkl", "constants.pkl", "version", ".data/version", "byteorder")
"""Entries without which PyTorch cannot open a program; tensors and source are in folders."""


@contextmanager
def silence_torchscript_warnings() -> Iterator[None]:
    """Silence deprecation warnings, and those about guesses of the tracer: exported files are run and compared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", TracerWarning)
        warnings.filterwarnings("ignore", message="Constant folding", category=UserWarning)
        yield


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Take the tensors of a TorchScript archive, and leave its program alone.

    Returns
    -------
    tensors : dict of str to Tensor
        As the network's ``state_dict()`` names them.
    metadata : dict of str to str
        What our exports say about themselves; empty for other files.

    Raises
    ------
    ModelLoadError
        If the file is damaged.
    """
    with _explained(path.name), path.open("rb") as file:
        archive = Archive(file)
        return read_script_tensors(archive), read_metadata(archive)


def read_torchscript(path: Path) -> torch.nn.Module:
    """Open a program that we wrote ourselves, in this process.

    Returns
    -------
    torch.nn.Module
        On the CPU, float32, in evaluation mode.

    Raises
    ------
    ModelLoadError
        If the file is damaged, or uses an operator that is not allowed.
    """
    with _explained(path.name), path.open("rb") as file:
        archive = Archive(file)
        return open_program(archive, check_source(archive))


def open_program(archive: Archive, source: Source) -> torch.nn.Module:
    """Open a program whose source was checked.

    Parameters
    ----------
    archive : Archive
        Of TorchScript. PyTorch sees only what it needs of it.
    source : Source
        Its source, as `check_source` gives it.

    Returns
    -------
    torch.nn.Module
        On the CPU, float32, in evaluation mode.

    Raises
    ------
    ForbiddenOperationError, MoreThanTensorsError
        If the program does what none is allowed to do.
    Exception
        Of any other type if the archive is damaged.
    """
    check_script_pickles(archive)
    check_members(source)
    numbers = [name for name in archive.names if name.startswith(("data/", "constants/"))]
    parts = [name for name in _PARTS if name in archive]
    entries = {name: archive.read(name) for name in (*parts, *numbers)}
    with silence_torchscript_warnings():
        checked = io.BytesIO(write_archive({**entries, **source.files}))
        program = torch.jit.load(checked, map_location="cpu")
        check_graphs(program)
        opened: torch.nn.Module = program.float().eval()
        return opened


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Say in one line why a program cannot be opened."""
    try:
        yield
    except Exception as error:
        # torch and pickle raise a dozen types on damaged input
        raise ModelLoadError(f"{name}: {why_not_opened(error)}") from error


def read_metadata(archive: Archive) -> dict[str, str]:
    """What our exports say about themselves; empty for other files."""
    name = f"extra/{METADATA}"
    if name not in archive:
        return {}
    try:
        found = json.loads(archive.read(name, _MOST_METADATA))
    except (ValueError, RecursionError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
