"""Files and functions of napari_sr that one warm call of `upscale` enters.

python benchmarks/trace_files.py
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from skimage import data

from napari_sr import upscale

if TYPE_CHECKING:
    from types import CodeType, FrameType

PACKAGE = "/napari_sr/"


def traced() -> set[CodeType]:
    """Code objects that the call enters, once models are loaded and speed is known."""
    image = data.camera()[100:300, 150:350]
    upscale(image, 2, "ecbsr", tile=48)
    entered: set[CodeType] = set()

    def enter(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and PACKAGE in frame.f_code.co_filename.replace("\\", "/"):
            entered.add(frame.f_code)

    sys.setprofile(enter)
    upscale(image, 2, "ecbsr", tile=48)
    sys.setprofile(None)
    return entered


def main() -> None:
    """Print the counts, and the files."""
    entered = traced()
    files = sorted({code.co_filename.replace("\\", "/").rpartition(PACKAGE)[2] for code in entered})
    print(f"{len(files)} files, {len(entered)} functions")
    print("\n".join(files))


if __name__ == "__main__":
    main()
