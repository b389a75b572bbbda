"""Interrupt: ends a computation within a tile, where nobody would wait for the tile's end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.overrides import TorchFunctionMode

from napari_sr.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable


class Interruptible(TorchFunctionMode):
    """Looks before every operation of torch in the context whether it is still wanted; of this thread alone.

    An operation takes milliseconds, a tile of a deep network seconds. What is one operation to torch, such as a
    network in TorchScript, is not cut short.

    Parameters
    ----------
    stopped : callable
        Whether to end; called very often, so it must be quick.

    Raises
    ------
    CancelledError
        Inside the context, once `stopped` says so.
    """

    def __init__(self, stopped: Callable[[], bool]) -> None:
        super().__init__()
        self._stopped = stopped

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation if it is wanted."""
        if self._stopped():
            raise CancelledError("cancelled")
        return func(*args, **(kwargs or {}))
