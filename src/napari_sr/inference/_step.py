"""Step: one batch of tiles from intensities to intensities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_sr.imaging import from_unit, to_dtype, to_unit
from napari_sr.inference import _holes
from napari_sr.inference._colour import choose_path
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
    runner : Runner
        What enlarges a batch of windows.
    """

    def __init__(self, plan: Plan, frames: Frames, ranges: Ranges, runner: Runner) -> None:
        self._plan, self._frames, self._ranges, self._runner = plan, frames, ranges, runner
        sizes = zip(plan.axes.size, plan.scale, strict=True)
        self._zooms = tuple(Zoom(size, factor, plan.native_scale) for size, factor in sizes)
        self._path = choose_path(plan.model.card.colour, plan.axes.colours)
        self._dtype = ranges.working_dtype(plan.dtype)

    def __call__(self, tiles: Sequence[Tile], cuts: tuple[Cut, Cut]) -> list[Result]:
        """Read, enlarge and cut tiles whose windows have one shape."""
        # Entered here and not around the whole run: the state belongs to the thread, which a generator shares.
        with torch.inference_mode():
            return self._enlarge(tiles, cuts)

    def _enlarge(self, tiles: Sequence[Tile], cuts: tuple[Cut, Cut]) -> list[Result]:
        windows = [_window(tile, cuts) for tile in tiles]
        raw = [self._read(tile.frame, *window) for tile, window in zip(tiles, windows, strict=True)]
        x = torch.from_numpy(np.stack(raw)).to(self._device)
        low, high = self._ends(tiles, x)
        colours = self._plan.axes.colours
        unit, rest = to_unit(x[:, :colours], low[:, :colours], high[:, :colours])
        place = Place(self._plan.axes.size, tuple((y.start, x.start) for y, x in windows))
        regions = [self._region(tile, *window) for tile, window in zip(tiles, windows, strict=True)]
        parts = self._path(unit, self._runner, place, regions)
        results = []
        for i, (tile, region, part) in enumerate(zip(tiles, regions, parts, strict=True)):
            out = from_unit(part, low[i, :colours], high[i, :colours])
            if rest[i].any():
                out = out + region.enlarge(rest[i])
            if colours < x.shape[1]:
                alpha = region.enlarge(x[i, colours:]).clip(low[i, colours:], high[i, colours:])
                out = torch.cat([out, alpha])
            results.append(self._result(tile, windows[i], region, out))
        return results

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

    def _result(self, tile: Tile, window: tuple[Span, Span], region: Region, out: Tensor) -> Result:
        values = to_dtype(out.cpu().numpy(), self._plan.dtype)
        source = self._frames.read(tile.frame, tile.y, tile.x)
        if source.dtype.kind == "f" and not np.isfinite(source).all():
            rows, columns = (
                strip.zoom.nearest(strip.out) - span.start
                for strip, span in zip((region.y, region.x), (tile.y, tile.x), strict=True)
            )
            _holes.restore(values, source, rows, columns)
        return Result(tile.frame, region.y.out, region.x.out, values)


def _window(tile: Tile, cuts: tuple[Cut, Cut]) -> tuple[Span, Span]:
    starts = [cut.start(span) for cut, span in zip(cuts, (tile.y, tile.x), strict=True)]
    y, x = (Span(start, start + cut.window) for start, cut in zip(starts, cuts, strict=True))
    return y, x


def _wider(span: Span, bounds: Span) -> Span:
    return Span(
        max(span.start - _holes.RADIUS, bounds.start), min(span.stop + _holes.RADIUS, bounds.stop)
    )
