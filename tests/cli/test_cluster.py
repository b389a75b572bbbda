"""A cluster of processes gives the same result as one process, also if one of its workers is killed."""

from __future__ import annotations

import logging
import os
import re
import sys
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import psutil
import pytest

from napari_sr import UpscaleOptions, upscale, upscale_file
from napari_sr._dask import active_client
from napari_sr.cli import _cluster
from napari_sr.inference import _blockwise, execute_blockwise, plan_image
from napari_sr.io import read_image, write_image, write_ome_zarr
from napari_sr.io.zarr import _save
from tests.cli.conftest import colors, one_line

distributed = pytest.importorskip("distributed")

MODEL = "esr-tm"


@pytest.fixture(scope="module")
def workers():
    """A scheduler with two processes, started elsewhere."""
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=3,
        processes=True,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster


@pytest.fixture
def client(workers):
    with distributed.Client(workers) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(_blockwise, "BLOCK", 48)
    monkeypatch.setattr(_save, "REGION_BYTES", 1)


@pytest.fixture
def image():
    """A smooth image of 16 bits."""
    y, x = np.mgrid[:600, :70]
    return (2000 + 1500 * np.sin(y / 9) * np.cos(x / 7)).astype(np.uint16)


@pytest.fixture
def stored(image, tmp_path):
    return write_image(tmp_path / "in.zarr", da.from_array(image, chunks=(50, 70)))


@pytest.fixture
def expected(image):
    assert active_client() is None
    return upscale(image, 2, MODEL)


def nearly_equal(result, expected):
    """Equal except for rounding, since sums of float32 depend on their order."""
    return np.abs(np.asarray(result).astype(int) - expected).max() <= 1


def networks_and_threads():
    """Networks that this worker has in memory, and torch's threads in the thread that runs tasks."""
    import gc

    import torch

    from napari_sr._dask import use_worker_threads
    from napari_sr.architectures.esr import ESRTM

    use_worker_threads()
    held = [each for each in gc.get_objects() if isinstance(each, ESRTM)]
    return len(held), torch.get_num_threads()


def test_a_dask_array_is_computed_by_the_client_in_use(expected, image, client):
    lazy = upscale(da.from_array(image, chunks=100), 2, MODEL)
    before = client.run(os.getpid)
    assert lazy.npartitions > 6
    assert nearly_equal(lazy.compute(), expected)
    assert client.run(os.getpid) == before
    found = [client.submit(networks_and_threads, workers=[w], pure=False).result() for w in before]
    # One as loaded and one laid out for the device, for any number of blocks.
    assert all(count <= 2 for count, _ in found)
    assert any(count for count, _ in found)
    assert {threads for _, threads in found} == {3}


def test_a_killed_worker_changes_nothing(expected, stored, client, tmp_path):
    """The scheduler computes its blocks again, except those that were written already."""
    source = read_image(stored)
    pids = client.run(os.getpid)
    plan = plan_image(source, UpscaleOptions(model=MODEL))
    lazy = execute_blockwise(plan, source.data, blocks="rows").image
    seen = []

    def kill_one(done, total):
        seen.append((done, total))
        if done == 2:
            psutil.Process(next(iter(pids.values()))).kill()

    path = write_ome_zarr(tmp_path / "out.zarr", lazy, source.axes, progress=kill_one)
    assert seen == [(n + 1, len(seen)) for n in range(len(seen))]
    assert len(seen) == lazy.npartitions > 8
    assert nearly_equal(read_image(path).data, expected)
    client.wait_for_workers(2, timeout=60)
    assert set(client.run(os.getpid).values()) != set(pids.values())


@pytest.mark.parametrize("name", ["out.zarr", "out.tif", "out.png"])
def test_the_program_runs_on_a_cluster(run, expected, stored, workers, tmp_path, name, monkeypatch):
    monkeypatch.setattr("napari_sr.io.tiff._write.LAZY_BYTES", 0)
    address = workers.scheduler_address
    target = tmp_path / name
    result = run("upscale", stored, "-o", target, "-m", MODEL, "--dask-scheduler", address)
    assert result.exit_code == 0, result.stderr
    assert f"2 workers of {address}" in result.stdout
    assert nearly_equal(read_image(target).data, expected)
    assert active_client() is None


@pytest.mark.parametrize("name", ["out.zarr", "out.tif"])
def test_workers_report_the_pixels_that_they_replaced(run, workers, tmp_path, name, monkeypatch):
    """The record of the file and the message count all of them, as without a cluster."""
    monkeypatch.setattr("napari_sr.io.tiff._write.LAZY_BYTES", 0)
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8)
    source = write_image(tmp_path / "in.zarr", da.from_array(noise, chunks=(50, 200)))
    address = workers.scheduler_address
    call = ("upscale", source, "-o", tmp_path / name, "-m", "ecbsr", "--dask-scheduler", address)
    result = run(*call)
    assert result.exit_code == 0, result.stderr
    record = read_image(tmp_path / name).metadata["napari_sr"]
    assert record["replaced"] == {"pixels": 3, "why": {"far outside the range": 3}}
    assert "bicubic replaces ecbsr at 3 pixels" in one_line(result, "warning: ")


def test_the_recipe_of_the_documentation_keeps_the_place(workers, tmp_path, monkeypatch):
    """The code block in docs/clusters.md, with another address: pixel size, unit and position are kept."""
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "clusters.md").read_text("utf-8")
    (code, *_) = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert "tcp://10.0.0.1:8786" in code
    image = np.random.default_rng(0).integers(0, 4000, (90, 60)).astype(np.uint16)
    write_image(
        tmp_path / "slide.zarr",
        da.from_array(image, chunks=30),
        "YX",
        scale=(0.25, 0.25),
        translation=(10.0, 20.0),
        units=("micrometer", "micrometer"),
    )
    try:
        exec(code.replace("tcp://10.0.0.1:8786", workers.scheduler_address), {})
    finally:
        if (left := active_client()) is not None:
            left.close()
    result = read_image(tmp_path / "slide-x2.zarr")
    assert result.shape == (180, 120)
    assert result.units == ("micrometer", "micrometer")
    assert result.scale == pytest.approx((0.125, 0.125))
    assert result.translation == pytest.approx((10 - 0.0625, 20 - 0.0625))


def test_files_are_found_from_another_folder(expected, stored, client, tmp_path, monkeypatch):
    """Relative paths are those of the caller; its workers were started elsewhere."""
    monkeypatch.chdir(tmp_path)
    report = upscale_file(stored.name, "out.zarr", 2, MODEL)
    assert report.complete
    assert nearly_equal(read_image(tmp_path / "out.zarr").data, expected)


def test_the_program_starts_workers_of_its_own(run, tmp_path):
    source = write_image(tmp_path / "in.png", colors((60, 50, 3)))
    expected = upscale(read_image(source).data, 3, "bicubic")
    result = run(
        "upscale", source, "-o", tmp_path / "out.tif", "-s3", "-m", "bicubic", "--workers", "1"
    )
    assert result.exit_code == 0, result.stderr
    image = read_image(tmp_path / "out.tif")
    assert nearly_equal(image.data, expected)
    # There is no count unless the worker has reported one.
    assert image.metadata["napari_sr"]["replaced"] == {"pixels": 0, "why": {}}


def test_an_unreachable_scheduler(run, picture, tmp_path, monkeypatch):
    monkeypatch.setattr(_cluster, "TIMEOUT", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        result = run("upscale", picture, "-o", tmp_path / "o.png", "--dask-scheduler", address)
        assert result.exit_code == 1
        assert f"no dask scheduler answers at {address}" in one_line(result)
    assert not (tmp_path / "o.png").exists()
    assert active_client() is None
    assert dask.config.get("scheduler", None) is None


def test_without_the_extra(run, picture, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = run("upscale", picture, "-o", tmp_path / "o.png", "--workers", "2")
    assert result.exit_code == 1
    assert "pip install 'napari-sr[distributed]'" in one_line(result)


def test_two_clusters_cannot_be_used_at_once(run, picture, tmp_path):
    cluster = ("--workers", "2", "--dask-scheduler", "tcp://127.0.0.1:9")
    result = run("upscale", picture, "-o", tmp_path / "o.png", *cluster)
    assert "not both" in one_line(result)
