"""The engine: any image, any model, any size, and a result that does not depend on how it was cut.

`UpscaleOptions` is what is asked. `plan_image` decides; `execute` and `execute_blockwise` do what was decided and
return an `UpscaleResult` with its `Report`. Everything else calls these.
"""

from napari_sr.inference._blockwise import execute_blockwise
from napari_sr.inference._cost import PeakTracker
from napari_sr.inference._execute import Interruptible, execute
from napari_sr.inference._machine import (
    available_devices,
    free_memory,
    full_float32,
    resolve_device,
)
from napari_sr.inference._options import (
    CommonKeywords,
    OptionKeywords,
    Precision,
    PrecisionName,
    TileMode,
    TileOption,
    UpscaleOptions,
)
from napari_sr.inference._plan import AnyPlan, IsotropicPlan, Plan
from napari_sr.inference._planner import choose_native_scales
from napari_sr.inference._ranges import measure_ranges
from napari_sr.inference._report import Facts, Progress, Report, UpscaleResult
from napari_sr.inference._runners import Runner, TorchRunner, WindowPositions, on_device
from napari_sr.inference._tiles import ImageStack
from napari_sr.inference._upscale import (
    plan,
    plan_image,
    upscale,
    upscale_image,
    upscale_image_steps,
)

__all__ = [
    "AnyPlan",
    "CommonKeywords",
    "Facts",
    "ImageStack",
    "Interruptible",
    "IsotropicPlan",
    "OptionKeywords",
    "PeakTracker",
    "Plan",
    "Precision",
    "PrecisionName",
    "Progress",
    "Report",
    "Runner",
    "TileMode",
    "TileOption",
    "TorchRunner",
    "UpscaleOptions",
    "UpscaleResult",
    "WindowPositions",
    "available_devices",
    "choose_native_scales",
    "execute",
    "execute_blockwise",
    "free_memory",
    "full_float32",
    "measure_ranges",
    "on_device",
    "plan",
    "plan_image",
    "resolve_device",
    "upscale",
    "upscale_image",
    "upscale_image_steps",
]
