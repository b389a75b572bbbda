"""Export of a model: write the file, run it, compare it with the model, and keep it only if both agree.

The format is the one that the caller names, or the one to which the suffix of the file belongs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from napari_sr._files import atomic_path
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
from napari_sr.models.export._onnx import write_onnx
from napari_sr.models.export._safetensors import write_safetensors
from napari_sr.models.export._torchscript import write_torchscript

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from napari_sr.models._model import Model

__all__ = ["FORMATS", "Exported", "Format", "export_model"]

Format = Literal["torchscript", "onnx", "safetensors", "bioimageio"]

FORMATS: tuple[Format, ...] = get_args(Format)
"""Names of all formats."""

_SUFFIXES: dict[str, Format] = {
    ".pt": "torchscript",
    ".ts": "torchscript",
    ".onnx": "onnx",
    ".safetensors": "safetensors",
    ".zip": "bioimageio",
}
"""Format that is meant where the caller names none: each suffix is the customary one of its format."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written, run, and found to agree with its model."""

    path: Path
    """Where it was written."""
    format: Format
    """Its format."""
    model: str
    """Id of the model."""
    scale: int
    """Output pixels per input pixel."""
    size: int
    """Bytes."""
    difference: float
    """Largest difference from the model's output, divided by the largest value of that output."""
    step: int
    """The heights and widths of input images must be multiples of this."""


def export_model(
    model: str | Path | Model,
    path: str | Path,
    scale: int | None = None,
    format: str | None = None,
    *,
    license: str | None = None,
    authors: Sequence[str] = (),
) -> Exported:
    """Write a model for use in other programs, and verify the file against the model.

    Parameters
    ----------
    model : str, Path or Model
        As `load_model` takes it.
    path : str or Path
        The file. Its folder is created; an existing file is replaced.
    scale : int, optional
        Native scale. Default: the only one that the model has.
    format : {"torchscript", "onnx", "safetensors", "bioimageio"}, optional
        Default: chosen by the suffix, ``.pt``, ``.ts``, ``.onnx``, ``.safetensors`` or ``.zip``.
    license : str, optional
        SPDX identifier, if the card has none or the file is published under a different one.
    authors : sequence of str
        Names for a bioimage.io package. Default: the napari-sr developers for models of this project, otherwise
        the authors of the paper.

    Returns
    -------
    Exported
        Size of the file, and how closely it agrees with the model.

    Raises
    ------
    ExportError
        If the format cannot represent the network, a package is missing, or the outputs of file and model
        differ. No file is written then, and an existing one is not changed.
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
    kind, scale = _format_of(path, format), _native(loaded, scale)
    network = loaded.network(scale)
    metadata = facts(loaded, scale)
    metadata["license"] = license or metadata["license"]
    metadata["authors"] = ", ".join(authors)
    with atomic_path(path, make_folder=True) as draft:
        _WRITERS[kind](draft, network, metadata)
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


def _format_of(path: Path, wanted: str | None) -> Format:
    """Format that the caller names, or that the suffix of the file stands for."""
    by_suffix = _SUFFIXES.get(path.suffix.lower())
    if wanted is None:
        if by_suffix is None:
            raise ExportError(
                f"{path.name}: name the format, or use one of the suffixes {', '.join(_SUFFIXES)}"
            )
        return by_suffix
    for known in FORMATS:
        if known == wanted and by_suffix in (known, None):
            return known
    if wanted in FORMATS:
        raise ExportError(f"{path.name}: its suffix belongs to {by_suffix}, not to {wanted}")
    raise ExportError(f"no format is called {wanted!r}; there are {', '.join(FORMATS)}")


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
