"""The program: its commands, and the options that precede them."""

# No `from __future__ import annotations` where typer reads annotations: it needs them evaluated.
from typing import Annotated

import typer

from napari_sr._version import __version__
from napari_sr.cli import _benchmark, _evaluate, _fine_tune, _info, _models, _train, _upscale
from napari_sr.cli._errors import ErrorHandlingGroup, exit_on_sigterm, show_warnings_in_one_line

app = typer.Typer(
    name="napari-sr",
    cls=ErrorHandlingGroup,
    help="Super-resolution for scientific images and photographs: upscale files, measure and train models.",
    no_args_is_help=True,
    # Plain text: rich would draw a box of four lines around an error, and starts more slowly.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(_upscale.upscale)
app.add_typer(_models.app)
app.command()(_evaluate.evaluate)
app.command()(_benchmark.benchmark)
app.command()(_train.train)
app.command("fine-tune")(_fine_tune.fine_tune)
app.command()(_info.info)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-sr {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the program with the arguments of the process."""
    show_warnings_in_one_line()
    exit_on_sigterm()
    app()
