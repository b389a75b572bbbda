"""Several processes that train one network, as ``torchrun`` starts them; a team of one changes nothing.

Every process has the same weights and draws the same corners of a whole batch, but takes only its share of the patches.
The gradients are averaged before the optimiser, so that all take the same step: the one that a single process would
take on the whole batch. A run may therefore go on with another number of processes.
"""

from __future__ import annotations

import atexit
import gc
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
from torch import distributed as dist

from napari_sr.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from napari_sr.training._recipe import Recipe

_PATIENCE = timedelta(days=1)
"""Others wait while the first process runs teachers or validates."""


@dataclass(frozen=True, slots=True)
class Team:
    """The processes of a run, as one of them sees it."""

    rank: int = 0
    """Which one it is; 0 leads: it validates, writes and prints."""
    size: int = 1
    """How many there are."""

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """The part of a batch that this process takes; the batch is a multiple of the size."""
        each = batch // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def own(self, generator: torch.Generator) -> torch.Generator:
        """Generator for what each process draws for its share alone; the common one goes on everywhere alike."""
        if self.size == 1:
            return generator
        seed = torch.randint(2**62, (1,), generator=generator)
        return torch.Generator().manual_seed(int(seed) + self.rank)

    def average(self, network: nn.Module, loss: Tensor) -> Tensor:
        """Average the gradients of a network, in place, and the loss, which is returned."""
        if self.size == 1:
            return loss
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([*(each.flatten() for each in gradients), loss.view(1)])
        dist.all_reduce(flat)
        flat /= self.size
        _put(flat[:-1], gradients)
        return flat[-1]

    @torch.no_grad()
    def align(self, network: nn.Module) -> None:
        """Take weights and buffers from the first process, should rounding have led them apart."""
        if self.size == 1:
            return
        for tensor in (*network.parameters(), *network.buffers()):
            first = tensor.detach().clone(memory_format=torch.contiguous_format)
            dist.broadcast(first, 0)
            tensor.copy_(first)

    def agree(self, answer: bool, device: torch.device) -> bool:
        """The first process's answer, for which the others wait."""
        if self.size == 1:
            return answer
        answers = torch.tensor([answer], dtype=torch.float32, device=device)
        dist.broadcast(answers, 0)
        return bool(answers.item())


ALONE = Team()


def leads() -> bool:
    """Whether this process speaks for all: alone it does, and under ``torchrun`` the first does."""
    return _from_environment().leads


def gather(recipe: Recipe, device: str) -> tuple[Team, torch.device]:
    """Connect the processes that ``torchrun`` started, for as long as they live.

    Parameters
    ----------
    recipe : Recipe
        Its batches are shared out.
    device : str
        A torch device. Of several processes each takes the GPU of its own number instead.

    Returns
    -------
    Team
        As this process sees it.
    torch.device
        Where this process trains.

    Raises
    ------
    RecipeError
        If a batch cannot be shared out evenly, or the devices do not suffice.
    """
    team, where = _from_environment(), torch.device(device)
    if team.size == 1:
        return team, where
    _check_batches(recipe, team.size)
    where = _own_device(where)
    # Once: connected anew, a process finds in torchrun's store where the others were listening before.
    if not dist.is_initialized():
        dist.init_process_group("nccl" if where.type == "cuda" else "gloo", timeout=_PATIENCE)
        atexit.register(_part)
    return team, where


def _part() -> None:
    """Leave the team while the interpreter still lives: a group that something holds on to would abort at the exit."""
    dist.destroy_process_group()
    gc.collect()


def _from_environment() -> Team:
    size = int(os.environ.get("WORLD_SIZE", "1"))
    return Team(int(os.environ.get("RANK", "0")), size) if size > 1 else ALONE


def _check_batches(recipe: Recipe, size: int) -> None:
    for number, stage in enumerate(recipe.stage, 1):
        if stage.batch % size:
            raise RecipeError(
                f"stage {number}: a batch of {stage.batch} cannot be shared by {size} processes; "
                f"make batch a multiple of {size}, or start another number of processes"
            )


def _own_device(asked: torch.device) -> torch.device:
    if asked.type == "cpu":
        return asked
    if asked.type != "cuda":
        raise RecipeError(f"several processes train on cuda or cpu, not on {asked.type}")
    local, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if local >= count:
        raise RecipeError(
            f"each process needs a GPU of its own, and there are {count}; "
            "start fewer processes, or pass --device cpu"
        )
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def _put(flat: Tensor, tensors: Sequence[Tensor]) -> None:
    parts = flat.split([each.numel() for each in tensors])
    for each, part in zip(tensors, parts, strict=True):
        each.copy_(part.view_as(each))
