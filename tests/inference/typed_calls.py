"""Types of `upscale` and its relatives as mypy infers them; mypy checks this file, and nothing runs it.

Each ``type: ignore`` expects an error: mypy reports those that are not needed.
"""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from napari_sr import Plan, evaluate, plan, upscale, upscale_file, upscale_image
from napari_sr.evaluation import Evaluation
from napari_sr.imaging import SpatialImage
from napari_sr.inference import IsotropicPlan, OptionKeywords, Report, UpscaleOptions, UpscaleResult

Array = NDArray[Any]


def arrays(image: NDArray[np.uint8], several: bool) -> None:
    """An array gives an array, with `uncertainty` a pair of them."""
    assert_type(upscale(image), Array)
    assert_type(upscale(image, 2.5, "bicubic", "YX", tile=64, precision="half"), Array)
    assert_type(upscale(image, uncertainty=False), Array)
    assert_type(upscale(image, uncertainty=True), tuple[Array, Array])
    assert_type(upscale(image, uncertainty=several), Any)


def other_objects(image: object) -> None:
    """Objects of other libraries give what only that library knows."""
    assert_type(upscale(image), Any)
    assert_type(upscale(image, uncertainty=True), tuple[Any, Any])


def results(image: NDArray[np.uint8], placed: SpatialImage) -> None:
    """The other calls have one type each."""
    assert_type(plan(image, isotropic=True, z_spacing=3), Plan | IsotropicPlan)
    assert_type(upscale_image(placed, uncertainty=True), UpscaleResult)
    assert_type(upscale_image(placed).report, Report)
    assert_type(upscale_file("in.tif", "out.tif", tile=None), Report)
    assert_type(evaluate("ecbsr", "folder", 2, tile_mode="exact"), Evaluation)


def mistakes(image: NDArray[np.uint8], placed: SpatialImage, keywords: OptionKeywords) -> None:
    """Misspelled options are found before anything runs."""
    upscale(image, precision="floot16")  # type: ignore[call-overload]
    upscale(image, tile_mode="nonsense")  # type: ignore[call-overload]
    upscale(image, tile="huge")  # type: ignore[call-overload]
    upscale(image, isotropic=5.0)  # type: ignore[call-overload]
    upscale(image, halo=3)  # type: ignore[call-overload]
    plan(image, tile_mode="nonsense")  # type: ignore[arg-type]
    upscale_image(placed, precision="floot16")  # type: ignore[arg-type]
    evaluate("ecbsr", "folder", 2, uncertainty=True)  # type: ignore[call-arg]
    UpscaleOptions(scale=2, halo=3)  # type: ignore[call-arg]
    UpscaleOptions(scale=2, model="ecbsr", **keywords)
