"""A model card for people and for programs, with what the model costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_sr.models import Checkpoint, Model, ModelCard

SIDE = 256
"""Side of the small image for which the challenges on efficient networks count."""


def card_facts(card: ModelCard) -> dict[str, Any]:
    """Everything on a card as plain values.

    Parameters
    ----------
    card : ModelCard
        Of any model.

    Returns
    -------
    dict
        Field to value.
    """
    from dataclasses import asdict

    return asdict(card)


def cost_facts(model: Model, scale: int) -> dict[str, Any]:
    """What a model costs at a native scale, for a small image of `SIDE` by `SIDE` pixels.

    Parameters
    ----------
    model : Model
        Its weights must be on this machine.
    scale : int
        A native scale.

    Returns
    -------
    dict
        ``scale``, ``parameters``, ``macs``, ``activations``, and what the engine expects here:
        ``memory`` in bytes, ``seconds``, ``device``, each None if unknown.
    """
    import numpy as np

    from napari_sr.inference import plan
    from napari_sr.models._cost import count_cost

    cost = count_cost(model.network(scale), SIDE, SIDE)
    shape = (SIDE, SIDE, 3) if model.card.colour == "RGB" else (SIDE, SIDE)
    here = plan(shape, scale, model, dtype=np.uint8, tile=None)
    return {
        "scale": scale,
        "parameters": cost.parameters,
        "macs": cost.macs,
        "activations": cost.activations,
        "memory": here.memory,
        "seconds": here.seconds,
        "device": here.device,
    }


def card_lines(model: Model) -> Iterator[str]:
    """Yield a card as lines of text.

    Parameters
    ----------
    model : Model
        Its weights must be on this machine.

    Yields
    ------
    str
        Name and value; checkpoints are indented further.
    """
    card = model.card
    yield card.id
    yield from _aligned(
        {
            "title": card.title,
            "good for": card.summary,
            "group": card.group,
            "architecture": card.architecture,
            "colour": f"{card.colour}, values 0 to {card.value_range:g}",
            "licence": card.licence,
            "source": card.source,
            "paper": card.paper,
            "trained on": card.training_data,
        },
        indent=2,
    )
    for scale in model.scales:
        yield f"  x{scale}"
        yield from _aligned(_checkpoint(model, card.checkpoint(scale)), indent=4)


def _checkpoint(model: Model, checkpoint: Checkpoint) -> dict[str, str]:
    cost, halo = cost_facts(model, checkpoint.scale), model.halo(checkpoint.scale)
    facts = {
        "parameters": f"{cost['parameters']:,}",
        "halo": "the whole image" if halo is None else f"{halo} px",
        f"{SIDE} x {SIDE}": f"{cost['macs'] / 1e9:.3g} G multiply-adds, "
        f"{cost['activations'] / 1e6:.3g} M activations",
    }
    if cost["memory"] is not None and cost["seconds"] is not None:
        mebibytes = cost["memory"] / 2**20
        facts["here"] = f"{mebibytes:.0f} MiB, {cost['seconds']:.3g} s on {cost['device']}"
    for name, (psnr, ssim) in checkpoint.scores.items():
        facts[name] = f"{psnr:.3f} dB / {ssim:.4f}"
    return facts | {"file": checkpoint.file or "none", "sha256": checkpoint.sha256 or "none"}


def _aligned(facts: dict[str, str], indent: int) -> Iterator[str]:
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        yield f"{' ' * indent}{name:<{width}}  {value or 'not stated'}"
