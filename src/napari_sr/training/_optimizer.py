"""Optimization: the optimizer (Adam or SOAP), the learning rate of each step, and the average of the weights.

Adam scales each weight separately. The weights of a convolution are not independent: its input feature maps are
similar. SOAP keeps running averages of the row and column products of the gradient and applies Adam in their
eigenvectors. A step costs more, and a small network needs a quarter of the steps.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from napari_sr._text import error_line
from napari_sr.errors import RecipeError

if TYPE_CHECKING:
    from napari_sr.training._recipe import OptimizationRecipe, ScheduleRecipe

_SOAP_BETAS = (0.95, 0.95)
"""Decays of SOAP's moments, as its authors recommend."""
_VECTOR_RATE = 1 / 3
"""Learning rate of biases and slopes relative to SOAP's: they have no eigenvectors and are trained by Adam, whose
steps must be smaller."""
_AVERAGE_WARM_UP = 10
"""The decay of the average is at most n / (n + 10) after n steps, so that it forgets the first weights quickly."""


class Optimizer:
    """The optimizer of a recipe.

    Parameters
    ----------
    network : nn.Module
        The network that is trained; its parameters must stay the same tensors.
    options : OptimizationRecipe
        ``optimizer``, ``betas`` and ``precondition_frequency``.

    Raises
    ------
    RecipeError
        If the recipe asks for SOAP and the package that has it is not installed.

    References
    ----------
    N. Vyas et al., SOAP: improving and stabilizing Shampoo using Adam, ICLR 2025, algorithm 3.
    """

    def __init__(self, network: nn.Module, options: OptimizationRecipe) -> None:
        trained = [p for p in network.parameters() if p.requires_grad]
        self._kernels = [p for p in trained if _is_matrix(p)] if options.optimizer == "soap" else []
        # A kernel (out, in, K, K) is preconditioned as a matrix (out, in*K*K) that shares its memory.
        self._matrices = [nn.Parameter(p.detach().flatten(1)) for p in self._kernels]
        own = {id(p) for p in self._kernels}
        vectors = [p for p in trained if id(p) not in own]
        self._parts: list[tuple[torch.optim.Optimizer, float]] = []
        if vectors:
            adam = torch.optim.Adam(vectors, lr=0.0, betas=options.betas, fused=True)
            self._parts.append((adam, _VECTOR_RATE if self._kernels else 1.0))
        if self._matrices:
            self._parts.append((_soap(self._matrices, options.precondition_frequency), 1.0))

    def step(self, rate: float) -> None:
        """Update the weights.

        Parameters
        ----------
        rate : float
            Learning rate.

        Raises
        ------
        RecipeError
            If SOAP cannot find eigenvectors of the gradients.
        """
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            matrix.grad = None if kernel.grad is None else kernel.grad.reshape(matrix.shape)
        for optimizer, factor in self._parts:
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            try:
                optimizer.step()
            except RuntimeError as error:
                if not error_line(error).startswith("linalg"):
                    raise
                raise RecipeError(
                    "some gradients are not finite, or too small for SOAP; "
                    "use optimization.optimizer = 'adam', or a smaller schedule.lr"
                ) from error

    def state_dict(self) -> list[dict[str, Any]]:
        """Moments and eigenvectors."""
        return [optimizer.state_dict() for optimizer, _ in self._parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Continue from a state of the same network and options."""
        for (optimizer, _), state in zip(self._parts, states, strict=True):
            optimizer.load_state_dict(state)


def learning_rate(recipe: ScheduleRecipe, iterations: int, iteration: int) -> float:
    """Cosine annealing with restarts, after a linear warm-up.

    Parameters
    ----------
    recipe : ScheduleRecipe
        Rates, periods and restart weights.
    iterations : int
        Steps of the schedule: its only period if the recipe names none.
    iteration : int
        Step, counted from 0.

    References
    ----------
    I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017, eq. 5.
    """
    if iteration < recipe.warmup:
        return recipe.lr * (iteration + 1) / recipe.warmup
    periods = recipe.periods or (iterations,)
    restarts = recipe.restarts or (1.0,) * len(periods)
    for period, restart in zip(periods, restarts, strict=True):
        if iteration < period:
            top = recipe.lr * restart
            return (
                recipe.lr_min
                + (top - recipe.lr_min) * (1 + math.cos(math.pi * iteration / period)) / 2
            )
        iteration -= period
    return recipe.lr_min


def average_model(network: nn.Module, decay: float) -> AveragedModel:
    """Copy of a network for the exponential moving average of its weights.

    Parameters
    ----------
    network : nn.Module
        The network that is trained; the average starts at its weights.
    decay : float
        In [0, 1); 0 follows the weights themselves.

    Returns
    -------
    AveragedModel
        ``update_parameters(network)`` moves the average, ``module`` is the averaged network, in evaluation mode.
    """

    def update(means: Any, values: Any, steps: Tensor | int) -> None:
        if not torch.is_floating_point(means[0]):  # counters are not averaged
            return
        count = int(steps)
        effective = min(decay, count / (count + _AVERAGE_WARM_UP)) if decay else 0.0
        torch._foreach_lerp_(means, values, 1 - effective)

    average = AveragedModel(network, multi_avg_fn=update, use_buffers=True)
    average.eval().requires_grad_(False)
    restart_average(average)
    return average


def restart_average(average: AveragedModel) -> None:
    """Warm the average up again, so that it forgets the weights so far within the next steps."""
    average.n_averaged.fill_(1)  # at 0 the first update would replace the average


def _is_matrix(parameter: Tensor) -> bool:
    return parameter.ndim > 1 and min(len(parameter), parameter.numel() // len(parameter)) > 1


def _soap(matrices: list[nn.Parameter], frequency: int) -> torch.optim.Optimizer:
    try:
        from pytorch_optimizer import SOAP
    except ImportError as error:
        raise RecipeError(
            "optimization.optimizer = 'soap' needs pytorch-optimizer: pip install 'napari-sr[training]'"
        ) from error
    optimizer: torch.optim.Optimizer = SOAP(
        matrices, lr=0.0, betas=_SOAP_BETAS, weight_decay=0.0, precondition_frequency=frequency
    )
    return optimizer
