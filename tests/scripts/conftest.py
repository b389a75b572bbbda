"""Scripts are no package; they import each other as python runs them."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "scripts"
sys.path.append(str(FOLDER))
# The source distribution has the tests, but not these scripts.
collect_ignore_glob = [] if FOLDER.is_dir() else ["test_*.py"]
