"""The program starts fast, and wrong use is an error."""

from __future__ import annotations

import subprocess
import sys

from napari_sr import __version__

HEAVY = {"torch", "napari", "qtpy", "numpy", "cv2", "tifffile", "zarr", "dask", "rich", "skimage"}


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_loads_nothing_heavy():
    """Independently of the machine, this keeps ``--help`` below half a second."""
    code = f"""
import sys
from typer.testing import CliRunner
from napari_sr.cli import app
for args in (["--help"], ["upscale", "--help"], ["models", "--help"], ["--version"]):
    assert CliRunner().invoke(app, args).exit_code == 0
print(sorted({HEAVY!r} & set(sys.modules)))
"""
    assert python(code).strip() == "[]"


def test_listing_models_needs_no_torch():
    code = """
import sys
from typer.testing import CliRunner
from napari_sr.cli import app
assert "bicubic" in CliRunner().invoke(app, ["models", "list"]).stdout
print("torch" in sys.modules, "napari" in sys.modules)
"""
    assert python(code).split() == ["False", "False"]


def test_version(run):
    assert run("--version").stdout.strip() == f"napari-sr {__version__}"


def test_help_names_every_command(run):
    shown = run("--help").stdout
    for command in ("upscale", "models", "evaluate", "benchmark", "train", "info"):
        assert f"  {command}" in shown


def test_wrong_use_is_exit_code_2(run):
    for args in (["upscal"], ["upscale"], ["upscale", "a.png"], ["evaluate", "--scale", "x"]):
        result = run(*args)
        assert result.exit_code == 2
        assert "Error: " in result.stderr


def test_the_installed_program_runs():
    done = subprocess.run(
        [sys.executable, "-c", "from napari_sr.cli import main; main()", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == f"napari-sr {__version__}"
