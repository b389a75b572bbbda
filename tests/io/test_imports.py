"""Importing the package is cheap: the library of a format is loaded when a file of that format is met."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"cv2", "imagecodecs", "tifffile", "zarr", "dask", "skimage", "napari", "torch", "qtpy"}


def test_importing_io_loads_no_library_of_a_format():
    program = "import sys, napari_sr.io; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert HEAVY & set(loaded.stdout.split()) == set()
