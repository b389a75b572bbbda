"""Architectures that we do not have and spandrel does: ESRGAN, SwinIR, HAT, DAT, RCAN and some forty more.

spandrel (an extra; it needs torchvision) recognises a network by its tensors, as we do, and says of each whether it may
be cut into tiles and in which precision it works. The file itself is read by us, as tensors only.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from napari_sr.architectures.registry import Architecture
from napari_sr.errors import ModelLoadError, UnknownArchitectureError
from napari_sr.models._assemble import Assembled
from napari_sr.models._files import Contents, candidates
from napari_sr.models._foreign import ForeignNetwork, Tiling

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_with_spandrel"]

_TILING: dict[str, Tiling] = {
    "SUPPORTED": "allowed",
    "DISCOURAGED": "discouraged",
    "INTERNAL": "never",
}

_WIDEST = 64
"""Pixels: windows that are larger are no grid worth keeping to."""


class SpandrelProgram(nn.Module):
    """A network as spandrel calls it: padded to the sizes that it needs, the output clipped to [0, 1].

    Parameters
    ----------
    descriptor : spandrel.ImageModelDescriptor
        Of the network.
    """

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.network = descriptor.model  # so that it is moved and copied with us

    def forward(self, x: Tensor) -> Tensor:
        """``(1, C, H, W)`` to ``(1, C, s·H, s·W)``."""
        out: Tensor = self.descriptor(x.clone())  # RCAN, for one, writes into what it is given
        return out


def have_spandrel() -> bool:
    """Whether spandrel is installed."""
    return find_spec("spandrel") is not None


def read_with_spandrel(contents: Contents, name: str, reason: ModelLoadError) -> Assembled:
    """Let spandrel recognise what we do not.

    Parameters
    ----------
    contents : Contents
        What the file holds.
    name : str
        The file, for messages.
    reason : ModelLoadError
        Why we cannot load it; raised again if spandrel does not know it either.

    Raises
    ------
    ModelLoadError
        If there is no spandrel or it does not work, or the network does not enlarge grey or RGB images.
    """
    if not have_spandrel():
        if isinstance(reason, UnknownArchitectureError):
            raise UnknownArchitectureError(
                f"{reason}. Many more architectures are known after: pip install 'napari-sr[spandrel]'"
            ) from reason
        raise reason
    descriptor = _described(contents, name)
    if descriptor is None:
        raise reason
    return _assembled(descriptor, name)


def _described(contents: Contents, name: str) -> Any:
    """What spandrel makes of a state dict; None if it does not know it."""
    try:
        from spandrel import MAIN_REGISTRY, UnsupportedModelError
    except (ImportError, RuntimeError) as error:
        raise ModelLoadError(
            f"{name}: is none of our architectures, and spandrel cannot be imported ({_first_line(error)}); "
            "torch and torchvision must be of releases that belong together"
        ) from error
    for state in candidates(contents.tensors):
        try:
            return MAIN_REGISTRY.load(state)
        except UnsupportedModelError:
            continue
        except Exception as error:
            # its detectors look up keys and shapes of networks that merely resemble theirs
            raise ModelLoadError(
                f"{name}: spandrel recognises it, but cannot build it ({_first_line(error)})"
            ) from error
    return None


def _assembled(descriptor: Any, name: str) -> Assembled:
    problem = next(_problems(descriptor), None)
    title = descriptor.architecture.name
    if problem:
        raise ModelLoadError(f"{name}: is {title}, which {problem}")
    descriptor.eval()
    network = ForeignNetwork(
        SpandrelProgram(descriptor),
        descriptor.scale,
        descriptor.input_channels,
        step=descriptor.size_requirements.multiple_of,
        one_by_one=True,  # all that it promises
        halo=None,
        alignment=_window(descriptor.model),
        tiling=_TILING[descriptor.tiling.name],
        precisions=_precisions(descriptor),
        value_range=1.0,
    )
    architecture = Architecture(
        id=f"spandrel-{descriptor.architecture.id.lower()}",
        title=f"{title}, through spandrel",
        paper="",
        url="",
        build=nn.Identity,
        detect=lambda _: None,
    )
    return Assembled(architecture, {}, network)


def _problems(descriptor: Any) -> Iterator[str]:
    channels = descriptor.input_channels, descriptor.output_channels
    # those that want a mask beside the image have another class, without a purpose for whole images
    if getattr(descriptor, "purpose", None) not in ("SR", "FaceSR", "Restoration"):
        yield "does not take an image alone"
    if channels not in ((1, 1), (3, 3)):
        yield f"makes {channels[1]} channels out of {channels[0]}, neither grey nor RGB"
    if descriptor.scale < 2:
        yield "does not enlarge images"


def _window(network: nn.Module) -> int:
    """Side of the windows in which a transformer compares pixels, which should lie as they do in the whole image."""
    side = getattr(network, "window_size", 1)
    return side if isinstance(side, int) and 1 <= side <= _WIDEST else 1


def _precisions(descriptor: Any) -> frozenset[str]:
    low = {"float16": descriptor.supports_half, "bfloat16": descriptor.supports_bfloat16}
    return frozenset({"float32"} | {name for name, able in low.items() if able})


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
