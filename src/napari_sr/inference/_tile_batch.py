"""One batch of tiles: read, mapped to the networks' range, run, and mapped back to intensities.

A color path takes windows of color samples in [0, 1] and returns the part of the output that belongs to each. Networks
for luma are given the Y of RGB; Cb and Cr, in which the eye sees little detail, are enlarged bicubically.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_sr.imaging import from_unit, rgb_to_ycbcr, to_dtype, to_unit, ycbcr_to_rgb
from napari_sr.inference import _nonfinite
from napari_sr.inference._resample import AxisResampler, Strip, TileResampler
from napari_sr.inference._runners import Runner, WindowPositions
from napari_sr.inference._tiles import AxisTiling, Span, Tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sr.inference._plan import Plan
    from napari_sr.inference._ranges import Ranges
    from napari_sr.inference._tiles import ImageStack

ColorPath = Callable[[Tensor, Runner, WindowPositions, Sequence[TileResampler]], list[Tensor]]


def choose_color_path(plan: Plan) -> ColorPath:
    """The way of an image's color samples through a model."""
    native = plan.scale == (plan.native_scale,) * 2
    if plan.model.card.architecture == "bicubic" and not native:
        return _bicubic
    if plan.axes.colors == 3 and plan.model.card.color == "Y":
        return _through_luma
    single = plan.axes.colors == 1 or plan.model.card.color == "RGB"
    return _together if single else _one_by_one


def _bicubic(
    unit: Tensor, runner: Runner, positions: WindowPositions, resamplers: Sequence[TileResampler]
) -> list[Tensor]:
    """In one step: bicubic interpolation has weights for every factor."""
    return [resampler.bicubic(each) for each, resampler in zip(unit, resamplers, strict=True)]


def _together(
    unit: Tensor, runner: Runner, positions: WindowPositions, resamplers: Sequence[TileResampler]
) -> list[Tensor]:
    y = runner(unit.float(), positions).to(unit)
    return [resampler.finish(each) for each, resampler in zip(y, resamplers, strict=True)]


def _one_by_one(
    unit: Tensor, runner: Runner, positions: WindowPositions, resamplers: Sequence[TileResampler]
) -> list[Tensor]:
    outputs = [
        runner(unit[:, sample : sample + 1].float(), replace(positions, sample=sample)).to(unit)
        for sample in range(unit.shape[1])
    ]
    y = torch.cat(outputs, dim=1)
    return [resampler.finish(each) for each, resampler in zip(y, resamplers, strict=True)]


def _through_luma(
    unit: Tensor, runner: Runner, positions: WindowPositions, resamplers: Sequence[TileResampler]
) -> list[Tensor]:
    ycbcr = _mix(unit, rgb_to_ycbcr)
    luma = runner(ycbcr[:, :1].float(), positions).to(unit)
    merged = []
    for each, small, resampler in zip(luma, ycbcr, resamplers, strict=True):
        parts = [resampler.finish(each), resampler.bicubic(small[1:])]
        merged.append(_mix(torch.cat(parts)[None], ycbcr_to_rgb)[0])
    return merged


def _mix(pixels: Tensor, transform: Callable[[Any], Any]) -> Tensor:
    """Apply an affine map of three colors to a tensor ``(N, 3, Y, X)``."""
    offset = transform(np.zeros(3))
    matrix = transform(np.eye(3)) - offset
    mixed = torch.einsum("ncyx,cd->ndyx", pixels, torch.as_tensor(matrix).to(pixels))
    return mixed + torch.as_tensor(offset).to(pixels)[:, None, None]


@dataclass(frozen=True, slots=True)
class TileOutput:
    """One tile's part of the output."""

    frame: int
    y: Span
    x: Span
    values: NDArray[Any]
    """Shape (samples, Y, X), in the dtype of the image."""
    deviation: NDArray[Any] | None = None
    """Standard deviation over the runners' outputs, floating point; None for a single runner."""


@dataclass(frozen=True, slots=True)
class _Windows:
    """Windows on the device, and where they go."""

    x: Tensor
    """All samples, finite."""
    low: Tensor
    high: Tensor
    unit: Tensor
    """Color samples in [0, 1]."""
    residual: Tensor
    """Their part outside the range, as intensities."""
    positions: WindowPositions
    resamplers: tuple[TileResampler, ...]


class RunningMeanStd:
    """Mean and standard deviation of tensors of one shape that arrive one after the other (Welford 1962)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Tensor | None = None
        self._squares: Tensor | None = None

    def add(self, value: Tensor) -> None:
        """Take one more into account; it may be changed in place."""
        self._count += 1
        if self._mean is None:
            self._mean = value
            return
        step = value - self._mean
        self._mean = self._mean + step / self._count
        more = step * (value - self._mean)
        self._squares = more if self._squares is None else self._squares + more

    @property
    def mean(self) -> Tensor:
        """Mean of the values; at least one must have been added."""
        assert self._mean is not None
        return self._mean

    @property
    def deviation(self) -> Tensor:
        """Population standard deviation; zero for a single value."""
        if self._squares is None:
            return torch.zeros_like(self.mean)
        return (self._squares / self._count).clamp_min(0).sqrt()


class TileBatchProcessor:
    """Enlarges batches of tiles.

    Parameters
    ----------
    plan : Plan
        What to do.
    stack : ImageStack
        Where windows are read.
    ranges : Ranges
        Intensities of the stack.
    runners : sequence of Runner
        Each enlarges a batch of windows; the mean of several is taken.
    """

    def __init__(
        self, plan: Plan, stack: ImageStack, ranges: Ranges, runners: Sequence[Runner]
    ) -> None:
        self._plan, self._stack, self._ranges, self._runners = plan, stack, ranges, runners
        sizes = zip(plan.axes.size, plan.scale, strict=True)
        self._axes = tuple(AxisResampler(size, factor, plan.native_scale) for size, factor in sizes)
        self._path = choose_color_path(plan)
        self._dtype = ranges.working_dtype(plan.dtype)

    @property
    def outputs(self) -> int:
        """Number of outputs that are averaged for each window."""
        return len(self._runners)

    # Inference mode belongs to the thread, which a generator shares with its caller; so it is entered for each batch.

    @torch.inference_mode()
    def gather_statistics(
        self, tiles: Sequence[Tile], axis_tilings: tuple[AxisTiling, AxisTiling]
    ) -> None:
        """Run the networks only for the statistics that they gather."""
        batch = self._read_windows(tiles, axis_tilings)
        for runner in self._runners:
            self._path(batch.unit, runner, batch.positions, batch.resamplers)

    @torch.inference_mode()
    def enlarge(
        self, tiles: Sequence[Tile], axis_tilings: tuple[AxisTiling, AxisTiling]
    ) -> list[TileOutput]:
        """Read, enlarge and cut tiles whose windows have one shape."""
        batch = self._read_windows(tiles, axis_tilings)
        outputs = [RunningMeanStd() for _ in tiles]
        for runner in self._runners:
            parts = self._path(batch.unit, runner, batch.positions, batch.resamplers)
            for i, part in enumerate(parts):
                outputs[i].add(self._intensities(batch, i, part))
        return [
            self._output(tile, resampler, output)
            for tile, resampler, output in zip(tiles, batch.resamplers, outputs, strict=True)
        ]

    def _read_windows(
        self, tiles: Sequence[Tile], axis_tilings: tuple[AxisTiling, AxisTiling]
    ) -> _Windows:
        windows = [_window(tile, axis_tilings) for tile in tiles]
        raw = [self._read(tile.frame, *window) for tile, window in zip(tiles, windows, strict=True)]
        x = torch.from_numpy(np.stack(raw)).to(self._device)
        low, high = self._ends(tiles, x)
        colors = self._plan.axes.colors
        unit, residual = to_unit(x[:, :colors], low[:, :colors], high[:, :colors])
        positions = WindowPositions(
            self._plan.axes.size,
            tuple((y.start, x.start) for y, x in windows),
            tuple(_interior(tile, *window) for tile, window in zip(tiles, windows, strict=True)),
        )
        resamplers = (
            self._resampler(tile, *window) for tile, window in zip(tiles, windows, strict=True)
        )
        return _Windows(x, low, high, unit, residual, positions, tuple(resamplers))

    def _intensities(self, batch: _Windows, i: int, part: Tensor) -> Tensor:
        """Output intensities of one tile: the network's part, outliers, alpha."""
        colors, resampler = self._plan.axes.colors, batch.resamplers[i]
        out = from_unit(part, batch.low[i, :colors], batch.high[i, :colors])
        if batch.residual[i].any():
            out += resampler.bicubic(batch.residual[i])
        if colors == batch.x.shape[1]:
            return out
        alpha = resampler.bicubic(batch.x[i, colors:])
        return torch.cat([out, alpha.clip(batch.low[i, colors:], batch.high[i, colors:])])

    @property
    def _device(self) -> torch.device:
        """Where intensities are mapped; Apple's GPUs lack float64."""
        name = self._plan.device
        return torch.device("cpu" if name == "mps" and self._dtype == np.float64 else name)

    def _read(self, frame: int, y: Span, x: Span) -> NDArray[Any]:
        """A window in the working dtype, its non-finite pixels inpainted."""
        values = self._stack.read(frame, y, x)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            around = [_wider(s, b) for s, b in zip((y, x), self._stack.bounds, strict=True)]
            wide = self._stack.read(frame, *around).astype(self._dtype)
            filled = _nonfinite.inpaint(wide, self._ranges.low[self._stack.channel(frame)])
            inner = [s.shifted(-w.start).slice for s, w in zip((y, x), around, strict=True)]
            values = filled[:, inner[0], inner[1]]
        return values.astype(self._dtype)

    def _ends(self, tiles: Sequence[Tile], like: Tensor) -> tuple[Tensor, Tensor]:
        channels = [self._stack.channel(tile.frame) for tile in tiles]
        low, high = (
            torch.from_numpy(ends[channels]).to(like)[..., None, None]
            for ends in (self._ranges.low, self._ranges.high)
        )
        return low, high

    def _resampler(self, tile: Tile, y: Span, x: Span) -> TileResampler:
        strips = (
            Strip(axis, window.start, axis.output_span(span))
            for axis, window, span in zip(self._axes, (y, x), (tile.y, tile.x), strict=True)
        )
        return TileResampler(*strips)

    def _output(self, tile: Tile, resampler: TileResampler, output: RunningMeanStd) -> TileOutput:
        values = to_dtype(output.mean.cpu().numpy(), self._plan.dtype)
        deviation = output.deviation.cpu().numpy() if len(self._runners) > 1 else None
        source = self._stack.read(tile.frame, tile.y, tile.x)
        if source.dtype.kind == "f" and not np.isfinite(source).all():
            rows, columns = (
                strip.axis.source_pixels(strip.out) - span.start
                for strip, span in zip((resampler.y, resampler.x), (tile.y, tile.x), strict=True)
            )
            _nonfinite.restore(values, source, rows, columns)
            if deviation is not None:
                deviation[~np.isfinite(values)] = np.nan
        return TileOutput(tile.frame, resampler.y.out, resampler.x.out, values, deviation)


def _window(tile: Tile, axis_tilings: tuple[AxisTiling, AxisTiling]) -> tuple[Span, Span]:
    starts = [cut.start(span) for cut, span in zip(axis_tilings, (tile.y, tile.x), strict=True)]
    y, x = (
        Span(start, start + cut.window) for start, cut in zip(starts, axis_tilings, strict=True)
    )
    return y, x


def _interior(tile: Tile, y: Span, x: Span) -> tuple[int, int, int, int]:
    rows, columns = tile.y.shifted(-y.start), tile.x.shifted(-x.start)
    return rows.start, columns.start, rows.stop, columns.stop


def _wider(span: Span, bounds: Span) -> Span:
    return Span(
        max(span.start - _nonfinite.RADIUS, bounds.start),
        min(span.stop + _nonfinite.RADIUS, bounds.stop),
    )
