"""``napari-sr models``: what there is to choose from, and what is known of each."""

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sr.cli import _export, _own
from napari_sr.cli import _options as options
from napari_sr.cli._card import card_facts, card_lines
from napari_sr.cli._console import megabytes, print_json, show_table

if TYPE_CHECKING:
    from napari_sr.models import Model as LoadedModel
    from napari_sr.models import ModelCard

app = typer.Typer(
    name="models",
    help="List models, show what is known of them, download, import and export them.",
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
    from napari_sr.models import GROUPS, list_models, local_scales

    cards = [card for card in list_models() if not here or local_scales(card)]
    if json:
        print_json([{**card_facts(c), "local_scales": local_scales(c)} for c in cards])
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
    from napari_sr.models import list_models

    card = next((each for each in list_models() if each.id == model), None)
    shown: str | LoadedModel = model
    if card is None or value_range is not None or color is not None:
        loaded = options.load(model, value_range, color, trust_program)
        shown, card = (loaded if card is None else model), loaded.card
    if json:
        print_json(card_facts(card, shown))
        return
    for line in card_lines(card, shown):
        typer.echo(line)


app.command()(_own.download)
app.command("import")(_own.import_)
app.command()(_own.add)
app.command()(_own.remove)
app.command()(_export.export)


def _row(card: "ModelCard") -> list[str]:
    return [
        card.id,
        " ".join(f"x{scale}" for scale in card.scales),
        _where(card),
        card.color,
        _span([_count(c.parameters) for c in card.checkpoints if c.parameters is not None]),
        " ".join(f"{c.scores['Set5'][0]:.2f}" for c in card.checkpoints if "Set5" in c.scores),
        card.license,
        card.summary,
    ]


def _where(card: "ModelCard") -> str:
    from napari_sr.models import local_scales

    found = local_scales(card)
    if found == card.scales:
        return "here"
    if found:
        return " ".join(f"x{scale}" for scale in found) + " here"
    return megabytes(sum(each.size or 0 for each in card.checkpoints))


def _span(values: list[str]) -> str:
    return " ".join(dict.fromkeys(values)) or "–"


def _count(number: int) -> str:
    return f"{number / 1000:.1f}k" if number >= 1000 else str(number)
