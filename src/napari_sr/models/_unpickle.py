"""Pickles of PyTorch, read as tensors: nothing that a file names is imported or called.

`torch.load` with ``weights_only`` runs no code either, but it allocates what a file claims to need (a checkpoint of 400
bytes can ask for gigabytes), and defects in it were found before (CVE-2025-32434, CVE-2026-24747). Here a pickle can
only name the few functions that rebuild tensors, each of which is replaced by one of this module, and a tensor is
made only if the file holds its numbers.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import torch
from torch import Tensor

from napari_sr.models._archive import MoreThanTensorsError

if TYPE_CHECKING:
    from napari_sr.models._archive import Archive

__all__ = ["check_script_pickles", "read_archive", "read_legacy", "read_script_tensors"]

_MOST_STEPS = 400_000
"""Reads of a pickle, about two for each object in it, which take less than a second. A training checkpoint of the
largest published networks, with the state of the optimizer, needs some 100,000."""
_MOST_PICKLE = 64 * 2**20
"""Bytes of ``data.pkl``, which has some 200 for each tensor."""
_FREE_EXPANSION = 4096
"""Elements that a tensor may have although its storage has fewer, as an expanded constant has."""
_MOST_TENSORS = 50_000
"""Tensors of a program. As for the entries of an archive, the largest published networks have some thousands."""

_LEGACY_MAGIC, _LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""What a file begins with that PyTorch before 1.6 wrote."""

_DTYPES = {
    name: getattr(torch, name)
    for name in (
        "float64", "float32", "float16", "bfloat16", "complex128", "complex64",
        "int64", "int32", "int16", "int8", "uint8", "bool",
    )
}  # fmt: skip
_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "ComplexDoubleStorage": torch.complex128,
    "ComplexFloatStorage": torch.complex64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}


def read_archive(archive: Archive) -> Any:
    """What `torch.save` wrote, from the archive that PyTorch writes since 1.6.

    Parameters
    ----------
    archive : Archive
        With the entry ``data.pkl``.

    Raises
    ------
    MoreThanTensorsError
        If the pickle would call something.
    ValueError
        If a tensor claims more numbers than the archive has, or is of a kind that is not read (sparse, quantized).
    Exception
        Of any other type if the pickle is damaged.
    """
    return _read_entry(archive, "data", scripts=False)


def read_script_tensors(archive: Archive) -> dict[str, Tensor]:
    """Tensors of a TorchScript archive, as the network's ``state_dict()`` would name them.

    The program is not looked at. Raises as `read_archive`.
    """
    tensors: dict[str, Tensor] = {}
    waiting = [("", _read_entry(archive, "data", scripts=True))]
    while waiting:
        prefix, holder = waiting.pop()
        if not isinstance(holder, _ScriptObject) or not isinstance(holder.state, Mapping):
            raise ValueError("its data are not modules with tensors")
        for name, value in holder.state.items():
            if isinstance(value, Tensor):
                tensors[f"{prefix}{name}"] = value
            elif isinstance(value, _ScriptObject):
                waiting.append((f"{prefix}{name}.", value))
        if len(tensors) + len(waiting) > _MOST_TENSORS or len(prefix) > 10_000:
            raise ValueError(f"more than {_MOST_TENSORS:,} tensors")
    return tensors


def check_script_pickles(archive: Archive) -> None:
    """See that the pickles of a TorchScript archive hold nothing but tensors, numbers and objects of its own classes.

    Raises as `read_archive`.
    """
    for name in ("data", "constants"):
        _read_entry(archive, name, scripts=True)


def read_legacy(file: BinaryIO) -> Any:
    """What `torch.save` wrote before PyTorch 1.6; raises as `read_archive`."""
    stream = _Counted(file)
    if _Reader(stream).load() != _LEGACY_MAGIC or _Reader(stream).load() != _LEGACY_PROTOCOL:
        raise ValueError("not a file of PyTorch")
    if _Reader(stream).load().get("little_endian") is not True:
        raise ValueError("big-endian numbers")
    start = file.tell()
    # the numbers come after the object that uses them: the first reading finds out how many there are
    finding = _Reader(stream, storages=_Claims())
    finding.load()
    keys = _Reader(stream).load()
    held = _Held({key: _legacy_storage(file, finding.storages, key) for key in keys})
    file.seek(start)
    return _Reader(stream, storages=held).load()


def _read_entry(archive: Archive, name: str, *, scripts: bool) -> Any:
    """Object in ``NAME.pkl``, whose tensors lie in the folder ``NAME``."""
    if "byteorder" in archive and archive.read("byteorder", 16).strip() != b"little":
        raise ValueError("big-endian numbers")
    data = io.BytesIO(archive.read(f"{name}.pkl", _MOST_PICKLE))
    storages = _Entries(archive, name)
    return _Reader(_Counted(data), storages=storages, scripts=scripts).load()


class _Storages:
    """Where the numbers of tensors are found; this one has none."""

    def get(self, key: str, dtype: torch.dtype, count: int) -> bytearray | None:
        """Bytes of a storage; None where they are not known yet."""
        raise ValueError("numbers where none should be")


@dataclass(frozen=True, slots=True)
class _Entries(_Storages):
    """Storages in an archive."""

    archive: Archive
    folder: str
    known: dict[str, bytearray] = field(default_factory=dict)

    def get(self, key: str, dtype: torch.dtype, count: int) -> bytearray:
        name = f"{self.folder}/{key}"
        if name not in self.archive or self.archive.size(name) != count * dtype.itemsize:
            raise ValueError(f"the numbers {key[:40]!r} are missing or not as many as claimed")
        if key not in self.known:
            self.known[key] = bytearray(self.archive.read(name))
        return self.known[key]


@dataclass(frozen=True, slots=True)
class _Claims(_Storages):
    """Sizes that are asked for, while the numbers are not there yet."""

    sizes: dict[str, tuple[torch.dtype, int]] = field(default_factory=dict)

    def get(self, key: str, dtype: torch.dtype, count: int) -> None:
        if self.sizes.setdefault(key, (dtype, count)) != (dtype, count):
            raise ValueError(f"the numbers {key[:40]!r} have two sizes")


@dataclass(frozen=True, slots=True)
class _Held(_Storages):
    """Storages in memory."""

    data: dict[str, bytearray]

    def get(self, key: str, dtype: torch.dtype, count: int) -> bytearray:
        return self.data[key]


def _legacy_storage(file: BinaryIO, claims: Any, key: str) -> bytearray:
    dtype, expected = claims.sizes[key]
    (count,) = struct.unpack("<q", file.read(8))
    if count != expected:
        raise ValueError(f"the numbers {key[:40]!r} are not as many as claimed")
    here = file.tell()
    if count * dtype.itemsize > file.seek(0, io.SEEK_END) - here:
        raise ValueError(f"the numbers {key[:40]!r} are missing")
    file.seek(here)
    return bytearray(file.read(count * dtype.itemsize))


class _Counted:
    """A file from which a pickle can be read for a limited time.

    Parameters
    ----------
    file : binary file
        At the pickle.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _MOST_STEPS

    def read(self, size: int) -> bytes:
        """As a file's."""
        self._count()
        if size > _MOST_PICKLE:
            raise ValueError("an object larger than any of a checkpoint")
        return self._file.read(size)

    def readline(self) -> bytes:
        """As a file's."""
        self._count()
        return self._file.readline()

    def readinto(self, buffer: Any) -> int:
        """As a file's."""
        raise ValueError("holds a bytearray, which no checkpoint needs")

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError("too many objects")


@dataclass(frozen=True, slots=True)
class _Function:
    """What may be called in place of the function that a pickle names."""

    call: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class _ScriptClass:
    """A class of a TorchScript program; only its name is known."""

    name: str


@dataclass(slots=True)
class _ScriptObject:
    """An object of a TorchScript program, without its methods."""

    state: Any = None


@dataclass(frozen=True, slots=True)
class _Storage:
    """Numbers of a tensor; without `data`, tensors are not made."""

    dtype: torch.dtype
    data: bytearray | None
    start: int = 0
    """First element that is used."""
    count: int = 0


_Unpickler: Any = pickle._Unpickler
"""The one in Python: the one in C cannot be restricted to some opcodes."""


class _Reader(_Unpickler):  # type: ignore[misc]  # not annotated
    """Reads a pickle in which only tensors and plain containers can be made.

    Parameters
    ----------
    file : _Counted
        At the pickle; it is read no further than to its end.
    storages : _Storages
        Where the numbers are.
    scripts : bool
        Whether objects of TorchScript classes are read, as bare containers.
    """

    def __init__(
        self, file: _Counted, storages: _Storages | None = None, *, scripts: bool = False
    ) -> None:
        # errors of the encoding: text of Python 2 in any encoding is no reason to refuse the tensors
        super().__init__(file, encoding="utf-8", errors="replace")
        self.storages = storages or _Storages()
        self.scripts = scripts

    def load(self) -> Any:
        """The object that was pickled."""
        try:
            return super().load()
        except KeyError as error:
            raise ValueError(f"not a pickle of a checkpoint ({error})") from error

    def find_class(self, module: str, name: str) -> Any:
        """Stand-in for what a pickle names; nothing is imported."""
        found = _KNOWN.get(f"{module}.{name}")
        if found is None and self.scripts:
            if (module + ".").startswith("__torch__.") and not module.startswith(
                "__torch__.torch.classes"
            ):
                return _ScriptClass(f"{module}.{name}")
            found = _SCRIPT_FUNCTIONS.get(f"{module}.{name}")
        if found is None:
            raise MoreThanTensorsError(f"{module}.{name}"[:100])
        return found

    def persistent_load(self, pid: Any) -> _Storage:
        """Numbers of a tensor."""
        match pid:
            case ("storage", torch.dtype() as dtype, str(key), str(), int(count), *view):
                pass
            case _:
                raise MoreThanTensorsError("persistent object")
        if count < 0:
            raise ValueError("a negative number of elements")
        data = self.storages.get(key, dtype, count)
        if view and view[0] is not None:
            (_, start, count) = view[0]
            return _Storage(dtype, data, _natural(start), _natural(count))
        return _Storage(dtype, data, 0, count)

    def _reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if not isinstance(function, _Function) or not isinstance(arguments, tuple):
            raise MoreThanTensorsError("call of an object")
        self.stack[-1] = function.call(*arguments)

    def _new_object(self) -> None:
        self.stack.pop()
        if not isinstance(self.stack[-1], _ScriptClass):
            raise MoreThanTensorsError("new object")
        self.stack[-1] = _ScriptObject()

    def _build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, _ScriptObject):
            target.state = state
        elif not isinstance(target, (OrderedDict, Tensor)):
            # what a state dict or a tensor has beside its numbers is not needed
            raise MoreThanTensorsError("state of an object")

    def _set_items(self) -> None:
        items = self.pop_mark()
        self._set(items)

    def _set_item(self) -> None:
        value = self.stack.pop()
        self._set([self.stack.pop(), value])

    def _set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise MoreThanTensorsError("items of an object")
        target.update(zip(items[::2], items[1::2], strict=True))

    def _append_all(self) -> None:
        items = self.pop_mark()
        self._extend(items)

    def _append(self) -> None:
        self._extend([self.stack.pop()])

    def _extend(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise MoreThanTensorsError("items of an object")
        self.stack[-1].extend(items)

    def _add_all(self) -> None:
        items = self.pop_mark()
        if not isinstance(self.stack[-1], set):
            raise MoreThanTensorsError("items of an object")
        self.stack[-1].update(items)

    dispatch = {
        code[0]: _Unpickler.dispatch[code[0]]
        for code in (
            pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.POP, pickle.POP_MARK, pickle.DUP,
            pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.INT, pickle.BININT, pickle.BININT1,
            pickle.BININT2, pickle.LONG, pickle.LONG1, pickle.FLOAT, pickle.BINFLOAT,
            pickle.STRING, pickle.BINSTRING, pickle.SHORT_BINSTRING, pickle.BINBYTES, pickle.SHORT_BINBYTES,
            pickle.UNICODE, pickle.BINUNICODE, pickle.SHORT_BINUNICODE,
            pickle.TUPLE, pickle.EMPTY_TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3,
            pickle.LIST, pickle.EMPTY_LIST, pickle.DICT, pickle.EMPTY_DICT, pickle.EMPTY_SET, pickle.FROZENSET,
            pickle.GET, pickle.BINGET, pickle.LONG_BINGET, pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT,
            pickle.MEMOIZE, pickle.GLOBAL, pickle.STACK_GLOBAL, pickle.BINPERSID,
        )
    } | {
        pickle.REDUCE[0]: _reduce,
        pickle.NEWOBJ[0]: _new_object,
        pickle.BUILD[0]: _build,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
        pickle.APPEND[0]: _append,
        pickle.APPENDS[0]: _append_all,
        pickle.ADDITEMS[0]: _add_all,
    }  # fmt: skip
    """By opcode; the others build objects of any class, or have no place in a checkpoint."""


def _natural(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**62:
        raise ValueError(f"{str(value)[:40]} where a number of elements should be")
    return value


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor | None:
    """A tensor that lies in a storage, if all of it does."""
    if not isinstance(storage, _Storage):
        raise MoreThanTensorsError("tensor of an object")
    return _view(storage, storage.dtype, offset, size, stride)


def _typed_tensor(
    storage: Any, offset: Any, size: Any, stride: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any
) -> Tensor | None:
    if not isinstance(storage, _Storage) or not isinstance(dtype, torch.dtype):
        raise MoreThanTensorsError("tensor of an object")
    count = storage.count * storage.dtype.itemsize // dtype.itemsize
    return _view(_Storage(dtype, storage.data, 0, count), dtype, offset, size, stride)


def _view(
    storage: _Storage, dtype: torch.dtype, offset: Any, size: Any, stride: Any
) -> Tensor | None:
    sides = [_natural(each) for each in size]
    steps = [_natural(each) for each in stride]
    count, first = math.prod(sides), _natural(offset)
    if count:
        last = first + sum((n - 1) * step for n, step in zip(sides, steps, strict=True))
        if last >= storage.count or count > max(storage.count, _FREE_EXPANSION):
            raise ValueError("a tensor claims more numbers than the file has")
    if storage.data is None:
        return None
    if not count or len(sides) > 8:
        return torch.empty(sides, dtype=dtype)
    numbers = torch.frombuffer(
        storage.data, dtype=dtype, count=storage.count, offset=storage.start * dtype.itemsize
    )
    return numbers.as_strided(sides, steps, first)


def _of_type(function: Any, _type: Any, arguments: Any, *_: Any) -> Any:
    """A tensor with attributes of its own, which are left out."""
    if not isinstance(function, _Function) or not isinstance(arguments, tuple):
        raise MoreThanTensorsError("call of an object")
    return function.call(*arguments)


def _first(data: Any = None, *_: Any) -> Any:
    return data


def _encoded(text: Any, *_: Any) -> bytes:
    """Bytes, as pickles of an old protocol write them."""
    return str(text).encode("latin-1")


_KNOWN: dict[str, Any] = {
    "collections.OrderedDict": _Function(OrderedDict),
    "collections.Counter": _Function(Counter),
    "builtins.set": _Function(set),
    "__builtin__.set": _Function(set),
    "_codecs.encode": _Function(_encoded),
    "torch.Size": _Function(tuple),
    "torch.device": _Function(_first),
    "torch.Tensor": _Function(_first),
    "torch.nn.parameter.Parameter": _Function(_first),
    "torch._utils._rebuild_tensor": _Function(_tensor),
    "torch._utils._rebuild_tensor_v2": _Function(_tensor),
    "torch._utils._rebuild_tensor_v3": _Function(_typed_tensor),
    "torch._utils._rebuild_parameter": _Function(_first),
    "torch._utils._rebuild_parameter_with_state": _Function(_first),
    "torch._tensor._rebuild_from_type_v2": _Function(_of_type),
    **{f"torch.{name}": dtype for name, dtype in _DTYPES.items()},
    **{
        f"torch.{where}{name}": dtype
        for name, dtype in _STORAGES.items()
        for where in ("", "cuda.", "storage.")
    },
}
"""What a checkpoint may name. A class of storages is known by the type of its numbers."""

_SCRIPT_FUNCTIONS = {
    f"torch.jit._pickle.{name}": _Function(_first)
    for name in (
        "build_intlist", "build_tensorlist", "build_doublelist", "build_boollist", "restore_type_tag",
    )
}  # fmt: skip
"""What TorchScript's pickles name beside."""
