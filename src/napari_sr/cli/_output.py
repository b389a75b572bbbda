"""Outputs: tried before the work, and written so that an interrupted OME-Zarr is gone on with."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sr.cli._jobs import Job
    from napari_sr.inference import Plan
    from napari_sr.io import SpatialImage

_LASTING = (
    "source",
    "model",
    "sha256",
    "scale",
    "z_scale",
    "axes",
    "precision",
    "ensemble",
    "versions",
)


def write_output(job: Job, image: SpatialImage, chosen: Plan) -> None:
    """Write a result, with the record of how it was made.

    Parameters
    ----------
    job : Job
        Where from and where to.
    image : SpatialImage
        The result.
    chosen : Plan
        What made it.

    Raises
    ------
    FileWriteError
        If it cannot be written; what stood there before is untouched.
    """
    from napari_sr.io import write_image, write_ome_zarr
    from napari_sr.layers._record import run_record

    record = run_record(job.source.name, chosen)
    if job.target.suffix.lower() == ".zarr":
        # Neither tiles nor the device: they change nothing, and another run may choose others.
        lasting = {name: record[name] for name in _LASTING}
        write_ome_zarr(job.target, image, metadata=lasting, key=_resume_key(job, chosen))
    else:
        write_image(job.target, replace(image, metadata={**image.metadata, "napari_sr": record}))


def _resume_key(job: Job, chosen: Plan) -> dict[str, Any]:
    """What a result depends on beside its record: an interrupted run is gone on with if all is equal."""
    return {
        "range": chosen.intensity_range and list(chosen.intensity_range),
        "source": str(job.source.resolve()),
        "modified": job.source.stat().st_mtime_ns,
    }


def try_output(job: Job, image: SpatialImage) -> None:
    """Write one pixel of each plane and delete it: better to fail now than after an hour's work.

    Parameters
    ----------
    job : Job
        Where the result will go; the folder is created.
    image : SpatialImage
        The input, which has the type and axes of the result.

    Raises
    ------
    FileWriteError
        If the folder cannot be written to, or the format cannot hold such an image.
    """
    from napari_sr._files import remove_stale_temporaries, temporary_path
    from napari_sr.errors import FileWriteError
    from napari_sr.io import write_image

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
        # In the words of the file that was asked for.
        raise FileWriteError(str(error).replace(trial.name, job.target.name)) from error
    finally:
        if trial.is_dir():
            shutil.rmtree(trial)
        else:
            trial.unlink(missing_ok=True)
