"""Options that several commands have, and functions that parse their values.

Their defaults and choices are those of `napari_sr.UpscaleOptions`, which a test compares: to read them from there would
load PyTorch for ``--help``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from napari_sr.models import Model as LoadedModel

Tile = int | tuple[int, int] | Literal["auto"] | None
ColorName = Literal["Y", "RGB", "grey"]

Model = Annotated[
    str,
    typer.Option("--model", "-m", help="Id from `napari-sr models list`, or path of a checkpoint."),
]
Models = Annotated[
    list[str],
    typer.Option("--model", "-m", help="Id or path of a checkpoint; may be given several times."),
]
ValueRange = Annotated[
    float | None,
    typer.Option(help="For a file of unknown origin: 1 or 255, the value that white has."),
]
Color = Annotated[
    str | None,
    typer.Option(
        "--color",
        "--colour",
        help="For a file of unknown origin: Y, RGB or gray, what it was trained on.",
    ),
]
TrustProgram = Annotated[
    bool,
    typer.Option(
        "--trust-program",
        help="Run a TorchScript or ONNX file as a program; only files from people whom you trust.",
    ),
]
Scale = Annotated[
    str,
    typer.Option("--scale", "-s", help="Output pixels per input pixel: 2, 2.5, or 2,3 for Y,X."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda (or gpu), cuda:1, or mps.")]
Precision = Annotated[
    str,
    typer.Option(help="auto, float32, bfloat16 or float16 (or fp32, bf16, fp16)."),
]
TileSize = Annotated[
    str,
    typer.Option("--tile", help="Pixels of the input: auto, 256, 256,384 (Y,X), or none for all."),
]
TileMode = Annotated[
    str,
    typer.Option(help="seamless; or exact, for networks that use statistics of the whole image."),
]
Ensemble = Annotated[
    bool,
    typer.Option("--ensemble", help="Average over 8 flips and rotations; takes 8 times as long."),
]
Isotropic = Annotated[
    bool,
    typer.Option("--isotropic", help="Enlarge Z, too, until voxels are cubes; -s 1 keeps Y and X."),
]
ZSpacing = Annotated[
    float | None,
    typer.Option(help="Distance of planes in pixels, for --isotropic; else from the file."),
]
Uncertainty = Annotated[
    bool,
    typer.Option(
        "--uncertainty", help="Write the standard deviation of the ensemble, too: NAME-uncertainty."
    ),
]
IntensityRange = Annotated[
    str | None,
    typer.Option(
        "--intensity-range",
        "--range",
        metavar="LOW,HIGH",
        help="Intensities that the network sees as black and white; else measured.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def load(
    model: str, value_range: float | None, color: str | None, trust_program: bool = False
) -> LoadedModel:
    """Load the model that the options name.

    Parameters
    ----------
    model : str
        Id or path.
    value_range : float or None
        1 or 255.
    color : str or None
        Y, RGB or gray.
    trust_program : bool
        Whether a TorchScript or ONNX file may be run.

    Returns
    -------
    Model
        Ready to run.
    """
    from napari_sr.models import load_model

    return load_model(
        model, value_range=value_range, color=parse_color(color), trust_program=trust_program
    )


def parse_color(text: str | None) -> ColorName | None:
    """Parse the color space of a model.

    Parameters
    ----------
    text : str or None
        Y, RGB, gray or grey, in either case.

    Returns
    -------
    "Y", "RGB", "grey" or None
        As on a model card; None if none was given.

    Raises
    ------
    typer.BadParameter
        If it is another one.
    """
    if text is None:
        return None
    known: dict[str, ColorName] = {"y": "Y", "rgb": "RGB", "grey": "grey", "gray": "grey"}
    if text.lower() not in known:
        raise typer.BadParameter(f"--color takes Y, RGB or gray, not {text!r}")
    return known[text.lower()]


def parse_scale(text: str) -> float | tuple[float, float]:
    """Parse a scale.

    Parameters
    ----------
    text : str
        ``"2"``, ``"2.5"``, or ``"2,3"`` for Y and X.

    Returns
    -------
    float or tuple of float
        For `UpscaleOptions`, which checks the range.

    Raises
    ------
    typer.BadParameter
        If it is not one or two numbers.
    """
    try:
        factors = tuple(float(part) for part in _parts(text))
    except ValueError:
        factors = ()
    if len(factors) not in (1, 2):
        raise typer.BadParameter(f"--scale takes a number, or two for Y,X, not {text!r}")
    return factors[0] if len(factors) == 1 else (factors[0], factors[1])


def parse_range(text: str | None) -> tuple[float, float] | None:
    """Parse a range of intensities.

    Parameters
    ----------
    text : str or None
        Such as ``"0,4095"``.

    Returns
    -------
    tuple of float or None
        For `UpscaleOptions`, which checks the order.

    Raises
    ------
    typer.BadParameter
        If it is not two numbers.
    """
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"--intensity-range takes two numbers as 0,4095, not {text!r}"
        ) from None
    return low, high


def parse_tile(text: str) -> Tile:
    """Parse a tile size.

    Parameters
    ----------
    text : str
        ``"auto"``, ``"none"``, ``"256"``, or ``"256,384"`` for Y and X.

    Returns
    -------
    "auto", None, int or tuple of int
        Pixels of the input.

    Raises
    ------
    typer.BadParameter
        If it is none of these.
    """
    if text.lower() in ("auto", "none"):
        return "auto" if text.lower() == "auto" else None
    parts = _parts(text)
    if len(parts) not in (1, 2) or not all(re.fullmatch("[1-9][0-9]*", part) for part in parts):
        raise typer.BadParameter(f"--tile takes auto, none, 256 or 256,384, not {text!r}")
    sizes = [int(part) for part in parts]
    return sizes[0] if len(sizes) == 1 else (sizes[0], sizes[1])


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.replace("x", ",").split(",")]
