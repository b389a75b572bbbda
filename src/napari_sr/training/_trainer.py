"""The trainer: network, optimizer, averaged weights and random patches of one phase, step by step.

Its state can be saved after any step; a trainer that loads it continues exactly as the first one would have.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_sr.architectures import registry
from napari_sr.errors import RecipeError
from napari_sr.training._initialization import average_weights
from napari_sr.training._optimizer import Optimizer, average_model, learning_rate, restart_average
from napari_sr.training._pca import pca_reparameterization, plain_state
from napari_sr.training._precision import (
    autocast,
    bfloat16_is_faster,
    find_wrong_gradient,
    training_convolutions,
)
from napari_sr.training._run_folder import LogEntry
from napari_sr.training.losses import make_loss

if TYPE_CHECKING:
    from napari_sr.training._dataset import Batch, Pair, TrainingData
    from napari_sr.training._recipe import Color, Phase

_FLOAT32_SHARE = 0.05
"""Last part of the steps that ``precision = "auto"`` runs in float32. A network that does not add to its enlarged input
learns to compensate for the rounding of bfloat16; its float32 images would be a third of a gray level too dark."""
_LUMA = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64) / 255
"""Weights of R, G and B in BT.601 luma. Its offset cancels in differences."""
_MIN_SQUARED_ERROR = 1e-12
"""Lowest mean squared error, white = 1, that enters a PSNR: 120 dB instead of infinity for equal images."""


class Trainer:
    """A phase of a training run.

    Parameters
    ----------
    phase : Phase
        What to do. ``model.init`` must name files.
    data, held_out : TrainingData
        Images to train on and to validate on.
    device : torch.device
        Where the network is trained.
    """

    def __init__(
        self, phase: Phase, data: TrainingData, held_out: TrainingData, device: torch.device
    ) -> None:
        self.phase, self.data, self.device = phase, data, device
        self.pairs = held_out.pairs()
        torch.manual_seed(phase.optimization.seed)
        self.generator = torch.Generator().manual_seed(phase.optimization.seed)
        self.network = _network(phase, data, self.generator).to(device)
        self.optimizer = Optimizer(self.network, phase.optimization)
        self.average = average_model(self.network, phase.optimization.ema)
        self.loss = make_loss(phase.optimization)
        self.iteration, self.seconds, self.best = 0, 0.0, float("-inf")
        self.bfloat16_steps = self._bfloat16_steps()
        """Number of steps in bfloat16; those after them are in float32."""

    def step(self) -> float:
        """Train on one batch and return its loss."""
        start = time.perf_counter()
        rate = self._rate()
        if self.iteration == self.bfloat16_steps:  # bfloat16 weights must not enter the average
            restart_average(self.average)
        loss = self._backward(self.iteration < self.bfloat16_steps).item()
        if self.phase.optimization.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.phase.optimization.clip)
        self.optimizer.step(rate)
        self.average.update_parameters(self.network)
        self.iteration += 1
        self.seconds += time.perf_counter() - start
        return loss

    def validate(self, loss: float) -> LogEntry:
        """Measure the averaged weights on the held-out images; ``loss`` is entered into the log as it is."""
        psnr = validate(self.average.module, self.pairs, self.phase.model.color)
        return LogEntry(self.iteration, self.seconds, self._rate(), loss, psnr)

    def averaged_network(self) -> nn.Module:
        """The averaged weights in a network with ordinary filters."""
        model = self.phase.model
        network = registry.get(model.architecture).build(scale=model.scale, **model.config)
        network.load_state_dict(plain_state(self.average.module))
        return network

    def state_dict(self) -> dict[str, Any]:
        """Everything that `load_state_dict` needs to continue exactly."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "iteration": self.iteration,
            "seconds": self.seconds,
            "best": self.best,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state of the same phase."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.iteration, self.seconds = state["iteration"], state["seconds"]
        self.best = state["best"]

    def _rate(self) -> float:
        return learning_rate(self.phase.schedule, self.phase.iterations, self.iteration)

    def _loss(self, output: Tensor, batch: Batch) -> Tensor:
        loss = self.loss(output, batch.large.to(self.device))
        if batch.teacher is None:
            return loss
        weight = self.phase.distillation.weight
        return (1 - weight) * loss + weight * self.loss(output, batch.teacher.to(self.device))

    def _backward(self, bfloat16: bool) -> Tensor:
        batch = self.data.draw(self.phase.stage_at(self.iteration), self.generator)
        if batch.teacher_small is not None:
            batch = batch.mixed(self.iteration / self.phase.iterations)
        small = batch.small.to(self.device, memory_format=torch.channels_last)
        with training_convolutions(self.device):
            with autocast(self.device, bfloat16):
                output = self.network(small)
            loss = self._loss(output.float(), batch)
            self.network.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
        return loss.detach()

    def _bfloat16_steps(self) -> int:
        """Number of steps in bfloat16: none, all, or all but the last."""
        wanted, steps = self.phase.optimization.precision, self.phase.iterations
        if wanted == "float32":
            return 0
        wrong = find_wrong_gradient(self.network)
        if wanted == "bfloat16":
            if wrong:
                raise RecipeError(
                    f"PyTorch computes the gradient of {wrong} wrongly in bfloat16 on this machine; "
                    "use optimization.precision = 'float32'"
                )
            return steps
        random = self.generator.get_state()
        # Reading the loss waits for a GPU to finish the step that is timed.
        faster = not wrong and bfloat16_is_faster(
            self.network, lambda bfloat16: self._backward(bfloat16).item()
        )
        self.generator.set_state(random)
        return steps - math.ceil(_FLOAT32_SHARE * steps) if faster else 0


@torch.inference_mode()
def validate(network: nn.Module, pairs: list[Pair], color: Color) -> float:
    """Mean PSNR over images, without rounding to 8 bits; a border of one scale is left out.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode, for values in [0, 1].
    pairs : list of Pair
        Whole images.
    color : {"Y", "RGB", "grey"}
        RGB is compared in luma, as is usual in the literature.

    Returns
    -------
    float
        In dB. The benchmarks' protocol rounds to 8 bits, which changes it by some hundredths.
    """
    device = next(network.parameters()).device
    total = 0.0
    for pair in pairs:
        output = network(pair.small.to(device)).cpu().clamp(0, 1)
        border = int(pair.large.shape[-1] / pair.small.shape[-1])
        difference = (output - pair.large)[..., border:-border, border:-border].double()
        if color == "RGB":
            difference = torch.einsum("nchw,c->nhw", difference, _LUMA)
        total -= 10 * math.log10(max(float((difference**2).mean()), _MIN_SQUARED_ERROR))
    return total / len(pairs)


def _network(phase: Phase, data: TrainingData, generator: torch.Generator) -> nn.Module:
    model = phase.model
    try:
        network = registry.get(model.architecture).build(scale=model.scale, **model.config)
    except TypeError as error:
        raise RecipeError(f"model.config does not fit {model.architecture}: {error}") from error
    if model.init:
        average_weights(network, [Path(each) for each in model.init])
    if phase.optimization.whiten:
        pca_reparameterization(network, data, generator)
    return network
