"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import hypothesis
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
KILLED = 1 if os.name == "nt" else -signal.SIGKILL
"""Return code of a process that ``Popen.kill`` ended: Windows has no signals."""

# A first call may load libraries, and a busy machine may be slow: neither is a fault of the code that is tested.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(autouse=True)
def models_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder instead of the user's own models, which tests neither see nor change."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("NAPARI_SR_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of benchmark images and official checkpoints, which are never part of the project."""
    if not (SHARED / "checkpoints" / "INDEX.tsv").is_file():
        pytest.skip("the shared data and checkpoints are not beside this checkout")
    return SHARED
