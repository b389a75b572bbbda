"""``napari-sr models``: what there is to choose from, and what is known of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_sr.cli import _export
from napari_sr.cli._console import print_json, show_table
from napari_sr.cli._options import Json

if TYPE_CHECKING:
    from napari_sr.models import ModelCard

app = typer.Typer(
    name="models",
    help="List models, show what is known of them, export them.",
    no_args_is_help=True,
)
app.command()(_export.export)


@app.command("list")
def list_(json: Json = False) -> None:
    """List the models in the catalog."""
    from napari_sr.models import list_models

    cards = list_models()
    if json:
        print_json([card_facts(card) for card in cards])
        return
    show_table(
        "Models",
        ["id", "scales", "colour", "parameters", "Set5 dB", "licence", "good for"],
        [_row(card) for card in cards],
    )


@app.command()
def info(
    model: Annotated[str, typer.Argument(help="Id from `models list`, or path of a checkpoint.")],
    json: Json = False,
) -> None:
    """Show the card of a model: source, licence, paper, size, scores."""
    from napari_sr.models import load_model

    card = load_model(model).card
    if json:
        print_json(card_facts(card))
        return
    _show_card(card)


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


def _row(card: ModelCard) -> list[str]:
    return [
        card.id,
        " ".join(f"x{scale}" for scale in card.scales),
        card.colour,
        _span([_count(c.parameters) for c in card.checkpoints if c.parameters is not None]),
        " ".join(f"{c.scores['Set5'][0]:.2f}" for c in card.checkpoints if "Set5" in c.scores),
        card.licence,
        card.summary,
    ]


def _span(values: list[str]) -> str:
    return " ".join(dict.fromkeys(values)) or "–"


def _count(number: int) -> str:
    return f"{number / 1000:.1f}k" if number >= 1000 else str(number)


def _show_card(card: ModelCard) -> None:
    facts = {
        "title": card.title,
        "good for": card.summary,
        "group": card.group,
        "architecture": card.architecture,
        "colour": f"{card.colour}, values 0 to {card.value_range:g}",
        "licence": card.licence,
        "source": card.source,
        "paper": card.paper,
        "trained on": card.training_data,
    }
    typer.echo(card.id)
    for name, value in facts.items():
        typer.echo(f"  {name:<13} {value or 'not stated'}")
    show_table(
        "Checkpoints",
        ["scale", "parameters", "halo px", "scores (PSNR dB / SSIM)", "file", "sha256"],
        [
            [
                f"x{each.scale}",
                f"{each.parameters or 0:,}",
                "–" if each.halo is None else str(each.halo),
                ", ".join(f"{k} {p:.3f} / {s:.4f}" for k, (p, s) in each.scores.items()) or "–",
                each.file or "–",
                each.sha256 or "–",
            ]
            for each in card.checkpoints
        ],
    )
