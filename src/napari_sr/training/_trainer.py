"""The trainer: network, optimiser, mean weights and source of patches of a run, and one step of them.

What it is can be saved at any step, and goes on from there as if nothing had happened.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_sr.architectures import registry
from napari_sr.errors import RecipeError
from napari_sr.training._average import WeightAverage
from napari_sr.training._optimiser import Optimiser
from napari_sr.training._precision import (
    autocast,
    bfloat16_is_faster,
    convolving,
    wrong_in_bfloat16,
)
from napari_sr.training._run import Entry
from napari_sr.training._schedule import learning_rate
from napari_sr.training._start import start_mean
from napari_sr.training._team import ALONE, Team
from napari_sr.training._validation import validate
from napari_sr.training._whiten import plain_state, whiten
from napari_sr.training.losses import make_loss

if TYPE_CHECKING:
    from napari_sr.training._dataset import Batch, TrainingData
    from napari_sr.training._recipe import Recipe

_FINISH = 0.05
"""Share of the steps, the last, that ``auto`` takes in float32. A network that makes every pixel anew learns to make up
for bfloat16's rounding of its features, and in float32 its images are a third of a grey level too dark."""


class Trainer:
    """A run in progress.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    data, held_out : TrainingData
        Images to train on and to validate on.
    device : torch.device
        Where the network lives.
    team : Team, optional
        The processes that take part in each step.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: TrainingData,
        held_out: TrainingData,
        device: torch.device,
        team: Team = ALONE,
    ) -> None:
        self.recipe, self.data, self.device, self.team = recipe, data, device, team
        self.pairs = held_out.pairs()
        torch.manual_seed(recipe.optimisation.seed)
        self.generator = torch.Generator().manual_seed(recipe.optimisation.seed)
        self.network = _network(recipe, data, self.generator).to(device)
        team.align(self.network)
        options = recipe.optimisation
        self.optimiser = Optimiser(self.network, options)
        self.average = WeightAverage(self.network, options.ema)
        self.loss = make_loss(options)
        self.iteration, self.seconds, self.best = 0, 0.0, float("-inf")
        self.rounded = self._rounded_steps()
        """Steps in bfloat16; those after them are in float32."""

    def step(self) -> float:
        """One step of all processes together; the loss of the whole batch."""
        start = time.perf_counter()
        rate = learning_rate(self.recipe.schedule, self.recipe.iterations, self.iteration)
        if self.iteration == self.rounded:  # what was learnt for bfloat16 is no part of the mean
            self.average.restart()
        bfloat16 = self.iteration < self.rounded
        loss = self.team.average(self.network, self._backward(bfloat16)).item()
        if self.recipe.optimisation.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimisation.clip)
        self.optimiser.step(rate)
        self.average.update(self.network)
        self.iteration += 1
        self.seconds += time.perf_counter() - start
        return loss

    def validate(self, loss: float) -> Entry:
        """Measure the mean weights on the held-out images."""
        psnr = validate(self.average.network, self.pairs, self.recipe.model.color)
        rate = learning_rate(self.recipe.schedule, self.recipe.iterations, self.iteration)
        return Entry(self.iteration, self.seconds, rate, loss, psnr)

    def plain(self) -> nn.Module:
        """The mean weights in a network as anybody builds it."""
        model = self.recipe.model
        network = registry.get(model.architecture).build(scale=model.scale, **model.config)
        network.load_state_dict(plain_state(self.average.network))
        return network

    def state_dict(self) -> dict[str, Any]:
        """Everything that `load_state_dict` needs to go on as if nothing had happened."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "average_steps": self.average.steps,
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "iteration": self.iteration,
            "seconds": self.seconds,
            "best": self.best,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same recipe."""
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.average.steps = state["average_steps"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        self.iteration, self.seconds = state["iteration"], state["seconds"]
        self.best = state["best"]

    def _loss(self, output: Tensor, batch: Batch) -> Tensor:
        loss = self.loss(output, batch.large.to(self.device))
        if batch.taught is None:
            return loss
        weight = self.recipe.distillation.weight
        return (1 - weight) * loss + weight * self.loss(output, batch.taught.to(self.device))

    def _backward(self, bfloat16: bool) -> Tensor:
        stage = self.recipe.stage_at(self.iteration)
        batch = self.data.draw(stage, self.generator, self.team)
        small = batch.small.to(self.device, memory_format=torch.channels_last)
        with convolving(self.device):
            with autocast(self.device, bfloat16):
                output = self.network(small)
            loss = self._loss(output.float(), batch)
            self.network.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
        return loss.detach()

    def _rounded_steps(self) -> int:
        """How many steps are in bfloat16: none, all, or all but the last."""
        wanted, steps = self.recipe.optimisation.precision, self.recipe.iterations
        if wanted == "float32":
            return 0
        wrong = wrong_in_bfloat16(self.network)
        if wanted == "bfloat16":
            if wrong:
                raise RecipeError(
                    f"this machine's PyTorch computes the gradient of {wrong} wrongly in bfloat16; "
                    "use optimisation.precision = 'float32'"
                )
            return steps
        random = self.generator.get_state()
        faster = not wrong and bfloat16_is_faster(self.network, self._try)
        self.generator.set_state(random)
        return steps - math.ceil(_FINISH * steps) if self.team.agree(faster, self.device) else 0

    def _try(self, bfloat16: bool) -> None:
        self._backward(bfloat16).item()  # a GPU must have done it before the clock is read


def _network(recipe: Recipe, data: TrainingData, generator: torch.Generator) -> nn.Module:
    model = recipe.model
    try:
        network = registry.get(model.architecture).build(scale=model.scale, **model.config)
    except TypeError as error:
        raise RecipeError(f"model.config does not fit {model.architecture}: {error}") from error
    if model.init:
        start_mean(network, [recipe.resolve(each) for each in (model.init, *model.mean_with)])
    if recipe.optimisation.whiten:
        whiten(network, data, generator)
    return network
