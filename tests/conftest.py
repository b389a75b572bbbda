"""Fixtures that every room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of benchmark images and official checkpoints, which are never part of the project."""
    if not (SHARED / "checkpoints" / "INDEX.tsv").is_file():
        pytest.skip("the shared data and checkpoints are not beside this checkout")
    return SHARED
