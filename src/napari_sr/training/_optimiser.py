"""Which way, and how far, the weights go in a step: Adam, or SOAP.

Adam scales every weight by itself. The weights of a convolution are anything but independent of each other: its
inputs are feature maps that look alike. SOAP keeps running means of the gradient's row and column products, and
lets Adam work in their eigenvectors. A step costs more, and a small network needs a quarter of the steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_sr.errors import RecipeError

if TYPE_CHECKING:
    from napari_sr.training._recipe import OptimisationRecipe

_SOAP_BETAS = (0.95, 0.95)
_VECTORS_RATE = 1 / 3
"""Of the rate: biases and slopes have no eigenvectors and go by plain Adam, which needs smaller steps."""


class Optimiser:
    """The optimiser of a recipe.

    Parameters
    ----------
    network : nn.Module
        What is trained; its parameters must stay the same tensors.
    options : OptimisationRecipe
        ``optimiser``, ``betas`` and ``precondition_frequency``.

    Raises
    ------
    RecipeError
        If SOAP is asked for and the package that has it is not installed.

    References
    ----------
    N. Vyas et al., SOAP: improving and stabilizing Shampoo using Adam, ICLR 2025, algorithm 3.
    """

    def __init__(self, network: nn.Module, options: OptimisationRecipe) -> None:
        trained = [p for p in network.parameters() if p.requires_grad]
        self._kernels = [p for p in trained if _is_matrix(p)] if options.optimiser == "soap" else []
        # A kernel (out, in, K, K) is preconditioned as the matrix (out, in*K*K): both names share one memory.
        self._matrices = [nn.Parameter(p.detach().flatten(1)) for p in self._kernels]
        own = {id(p) for p in self._kernels}
        vectors = [p for p in trained if id(p) not in own]
        self._parts: list[tuple[torch.optim.Optimizer, float]] = []
        if vectors:
            adam = torch.optim.Adam(vectors, lr=0.0, betas=options.betas, fused=True)
            self._parts.append((adam, _VECTORS_RATE if self._kernels else 1.0))
        if self._matrices:
            self._parts.append((_soap(self._matrices, options.precondition_frequency), 1.0))

    def step(self, rate: float) -> None:
        """Move the weights against their gradients.

        Parameters
        ----------
        rate : float
            Learning rate.

        Raises
        ------
        RecipeError
            If the gradients are nothing that SOAP can find eigenvectors of.
        """
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            matrix.grad = None if kernel.grad is None else kernel.grad.reshape(matrix.shape)
        for optimiser, factor in self._parts:
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
            try:
                optimiser.step()
            except RuntimeError as error:
                if not str(error).startswith("linalg"):
                    raise
                raise RecipeError(
                    "some gradients are not finite, or too small to train by SOAP; "
                    "use optimisation.optimiser = 'adam', or a smaller schedule.lr"
                ) from error

    def state_dict(self) -> list[dict[str, Any]]:
        """Moments and bases of every part."""
        return [optimiser.state_dict() for optimiser, _ in self._parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Go on from a state of the same network and options."""
        for (optimiser, _), state in zip(self._parts, states, strict=True):
            optimiser.load_state_dict(state)


def _is_matrix(parameter: Tensor) -> bool:
    return parameter.ndim > 1 and min(len(parameter), parameter.numel() // len(parameter)) > 1


def _soap(matrices: list[nn.Parameter], frequency: int) -> torch.optim.Optimizer:
    try:
        from pytorch_optimizer import SOAP
    except ImportError as error:
        raise RecipeError(
            "optimisation.optimiser = 'soap' needs pytorch-optimizer: pip install 'napari-sr[training]'"
        ) from error
    optimiser: torch.optim.Optimizer = SOAP(
        matrices, lr=0.0, betas=_SOAP_BETAS, weight_decay=0.0, precondition_frequency=frequency
    )
    return optimiser
