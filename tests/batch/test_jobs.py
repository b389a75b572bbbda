"""Which files a call reads and writes."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from napari_sr.batch import find_jobs
from napari_sr.batch._jobs import suffix_of
from napari_sr.errors import InputError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = ("a.png", "b.TIF", "notes.txt", "sub/c.ome.tif", "sub/deep/a.png", ".hidden/x.png")
    for name in (*names, ".x.png", "stack.zarr/0/c.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pairs(*inputs: str, out: str = "out") -> dict[str, str]:
    jobs = find_jobs(inputs, out)
    return {job.source.as_posix(): job.target.as_posix() for job in jobs}


def test_a_folder_is_searched_and_its_names_are_kept(tree):
    """Hidden files and other files are left out; a Zarr folder is one image."""
    assert pairs("in") == {
        "in/a.png": "out/a.png",
        "in/b.TIF": "out/b.TIF",
        "in/stack.zarr": "out/stack.zarr",
        "in/sub/c.ome.tif": "out/sub/c.ome.tif",
        "in/sub/deep/a.png": "out/sub/deep/a.png",
    }


def test_a_pattern_keeps_the_folders_below_its_fixed_part(tree):
    assert pairs("in/**/*.png") == {
        "in/a.png": "out/a.png",
        "in/sub/deep/a.png": "out/sub/deep/a.png",
    }
    assert pairs("in/*.png", out="new.png") == {"in/a.png": "new.png/a.png"}
    assert pairs("in/*.zarr") == {"in/stack.zarr": "out/stack.zarr"}


def test_one_file_may_become_a_file(tree):
    assert pairs("in/a.png", out="out/b.tif") == {"in/a.png": "out/b.tif"}
    assert pairs("in/a.png", out="results") == {"in/a.png": "results/a.png"}
    assert pairs("in/a.png", out="in/sub") == {"in/a.png": "in/sub/a.png"}
    assert pairs("in/a.png", out="run.2/") == {"in/a.png": "run.2/a.png"}


def test_a_zarr_folder_may_become_a_file(tree):
    assert pairs("in/stack.zarr", out="big.zarr") == {"in/stack.zarr": "big.zarr"}


def test_a_format_that_cannot_be_written_becomes_tiff(tree):
    (tree / "in" / "d.jp2").touch()
    assert pairs("in/d.jp2", "in/a.png") == {"in/d.jp2": "out/d.tif", "in/a.png": "out/a.png"}


def test_results_among_the_images_are_not_upscaled_again(tree):
    (tree / "in" / "out").mkdir()
    (tree / "in" / "out" / "a.png").touch()
    assert "in/out/a.png" not in pairs("in", out="in/out")
    assert "in/out/a.png" not in pairs("in/**/*.png", out="in/out")
    assert pairs("in/out", out="in/out/x4") == {"in/out/a.png": "in/out/x4/a.png"}
    assert pairs("in/out/a.png", out="in") == {"in/out/a.png": "in/a.png"}


def test_a_missing_file_becomes_a_job_that_will_fail(tree):
    assert pairs("in/a.png", "gone.png") == {"in/a.png": "out/a.png", "gone.png": "out/gone.png"}


def test_an_existing_name_with_brackets_is_no_pattern(tree):
    (tree / "in" / "a[1].png").touch()
    assert pairs("in/a[1].png") == {"in/a[1].png": "out/a[1].png"}


@pytest.mark.parametrize(
    ("inputs", "out", "message"),
    [
        (["in/sub/*.jp2"], "out", "no images found in in/sub/"),
        (["in/a.png"], "in", "would be overwritten by its own result"),
        (["in/a.png"], "in/a.png", "would be overwritten by its own result"),
        (["in"], "in", "would be overwritten by its own result"),
        (["in/a.png", "in/sub/deep/a.png"], "out", "would both become out/a.png"),
        (["in/a.png"], "out.gif", r"cannot write \.gif; use \.png"),
        (["in"], "in/notes.txt", "is a file; several images need a folder"),
    ],
)
def test_harmful_outputs_are_refused_before_anything_runs(tree, inputs, out, message):
    with pytest.raises(InputError) as raised:
        pairs(*inputs, out=out)
    assert re.search(message, str(raised.value).replace(os.sep, "/"))


def test_the_longest_suffix_is_found():
    assert suffix_of(Path("x.OME.TIF"), (".tif", ".ome.tif", ".zarr")) == ".ome.tif"
    assert suffix_of(Path("x.txt"), (".tif", ".ome.tif")) == ""
