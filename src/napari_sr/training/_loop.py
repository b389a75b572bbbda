"""The loop: draw a batch, step, average the weights, validate now and then, keep the best.

`training_steps` is a generator: closing it stops the run between two steps, and what was saved stays.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_sr.architectures import registry
from napari_sr.errors import RecipeError
from napari_sr.training._average import WeightAverage
from napari_sr.training._dataset import Batch, TrainingData, load_data
from napari_sr.training._optimiser import Optimiser
from napari_sr.training._precision import autocast, bfloat16_is_faster
from napari_sr.training._recipe import Recipe, read_recipe
from napari_sr.training._run import Entry, RunFolder
from napari_sr.training._schedule import learning_rate
from napari_sr.training._start import start_weights
from napari_sr.training._teachers import Lesson, teach
from napari_sr.training._validation import validate
from napari_sr.training._whiten import plain_state, whiten
from napari_sr.training.losses import make_loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SAVE_EVERY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Step:
    """What a step of training reports."""

    iteration: int
    """Steps done."""
    iterations: int
    """Steps of the whole run."""
    loss: float
    """Mean of the loss since the last validation."""
    validation: Entry | None
    """The log's new line, where this step ended in a validation."""


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
    """

    def __init__(
        self, recipe: Recipe, data: TrainingData, held_out: TrainingData, device: torch.device
    ) -> None:
        self.recipe, self.data, self.device = recipe, data, device
        self.pairs = held_out.pairs()
        torch.manual_seed(recipe.optimisation.seed)
        self.generator = torch.Generator().manual_seed(recipe.optimisation.seed)
        self.network = _network(recipe, data, self.generator).to(device)
        options = recipe.optimisation
        self.optimiser = Optimiser(self.network, options)
        self.average = WeightAverage(self.network, options.ema)
        self.loss = make_loss(options)
        self.iteration, self.seconds, self.best = 0, 0.0, float("-inf")
        self.bfloat16 = self._choose_precision()

    def step(self) -> float:
        """One step; the loss."""
        start = time.perf_counter()
        rate = learning_rate(self.recipe.schedule, self.recipe.iterations, self.iteration)
        loss = self._backward(self.bfloat16)
        if self.recipe.optimisation.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimisation.clip)
        self.optimiser.step(rate)
        self.average.update(self.network)
        self.iteration += 1
        self.seconds += time.perf_counter() - start
        return loss

    def validate(self, loss: float) -> Entry:
        """Measure the mean weights on the held-out images."""
        psnr = validate(self.average.network, self.pairs, self.recipe.model.colour)
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

    def _backward(self, bfloat16: bool) -> float:
        batch = self.data.draw(self.recipe.stage_at(self.iteration), self.generator)
        small = batch.small.to(self.device, memory_format=torch.channels_last)
        with autocast(self.device, bfloat16):
            output = self.network(small)
        loss = self._loss(output.float(), batch)
        self.network.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        return float(loss.detach())

    def _choose_precision(self) -> bool:
        wanted = self.recipe.optimisation.precision
        if wanted != "auto":
            return wanted == "bfloat16"
        random = self.generator.get_state()
        faster = bfloat16_is_faster(self.network, self._try)
        self.generator.set_state(random)
        return faster

    def _try(self, bfloat16: bool) -> None:
        self._backward(bfloat16)


def training_steps(
    recipe: Recipe, folder: Path, *, resume: bool = False, device: str = "cpu"
) -> Iterator[Step | Lesson]:
    """Train, one step an item; before the first one, an item for every image that teachers enlarge.

    Parameters
    ----------
    recipe : Recipe
        From `read_recipe`.
    folder : Path
        Where ``state.pt``, ``log.csv``, ``curve.svg`` and the best weights go.
    resume : bool
        Go on from ``state.pt``.
    device : str
        A torch device.

    Yields
    ------
    Lesson
        While teachers are at work.
    Step
        After every step.

    Raises
    ------
    RecipeError
        If the folder holds another run, there is nothing to resume, or data or teachers cannot be used.
    """
    run = RunFolder(folder)
    if run.state.exists() and not resume:
        raise RecipeError(f"{folder}: holds a run already; pass --resume, or another output folder")
    data, held_out = load_data(recipe)
    if recipe.distillation.active:
        yield from teach(recipe, data, folder, device)
    trainer = Trainer(recipe, data, held_out, torch.device(device))
    if resume:
        trainer.load_state_dict(run.load_state())
    yield from _steps(trainer, run)


def _steps(trainer: Trainer, run: RunFolder) -> Iterator[Step]:
    recipe = trainer.recipe
    total, count, saved = 0.0, 0, time.monotonic()
    while trainer.iteration < recipe.iterations:
        total, count, entry = total + trainer.step(), count + 1, None
        last = trainer.iteration == recipe.iterations
        if last or trainer.iteration % recipe.optimisation.validate_every == 0:
            entry = trainer.validate(total / count)
            _record(trainer, run, entry)
        if last or time.monotonic() - saved > SAVE_EVERY_SECONDS:
            run.save_state(trainer.state_dict())
            saved = time.monotonic()
        yield Step(trainer.iteration, recipe.iterations, total / count, entry)
        if entry:
            total, count = 0.0, 0


def _record(trainer: Trainer, run: RunFolder, entry: Entry) -> None:
    run.append(entry)
    if entry.psnr > trainer.best:
        trainer.best = entry.psnr
        run.save_weights("best", trainer.plain(), trainer.recipe, entry)
    run.draw_curve()


def train(
    recipe: Path | str,
    folder: Path | str,
    *,
    resume: bool = False,
    device: str = "cpu",
    **overrides: str | Sequence[str],
) -> Path:
    """Train a recipe to its end.

    Parameters
    ----------
    recipe : path
        A TOML file.
    folder : path
        Output of the run.
    resume : bool
        Go on from where a run in ``folder`` stopped.
    device : str
        A torch device.
    **overrides : str or sequence of str
        See `read_recipe`.

    Returns
    -------
    Path
        The best weights.
    """
    parsed = read_recipe(recipe, **overrides)
    for _ in training_steps(parsed, Path(folder), resume=resume, device=device):
        pass
    return Path(folder) / f"{parsed.name}-best.safetensors"


def _network(recipe: Recipe, data: TrainingData, generator: torch.Generator) -> nn.Module:
    model = recipe.model
    try:
        network = registry.get(model.architecture).build(scale=model.scale, **model.config)
    except TypeError as error:
        raise RecipeError(f"model.config does not fit {model.architecture}: {error}") from error
    if model.init:
        start_weights(network, recipe.resolve(model.init))
    if recipe.optimisation.whiten:
        whiten(network, data, generator)
    return network
