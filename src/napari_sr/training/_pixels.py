"""Pixel stores: images of any size in one block of memory, from which a batch of patches is gathered at once.

One gather with computed indices replaces a loader process and a crop, flip and rotation for each patch, so that the
processor spends nearly all of its time on the network.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Corners:
    """Position and orientation of each patch of a batch."""

    image: Tensor
    """(N,) index of the image."""
    y: Tensor
    """(N,) top row, in small pixels."""
    x: Tensor
    """(N,) left column, in small pixels."""
    turn: Tensor
    """(N, 3) booleans: flip rows, flip columns, swap rows and columns."""

    def select(self, indices: Tensor) -> Corners:
        """Corners of some patches of the batch."""
        return Corners(self.image[indices], self.y[indices], self.x[indices], self.turn[indices])


class PixelStore:
    """Images end to end in one tensor, in main memory or on a GPU.

    Parameters
    ----------
    images : list of tensors, shape (Y, X, C)
        All of one type and number of channels, of any size.
    """

    def __init__(self, images: list[Tensor]) -> None:
        self.height = torch.tensor([im.shape[0] for im in images])
        self.width = torch.tensor([im.shape[1] for im in images])
        sizes = self.height * self.width
        self.offset = torch.cumsum(sizes, 0) - sizes
        self.pixels = torch.cat([im.reshape(-1, im.shape[2]) for im in images])

    def __len__(self) -> int:
        return len(self.offset)

    def image(self, index: int) -> Tensor:
        """One whole image, shape (Y, X, C)."""
        start, h, w = int(self.offset[index]), int(self.height[index]), int(self.width[index])
        return self.pixels[start : start + h * w].view(h, w, -1)

    def with_pixels(self, pixels: Tensor) -> PixelStore:
        """Images of the same sizes with other pixels, shape (pixels, C)."""
        other = copy.copy(self)
        other.pixels = pixels
        return other

    def patches(self, corners: Corners, side: int, scale: int = 1) -> Tensor:
        """Gather square patches, flipped and rotated as the corners say.

        Parameters
        ----------
        corners : Corners
            In small pixels.
        side : int
            Of the patches, in small pixels.
        scale : int
            Pixels of this store per small pixel.

        Returns
        -------
        tensor, shape (N, C, side * scale, side * scale)
            In the type of the store.
        """
        n = side * scale
        device = self.pixels.device
        flip_y, flip_x, swap = corners.turn.to(device).unbind(1)
        along = torch.arange(n, device=device)
        rows = torch.where(flip_y[:, None], n - 1 - along, along)[:, :, None]
        columns = torch.where(flip_x[:, None], n - 1 - along, along)[:, None, :]
        swapped = swap[:, None, None]
        width = self.width[corners.image]
        first = self.offset[corners.image] + corners.y * scale * width + corners.x * scale
        first, width = (each.to(device)[:, None, None] for each in (first, width))
        y, x = torch.where(swapped, columns, rows), torch.where(swapped, rows, columns)
        return self.pixels[first + y * width + x].permute(0, 3, 1, 2)


def random_corners(
    height: Tensor,
    width: Tensor,
    batch: int,
    side: int,
    generator: torch.Generator,
    *,
    balanced: bool = False,
) -> Corners:
    """Draw corners from all images, each place in an image with the same probability.

    Parameters
    ----------
    height, width : tensors of int, shape (images,)
        Sizes of the small images, none below ``side``.
    batch, side : int
        Number of patches and their side, in small pixels.
    generator : torch.Generator
        Source of randomness.
    balanced : bool
        Draw each image with the same probability instead, whatever its size.
    """
    room = (height - side + 1) * (width - side + 1)
    weights = torch.ones_like(room) if balanced else room
    image = torch.multinomial(weights.float(), batch, replacement=True, generator=generator)
    y = (torch.rand(batch, generator=generator) * (height[image] - side + 1)).long()
    x = (torch.rand(batch, generator=generator) * (width[image] - side + 1)).long()
    turn = torch.rand(batch, 3, generator=generator) < 0.5
    return Corners(image, y, x, turn)


def most_detailed(store: PixelStore, corners: Corners, side: int, candidates: int) -> Corners:
    """Choose the most detailed patch of each group of consecutive candidates.

    Large parts of photographs are sky and blur, which a network learns within some hundred steps. If two candidates
    are compared, the most detailed patch of all is used twice as often and the plainest one hardly ever.

    Parameters
    ----------
    store : PixelStore
        Small images.
    corners : Corners
        A multiple of ``candidates``.
    side : int
        Of the patches, in small pixels.
    candidates : int
        Size of a group.

    Returns
    -------
    Corners
        One of each group, in their order. Detail is the mean absolute difference of neighboring pixels.
    """
    pixels = store.patches(corners, side).float()
    down, along = (pixels.diff(dim=axis).abs().mean((1, 2, 3)) for axis in (2, 3))
    best = (down + along).view(-1, candidates).argmax(1).cpu()
    return corners.select(torch.arange(len(best)) * candidates + best)
