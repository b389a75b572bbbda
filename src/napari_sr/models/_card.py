"""Model cards: the facts about a model that are needed before it is run, and what its license permits."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "COLORS",
    "GROUPS",
    "PROGRAMS",
    "Checkpoint",
    "Color",
    "Group",
    "ModelCard",
    "accept_british_spelling",
    "american",
    "explain_license",
    "is_permissive",
]

_P = ParamSpec("_P")
_R = TypeVar("_R")

Color = Literal["Y", "RGB", "grey"]
Group = Literal["Baseline", "Small and fast", "Best quality", "Microscopy", "Published", "Mine"]

COLORS: tuple[Color, ...] = get_args(Color)
"""What a network can be trained on."""
GROUPS: tuple[Group, ...] = get_args(Group)
"""Headings of the list of models, in its order."""

PROGRAMS = ("torchscript", "onnx")
"""In place of an architecture in the card of a model whose files are programs, which are run as they are."""

_SPELLINGS = {"colour": "color", "licence": "license"}
"""British spelling of keys and keywords, which earlier files have and callers may prefer."""


def american(table: Mapping[str, Any]) -> dict[str, Any]:
    """Table with the keys ``colour`` and ``licence`` renamed ``color`` and ``license``."""
    return {_SPELLINGS.get(key, key): value for key, value in table.items()}


def accept_british_spelling(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make a function accept the keywords ``colour`` and ``licence`` for ``color`` and ``license``."""

    @wraps(function)
    def accepting(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        return function(*args, **american(kwargs))

    return accepting


_STRICT = {"extra": "forbid", "strict": True}
"""For pydantic, which checks catalogs: unknown keys are errors, and so are values of another type."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One file of weights: a model at one native scale."""

    __pydantic_config__ = _STRICT

    scale: int
    """Output pixels per input pixel along Y and X."""
    file: str = ""
    """File name in the folder of weights; empty for a model without parameters."""
    sha256: str = ""
    """Of the file, hexadecimal; empty for a model without a file."""
    url: str | None = None
    """Where it can be downloaded; None for bundled files and for files that the user imported."""
    size: int | None = None
    """Bytes."""
    parameters: int | None = None
    """Number of parameters of the merged network."""
    halo: int | None = None
    """Receptive-field radius in low-resolution pixels; None if unknown or unbounded."""
    trusted_program: bool = False
    """The file is a program (TorchScript or ONNX), and the user agreed to run it: the file with this `sha256` only."""
    scores: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Measured (PSNR in dB, SSIM) by data set, e.g. ``{"Set5": (36.74, 0.9535)}``."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Facts about a model: an architecture with a checkpoint for each native scale."""

    __pydantic_config__ = _STRICT

    id: str
    """Unique in the catalog, e.g. ``"bsrn-official"``."""
    title: str
    """Displayed name."""
    architecture: str
    """Id in the register of architectures, or one of `PROGRAMS`."""
    summary: str
    """One line: what it is good for, or how its value range was determined."""
    group: Group
    """Heading under which it is listed."""
    color: Color
    """``"Y"``: trained on BT.601 luma; ``"grey"``: run on each channel separately."""
    value_range: float
    """The network expects values in ``[0, value_range]``: 1 or 255."""
    license: str = "not stated"
    """SPDX expression, or a description."""
    source: str = ""
    """Where the weights come from."""
    paper: str = ""
    """Citation or address."""
    training_data: str = ""
    """What it was trained on."""
    checkpoints: tuple[Checkpoint, ...] = ()
    """One for each native scale, ascending."""
    bfloat16_safe: bool = False
    """Whether bfloat16 was measured to change 8-bit results by no more than rounding."""

    @property
    def is_program(self) -> bool:
        """Whether its files are programs rather than tensors."""
        return self.architecture in PROGRAMS

    @property
    def scales(self) -> tuple[int, ...]:
        """Native scales, ascending."""
        return tuple(sorted(checkpoint.scale for checkpoint in self.checkpoints))

    def checkpoint(self, scale: int) -> Checkpoint:
        """Checkpoint of a native scale.

        Raises
        ------
        KeyError
            If there is none.
        """
        for checkpoint in self.checkpoints:
            if checkpoint.scale == scale:
                return checkpoint
        raise KeyError(scale)


_PERMISSIVE = ("MIT", "Apache", "BSD", "ISC", "CC0", "CC-BY-4", "Unlicense")
"""Beginnings of SPDX identifiers of licenses that require no more than attribution."""


def is_permissive(license: str) -> bool:
    """Whether a license requires no more than attribution, so that a download needs no confirmation."""
    return license.startswith(_PERMISSIVE)


def explain_license(license: str) -> str:
    """Explain a license in one or two sentences.

    Parameters
    ----------
    license : str
        SPDX expression, or text that begins with ``none stated`` or ``not stated``, as in a card.

    Returns
    -------
    str
        The license and its meaning for somebody who is about to download weights.
    """
    if license.startswith(("none stated", "not stated")):
        return (
            f"{license}. The authors published these weights without a license, which gives no permission "
            "to copy or redistribute them: ask the authors before you do more than try them out."
        )
    if "GPL" in license:
        return (
            f"{license}. You may use these weights for any purpose; if you redistribute them, alone or in a program, "
            "the terms of the GPL apply to what you redistribute."
        )
    if is_permissive(license):
        return f"{license}. You may use, change and redistribute these weights if you name their authors."
    return f"{license}. Read it before you redistribute these weights."
