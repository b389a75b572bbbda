"""One file: read, planned, upscaled and written, with its pixel size, unit and position."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sr._dask import active_client
from napari_sr._files import remove_stale_temporaries, temporary_path
from napari_sr._steps import finish, show_progress
from napari_sr.batch._jobs import FileJob, suffix_of
from napari_sr.errors import FileWriteError, InputError
from napari_sr.inference import Facts, Report, UpscaleOptions, plan_image, upscale_image_steps
from napari_sr.io import read_image, write_image, write_ome_zarr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from napari_sr.imaging import SpatialImage
    from napari_sr.inference import (
        AnyPlan,
        OptionKeywords,
        Progress,
        UpscaleResult,
    )
    from napari_sr.models import Model


__all__ = ["PlannedFile", "plan_file", "run_file", "upscale_file"]

BLOCKWISE_SUFFIXES = (".zarr", ".tif", ".tiff")
"""Suffixes of formats that are written block by block and contain a record of the run."""
LARGE = 2**29
"""Bytes of a result above which it is not held in memory as a whole, where its format allows: half a gibibyte, which
any machine can spare."""
_RESUME_FACTS = ("model", "sha256", "scale", "z_scale", "axes", "precision", "ensemble", "versions")
"""Entries of a record on which pixels depend. An interrupted run is resumed if they are equal, also with other tiles or
on another device."""
_COUNTS = ("replaced", "float32_repeats", "seconds")
"""Entries of a record that are totals over all pixels."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that has been read, and the plan for it."""

    job: FileJob
    """Source and target."""
    image: SpatialImage
    """The source."""
    plan: AnyPlan
    """What will be executed."""
    messages: tuple[str, ...] = ()
    """Messages for the user about the source, one line each."""


def upscale_file(
    source: str | Path,
    target: str | Path,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    *,
    axes: str | None = None,
    overwrite: bool = False,
    progress: bool | Callable[[int, int], object] | None = None,
    **options: Unpack[OptionKeywords],
) -> Report:
    """Upscale an image file and write it with its pixel size, unit and position.

    Parameters
    ----------
    source : str or Path
        Anything that `napari_sr.io.read_image` reads. Large TIFF files and OME-Zarr are read and written in blocks, on
        the cluster of the `distributed.Client` that is in use, if any.
    target : str or Path
        PNG, JPEG, WebP, TIFF, OME-TIFF or OME-Zarr, by its suffix; its folder is created. It appears when it is
        complete. An OME-Zarr that was interrupted is resumed by the same call. With ``uncertainty`` the standard
        deviation is written beside it, as ``NAME-uncertainty``.
    scale, model, progress, **options
        As for `napari_sr.upscale`.
    axes : str, optional
        One letter a dimension, where the file names them wrongly.
    overwrite : bool
        Replace a target that exists.

    Returns
    -------
    Report
        What was run and what happened; the file contains it, too.

    Raises
    ------
    InputError
        If an option cannot be used, or the target exists.
    FileReadError, FileWriteError
        If a file cannot be read or written; what was there before is untouched.
    DeviceError, ModelNotFoundError, ModelLoadError, OutputTooLargeError
        As `napari_sr.upscale`.
    """
    job = FileJob(Path(source), Path(target))
    if job.target.exists() and not overwrite:
        raise InputError(f"{job.target}: exists already; pass overwrite=True to replace it")
    chosen = UpscaleOptions(scale=scale, model=model, **options)
    return run_file(plan_file(job, chosen, axes), show_progress(progress))


def plan_file(job: FileJob, options: UpscaleOptions, axes: str | None = None) -> PlannedFile:
    """Read a file and decide how it will be upscaled; the pixels of a large one are not read yet.

    Parameters
    ----------
    job : FileJob
        What to read and where to write.
    options : UpscaleOptions
        What is asked.
    axes : str, optional
        One letter a dimension, where the file names them wrongly.

    Returns
    -------
    PlannedFile
        For `run_file`.

    Raises
    ------
    FileReadError
        If the file cannot be read.
    InputError, DeviceError, ModelNotFoundError, ModelLoadError
        As `napari_sr.plan`.
    """
    if active_client() is not None:  # its workers may run in another folder
        job = FileJob(job.source.absolute(), job.target.absolute())
    image = read_image(job.source).relabeled(axes)
    messages = tuple(image.metadata.get("remarks", ()))
    if (count := image.metadata.get("series", 1)) > 1:
        messages += (f"{job.source} holds {count} images; only the first is upscaled",)
    whole = options.isotropic or options.uncertainty
    # What needs the whole image runs in this process, cluster or not.
    lazy = not whole and (image.lazy or active_client() is not None)
    return PlannedFile(job, image, plan_image(image, options, lazy=lazy), messages)


def run_file(planned: PlannedFile, progress: Callable[[Progress], object] | None = None) -> Report:
    """Upscale a planned file and write the result.

    Parameters
    ----------
    planned : PlannedFile
        As `plan_file` returned it.
    progress : callable, optional
        Called with the progress, from whichever thread advances it.

    Returns
    -------
    Report
        What was run and what happened.

    Raises
    ------
    FileWriteError
        If the result cannot be written; what was there before is untouched.
    OutputTooLargeError, DeviceError
        As `napari_sr.upscale`.
    """
    job, image, plan = planned.job, planned.image, planned.plan
    check_output(job, image)
    blockwise = _is_blockwise(plan, image, job.target)
    steps = upscale_image_steps(image, plan, blockwise=blockwise, blocks="rows")
    result = finish(steps, progress)
    if result.deviation is not None:
        beside = replace(job, target=uncertainty_path(job.target))
        _write(beside, result.deviation, result)
    # Last, since a later call skips the image if this file exists.
    _write(job, result.image, result, progress if blockwise else None)
    result.log.fetch()
    return result.report


def run_record(planned: PlannedFile) -> dict[str, Any]:
    """The record of a planned run, before anything is computed.

    Parameters
    ----------
    planned : PlannedFile
        The file.

    Returns
    -------
    dict
        As `Report.record`.
    """
    return Report(planned.plan, Facts(), (0, 1)).record(planned.job.source.name)


def uncertainty_path(target: Path) -> Path:
    """Path of the standard deviation: beside the result, in a format that holds floating point."""
    suffix = suffix_of(
        target, (*BLOCKWISE_SUFFIXES, *(f".ome{each}" for each in BLOCKWISE_SUFFIXES))
    )
    stem = target.name[: -len(suffix)] if suffix else target.stem
    return target.with_name(f"{stem}-uncertainty{suffix or '.tif'}")


def _is_blockwise(plan: AnyPlan, image: SpatialImage, target: Path) -> bool:
    """Whether the result is computed block by block: for lazy images, on clusters, and if it is large."""
    if len(plan.parts) > 1 or plan.uncertainty:
        return False
    large = plan.bytes_out > LARGE and bool(suffix_of(target, BLOCKWISE_SUFFIXES))
    return large or image.lazy or active_client() is not None


def _write(
    job: FileJob,
    image: Any,
    result: UpscaleResult,
    progress: Callable[[Progress], object] | None = None,
) -> None:
    """Write an image of a result, with the record of the run; a lazy one is computed meanwhile."""

    def record() -> dict[str, Any]:
        """The record, once all pixels have been computed."""
        result.log.fetch()
        report = result.report
        found = report.record(job.source.name)
        if not report.complete:
            # The rest was made by an interrupted run; the counts of this one must not pass for totals.
            found = {key: value for key, value in found.items() if key not in _COUNTS}
        if earlier := image.metadata.get("napari_sr"):
            found["previous"] = earlier
        return found

    def advance(done: int, total: int) -> None:
        if progress is not None:
            progress(replace(result.log.progress(), done=done, total=total))

    if job.target.suffix.lower() == ".zarr":
        key = _resume_key(job, result)
        # Regions that are written, since those of an interrupted run count, too.
        write_ome_zarr(job.target, image, metadata=record, key=key, progress=advance)
        return
    if progress is not None:
        result.log.listen(lambda: progress(result.log.progress()))
    write_image(job.target, image, record=record)


def _resume_key(job: FileJob, result: UpscaleResult) -> dict[str, Any]:
    """All that the pixels of a result depend on; an interrupted run is resumed if all of it is equal."""
    record = result.report.record(job.source.name)
    known = result.plan.parts[0].intensity_range
    return {
        **{name: record[name] for name in _RESUME_FACTS},
        "range": known and list(known),
        "path": str(job.source.resolve()),
        "modified": job.source.stat().st_mtime_ns,
    }


def check_output(job: FileJob, image: SpatialImage) -> None:
    """Write one pixel of each plane and delete it, so that a target that cannot be written fails before the run.

    Parameters
    ----------
    job : FileJob
        Its target is tried, and the folder of the target is created.
    image : SpatialImage
        The source, which has the type and axes of the result.

    Raises
    ------
    FileWriteError
        If the folder cannot be written to, or the format cannot hold such an image.
    """
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileWriteError(f"{job.target}: cannot be written ({error.strerror})") from error
    corner = tuple(slice(1) if axis in "YX" else slice(None) for axis in image.axes)
    remove_stale_temporaries(job.target)
    trial = temporary_path(job.target)
    try:
        write_image(trial, replace(image, data=image.data[corner], levels=()))
    except FileWriteError as error:
        # The message names the file that was asked for.
        raise FileWriteError(str(error).replace(trial.name, job.target.name)) from error
    finally:
        for left in (trial, trial.with_name(f"{trial.name}.partial")):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
