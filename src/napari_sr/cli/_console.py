"""Output for people and programs: tables and JSON on stdout, progress bars on stderr."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from napari_sr._files import write_text
from napari_sr._text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from rich.console import Console
    from rich.progress import ProgressColumn

_EXECUTED = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters beyond those that JSON escapes, and those that reverse the direction of text."""

PIPE_WIDTH = 160
"""Columns where the output is not a terminal: the tables of this program fit, so that none is cut in a file."""


def console(err: bool = False) -> Console:
    """Rich console for stdout or stderr.

    Parameters
    ----------
    err : bool
        Whether to write to stderr.

    Returns
    -------
    Console
        As wide as the terminal, or `PIPE_WIDTH`.
    """
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; columns of numbers, except the first column, are aligned right.

    Parameters
    ----------
    title : str
        Title of the table.
    columns : sequence of str
        Headings.
    rows : sequence of sequences of str
        Cells, as many as columns.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=escape(one_line(title)), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
    )
    for at, heading in enumerate(columns):
        numbers = at > 0 and all(row[at][-1:].isdigit() or row[at] in ("", "–") for row in rows)
        table.add_column(escape(heading), justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(escape(one_line(cell)) for cell in row))
    console().print(table)


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout.

    Parameters
    ----------
    value : Any
        Plain values.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    # JSON escapes only some of the characters that a terminal executes
    typer.echo(_EXECUTED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def write_json(where: str, value: Any) -> None:
    """Write a value as JSON into a file, or on stdout.

    Parameters
    ----------
    where : str
        Path; ``"-"`` for stdout.
    value : Any
        Plain values.

    Raises
    ------
    FileWriteError
        If the file cannot be written.
    """
    if where == "-":
        print_json(value)
    else:
        write_text(Path(where), json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def progress_bar(title: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """Progress bar on stderr with the time left, from the first step on; none if stderr is not a terminal.

    Parameters
    ----------
    title : str
        Printed before the bar.

    Returns
    -------
    context manager
        Provides a function that takes steps done and steps in all.
    """
    from rich.progress import MofNCompleteColumn

    return _bar(title, MofNCompleteColumn())


def download_bar(title: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """Progress bar as `progress_bar`, for bytes.

    Parameters
    ----------
    title : str
        Printed before the bar.

    Returns
    -------
    context manager
        Provides a function that takes bytes done and bytes in all, 0 if unknown.
    """
    from rich.progress import DownloadColumn

    return _bar(title, DownloadColumn(binary_units=True))


@contextmanager
def _bar(title: str, amount: ProgressColumn) -> Iterator[Callable[[int, int], None]]:
    from rich import progress

    bars = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        amount,
        progress.TimeRemainingColumn(),
        console=console(err=True),
        transient=True,
        # Lines for stdout must not be written to stderr above the bar.
        redirect_stdout=False,
        disable=not sys.stderr.isatty(),
    )
    task = bars.add_task(one_line(title), total=None)

    def step(done: int, total: int) -> None:
        bars.update(task, completed=done, total=total or None)
        bars.start()

    try:
        yield step
    finally:
        bars.stop()
