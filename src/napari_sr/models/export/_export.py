"""One function that writes a model in any format, tries what it wrote, and keeps only what is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sr.errors import ExportError
from napari_sr.models._assemble import assemble
from napari_sr.models._files import read
from napari_sr.models._load import load_model
from napari_sr.models._model import ready
from napari_sr.models._onnx import read_onnx
from napari_sr.models._torchscript import read_torchscript
from napari_sr.models.export._bioimageio import read_package, write_package
from napari_sr.models.export._compare import Program, agreement
from napari_sr.models.export._facts import facts
from napari_sr.models.export._formats import Format, format_of
from napari_sr.models.export._onnx import write_onnx
from napari_sr.models.export._place import appearing
from napari_sr.models.export._safetensors import write_safetensors
from napari_sr.models.export._torchscript import write_torchscript

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from napari_sr.models._model import Model

__all__ = ["Exported", "export_model"]


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written, tried and found to do what the model does."""

    path: Path
    format: Format
    model: str
    scale: int
    """Output pixels per input pixel."""
    size: int
    """Bytes."""
    difference: float
    """Largest difference to the model's output, as a part of the output's largest value."""
    step: int
    """Heights and widths that the file takes must be multiples of this."""


def export_model(
    model: str | Path | Model,
    path: str | Path,
    scale: int | None = None,
    format: str | None = None,
    *,
    license: str | None = None,
    authors: Sequence[str] = (),
) -> Exported:
    """Write a model for other programs, run what was written, and compare it with the model.

    Parameters
    ----------
    model : str, Path or Model
        As `load_model` takes it.
    path : str or Path
        The file; replaced if it exists.
    scale : int, optional
        Native scale. Left out: the model's only one.
    format : {"torchscript", "onnx", "safetensors", "bioimageio"}, optional
        Left out: by the suffix, ``.pt``, ``.onnx``, ``.safetensors`` or ``.zip``.
    license : str, optional
        SPDX identifier, if the card does not say it or the file gets another one.
    authors : sequence of str
        Names for a bioimage.io package. Left out: ours for our models, else the authors of the paper.

    Returns
    -------
    Exported
        Sizes, and how well the file agrees with the model.

    Raises
    ------
    ExportError
        If the format cannot hold the network, more packages are needed, or the written file gives another result
        than the model; then no file is left, and an old one stays as it was.
    InputError
        If the model has no such native scale.
    FileWriteError
        If the file cannot be written.
    """
    path, loaded = Path(path), load_model(model)
    if loaded.card.is_program:
        raise ExportError(
            f"{loaded.id} is a program (TorchScript or ONNX), which cannot be written in another format"
        )
    kind, scale = format_of(path, format), _native(loaded, scale)
    network = loaded.network(scale)
    told = facts(loaded, scale)
    told["license"] = license or told["license"]
    told["authors"] = ", ".join(authors)
    with appearing(path) as draft:
        _WRITERS[kind](draft, network, told)
        found = [
            agreement(program, network, loaded.card.value_range)
            for program in _READERS[kind](draft)
        ]
        size = draft.stat().st_size
    return Exported(
        path,
        kind,
        loaded.id,
        scale,
        size,
        max(each.difference for each in found),
        max(each.step for each in found),
    )


def _native(model: Model, scale: int | None) -> int:
    if scale is None and len(model.scales) > 1:
        native = ", ".join(str(each) for each in model.scales)
        raise ExportError(f"{model.id} has several scales; choose one of {native}")
    return model.scales[0] if scale is None else scale


def _read_safetensors(path: Path) -> list[Program]:
    return [ready(assemble(read(path), path.name).network)]


_WRITERS: dict[Format, Callable[[Path, nn.Module, dict[str, str]], None]] = {
    "torchscript": write_torchscript,
    "onnx": write_onnx,
    "safetensors": write_safetensors,
    "bioimageio": write_package,
}
_READERS: dict[Format, Callable[[Path], list[Program]]] = {
    "torchscript": lambda path: [read_torchscript(path)],
    "onnx": lambda path: [read_onnx(path)],
    "safetensors": _read_safetensors,
    "bioimageio": read_package,
}
