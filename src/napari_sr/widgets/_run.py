"""One run of the Upscale widget, from the click to the new layers in the viewer."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_warning
from napari.utils.progress import cancelable_progress

from napari_sr.errors import CancelledError
from napari_sr.layers import plan_snapshot, upscale_snapshot_steps
from napari_sr.widgets._describe import describe_progress
from napari_sr.widgets._jobs import INFERENCE, Job
from napari_sr.widgets._texts import UPSCALE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari.components import LayerList
    from napari.layers import Image, Layer

    from napari_sr.inference import AnyPlan, Progress
    from napari_sr.layers import LayerSnapshot

__all__ = ["UpscaleRun", "insert_result"]


class _Activity(cancelable_progress):  # type: ignore[misc]
    """A line in napari's activity dock whose Cancel button acts at once."""

    def cancel(self) -> None:
        super().cancel()
        if self.cancel_callback is not None:
            self.cancel_callback()


class UpscaleRun:
    """One click on Upscale. All of it belongs to the thread of the window, except `job`.

    Parameters
    ----------
    layer : napari.layers.Layer
        The layer above which the result belongs.
    active : napari.layers.Layer or None
        The selected layer at the click.
    source : LayerSnapshot
        The layer at the click.
    options : dict
        Keyword arguments of `UpscaleOptions`.
    plan : Plan or IsotropicPlan, optional
        What the widget has shown; made by the job where it is not ready yet.
    **execution
        Further keyword arguments of `napari_sr.layers.upscale_snapshot_steps`.
    """

    def __init__(
        self,
        layer: Layer,
        active: Layer | None,
        source: LayerSnapshot,
        options: dict[str, Any],
        plan: AnyPlan | None = None,
        **execution: Any,
    ) -> None:
        self.layer = layer
        self.active = active
        self.name = source.name
        self.job: Job = Job(
            partial(_run_steps, source, options, plan, execution, lambda: self.job.cancelled)
        )
        self._shown = 0
        """Messages of the run that have been shown."""
        self._clicked = time.monotonic()
        self._begun: float | None = None
        self._seen = (0, 0)
        self._spent = 0.0
        """Seconds from the beginning of the first tile to the last progress."""
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
        """Tiles done and tiles in all; (0, 0) while that is unknown."""
        progress = self.job.progress
        return (0, 0) if progress is None else (progress.done, progress.total)

    @property
    def cancelled(self) -> bool:
        """Whether the run was canceled."""
        return self.job.cancelled or isinstance(self.job.error, CancelledError)

    def note(self) -> str:
        """How far the run is, in words."""
        done, total = self.fraction
        if self.cancelled:
            return UPSCALE.notes["cancelling"]
        if not total:
            return UPSCALE.notes["preparing" if self.job.started else "waiting"]
        return describe_progress(done, total, self._spent)

    def poll(self) -> bool:
        """Update the activity dock and show new messages; returns whether the run has ended."""
        finished = self.job.finished
        self._show_messages()
        done, total = self.fraction
        if self._begun is None and self.job.started:
            self._begun = time.monotonic()
        if self._begun is not None and self._seen != (done, total):
            # The time left is estimated when a tile is done; it does not grow while a tile takes long.
            self._seen, self._spent = (done, total), time.monotonic() - self._begun
        if self._activity is None and total and not finished:
            self._activity = _Activity(
                desc=UPSCALE.notes["activity"].format(name=self.name),
                total=total,
                cancel_callback=self.job.cancel,
            )
        if self._activity is not None and done > self._activity.n:
            self._activity.update(done - self._activity.n)
        return finished

    def close(self) -> None:
        """Cancel the run if it is not finished, and remove its line from the activity dock."""
        self.job.cancel()
        if self._activity is not None:
            self._activity.close()
            self._activity = None

    def _show_messages(self) -> None:
        """Show each message of the run once, as soon as it is known."""
        messages = getattr(self.job.progress, "messages", ())
        if self.job.finished and self.job.result is not None:
            messages = self.job.result[0].metadata["napari_sr"].get("remarks", ())
        for message in messages[self._shown :]:
            show_warning(f"{self.name}: {message}")
        self._shown = max(self._shown, len(messages))


def insert_result(layers: LayerList, run: UpscaleRun) -> Image:
    """Put the layers of a finished run above its source, or on top if the source is gone.

    The first of them becomes the selected layer, as new layers do in napari, unless the user has selected another layer
    since the click: someone who paints keeps the brush on that layer.

    Parameters
    ----------
    layers : napari.components.LayerList
        Of the viewer.
    run : UpscaleRun
        Its result is added.

    Returns
    -------
    napari.layers.Image
        The first new layer; napari renames it if its name is taken.
    """
    result, *companions = run.job.result
    active = layers.selection.active
    elsewhere = active is not None and active != run.active
    index = layers.index(run.layer) + 1 if run.layer in layers else len(layers)
    for offset, layer in enumerate((result, *companions)):
        layers.insert(index + offset, layer)
    layers.selection.active = active if elsewhere else result
    return result


def _run_steps(
    source: LayerSnapshot,
    options: dict[str, Any],
    plan: AnyPlan | None,
    execution: dict[str, Any],
    stopped: Callable[[], bool],
) -> Generator[Progress, None, tuple[Image, ...]]:
    """Plan if necessary, and upscale; runs in the other thread, where PyTorch is imported."""
    from napari_sr.inference import Interruptible, UpscaleOptions

    with Interruptible(stopped):
        if plan is None:
            plan = plan_snapshot(source, UpscaleOptions(**options), lazy=execution["lazy"])
        made = yield from upscale_snapshot_steps(source, plan, **execution)
    return made if isinstance(made, tuple) else (made,)
