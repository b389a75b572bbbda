"""The student: a copy of a network that learns for a while, and remembers itself at its best.

A batch has three kinds of patches: of the image made smaller; of the image softened first, so that the small one is no
sharper than the image that will be enlarged; and of the image as it is, where nobody knows the truth and the base says
what to do.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_sr.architectures import registry
from napari_sr.architectures.bicubic import Bicubic
from napari_sr.errors import ModelLoadError
from napari_sr.training._average import WeightAverage
from napari_sr.training.losses import Balanced

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_sr.models import Model
    from napari_sr.training._dataset import Pair
    from napari_sr.training._own_image import Tiles

_LR, _LR_SMALL = 3e-4, 2e-3
_SMALL = 50_000
"""Parameters below which a network takes, and needs, the higher rate."""
_BATCH, _PATCH = 16, 40
_SOFT, _FOLLOW = 0.4, 0.3
"""Parts of a batch that are softened, and that follow the base."""
_SQUARES = 0.3
"""Weight of L2 beside L1, chosen on four micrographs at x4. With L2 alone one gains far more, and another nothing."""
_WARM_UP = 20
_STEPS = 200
"""Fewest steps in the whole time; if they take longer, batches are made smaller."""
_LOOKS = 24
"""How often, over the whole time, the held-out tiles are looked at."""
_PATIENCE = 10
"""Looks without anything better after which it stops."""


@dataclass(frozen=True, slots=True)
class FineTuneProgress:
    """How far it is."""

    seconds: float
    """Spent so far."""
    budget: float
    """Seconds that it may take."""
    gain: float
    """Best so far, in dB over the base, on the tiles by which it is chosen when to stop."""


class Student:
    """A copy of a model's network that learns.

    Parameters
    ----------
    model : Model
        The base.
    scale : int
        A native scale of it.
    device : torch.device
        Where it learns.

    Raises
    ------
    ModelLoadError
        If there is nothing in it that can learn.
    """

    def __init__(self, model: Model, scale: int, device: torch.device) -> None:
        state = model.network(scale).state_dict()
        if not state:
            raise ModelLoadError(
                f"{model.id} has no weights that could be trained; choose another base"
            )
        try:
            architecture, self.config = registry.detect(state)
        except ModelLoadError as error:
            raise ModelLoadError(
                f"{model.id} cannot be trained; choose one of our own networks"
            ) from error
        self.architecture = architecture.id
        self.range, self.device = model.card.value_range, device
        self.network = architecture.build(**self.config).to(device)
        self.network.load_state_dict(state)
        self.base: nn.Module = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.average = WeightAverage(self.network, 0.99)
        self.best: nn.Module = copy.deepcopy(self.average.network)
        self._loss = Balanced(_SQUARES)
        self.gain, self.iterations = 0.0, 0
        size = sum(each.numel() for each in self.network.parameters())
        self.rate = _LR_SMALL if size < _SMALL else _LR

    def learn(
        self, tiles: Tiles, soft: Tiles, budget: float
    ) -> Generator[FineTuneProgress, None, None]:
        """Train for so many seconds, or until the tiles to choose by have not gained for long.

        Weights are better where tiles gain and softened ones do not lose.
        """
        generator = torch.Generator().manual_seed(0)
        optimiser = torch.optim.Adam(self.network.parameters(), lr=_LR, betas=(0.9, 0.99))
        sharp, blurred = (self.psnr(self.base, each.choose) for each in (tiles, soft))
        looked, idle, batch = 0.0, 0, _BATCH

        def look() -> bool:
            gain = self.psnr(self.average.network, tiles.choose) - sharp
            return self._look(gain, self.psnr(self.average.network, soft.choose) - blurred)

        begun = time.monotonic()  # the first run of a network takes long, and is none of training
        while (spent := time.monotonic() - begun) < budget and idle < _PATIENCE:
            for group in optimiser.param_groups:
                group["lr"] = self._rate(spent / budget)
            step = time.monotonic()
            self._step(*self._batch(tiles, soft, batch, generator), optimiser)
            if time.monotonic() - step > budget / _STEPS:
                batch = max(4, batch // 2)
            if time.monotonic() - begun - looked > budget / _LOOKS:
                looked = time.monotonic() - begun
                idle = 0 if look() else idle + 1
            yield FineTuneProgress(time.monotonic() - begun, budget, self.gain)
        look()

    def psnr(self, network: nn.Module, pairs: list[Pair]) -> float:
        """PSNR over all pixels of some tiles, one scale of border left out."""
        where = next(network.parameters()).device
        return _psnr(pairs, lambda small: self._run(network, small.to(where)).cpu())

    def _look(self, gain: float, soft: float) -> bool:
        if not (gain > self.gain and soft >= 0):  # nor if one is NaN
            return False
        self.gain, self.best = gain, copy.deepcopy(self.average.network)
        return True

    def _rate(self, share: float) -> float:
        warm = min(1.0, (self.iterations + 1) / _WARM_UP)
        return self.rate * warm * (1 + math.cos(math.pi * min(share, 1.0))) / 2

    def _batch(
        self, tiles: Tiles, soft: Tiles, size: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """What the network sees, and what it is to make of it."""
        n_soft, n_follow = (max(1, round(part * size)) for part in (_SOFT, _FOLLOW))
        pairs = [
            tiles.draw(max(1, size - n_soft - n_follow), _PATCH, generator),
            soft.draw(n_soft, _PATCH, generator),
        ]
        own = tiles.draw_large(n_follow, pairs[0][0].shape[-1], generator).to(self.device)
        small, large = (torch.cat(each).to(self.device) for each in zip(*pairs, strict=True))
        with torch.no_grad():
            followed = self._run(self.base, own)
        return torch.cat([small, own]), torch.cat([large, followed])

    def _run(self, network: nn.Module, small: Tensor) -> Tensor:
        """A network's output where white is 1."""
        output: Tensor = network(small * self.range)
        return output / self.range

    def _step(self, small: Tensor, large: Tensor, optimiser: torch.optim.Adam) -> None:
        loss = self._loss(self._run(self.network, small), large)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()
        self.average.update(self.network)
        self.iterations += 1


def psnr_of_bicubic(pairs: list[Pair], scale: int) -> float:
    """What interpolation alone reaches on the same pixels."""
    network = Bicubic(scale)
    # it takes one channel
    return _psnr(pairs, lambda small: network(small.transpose(0, 1)).transpose(0, 1))


@torch.inference_mode()
def _psnr(pairs: list[Pair], enlarge: Callable[[Tensor], Tensor]) -> float:
    error = 0.0
    border = pairs[0].large.shape[-1] // pairs[0].small.shape[-1]
    for pair in pairs:
        difference = enlarge(pair.small).clamp(0, 1) - pair.large
        error += float(difference[..., border:-border, border:-border].square().mean())
    return -10 * math.log10(max(error / len(pairs), 1e-12))
