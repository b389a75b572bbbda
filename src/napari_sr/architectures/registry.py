"""The register of architectures: how a bare state dict becomes a network.

Every architecture module ends with one `register` call. `napari_sr.architectures.MODULES` lists the modules; they
are imported when the register is first used.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from napari_sr._text import one_line
from napari_sr.errors import ModelLoadError, UnknownArchitectureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

__all__ = ["Architecture", "architectures", "detect", "get", "register"]


def _as_it_is(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return state


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network class from a paper, and how its checkpoints are recognised."""

    id: str
    """Unique, lower case, e.g. ``"ecbsr"``."""
    title: str
    """Name and expansion, e.g. ``"ECBSR: edge-oriented convolution block"``."""
    paper: str
    """Citation in one line: authors, title, venue, year."""
    url: str
    """DOI or arXiv address of the paper."""
    build: Callable[..., nn.Module]
    """Keyword configuration to a freshly initialised network."""
    detect: Callable[[Mapping[str, Tensor]], dict[str, Any] | None]
    """State dict (wrappers stripped) to the keywords of `build`, or None if it is another's."""
    convert: Callable[[dict[str, Tensor]], dict[str, Tensor]] = _as_it_is
    """Official keys to those of our module, where they differ."""
    value_range: float | None = None
    """The authors' networks expect ``[0, value_range]``: 1 or 255; None where files differ."""
    color: Literal["Y", "RGB", "grey"] | None = None
    """What the authors' networks are run on; None: by the input channels (1: Y, 3: RGB)."""


_REGISTER: dict[str, Architecture] = {}


def register(architecture: Architecture) -> Architecture:
    """Add an architecture; each architecture module ends with this call.

    Raises
    ------
    ValueError
        If another one of the same id is registered.
    """
    if _REGISTER.setdefault(architecture.id, architecture) != architecture:
        raise ValueError(f"two architectures are called {architecture.id!r}")
    return architecture


@cache
def _import_modules() -> None:
    from napari_sr.architectures import MODULES

    for name in MODULES:
        import_module(f"napari_sr.architectures.{name}")


def architectures() -> tuple[Architecture, ...]:
    """List every architecture, the most specific first."""
    _import_modules()
    return tuple(_REGISTER.values())


def get(id: str) -> Architecture:
    """Return the architecture of that id.

    Raises
    ------
    ModelLoadError
        If there is none; the message suggests similar ids.
    """
    known = {each.id: each for each in architectures()}
    if id not in known:
        near = difflib.get_close_matches(id, known, n=3)
        advice = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(known)}"
        raise ModelLoadError(f"no architecture is called {one_line(id, 80)!r}; {advice}")
    return known[id]


def detect(state: Mapping[str, Tensor]) -> tuple[Architecture, dict[str, Any]]:
    """Find the architecture of a state dict, and its configuration.

    Parameters
    ----------
    state : mapping of str to tensor
        Parameters by name, without wrapper prefixes such as ``module.``.

    Returns
    -------
    Architecture, dict
        The first architecture that recognises the state, and the keywords for its `build`.

    Raises
    ------
    UnknownArchitectureError
        If none does; the message lists the first parameters and their shapes.
    """
    for architecture in architectures():
        config = architecture.detect(state)
        if config is not None:
            return architecture, config
    first = list(state.items())[:4]
    seen = ", ".join(f"{one_line(name, 80)} {tuple(value.shape)}" for name, value in first)
    more = f", … ({len(state)} in all)" if len(state) > 4 else ""
    raise UnknownArchitectureError(
        f"no known architecture has these parameters: {seen or 'none'}{more}"
    )
