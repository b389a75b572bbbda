"""Tiles: how a stack of images is cut so that the result does not change.

A tile is the part of the input whose output is kept; its halo is the context read around it and thrown away; tile
and halo together are its window. With a halo of at least the network's receptive-field radius the stitched output
equals the untiled one. All windows of a run have one shape: at the border of the image they are shifted inwards, so a
network pads with zeros only where it would for the whole image.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_sr.imaging import Axes


class Span(NamedTuple):
    """Pixels ``start <= i < stop`` along one axis."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """Number of pixels."""
        return self.stop - self.start

    @property
    def slice(self) -> slice:
        """For indexing an array."""
        return slice(self.start, self.stop)

    def shifted(self, offset: int) -> Span:
        """The same pixels counted from another origin."""
        return Span(self.start + offset, self.stop + offset)


class Tile(NamedTuple):
    """The part of one window whose output is kept."""

    frame: int
    """Number of the image in its stack."""
    y: Span
    x: Span


@dataclass(frozen=True, slots=True)
class AxisTiling:
    """How one axis is cut into tiles and windows."""

    bounds: Span
    """Pixels that can be read."""
    window: int
    """Length of every window."""
    halo: int
    """Context at either end of a tile, where the image does not end."""
    alignment: int = 1
    """Windows start at multiples of it."""

    @classmethod
    def fitted_to(
        cls, tiles: Iterable[Span], bounds: Span, halo: int, alignment: int = 1
    ) -> AxisTiling:
        """Windows just long enough for each of these tiles; a tile at the image's end needs one halo only."""
        needs = (
            min(bounds.stop, tile.stop + halo)
            - max(bounds.start, _aligned(tile.start - halo, alignment))
            for tile in tiles
        )
        return cls._aligned_window(max(needs, default=bounds.length), bounds, halo, alignment)

    @classmethod
    def for_any_position(cls, tile: int, bounds: Span, halo: int, alignment: int = 1) -> AxisTiling:
        """Windows long enough for tiles of this length wherever they lie."""
        return cls._aligned_window(tile + 2 * halo + alignment - 1, bounds, halo, alignment)

    @classmethod
    def _aligned_window(cls, window: int, bounds: Span, halo: int, alignment: int) -> AxisTiling:
        # The last window must also start at a multiple of the alignment, and end where the image ends.
        window += (bounds.length - window) % alignment
        return cls(bounds, min(bounds.length, window), halo, alignment)

    def start(self, tile: Span) -> int:
        """First pixel of a tile's window."""
        first = _aligned(tile.start - self.halo, self.alignment)
        return max(self.bounds.start, min(first, self.bounds.stop - self.window))


def _aligned(pixel: int, alignment: int) -> int:
    return pixel // alignment * alignment


def split(span: Span, longest: int) -> list[Span]:
    """Cut a span into the fewest pieces no longer than `longest`, about equally long."""
    count = count_pieces(span.length, longest)
    ends = [span.start + span.length * i // count for i in range(count + 1)]
    return [Span(a, b) for a, b in itertools.pairwise(ends)]


def count_pieces(length: int, longest: int) -> int:
    """How many pieces `split` makes."""
    return max(1, math.ceil(length / longest))


def longest_piece(length: int, longest: int) -> int:
    """Length of the longest piece that `split` makes."""
    return math.ceil(length / count_pieces(length, longest))


def cut_tiles(frames: int, y: Span, x: Span, tile: tuple[int, int]) -> Iterator[Tile]:
    """All tiles of a stack, frame by frame, row by row."""
    rows, columns = split(y, tile[0]), split(x, tile[1])
    for frame in range(frames):
        for row in rows:
            for column in columns:
                yield Tile(frame, row, column)


class ImageStack:
    """The images of a stack, in the order of their axes.

    Parameters
    ----------
    array : numpy array
        All of the stack, or a block of it.
    axes : Axes
        Of `array`.
    origin : tuple of int
        Row and column of the whole image at which the block begins.
    channel : int
        Channel of the whole stack at which it begins.
    """

    def __init__(
        self, array: NDArray[Any], axes: Axes, origin: tuple[int, int] = (0, 0), channel: int = 0
    ) -> None:
        view = array.transpose(axes.order)
        self._view = view if "S" in axes.letters else np.expand_dims(view, -3)
        self._stack = axes.stack_shape
        self._origin, self._channel = origin, channel
        letters = [axes.letters[i] for i in axes.stack]
        self._channel_axis = letters.index("C") if "C" in letters else None

    def __len__(self) -> int:
        return int(np.prod(self._stack, dtype=np.int64))

    @property
    def bounds(self) -> tuple[Span, Span]:
        """Rows and columns that exist here, counted in the whole image."""
        height, width = self._view.shape[-2:]
        y, x = self._origin
        return Span(y, y + height), Span(x, x + width)

    def channel(self, frame: int) -> int:
        """Channel of a frame."""
        if self._channel_axis is None:
            return 0
        return self._channel + int(self._index(frame)[self._channel_axis])

    def by_channel(self, channels: int) -> list[list[NDArray[Any]]]:
        """Views of the whole frames of each channel, shape (samples, Y, X)."""
        whole = self.bounds
        images: list[list[NDArray[Any]]] = [[] for _ in range(channels)]
        for frame in range(len(self)):
            images[self.channel(frame)].append(self.read(frame, *whole))
        return images

    def read(self, frame: int, y: Span, x: Span) -> NDArray[Any]:
        """View of a part of a frame, shape (samples, Y, X), counted in the whole image."""
        rows, columns = y.shifted(-self._origin[0]), x.shifted(-self._origin[1])
        view: NDArray[Any] = self._view[
            (*self._index(frame), slice(None), rows.slice, columns.slice)
        ]
        return view

    def write(self, frame: int, y: Span, x: Span, values: NDArray[Any]) -> None:
        """Set a part of a frame, shape (samples, Y, X), counted in the whole image."""
        self.read(frame, y, x)[...] = values

    def _index(self, frame: int) -> tuple[Any, ...]:
        return tuple(np.unravel_index(frame, self._stack)) if self._stack else ()
