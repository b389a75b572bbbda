"""``napari-sr evaluate``: the figures of `napari_sr.evaluation`, as a table and as JSON."""

from __future__ import annotations

import json

import pytest

from napari_sr.evaluation import evaluate
from napari_sr.io import write_image
from tests.cli.conftest import colors, files, one_line


@pytest.fixture
def originals(tmp_path):
    """A set of two images."""
    folder = tmp_path / "Pair" / "HR"
    folder.mkdir(parents=True)
    for seed, name in enumerate(("apple", "pear")):
        write_image(folder / f"{name}.png", colors((37, 44, 3), seed))
    return folder


def test_the_table_has_images_means_and_the_baseline(run, originals, shared):
    checkpoint = shared / "checkpoints" / "esr" / "eSR-MAX_s2_K3_C1.model"
    result = run("evaluate", "-m", checkpoint, "--hr", originals, "--scale", "2")
    assert result.exit_code == 0, result.stderr
    expected = evaluate(checkpoint, originals, 2)
    baseline = evaluate("bicubic", originals, 2)
    assert "Pair/HR, x2, MATLAB bicubic" in result.stdout
    for mine, theirs in zip(expected.rows, baseline.rows, strict=True):
        line = next(each for each in result.stdout.splitlines() if mine.image in each)
        assert f"{theirs.psnr:.3f} / {theirs.ssim:.4f}" in line
        assert f"{mine.psnr:.3f} / {mine.ssim:.4f}" in line
    mean = [each for each in result.stdout.splitlines() if expected.model in each][-1]
    assert f"{expected.psnr:.3f}" in mean
    assert f"{expected.psnr - baseline.psnr:+.3f}" in mean


def test_json_goes_into_a_file_or_to_stdout(run, originals, tmp_path):
    call = ("evaluate", "-m", "bicubic", "--hr", originals, "-s", "3", "--json")
    shown = json.loads(run(*call, "-").stdout)
    assert run(*call, tmp_path / "scores.json").exit_code == 0
    written = json.loads((tmp_path / "scores.json").read_text())
    for found in (shown, written):
        assert [each["model"] for each in found] == ["bicubic"]
        assert found[0]["psnr"] == pytest.approx(evaluate("bicubic", originals, 3).psnr)
        assert [image["image"] for image in found[0]["images"]] == ["apple", "pear"]


def test_several_sets_are_measured_separately(run, originals, tmp_path):
    call = ("evaluate", "-m", "bicubic", "--hr", originals, "--hr", originals / "pear.png")
    found = json.loads(run(*call, "--json", "-").stdout)
    assert [len(each["images"]) for each in found] == [2, 1]
    assert [each["dataset"] for each in found] == [str(originals), str(originals / "pear.png")]


def test_bad_sets_are_one_line(run, originals, tmp_path):
    (tmp_path / "none").mkdir()
    call = ("evaluate", "-m", "bicubic", "--hr")
    assert "no images" in one_line(run(*call, tmp_path / "none"))
    assert "needs one small image" in one_line(
        run(*call, originals, "--lr", originals / "pear.png")
    )
    assert "no model" in one_line(run("evaluate", "-m", "nothing", "--hr", originals))
    assert "protocol" in one_line(run(*call, originals, "--protocol", "rgb"))
    (originals / "lie.png").write_bytes(b"none")
    assert "not an image, or damaged" in one_line(run(*call, originals))


def test_json_that_cannot_be_written_leaves_nothing(run, originals, tmp_path):
    before = files(tmp_path)
    result = run(
        "evaluate", "-m", "bicubic", "--hr", originals, "--json", tmp_path / "no" / "a.json"
    )
    assert result.exit_code == 1
    assert "does not exist" in one_line(result)
    assert files(tmp_path) == before
