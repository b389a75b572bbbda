"""Says what a click would do, while the user is still choosing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sr.errors import NapariSRError
from napari_sr.imaging import output_length
from napari_sr.layers import plan_snapshot, snapshot
from napari_sr.widgets._describe import describe_plan, describe_result
from napari_sr.widgets._jobs import INFERENCE, Job, SerialThread
from napari_sr.widgets._report import sentence
from napari_sr.widgets._texts import NOTES

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_sr.inference import IsotropicPlan, Plan
    from napari_sr.layers import LayerSnapshot
    from napari_sr.widgets._form import UpscaleForm

__all__ = ["Planner"]

_QUIET_MS = 200
"""So long nothing may have changed before a plan is made."""
_LOOK_MS = 40

_PLANNING = SerialThread("napari-sr planning")
"""Apart from the inference thread, so that the next run can be planned while one goes on."""


class Planner(QObject):
    """Plans what the form says whenever it has changed, in another thread: the first plan loads PyTorch.

    Parameters
    ----------
    form : UpscaleForm
        The options.
    """

    planned = Signal(str)
    """What will happen, or why nothing can."""

    def __init__(self, form: UpscaleForm) -> None:
        super().__init__(form)
        self._form = form
        self.plan: Plan | IsotropicPlan | None = None
        """What a click will do; None while that is not known."""
        self._job: Job | None = None
        self._lazy = False
        self._quiet = self._timer(_QUIET_MS, self._plan)
        self._quiet.setSingleShot(True)
        self._looking = self._timer(_LOOK_MS, self._look)
        form.changed.connect(self.request)

    def _timer(self, interval: int, slot: Any) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval)
        timer.timeout.connect(slot)
        return timer

    def request(self) -> None:
        """Plan anew, soon."""
        self.stop()
        self.plan = None
        self._quiet.start()

    def stop(self, *_: object) -> None:
        """Forget the plan that is being made, if there is one."""
        self._quiet.stop()
        self._looking.stop()
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _plan(self) -> None:
        try:
            source = snapshot(self._form.layer.target)
        except NapariSRError as error:
            self.planned.emit(sentence(error))
            return
        self.planned.emit(f"{_result(source, self._form)}\n{NOTES['planning']}")
        self._form.show_choices(source)
        self._lazy = self._form.is_lazy(source)
        options = {**self._form.options, **self._form.extras(source)}
        self._job = _PLANNING.submit(Job(partial(_steps, source, options, self._lazy)))
        self._looking.start()

    def _look(self) -> None:
        job = self._job
        if job is None or not job.finished:
            return
        self.stop()
        if job.progress is not None:
            self._form.device.offer(job.progress)
        if job.error is not None:
            self.planned.emit(sentence(job.error))
        else:
            self.plan = job.result
            self.planned.emit(describe_plan(job.result, lazy=self._lazy))


def _result(source: LayerSnapshot, form: UpscaleForm) -> str:
    """What can be said at once, before PyTorch is there."""
    scale = form.scale.value
    factors = {"Z": form.z_factor(source), "Y": scale, "X": scale}
    after = [
        output_length(size, factors.get(axis, 1.0))
        for size, axis in zip(source.data.shape, source.axes, strict=True)
    ]
    return describe_result(source.data.shape, after, source.data.dtype)


def _steps(
    source: LayerSnapshot, options: dict[str, Any], lazy: bool
) -> Generator[list[str], None, Plan | IsotropicPlan]:
    """Find the devices, then plan; PyTorch is imported here, in the other thread."""
    from napari_sr.inference import UpscaleOptions, available_devices

    yield available_devices()
    # Speed that is measured while a network runs would be too low by half.
    measure = not INFERENCE.busy
    return plan_snapshot(source, UpscaleOptions(**options), lazy=lazy, measure=measure)
