"""The record of how an image was made is stored in its file, even if it is known only in the end."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sr.io import Channel, SpatialImage, read_image, write_image, write_ome_zarr
from napari_sr.io._record import from_text, record_of
from napari_sr.io.tiff import _write
from napari_sr.io.zarr import _save

from .conftest import random_image

MADE = {"model": "mspn", "scale": [2.0, 2.5], "sha256": {"x4": "0af…é"}, "ensemble": False}


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.zarr"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64])
def test_the_record_is_read_back(tmp_path, name, dtype):
    if name == "a.ome.tif" and dtype == np.uint64:
        pytest.skip("OME-TIFF has no 64-bit integers")
    image = random_image((6, 7), dtype)
    path = write_image(tmp_path / name, image, metadata={"napari_sr": MADE})
    assert read_image(path).metadata["napari_sr"] == MADE
    bare = write_image(tmp_path / f"bare-{name}", image)
    assert "napari_sr" not in read_image(bare).metadata


def test_a_record_that_json_cannot_hold_is_left_out():
    assert record_of({"napari_sr": {"array": np.zeros(3)}}) == {}
    assert record_of({"napari_sr": "text"}) == record_of({}) == {}


@given(text=st.none() | st.text() | st.sampled_from(["[1]", '{"napari_sr": 3}', "null"]))
def test_other_descriptions_are_no_records(text):
    assert from_text(text) == {}


def counted(data, chunks):
    """A lazy copy of an array, and the list that grows with each block that is computed."""
    computed = []
    lazy = da.from_array(data, chunks=chunks)
    return lazy.map_blocks(lambda b: computed.append(1) or b, meta=data[:0]), computed


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.zarr"])
@pytest.mark.parametrize("small", [True, False], ids=["at once", "by blocks"])
@pytest.mark.parametrize("axes", ["ZYX", "QYX"], ids=["OME", "plain"])
def test_a_function_gives_the_record_when_all_pixels_are_written(
    tmp_path, monkeypatch, name, small, axes
):
    if axes == "QYX" and name != "a.tif":
        pytest.skip("only plain TIFF has other axes")
    if not small:
        monkeypatch.setattr(_write, "LAZY_BYTES", 0)
    data = random_image((2, 40, 30), np.uint16)
    lazy, computed = counted(data, (1, 15, 30))
    image = SpatialImage(
        lazy, axes, scale=(2, 0.5, 0.25), units=("pixel", "micrometer", "micrometer"), name="größe <µm>",
        channels=(Channel("Kanal é & ü", "#00ff00"),),
    )  # fmt: skip
    asked = []

    def record():
        asked.append(1)
        return {**MADE, "replaced": len(computed), "text": '</Description> "é" & <b>' * 99}

    path = write_image(tmp_path / name, image, record=record)
    assert len(asked) == 1
    assert len(computed) == lazy.npartitions == 6
    read = read_image(path)
    assert read.metadata["napari_sr"] == record()
    assert (read.axes, read.scale) == (axes, image.scale)
    np.testing.assert_array_equal(np.asarray(read.data), data)
    if axes == "ZYX" and name != "a.tif":
        assert read.channels[0].name == "Kanal é & ü"


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.zarr"])
def test_a_function_may_give_an_empty_record(tmp_path, monkeypatch, name):
    monkeypatch.setattr(_write, "LAZY_BYTES", 0)
    lazy, _ = counted(random_image((40, 30), np.uint16), (15, 30))
    path = write_image(tmp_path / name, lazy, record=dict)
    assert "napari_sr" not in read_image(path).metadata


def interrupted(path, lazy, **options):
    """Write an OME-Zarr, and stop after two regions."""

    def stop(done, _):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_ome_zarr(path, lazy, progress=stop, **options)


def test_resuming_does_not_depend_on_the_record(tmp_path, monkeypatch):
    monkeypatch.setattr(_save, "REGION_BYTES", 0)
    monkeypatch.setattr(_save, "THREADS", 1)
    path = tmp_path / "a.zarr"
    lazy, computed = counted(random_image((40, 30), np.uint16), (5, 30))
    interrupted(path, lazy, key={"job": 1}, metadata={"device": "cuda:0"})
    before = len(computed)
    write_ome_zarr(path, lazy, key={"job": 1}, metadata={"device": "cpu"})
    assert len(computed) <= 8 + 1  # at most the block that was under way was computed again
    assert before >= 2
    assert read_image(path).metadata["napari_sr"] == {"device": "cpu"}


def test_a_record_of_a_resumed_run_is_marked(tmp_path, monkeypatch):
    """Nothing is known of the blocks that the interrupted run has computed."""
    monkeypatch.setattr(_save, "REGION_BYTES", 0)
    path = tmp_path / "a.zarr"
    lazy, computed = counted(random_image((40, 30), np.uint16), (5, 30))
    interrupted(path, lazy, key={"job": 1})
    computed.clear()
    write_ome_zarr(path, lazy, key={"job": 1}, metadata=lambda: {"replaced": len(computed)})
    read = read_image(path).metadata["napari_sr"]
    assert read == {"replaced": len(computed), "resumed": True}
    assert len(computed) < 8


def test_a_failing_record_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError):
        write_image(tmp_path / "a.tif", random_image((6, 7), np.uint8), record=lambda: 1 / 0)
    assert list(tmp_path.iterdir()) == []
