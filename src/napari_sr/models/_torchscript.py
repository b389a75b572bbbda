"""TorchScript: a program that PyTorch runs without Python, from C++ above all.

PyTorch has declared it old. Its successors compile for one kind of machine, while LibTorch reads
TorchScript everywhere; so it is used on purpose, and the warnings that say so are silenced here and only here.

Neither Python code nor a pickle is run when such a file is opened. But it is a program, in a small language of tensors,
and a few of its operators reach beyond: a file that names one of them is not opened.
"""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch.jit._trace import TracerWarning

from napari_sr.errors import ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["METADATA", "is_torchscript", "old_on_purpose", "read_torchscript"]

METADATA = "napari-sr.json"
"""Name of the text file in the archive in which our exports say what they are."""

_REACHING = re.compile(r"\b(save|from_file|load_tensor|rpc_async|rpc_sync|rpc_remote)\b")
"""Operators that write files, read files, or call other machines."""


@contextmanager
def old_on_purpose() -> Iterator[None]:
    """Silence what is said of every use, and the guesses of tracer and exporter, which are checked by running."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", TracerWarning)
        warnings.filterwarnings("ignore", message="Constant folding", category=UserWarning)
        yield


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive, and not tensors that PyTorch saved under the same suffix."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read_torchscript(path: Path) -> tuple[torch.nn.Module, dict[str, str]]:
    """Open a program.

    Returns
    -------
    program : torch.nn.Module
        On the CPU, float32, in evaluation mode.
    metadata : dict of str to str
        What our exports say of themselves; empty for other files.

    Raises
    ------
    ModelLoadError
        If the file is damaged, or uses operators that reach beyond tensors.
    """
    extra = {METADATA: ""}
    try:
        _check_operators(path)
        with old_on_purpose():
            program = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
        return program.float().eval(), _parsed(extra[METADATA])
    except (RuntimeError, OSError, zipfile.BadZipFile) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelLoadError(
            f"{path.name}: cannot be read, truncated or damaged ({reason})"
        ) from error


def _check_operators(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            code = archive.read(name).decode(errors="replace") if name.endswith(".py") else ""
            found = _REACHING.search(code)
            if found:
                raise ModelLoadError(
                    f"{path.name}: its program uses {found[0]!r}, which could reach files or other machines; "
                    "not opened"
                )


def _parsed(text: str | bytes) -> dict[str, str]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
