"""Features pooled to a coarse grid of cells and stretched back, the same on a tile as on the whole image.

The grid belongs to the whole image: an axis of N pixels has N // stride cells, which need not be equally large and may
overlap by a pixel, as adaptive pooling defines them. A tile computes those cells of that grid which it touches;
the ones at its edges are incomplete, which is what its halo is for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sr.architectures.context import TileContext

_Axis = tuple[Tensor, Tensor]
"""Pixels of each cell, shape (cells, pixels), and the cell that each pixel takes its value from, shape (pixels)."""


def on_cells(
    x: Tensor,
    stride: int,
    change: Callable[..., Tensor],
    context: TileContext | None,
    *given: Tensor,
) -> Tensor:
    """Pool to cells by their maximum, change them, and repeat each over its pixels.

    Parameters
    ----------
    x : tensor, shape (N, C, H, W)
        Features, sides at least ``stride``.
    stride : int
        Pixels per cell, about.
    change : callable
        Of cells, shape (N, C, h, w), and of what is ``given``, to the shape of the cells.
    context : TileContext, optional
        Where the tiles lie; None: each is an image of its own.
    *given : tensors, shape (N, ...) or (1, ...)
        Further arguments of ``change``. Tiles with a context are changed one at a time, each with its own part.

    Returns
    -------
    tensor, shape (N, C, H, W)
    """
    height, width = x.shape[-2:]
    if context is not None:
        parts = [each.expand(len(x), *each.shape[1:]).split(1) for each in given]
        return torch.cat([
            _on_grid(
                tile[None],
                lambda cells, own=own: change(cells, *own),  # type: ignore[misc]
                _known_axis(context.size[0], top, height, stride, x.device),
                _known_axis(context.size[1], left, width, stride, x.device),
            )
            for tile, (top, left), *own in zip(x, context.origins, *parts, strict=True)
        ])  # fmt: skip
    if torch.onnx.is_in_onnx_export():
        # ONNX has no adaptive pooling to a size that is known only at run time
        rows, columns = (_axis(length, 0, length, stride) for length in (height, width))
        return _on_grid(x, lambda cells: change(cells, *given), rows, columns)
    cells = change(F.adaptive_max_pool2d(x, (height // stride, width // stride)), *given)
    return F.interpolate(cells, size=(height, width), mode="nearest")


def _on_grid(x: Tensor, change: Callable[[Tensor], Tensor], rows: _Axis, columns: _Axis) -> Tensor:
    cells = x[:, :, rows[0]].amax(3)[:, :, :, columns[0]].amax(4)
    return change(cells)[:, :, rows[1]][:, :, :, columns[1]]


@lru_cache(maxsize=64)
def _known_axis(whole: int, origin: int, length: int, stride: int, device: torch.device) -> _Axis:
    pixels, cell = _axis(whole, origin, length, stride)
    return pixels.to(device), cell.to(device)


def _axis(whole: int, origin: int, length: int, stride: int) -> _Axis:
    """Cells of the whole image's grid that a tile touches, along one axis.

    Written with tensor operations only, for a traced size is a tensor.
    """
    count = whole // stride
    first, last = origin * count // whole, (origin + length - 1) * count // whole
    cell = torch.arange(first, last + 1)[:, None]
    # a cell is shorter than twice the stride, even in an image of hardly more than one cell
    start, stop = cell * whole // count, ((cell + 1) * whole + count - 1) // count
    pixels = torch.minimum(start + torch.arange(2 * stride), stop - 1) - origin
    # float32, as torch computes where the nearest cell is
    ratio = torch.as_tensor(count, dtype=torch.float32) / whole
    nearest = ((torch.arange(length) + origin).float() * ratio).floor().long() - first
    return pixels.clamp(0, length - 1), nearest.clamp(0, last - first)
