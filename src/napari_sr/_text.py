"""Text for people: sizes, durations, and messages that fit on one line of a terminal."""

from __future__ import annotations

import unicodedata

__all__ = ["error_line", "format_bytes", "format_seconds", "one_line"]

LONGEST = 500
"""Characters after which a line from a file or a server is cut: several lines of a terminal say enough."""


def format_bytes(count: float) -> str:
    """Write a number of bytes for people.

    Parameters
    ----------
    count : float
        Bytes, at least 0.

    Returns
    -------
    str
        In binary units, such as ``"1.0 MiB"``.
    """
    if count < 1024:
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} TiB"


def format_seconds(seconds: float) -> str:
    """Write a duration for people.

    Parameters
    ----------
    seconds : float
        At least 0.

    Returns
    -------
    str
        Such as ``"0.1 s"``, ``"12 s"`` or ``"1 h 20 min"``.
    """
    if seconds < 9.95:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def one_line(text: str, longest: int = LONGEST) -> str:
    """Write text from elsewhere on one line that is safe to print.

    Parameters
    ----------
    text : str
        Of a file, a server or an exception.
    longest : int
        Characters to keep.

    Returns
    -------
    str
        Line breaks become spaces, and control characters, which a terminal would execute, question marks.
    """
    joined = " ".join(text[: 4 * longest].split())
    safe = "".join("?" if unicodedata.category(each) in _UNPRINTABLE else each for each in joined)
    return safe if len(safe) <= longest else safe[: longest - 1] + "…"


_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode categories of control, format, surrogate, private and unassigned characters."""


def error_line(error: BaseException) -> str:
    """First line of an exception's message.

    Parameters
    ----------
    error : BaseException
        Any.

    Returns
    -------
    str
        The name of its type where it has no message.
    """
    return one_line(str(error).strip().partition("\n")[0]) or type(error).__name__
