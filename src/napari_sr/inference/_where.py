"""Where a plan is made: on the machines that will execute it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sr._cluster import active_client
from napari_sr.inference._options import open_model
from napari_sr.inference._planner import plan
from napari_sr.inference._workers import take_threads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

    from napari_sr.inference._plan import Plan
    from napari_sr.models import Model


@dataclass(frozen=True)
class _Outline:
    """What a plan must know of a lazy image, which itself stays where it is."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[Any, ...] = ()


def plan_where_it_runs(
    image: Any,
    scale: float | Sequence[float],
    model: str | Path | Model,
    *options: Any,
    **more: Any,
) -> Plan:
    """Plan a lazy image for the machines that will run it: their devices, their speed, their memory.

    Parameters
    ----------
    image : dask array
        Nothing of it is read.
    scale, model, *options, **more
        As for `napari_sr.plan`.

    Returns
    -------
    Plan
        Made by a worker where a cluster is in use, else here.
    """
    client = active_client()
    if client is None:
        return plan(image, scale, model, *options, **more)
    outline = _Outline(tuple(image.shape), image.dtype)
    # The model of this machine's catalog, not of the worker's.
    chosen = (outline, scale, open_model(model), *options)
    made: Plan = client.submit(_plan_here, chosen, more, pure=False).result()
    return made


def _plan_here(options: tuple[Any, ...], more: dict[str, Any]) -> Plan:
    take_threads()
    return plan(*options, **more)
