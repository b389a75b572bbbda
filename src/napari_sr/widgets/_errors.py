"""Errors as napari shows them."""

from __future__ import annotations

from napari.utils import notifications

from napari_sr.errors import NapariSRError

__all__ = ["format_error", "show_error"]


def show_error(error: BaseException) -> None:
    """Show an error as a notification: one sentence for errors of ours, a traceback for unexpected ones.

    Parameters
    ----------
    error : BaseException
        The error.
    """
    if isinstance(error, NapariSRError):
        notifications.show_error(format_error(error))
    else:
        notifications.notification_manager.receive_error(type(error), error, error.__traceback__)


def format_error(error: BaseException) -> str:
    """An error's message as a sentence.

    Parameters
    ----------
    error : BaseException
        The error.

    Returns
    -------
    str
        With a capital letter and one full stop; the name of the error's type where it has no message.
    """
    text = str(error) or type(error).__name__
    ended = text if text.endswith("?") else f"{text.rstrip('.')}."
    return f"{ended[0].upper()}{ended[1:]}"
