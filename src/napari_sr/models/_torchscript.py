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

from napari_sr._text import error_line
from napari_sr.errors import ModelLoadError
from napari_sr.models._archive import Archive, write_archive
from napari_sr.models._script_check import ForbiddenOperationError, check_graphs, checked_source
from napari_sr.models._unpickle import (
    MoreThanTensorsError,
    check_script_pickles,
    read_script_tensors,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

__all__ = ["METADATA", "read_tensors", "read_torchscript", "silence_torchscript_warnings"]

METADATA = "napari-sr.json"
"""Name of the text file in the archive in which our exports describe themselves."""

_MOST_SOURCE = 8 * 2**20
"""Bytes of all source of a program. The syntax tree takes a hundred times as much memory; traced networks of some
hundred layers have 0.2 MB."""
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
        return read_script_tensors(archive), _metadata(archive)


def read_torchscript(path: Path) -> tuple[torch.nn.Module, dict[str, str]]:
    """Open a program.

    Returns
    -------
    program : torch.nn.Module
        On the CPU, float32, in evaluation mode.
    metadata : dict of str to str
        What our exports say about themselves; empty for other files.

    Raises
    ------
    ModelLoadError
        If the file is damaged, or uses an operator that is not allowed.
    """
    with _explained(path.name), path.open("rb") as file, silence_torchscript_warnings():
        archive = Archive(file)
        check_script_pickles(archive)
        checked = io.BytesIO(write_archive(_checked_entries(archive)))
        program = torch.jit.load(checked, map_location="cpu")
        check_graphs(program)
        return program.float().eval(), _metadata(archive)


def _checked_entries(archive: Archive) -> dict[str, bytes]:
    """What PyTorch needs of an archive, with the source checked."""
    source = [name for name in archive.names if name.lower().startswith("code/")]
    if sum(archive.size(name) for name in source) > _MOST_SOURCE:
        raise ForbiddenOperationError(f"source of more than {_MOST_SOURCE:,} bytes")
    # where in the author's files a line stems from, for messages of errors
    source = [name for name in source if not name.endswith(".py.debug_pkl")]
    odd = next((each for each in source if not (each[:5] == "code/" and each[-3:] == ".py")), None)
    if odd is not None:
        raise ForbiddenOperationError(f"source with the name {odd[:60]!r}")
    numbers = [name for name in archive.names if name.startswith(("data/", "constants/"))]
    parts = [name for name in _PARTS if name in archive]
    return {
        **{name: archive.read(name) for name in (*parts, *numbers)},
        **checked_source({name: archive.read(name) for name in source}),
    }


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Say in one line why a program cannot be opened."""
    try:
        yield
    except ForbiddenOperationError as error:
        raise ModelLoadError(
            f"{name}: its program uses {error}, which is not allowed; not opened"
        ) from error
    except MoreThanTensorsError as error:
        raise ModelLoadError(
            f"{name}: its program has data other than tensors ({error_line(error)}); not opened"
        ) from error
    except Exception as error:
        # torch and pickle raise a dozen types on damaged input
        raise ModelLoadError(
            f"{name}: cannot be read, truncated or damaged ({error_line(error)})"
        ) from error


def _metadata(archive: Archive) -> dict[str, str]:
    name = f"extra/{METADATA}"
    if name not in archive:
        return {}
    try:
        found = json.loads(archive.read(name, _MOST_METADATA))
    except (ValueError, RecursionError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
