"""A cluster of processes gives what this process gives, also where one of them is killed on the way."""

from __future__ import annotations

import logging
import os
import sys

import dask
import dask.array as da
import numpy as np
import psutil
import pytest

from napari_sr import load_model, upscale
from napari_sr._dask import active_client
from napari_sr.cli import _cluster
from napari_sr.inference import _blocks, enlarge_lazily, plan_where_it_runs, row_blocks
from napari_sr.io import read_image, write_image, write_ome_zarr
from napari_sr.io.zarr import _save
from tests.cli.conftest import colors, one_line

distributed = pytest.importorskip("distributed")

MODEL = "esr-tm"


@pytest.fixture(scope="module")
def workers():
    """A scheduler with two processes, as somebody else would have started it."""
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
    monkeypatch.setattr(_blocks, "BLOCK", 48)
    monkeypatch.setattr(_save, "REGION_BYTES", 1)


@pytest.fixture
def image():
    """Smooth, of 16 bits."""
    y, x = np.mgrid[:600, :70]
    return (2000 + 1500 * np.sin(y / 9) * np.cos(x / 7)).astype(np.uint16)


@pytest.fixture
def stored(image, tmp_path):
    return write_image(tmp_path / "in.zarr", da.from_array(image, chunks=(50, 70)))


@pytest.fixture
def expected(image):
    assert active_client() is None
    return upscale(image, 2, MODEL)


def level(result, expected):
    """Equal but for rounding, where float32 was summed in another order."""
    return np.abs(np.asarray(result).astype(int) - expected).max() <= 1


def opened_and_threads():
    """How many networks this worker holds in memory, and torch's threads in the thread that runs tasks."""
    import gc

    import torch
    from napari_sr.inference._workers import take_threads

    from napari_sr.architectures.esr import ESRTM

    take_threads()
    held = [each for each in gc.get_objects() if isinstance(each, ESRTM)]
    return len(held), torch.get_num_threads()


def test_a_dask_array_is_computed_by_the_client_in_use(expected, image, client):
    lazy = upscale(da.from_array(image, chunks=100), 2, MODEL)
    before = client.run(os.getpid)
    assert lazy.npartitions > 6
    assert level(lazy.compute(), expected)
    assert client.run(os.getpid) == before
    found = [client.submit(opened_and_threads, workers=[w], pure=False).result() for w in before]
    # One as it was loaded and one laid out for the device, however many blocks there were.
    assert all(count <= 2 for count, _ in found)
    assert any(count for count, _ in found)
    assert {threads for _, threads in found} == {3}


def test_a_killed_worker_changes_nothing(expected, stored, client, tmp_path):
    """Its blocks are run again by the scheduler; what it had written already is not."""
    source = read_image(stored)
    pids = client.run(os.getpid)
    options = (source.data, 2, load_model(MODEL), source.axes)
    lazy = enlarge_lazily(plan_where_it_runs(*options), source.data, row_blocks)
    told = []

    def kill_one(done, total):
        told.append((done, total))
        if done == 2:
            psutil.Process(next(iter(pids.values()))).kill()

    path = write_ome_zarr(tmp_path / "out.zarr", lazy, source.axes, progress=kill_one)
    assert told == [(n + 1, len(told)) for n in range(len(told))]
    assert len(told) == lazy.npartitions > 8
    assert level(read_image(path).data, expected)
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
    assert level(read_image(target).data, expected)
    assert active_client() is None


def test_the_program_starts_workers_of_its_own(run, tmp_path):
    source = write_image(tmp_path / "in.png", colors((60, 50, 3)))
    expected = upscale(read_image(source).data, 3, "bicubic")
    result = run(
        "upscale", source, "-o", tmp_path / "out.tif", "-s3", "-m", "bicubic", "--workers", "1"
    )
    assert result.exit_code == 0, result.stderr
    assert level(read_image(tmp_path / "out.tif").data, expected)


def test_a_scheduler_that_does_not_answer(run, picture, tmp_path, monkeypatch):
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


def test_one_cluster_at_a_time(run, picture, tmp_path):
    cluster = ("--workers", "2", "--dask-scheduler", "tcp://127.0.0.1:9")
    result = run("upscale", picture, "-o", tmp_path / "o.png", *cluster)
    assert "not both" in one_line(result)
