"""Errors, as napari shows them."""

from __future__ import annotations

from napari.utils.notifications import notification_manager, show_error

from napari_sr.errors import NapariSRError

__all__ = ["report", "sentence"]


def report(error: BaseException) -> None:
    """Notify the user: ours with one clear line, anything unforeseen with its traceback.

    Parameters
    ----------
    error : BaseException
        What went wrong.
    """
    if isinstance(error, NapariSRError):
        show_error(sentence(error))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)


def sentence(error: BaseException) -> str:
    """An error as a sentence of its own, to be read by itself."""
    text = str(error) or type(error).__name__
    return f"{text[0].upper()}{text[1:].rstrip('.')}."
