"""Plans, progress and models in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_sr._text import format_bytes, format_seconds
from napari_sr.widgets._texts import UPSCALE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import DTypeLike

    from napari_sr.inference import AnyPlan
    from napari_sr.models import ModelCard

__all__ = [
    "describe_card",
    "describe_estimate",
    "describe_plan",
    "describe_progress",
    "describe_provenance",
    "describe_result",
]


def describe_estimate(seconds: float) -> str:
    """An estimated duration, to whole seconds.

    Parameters
    ----------
    seconds : float
        At least 0.

    Returns
    -------
    str
        Such as ``"about 3 min"`` or ``"less than 1 s"``.
    """
    if seconds < 1:
        return "less than 1 s"
    return f"about {seconds:.0f} s" if seconds < 10 else f"about {format_seconds(seconds)}"


def describe_result(before: Sequence[int], after: Sequence[int], dtype: DTypeLike) -> str:
    """Shape, type and size of a result.

    Parameters
    ----------
    before, after : sequence of int
        Shape of the input and of the output.
    dtype : dtype
        Of both.

    Returns
    -------
    str
        In one line.
    """
    kind = np.dtype(dtype)
    size = _unbroken(format_bytes(math.prod(after) * kind.itemsize))
    return f"{_shape(before)} → {_shape(after)}, {_unbroken(kind.name)}, {size}"


def describe_plan(plan: AnyPlan, *, lazy: bool = False) -> str:
    """A plan in two lines.

    Parameters
    ----------
    plan : Plan or IsotropicPlan
        The plan.
    lazy : bool
        Whether it will be executed block by block, where the result is shown.

    Returns
    -------
    str
        As `describe_result`; then tiles, device, precision, memory and time.
    """
    result = describe_result(plan.in_shape, plan.out_shape, plan.dtype)
    work = [_tiles(plan), f"{plan.device} {plan.precision}"]
    if plan.memory is not None:
        work.append(f"{format_bytes(plan.memory)} of memory")
    if lazy:
        work.append("computed when shown")
    elif plan.seconds is not None:
        work.append(describe_estimate(plan.seconds))
    return f"{result}\n{', '.join(map(_unbroken, work))}"


def describe_progress(done: int, total: int, elapsed: float) -> str:
    """How much of a run is done, and the time that is left.

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
    steps = UPSCALE.notes["steps"].format(done=done, total=total)
    if not 0 < done < total:
        return steps
    left = describe_estimate(elapsed * (total - done) / done)
    return f"{steps}, {UPSCALE.notes['left'].format(about=left)}"


def describe_card(card: ModelCard) -> str:
    """Purpose and native scales of a model."""
    scales = ", ".join(f"×{scale}" for scale in card.scales)
    return f"{card.summary} Made for {scales}."


def describe_provenance(card: ModelCard) -> str:
    """Size, training data, license and paper of a model, one for each line."""
    counts = sorted({c.parameters for c in card.checkpoints if c.parameters})
    size = f"{counts[0]:,}" + (f" to {counts[-1]:,}" if len(counts) > 1 else "") if counts else ""
    facts = {
        "Parameters": size,
        "Trained on": card.training_data,
        "License": card.license,
        "Paper": card.paper,
    }
    return "\n".join(f"{name}: {fact}" for name, fact in facts.items() if fact)


def _shape(shape: Iterable[int]) -> str:
    return " × ".join(str(size) for size in shape)


def _tiles(plan: AnyPlan) -> str:
    main = next((part for part in plan.parts if part.native_scales), None)
    if main is None:
        return "nothing to enlarge"
    count = "1 tile" if plan.n_tiles == 1 else f"{plan.n_tiles} tiles"
    batch = f" by {main.batch}" if main.batch > 1 else ""
    return f"{count} of {_shape(main.tile)}{batch}"


def _unbroken(text: str) -> str:
    """The text with spaces at which a label does not break it."""
    return text.replace(" ", "\u00a0")
