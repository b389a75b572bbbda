"""Errors and warnings of the program: one line on stderr, and an exit code."""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from typer.core import TyperGroup

from napari_sr._text import error_line, one_line
from napari_sr.errors import CancelledError, NapariSRError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FAILED",
    "ErrorHandlingGroup",
    "describe_error",
    "describe_unexpected",
    "exit_on_sigterm",
    "show_warnings_in_one_line",
]

FAILED = 1
"""Exit code of a command that could not do all that was asked."""
INTERRUPTED = 130
"""Exit code that shells report for a program ended by Ctrl-C: 128 + SIGINT."""
LONGEST = 2000
"""Characters of a message of ours that are shown: some of them list names of files or models."""


class ErrorHandlingGroup(TyperGroup):
    """Commands whose errors become one line; with ``--debug`` they are raised, with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Parameters
        ----------
        ctx : click.Context
            Of the whole program.

        Returns
        -------
        Any
            The return value of the command.
        """
        if ctx.params.get("debug"):
            return super().invoke(ctx)
        return _exit_on_errors(lambda: super(ErrorHandlingGroup, self).invoke(ctx))


def exit_on_sigterm() -> None:
    """Clean up after SIGTERM (the time limit of a batch system) as after Ctrl-C; the exit code is 143."""

    def leave(number: int, _: object) -> NoReturn:
        typer.echo("error: terminated; nothing was left half-written", err=True)
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def describe_error(error: BaseException) -> str:
    """Message of an error of ours on one line; the name of its type where it has none."""
    return one_line(str(error), LONGEST) or type(error).__name__


def describe_unexpected(error: Exception) -> str:
    """Message for an unexpected error on one line, with the way to see its traceback.

    Parameters
    ----------
    error : Exception
        Any.

    Returns
    -------
    str
        Its type, the first line of its message, and a hint.
    """
    name, first = type(error).__name__, error_line(error)
    described = name if first == name else f"{name}: {first}"
    return f"{described} (napari-sr --debug … shows where)"


def show_warnings_in_one_line() -> None:
    """Show warnings and log messages as one line each, without the code that they come from."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        typer.echo(f"warning: {one_line(str(message))}", err=True)

    warnings.showwarning = show
    logging.getLogger("napari_sr").addHandler(_OneLineHandler())


class _OneLineHandler(logging.Handler):
    """Writes to the present stderr, which a progress bar replaces."""

    def emit(self, record: logging.LogRecord) -> None:
        typer.echo(f"{record.levelname.lower()}: {one_line(record.getMessage())}", err=True)


def _exit_on_errors(action: Callable[[], Any]) -> Any:
    """Run an action; if it raises, write one line and exit."""
    try:
        return action()
    except (KeyboardInterrupt, CancelledError):
        _exit("stopped; nothing was left half-written", INTERRUPTED)
    except NapariSRError as error:
        _exit(describe_error(error), FAILED)
    except (BrokenPipeError, typer.Abort):
        raise
    except Exception as error:
        # typer handles exits and wrong usage, which have an exit code of their own.
        if hasattr(error, "exit_code"):
            raise
        _exit(describe_unexpected(error), FAILED)


def _exit(message: str, code: int) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)
