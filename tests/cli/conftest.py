"""Runs the program in this process, on small images."""

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
    """A function that calls ``napari-sr`` with arguments; returns exit code, stdout and stderr."""
    return lambda *args: CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """An RGB image of 20 x 24 pixels."""
    (tmp_path / "in").mkdir()
    return write_image(tmp_path / "in" / "picture.png", colors())


def colors(shape: tuple[int, ...] = (20, 24, 3), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def one_line(result: Result, prefix: str = "error: ") -> str:
    """The line on stderr, which must be the only one."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith(prefix)
    return lines[0]


def files(folder: Path) -> set[str]:
    """Everything below a folder, hidden files included."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
