"""How an image was made is in the file that holds it, and nothing else is taken for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sr.io import read_image, write_image
from napari_sr.io._record import from_text, record_of

from .conftest import random_image

MADE = {"model": "mspn", "scale": [2.0, 2.5], "sha256": {"x4": "0af…é"}, "ensemble": False}


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.zarr"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64])
def test_the_record_travels_with_the_image(tmp_path, name, dtype):
    if name == "a.ome.tif" and dtype == np.uint64:
        pytest.skip("OME-TIFF has no 64-bit integers")
    image = random_image((6, 7), dtype)
    path = write_image(tmp_path / name, image, metadata={"napari_sr": MADE})
    assert read_image(path).metadata["napari_sr"] == MADE
    bare = write_image(tmp_path / f"bare-{name}", image)
    assert "napari_sr" not in read_image(bare).metadata


def test_what_json_cannot_hold_is_left_out():
    assert record_of({"napari_sr": {"array": np.zeros(3)}}) == {}
    assert record_of({"napari_sr": "text"}) == record_of({}) == {}


@given(text=st.none() | st.text() | st.sampled_from(["[1]", '{"napari_sr": 3}', "null"]))
def test_other_descriptions_are_no_records(text):
    assert from_text(text) == {}
