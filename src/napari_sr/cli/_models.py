"""``napari-sr models``: what there is to choose from, and what is known of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from napari_sr.cli import _export
from napari_sr.cli import _options as options
from napari_sr.cli._card import card_facts, card_lines, cost_facts
from napari_sr.cli._console import print_json, show_table

if TYPE_CHECKING:
    from napari_sr.models import ModelCard

app = typer.Typer(
    name="models",
    help="List models, show what is known of them, export them.",
    no_args_is_help=True,
)
app.command()(_export.export)


@app.command("list")
def list_(json: options.Json = False) -> None:
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
    value_range: options.ValueRange = None,
    colour: options.Colour = None,
    json: options.Json = False,
) -> None:
    """Show the card of a model: source, licence, paper, size, scores, cost."""
    loaded = options.load(model, value_range, colour)
    if json:
        print_json(
            {**card_facts(loaded.card), "costs": [cost_facts(loaded, s) for s in loaded.scales]}
        )
        return
    for line in card_lines(loaded):
        typer.echo(line)


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
