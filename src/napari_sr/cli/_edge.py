"""The edge of the program: an error becomes one line on stderr and an exit code."""

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

FAILED = 1
INTERRUPTED = 130
"""What shells report of a program that Ctrl-C ended: 128 + SIGINT."""


class EdgeGroup(TyperGroup):
    """Commands whose errors are told in one line; ``--debug`` lets them through with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Parameters
        ----------
        ctx : click.Context
            Of the whole program.

        Returns
        -------
        Any
            What the command returns.
        """
        if ctx.params.get("debug"):
            return super().invoke(ctx)
        return told(lambda: super(EdgeGroup, self).invoke(ctx))


def end_cleanly_when_terminated() -> None:
    """Let SIGTERM (a batch system's time limit) clean up as Ctrl-C does; exit code 143."""

    def leave(number: int, _: object) -> NoReturn:
        typer.echo("error: terminated; nothing was left half-written", err=True)
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def told(action: Callable[[], Any]) -> Any:
    """Run an action; tell its errors in one line and exit.

    Parameters
    ----------
    action : callable
        Without arguments.

    Returns
    -------
    Any
        What the action returns.
    """
    try:
        return action()
    except (KeyboardInterrupt, CancelledError):
        stop("stopped; nothing was left half-written", INTERRUPTED)
    except NapariSRError as error:
        stop(message_of(error), FAILED)
    except (BrokenPipeError, typer.Abort):
        raise
    except Exception as error:
        # Exit and wrong usage carry their exit code and are typer's to tell.
        if hasattr(error, "exit_code"):
            raise
        stop(unexpected(error), FAILED)


def stop(message: str, code: int) -> NoReturn:
    """Say why on stderr and exit.

    Parameters
    ----------
    message : str
        One line.
    code : int
        Exit code.
    """
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


def message_of(error: BaseException) -> str:
    """Message of an error on one line; the name of its type where it has none."""
    return one_line(str(error), 2000) or type(error).__name__


def unexpected(error: Exception) -> str:
    """Message for an error that nobody foresaw, with the way to learn more.

    Parameters
    ----------
    error : Exception
        Any.

    Returns
    -------
    str
        One line.
    """
    name, first = type(error).__name__, error_line(error)
    told = name if first == name else f"{name}: {first}"
    return f"{told} (napari-sr --debug … shows where)"


class _OneLine(logging.Handler):
    """Messages of the engine, on whatever stderr is at the moment: a progress bar replaces it."""

    def emit(self, record: logging.LogRecord) -> None:
        typer.echo(f"{record.levelname.lower()}: {one_line(record.getMessage())}", err=True)


def tell_warnings() -> None:
    """Show warnings and the engine's messages as one line each, without the code they come from."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        typer.echo(f"warning: {one_line(str(message))}", err=True)

    warnings.showwarning = show
    logging.getLogger("napari_sr").addHandler(_OneLine())
