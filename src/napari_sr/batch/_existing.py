"""Existing files: whether a file is the result that a call would make again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sr._text import error_line
from napari_sr.batch._file import BLOCKWISE_SUFFIXES, run_record, uncertainty_path
from napari_sr.batch._jobs import suffix_of
from napari_sr.errors import FileReadError
from napari_sr.io import read_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_sr.batch._file import PlannedFile

__all__ = ["difference_from_existing"]

_COMPARED = ("source", "model", "sha256", "scale", "z_scale", "axes", "precision", "ensemble")
"""Entries of a record that must be equal. Tiles, device and versions change rounding errors at most."""


def difference_from_existing(planned: PlannedFile) -> str | None:
    """How the file at the target differs from the planned result.

    Parameters
    ----------
    planned : PlannedFile
        Its target exists.

    Returns
    -------
    str or None
        None if the file is the result already. PNG, JPEG and WebP do not contain a record, so only their size is
        compared. Otherwise a clause such as ``"was made with bicubic x2"``.
    """
    target = planned.job.target
    if planned.plan.uncertainty and not uncertainty_path(target).exists():
        return "was made without the uncertainty"
    try:
        existing = read_image(target, lazy=True)
    except FileReadError as error:
        return f"exists and cannot be read ({error_line(error)})"
    if not suffix_of(target, BLOCKWISE_SUFFIXES):
        height, width = (existing.shape[existing.axes.index(axis)] for axis in "YX")
        same = (height, width) == planned.plan.out_axes.size
        return None if same else f"exists with {height} x {width} pixels"
    record, wanted = existing.metadata.get("napari_sr"), run_record(planned)
    try:
        return _describe(record, wanted)
    except (AttributeError, KeyError, TypeError, ValueError):  # none, or not one of ours
        return "exists and does not say how it was made"


def _describe(record: Any, wanted: Mapping[str, Any]) -> str | None:
    """A clause that says how a file was made, with the facts that are different now; None if there are none."""
    different = [key for key in _COMPARED if record.get(key) != wanted[key]]
    if not different:
        return None
    # Which of the weights are used follows from the scale, so only those used in both cases are compared.
    weights = [each for each in record["sha256"].items() if each[0] in wanted["sha256"]]
    same_weights = "model" in different or set(weights) <= set(wanted["sha256"].items())
    scale = "x".join(f"{factor:g}" for factor in dict.fromkeys(record["scale"]))
    details = {
        "source": f"from {record['source']}",
        "sha256": "" if same_weights else "with other weights",
        "z_scale": f"with Z enlarged {record['z_scale']:g} times",
        "axes": f"with axes {record['axes']}",
        "precision": f"in {record['precision']}",
        "ensemble": "with the ensemble" if record["ensemble"] else "without the ensemble",
    }
    text = [details[key] for key in different if details.get(key)]
    return ", ".join([f"was made with {record['model']} x{scale}", *text])
