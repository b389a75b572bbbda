"""The engine: any image, any model, any size, and a result that does not depend on how it was cut."""

from napari_sr.inference._blocks import row_blocks, square_blocks
from napari_sr.inference._device import available_devices, resolve_device
from napari_sr.inference._engine import run
from napari_sr.inference._interrupt import Interruptible
from napari_sr.inference._lazy import enlarge_lazily
from napari_sr.inference._plan import Plan
from napari_sr.inference._planner import plan
from napari_sr.inference._runner import Place, Runner, TorchRunner
from napari_sr.inference._sweep import Progress
from napari_sr.inference._upscale import upscale
from napari_sr.inference._where import plan_where_it_runs

__all__ = [
    "Interruptible",
    "Place",
    "Plan",
    "Progress",
    "Runner",
    "TorchRunner",
    "available_devices",
    "enlarge_lazily",
    "plan",
    "plan_where_it_runs",
    "resolve_device",
    "row_blocks",
    "run",
    "square_blocks",
    "upscale",
]
