"""Networks that are programs rather than tensors: TorchScript and ONNX files, and networks of other libraries.

What a program does is determined by running it: its number of channels, its scale, of what its sides must be multiples,
and its receptive field. The networks of this project are probed with NaN in float64, which no choice of weights can
hide. A program may take float32 only and swallow NaN; therefore pixels are inverted, and every output that changes
depends on them. The result is verified: a part of an image must give the same output alone as within the whole.
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
from napari_sr.models._sandbox import SandboxedProgram, limited

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_sr.models._files import Kind

__all__ = ["ExternalNetwork", "Tiling", "probe_receptive_field", "read_program", "wrap_program"]

Tiling = Literal["allowed", "discouraged", "never"]
"""Whether an image may be cut into tiles: without a warning, with a warning about seams, or not at all."""

_STEPS = (1, 2, 4, 8, 16, 32)
"""Multiples that are tried for height and width; networks reduce images by powers of two."""
_PRECISIONS = frozenset({"float32", "bfloat16", "float16"})
"""Number formats of a program about which nothing is known."""
PROBE_SECONDS = 180
"""For all runs together by which is found out what a program does."""
_MOST_HALO = 4096
"""Radius of the receptive field that is believed of a file."""
_MOST_CHANNELS = 16
"""Channels of images that are tried: beyond, the test image itself would take too much memory."""
_SIDES = (64, 96)
"""Height and width of the first test: multiples of every step."""


def _unknown(*_: object, **__: object) -> None:
    """Recognize no tensors: a program is not rebuilt from them."""


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


class ExternalNetwork(nn.Module):
    """Adapter that gives a program the interface of a network: any size and batch, ``scale`` and ``in_channels``.

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
        Radius of its receptive field in low-resolution pixels, or None if no halo makes tiles equal the whole
        image; ``"measure"`` if the file does not state it.
    alignment : int
        Tiles should start at multiples of this and of `step`.
    tiling : {"allowed", "discouraged", "never"}, optional
        See `Tiling`. None: allowed if its halo is known, otherwise discouraged.
    precisions : frozenset of str
        Number formats in which it can be run.
    value_range : float, optional
        It expects values in ``[0, value_range]``; None if that is not known.
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
        """Radius of the receptive field, as the file states or as measured.

        Parameters
        ----------
        value_range : float
            It expects values in ``[0, value_range]``.

        Returns
        -------
        int or None
            In low-resolution pixels; None if it is unbounded.
        """
        if self._halo == "measure":
            with limited(self, PROBE_SECONDS):
                self._halo = probe_receptive_field(self, value_range)
        return self._halo

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s·H, s·W)``; images are padded to multiples of the step and cropped again."""
        height, width = x.shape[-2:]
        below, right = -height % self.step, -width % self.step
        if below or right:
            x = functional.pad(x, (0, right, 0, below), mode="replicate")
        y = torch.cat([self.program(each) for each in (x.split(1) if self.one_by_one else (x,))])
        expected = (len(x), self.in_channels, *(self.scale * side for side in x.shape[-2:]))
        if y.shape != expected:
            raise ProgramError(f"the model gives {tuple(y.shape)} for {tuple(x.shape)}")
        return y[..., : height * self.scale, : width * self.scale]


def read_program(path: Path, kind: Kind, sha256: str) -> tuple[dict[str, str], Assembled]:
    """Open a TorchScript or ONNX file, and determine what it does by running it.

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
        Stored in the file.
    assembled : Assembled
        The program in an `ExternalNetwork`.

    Raises
    ------
    ModelLoadError
        If it cannot be opened or is no super-resolution network.
    """
    program = SandboxedProgram(path, kind, sha256)
    try:
        with program.within(PROBE_SECONDS):
            network = wrap_program(program, path.name, program.metadata, program.channels)
    except BaseException:
        program.close()
        raise
    return program.metadata, Assembled(ONNX if kind == "onnx" else TORCHSCRIPT, {}, network)


def wrap_program(
    program: nn.Module, name: str, metadata: dict[str, str], channels: int | None = None
) -> ExternalNetwork:
    """Determine what a program does by running it, and give it the interface of a network.

    Parameters
    ----------
    program : torch.nn.Module
        Maps a tensor to a tensor.
    name : str
        The file, for messages.
    metadata : dict
        Its ``halo`` is used, and its ``in_channels`` tried first.
    channels : int, optional
        Number of input channels, if known.

    Returns
    -------
    ExternalNetwork
        The adapted program.

    Raises
    ------
    ModelLoadError
        If it does not map images to images that are larger by a whole factor.
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
    return ExternalNetwork(
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
    """Ratio of output to input size, or the reason why there is none."""
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


_STRIP_WIDTH = 32
"""Pixels: the largest of `_STEPS`, so that every program takes the test strips."""
_STRIP_LENGTHS = (96, 288, 768)
"""Pixels, all multiples of every step. The receptive field of most networks is shorter than the first."""
_STRIPS = 2
"""Random strips in a test: a change that one of them hides, behind a ReLU for example, shows in the other."""
_ROUNDING = 1e-6
"""Largest difference between a part and the whole, divided by the largest output: a few roundings of float32."""


def probe_receptive_field(network: ExternalNetwork, value_range: float) -> int | None:
    """Measure the radius of the receptive field of a program.

    Parameters
    ----------
    network : ExternalNetwork
        The program.
    value_range : float
        It expects values in ``[0, value_range]``.

    Returns
    -------
    int or None
        In low-resolution pixels. None if it is larger than 380 pixels, or if the output depends on which part of
        an image the program is given, so that no halo makes tiles equal the whole.
    """
    for length in _STRIP_LENGTHS:
        found = max(_reach_along(network, value_range, length, axis) for axis in (2, 3))
        if found < length // 2 - network.step:
            return found if _is_local(network, value_range, found) else None
    return None


def _strips(network: ExternalNetwork, value_range: float, length: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (_STRIPS, network.in_channels, length, _STRIP_WIDTH)
    # darker at one end, so that statistics of a part are not those of the whole
    shading = torch.linspace(0.2, 1, length)[:, None]
    return torch.rand(shape, generator=generator) * shading * value_range


def _reach_along(network: ExternalNetwork, value_range: float, length: int, axis: int) -> int:
    """Largest distance along a strip between a changed pixel and an output that changes with it."""
    x = _strips(network, value_range, length)
    before = _run_along(network, x, axis)
    return max(
        _distance(before, network, x, position, axis, value_range)
        for position in range(length // 2, length // 2 + network.step)
    )


def _distance(
    before: Tensor, network: ExternalNetwork, x: Tensor, at: int, axis: int, value_range: float
) -> int:
    changed = x.clone()
    changed[:, :, at, _STRIP_WIDTH // 2] = value_range - changed[:, :, at, _STRIP_WIDTH // 2]
    differs = (_run_along(network, changed, axis) != before).any(dim=3).any(dim=1).any(dim=0)
    rows = differs.reshape(x.shape[2], -1).any(dim=1).nonzero().flatten()
    return int((rows - at).abs().max()) if len(rows) else 0


def _run_along(network: ExternalNetwork, x: Tensor, axis: int) -> Tensor:
    """Run a program on strips that lie along an axis; those of the result lie along axis 2."""
    with torch.inference_mode():
        y: Tensor = network(x if axis == 2 else x.transpose(2, 3))
    return y if axis == 2 else y.transpose(2, 3)


def _is_local(network: ExternalNetwork, value_range: float, halo: int) -> bool:
    """Whether a part with a halo gives the same output alone as within the whole."""
    start = 7 * network.step
    context = -(-halo // network.step) * network.step
    kept = 16 * network.step
    x = _strips(network, value_range, start + 2 * context + kept + 5 * network.step)
    whole = _run_along(network, x, 2)
    part = _run_along(network, x[:, :, start : start + 2 * context + kept], 2)
    scale = network.scale
    inner = slice(context * scale, (context + kept) * scale)
    outer = slice((start + context) * scale, (start + context + kept) * scale)
    difference = (part[:, :, inner] - whole[:, :, outer]).abs().max()
    return bool(difference <= _ROUNDING * whole.abs().max())
