"""Architectures of the package spandrel: ESRGAN, SwinIR, HAT, DAT, RCAN and some forty more.

spandrel (an extra, which needs torchvision) recognizes a network by its tensors, and states whether images may be cut
into tiles for it and in which precisions it works. The file itself is read by this package, as tensors only.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from napari_sr._text import error_line
from napari_sr.architectures.registry import Architecture
from napari_sr.errors import ModelLoadError, UnknownArchitectureError
from napari_sr.models._assemble import Assembled
from napari_sr.models._external import ExternalNetwork, Tiling
from napari_sr.models._files import Contents, candidates

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_with_spandrel"]

_TILING: dict[str, Tiling] = {
    "SUPPORTED": "allowed",
    "DISCOURAGED": "discouraged",
    "INTERNAL": "never",
}
"""Names in spandrel; a network of the last kind cuts images itself."""

_WIDEST = 64
"""Largest window of attention in pixels to whose grid tiles are aligned; larger ones would leave few sizes of tiles."""


class SpandrelProgram(nn.Module):
    """A network that spandrel calls: it pads images to the required sizes and clips the output to [0, 1].

    Parameters
    ----------
    descriptor : spandrel.ImageModelDescriptor
        Of the network.
    """

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.network = descriptor.model  # a submodule, so that `to` and `deepcopy` include it

    def forward(self, x: Tensor) -> Tensor:
        """``(1, C, H, W)`` to ``(1, C, s·H, s·W)``."""
        out: Tensor = self.descriptor(x.clone())  # some networks, such as RCAN, change their input
        return out


def have_spandrel() -> bool:
    """Whether spandrel is installed."""
    return find_spec("spandrel") is not None


def read_with_spandrel(contents: Contents, name: str, reason: ModelLoadError) -> Assembled:
    """Load a checkpoint with spandrel if its architecture is not in the register.

    Parameters
    ----------
    contents : Contents
        What the file holds.
    name : str
        The file, for messages.
    reason : ModelLoadError
        Why this package cannot load it; raised if spandrel does not know it either.

    Returns
    -------
    Assembled
        The network in an `ExternalNetwork`.

    Raises
    ------
    ModelLoadError
        If spandrel is missing or does not work, or the network does not enlarge gray or RGB images.
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
    """Descriptor of a state dict in spandrel; None if spandrel does not know its architecture."""
    try:
        from spandrel import MAIN_REGISTRY, UnsupportedModelError
    except (ImportError, RuntimeError) as error:
        raise ModelLoadError(
            f"{name}: is of no known architecture, and spandrel cannot be imported ({error_line(error)}); "
            "torch and torchvision must be of matching releases"
        ) from error
    for state in candidates(contents.tensors):
        try:
            return MAIN_REGISTRY.load(state)
        except UnsupportedModelError:
            continue
        except Exception as error:
            # spandrel reads keys and shapes that networks of similar architectures may lack
            raise ModelLoadError(
                f"{name}: spandrel recognizes it, but cannot build it ({error_line(error)})"
            ) from error
    return None


def _assembled(descriptor: Any, name: str) -> Assembled:
    problem = next(_problems(descriptor), None)
    title = descriptor.architecture.name
    if problem:
        raise ModelLoadError(f"{name}: is {title}, which {problem}")
    descriptor.eval()
    network = ExternalNetwork(
        SpandrelProgram(descriptor),
        descriptor.scale,
        descriptor.input_channels,
        step=descriptor.size_requirements.multiple_of,
        one_by_one=True,  # spandrel does not promise batches
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
    # networks that need a mask beside the image have a descriptor without a purpose
    if getattr(descriptor, "purpose", None) not in ("SR", "FaceSR", "Restoration"):
        yield "does not take an image alone"
    if channels not in ((1, 1), (3, 3)):
        yield f"maps {channels[0]} channels to {channels[1]}, neither gray nor RGB"
    if descriptor.scale < 2:
        yield "does not enlarge images"


def _window(network: nn.Module) -> int:
    """Side of the windows of a transformer, to which tiles are aligned so that windows lie as in the whole image."""
    side = getattr(network, "window_size", 1)
    return side if isinstance(side, int) and 1 <= side <= _WIDEST else 1


def _precisions(descriptor: Any) -> frozenset[str]:
    low = {"float16": descriptor.supports_half, "bfloat16": descriptor.supports_bfloat16}
    return frozenset({"float32"} | {name for name, able in low.items() if able})
