"""What the dimensions of a layer mean.

napari names axes only for people: ``axis_labels`` may say anything or nothing. What is understood is used; every other
leading axis is a stack of independent planes, and Y and X are the last two unless the labels say otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ANONYMOUS", "layer_axes"]

_MEANINGS = {
    "t": "T", "time": "T", "frame": "T", "frames": "T",
    "z": "Z", "depth": "Z", "plane": "Z", "slice": "Z",
    "c": "C", "ch": "C", "channel": "C", "channels": "C", "wavelength": "C", "lambda": "C",
    "y": "Y", "row": "Y", "rows": "Y",
    "x": "X", "col": "X", "column": "X", "columns": "X",
}  # fmt: skip
ANONYMOUS = "QIRVMPHAEL"
"""Letters for stack axes whose meaning is unknown, as tifffile uses them."""


def layer_axes(labels: Sequence[str], *, rgb: bool = False) -> str:
    """One letter a dimension, as ``upscale`` takes them.

    Parameters
    ----------
    labels : sequence of str
        ``axis_labels`` of the layer, one for each dimension but the samples of RGB(A).
    rgb : bool
        Whether the data has RGB(A) samples as a further last dimension.

    Returns
    -------
    str
        Such as ``"TCYX"``, or ``"YXS"`` for RGB. Y and X each occur once; unknown stack axes get other letters.
    """
    letters = [_MEANINGS.get(label.strip().lower(), "") for label in labels]
    if letters.count("Y") != 1 or letters.count("X") != 1:
        letters[:] = [letter if letter not in "YX" else "" for letter in letters]
        letters[-2:] = "Y", "X"
    return "".join(_unique(letters)) + ("S" if rgb else "")


def _unique(letters: Sequence[str]) -> list[str]:
    """The same, with a letter of its own for each axis that is unknown or named twice."""
    spare = iter(ANONYMOUS)
    seen: set[str] = set()
    named = []
    for letter in letters:
        own = letter if letter and letter not in seen else next(spare)
        seen.add(own)
        named.append(own)
    return named
