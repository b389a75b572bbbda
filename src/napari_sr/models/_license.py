"""What a license means for somebody who is about to download weights, in a sentence."""

from __future__ import annotations

__all__ = ["explain_license", "is_permissive"]

_PERMISSIVE = ("MIT", "Apache", "BSD", "ISC", "CC0", "CC-BY-4", "Unlicense")


def is_permissive(license: str) -> bool:
    """Whether a license lets one do nearly everything, so that nobody need be asked before a download."""
    return license.startswith(_PERMISSIVE)


def explain_license(license: str) -> str:
    """Say plainly what a license means.

    Parameters
    ----------
    license : str
        SPDX expression, or text that begins with ``none stated`` or ``not stated``.

    Returns
    -------
    str
        The license and a sentence about it.
    """
    if license.startswith(("none stated", "not stated")):
        return (
            f"{license}. The authors published these weights without a license, so nobody was given the right "
            "to copy or pass them on: ask the authors before you use them for more than trying them out."
        )
    if "GPL" in license:
        return (
            f"{license}. You may use these weights for anything; if you pass them on, alone or inside a program, "
            "the terms of the GPL apply to what you pass on."
        )
    if is_permissive(license):
        return (
            f"{license}. You may use, change and pass on these weights if you name their authors."
        )
    return f"{license}. Read it before you pass these weights on."
