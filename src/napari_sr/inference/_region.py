"""Region: one tile between its window of the input and its pixels of the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from napari_sr.inference._tiles import Span
    from napari_sr.inference._zoom import Zoom


@dataclass(frozen=True, slots=True)
class Strip:
    """A region along one axis."""

    zoom: Zoom
    start: int
    """First pixel of the window."""
    out: Span
    """Output pixels to be made."""

    def enlarge(self, x: Tensor, axis: int) -> Tensor:
        """Bicubically, from the window."""
        return self.zoom.direct.apply(x, axis, self.out, self.start)

    def finish(self, y: Tensor, axis: int) -> Tensor:
        """From what the networks made of the window: cut, or reduce."""
        origin = self.start * self.zoom.native
        if self.zoom.reduction is None:
            return y.narrow(axis, self.out.start - origin, self.out.length)
        return self.zoom.reduction.apply(y, axis, self.out, origin)


@dataclass(frozen=True, slots=True)
class Region:
    """A tile's output pixels and where they come from."""

    y: Strip
    x: Strip

    def enlarge(self, window: Tensor) -> Tensor:
        """Bicubic output pixels from a window ``(samples, Y, X)`` of the input."""
        return self.y.enlarge(self.x.enlarge(window, -1), -2)

    def finish(self, window: Tensor) -> Tensor:
        """Output pixels from a window that the networks enlarged."""
        return self.x.finish(self.y.finish(window, -2), -1)
