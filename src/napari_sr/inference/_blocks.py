"""Blocks: how a lazy image is cut into parts that are computed at once, each over whole tiles.

Blocks are alike wherever the factor allows, the last ones apart, so that chunks of a file can follow them.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_sr.inference import _holes
from napari_sr.inference._tiles import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sr.inference._plan import Plan

Blocks = tuple[list[Span], list[Span]]

BLOCK = 1024
"""About so many input pixels a side are computed at once, as far as the input's chunks allow."""
_ROWS_BYTES = 2**28
"""Of a block's output, above which even rows of tiles are cut."""
_DENOMINATOR = 64
"""Factors that are no fraction as simple as this give blocks of unequal output."""


def depth(plan: Plan) -> int:
    """Input pixels that a block reads around it."""
    need = plan.halo + _holes.RADIUS
    return -(-need // plan.alignment) * plan.alignment


def square_blocks(plan: Plan, chunks: tuple[int, int]) -> Blocks:
    """Parts of Y and X, about square: what is looked at is a part of the image.

    Parameters
    ----------
    plan : Plan
        What will run.
    chunks : tuple of int
        Height and width of the input's chunks.

    Returns
    -------
    tuple of lists of Span
        Along Y and X.
    """
    y, x = (_pieces(plan, axis, BLOCK, chunks[axis]) for axis in (0, 1))
    return y, x


def row_blocks(plan: Plan, chunks: tuple[int, int]) -> Blocks:
    """Parts of Y and X that are whole rows of tiles: for files and clusters, where all is computed.

    Parameters
    ----------
    plan, chunks
        As for `square_blocks`.

    Returns
    -------
    tuple of lists of Span
        Along Y and X; X is cut only where even a few rows are very large.
    """
    height, width = plan.axes.size
    least = max(BLOCK // 2, min(plan.tile[0], BLOCK), BLOCK**2 // width)
    y = _pieces(plan, 0, least, chunks[0])
    if y[0].length * plan.bytes_out / (height * plan.frames) <= _ROWS_BYTES:
        return y, [Span(0, width)]
    return y, _pieces(plan, 1, BLOCK, chunks[1])


def _pieces(plan: Plan, axis: int, least: int, chunk: int) -> list[Span]:
    size = plan.axes.size[axis]
    if plan.statistics_layers:  # of the whole image
        return [Span(0, size)]
    around = depth(plan)
    side = max(least, 4 * around)
    side = -(-side // chunk) * chunk if chunk < side else side
    unit = math.lcm(plan.alignment, _denominator(plan.scale[axis]))
    side = -(-side // unit) * unit
    # What a block reads around it must lie in its neighbour.
    while side < size and 0 < size % side < around:
        side += unit
    return _cut([*range(0, size, side), size])


def _cut(ends: Sequence[int]) -> list[Span]:
    return [Span(a, b) for a, b in pairwise(ends)]


def _denominator(factor: float) -> int:
    """Input pixels that give a whole number of output pixels; 1 if only very many do."""
    simple = Fraction(factor).limit_denominator(_DENOMINATOR)
    return simple.denominator if math.isclose(simple, factor, rel_tol=1e-12) else 1
