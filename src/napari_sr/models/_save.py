"""Writing checkpoints: safetensors that say what they are, and never half a file."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save

from napari_sr.errors import FileWriteError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

__all__ = ["save_network"]


def save_network(
    path: str | Path,
    network: nn.Module,
    architecture: str,
    config: Mapping[str, Any],
    *,
    value_range: float = 1.0,
    color: str = "Y",
    **metadata: object,
) -> Path:
    """Write a network as safetensors, with all that `load_model` needs to know in its header.

    The file is written beside its place and renamed, so that a reader finds the old or the new one.

    Parameters
    ----------
    path : str or Path
        Ends in ``.safetensors``. Its folder is created.
    network : torch.nn.Module
        Its state dict is stored, in the data types that it has.
    architecture : str
        Id in the register, e.g. ``"ecbsr-plain"``.
    config : mapping
        Keywords of the architecture's `build`.
    value_range : {1, 255}
        The network expects values in ``[0, value_range]``.
    color : {"Y", "RGB", "grey"}
        What it was trained on.
    **metadata : object
        More to store as text, e.g. ``training_data="…"``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileWriteError
        If it cannot be written; what stood there before is untouched.
    """
    path = Path(path)
    header = {
        **{name: str(value) for name, value in metadata.items()},
        "architecture": architecture,
        "config": json.dumps(dict(config)),
        "value_range": f"{value_range:g}",
        "color": color,
    }
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    _write(path, save(tensors, header))
    return path


def _write(path: Path, data: bytes) -> None:
    # not tempfile's: those only their owner may read
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        os.replace(beside, path)
    except OSError as error:
        raise FileWriteError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
