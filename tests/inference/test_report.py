"""What comes back from a run: an image, and a report from which every record of it is written."""

import json
import math
from dataclasses import replace
from importlib import metadata

import numpy as np
import pytest

from napari_sr.errors import InputError
from napari_sr.imaging import SpatialImage
from napari_sr.inference import (
    Progress,
    Report,
    UpscaleResult,
    execute,
    plan,
    upscale_image,
)
from napari_sr.inference._report import Facts, RunLog
from napari_sr.models import load_model

from .conftest import collect

KEYS = {
    "source", "model", "sha256", "scale", "z_scale", "native_scales", "axes", "tile", "tile_mode", "halo", "batch",
    "device", "precision", "runner", "ensemble", "versions",
}  # fmt: skip
"""Keys of every record, as `Report.record` documents them."""
AFTER = {"replaced", "float32_repeats", "remarks", "seconds"}
"""Keys that a record has once something has been computed."""


def noise(shape=(40, 44), seed=0):
    return np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)


def test_record_has_the_documented_keys_and_is_json():
    image = noise((3, 40, 44))
    result, _ = collect(execute(plan(image, 2.5, "ecbsr", tile=20, ensemble=True), image))
    record = result.report.record("cells")
    assert set(record) == KEYS | AFTER
    again = json.loads(json.dumps(record))
    assert again == record
    assert record["source"] == "cells"
    assert record["model"] == "ecbsr"
    assert record["sha256"] == {"x3": load_model("ecbsr").sha256(3)}
    assert record["scale"] == [2.5, 2.5]
    assert record["native_scales"] == [3]
    assert record["axes"] == "ZYX"
    assert record["tile"] == [20, 20]
    assert record["ensemble"] is True
    assert record["device"] == "cpu"
    assert record["precision"] == "float32"
    assert record["runner"] == "torch"
    assert record["seconds"] > 0
    versions = {name: metadata.version(name) for name in ("napari-sr", "numpy", "torch")}
    assert record["versions"] == versions


def test_documented_keys_are_those_of_the_docstring():
    documented = Report.record.__doc__
    for key in KEYS | AFTER | {"computed"}:
        assert f"``{key}``" in documented, key


def test_record_of_an_image_that_was_only_copied():
    image = noise()
    result, _ = collect(execute(plan(image, 1, "ecbsr"), image))
    record = result.report.record("same")
    assert record["native_scales"] == []
    assert record["sha256"] == {}
    assert record["replaced"] == {"pixels": 0, "why": {}}
    json.dumps(record)


def test_replaced_pixels_are_in_record_and_messages():
    """The published small network explodes at three pixels of this noise; these are counted."""
    image = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    result, _ = collect(execute(plan(image, 2, "ecbsr", measure=False), image))
    record = result.report.record("noise")
    assert record["replaced"] == {"pixels": 3, "why": {"far outside the range": 3}}
    assert record["remarks"] == list(result.report.messages)
    assert result.report.messages[0].startswith("bicubic replaces ecbsr at 3 pixels")


def test_spatial_image_keeps_its_place_and_gets_a_report():
    image = SpatialImage(
        noise((6, 20, 24)),
        "ZYX",
        (300.0, 0.2, 0.2),
        (0.0, 10.0, 20.0),
        ("nanometer", "micrometer", "micrometer"),
    )
    result = upscale_image(image, 1, "bicubic", isotropic=True)
    assert result.report.record("stack")["z_scale"] == pytest.approx(1.5)
    assert result.image.shape == (9, 20, 24)
    assert result.image.scale == pytest.approx((200.0, 0.2, 0.2))
    assert result.image.translation == pytest.approx((-50.0, 10.0, 20.0))
    assert result.image.units == image.units
    result = upscale_image(image, 2, "bicubic", uncertainty=True)
    for made in (result.image, result.deviation):
        assert made.scale == (300.0, 0.1, 0.1)
        assert made.translation == pytest.approx((0.0, 9.95, 19.95))
    assert result.deviation.dtype == np.float32


def test_isotropic_spatial_image_without_pixel_sizes_needs_z_spacing():
    image = SpatialImage(noise((5, 20, 24)), "ZYX")
    with pytest.raises(InputError, match="or set the pixel sizes along Z, Y and X"):
        upscale_image(image, 1, "bicubic", isotropic=True)
    result = upscale_image(image, 1, "bicubic", isotropic=True, z_spacing=2)
    assert result.image.shape == (10, 20, 24)


def test_given_z_spacing_precedes_pixel_sizes():
    image = SpatialImage(noise((5, 20, 24)), "ZYX", (3.0, 1.0, 1.0))
    assert upscale_image(image, 1, "bicubic", isotropic=True).image.shape[0] == 15
    other = upscale_image(image, 1, "bicubic", isotropic=True, z_spacing=2)
    assert other.image.shape[0] == 10


def test_facts_add_up():
    one = Facts({"a": 1, "b": 2}, 1, ("first", "both"), 0.5)
    other = Facts({"b": 3}, 2, ("both", "second"), 1.0, "cpu")
    total = one + other
    assert total == Facts({"a": 1, "b": 5}, 3, ("first", "both", "second"), 1.5, "cpu")


def test_log_replaces_parts_that_are_computed_again():
    log = RunLog(3)
    calls = []
    log.listen(lambda: calls.append(log.progress()))
    log.add(Facts({"a": 1}), (0,))
    log.add(Facts({"a": 2}, messages=("text",)), (1,))
    log.add(Facts({"a": 5}), (0,))
    facts, done = log.total()
    assert (facts.replaced, done) == ({"a": 7}, 2)
    assert calls == [Progress(1, 3), Progress(2, 3, ("text",)), Progress(2, 3, ("text",))]


def test_device_of_the_record_is_the_one_that_finished_the_run():
    image = noise()
    made = replace(plan(image, 2, "bicubic", measure=False), device="cuda:0")
    log = RunLog()
    log.add(Facts(device="cpu"))
    assert UpscaleResult(image, made, log).report.record("image")["device"] == "cpu"


def test_seconds_are_those_of_the_computation():
    image = noise((100, 100))
    result, _ = collect(execute(plan(image, 2, "bicubic"), image))
    assert 0 < result.report.facts.seconds < 60
    assert math.isfinite(result.report.record("image")["seconds"])
