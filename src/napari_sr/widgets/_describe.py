"""Plans, models and durations in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_sr.widgets._texts import NOTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import DTypeLike

    from napari_sr.inference import IsotropicPlan, Plan
    from napari_sr.models import ModelCard

__all__ = [
    "describe_bytes",
    "describe_card",
    "describe_plan",
    "describe_progress",
    "describe_provenance",
    "describe_result",
    "describe_seconds",
]


def describe_bytes(count: float) -> str:
    """Bytes with the unit that suits them, such as ``"3.1 GiB"``."""
    power = 0 if count < 1024 else min(int(math.log2(count) // 10), 5)
    number = count / 1024**power
    digits = 0 if power == 0 or number >= 100 else 1
    return f"{number:.{digits}f}\u00a0{('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB')[power]}"


def describe_seconds(seconds: float) -> str:
    """A duration no more precise than an estimate is, such as ``"3 min"``."""
    if seconds < 1:
        return "less than 1 s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def describe_shape(shape: Iterable[int]) -> str:
    """Such as ``"3 × 512 × 512"``."""
    return " × ".join(str(size) for size in shape)


def describe_result(before: Sequence[int], after: Sequence[int], dtype: DTypeLike) -> str:
    """What will come out.

    Parameters
    ----------
    before, after : sequence of int
        Shape of the input and of the output.
    dtype : dtype
        Of both.

    Returns
    -------
    str
        Two shapes, type and bytes of the output, in one line.
    """
    kind = np.dtype(dtype)
    size = describe_bytes(math.prod(after) * kind.itemsize)
    return f"{describe_shape(before)} → {describe_shape(after)}, {_together(kind.name)}, {size}"


def describe_plan(plan: Plan | IsotropicPlan, *, lazy: bool = False) -> str:
    """What will happen, in two lines.

    Parameters
    ----------
    plan : Plan or IsotropicPlan
        What will be run.
    lazy : bool
        Whether it will be run only where somebody looks.

    Returns
    -------
    str
        As `describe_result`; then tiles, device, precision, memory and time.
    """
    result = describe_result(plan.in_shape, plan.out_shape, plan.dtype)
    where = _together(f"{plan.device} {plan.precision}")
    work = [_tiles(plan), where, _memory(plan), _duration(plan, lazy)]
    return f"{result}\n{', '.join(part for part in work if part)}"


def _tiles(plan: Plan | IsotropicPlan) -> str:
    main = next((part for part in plan.parts if part.native_scales), None)
    if main is None:
        return "nothing to enlarge"
    count = "1 tile" if plan.n_tiles == 1 else f"{plan.n_tiles} tiles"
    batch = f" by {main.batch}" if main.batch > 1 else ""
    return _together(f"{count} of {describe_shape(main.tile)}{batch}")


def _memory(plan: Plan | IsotropicPlan) -> str:
    if plan.memory is None:
        return ""
    return _together(f"{describe_bytes(plan.memory)} of memory")


def _duration(plan: Plan | IsotropicPlan, lazy: bool) -> str:
    if lazy:
        return "computed where you look"
    return "" if plan.seconds is None else _together(_about(plan.seconds))


def _about(seconds: float) -> str:
    text = describe_seconds(seconds)
    return f"about {text}" if seconds >= 1 else text


def _together(text: str) -> str:
    """The same, never broken into two lines."""
    return text.replace(" ", "\u00a0")


def describe_progress(done: int, total: int, elapsed: float) -> str:
    """How far a run is, and how long it will still take.

    Parameters
    ----------
    done, total : int
        Tiles.
    elapsed : float
        Seconds since the first tile began.

    Returns
    -------
    str
        Such as ``"Tile 3 of 41, about 12 s left"``.
    """
    steps = NOTES["steps"].format(done=done, total=total)
    if not 0 < done < total:
        return steps
    left = _about(elapsed * (total - done) / done)
    return f"{steps}, {NOTES['left'].format(about=left)}"


def describe_card(card: ModelCard) -> str:
    """What a model is good for, and its native scales."""
    scales = ", ".join(f"×{scale}" for scale in card.scales)
    return f"{card.summary} Made for {scales}."


def describe_provenance(card: ModelCard) -> str:
    """Size, training data, license and paper of a model, one a line."""
    counts = sorted({c.parameters for c in card.checkpoints if c.parameters})
    size = f"{counts[0]:,}" + (f" to {counts[-1]:,}" if len(counts) > 1 else "") if counts else ""
    facts = {
        "Parameters": size,
        "Trained on": card.training_data,
        "License": card.license,
        "Paper": card.paper,
    }
    return "\n".join(f"{name}: {fact}" for name, fact in facts.items() if fact)
