"""A run as the window sees it: started, looked at, perhaps cancelled, ended."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_warning
from napari.utils.progress import cancelable_progress

from napari_sr.errors import CancelledError
from napari_sr.layers import upscale_snapshot_steps
from napari_sr.widgets._describe import describe_progress
from napari_sr.widgets._jobs import INFERENCE, Job
from napari_sr.widgets._texts import NOTES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari.layers import Image, Layer

    from napari_sr.inference import Progress
    from napari_sr.layers import LayerSnapshot

__all__ = ["UpscaleRun"]

_EXECUTION = ("plan", "lazy", "pyramid", "view")
"""Keywords of `upscale_snapshot_steps` that are no options of the engine."""


class _Activity(cancelable_progress):  # type: ignore[misc]
    """A line in napari's activity dock whose Cancel button acts at once."""

    def cancel(self) -> None:
        super().cancel()
        if self.cancel_callback is not None:
            self.cancel_callback()


class UpscaleRun:
    """One click on Upscale; everything in it belongs to the window's thread but `job`.

    Parameters
    ----------
    layer : napari.layers.Layer
        Above which the result belongs.
    active : napari.layers.Layer or None
        What is selected in the viewer at the click.
    source : LayerSnapshot
        What is upscaled: the layer at the moment of the click.
    **options
        As `upscale_layer` takes them.
    """

    def __init__(
        self, layer: Layer, active: Layer | None, source: LayerSnapshot, **options: Any
    ) -> None:
        self.layer = layer
        self.active = active
        self.name = source.name
        self._shown = 0
        """Messages of the run that napari has shown."""
        self.job: Job = Job(partial(_steps, source, options, lambda: self.job.cancelled))
        self._clicked = time.monotonic()
        self._begun: float | None = None
        self._seen = (0, 0)
        self._spent = 0.0
        """Seconds from the first tile's beginning to the last news of progress."""
        self._activity: _Activity | None = None

    def start(self) -> None:
        """Put the job in the queue of the inference thread."""
        INFERENCE.submit(self.job)

    @property
    def elapsed(self) -> float:
        """Seconds since the click."""
        return time.monotonic() - self._clicked

    @property
    def fraction(self) -> tuple[int, int]:
        """Tiles done, tiles in all; (0, 0) as long as that is unknown."""
        progress = self.job.progress
        return (0, 0) if progress is None else (progress.done, progress.total)

    @property
    def cancelled(self) -> bool:
        """Whether it ended, or will end, because somebody cancelled it."""
        return self.job.cancelled or isinstance(self.job.error, CancelledError)

    def note(self) -> str:
        """How far it is, in words."""
        done, total = self.fraction
        if self.cancelled:
            return NOTES["cancelling"]
        if not total:
            return NOTES["preparing"] if self.job.started else NOTES["waiting"]
        return describe_progress(done, total, self._spent)

    def look(self) -> bool:
        """Pass the progress on to the activity dock; returns whether the run has ended."""
        self._show_messages()
        done, total = self.fraction
        if self._begun is None and self.job.started:
            self._begun = time.monotonic()
        if self._begun is not None and self._seen != (done, total):
            # What is left is foretold when a tile is done; a tile that is waited for does not make it longer.
            self._seen, self._spent = (done, total), time.monotonic() - self._begun
        if self._activity is None and total and not self.job.finished:
            self._activity = _Activity(
                desc=NOTES["activity"].format(name=self.name),
                total=total,
                cancel_callback=self.job.cancel,
            )
        if self._activity is not None and done > self._activity.n:
            self._activity.update(done - self._activity.n)
        return self.job.finished

    def _show_messages(self) -> None:
        """Show what the user should know, once, as soon as it is known."""
        messages = getattr(self.job.progress, "messages", ())
        if self.job.finished and self.job.result is not None:
            messages = _messages(self.job.result)
        for message in messages[self._shown :]:
            show_warning(f"{self.name}: {message}")
        self._shown = max(self._shown, len(messages))

    def close(self) -> None:
        """Cancel what still runs and take the line from the activity dock."""
        self.job.cancel()
        self._show_messages()
        if self._activity is not None:
            self._activity.close()
            self._activity = None


def _messages(result: Image | tuple[Image, ...]) -> tuple[str, ...]:
    """What the record of a finished run tells the user."""
    layer = result[0] if isinstance(result, tuple) else result
    return tuple(layer.metadata["napari_sr"].get("remarks", ()))


def _steps(
    source: LayerSnapshot, options: dict[str, Any], stopped: Callable[[], bool]
) -> Generator[Progress, None, Image | tuple[Image, Image]]:
    """What the job does, in its thread, where PyTorch is imported."""
    from napari_sr.inference import Interruptible, UpscaleOptions

    how = {name: options.pop(name) for name in _EXECUTION if name in options}
    with Interruptible(stopped):
        return (yield from upscale_snapshot_steps(source, UpscaleOptions(**options), **how))
