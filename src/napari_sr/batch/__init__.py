"""Files in, files out: which files a call reads and writes, and how one of them is upscaled."""

from napari_sr.batch._file import PlannedFile, plan_file, run_file, upscale_file
from napari_sr.batch._jobs import Job, plan_jobs

__all__ = ["Job", "PlannedFile", "plan_file", "plan_jobs", "run_file", "upscale_file"]
