"""A layer as a value: everything that a run needs of it, captured at one moment.

A run takes seconds to hours in another thread; meanwhile the layer may be renamed, moved or deleted. So it is read
once, in the thread of the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import InputError
from napari_sr.imaging import (
    ANONYMOUS_AXES,
    PIXEL,
    SpatialImage,
    axes_from_labels,
    finer_coordinates,
    output_length,
    read_input,
    unit_ratio,
)
from napari_sr.imaging import plane_distance as distance_in_pixels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Image, Layer

    from napari_sr.imaging import Array

__all__ = ["LayerSnapshot", "plane_distance", "snapshot", "uncertainty_layer"]

_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
"""Attributes of a layer that determine where it lies."""
_ISOTROPIC = 1 + 1e-3
"""Distance of planes in pixels up to which a stack counts as isotropic: sizes are rarely known more exactly."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerSnapshot:
    """An image layer as it was when it was captured."""

    image: SpatialImage
    """Pixels of level 0, not copied, with their place in the world; coarser levels, name and metadata."""
    attributes: Mapping[str, Any]
    """Keyword arguments of `napari.layers.Image` that would make the layer again."""
    contrast_limits_range: tuple[float, float]
    """Range of the contrast slider."""

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.image.name

    @property
    def data(self) -> Array:
        """Level 0: a NumPy or dask array."""
        return self.image.data

    @property
    def axes(self) -> str:
        """One letter for each dimension of `data`, such as ``"TCYX"`` or ``"YXS"``."""
        return self.image.axes

    @property
    def multiscale(self) -> bool:
        """Whether the layer has several levels."""
        return bool(self.image.levels)

    @property
    def lazy(self) -> bool:
        """Whether the data are read block by block, only where they are needed."""
        return self.image.lazy

    def with_z(self) -> LayerSnapshot:
        """The snapshot with its Z axis named, if it is the only unnamed axis and its unit measures the same as X's."""
        image = self.image
        unnamed = [i for i, letter in enumerate(image.axes) if letter in ANONYMOUS_AXES]
        if "Z" in image.axes or len(unnamed) != 1:
            return self
        if unit_ratio(image.units[unnamed[0]], image.unit_along("X")) is None:
            return self
        axes = "".join("Z" if i in unnamed else letter for i, letter in enumerate(image.axes))
        return replace(self, image=replace(image, axes=axes))

    def out_shape(self, factors: Mapping[str, float]) -> tuple[int, ...]:
        """Shape of the upscaled data, as a plan will have it; known before a model is loaded.

        Parameters
        ----------
        factors : mapping of str to float
            Output pixels per input pixel, by axis.

        Returns
        -------
        tuple of int
            ``round(size · factor)`` along these axes, at least 1.
        """
        sizes = zip(self.image.shape, self.axes, strict=True)
        return tuple(output_length(size, factors.get(axis, 1.0)) for size, axis in sizes)

    def layer(
        self,
        image: SpatialImage,
        factors: Mapping[str, float],
        *,
        suffix: str,
        record: dict[str, Any],
        pyramid: bool = False,
    ) -> Image:
        """The upscaled layer: looks and place of this one, finer pixels.

        Parameters
        ----------
        image : SpatialImage
            The upscaled image.
        factors : mapping of str to float
            Output pixels per input pixel, by axis.
        suffix : str
            Appended to the name.
        record : dict
            Stored in the metadata as ``"napari_sr"``, the object itself; that of an earlier run goes into it as
            ``"previous"``.
        pyramid : bool
            Whether the levels of this layer follow below the new one.

        Returns
        -------
        napari.layers.Image
            Not yet added to a viewer.
        """
        from napari.layers import Image

        known = self.attributes["metadata"]
        if "napari_sr" in known:
            record["previous"] = known["napari_sr"]
        spatial = len(image.axes) - image.rgb
        along = [float(factors.get(axis, 1.0)) for axis in image.axes[:spatial]]
        attributes = {
            **self.attributes,
            "scale": image.scale[:spatial],
            "translate": image.translation[:spatial],
            **_finer_planes(self.attributes, along),
            "name": f"{self.name} {suffix}",
            "metadata": {**known, "napari_sr": record},
            "multiscale": pyramid,
        }
        data = [image.data, self.image.data, *self.image.levels] if pyramid else image.data
        layer = Image(data, **attributes)
        layer.contrast_limits_range = self.contrast_limits_range
        layer.contrast_limits = self.attributes["contrast_limits"]
        return layer


def snapshot(layer: Layer | None) -> LayerSnapshot:
    """Capture a layer.

    Parameters
    ----------
    layer : napari.layers.Layer or None
        None if nothing is selected.

    Returns
    -------
    LayerSnapshot
        Refers to the layer's data, but not to the layer.

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
    finest, *coarser = layer.data if layer.multiscale else (layer.data,)
    axes = axes_from_labels(tuple(layer.axis_labels), rgb=bool(layer.rgb))
    image = SpatialImage(
        read_input(finest, axes).array,
        axes,
        **_place(attributes, rgb=bool(layer.rgb)),
        levels=tuple(coarser),
        name=str(layer.name),
        metadata=dict(attributes.get("metadata") or {}),
    )
    kept = {key: value for key, value in attributes.items() if key != "locked_data_level"}
    return LayerSnapshot(
        image,
        {**kept, "metadata": image.metadata},
        tuple(layer.contrast_limits_range),
    )


def plane_distance(source: LayerSnapshot) -> float | None:
    """Distance of two planes along Z in pixels, where a stack can be made isotropic.

    Parameters
    ----------
    source : LayerSnapshot
        Z is the axis of that name, or the one that `LayerSnapshot.with_z` names.

    Returns
    -------
    float or None
        Above 1; None if there is no Z, pixels are not square, sizes are unknown, or planes are as close as pixels.
    """
    distance = distance_in_pixels(source.with_z().image)
    return distance if distance is not None and distance > _ISOTROPIC else None


def uncertainty_layer(layer: Image, deviation: Array) -> Image:
    """Layer that shows the uncertainty of an upscaled one.

    Parameters
    ----------
    layer : napari.layers.Image
        The upscaled layer.
    deviation : array
        Standard deviation of each of its pixels; for RGB(A) the root mean square over the colors is shown.

    Returns
    -------
    napari.layers.Image
        At the same place, hidden at first, with contrast limits of its own.
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


def _place(attributes: Mapping[str, Any], *, rgb: bool) -> dict[str, Any]:
    """Pixel size, position, units and orientation of a layer, for all dimensions of its data."""
    from napari.utils.transforms import Affine

    ndim, samples = len(attributes["scale"]), int(rgb)
    linear = np.eye(ndim + samples)
    linear[:ndim, :ndim] = Affine(
        rotate=attributes["rotate"], shear=attributes["shear"], ndim=ndim
    ).linear_matrix
    units = tuple(str(unit) for unit in attributes.get("units") or (PIXEL,) * ndim)
    return {
        "scale": (*map(float, attributes["scale"]), *(1.0,) * samples),
        "translation": (*map(float, attributes["translate"]), *(0.0,) * samples),
        "units": units + (PIXEL,) * samples,
        "linear": None if np.array_equal(linear, np.eye(ndim + samples)) else linear,
    }


def _finer_planes(attributes: Mapping[str, Any], factors: Sequence[float]) -> dict[str, Any]:
    """Slicing and clipping planes, which napari keeps in data coordinates, for the finer grid."""
    clipping = attributes.get("experimental_clipping_planes") or []
    planes: dict[str, Any] = {
        "experimental_clipping_planes": [_finer_plane(plane, factors) for plane in clipping]
    }
    if attributes.get("plane"):
        planes["plane"] = _finer_plane(attributes["plane"], factors)
    return planes


def _finer_plane(plane: Mapping[str, Any], factors: Sequence[float]) -> dict[str, Any]:
    """The same plane in the world; it lies in the last three of the dimensions that `factors` are for."""
    if len(factors) < 3:
        return dict(plane)
    factor = np.asarray(factors[-3:], dtype=np.float64)
    # A normal is a covector: it scales inversely.
    normal = np.asarray(plane["normal"]) / factor
    return {
        **plane,
        "position": tuple(finer_coordinates(plane["position"], factor).tolist()),
        "normal": tuple((normal / np.linalg.norm(normal)).tolist()),
    }
