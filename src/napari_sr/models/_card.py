"""Model cards: what must be known of a model before it is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COLORS", "GROUPS", "PROGRAMS", "Checkpoint", "Color", "Group", "ModelCard", "american"]

Color = Literal["Y", "RGB", "grey"]
Group = Literal["Baseline", "Small and fast", "Best quality", "Microscopy", "Published", "Mine"]

COLORS: tuple[Color, ...] = ("Y", "RGB", "grey")
GROUPS: tuple[Group, ...] = (
    "Baseline",
    "Small and fast",
    "Best quality",
    "Microscopy",
    "Published",
    "Mine",
)

PROGRAMS = ("torchscript", "onnx")
"""Ids that stand in a card in place of an architecture where the file is a program that is run as it is."""

_TODAY = {"colour": "color", "licence": "license"}
"""Spelling of keys in earlier files."""


def american(table: Mapping[str, Any]) -> dict[str, Any]:
    """The same table with the keys ``colour`` and ``licence``, as earlier files have them, in today's spelling."""
    return {_TODAY.get(key, key): value for key, value in table.items()}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One file of tensors: a model at one native scale."""

    scale: int
    """Output pixels per input pixel along Y and X."""
    file: str = ""
    """File name in the folder of weights; empty for a model without parameters."""
    sha256: str = ""
    """Of the file, hexadecimal; empty for a model without a file."""
    url: str | None = None
    """Where it can be downloaded; None for what is bundled or the user's own."""
    size: int | None = None
    """Bytes."""
    parameters: int | None = None
    """Number of parameters in the form that is run (merged)."""
    halo: int | None = None
    """Receptive-field radius in low-resolution pixels; None if unknown or unbounded."""
    trusted_program: bool = False
    """The file is a program (TorchScript or ONNX), and the user agreed to run it; `sha256` says which file that is."""
    scores: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Measured (PSNR in dB, SSIM) by data set, e.g. ``{"Set5": (36.74, 0.9535)}``."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model's facts; a model is an architecture with a checkpoint for each native scale."""

    id: str
    """Unique in the catalog, e.g. ``"bsrn-official"``."""
    title: str
    """Name for people."""
    architecture: str
    """Id in the register of architectures."""
    summary: str
    """One line: what it is good for, or what was found out about it."""
    group: Group
    """Heading under which it is listed."""
    color: Color
    """``"Y"``: trained on BT.601 luma; ``"grey"``: run on each channel by itself."""
    value_range: float
    """The network expects values in ``[0, value_range]``: 1 or 255."""
    license: str = "not stated"
    """SPDX expression, or what can be said."""
    source: str = ""
    """Where the weights come from."""
    paper: str = ""
    """Citation or address."""
    training_data: str = ""
    """What it was trained on."""
    checkpoints: tuple[Checkpoint, ...] = ()
    """One for each native scale, ascending."""
    bfloat16_safe: bool = False
    """Measured: bfloat16 changes 8-bit results by no more than rounding."""

    @property
    def is_program(self) -> bool:
        """Whether its files are programs, which are run as they are, and not tensors."""
        return self.architecture in PROGRAMS

    @property
    def scales(self) -> tuple[int, ...]:
        """Native scales, ascending."""
        return tuple(sorted(checkpoint.scale for checkpoint in self.checkpoints))

    def checkpoint(self, scale: int) -> Checkpoint:
        """Checkpoint of a native scale; KeyError if there is none."""
        for checkpoint in self.checkpoints:
            if checkpoint.scale == scale:
                return checkpoint
        raise KeyError(scale)
