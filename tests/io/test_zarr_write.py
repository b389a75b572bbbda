"""Written OME-Zarr is valid, lies at the right place at every level, and survives a killed process."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time

import dask.array as da
import numpy as np
import ome_zarr_models
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from napari_sr.architectures.bicubic import Bicubic
from napari_sr.errors import FileWriteError
from napari_sr.inference import _blockwise, upscale
from napari_sr.inference._runners import on_device
from napari_sr.io import (
    Channel,
    OmeZarrWriter,
    ZarrLayout,
    read_ome_zarr,
    write_ome_zarr,
)
from napari_sr.io.zarr import _save
from napari_sr.models import Checkpoint, Model, ModelCard
from tests.conftest import KILLED

from .conftest import random_image

VERSIONS = st.sampled_from(["0.4", "0.5"])
DTYPES = ["uint8", "int16", "uint16", "float32", "float64", "bool"]
SIZES = {"T": 2, "C": 3, "Z": 2, "Y": 70, "X": 50}
CHANNELS = tuple(
    Channel(name, color, (1.0, 50.0))
    for name, color in [("DAPI", "#0000ff"), ("GFP", "#00ff00"), ("Cy5", "#ff00ff")]
)


def theirs(path):
    """The image as ome-zarr's own reader sees it."""
    return next(iter(Reader(parse_url(str(path), mode="r"))()))


@st.composite
def stacks(draw):
    axes = "".join(a for a in "TCZ" if draw(st.booleans())) + "YX"
    return axes, random_image([SIZES[a] for a in axes], draw(st.sampled_from(DTYPES)))


@given(stack=stacks(), version=VERSIONS, lazy=st.booleans())
@settings(max_examples=15, deadline=None)
def test_the_official_reader_and_validator_agree(folder, stack, version, lazy):
    axes, data = stack
    path = folder / "valid.zarr"
    write_ome_zarr(
        path,
        da.from_array(data, chunks=32) if lazy else data,
        axes,
        scale=[0.5] * len(axes),
        units=["micrometer" if a in "ZYX" else "second" if a == "T" else "pixel" for a in axes],
        channels=CHANNELS if "C" in axes else (),
        levels=3,
        version=version,
    )
    group = ome_zarr_models.open_ome_zarr(str(path), version=version)
    assert group.ome_zarr_version == version
    node = theirs(path)
    np.testing.assert_array_equal(node.data[0].compute(), data)
    assert [a["name"] for a in node.metadata["axes"]] == [a.lower() for a in axes]
    assert len(node.data) == 3
    if "C" in axes:
        assert node.metadata["channel_names"] == ["DAPI", "GFP", "Cy5"]


@given(
    shape=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    scale=st.tuples(st.floats(0.01, 10), st.floats(0.01, 10)),
    translation=st.tuples(st.floats(-100, 100), st.floats(-100, 100)),
    version=VERSIONS,
)
@settings(max_examples=12, deadline=None)
def test_every_level_lies_at_the_same_place(folder, shape, scale, translation, version):
    """A plane in world coordinates is the same plane at every level, at whole blocks."""
    path = folder / "ramp.zarr"
    y, x = (t + s * np.arange(n) for t, s, n in zip(translation, scale, shape, strict=True))
    write_ome_zarr(
        path, 3 * y[:, None] - 2 * x[None], scale=scale, translation=translation,
        levels=4, version=version,
    )  # fmt: skip
    node = theirs(path)
    for level, data in enumerate(node.data):
        steps = {t["type"]: t[t["type"]] for t in node.metadata["coordinateTransformations"][level]}
        whole = [n >> level for n in shape]
        at_y, at_x = (
            steps["translation"][i] + steps["scale"][i] * np.arange(whole[i]) for i in (0, 1)
        )
        expected = 3 * at_y[:, None] - 2 * at_x[None]
        np.testing.assert_allclose(
            data.compute()[: whole[0], : whole[1]],
            expected,
            atol=1e-6 * np.abs(expected).max(initial=1),
        )
        assert data.shape == tuple(-(-n // 2**level) for n in shape)


def test_the_coarsest_level_fits_into_one_chunk():
    for size, levels in [(1, 1), (1024, 1), (1025, 2), (2048, 2), (2049, 3), (40000, 7)]:
        layout = ZarrLayout((2, size, 7), "uint8", "ZYX")
        assert layout.levels == levels
        assert layout.level_shape(levels - 1)[1] <= 1024


def test_regions_tile_every_level():
    layout = ZarrLayout(
        (2, 130, 75), "uint8", "ZYX", chunks=(1, 16, 16), region=(1, 32, 48), levels=3
    )
    for level in range(3):
        seen = np.zeros(layout.level_shape(level), int)
        for region in layout.regions(level):
            seen[region] += 1
        assert (seen == 1).all()


def test_regions_must_be_whole_chunks():
    with pytest.raises(FileWriteError, match="not multiples"):
        ZarrLayout((9, 9), "uint8", "YX", chunks=(4, 4), region=(4, 6))


@given(
    chunks=st.tuples(st.integers(12, 70), st.integers(12, 70)),
    region=st.sampled_from([0, 2000, 2**20]),
    version=VERSIONS,
)
@settings(max_examples=15, deadline=None)
def test_each_lazy_block_is_computed_once(folder, chunks, region, version):
    data = random_image((2, 61, 47), np.uint8)
    computed = []
    blocks = da.from_array(data, chunks=(1, *chunks))
    lazy = blocks.map_blocks(lambda b: computed.append(1) or b, dtype=data.dtype, meta=data[:0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_save, "REGION_BYTES", region)
        path = write_ome_zarr(folder / "lazy.zarr", lazy, "ZYX", version=version)
    assert len(computed) == lazy.npartitions
    np.testing.assert_array_equal(read_ome_zarr(path).data.compute(), data)


def cuts_of(length):
    """Ways to cut an axis into blocks of any lengths."""
    edges = st.sets(st.integers(1, length - 1), max_size=5)
    return edges.map(lambda at: tuple(np.diff([0, *sorted(at), length]).tolist()))


@given(cuts=st.tuples(cuts_of(61), cuts_of(47)), region=st.sampled_from([0, 900, 2**20]))
@settings(max_examples=12, deadline=None)
def test_each_block_is_computed_once_even_if_several_regions_need_it(folder, cuts, region):
    data = random_image((2, 61, 47), np.uint8)
    computed = []
    blocks = da.from_array(data, chunks=((1, 1), *cuts))
    lazy = blocks.map_blocks(lambda b: computed.append(1) or b, dtype=data.dtype, meta=data[:0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_save, "REGION_BYTES", region)
        path = write_ome_zarr(folder / "uneven.zarr", lazy, "ZYX")
    assert len(computed) == lazy.npartitions
    np.testing.assert_array_equal(read_ome_zarr(path).data.compute(), data)


@pytest.mark.parametrize("scale", [2, 2.6, 2.3456789])
def test_the_network_sees_each_tile_once(tmp_path, monkeypatch, scale):
    """Whatever chunks the file has: of a factor that is no simple fraction, blocks are unequal."""
    monkeypatch.setattr(_save, "REGION_BYTES", 0)
    monkeypatch.setattr(_blockwise, "BLOCK", 24)
    seen = []
    network = Bicubic(3 if scale > 2 else 2)
    card = ModelCard(
        "m", "M", "none", "", "Mine", "grey", 1, checkpoints=(Checkpoint(network.scale),)
    )
    model = Model(card, lambda _: network)
    image = da.from_array(random_image((150, 90), np.uint8), chunks=(31, 40))
    lazy = upscale(image, scale, model, tile=20, intensity_range=(0, 255))
    assert lazy.npartitions > 6
    on_cpu = on_device(network, "cpu")
    handle = on_cpu.register_forward_hook(lambda _, args, __: seen.append(len(args[0])))
    try:
        expected = lazy.compute()
        needed = sum(seen)
        seen.clear()
        path = write_ome_zarr(tmp_path / "once.zarr", lazy)
    finally:
        handle.remove()
    assert sum(seen) == needed > lazy.npartitions
    np.testing.assert_array_equal(read_ome_zarr(path).data.compute(), expected)


@given(version=VERSIONS, alpha=st.booleans())
@settings(max_examples=6, deadline=None)
def test_color_pictures_are_read_back_in_color(folder, version, alpha):
    data = random_image((20, 30, 4 if alpha else 3), np.uint8)
    path = write_ome_zarr(folder / "rgb.zarr", data, scale=(2, 3, 1), version=version)
    read = read_ome_zarr(path)
    assert (read.axes, read.scale) == ("YXS", (2, 3, 1))
    np.testing.assert_array_equal(read.data.compute(), data)
    node = theirs(path)  # in which samples are channels
    assert [a["name"] for a in node.metadata["axes"]] == ["c", "y", "x"]
    assert node.metadata["channel_names"][:3] == ["Red", "Green", "Blue"]


def test_display_ranges_are_measured_where_none_are_given(tmp_path):
    data = np.stack([np.full((40, 40), 7), np.full((40, 40), 90)]).astype(np.uint16)
    data[1, :20] = 20
    read = read_ome_zarr(write_ome_zarr(tmp_path / "w.zarr", data, "CYX", levels=1))
    assert [c.window for c in read.channels] == [(7, 7), (20, 90)]


def layout_of(data):
    return ZarrLayout(data.shape, str(data.dtype), "YX", chunks=(16, 16), levels=2)


def test_an_interrupted_run_is_resumed(tmp_path):
    data = random_image((60, 50), np.uint16)
    path = tmp_path / "big.zarr"
    first = OmeZarrWriter(path, layout_of(data), key={"model": "a"})
    for region in first.pending()[:7]:
        first.write(region, data[region])
    again = OmeZarrWriter(path, layout_of(data), key={"model": "a"})
    assert again.resumed
    assert again.pending() == first.layout.regions()[7:]
    with pytest.raises(FileWriteError, match="9 regions"):
        again.finish()
    assert not path.exists()
    for region in again.pending():
        again.write(region, data[region])
    again.finish()
    np.testing.assert_array_equal(read_ome_zarr(path).data.compute(), data)
    assert [p.name for p in tmp_path.iterdir()] == ["big.zarr"]


@pytest.mark.parametrize("other", ["key", "layout"])
def test_another_job_starts_again(tmp_path, other):
    data = random_image((60, 50), np.uint16)
    first = OmeZarrWriter(tmp_path / "x.zarr", layout_of(data), key={"model": "a"})
    first.write(first.pending()[0], data[first.pending()[0]])
    wider = ZarrLayout((60, 51), "uint16", "YX", chunks=(16, 16))
    layout = wider if other == "layout" else layout_of(data)
    again = OmeZarrWriter(tmp_path / "x.zarr", layout, key={"model": "b"})
    assert not again.resumed
    assert again.pending() == layout.regions()


def test_a_block_that_does_not_fit_is_refused(tmp_path):
    writer = OmeZarrWriter(tmp_path / "x.zarr", layout_of(np.zeros((60, 50), np.uint16)))
    region = writer.pending()[0]
    for block in (np.zeros((16, 15), np.uint16), np.zeros((16, 16), np.uint8)):
        with pytest.raises(FileWriteError, match="does not fit"):
            writer.write(region, block)
    assert region in writer.pending()


def test_a_writer_can_be_pickled(tmp_path):
    data = random_image((60, 50), np.uint16)
    writer = OmeZarrWriter(tmp_path / "x.zarr", layout_of(data))
    sent = pickle.loads(pickle.dumps(writer))
    for region in sent.pending():
        sent.write(region, data[region])
    assert writer.pending() == []
    late = pickle.dumps(writer)
    writer.finish()
    with pytest.raises(FileWriteError, match="not being written any more"):
        pickle.loads(late)


def test_the_old_image_stays_until_the_new_one_is_complete(tmp_path):
    path = write_ome_zarr(tmp_path / "x.zarr", np.full((20, 20), 1, np.uint8))
    data = random_image((60, 50), np.uint16)
    writer = OmeZarrWriter(path, layout_of(data))
    for region in writer.pending():
        writer.write(region, data[region])
        assert read_ome_zarr(path).data.compute().max() == 1
    writer.finish()
    np.testing.assert_array_equal(read_ome_zarr(path).data.compute(), data)


def test_a_finish_killed_between_its_two_renames_is_undone(tmp_path):
    path = write_ome_zarr(tmp_path / "x.zarr", np.full((20, 20), 1, np.uint8))
    data = random_image((60, 50), np.uint16)
    OmeZarrWriter(path, layout_of(data))
    os.replace(path, tmp_path / "x.zarr.partial" / "replaced")
    assert OmeZarrWriter(path, layout_of(data)).resumed
    assert read_ome_zarr(path).data.compute().max() == 1


SLOW_JOB = """
import sys
from tests.io.test_zarr_write import save_slowly
save_slowly(sys.argv[1], 0.05, lambda done, _: print(done, flush=True))
"""


def save_slowly(path, delay, progress=None):
    image = da.from_array(random_image((400, 300), np.uint16), chunks=(50, 300))
    slow = image.map_blocks(lambda block: time.sleep(delay) or block, meta=np.empty(0, np.uint16))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_save, "REGION_BYTES", 0)
        write_ome_zarr(path, slow, key={"seed": 0}, levels=3, progress=progress)


def test_a_resumed_run_gives_the_same_result_as_an_uninterrupted_one(tmp_path):
    path = tmp_path / "killed.zarr"
    command = [sys.executable, "-c", SLOW_JOB, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) == 4:
                time.sleep(0.02)
                process.kill()
    assert process.returncode == KILLED
    assert not path.exists()
    resumed = []
    save_slowly(path, 0, lambda done, _: resumed.append(done))
    assert 5 <= resumed[0] <= 8  # nothing that was done is done again
    save_slowly(tmp_path / "whole.zarr", 0)
    ours, whole = read_ome_zarr(path), read_ome_zarr(tmp_path / "whole.zarr")
    for level, expected in zip((ours.data, *ours.levels), (whole.data, *whole.levels), strict=True):
        np.testing.assert_array_equal(level.compute(), expected.compute())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["killed.zarr", "whole.zarr"]


def test_versions_are_stored_as_their_zarr_format(tmp_path):
    for version, zarr_format in (("0.4", 2), ("0.5", 3)):
        path = write_ome_zarr(tmp_path / "v.zarr", np.zeros((9, 9), np.uint8), version=version)
        assert zarr.open_group(path, mode="r").metadata.zarr_format == zarr_format
        assert ZarrLayout((9, 9), "uint8", "YX").version == "0.5"
