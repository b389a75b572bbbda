"""``napari-sr models``: the catalog, and the cards of its models."""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_sr._text import format_bytes, one_line
from napari_sr.cli import _model_files
from napari_sr.cli import _options as options
from napari_sr.cli._console import print_json, show_table

if TYPE_CHECKING:
    from napari_sr.models import Checkpoint, ModelCard
    from napari_sr.models import Model as LoadedModel

SIDE = 256
"""Side in pixels of the image for which costs are counted, as in the challenges on efficient networks."""

_LONGEST = 2000
"""Characters of a fact on a card: citations and descriptions of training data have some hundreds."""

app = typer.Typer(
    name="models",
    help="List, describe, download, import and export models.",
    no_args_is_help=True,
)


@app.command("list")
def list_(
    here: Annotated[
        bool, typer.Option("--here", help="Only those that run without a download.")
    ] = False,
    json: options.Json = False,
) -> None:
    """List the models in the catalog."""
    from dataclasses import asdict

    from napari_sr.models import GROUPS, list_models, local_scales

    cards = [card for card in list_models() if not here or local_scales(card)]
    if json:
        print_json([{**asdict(card), "local_scales": local_scales(card)} for card in cards])
        return
    cards.sort(key=lambda card: GROUPS.index(card.group))
    for group, members in groupby(cards, key=lambda card: card.group):
        show_table(
            group,
            ["id", "scales", "weights", "color", "parameters", "Set5 dB", "license", "good for"],
            [_row(card) for card in members],
        )


@app.command()
def info(
    model: Annotated[str, typer.Argument(help="Id from `models list`, or path of a checkpoint.")],
    value_range: options.ValueRange = None,
    color: options.Color = None,
    trust_program: options.TrustProgram = False,
    json: options.Json = False,
) -> None:
    """Show the card of a model: source, license, paper, size, scores, cost."""
    from dataclasses import asdict

    from napari_sr.models import list_models, local_scales

    listed = next((each for each in list_models() if each.id == model), None)
    shown: str | LoadedModel = model
    if listed is None or value_range is not None or color is not None:
        loaded = options.load(model, value_range, color, trust_program)
        shown, card = (loaded if listed is None else model), loaded.card
    else:
        card = listed
    local = card.scales if listed is None else local_scales(card)
    if json:
        print_json({**asdict(card), "costs": [_cost(shown, scale) for scale in local]})
        return
    for line in _card_lines(card, shown, local):
        typer.echo(line)


app.command()(_model_files.download)
app.command("import")(_model_files.import_)
app.command()(_model_files.add)
app.command()(_model_files.remove)
app.command()(_model_files.export)


def _row(card: "ModelCard") -> list[str]:
    """Cells of a model in the list."""
    from napari_sr.models import local_scales

    local, counts = local_scales(card), [c.parameters for c in card.checkpoints]
    if not local:
        weights = format_bytes(sum(each.size or 0 for each in card.checkpoints))
    else:
        weights = "here" if local == card.scales else f"{_scales(local)} here"
    sizes = [f"{n / 1000:.1f}k" if n >= 1000 else str(n) for n in counts if n is not None]
    return [
        card.id,
        _scales(card.scales),
        weights,
        card.color,
        " ".join(dict.fromkeys(sizes)) or "–",
        " ".join(f"{c.scores['Set5'][0]:.2f}" for c in card.checkpoints if "Set5" in c.scores),
        card.license,
        card.summary,
    ]


def _scales(scales: tuple[int, ...]) -> str:
    return " ".join(f"x{scale}" for scale in scales)


def _card_lines(
    card: "ModelCard", model: "str | LoadedModel", local: tuple[int, ...]
) -> Iterator[str]:
    """Yield a card as lines of text; checkpoints are indented further."""
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
    for checkpoint in card.checkpoints:
        yield f"  x{checkpoint.scale}"
        if checkpoint.scale in local:
            cost = _describe_cost(_cost(model, checkpoint.scale))
            yield from _aligned({**cost, **_checkpoint_facts(checkpoint)}, indent=4)
        else:
            absent = {"weights": f"not here; napari-sr models download {card.id}"}
            yield from _aligned({**_checkpoint_facts(checkpoint), **absent}, indent=4)


def _checkpoint_facts(checkpoint: "Checkpoint") -> dict[str, str]:
    scores = {k: f"{psnr:.3f} dB / {ssim:.4f}" for k, (psnr, ssim) in checkpoint.scores.items()}
    return scores | {"file": checkpoint.file or "none", "sha256": checkpoint.sha256 or "none"}


def _aligned(facts: dict[str, str], indent: int) -> Iterator[str]:
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        yield f"{' ' * indent}{name:<{width}}  {one_line(value, _LONGEST) or 'not stated'}"


def _cost(model: "str | LoadedModel", scale: int) -> dict[str, Any]:
    """What a model costs at a native scale, for an image of `SIDE` by `SIDE` pixels.

    ``scale``; ``parameters``, ``macs`` and ``activations``, except for TorchScript and ONNX files, which cannot be
    counted; ``halo`` in pixels; and as measured on this machine ``memory`` in bytes, ``seconds`` and ``device``.
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


def _describe_cost(cost: dict[str, Any]) -> dict[str, str]:
    facts = {"halo": f"{cost['halo']} px"}
    if "macs" in cost:
        facts["parameters"] = f"{cost['parameters']:,}"
        facts[f"{SIDE} x {SIDE}"] = (
            f"{cost['macs'] / 1e9:.3g} G multiply-adds, "
            f"{cost['activations'] / 1e6:.3g} M activations"
        )
    memory = "" if cost["memory"] is None else f"{format_bytes(cost['memory'])}, "
    # Not format_seconds: small networks take a few milliseconds.
    facts["here"] = f"{memory}{cost['seconds']:.2g} s on {cost['device']}"
    return facts
