"""Evaluation of a model as super-resolution papers do it, through the engine that users run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._steps import finish, show_progress
from napari_sr.errors import InputError
from napari_sr.evaluation._metrics import psnr, shave, ssim
from napari_sr.evaluation._pairs import cut_and_shrink, find_pairs, read_pair
from napari_sr.evaluation._protocol import Image, Plane, Protocol, choose_protocol
from napari_sr.evaluation._report import Evaluation, Score

if TYPE_CHECKING:
    from typing import Unpack

    from napari_sr.inference import CommonKeywords
    from napari_sr.models import Model

Pairs = Iterator[tuple[str, Image, Image]]
"""Name, original and small image."""


def evaluate(
    model: str | Path | Model,
    hr: str | Path | Mapping[str, Image],
    scale: int,
    lr: str | Path | None = None,
    *,
    protocol: str = "auto",
    progress: bool | Callable[[int, int], object] | None = None,
    **options: Unpack[CommonKeywords],
) -> Evaluation:
    """Measure how close a model's images come to originals.

    The small image is MATLAB's bicubic reduction of the original, cut to whole multiples of ``scale``. The upscaled
    image and the original are compared on the luma Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255, not rounded,
    without a border of ``scale`` pixels; peak 255. Published tables are reproduced to 0.01 dB.

    Parameters
    ----------
    model : str, Path or Model
        Id in the catalog, path of a checkpoint, or a loaded model.
    hr : str, Path or mapping of name to array
        Folder of originals, one file, or the originals themselves: uint8 of shape (Y, X, 3), or for the protocol
        "grey" any type of shape (Y, X).
    scale : int
        At least 2.
    lr : str or Path, optional
        Folder of small images to use instead of making them; ``bird.png`` is found as ``bird.png``, ``birdx2.png``
        or ``bird_x2.png``.
    protocol : {"auto", "rgb8", "luma", "grey"}
        Whether the result is rounded to 8-bit RGB before its luma is taken, or the network's luma is compared
        directly; ``"auto"``: directly where the network takes luma only. ``"grey"``: one channel of any type is
        compared itself, with the original's range (maximum minus minimum) as the peak.
    progress : bool or callable, optional
        True shows a bar in a terminal or notebook. A callable is called with images done and images in all.
    **options
        `device`, `precision`, `tile`, `tile_mode`, `ensemble` and `intensity_range` as for `napari_sr.upscale`,
        except that the precision is float32 unless asked for.

    Returns
    -------
    Evaluation
        A score for each image, their means, JSON and a table.

    Raises
    ------
    InputError
        If there are no images, sizes, names or the scale do not fit, or an option does not apply.
    FileReadError
        If an image cannot be read or is not of the protocol's kind.
    ModelNotFoundError, ModelLoadError
        If there is no such model or its file is broken.

    References
    ----------
    Protocol of RCAN's ``Evaluate_PSNR_SSIM.m``, which IMDN, RFDN, RLFN and BSRN share.
    """
    # Imported here, so that the metrics can be used without loading torch.
    from napari_sr.imaging import SpatialImage
    from napari_sr.inference import Progress, UpscaleOptions, execute, plan_image
    from napari_sr.models import load_model

    if scale < 2 or not float(scale).is_integer():
        raise InputError(f"scale must be a whole number of at least 2 to be measured, not {scale}")
    loaded, rows, seconds = load_model(model), [], 0.0
    given: dict[str, Any] = {"precision": "float32", **options}
    chosen = UpscaleOptions(scale=scale, model=loaded, **given)
    if chosen.isotropic or chosen.uncertainty:
        raise InputError(
            "an evaluation compares single images; leave out isotropic and uncertainty"
        )
    method = choose_protocol(protocol, loaded.card)
    count, pairs = _load(hr, int(scale), lr, method)
    tell = show_progress(progress, "image")
    for done, (name, original, small) in enumerate(pairs, start=1):
        image = SpatialImage(method.prepare(small), method.axes)
        started = time.perf_counter()
        made = plan_image(image, chosen, measure=False)
        result = finish(execute(made, image.data))
        seconds += time.perf_counter() - started
        planes = method.original_plane(original), method.result_plane(np.asarray(result.image))
        compared = score(name, *planes, int(scale), method.peak(planes[0]))
        rows.append(replace(compared, replaced_pixels=result.report.replaced_pixels))
        if tell is not None:
            tell(Progress(done, count))
    return Evaluation(
        model=loaded.id,
        scale=int(scale),
        dataset="images" if isinstance(hr, Mapping) else str(hr),
        rows=tuple(rows),
        seconds=seconds,
        protocol=method.name,
        low_resolution="MATLAB bicubic" if lr is None else str(lr),
    )


def score(name: str, original: Plane, larger: Plane, border: int, peak: float = 255.0) -> Score:
    """Compare one plane of an upscaled image, such as its luma, with the original's.

    Parameters
    ----------
    name : str
        For the report.
    original, larger : arrays of float64, shape (Y, X)
        Values in the same units.
    border : int
        Pixels to leave out on all four sides: the scale.
    peak : float
        Largest possible value.

    Returns
    -------
    Score
        PSNR and SSIM.
    """
    first, second = shave(original, border), shave(larger, border)
    return Score(name, psnr(first, second, peak), ssim(first, second, peak))


def _load(
    hr: str | Path | Mapping[str, Image], scale: int, lr: str | Path | None, method: Protocol
) -> tuple[int, Pairs]:
    """Count the images; yield ``(name, original, small image)`` one after the other."""
    if isinstance(hr, Mapping):
        if lr is not None:
            raise InputError(
                "small images can be given as a folder only together with a folder of originals"
            )
        made = ((name, *cut_and_shrink(image, scale, method, name)) for name, image in hr.items())
        return len(hr), made
    pairs = find_pairs(Path(hr), scale, None if lr is None else Path(lr))
    return len(pairs), ((pair.name, *read_pair(pair, scale, method)) for pair in pairs)
