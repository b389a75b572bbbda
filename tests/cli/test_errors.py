"""Every error becomes one line and an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from napari_sr.cli._errors import ErrorHandlingGroup, show_warnings_in_one_line
from napari_sr.errors import CancelledError, InputError
from napari_sr.io import write_image
from tests.cli.conftest import files, one_line

FAULTS = {
    "known": InputError("the image is\nempty"),
    "unforeseen": ZeroDivisionError("division by zero\nsecond line"),
    "nameless": KeyError(),
    "interrupt": KeyboardInterrupt(),
    "cancelled": CancelledError("stopped"),
}


@pytest.fixture
def faulty() -> typer.Typer:
    """A program whose command raises the error that its argument names."""
    app = typer.Typer(cls=ErrorHandlingGroup, rich_markup_mode=None)

    @app.callback()
    def options(debug: bool = False) -> None:
        pass

    @app.command()
    def fail(name: str) -> None:
        raise FAULTS[name]

    return app


@pytest.mark.parametrize(
    ("name", "code", "line"),
    [
        ("known", 1, "error: the image is empty"),
        (
            "unforeseen",
            1,
            "error: ZeroDivisionError: division by zero (napari-sr --debug … shows where)",
        ),
        ("nameless", 1, "error: KeyError (napari-sr --debug … shows where)"),
        ("interrupt", 130, "error: stopped; nothing was left half-written"),
        ("cancelled", 130, "error: stopped; nothing was left half-written"),
    ],
)
def test_an_error_is_one_line(faulty, name, code, line):
    result = CliRunner().invoke(faulty, ["fail", name])
    assert result.exit_code == code
    assert one_line(result) == line
    assert result.stdout == ""


def test_debug_raises_the_error(faulty):
    result = CliRunner().invoke(faulty, ["--debug", "fail", "unforeseen"])
    assert result.exception is FAULTS["unforeseen"]


def test_warnings_are_one_line(capsys, monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr("logging.Logger.addHandler", lambda *_: None)
    show_warnings_in_one_line()
    warnings.showwarning("two\nlines", UserWarning, "file.py", 1)
    assert capsys.readouterr().err == "warning: two lines\n"


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
@pytest.mark.parametrize(
    ("name", "code", "word"), [("SIGINT", 130, "stopped"), ("SIGTERM", 143, "terminated")]
)
def test_a_signal_leaves_nothing_half_written(tmp_path, name, code, word):
    """A real process, interrupted in the middle of a run that would take minutes."""
    write_image(tmp_path / "large.tif", np.zeros((30, 512, 512), np.float32) + np.arange(512))
    (tmp_path / "out").mkdir()
    before = files(tmp_path)
    # A shell's background jobs ignore Ctrl-C, and so would this process where the tests are one.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heed}; from napari_sr.cli import main; main()"
    arguments = ["upscale", "large.tif", "-o", "out/large.tif", "-m", "bicubic", "--scale", "4"]
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments, "--ensemble"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "bicubic x4" in process.stdout.readline()
        process.send_signal(getattr(signal, name))
        assert process.wait(timeout=60) == code
        assert process.stderr.read() == f"error: {word}; nothing was left half-written\n"
    assert files(tmp_path) == before
