"""ONNX files: graphs of mathematical operators, checked, and run by ONNX Runtime on the CPU.

ONNX Runtime never sees a file, only bytes that are written from what was checked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sr._text import one_line
from napari_sr.errors import ModelLoadError
from napari_sr.models._script_check import ForbiddenOperationError, RefusedError, why_not_opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["CheckedModel", "OnnxGraph", "check_model", "have_onnx", "read_onnx"]

_DOMAINS = ("", "ai.onnx")
"""Of the standard. Other domains are of libraries, or of vendors, and some of their operators open files."""
_FORBIDDEN = frozenset({"ImageDecoder"})
"""Operators of the standard that are more than arithmetic: this one is a decoder of files."""
_CONTROL_DEPTH = 16
"""Graphs within graphs, as the branches of conditions are."""
_MOST_NODES = 200_000
"""Nodes of all graphs. The largest published networks have some ten thousand."""
_MOST_CONSTANT = 2**30
"""Bytes of a constant that is described by its shape alone."""
_LARGEST = 2**31 - 1
"""Bytes of a model, a limit of Protocol Buffers."""

_ITEM_SIZES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
"""Bytes of an element by the number of its type: floats, integers, and booleans; no text."""
_EXTERNAL = 1
"""Number of the location of tensors whose values are in another file."""


class OnnxGraph:
    """A graph that is called like a function of arrays.

    Parameters
    ----------
    data : bytes
        As `check_model` gives them.
    threads : int, optional
        For ONNX Runtime; left out, as many as it likes.

    Raises
    ------
    RefusedError
        If the graph does not take one float tensor ``(N, C, H, W)`` of free height and width.
    Exception
        Of any other type if ONNX Runtime cannot open it.
    """

    def __init__(self, data: bytes, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # errors are raised, too, and expected: the smallest size of images is found by trying
        options.log_severity_level = 4
        options.intra_op_num_threads = threads
        self._session: Any = onnxruntime.InferenceSession(
            data, sess_options=options, providers=["CPUExecutionProvider"]
        )
        entries = self._session.get_inputs()
        if len(entries) != 1 or len(entries[0].shape) != 4 or entries[0].type != "tensor(float)":
            found = ", ".join(f"{each.type} {each.shape}" for each in entries)
            raise RefusedError(f"should take one float tensor (N, C, H, W), not {one_line(found)}")
        sides = entries[0].shape[2:]
        if any(isinstance(side, int) for side in sides):
            raise RefusedError(
                f"takes only images of {sides[0]} x {sides[1]}; export it with dynamic height and width"
            )
        result = self._session.get_outputs()[0]
        if result.type != "tensor(float)":
            raise RefusedError(f"should give a float tensor, not {result.type}")
        self._input, self._output = entries[0].name, result.name
        channels = entries[0].shape[1]
        self.channels: int | None = channels if isinstance(channels, int) else None
        """Channels of its input, where the file states them."""

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run on the CPU.

        Raises
        ------
        RuntimeError
            If the graph does not take an array of that shape.
        """
        try:
            (found,) = self._session.run([self._output], {self._input: x})
        except Exception as error:
            # the exceptions of onnxruntime have no base of their own
            raise RuntimeError(str(error)) from error
        result: NDArray[np.float32] = found
        return result


def have_onnx() -> bool:
    """Whether the packages of the extra ``onnx`` are installed."""
    return all(find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def read_onnx(path: Path) -> Callable[[Tensor], Tensor]:
    """Open an ONNX file that we wrote ourselves, in this process.

    Raises
    ------
    ModelLoadError
        If it is damaged, or is not a graph for images.
    """
    import torch

    try:
        graph = OnnxGraph(check_model(path.read_bytes()).data)
    except Exception as error:
        raise ModelLoadError(f"{path.name}: {why_not_opened(error)}") from error
    return lambda x: torch.from_numpy(graph(x.numpy()))


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model as ONNX Runtime may see it."""

    data: bytes
    """Written from what was checked, with all weights inside."""
    metadata: dict[str, str]
    """Metadata properties of the file."""
    parameters: int
    """Elements of the weights."""
    embedded: bool
    """Whether weights lay in a file beside it."""


def check_model(data: bytes, folder: Path | None = None) -> CheckedModel:
    """Check an ONNX model, and take in weights that lie in files beside it.

    Parameters
    ----------
    data : bytes
        Contents of the file.
    folder : Path, optional
        Where it lies. Left out: weights in other files are refused.

    Raises
    ------
    RefusedError
        If it uses operators of other domains than the standard's, or weights that are not what they claim to be or lie
        elsewhere; the message says which.
    Exception
        Of any other type if it is damaged.
    """
    import onnx

    if len(data) > _LARGEST:
        raise RefusedError(f"is larger than {_LARGEST:,} bytes")
    model = onnx.ModelProto.FromString(data)
    own = {(each.domain, each.name) for each in model.functions}
    if model.training_info:
        raise RefusedError("holds steps of a training")
    parameters, embedded, count = 0, False, 0
    for graph in _graphs(model):
        count += len(graph.node)
        if count > _MOST_NODES:
            raise RefusedError(f"has more than {_MOST_NODES:,} nodes")
        weights = {each.name: each for each in getattr(graph, "initializer", ())}
        if getattr(graph, "sparse_initializer", ()):
            raise RefusedError("has sparse weights, which are not read")
        for node in graph.node:
            _check_node(node, own, weights)
        for tensor in (*weights.values(), *_constants(graph)):
            embedded |= _check_tensor(tensor, folder)
        parameters += sum(math.prod(each.dims) for each in weights.values())
    metadata = {each.key: each.value for each in model.metadata_props}
    return CheckedModel(model.SerializeToString(), metadata, parameters, embedded)


def _graphs(model: Any) -> Iterator[Any]:
    """All graphs and functions of a model, those in the attributes of nodes included."""
    waiting = [(each, 0) for each in (model.graph, *model.functions)]
    while waiting:
        graph, depth = waiting.pop()
        if depth > _CONTROL_DEPTH:
            raise RefusedError("graphs nested too deeply")
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                inner = (
                    (attribute.g, *attribute.graphs)
                    if attribute.HasField("g")
                    else attribute.graphs
                )
                waiting.extend((each, depth + 1) for each in inner)


def _constants(graph: Any) -> Iterator[Any]:
    """Tensors in the attributes of the nodes of a graph."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise RefusedError("has sparse constants, which are not read")
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _check_node(node: Any, own: set[tuple[str, str]], weights: dict[str, Any]) -> None:
    kind = node.domain, node.op_type
    if (node.domain not in _DOMAINS and kind not in own) or node.op_type in _FORBIDDEN:
        name = ".".join(filter(None, kind))
        raise ForbiddenOperationError(f"the operator {one_line(name, 60)!r}")
    if node.op_type == "ConstantOfShape" and node.input and node.input[0] in weights:
        from onnx import numpy_helper

        shape = weights[node.input[0]]
        if shape.data_type == 7 and shape.data_location != _EXTERNAL and len(shape.dims) == 1:
            sides = [int(side) for side in numpy_helper.to_array(shape)]
            # a byte at least for each element
            if min(sides, default=1) < 0 or math.prod(sides) > _MOST_CONSTANT:
                raise RefusedError(f"has a constant of the shape {one_line(str(sides), 60)}")


def _check_tensor(tensor: Any, folder: Path | None) -> bool:
    """See that a tensor has as many values as its shape claims; take them in if they lie in a file beside the model."""
    name = one_line(tensor.name, 60)
    item = _ITEM_SIZES.get(tensor.data_type)
    if item is None:
        raise RefusedError(f"has weights {name!r} of a type that is not read")
    if min(tensor.dims, default=1) < 0:
        raise RefusedError(f"has weights {name!r} of a negative size")
    count = math.prod(tensor.dims)
    if count * item > _LARGEST:
        raise RefusedError(f"has weights {name!r} of {count * item:,} bytes")
    external = bool(tensor.data_location == _EXTERNAL)
    if external:
        tensor.raw_data = _beside(tensor, folder, count * item, name)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
    elif tensor.external_data:
        raise RefusedError(f"has weights {name!r} in two places")
    if tensor.HasField("raw_data"):
        right = len(tensor.raw_data) == count * item
    else:
        fields = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")
        right = sum(len(getattr(tensor, field)) for field in fields) == count
    if not right:
        raise RefusedError(f"has weights {name!r} that are not as many as claimed")
    return external


def _beside(tensor: Any, folder: Path | None, size: int, name: str) -> bytes:
    """Values of a tensor in a file beside the model."""
    where = {each.key: each.value for each in tensor.external_data}
    location = where.get("location", "")
    plain = location == Path(location).name and location.isprintable() and "\\" not in location
    if folder is None or not plain or location in ("", ".", ".."):
        raise RefusedError(f"has weights {name!r} in another folder ({one_line(location, 60)!r})")
    path = folder / location
    if path.is_symlink() or not path.is_file():
        raise RefusedError(f"has weights in {one_line(location, 60)!r}, which is not beside it")
    numbers = [where.get("offset") or "0", where.get("length") or str(size)]
    if not all(each.isascii() and each.isdecimal() and len(each) < 16 for each in numbers):
        raise RefusedError(f"has weights {name!r} at an odd place in {one_line(location, 60)!r}")
    offset, length = (int(each) for each in numbers)
    if length != size or offset + length > path.stat().st_size:
        raise RefusedError(f"has weights {name!r} that are not as many as claimed")
    with path.open("rb") as file:
        file.seek(offset)
        data: bytes = file.read(length)
        return data
