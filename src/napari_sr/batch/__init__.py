"""Files in, files out: which files a call reads and writes, and how each of them is upscaled."""

from napari_sr.batch._existing import difference_from_existing
from napari_sr.batch._file import PlannedFile, plan_file, run_file, upscale_file
from napari_sr.batch._jobs import FileJob, find_jobs

__all__ = [
    "FileJob",
    "PlannedFile",
    "difference_from_existing",
    "find_jobs",
    "plan_file",
    "run_file",
    "upscale_file",
]
