"""What a licence means for somebody who is about to download weights, in a sentence."""

from __future__ import annotations

__all__ = ["explain_licence", "is_permissive"]

_PERMISSIVE = ("MIT", "Apache", "BSD", "ISC", "CC0", "CC-BY-4", "Unlicense")


def is_permissive(licence: str) -> bool:
    """Whether a licence lets one do nearly everything, so that nobody need be asked before a download."""
    return licence.startswith(_PERMISSIVE)


def explain_licence(licence: str) -> str:
    """Say plainly what a licence means.

    Parameters
    ----------
    licence : str
        SPDX expression, or text that begins with ``none stated`` or ``not stated``.

    Returns
    -------
    str
        The licence and a sentence about it.
    """
    if licence.startswith(("none stated", "not stated")):
        return (
            f"{licence}. The authors published these weights without a licence, so nobody was given the right "
            "to copy or pass them on: ask the authors before you use them for more than trying them out."
        )
    if "GPL" in licence:
        return (
            f"{licence}. You may use these weights for anything; if you pass them on, alone or inside a program, "
            "the terms of the GPL apply to what you pass on."
        )
    if is_permissive(licence):
        return (
            f"{licence}. You may use, change and pass on these weights if you name their authors."
        )
    return f"{licence}. Read it before you pass these weights on."
