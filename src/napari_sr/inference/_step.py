"""Step: one batch of tiles from intensities to intensities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_sr.imaging import from_unit, to_dtype, to_unit
from napari_sr.inference import _holes
from napari_sr.inference._color import choose_path
from napari_sr.inference._moments import Moments
from napari_sr.inference._region import Region, Strip
from napari_sr.inference._runner import Place, Runner
from napari_sr.inference._tiles import Cut, Span, Tile
from napari_sr.inference._zoom import Zoom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_sr.inference._frames import Frames
    from napari_sr.inference._plan import Plan
    from napari_sr.inference._ranges import Ranges


@dataclass(frozen=True, slots=True)
class Result:
    """One tile's part of the output."""

    frame: int
    y: Span
    x: Span
    values: NDArray[Any]
    """Shape (samples, Y, X), in the dtype of the image."""
    deviation: NDArray[Any] | None = None
    """Standard deviation over the runners' answers, floating point; None if there is but one runner."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Windows on the device, and what becomes of them."""

    x: Tensor
    """All samples, without holes."""
    low: Tensor
    high: Tensor
    unit: Tensor
    """Color samples in [0, 1]."""
    rest: Tensor
    """What of them lies outside the range, as intensities."""
    place: Place
    regions: tuple[Region, ...]


class Step:
    """Enlarges batches of tiles.

    Parameters
    ----------
    plan : Plan
        What to do.
    frames : Frames
        Where windows are read.
    ranges : Ranges
        Intensities of the stack.
    runners : sequence of Runner
        What enlarges a batch of windows; of several the mean is taken.
    """

    def __init__(
        self, plan: Plan, frames: Frames, ranges: Ranges, runners: Sequence[Runner]
    ) -> None:
        self._plan, self._frames, self._ranges, self._runners = plan, frames, ranges, runners
        sizes = zip(plan.axes.size, plan.scale, strict=True)
        self._zooms = tuple(Zoom(size, factor, plan.native_scale) for size, factor in sizes)
        self._path = choose_path(plan)
        self._dtype = ranges.working_dtype(plan.dtype)

    @property
    def answers(self) -> int:
        """How many answers there are to each window."""
        return len(self._runners)

    # Inference mode is entered in each step and not around the whole run, because it belongs to the thread, which
    # a generator shares with whoever asks for the next step.

    @torch.inference_mode()
    def observe(self, tiles: Sequence[Tile], cuts: tuple[Cut, Cut]) -> None:
        """Run the networks for the statistics that they gather."""
        batch = self._batch(tiles, cuts)
        for runner in self._runners:
            self._path(batch.unit, runner, batch.place, batch.regions)

    @torch.inference_mode()
    def enlarge(self, tiles: Sequence[Tile], cuts: tuple[Cut, Cut]) -> list[Result]:
        """Read, enlarge and cut tiles whose windows have one shape."""
        batch = self._batch(tiles, cuts)
        answers = [Moments() for _ in tiles]
        for runner in self._runners:
            parts = self._path(batch.unit, runner, batch.place, batch.regions)
            for i, part in enumerate(parts):
                answers[i].add(self._intensities(batch, i, part))
        return [
            self._result(tile, region, answer)
            for tile, region, answer in zip(tiles, batch.regions, answers, strict=True)
        ]

    def _batch(self, tiles: Sequence[Tile], cuts: tuple[Cut, Cut]) -> _Batch:
        windows = [_window(tile, cuts) for tile in tiles]
        raw = [self._read(tile.frame, *window) for tile, window in zip(tiles, windows, strict=True)]
        x = torch.from_numpy(np.stack(raw)).to(self._device)
        low, high = self._ends(tiles, x)
        colors = self._plan.axes.colors
        unit, rest = to_unit(x[:, :colors], low[:, :colors], high[:, :colors])
        place = Place(
            self._plan.axes.size,
            tuple((y.start, x.start) for y, x in windows),
            tuple(_interior(tile, *window) for tile, window in zip(tiles, windows, strict=True)),
        )
        regions = (self._region(tile, *window) for tile, window in zip(tiles, windows, strict=True))
        return _Batch(x, low, high, unit, rest, place, tuple(regions))

    def _intensities(self, batch: _Batch, i: int, part: Tensor) -> Tensor:
        """Output intensities of one tile: network, outliers, alpha."""
        colors, region = self._plan.axes.colors, batch.regions[i]
        out = from_unit(part, batch.low[i, :colors], batch.high[i, :colors])
        if batch.rest[i].any():
            out += region.enlarge(batch.rest[i])
        if colors == batch.x.shape[1]:
            return out
        alpha = region.enlarge(batch.x[i, colors:])
        return torch.cat([out, alpha.clip(batch.low[i, colors:], batch.high[i, colors:])])

    @property
    def _device(self) -> torch.device:
        """Where intensities are mapped; Apple's GPUs lack float64."""
        name = self._plan.device
        return torch.device("cpu" if name == "mps" and self._dtype == np.float64 else name)

    def _read(self, frame: int, y: Span, x: Span) -> NDArray[Any]:
        """A window without holes, in the working dtype."""
        values = self._frames.read(frame, y, x)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            around = [_wider(s, b) for s, b in zip((y, x), self._frames.bounds, strict=True)]
            wide = self._frames.read(frame, *around).astype(self._dtype)
            filled = _holes.fill(wide, self._ranges.low[self._frames.channel(frame)])
            inner = [s.shifted(-w.start).slice for s, w in zip((y, x), around, strict=True)]
            values = filled[:, inner[0], inner[1]]
        return values.astype(self._dtype)

    def _ends(self, tiles: Sequence[Tile], like: Tensor) -> tuple[Tensor, Tensor]:
        channels = [self._frames.channel(tile.frame) for tile in tiles]
        low, high = (
            torch.from_numpy(ends[channels]).to(like)[..., None, None]
            for ends in (self._ranges.low, self._ranges.high)
        )
        return low, high

    def _region(self, tile: Tile, y: Span, x: Span) -> Region:
        strips = (
            Strip(zoom, window.start, zoom.owned(span))
            for zoom, window, span in zip(self._zooms, (y, x), (tile.y, tile.x), strict=True)
        )
        return Region(*strips)

    def _result(self, tile: Tile, region: Region, answer: Moments) -> Result:
        values = to_dtype(answer.mean.cpu().numpy(), self._plan.dtype)
        deviation = answer.deviation.cpu().numpy() if len(self._runners) > 1 else None
        source = self._frames.read(tile.frame, tile.y, tile.x)
        if source.dtype.kind == "f" and not np.isfinite(source).all():
            rows, columns = (
                strip.zoom.nearest(strip.out) - span.start
                for strip, span in zip((region.y, region.x), (tile.y, tile.x), strict=True)
            )
            _holes.restore(values, source, rows, columns)
            if deviation is not None:
                deviation[~np.isfinite(values)] = np.nan
        return Result(tile.frame, region.y.out, region.x.out, values, deviation)


def _window(tile: Tile, cuts: tuple[Cut, Cut]) -> tuple[Span, Span]:
    starts = [cut.start(span) for cut, span in zip(cuts, (tile.y, tile.x), strict=True)]
    y, x = (Span(start, start + cut.window) for start, cut in zip(starts, cuts, strict=True))
    return y, x


def _interior(tile: Tile, y: Span, x: Span) -> tuple[int, int, int, int]:
    rows, columns = tile.y.shifted(-y.start), tile.x.shifted(-x.start)
    return rows.start, columns.start, rows.stop, columns.stop


def _wider(span: Span, bounds: Span) -> Span:
    return Span(
        max(span.start - _holes.RADIUS, bounds.start), min(span.stop + _holes.RADIUS, bounds.stop)
    )
