"""bioimage.io packages: a zip file with weights, test data and a description that other bioimaging programs read.

The weights are TorchScript and, where its packages are installed, ONNX, so that no program needs our code. Any
intensities go in: they are stretched from their smallest and largest value to the network's range, and
the result is given in [0, 1] between the same two.
"""

from __future__ import annotations

import gc
import tempfile
import warnings
import zipfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sr.errors import ExportError
from napari_sr.models._onnx import read_onnx
from napari_sr.models._torchscript import read_torchscript
from napari_sr.models.export._compare import Program, agreement
from napari_sr.models.export._onnx import have_onnx, write_onnx
from napari_sr.models.export._samples import sample
from napari_sr.models.export._sheet import ONNX, TORCHSCRIPT, sheet
from napari_sr.models.export._torchscript import write_torchscript

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bioimageio.spec.model.v0_5 import ModelDescr
    from torch import nn

__all__ = ["read_package", "write_package"]


def write_package(path: Path, network: nn.Module, facts: Mapping[str, str]) -> None:
    """Write a network as a bioimage.io package that bioimageio.spec finds valid.

    Parameters
    ----------
    path : Path
        The zip file.
    network : torch.nn.Module
        In evaluation mode.
    facts : mapping of str to str
        For the description.

    Raises
    ------
    ExportError
        If bioimageio.spec is missing or finds something wrong.
    """
    if find_spec("bioimageio") is None:
        raise ExportError("needs bioimageio.spec; run: pip install 'napari-sr[bioimageio]'")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="package-") as name:
        folder = Path(name)
        write_torchscript(folder / TORCHSCRIPT, network, facts)
        if have_onnx():
            write_onnx(folder / ONNX, network, facts)
        program = read_torchscript(folder / TORCHSCRIPT)
        step = agreement(program, network, float(facts["value_range"])).step
        made = sample(folder, network, facts, step)
        with _files_left_open():
            _pack(path, sheet(folder, facts, made))
            _check(path)


@contextmanager
def _files_left_open() -> Iterator[None]:
    """Close what bioimageio.spec opens: it leaves that to the garbage collector, which says so of every file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            gc.collect()


def read_package(path: Path) -> list[Program]:
    """Open the programs in a package."""
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix="unpacked-") as name,
        zipfile.ZipFile(path) as archive,
    ):
        archive.extractall(name)
        programs: list[Program] = [read_torchscript(Path(name, TORCHSCRIPT))]
        if ONNX in archive.namelist():
            programs.append(read_onnx(Path(name, ONNX)))
        return programs


def _pack(path: Path, description: ModelDescr) -> None:
    from bioimageio.spec import save_bioimageio_package

    try:
        save_bioimageio_package(description, output_path=path)
    except ValueError as error:
        raise ExportError(f"bioimageio.spec cannot make the package: {error}") from error


def _check(path: Path) -> None:
    """Let bioimageio.spec read the package as another program would."""
    from bioimageio.spec import load_description

    summary = load_description(path).validation_summary
    if summary.status == "failed":
        problems = "; ".join(each.msg for detail in summary.details for each in detail.errors)
        raise ExportError(f"bioimageio.spec finds the package not valid: {problems}")
