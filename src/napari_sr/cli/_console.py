"""What people see: tables on stdout, progress on stderr, neither where a program reads."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from rich.console import Console
    from rich.progress import ProgressColumn

PIPE_WIDTH = 160
"""Columns where the output is no terminal, so that tables in files are not cut at 80."""


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
    """Print a table; columns after the first whose cells are all numbers are set flush right.

    Parameters
    ----------
    title : str
        Stands above.
    columns : sequence of str
        Headings.
    rows : sequence of sequences of str
        Cells, as many as columns.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
    )
    for at, heading in enumerate(columns):
        numbers = at > 0 and all(row[at][-1:].isdigit() or row[at] in ("", "–") for row in rows)
        table.add_column(escape(heading), justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console().print(table)


def megabytes(count: int) -> str:
    """Write a number of bytes as download pages do.

    Parameters
    ----------
    count : int
        Bytes.

    Returns
    -------
    str
        Such as ``"4.4 MB"`` or ``"13 kB"``.
    """
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.0f} kB"


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout.

    Parameters
    ----------
    value : Any
        Plain values.
    """
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Parameters
    ----------
    path : Path
        Replaced if it exists.
    text : str
        Contents, without the last line break.

    Raises
    ------
    FileWriteError
        If it cannot be written; what stood there is untouched.
    """
    from napari_sr.errors import FileWriteError

    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise FileWriteError(f"{path}: cannot be written ({error.strerror or error})") from error


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
        write_text(Path(where), json.dumps(value, indent=2, ensure_ascii=False))


def progress_bar(title: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """Bar on stderr with the time left, from the first step on; none where stderr is no terminal.

    Parameters
    ----------
    title : str
        Stands before the bar.

    Returns
    -------
    context manager
        Gives a callable to be told steps done and steps in all.
    """
    from rich.progress import MofNCompleteColumn

    return _bar(title, MofNCompleteColumn())


def download_bar(title: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """Bar as `progress_bar`, for bytes.

    Parameters
    ----------
    title : str
        Stands before the bar.

    Returns
    -------
    context manager
        Gives a callable to be told bytes done and bytes in all, 0 if unknown.
    """
    from rich.progress import DownloadColumn

    return _bar(title, DownloadColumn())


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
        # What goes to stdout stays there, though the bar is on stderr.
        redirect_stdout=False,
        disable=not sys.stderr.isatty(),
    )
    task = bars.add_task(title, total=None)

    def step(done: int, total: int) -> None:
        bars.update(task, completed=done, total=total or None)
        bars.start()

    try:
        yield step
    finally:
        bars.stop()
