"""Options that several commands share, and how their text is read."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_sr.errors import InputError

if TYPE_CHECKING:
    from napari_sr.models import Model as LoadedModel
    from napari_sr.models import ModelCard

Tile = int | tuple[int, int] | Literal["auto"] | None
ColorName = Literal["Y", "RGB", "grey"]
Factor = float | tuple[float, float]

Model = Annotated[
    str,
    typer.Option("--model", "-m", help="Id from `napari-sr models list`, or path of a checkpoint."),
]
Models = Annotated[
    list[str],
    typer.Option("--model", "-m", help="Id or path of a checkpoint; several times for several."),
]
ValueRange = Annotated[
    float | None,
    typer.Option(help="For a file of unknown origin: its values go to 1 or to 255."),
]
Color = Annotated[
    str | None,
    typer.Option(
        "--color",
        "--colour",
        help="For a file of unknown origin: it was trained on Y, RGB or grey.",
    ),
]
TrustProgram = Annotated[
    bool,
    typer.Option(
        "--trust-program",
        help="Run a TorchScript or ONNX file as a program; only files from people whom you trust.",
    ),
]
ScaleText = Annotated[
    str,
    typer.Option("--scale", "-s", help="Output pixels per input pixel: 2, 2.5, or 2,3 for Y,X."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda:0 or mps.")]
Precision = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")]
TileText = Annotated[
    str,
    typer.Option("--tile", help="Pixels of the input: auto, 256, 256,384 (Y,X), or none for all."),
]
TileMode = Annotated[
    str,
    typer.Option(help="seamless; or exact, for networks that use statistics of the whole image."),
]
Ensemble = Annotated[
    bool, typer.Option("--ensemble", help="Mean over 8 flips and rotations: 8 times slower.")
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
    typer.Option("--uncertainty", help="Write the ensemble's deviation, too: NAME-uncertainty."),
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
        Y, RGB or grey.
    trust_program : bool
        Whether a TorchScript or ONNX file may be run.

    Returns
    -------
    Model
        Ready to run.
    """
    from napari_sr.models import load_model

    return load_model(
        model, value_range=value_range, color=known_color(color), trust_program=trust_program
    )


def known_color(text: str | None) -> ColorName | None:
    """Read a color, in any letter case.

    Parameters
    ----------
    text : str or None
        Y, RGB or grey.

    Returns
    -------
    "Y", "RGB", "grey" or None
        None as given.

    Raises
    ------
    typer.BadParameter
        If it is another.
    """
    if text is None:
        return None
    known: dict[str, ColorName] = {"y": "Y", "rgb": "RGB", "grey": "grey", "gray": "grey"}
    if text.lower() not in known:
        raise typer.BadParameter(f"--color takes Y, RGB or grey, not {text!r}")
    return known[text.lower()]


def find_card(model: str) -> ModelCard:
    """Card of a model of the catalog, whether its weights are here or not.

    Parameters
    ----------
    model : str
        Id.

    Returns
    -------
    ModelCard
        As `napari_sr.models.list_models` gives it.

    Raises
    ------
    ModelNotFoundError
        If there is none of that id.
    """
    from napari_sr.models import list_models, load_model

    cards = {card.id: card for card in list_models()}
    # A path has a card too; what is neither is told by the loader, with the nearest names.
    return cards[model] if model in cards else load_model(model).card


def parse_scale(text: str) -> Factor:
    """Read a scale.

    Parameters
    ----------
    text : str
        ``"2"``, ``"2.5"``, or ``"2,3"`` for Y and X.

    Returns
    -------
    float or tuple of two floats
        At least 1.

    Raises
    ------
    typer.BadParameter
        If it is no number.
    InputError
        If it is below 1, infinite or not a number.
    """
    try:
        factors = tuple(float(part) for part in _parts(text))
    except ValueError:
        factors = ()
    if len(factors) not in (1, 2):
        raise typer.BadParameter(f"--scale takes a number, or two for Y,X, not {text!r}")
    if not all(math.isfinite(factor) and factor >= 1 for factor in factors):
        raise InputError(f"the scale must be a number of at least 1, not {text}")
    return factors[0] if len(factors) == 1 else (factors[0], factors[1])


def parse_range(text: str | None) -> tuple[float, float] | None:
    """Read a range of intensities.

    Parameters
    ----------
    text : str or None
        ``"0,4095"``.

    Returns
    -------
    tuple of float or None
        Lowest and highest; None as given.

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
        raise typer.BadParameter(f"--range takes two numbers as 0,4095, not {text!r}") from None
    return low, high


def parse_tile(text: str) -> Tile:
    """Read a tile size.

    Parameters
    ----------
    text : str
        ``"auto"``, ``"none"``, ``"256"``, or ``"256,384"`` for Y and X.

    Returns
    -------
    "auto", None, int or tuple of two ints
        Pixels of the input.

    Raises
    ------
    typer.BadParameter
        If it is none of these.
    """
    if text.lower() == "auto":
        return "auto"
    if text.lower() == "none":
        return None
    parts = _parts(text)
    if len(parts) not in (1, 2) or not all(re.fullmatch("[1-9][0-9]*", part) for part in parts):
        raise typer.BadParameter(f"--tile takes auto, none, 256 or 256,384, not {text!r}")
    sizes = [int(part) for part in parts]
    return sizes[0] if len(sizes) == 1 else (sizes[0], sizes[1])


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.replace("x", ",").split(",")]
