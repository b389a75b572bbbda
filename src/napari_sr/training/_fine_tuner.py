"""The fine-tuner: a copy of a network that is trained for a limited time and keeps its best weights.

A batch has three kinds of patches: of the downscaled image; of the image blurred before it was downscaled, so that the
input is no sharper than the image that will be enlarged; and of the image itself, whose enlargement is unknown and for
which the base model is the target.
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
from napari_sr.training._optimizer import average_model
from napari_sr.training.losses import Balanced

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_sr.models import Model
    from napari_sr.training._dataset import Pair
    from napari_sr.training._fine_tune_data import Tiles

_LR, _LR_SMALL_NETWORK = 3e-4, 2e-3
"""Learning rates of Adam for large and small networks: high enough to improve trained weights within minutes."""
_SMALL_NETWORK = 50_000
"""Parameters below which a network needs, and tolerates, the higher rate."""
_BETAS = (0.9, 0.99)
"""Decays of Adam's moments, as in training: 0.999 remembers more steps than a short run has."""
_AVERAGE_DECAY = 0.99
"""Decay of the averaged weights: over 100 steps, of the few hundred that two minutes allow."""
_BATCH_SIZE, _PATCH_SIDE = 16, 40
"""Patches per step and their side in small pixels: small enough for hundreds of steps in two minutes on a processor."""
_MIN_BATCH_SIZE = 4
"""Batches are not made smaller than this on slow machines: gradients of fewer patches are too noisy."""
_BLURRED_SHARE, _CONSISTENCY_SHARE = 0.4, 0.3
"""Parts of a batch that are blurred, and whose target is the base model."""
_L2_WEIGHT = 0.3
"""Weight of L2 beside L1, chosen on four micrographs at x4: with L2 alone one gains far more, another nothing."""
_WARM_UP = 20
"""Steps of linear warm-up, in which Adam's moments settle."""
_MIN_STEPS = 200
"""Fewest steps in the whole time; if they take longer, batches are made smaller."""
_VALIDATIONS = 24
"""Validations in the whole time: often enough to stop at the best, and cheap beside the training."""
_PATIENCE = 10
"""Validations without an improvement after which training stops."""


@dataclass(frozen=True, slots=True)
class FineTuneProgress:
    """Progress of fine-tuning."""

    seconds: float
    """Training time so far."""
    budget: float
    """Training time allowed, in seconds."""
    gain: float
    """Best improvement over the base so far, in dB, on the validation tiles."""


class FineTuner:
    """A copy of a model's network that is trained.

    Parameters
    ----------
    model : Model
        The base.
    scale : int
        One of its native scales.
    device : torch.device
        Where it is trained.

    Raises
    ------
    ModelLoadError
        If it cannot be trained.
    """

    def __init__(self, model: Model, scale: int, device: torch.device) -> None:
        if model.card.is_program:
            raise ModelLoadError(
                f"{model.id} is a program and cannot be trained; choose one of our own networks"
            )
        state = model.network(scale).state_dict()
        if not state:
            raise ModelLoadError(
                f"{model.id} has no weights that could be trained; choose another model"
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
        self.average = average_model(self.network, _AVERAGE_DECAY)
        self.best: nn.Module = copy.deepcopy(self.average.module)
        self._loss = Balanced(_L2_WEIGHT)
        self.gain, self.iterations = 0.0, 0
        size = sum(each.numel() for each in self.network.parameters())
        self.rate = _LR_SMALL_NETWORK if size < _SMALL_NETWORK else _LR

    def train(
        self, tiles: Tiles, blurred: Tiles, budget: float
    ) -> Generator[FineTuneProgress, None, None]:
        """Train for a time, or until the validation tiles have not improved for long.

        Parameters
        ----------
        tiles, blurred : Tiles
            The image's tiles as they are and blurred. Weights count as better if the validation tiles improve and
            the blurred ones do not get worse.
        budget : float
            Time in seconds.

        Yields
        ------
        FineTuneProgress
            After every step.
        """
        generator = torch.Generator().manual_seed(0)
        optimizer = torch.optim.Adam(self.network.parameters(), lr=_LR, betas=_BETAS)
        base_psnr = self.psnr(self.base, tiles.validation)
        base_blurred_psnr = self.psnr(self.base, blurred.validation)
        validated, idle, batch = 0.0, 0, _BATCH_SIZE

        def improved() -> bool:
            gain = self.psnr(self.average.module, tiles.validation) - base_psnr
            blurred_gain = self.psnr(self.average.module, blurred.validation) - base_blurred_psnr
            if not (gain > self.gain and blurred_gain >= 0):  # False for NaN as well
                return False
            self.gain, self.best = gain, copy.deepcopy(self.average.module)
            return True

        begun = time.monotonic()  # after the first runs of the network, which are slow
        while (spent := time.monotonic() - begun) < budget and idle < _PATIENCE:
            for group in optimizer.param_groups:
                group["lr"] = self._rate(spent / budget)
            started = time.monotonic()
            self._step(*self._batch(tiles, blurred, batch, generator), optimizer)
            if time.monotonic() - started > budget / _MIN_STEPS:
                batch = max(_MIN_BATCH_SIZE, batch // 2)
            if time.monotonic() - begun - validated > budget / _VALIDATIONS:
                validated = time.monotonic() - begun
                idle = 0 if improved() else idle + 1
            yield FineTuneProgress(time.monotonic() - begun, budget, self.gain)
        improved()

    def psnr(self, network: nn.Module, pairs: list[Pair]) -> float:
        """PSNR in dB over all pixels of some tiles; a border of one scale is left out."""
        where = next(network.parameters()).device
        return _psnr(pairs, lambda small: self._run(network, small.to(where)).cpu())

    def _rate(self, share: float) -> float:
        """Learning rate after a share of the time: a warm-up and one cosine."""
        warm = min(1.0, (self.iterations + 1) / _WARM_UP)
        return self.rate * warm * (1 + math.cos(math.pi * min(share, 1.0))) / 2

    def _batch(
        self, tiles: Tiles, blurred: Tiles, size: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Inputs and targets of one step."""
        n_blurred, n_consistent = (
            max(1, round(share * size)) for share in (_BLURRED_SHARE, _CONSISTENCY_SHARE)
        )
        pairs = [
            tiles.draw(max(1, size - n_blurred - n_consistent), _PATCH_SIDE, generator),
            blurred.draw(n_blurred, _PATCH_SIDE, generator),
        ]
        image = tiles.draw_large(n_consistent, pairs[0][0].shape[-1], generator).to(self.device)
        small, large = (torch.cat(each).to(self.device) for each in zip(*pairs, strict=True))
        with torch.no_grad():
            of_base = self._run(self.base, image)
        return torch.cat([small, image]), torch.cat([large, of_base])

    def _run(self, network: nn.Module, small: Tensor) -> Tensor:
        """Output of a network for white = 1, whatever its own value range."""
        output: Tensor = network(small * self.range)
        return output / self.range

    def _step(self, small: Tensor, large: Tensor, optimizer: torch.optim.Adam) -> None:
        loss = self._loss(self._run(self.network, small), large)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        self.average.update_parameters(self.network)
        self.iterations += 1


def psnr_of_bicubic(pairs: list[Pair], scale: int) -> float:
    """PSNR of bicubic interpolation on the same pixels as `FineTuner.psnr`."""
    network = Bicubic(scale)
    # It takes one channel, so channels become images.
    return _psnr(pairs, lambda small: network(small.transpose(0, 1)).transpose(0, 1))


@torch.inference_mode()
def _psnr(pairs: list[Pair], enlarge: Callable[[Tensor], Tensor]) -> float:
    error = 0.0
    border = pairs[0].large.shape[-1] // pairs[0].small.shape[-1]
    for pair in pairs:
        difference = enlarge(pair.small).clamp(0, 1) - pair.large
        error += float(difference[..., border:-border, border:-border].square().mean())
    return -10 * math.log10(max(error / len(pairs), 1e-12))  # 120 dB at most, not infinity
