"""What made an upscaled layer, so that it can be made again."""

from __future__ import annotations

from collections import Counter
from importlib import metadata
from typing import TYPE_CHECKING, Any

from napari_sr._version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sr.inference import Plan

__all__ = ["run_record"]

_PACKAGES = ("napari", "numpy", "torch")


def run_record(source: str, plan: Plan, remarks: Sequence[str] = ()) -> dict[str, Any]:
    """Facts about a run, as JSON can hold them.

    Parameters
    ----------
    source : str
        Name of the layer that was upscaled.
    plan : Plan
        What was run.
    remarks : sequence of str
        What the engine said on the way.

    Returns
    -------
    dict
        With the keys ``source`` (name), ``model`` (id), ``sha256`` (of each checkpoint by its native scale),
        ``scale`` (Y, X), ``z_scale``, ``passes`` (native scales run one after the other), ``axes``, ``tile`` (Y, X),
        ``tile_mode``, ``halo``, ``device``, ``precision``, ``ensemble``, ``remarks``, ``replaced`` (input pixels for
        which bicubic stands in: ``pixels`` in all, and ``why``, their numbers by the reason) and ``versions``.
    """
    passes = {native for part in (plan, *plan.sides) for native in part.passes}
    return {
        "source": source,
        "model": plan.model_id,
        "sha256": {f"x{native}": plan.model.sha256(native) for native in sorted(passes)},
        "scale": list(plan.scale),
        "z_scale": plan.z_scale,
        "passes": list(plan.passes),
        "axes": plan.axes.letters,
        "tile": list(plan.tile),
        "tile_mode": plan.tile_mode,
        "halo": plan.halo,
        "device": plan.device,
        "precision": plan.precision,
        "ensemble": plan.ensemble,
        "remarks": [str(remark) for remark in remarks],
        "replaced": _replaced(remarks),
        "versions": {
            "napari-sr": __version__,
            **{name: metadata.version(name) for name in _PACKAGES},
        },
    }


def _replaced(remarks: Sequence[str]) -> dict[str, Any]:
    """What the guard counted."""
    total: Counter[str] = Counter()
    for remark in remarks:
        total.update(getattr(remark, "replaced", {}))
    return {"pixels": total.total(), "why": {reason: n for reason, n in total.items() if n}}
