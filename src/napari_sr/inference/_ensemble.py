"""Self-ensemble: the mean of what a network says to an image flipped and rotated in all eight ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sr.inference._runner import Place, Runner

if TYPE_CHECKING:
    from torch import Tensor

_WAYS = [
    (transpose, up, left)
    for transpose in (False, True)
    for up in (False, True)
    for left in (False, True)
]


class Ensemble:
    """Averages a runner over the eight symmetries of the square.

    Parameters
    ----------
    runner : Runner
        What to average.

    References
    ----------
    R. Timofte et al., Seven ways to improve example-based single image super resolution, CVPR 2016.
    """

    def __init__(self, runner: Runner) -> None:
        self.scale = runner.scale
        self._runner = runner

    def __call__(self, batch: Tensor, place: Place) -> Tensor:
        """Enlarge windows."""
        total: Tensor | None = None
        for way in _WAYS:
            turned, there = (
                _turn(batch, *way),
                _turned(place, (batch.shape[-2], batch.shape[-1]), *way),
            )
            y = _turn_back(self._runner(turned, there), *way)
            total = y if total is None else total + y
        assert total is not None
        return total / len(_WAYS)


def _turn(x: Tensor, transpose: bool, up: bool, left: bool) -> Tensor:
    x = x.flip([axis for axis, flip in ((-2, up), (-1, left)) if flip])
    return x.mT if transpose else x


def _turn_back(y: Tensor, transpose: bool, up: bool, left: bool) -> Tensor:
    y = y.mT if transpose else y
    return y.flip([axis for axis, flip in ((-2, up), (-1, left)) if flip])


def _turned(place: Place, window: tuple[int, int], transpose: bool, up: bool, left: bool) -> Place:
    """Where turned windows lie in the turned image."""
    (height, width), (h, w) = place.size, window
    origins = tuple(
        (height - y - h if up else y, width - x - w if left else x) for y, x in place.origins
    )
    if not transpose:
        return Place(place.size, origins)
    return Place((width, height), tuple((x, y) for y, x in origins))
