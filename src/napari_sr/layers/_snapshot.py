"""Everything that is needed of a layer, captured at one moment.

A run takes seconds to hours in another thread; meanwhile the layer may be renamed, moved, switched or deleted. So
it is read once, by the caller's thread, and never touched again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import InputError
from napari_sr.imaging import axes_from_labels
from napari_sr.layers._geometry import finer_grid, finer_plane

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Image, Layer
    from numpy.typing import NDArray

__all__ = ["LayerSnapshot", "snapshot"]

_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
"""What of a layer says where it lies."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerSnapshot:
    """An image layer as it was when it was captured."""

    name: str
    """Name of the layer."""
    data: Any
    """Level 0: a NumPy, dask or Zarr array. Not a copy."""
    axes: str
    """One letter a dimension of ``data``, such as ``"TCYX"`` or ``"YXS"``."""
    attributes: Mapping[str, Any]
    """Keyword arguments of `napari.layers.Image` that would make the layer again."""
    contrast_limits_range: tuple[float, float]
    """How far the contrast slider reaches."""
    coarser: tuple[Any, ...] = ()
    """The other levels of a multiscale layer."""

    @property
    def multiscale(self) -> bool:
        """Whether the layer has levels."""
        return bool(self.coarser)

    @property
    def lazy(self) -> bool:
        """Whether the data lies in chunks (dask, Zarr), to be read only where it is needed."""
        return (
            not isinstance(self.data, np.ndarray) and getattr(self.data, "chunks", None) is not None
        )

    def factors(self, scale: Sequence[float]) -> tuple[float, ...]:
        """Output pixels per input pixel along each dimension of the layer.

        Parameters
        ----------
        scale : (float, float) or (float, float, float)
            Along Y and X, or along Z, Y and X.

        Returns
        -------
        tuple of float
            One for each dimension but the samples of RGB(A), 1 for stack axes.
        """
        along = dict(zip("XYZ", map(float, reversed(scale)), strict=False))
        return tuple(along.get(axis, 1.0) for axis in self.axes if axis != "S")

    def out_shape(self, scale: Sequence[float]) -> tuple[int, ...]:
        """Shape of the upscaled data, as the engine will make it.

        Parameters
        ----------
        scale : (float, float) or (float, float, float)
            Along Y and X, or along Z, Y and X.

        Returns
        -------
        tuple of int
            ``round(size · scale)`` along these, at least 1.
        """
        factors = (*self.factors(scale), 1.0)
        shape = zip(self.data.shape, factors, strict=False)
        return tuple(max(1, round(size * factor)) for size, factor in shape)

    def layer(
        self,
        data: Any,
        scale: Sequence[float],
        *,
        suffix: str,
        record: dict[str, Any],
        pyramid: bool = False,
    ) -> Image:
        """The upscaled layer: as this one, at the same place in the world, of finer pixels.

        Parameters
        ----------
        data : array
            The upscaled image, dimensions as ``axes``.
        scale : (float, float) or (float, float, float)
            Output pixels per input pixel along Y and X, or along Z, Y and X.
        suffix : str
            Appended to the name.
        record : dict
            Stored in the metadata as ``"napari_sr"``; that of an earlier run goes into it as ``"previous"``.
        pyramid : bool
            Whether the levels of this layer follow below the new one.

        Returns
        -------
        napari.layers.Image
            Not yet added to a viewer.
        """
        from napari.layers import Image

        attributes = {
            **self.attributes,
            **_placed(self.attributes, self.factors(scale)),
            "name": f"{self.name} {suffix}",
            "metadata": self._metadata(record),
            "multiscale": pyramid,
        }
        layer = Image([data, self.data, *self.coarser] if pyramid else data, **attributes)
        layer.contrast_limits_range = self.contrast_limits_range
        layer.contrast_limits = self.attributes["contrast_limits"]
        return layer

    def companion(self, layer: Image, deviation: NDArray[np.floating[Any]]) -> Image:
        """Layer of the uncertainty of an upscaled one.

        Parameters
        ----------
        layer : napari.layers.Image
            The upscaled layer.
        deviation : array
            Standard deviation of each of its pixels; of RGB(A) the root mean square over the colors is shown.

        Returns
        -------
        napari.layers.Image
            At the same place, not visible at first, with a scale of brightness of its own.
        """
        from napari.layers import Image

        if layer.rgb:
            deviation = np.sqrt(np.mean(np.square(deviation[..., :3]), axis=-1))
        most = float(np.nanmax(deviation, initial=0.0))
        _, attributes, _ = layer.as_layer_data_tuple()
        return Image(
            deviation,
            **{
                **{key: attributes[key] for key in _PLACE if key in attributes},
                "name": f"{layer.name} uncertainty",
                "metadata": layer.metadata,
                "colormap": "inferno",
                "contrast_limits": (0.0, most or 1.0),
                "visible": False,
            },
        )

    def _metadata(self, record: dict[str, Any]) -> dict[str, Any]:
        known = self.attributes["metadata"]
        earlier = {"previous": known["napari_sr"]} if "napari_sr" in known else {}
        return {**known, "napari_sr": {**record, **earlier}}


def snapshot(layer: Layer | None) -> LayerSnapshot:
    """Capture a layer.

    Parameters
    ----------
    layer : napari.layers.Layer or None
        None stands for nothing selected.

    Returns
    -------
    LayerSnapshot
        Holds a reference to the layer's data, none to the layer.

    Raises
    ------
    InputError
        If it is not an image layer.
    """
    from napari.layers import Image

    if layer is None:
        raise InputError("no layer is selected; select an image layer first")
    if not isinstance(layer, Image):
        raise InputError(
            f"'{layer.name}' is a {layer.__class__.__name__} layer and only image layers can be "
            "upscaled; select an image layer"
        )
    _, attributes, _ = layer.as_layer_data_tuple()
    return LayerSnapshot(
        name=str(layer.name),
        data=layer.data[0] if layer.multiscale else layer.data,
        axes=axes_from_labels(tuple(layer.axis_labels), rgb=bool(layer.rgb)),
        attributes=_reusable(attributes),
        contrast_limits_range=tuple(layer.contrast_limits_range),
        coarser=tuple(layer.data[1:]) if layer.multiscale else (),
    )


def _reusable(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What of a layer's state makes sense for one of other levels."""
    kept = {key: value for key, value in attributes.items() if key != "locked_data_level"}
    return {**kept, "metadata": dict(kept.get("metadata") or {})}


def _placed(attributes: Mapping[str, Any], factors: Sequence[float]) -> dict[str, Any]:
    """Those attributes which are positions in the data, for the finer grid."""
    from napari.utils.transforms import Affine

    coarse = Affine(
        scale=attributes["scale"],
        rotate=attributes["rotate"],
        shear=attributes["shear"],
        ndim=len(factors),
    )
    scale, translate = finer_grid(
        coarse.linear_matrix, attributes["scale"], attributes["translate"], factors
    )
    placed: dict[str, Any] = {"scale": scale, "translate": translate}
    if attributes.get("plane"):
        placed["plane"] = finer_plane(attributes["plane"], factors)
    clipping = attributes.get("experimental_clipping_planes") or []
    placed["experimental_clipping_planes"] = [finer_plane(plane, factors) for plane in clipping]
    return placed
