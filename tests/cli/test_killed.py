"""A program that was killed, without time to clean up, is called again: the result is that of an undisturbed call."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from napari_sr._files import remove_stale_temporaries, temporary_path
from napari_sr.inference import _blockwise
from napari_sr.io import OmeZarrWriter, read_image, write_image
from napari_sr.io.zarr import _save
from napari_sr.io.zarr._writer import _mark_name
from tests.cli.conftest import colors, files
from tests.conftest import KILLED

OPTIONS = ("-m", "bicubic", "--tile", "16")
PROGRAM = """
import sys, time
from napari_sr.cli import app
from napari_sr.inference import _blockwise
from napari_sr.inference._tile_batch import TileBatchProcessor
from napari_sr.io.zarr import _save

_blockwise.BLOCK, _save.REGION_BYTES = 32, 1
plain = TileBatchProcessor.enlarge
TileBatchProcessor.enlarge = lambda *args: time.sleep(0.3) or plain(*args)
app(sys.argv[1:])
"""


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(_blockwise, "BLOCK", 32)
    monkeypatch.setattr(_save, "REGION_BYTES", 1)


def killed(condition, *args):
    """Call the program, slowed down, and kill it as soon as a condition holds."""
    command = [sys.executable, "-c", PROGRAM, "upscale", *map(str, args), *OPTIONS]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not condition() and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    assert process.returncode == KILLED


def test_an_ome_zarr_is_resumed(run, tmp_path):
    source = write_image(tmp_path / "in.zarr", colors((200, 40)))
    target, done = tmp_path / "out.zarr", tmp_path / "out.zarr.partial" / "done"
    made = []
    killed(lambda: done.exists() and len(list(done.iterdir())) >= 3, source, "-o", target)
    before = {mark.name for mark in done.iterdir()}
    assert not target.exists()
    with pytest.MonkeyPatch.context() as patch:
        plain = OmeZarrWriter.write

        def write(writer, region, block, level=0):
            if writer.path == target and level == 0:  # no trial, no pyramid
                made.append(_mark_name(0, region))
            plain(writer, region, block, level)

        patch.setattr(OmeZarrWriter, "write", write)
        assert run("upscale", source, "-o", target, *OPTIONS).exit_code == 0
    assert made
    assert not before & set(made)
    assert run("upscale", source, "-o", tmp_path / "whole.zarr", *OPTIONS).exit_code == 0
    ours, whole = read_image(target), read_image(tmp_path / "whole.zarr")
    np.testing.assert_array_equal(ours.data, whole.data)
    assert (ours.scale, ours.translation) == (whole.scale, whole.translation)
    record, complete = ours.metadata["napari_sr"], whole.metadata["napari_sr"]
    # The counts of the killed run are lost, and those of the second one are no totals.
    assert record["resumed"]
    assert record["computed"] == [len(made), len(before) + len(made)]
    assert complete["replaced"] == {"pixels": 0, "why": {}}
    lost = {"replaced", "float32_repeats", "seconds"}
    assert record.keys() - {"resumed", "computed"} == complete.keys() - lost
    for key in ("model", "scale", "source", "sha256", "axes", "versions"):
        assert record[key] == complete[key]
    assert {path.name for path in tmp_path.iterdir()} == {"in.zarr", "out.zarr", "whole.zarr"}


def test_a_folder_is_continued(run, tmp_path):
    for index in range(4):
        folder = tmp_path / "in" / f"sub{index % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        write_image(folder / f"{index}.png", colors((60, 40, 3), seed=index))
    out = tmp_path / "out"
    killed(lambda: len(list(out.rglob("*/?.png"))) >= 2, tmp_path / "in", "-o", out)
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*/?.png")}
    # As if it had been killed in the middle of a file.
    subprocess.run([sys.executable, "-c", TORN, str(out / "sub1" / "3.png")], check=True)
    assert files(out) > {path.relative_to(out).as_posix() for path in kept}
    for folder in (out, tmp_path / "whole"):
        assert run("upscale", tmp_path / "in", "-o", folder, *OPTIONS).exit_code == 0
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())
    assert files(out) == files(tmp_path / "whole")
    for name in files(out):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


TORN = """
import sys
from pathlib import Path
from napari_sr._files import temporary_path
path = Path(sys.argv[1])
path.parent.mkdir(exist_ok=True)
temporary_path(path).write_bytes(b"half")
"""


@pytest.mark.parametrize("name", ["a.png", "a [1].tif"])
def test_temporary_files_of_running_processes_are_kept(tmp_path, name):
    path = tmp_path / name
    mine = temporary_path(path)
    mine.write_bytes(b"half")
    subprocess.run([sys.executable, "-c", TORN, str(path)], check=True)
    assert len(files(tmp_path)) == 2
    remove_stale_temporaries(path)
    assert files(tmp_path) == {mine.name}
