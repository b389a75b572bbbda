"""What people pass as an image: arrays of every library, taken as they are, converted, or refused in helpful words."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._dask import as_dask, is_lazy
from napari_sr.errors import InputError
from napari_sr.imaging._axes import axes_from_labels, parse_axes
from napari_sr.imaging._spatial_image import SpatialImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Input", "read_input"]


@dataclass(frozen=True, slots=True)
class Input:
    """An image as the engine takes it, and the way back to what was passed."""

    array: Any
    """NumPy array, or dask array where the image is read when it is needed."""
    axes: str | None
    """Axis letters, where they were given or the object has them."""
    wrap: Callable[[Any, dict[str, float]], Any]
    """Takes the upscaled array and the factors by axis; returns it as the kind of object that was passed."""

    @property
    def lazy(self) -> bool:
        """Whether the image is read when it is needed."""
        return not isinstance(self.array, np.ndarray)


def read_input(image: Any, axes: str | None = None) -> Input:
    """Take an image of any library.

    Parameters
    ----------
    image : array_like, dask array, Zarr array, xarray.DataArray, torch.Tensor or PIL.Image.Image
        The image.
    axes : str, optional
        One letter a dimension. An xarray's dimensions give them where they are left out.

    Returns
    -------
    Input
        Upscaling an xarray gives one with its dimensions, coordinates and attributes; all others give arrays.

    Raises
    ------
    InputError
        If it is none of these; the message says what to do.
    """
    _refuse_other_things(image)
    if _is_of(image, "xarray", "DataArray"):
        return _from_xarray(image, axes)
    if _is_of(image, "torch", "Tensor"):
        return Input(_from_torch(image), axes, _unchanged)
    if _is_of(image, "PIL.Image", "Image"):
        pixels = _from_pillow(image)
        return Input(pixels, axes or "YXS"[: pixels.ndim], _unchanged)
    if isinstance(image, np.ma.MaskedArray):
        raise InputError(
            "masked images cannot be upscaled; fill the mask first, e.g. image.filled(0)"
        )
    if is_lazy(image):
        return Input(as_dask(image), axes, _unchanged)
    return Input(np.asanyarray(image), axes, _unchanged)


def _unchanged(array: Any, factors: dict[str, float]) -> Any:
    return array


def _is_of(value: Any, module: str, name: str) -> bool:
    """Whether a value is of a class of a library, which is imported already if that is so."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(value, kind)


def _refuse_other_things(image: Any) -> None:
    if isinstance(image, (str, bytes, Path)):
        raise InputError(
            f"{str(image)!r} is a path and not an array; call napari_sr.upscale_file(source, target), or read it with "
            "napari_sr.io.read_image"
        )
    if isinstance(image, SpatialImage):
        raise InputError(
            "a SpatialImage keeps its place in upscale_image; pass it there, or pass image.data"
        )
    if hasattr(image, "as_layer_data_tuple"):
        raise InputError(
            "a napari layer keeps its place in upscale_layer; pass it there, or pass layer.data"
        )
    if _is_of(image, "zarr", "Group"):
        names = ", ".join(repr(name) for name in sorted(image.array_keys())[:3])
        raise InputError(
            f"a Zarr group is not an array; pass one of its arrays ({names or 'it has none'}), or read it with "
            "napari_sr.io.read_image"
        )


def _from_torch(image: Any) -> NDArray[Any]:
    """Values of a tensor, wherever it is."""
    try:
        values: NDArray[Any] = image.detach().cpu().numpy()
    except (
        TypeError,
        RuntimeError,
        NotImplementedError,
    ) as error:  # bfloat16, sparse, without values
        raise InputError(
            f"a {image.dtype} tensor on {image.device} has no NumPy array; pass a dense one of float32, "
            "e.g. image.float()"
        ) from error
    return values


def _from_pillow(image: Any) -> NDArray[Any]:
    """Pixels of a Pillow image, its palette converted to colors."""
    if image.mode in ("P", "PA"):
        image = image.convert(
            "RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB"
        )
    if image.mode not in ("1", "L", "LA", "RGB", "RGBA", "I", "F") and not image.mode.startswith(
        "I;16"
    ):
        raise InputError(
            f"images of Pillow's mode {image.mode!r} cannot be upscaled; call image.convert('RGB') first"
        )
    return np.asarray(image)


def _from_xarray(image: Any, axes: str | None) -> Input:
    """Pixels of an xarray, and the way to one with finer coordinates."""
    names = [str(name) for name in image.dims]
    rgb = bool(names) and names[-1].lower() in ("s", "sample", "samples", "rgb", "rgba", "band")
    letters = axes or axes_from_labels(names[:-1] if rgb else names, rgb=rgb)
    along = dict(zip(image.dims, parse_axes(letters, image.shape).letters, strict=True))
    data = image.data

    def wrap(array: Any, factors: dict[str, float]) -> Any:
        import xarray

        enlarged = {name for name, letter in along.items() if factors.get(letter, 1.0) != 1}
        coordinates: dict[Any, Any] = {
            key: value for key, value in image.coords.items() if not enlarged & set(value.dims)
        }
        for size, (name, letter) in zip(array.shape, along.items(), strict=True):
            if name in enlarged and name in image.coords:
                coordinate = image.coords[name]
                fine = _finer_coordinate(np.asarray(coordinate), size, factors[letter])
                if fine is not None:
                    coordinates[name] = (name, fine, coordinate.attrs)
        return xarray.DataArray(array, coordinates, image.dims, image.name, image.attrs)

    return Input(as_dask(data) if is_lazy(data) else np.asarray(data), letters, wrap)


def _finer_coordinate(values: NDArray[Any], size: int, factor: float) -> NDArray[np.float64] | None:
    """Coordinate of the finer pixels' centers; None where it cannot be interpolated, as for names."""
    if values.dtype.kind not in "iuf" or len(values) < 2:
        return None
    old = np.arange(len(values), dtype=np.float64)
    positions = (np.arange(size) + 0.5) / factor - 0.5
    inside: NDArray[np.float64] = np.interp(positions, old, values)
    # Centers of the outermost fine pixels lie beyond those of the outermost coarse ones.
    before, after = positions < 0, positions > len(values) - 1
    inside[before] = values[0] + positions[before] * float(values[1] - values[0])
    beyond = positions[after] - (len(values) - 1)
    inside[after] = values[-1] + beyond * float(values[-1] - values[-2])
    return inside
