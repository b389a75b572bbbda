"""An array of any axes seen as a stack of images ``(samples, Y, X)``, without copying it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.inference._tiles import Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sr.imaging import Axes


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
