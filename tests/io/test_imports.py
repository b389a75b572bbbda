"""Importing the room is cheap; what a format needs is loaded when a file of it is met."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"cv2", "imagecodecs", "tifffile", "zarr", "dask", "skimage", "napari", "torch", "qtpy"}


def test_importing_files_loads_no_library_of_files():
    program = "import sys, napari_sr.io; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert HEAVY & set(loaded.stdout.split()) == set()
