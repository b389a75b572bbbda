"""ONNX files: graphs of mathematical operators, run by ONNX Runtime on the CPU."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_sr.errors import ModelLoadError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["OnnxProgram", "have_onnxruntime", "read_onnx"]


class OnnxProgram(nn.Module):
    """An ONNX file that is called like a network.

    Parameters
    ----------
    path : Path
        The file. It is read again where the object is unpickled.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.session = _session(path)

    def forward(self, x: Tensor) -> Tensor:
        """Run on the CPU in float32; the result is where `x` is.

        Raises
        ------
        RuntimeError
            If the graph does not take a tensor of that shape.
        """
        (entry,) = self.session.get_inputs()
        array = x.detach().to("cpu", torch.float32).contiguous().numpy()
        try:
            found, *_ = self.session.run(None, {entry.name: array})
        except Exception as error:
            # onnxruntime's exceptions have no base of their own
            raise RuntimeError(str(error)) from error
        return torch.from_numpy(found).to(x)

    @property
    def channels(self) -> int | None:
        """Channels that its input has, where the file says it."""
        channels = self.session.get_inputs()[0].shape[1]
        return channels if isinstance(channels, int) else None

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxProgram:
        # a session has no state and may be used by several threads
        return self

    def __reduce__(self) -> tuple[type[OnnxProgram], tuple[Path]]:
        return OnnxProgram, (self.path,)


def have_onnxruntime() -> bool:
    """Whether ONNX Runtime is installed."""
    return find_spec("onnxruntime") is not None


def read_onnx(path: Path) -> tuple[OnnxProgram, dict[str, str]]:
    """Open an ONNX file.

    Returns
    -------
    program : OnnxProgram
        Ready to run.
    metadata : dict of str to str
        The metadata properties of the file.

    Raises
    ------
    ModelLoadError
        If it is damaged, does not take one tensor ``(N, C, H, W)`` of free height and width, or if
        ONNX Runtime is missing.
    """
    if not have_onnxruntime():
        raise ModelLoadError(f"{path.name}: needs ONNX Runtime; run: pip install 'napari-sr[onnx]'")
    try:
        program = OnnxProgram(path)
    except Exception as error:
        # onnxruntime's exceptions have no base of their own
        reason = str(error).strip().partition("\n")[0]
        raise ModelLoadError(
            f"{path.name}: cannot be read, truncated or damaged ({reason})"
        ) from error
    _check_input(program, path.name)
    return program, dict(program.session.get_modelmeta().custom_metadata_map)


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = (
        4  # errors are raised, too, and tried for: how small an image may be
    )
    return onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )


def _check_input(program: OnnxProgram, name: str) -> None:
    entries = program.session.get_inputs()
    if len(entries) != 1 or len(entries[0].shape) != 4 or entries[0].type != "tensor(float)":
        found = ", ".join(f"{each.type} {each.shape}" for each in entries)
        raise ModelLoadError(f"{name}: should take one float tensor (N, C, H, W), not {found}")
    sides = entries[0].shape[2:]
    if any(isinstance(side, int) for side in sides):
        raise ModelLoadError(
            f"{name}: takes only images of {sides[0]} x {sides[1]}; export it with dynamic height and width"
        )
