"""Self-ensemble: the mean of what a network says to an image flipped and rotated in all eight ways."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from napari_sr.inference._runner import Place, Runner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

WAYS = tuple(product((False, True), repeat=3))
"""Whether to flip Y, flip X, and then swap Y and X."""


class Turned:
    """Gives a runner turned windows, and turns its answers back.

    Parameters
    ----------
    runner : Runner
        What runs.
    way : tuple of bool
        One of `WAYS`.
    """

    def __init__(self, runner: Runner, way: tuple[bool, ...]) -> None:
        self.scale = runner.scale
        self._runner, self._way = runner, way

    def __call__(self, batch: Tensor, place: Place) -> Tensor:
        """Enlarge windows."""
        up, left, swap = self._way
        window = batch.shape[-2], batch.shape[-1]
        answer = self._runner(_turn(batch, up, left, swap), _turned(place, window, up, left, swap))
        return _turn_back(answer, up, left, swap)


class Ensemble:
    """Averages a runner over the eight symmetries of the square.

    Parameters
    ----------
    runners : sequence of Runner
        One `Turned` for each of `WAYS`: the same network, but a turned image has statistics of its own.

    References
    ----------
    R. Timofte et al., Seven ways to improve example-based single image super resolution, CVPR 2016.
    """

    def __init__(self, runners: Sequence[Runner]) -> None:
        self.scale = runners[0].scale
        self._runners = tuple(runners)

    def __call__(self, batch: Tensor, place: Place) -> Tensor:
        """Enlarge windows."""
        answers = (runner(batch, place) for runner in self._runners)
        total = next(answers)
        for answer in answers:
            total = total + answer
        return total / len(self._runners)


def _turn(x: Tensor, up: bool, left: bool, swap: bool) -> Tensor:
    x = x.flip([axis for axis, flip in ((-2, up), (-1, left)) if flip])
    return x.mT if swap else x


def _turn_back(y: Tensor, up: bool, left: bool, swap: bool) -> Tensor:
    y = y.mT if swap else y
    return y.flip([axis for axis, flip in ((-2, up), (-1, left)) if flip])


def _turned(place: Place, window: tuple[int, int], up: bool, left: bool, swap: bool) -> Place:
    """Where turned windows lie in the turned image."""
    (height, width), (h, w) = place.size, window
    origins = [
        (height - y - h if up else y, width - x - w if left else x) for y, x in place.origins
    ]
    boxes = []
    for t, u, b, v in place.interiors:
        top, bottom = (h - b, h - t) if up else (t, b)
        start, stop = (w - v, w - u) if left else (u, v)
        boxes.append((start, top, stop, bottom) if swap else (top, start, bottom, stop))
    if swap:
        return Place((width, height), tuple((x, y) for y, x in origins), tuple(boxes), place.sample)
    return Place(place.size, tuple(origins), tuple(boxes), place.sample)
