"""Writing of checkpoints: safetensors with metadata from which the network can be rebuilt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save

from napari_sr._files import write_bytes

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
    """Write a network as safetensors, with all that `load_model` needs in its header.

    The file is written under a temporary name and renamed, so that no reader ever finds half of it.

    Parameters
    ----------
    path : str or Path
        Ends in ``.safetensors``. Its folder is created.
    network : torch.nn.Module
        Its state dict is stored in its own data types.
    architecture : str
        Id in the register, e.g. ``"ecbsr-plain"``.
    config : mapping
        Keywords of the architecture's `build`.
    value_range : {1, 255}
        The network expects values in ``[0, value_range]``.
    color : {"Y", "RGB", "grey"}
        What it was trained on.
    **metadata : object
        Additional facts, stored as text, e.g. ``training_data="…"``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileWriteError
        If it cannot be written; an existing file is not changed.
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
    write_bytes(path, save(tensors, header), make_folder=True)
    return path
