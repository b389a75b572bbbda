"""The program, run in this process, and small images to run it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_sr.cli import app
from napari_sr.io import write_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def run() -> Callable[..., Result]:
    """Call ``napari-sr`` with arguments; gives exit code, stdout and stderr."""
    return lambda *args: CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """An RGB image of 20 x 24 pixels."""
    (tmp_path / "in").mkdir()
    return write_image(tmp_path / "in" / "picture.png", colors())


def colors(shape: tuple[int, ...] = (20, 24, 3), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def one_line(result: Result) -> str:
    """The error line, which must be all that stands on stderr."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def files(folder: Path) -> set[str]:
    """Everything below a folder, hidden files included."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
