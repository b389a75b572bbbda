"""Errors that tell what to do: one base class, subclasses where a caller can act on the difference.

Every message is one line in the user's words. At the edges (command line, widget) it is all that is shown.
"""

from __future__ import annotations


class NapariSRError(Exception):
    """Base of every error that napari-sr raises on purpose."""


class InputError(NapariSRError, ValueError):
    """The image, its axes or an option cannot be used; nothing was changed."""


class OutputTooLargeError(InputError):
    """The result does not fit into memory; a lazy array or a file on disk is the way."""


class ModelNotFoundError(NapariSRError, LookupError):
    """No model of that name is in the catalog, or its file is not on this machine."""


class ModelLoadError(NapariSRError):
    """A checkpoint cannot be read, is not recognized, or does not fit its architecture."""


class UntrustedProgramError(ModelLoadError):
    """A file holds a program, which is opened only where the caller says that its author is trusted."""


class ProgramError(ModelLoadError, RuntimeError):
    """A program from a file failed on an image."""


class ProgramLimitError(ModelLoadError):
    """A program from a file took too long, or crashed; it was stopped."""


class ProgramMemoryError(ProgramLimitError, MemoryError):
    """A program from a file needs more memory than it may take."""


class UnknownArchitectureError(ModelLoadError):
    """A checkpoint's tensors belong to no network that is known here; the extra ``spandrel`` knows more."""


class ModelRangeError(ModelLoadError):
    """It cannot be told which value range or color a checkpoint expects."""


class DeviceError(NapariSRError):
    """The asked-for device or precision is not available on this machine."""


class ClusterError(NapariSRError):
    """A dask cluster cannot be reached or started, or lost the work."""


class FileReadError(NapariSRError, OSError):
    """A file is missing, truncated, or not what its name says."""


class FileWriteError(NapariSRError, OSError):
    """An output cannot be written; whatever stood there before is untouched."""


class DownloadError(NapariSRError):
    """A download failed or did not match its checksum; nothing was left behind."""


class ExportError(NapariSRError):
    """A model cannot be written in the asked-for format, or the written file does not do what the model does."""


class RecipeError(NapariSRError, ValueError):
    """A training recipe has an unknown key, a wrong type or a missing folder."""


class CancelledError(NapariSRError):
    """The user stopped the run; no result exists."""
