"""A loaded model: its card and a network for each native scale."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from napari_sr.architectures.receptive_field import halo
from napari_sr.errors import InputError
from napari_sr.models._external import ExternalNetwork, Tiling

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from napari_sr.models._card import ModelCard

__all__ = ["Model", "ready"]


class Model:
    """A model: its card, its native scales, and networks that are opened when they are first used.

    It may be shared between threads; a network that was opened is kept. Pickling stores how to load the model rather
    than its networks, so that another process opens its own copy of the file, once.

    Parameters
    ----------
    card : ModelCard
        Its facts.
    open_network : callable
        Native scale to network; called once for each scale.
    rebuild : tuple of callable and arguments, optional
        What to call in another process to load this model there. Default: the constructor with `card` and
        `open_network`, which must then be picklable.
    """

    def __init__(
        self,
        card: ModelCard,
        open_network: Callable[[int], nn.Module],
        rebuild: tuple[Callable[..., Model], tuple[Any, ...]] | None = None,
    ) -> None:
        self.card = card
        self._open = open_network
        self._rebuild = rebuild
        self._networks: dict[int, nn.Module] = {}
        self._halos: dict[int, int | None] = {}
        self._lock = threading.RLock()

    @property
    def id(self) -> str:
        """Id in the catalog; for a file its name without the suffix."""
        return self.card.id

    @property
    def scales(self) -> tuple[int, ...]:
        """Native scales, ascending."""
        return self.card.scales

    def network(self, scale: int) -> nn.Module:
        """Network of a native scale.

        Parameters
        ----------
        scale : int
            Native scale.

        Returns
        -------
        torch.nn.Module
            Float32, on the CPU, merged, frozen, in evaluation mode.

        Raises
        ------
        InputError
            If the model has no such native scale.
        ModelLoadError, ModelNotFoundError
            If its weights are missing or damaged.
        """
        self._check(scale)
        with self._lock:
            if scale not in self._networks:
                self._networks[scale] = ready(self._open(scale))
            return self._networks[scale]

    def halo(self, scale: int) -> int | None:
        """Receptive-field radius in low-resolution pixels, or None where it is unbounded."""
        self._check(scale)
        with self._lock:
            if scale not in self._halos:
                stated = self.card.checkpoint(scale).halo
                self._halos[scale] = self._measured(scale) if stated is None else stated
            return self._halos[scale]

    def _measured(self, scale: int) -> int | None:
        network = self.network(scale)
        if isinstance(network, ExternalNetwork):
            return network.halo(self.card.value_range)
        return halo(network)

    def tiling(self, scale: int) -> Tiling:
        """Whether an image may be cut into tiles for a native scale.

        Returns
        -------
        {"allowed", "discouraged", "never"}
            Discouraged for a program of unbounded receptive field: it is not given the position of a tile, so that
            the tiles would not fit together.
        """
        stated: Tiling | None = getattr(self.network(scale), "tiling", "allowed")
        if stated is None:
            return "discouraged" if self.halo(scale) is None else "allowed"
        return stated

    def sha256(self, scale: int) -> str | None:
        """SHA-256 of the checkpoint, hexadecimal; None for a model without a file."""
        self._check(scale)
        return self.card.checkpoint(scale).sha256 or None

    def _check(self, scale: int) -> None:
        if scale not in self.scales:
            native = ", ".join(f"x{each}" for each in self.scales)
            raise InputError(f"model {self.id} has no native x{scale}; it has {native}")

    def __reduce__(self) -> tuple[Callable[..., Model], tuple[Any, ...]]:
        return self._rebuild or (Model, (self.card, self._open))

    def __repr__(self) -> str:
        return f"<Model {self.id} {'/'.join(f'x{each}' for each in self.scales)}>"


def ready(network: nn.Module) -> nn.Module:
    """Merge the branches that a network has for training only, and freeze it.

    Parameters
    ----------
    network : torch.nn.Module
        With a method ``merged`` if it has such branches.

    Returns
    -------
    torch.nn.Module
        Float32, in evaluation mode, without gradients.
    """
    merge = getattr(network, "merged", None)
    plain: nn.Module = merge() if callable(merge) else network
    return plain.float().eval().requires_grad_(False)
