"""The planner plans the next run while the user is still choosing its options."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sr.errors import NapariSRError
from napari_sr.layers import plan_snapshot, snapshot
from napari_sr.widgets._describe import describe_plan, describe_result
from napari_sr.widgets._dock import POLL_MS
from napari_sr.widgets._errors import format_error
from napari_sr.widgets._jobs import INFERENCE, PLANNING, Job
from napari_sr.widgets._texts import UPSCALE

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_sr.inference import AnyPlan
    from napari_sr.layers import LayerSnapshot
    from napari_sr.widgets._form import UpscaleForm

__all__ = ["Planner"]

_QUIET_MS = 200
"""Milliseconds without a change after which a plan is made, so that typing does not start one with every key."""


class Planner(QObject):
    """Plans a run whenever the form has changed, in another thread, since the first plan loads PyTorch.

    Parameters
    ----------
    form : UpscaleForm
        The options.
    """

    planned = Signal(str)
    """Description of the plan, or the reason why there is none."""

    def __init__(self, form: UpscaleForm) -> None:
        super().__init__(form)
        self._form = form
        self.plan: AnyPlan | None = None
        """What a click on Upscale will execute; None while it is being made."""
        self._job: Job | None = None
        self._lazy = False
        self._quiet = self._timer(_QUIET_MS, self._begin)
        self._quiet.setSingleShot(True)
        self._polling = self._timer(POLL_MS, self._poll)
        form.changed.connect(self.request)

    def request(self) -> None:
        """Discard the plan and make a new one soon."""
        self.stop()
        self.plan = None
        self._quiet.start()

    def stop(self, *_: object) -> None:
        """Cancel the plan that is being made, if there is one."""
        self._quiet.stop()
        self._polling.stop()
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _timer(self, interval: int, slot: Any) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval)
        timer.timeout.connect(slot)
        return timer

    def _begin(self) -> None:
        try:
            source = snapshot(self._form.layer.target)
        except NapariSRError as error:
            self.planned.emit(format_error(error))
            return
        self._form.show_choices(source)
        # Known at once, before PyTorch is loaded.
        after = source.out_shape(self._form.factors(source))
        result = describe_result(source.image.shape, after, source.image.dtype)
        self.planned.emit(f"{result}\n{UPSCALE.notes['planning']}")
        self._lazy = self._form.wants_lazy(source)
        options = self._form.options(source)
        self._job = PLANNING.submit(Job(partial(_plan_steps, source, options, self._lazy)))
        self._polling.start()

    def _poll(self) -> None:
        job = self._job
        if job is None or not job.finished:
            return
        self.stop()
        if job.progress is not None:
            self._form.device.offer(job.progress)
        if job.error is not None:
            self.planned.emit(format_error(job.error))
        else:
            self.plan = job.result
            self.planned.emit(describe_plan(job.result, lazy=self._lazy))


def _plan_steps(
    source: LayerSnapshot, options: dict[str, Any], lazy: bool
) -> Generator[list[str], None, AnyPlan]:
    """Find the devices, then plan; runs in the other thread, where PyTorch is imported."""
    from napari_sr.inference import UpscaleOptions, available_devices

    yield available_devices()
    # A speed measured while a network runs would be too low by half.
    measure = not INFERENCE.busy
    return plan_snapshot(source, UpscaleOptions(**options), lazy=lazy, measure=measure)
