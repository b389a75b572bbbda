"""The formats, and which of them a file name asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from napari_sr.errors import ExportError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMATS", "Format", "format_of"]

Format = Literal["torchscript", "onnx", "safetensors", "bioimageio"]

FORMATS: tuple[Format, ...] = get_args(Format)

_SUFFIXES: dict[str, Format] = {
    ".pt": "torchscript",
    ".ts": "torchscript",
    ".onnx": "onnx",
    ".safetensors": "safetensors",
    ".zip": "bioimageio",
}


def format_of(path: Path, wanted: str | None) -> Format:
    """Format that is asked for by name, or by the suffix of the file.

    Raises
    ------
    ExportError
        If neither says it, or the suffix belongs to another format.
    """
    told = _SUFFIXES.get(path.suffix.lower())
    if wanted is None:
        if told is None:
            raise ExportError(
                f"{path.name}: name the format, or use one of the suffixes {', '.join(_SUFFIXES)}"
            )
        return told
    for known in FORMATS:
        if known == wanted and told in (known, None):
            return known
    if wanted in FORMATS:
        raise ExportError(f"{path.name}: its suffix belongs to {told}, not to {wanted}")
    raise ExportError(f"no format is called {wanted!r}; there are {', '.join(FORMATS)}")
