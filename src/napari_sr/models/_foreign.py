"""Networks that come as programs and not as tensors: TorchScript and ONNX files, whoever wrote them.

What a program does is found by running it: how many channels it takes, its scale, of what its sides must be multiples.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_sr._text import one_line
from napari_sr.architectures.registry import Architecture
from napari_sr.errors import ModelLoadError, ProgramError
from napari_sr.models._assemble import Assembled
from napari_sr.models._reach import reach
from napari_sr.models._sandbox import SandboxedProgram, limited

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_sr.models._files import Kind

__all__ = ["ForeignNetwork", "Tiling", "adapt", "read_foreign"]

Tiling = Literal["allowed", "discouraged", "never"]

_STEPS = (1, 2, 4, 8, 16, 32)
_PRECISIONS = frozenset({"float32", "bfloat16", "float16"})
PROBE_SECONDS = 180
"""For all runs together by which is found out what a program does."""
_MOST_HALO = 4096
"""Radius of the receptive field that is believed of a file."""
_MOST_CHANNELS = 16
"""Channels of images that are tried: beyond, the test image itself would take too much memory."""
_SIDES = (64, 96)
"""Height and width of the first test: multiples of every step."""


def _unknown(*_: object, **__: object) -> None:
    """Recognise no tensors: a program is not rebuilt from them."""


TORCHSCRIPT = Architecture(
    id="torchscript",
    title="TorchScript program",
    paper="",
    url="",
    build=nn.Identity,
    detect=_unknown,
)
ONNX = Architecture(
    id="onnx", title="ONNX graph", paper="", url="", build=nn.Identity, detect=_unknown
)


class ForeignNetwork(nn.Module):
    """A program with the manners of a network: any size, any batch, ``scale`` and ``in_channels`` known.

    Parameters
    ----------
    program : torch.nn.Module
        Takes ``(N, C, H, W)`` to ``(N, C, scale·H, scale·W)``.
    scale, in_channels : int
        Output pixels per input pixel, and 1 or 3.
    step : int
        The program's heights and widths must be multiples of this.
    one_by_one : bool
        The program takes no batches.
    halo : int or None or "measure"
        Radius of its receptive field in low-resolution pixels, or None where no context makes tiles equal
        the whole; ``"measure"`` where its file does not say it.
    alignment : int
        Where an image is cut, parts should start at multiples of this and of `step`.
    tiling : {"allowed", "discouraged", "never"}, optional
        Whether an image may be cut for it: without a word, with a warning, or not at all. None: without a word where
        its halo is known.
    precisions : frozenset of str
        Number formats in which it works.
    value_range : float, optional
        It expects values in ``[0, value_range]``; None where that is not known.
    """

    def __init__(
        self,
        program: nn.Module,
        scale: int,
        in_channels: int,
        step: int = 1,
        one_by_one: bool = False,
        halo: int | Literal["measure"] | None = "measure",
        *,
        alignment: int = 1,
        tiling: Tiling | None = None,
        precisions: frozenset[str] = _PRECISIONS,
        value_range: float | None = None,
    ) -> None:
        super().__init__()
        self.program = program
        self.scale, self.in_channels = scale, in_channels
        self.step, self.one_by_one, self._halo = step, one_by_one, halo
        self.tiling, self.precisions, self.value_range = tiling, precisions, value_range
        self.alignment = math.lcm(step, alignment)

    def halo(self, value_range: float) -> int | None:
        """Radius of the receptive field, as the file says or as found by changing pixels.

        Parameters
        ----------
        value_range : float
            It expects values in ``[0, value_range]``.
        """
        if self._halo == "measure":
            with limited(self, PROBE_SECONDS):
                self._halo = reach(self, value_range)
        return self._halo

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s·H, s·W)``; sides that are no multiple of the step are extended for it."""
        height, width = x.shape[-2:]
        below, right = -height % self.step, -width % self.step
        if below or right:
            x = functional.pad(x, (0, right, 0, below), mode="replicate")
        y = torch.cat([self.program(each) for each in (x.split(1) if self.one_by_one else (x,))])
        expected = (len(x), self.in_channels, *(self.scale * side for side in x.shape[-2:]))
        if y.shape != expected:
            raise ProgramError(f"the model gives {tuple(y.shape)} for {tuple(x.shape)}")
        return y[..., : height * self.scale, : width * self.scale]


def read_foreign(path: Path, kind: Kind, sha256: str) -> tuple[dict[str, str], Assembled]:
    """Open a TorchScript or ONNX file and find out what it does by running it.

    Parameters
    ----------
    path : Path
        The file, whose author the user trusts.
    kind : {"torchscript", "onnx"}
        What the file holds.
    sha256 : str
        Of the file.

    Returns
    -------
    metadata : dict of str to str
        What the file says about itself.
    assembled : Assembled
        The program in a `ForeignNetwork`.

    Raises
    ------
    ModelLoadError
        If it cannot be opened or is no super-resolution network.
    """
    program = SandboxedProgram(path, kind, sha256)
    try:
        with program.within(PROBE_SECONDS):
            network = adapt(program, path.name, program.metadata, program.channels)
    except BaseException:
        program.close()
        raise
    return program.metadata, Assembled(ONNX if kind == "onnx" else TORCHSCRIPT, {}, network)


def adapt(
    program: nn.Module, name: str, metadata: dict[str, str], channels: int | None = None
) -> ForeignNetwork:
    """Find out what a program does by running it, and give it the manners of a network.

    Parameters
    ----------
    program : torch.nn.Module
        Takes a tensor and gives one.
    name : str
        The file, for messages.
    metadata : dict
        Its ``halo`` is believed, its ``in_channels`` tried first.
    channels : int, optional
        Number of input channels, where it is known.

    Raises
    ------
    ModelLoadError
        If it does not take images to images that are a whole number of times as large.
    """
    first = metadata.get("in_channels")
    likely = sorted((3, 1), key=lambda count: str(count) != first)
    scale, count = _scale_and_channels(program, name, [channels] if channels else likely)
    height, width = _SIDES
    step = next(
        (
            step
            for step in _STEPS
            if _factor(program, count, height + step, width - step, 1) == scale
        ),
        None,
    )
    if step is None:
        raise ModelLoadError(
            f"{name}: takes only images of certain sizes; export it with dynamic height and width"
        )
    halo = metadata.get("halo")
    if halo and not (
        halo.isascii() and halo.isdecimal() and len(halo) < 5 and int(halo) <= _MOST_HALO
    ):
        halo = None
    return ForeignNetwork(
        program,
        scale,
        count,
        step,
        one_by_one=_factor(program, count, height, width, 2) != scale,
        halo="measure" if halo is None else int(halo) if halo else None,
    )


def _scale_and_channels(program: nn.Module, name: str, channels: Iterable[int]) -> tuple[int, int]:
    answers = []
    for count in channels:
        known = 1 <= count <= _MOST_CHANNELS
        found = _factor(program, count, *_SIDES, 1) if known else "not tried"
        if isinstance(found, int) and count in (1, 3):
            return found, count
        said = found.removeprefix(f"{name}: ") if isinstance(found, str) else f"x{found}"
        answers.append(f"{count} channels: {one_line(said, 120)}")
    raise ModelLoadError(
        f"{name}: should take images (N, 1 or 3, H, W) to images a whole number of times as large "
        f"({'; '.join(answers)})"
    )


def _factor(program: nn.Module, channels: int, height: int, width: int, count: int) -> int | str:
    """How many times larger the output is, or why that cannot be said."""
    x = torch.full((count, channels, height, width), 0.5)
    try:
        with torch.inference_mode():
            y = program(x)
    except (RuntimeError, ValueError, TypeError) as error:
        return (str(error).strip().splitlines() or [type(error).__name__])[-1]
    if not isinstance(y, Tensor):
        return f"gives a {type(y).__name__}"
    scale = y.shape[-1] // width
    if scale < 1 or y.shape != (count, channels, scale * height, scale * width):
        return f"gives {tuple(y.shape)} for {tuple(x.shape)}"
    return scale
