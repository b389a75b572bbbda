"""A model that is ready to run: its card and a network for each native scale."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from napari_sr.architectures.receptive_field import halo
from napari_sr.errors import InputError
from napari_sr.models._foreign import ForeignNetwork, Tiling

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from napari_sr.models._card import ModelCard

__all__ = ["Model", "ready"]


class Model:
    """A model: card, native scales, and networks that are opened when first asked for.

    Safe to share between threads; a network that was opened is kept. What is pickled is the way to the model and no
    network: another process opens its own copy of the file, once.

    Parameters
    ----------
    card : ModelCard
        Its facts.
    open_network : callable
        Native scale to network; called once for each scale.
    again : tuple of callable and arguments, optional
        What to call in another process to have this model there; without, it is made anew of `card` and
        `open_network`, which must be picklable then.
    """

    def __init__(
        self,
        card: ModelCard,
        open_network: Callable[[int], nn.Module],
        again: tuple[Callable[..., Model], tuple[Any, ...]] | None = None,
    ) -> None:
        self.card = card
        self._open = open_network
        self._again = again
        self._networks: dict[int, nn.Module] = {}
        self._halos: dict[int, int | None] = {}
        self._lock = threading.RLock()

    @property
    def id(self) -> str:
        """Id in the catalog, or the file's name for a file."""
        return self.card.id

    @property
    def scales(self) -> tuple[int, ...]:
        """Native scales, ascending."""
        return self.card.scales

    def network(self, scale: int) -> nn.Module:
        """Network of a native scale: float32 on the CPU, merged, frozen, in evaluation mode.

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
        if isinstance(network, ForeignNetwork):
            return network.halo(self.card.value_range)
        return halo(network)

    def tiling(self, scale: int) -> Tiling:
        """Whether an image may be cut for a native scale: without a word, with a warning about seams, or never.

        A program that others wrote has no frame by which its attention would know where a tile lies; if it sees
        everything, or answers by where a part lies, its tiles do not fit together.
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
        return self._again or (Model, (self.card, self._open))

    def __repr__(self) -> str:
        return f"<Model {self.id} {'/'.join(f'x{each}' for each in self.scales)}>"


def ready(network: nn.Module) -> nn.Module:
    """Merge the branches of a network that trains with them, and freeze it."""
    merge = getattr(network, "merged", None)
    plain: nn.Module = merge() if callable(merge) else network
    return plain.float().eval().requires_grad_(False)
