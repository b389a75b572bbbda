"""A model measured as the super-resolution papers measure it, through the engine that users run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_sr.errors import InputError
from napari_sr.evaluation._metrics import psnr, shave, ssim
from napari_sr.evaluation._pairs import cut_and_shrink, find_pairs, read_pair
from napari_sr.evaluation._protocol import Image, Plane, Protocol, choose_protocol
from napari_sr.evaluation._report import Evaluation, Score

if TYPE_CHECKING:
    from napari_sr.models import Model

Pairs = Iterator[tuple[str, Image, Image]]


def evaluate(
    model: str | Path | Model,
    hr: str | Path | Mapping[str, Image],
    scale: int,
    lr: str | Path | None = None,
    *,
    device: str = "auto",
    precision: str = "float32",
    tile: int | tuple[int, int] | Literal["auto"] | None = "auto",
    ensemble: bool = False,
    protocol: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measure how close a model's images come to originals.

    The small image is MATLAB's bicubic reduction of the original, cut to whole multiples of
    ``scale``. What the engine makes of it is compared on the luma
    Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255, not rounded, without a border of ``scale``
    pixels; peak 255. Published tables are reproduced to 0.01 dB.

    Parameters
    ----------
    model : str, Path or Model
        Id in the catalog, path of a checkpoint, or a loaded model.
    hr : str, Path or mapping of name to array
        Folder of originals, one file, or the originals themselves: uint8 of shape (Y, X, 3), or for
        the protocol grey any type of shape (Y, X).
    scale : int
        At least 2.
    lr : str or Path, optional
        Folder of small images to use instead of making them; ``bird.png`` is found as
        ``bird.png``, ``birdx2.png`` or ``bird_x2.png``.
    device, precision, tile, ensemble
        As for `napari_sr.upscale`, except that the precision is float32 unless asked for.
    protocol : {"auto", "rgb8", "luma", "grey"}
        Whether the result is rounded to 8-bit RGB before its luma is taken, or the network's luma
        is compared directly; ``"auto"``: directly where the network sees nothing but luma.
        ``"grey"``: one channel of any type is compared itself, the peak being the original's
        largest minus smallest value.
    progress : callable, optional
        Called with images done and images in all.

    Returns
    -------
    Evaluation
        A score an image, their means, JSON and a table.

    Raises
    ------
    InputError
        If there are no images, or sizes, names or the scale do not fit.
    FileReadError
        If an image cannot be read or is not of the protocol's kind.
    ModelNotFoundError, ModelLoadError
        If there is no such model or its file is broken.

    References
    ----------
    Protocol of RCAN's ``Evaluate_PSNR_SSIM.m``, which IMDN, RFDN, RLFN and BSRN share.
    """
    # Here, so that the metrics can be had without the engine and torch.
    from napari_sr.inference import upscale
    from napari_sr.models import load_model

    if scale < 2 or not float(scale).is_integer():
        raise InputError(f"scale must be a whole number of at least 2 to be measured, not {scale}")
    loaded, rows, seconds = load_model(model), [], 0.0
    way = choose_protocol(protocol, loaded.card)
    count, pairs = _load(hr, int(scale), lr, way)
    for done, (name, original, small) in enumerate(pairs, start=1):
        started = time.perf_counter()
        larger = upscale(
            way.prepare(small),
            scale,
            loaded,
            axes=way.axes,
            device=device,
            precision=precision,
            tile=tile,
            ensemble=ensemble,
        )
        seconds += time.perf_counter() - started
        planes = way.original_plane(original), way.result_plane(larger)
        rows.append(score(name, *planes, int(scale), way.peak(planes[0])))
        if progress is not None:
            progress(done, count)
    return Evaluation(
        model=loaded.id,
        scale=int(scale),
        dataset="images" if isinstance(hr, Mapping) else str(hr),
        rows=tuple(rows),
        seconds=seconds,
        protocol=way.name,
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
        What counts as the largest value.

    Returns
    -------
    Score
        PSNR and SSIM.
    """
    first, second = shave(original, border), shave(larger, border)
    return Score(name, psnr(first, second, peak), ssim(first, second, peak))


def _load(
    hr: str | Path | Mapping[str, Image], scale: int, lr: str | Path | None, way: Protocol
) -> tuple[int, Pairs]:
    """Count the images; yield ``(name, original, small image)`` one after the other."""
    if isinstance(hr, Mapping):
        if lr is not None:
            raise InputError(
                "small images can be given as a folder only beside a folder of originals"
            )
        made = ((name, *cut_and_shrink(image, scale, way, name)) for name, image in hr.items())
        return len(hr), made
    pairs = find_pairs(Path(hr), scale, None if lr is None else Path(lr))
    return len(pairs), ((pair.name, *read_pair(pair, scale, way)) for pair in pairs)
