"""A model card for people and for programs, with what the model costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_sr.models import Checkpoint, Model, ModelCard

SIDE = 256
"""Side of the small image for which the challenges on efficient networks count."""


def card_facts(card: ModelCard, model: str | Model | None = None) -> dict[str, Any]:
    """Everything on a card as plain values.

    Parameters
    ----------
    card : ModelCard
        Of any model.
    model : str or Model, optional
        Id, path, or the model itself, to add what it costs at the scales whose weights are on this machine.

    Returns
    -------
    dict
        Field to value; ``costs`` if a model is given.
    """
    from dataclasses import asdict

    facts = asdict(card)
    if model is not None:
        facts["costs"] = [cost_facts(model, scale) for scale in _here(card, model)]
    return facts


def cost_facts(model: str | Model, scale: int) -> dict[str, Any]:
    """What a model costs at a native scale, for a small image of `SIDE` by `SIDE` pixels.

    Parameters
    ----------
    model : str or Model
        Id, path, or the model itself; its weights must be on this machine.
    scale : int
        A native scale.

    Returns
    -------
    dict
        ``scale``, ``parameters``, ``macs`` and ``activations`` (not of a TorchScript or ONNX file, which cannot be
        counted), ``halo`` in pixels, and what is measured here: ``memory`` in bytes, ``seconds``, ``device``.
    """
    import numpy as np

    from napari_sr.evaluation import footprint
    from napari_sr.inference import plan
    from napari_sr.models import load_model

    loaded = load_model(model)
    shape = (SIDE, SIDE, 3) if loaded.card.color == "RGB" else (SIDE, SIDE)
    planned = plan(shape, scale, loaded, dtype=np.uint8, tile=None, measure=False)
    found = footprint(loaded, scale, side=SIDE)
    counted = {name: getattr(found, name) for name in ("parameters", "macs", "activations")}
    return {
        "scale": scale,
        **{name: value for name, value in counted.items() if value is not None},
        "halo": planned.parts[0].halo,
        "memory": found.memory,
        "seconds": found.seconds,
        "device": found.device,
    }


def card_lines(card: ModelCard, model: str | Model) -> Iterator[str]:
    """Yield a card as lines of text.

    Parameters
    ----------
    card : ModelCard
        Of any model.
    model : str or Model
        Its id or path, or the model itself.

    Yields
    ------
    str
        Name and value; checkpoints are indented further.
    """
    from napari_sr.models import explain_license

    yield card.id
    yield from _aligned(
        {
            "title": card.title,
            "good for": card.summary,
            "group": card.group,
            "architecture": card.architecture,
            "color": f"{card.color}, values 0 to {card.value_range:g}",
            "license": explain_license(card.license),
            "source": card.source,
            "paper": card.paper,
            "trained on": card.training_data,
        },
        indent=2,
    )
    here = _here(card, model)
    for checkpoint in card.checkpoints:
        yield f"  x{checkpoint.scale}"
        known = _cost(cost_facts(model, checkpoint.scale)) if checkpoint.scale in here else {}
        absent = {} if known else {"weights": f"not here; napari-sr models download {card.id}"}
        yield from _aligned({**known, **_checkpoint(checkpoint), **absent}, indent=4)


def _here(card: ModelCard, model: str | Model) -> tuple[int, ...]:
    """Native scales whose weights are on this machine; all of a model that comes from a file."""
    from napari_sr.models import list_models, local_scales

    listed = any(each.id == model for each in list_models())
    return local_scales(card) if listed else card.scales


def _cost(facts: dict[str, Any]) -> dict[str, str]:
    lines = {"halo": f"{facts['halo']} px"}
    if "macs" in facts:
        lines["parameters"] = f"{facts['parameters']:,}"
        lines[f"{SIDE} x {SIDE}"] = (
            f"{facts['macs'] / 1e9:.3g} G multiply-adds, "
            f"{facts['activations'] / 1e6:.3g} M activations"
        )
    memory = "" if facts["memory"] is None else f"{facts['memory'] / 2**20:.1f} MiB, "
    lines["here"] = f"{memory}{facts['seconds']:.2g} s on {facts['device']}"
    return lines


def _checkpoint(checkpoint: Checkpoint) -> dict[str, str]:
    scores = {k: f"{psnr:.3f} dB / {ssim:.4f}" for k, (psnr, ssim) in checkpoint.scores.items()}
    return scores | {"file": checkpoint.file or "none", "sha256": checkpoint.sha256 or "none"}


def _aligned(facts: dict[str, str], indent: int) -> Iterator[str]:
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        yield f"{' ' * indent}{name:<{width}}  {value or 'not stated'}"
