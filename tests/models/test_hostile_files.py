"""Checkpoints are refused within a second, without running anything and without gigabytes, or they are tensors."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import time
import warnings
import zipfile
from collections import OrderedDict

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from napari_sr.architectures.espcn import ESPCN
from napari_sr.errors import ModelLoadError, ModelNotFoundError
from napari_sr.models import load_model
from napari_sr.models._files import LARGEST_FILE, SUFFIXES, read
from tests.models.hostile import zipped
from tests.models.test_hostile_programs import refused, written

SECONDS = 2.0
"""Of the processor for one refusal: most need milliseconds, and a machine that tests run on may be slow."""
GROWTH = 250 * 2**20
"""Bytes of memory for one refusal."""


@pytest.fixture
def canary(tmp_path):
    """A file that must not appear; ``touch(canary)`` as a shell command would make it."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


@pytest.fixture(autouse=True)
def bounded():
    """No test of this file takes long or much memory."""
    process = psutil.Process()
    started, before = time.process_time(), process.memory_info().rss
    yield
    assert time.process_time() - started < SECONDS
    assert process.memory_info().rss - before < GROWTH


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    """Any integer."""
    data = int(value).to_bytes(10, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def named(module, name):
    return f"c{module}\n{name}\n".encode()


def called(module, name, *arguments):
    return named(module, name) + b"(" + b"".join(arguments) + b"tR"


def tensor(
    size=(1,), stride=(1,), *, key="0", count=1, offset=0, kind="FloatStorage", rebuild=None
):
    """A tensor as `torch.save` pickles it, with any claims."""
    storage = (
        b"("
        + text("storage")
        + named("torch", kind)
        + text(key)
        + text("cpu")
        + number(count)
        + b"tQ"
    )
    numbers = [b"(" + b"".join(map(number, each)) + b"t" for each in (size, stride)]
    hooks = called("collections", "OrderedDict")
    arguments = (storage, number(offset), *numbers, b"\x89", hooks)
    return called("torch._utils", rebuild or "_rebuild_tensor_v2", *arguments)


def state_dict(**tensors):
    items = b"".join(text(name.replace("__", ".")) + each for name, each in tensors.items())
    return b"\x80\x02}(" + items + b"u."


def archive(pickled, numbers=b"\0\0\x80?", more=(), compression=zipfile.ZIP_STORED):
    entries = [
        ("archive/data.pkl", pickled),
        ("archive/version", b"3\n"),
        ("archive/data/0", numbers),
    ]
    return zipped([*entries, *more], compression)


def by_stack(module, name):
    """A name as protocol 4 writes it."""
    return (
        b"".join(b"\x8c" + bytes([len(each)]) + each.encode() for each in (module, name)) + b"\x93"
    )


def script(command):
    """Python source that runs a command."""
    return text(f"__import__('os').system({command!r})")


def words(command):
    return b"(](" + b"".join(map(text, command.split())) + b"et"


SYSTEM, POPEN = named("os", "system"), named("subprocess", "Popen")
SHELL = {
    "os.system": lambda touch: called("posix", "system", text(touch)),
    "os.system by the stack": lambda touch: by_stack("os", "system") + b"(" + text(touch) + b"tR",
    "dotted name": lambda touch: by_stack("torch", "serialization.os.system") + b"(" + text(touch) + b"tR",
    "popen": lambda touch: POPEN + words(touch) + b"\x81",
    "popen with keywords": lambda touch: POPEN + words(touch) + b"}\x92",
    "inst": lambda touch: b"(" + text(touch) + b"ios\nsystem\n",
    "obj": lambda touch: b"(" + SYSTEM + text(touch) + b"o",
    "eval": lambda touch: called("builtins", "eval", script(touch)),
    "eval of Python 2": lambda touch: called("__builtin__", "eval", script(touch)),
    "exec": lambda touch: called("builtins", "exec", script(touch)),
    "runpy": lambda touch: called("runpy", "_run_code", script(touch), b"}"),
    "import": lambda _: called("builtins", "__import__", text("antigravity")),
    "import alone": lambda _: named("antigravity", "x"),
    "getattr": lambda _: called("builtins", "getattr", named("os", "path"), text("join")),
    "partial": lambda touch: called("functools", "partial", SYSTEM, text(touch)) + b")R",
    "nested pickle": lambda touch: called("pickle", "loads", text(touch)),
    "torch's own loader": lambda touch: called("torch.serialization", "load", text(touch)),
    "torch's shell": lambda touch: called("torch.utils.collect_env", "run", text(touch)),
    "torch's source": lambda touch: called("torch.fx.graph_module", "_forward_from_src", script(touch), b"}"),
    "storage from bytes": lambda touch: called("torch.storage", "_load_from_bytes", text(touch)),
    "tensor type": lambda touch: called(
        "torch._tensor", "_rebuild_from_type_v2", SYSTEM, named("torch", "Tensor"), b"(" + text(touch) + b"t", b"N"
    ),
    "state of a tensor type": lambda _: named("torch", "Tensor") + b"}" + text("__setstate__") + SYSTEM + b"sb",
    "state of a dictionary": lambda touch: (
        called("collections", "OrderedDict") + b"}" + text("__setstate__") + SYSTEM + b"sb" + text(touch) + b"b"
    ),
    "extension": lambda _: b"\x82\x01",
    "numpy object": lambda _: called("numpy._core.multiarray", "_reconstruct", named("numpy", "ndarray"), b"K\0\x85"),
    "reconstructor": lambda _: called("copyreg", "_reconstructor", POPEN, named("builtins", "object"), b"N"),
    "storage of a function": lambda _: b"(" + text("storage") + SYSTEM + text("0") + text("cpu") + b"K\x01tQ",
    "named storage": lambda _: b"Pstorage\n",
    "script class": lambda _: named("__torch__.torch.classes.profiling", "SourceRef") + b")\x81",
    "call of a type of numbers": lambda _: named("torch", "float32") + b")R",
    "items of a tensor": lambda _: tensor() + b"(K\0K\1u",
    "items of a list": lambda _: b"](K\0K\1u",
    "elements of a dictionary": lambda _: b"}K\1a",
    "elements of a list": lambda _: b"](K\1\x90",
}  # fmt: skip
"""Parts of a pickle that call something, or do what only objects of other classes can; by what they use."""


@pytest.mark.parametrize("place", ["alone", "in a state dict", "legacy", "second part", "key"])
@pytest.mark.parametrize("how", SHELL)
def test_no_pickle_runs_anything(how, place, tmp_path, canary):
    """Each would touch the canary, or would not be what a checkpoint needs."""
    part = SHELL[how](f"touch {canary}")
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    data = {
        "alone": archive(b"\x80\x04" + part + b"."),
        "in a state dict": archive(b"\x80\x04}" + text("params") + part + b"s."),
        "legacy": magic + b"\x80\x04" + part + b".",
        "second part": magic + pickle.dumps({"little_endian": True}, 2) + b"\x80\x04" + part + b".",
        "key": archive(b"\x80\x04}" + part + b"K\1s."),
    }[place]
    refused(written(tmp_path / "evil.pth", data))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_under_no_suffix(suffix, tmp_path, canary):
    part = SHELL["os.system"](f"touch {canary}")
    for data in (archive(b"\x80\x02" + part + b"."), b"\x80\x02" + part + b"."):
        path = written(tmp_path / f"evil{suffix}", data)
        refused(path, "holds more than tensors .* not opened for safety")


class Trigger:
    """Runs a command where it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("how", ["zip", "legacy", "array", "npy", "npz", "tar", "gzip", "nested"])
def test_no_container_hides_code(how, tmp_path, canary):
    bad = Trigger(f"touch {canary}")
    path, file = tmp_path / "evil.pth", io.BytesIO()
    if how in ("zip", "legacy"):
        torch.save({"params": bad}, path, _use_new_zipfile_serialization=how == "zip")
    elif how == "array":
        torch.save({"a": np.array([bad], object)}, path)
    elif how == "npy":
        np.save(file, np.array([bad], object))
    elif how == "npz":
        np.savez(file, a=np.array([bad], object))
    elif how == "tar":
        with tarfile.open(fileobj=file, mode="w") as tar:
            data = pickle.dumps(bad)
            info = tarfile.TarInfo("pickle")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    elif how == "gzip":
        file.write(gzip.compress(pickle.dumps(bad)))
    else:
        inner = archive(pickle.dumps(bad, 2))
        file.write(
            archive(b"\x80\x02}.", more=[("archive/data/1", inner), ("archive/data.pkl2", inner)])
        )
    if file.getvalue():
        path.write_bytes(file.getvalue())
    refused(path)


@pytest.mark.parametrize(
    ("built", "message"),
    [
        (tensor((10**6, 10**6), (0, 0)), "more numbers than the file has"),
        (tensor((5000,), (0,)), "more numbers than the file has"),
        (tensor((4,), (1,)), "more numbers than the file has"),
        (tensor((1,), (1,), offset=10**6), "more numbers than the file has"),
        (tensor((25 * 10**9,), (1,), count=25 * 10**9), "not as many as claimed"),
        (tensor(count=2**61), "not as many as claimed"),
        (tensor(count=0), "not as many as claimed"),
        (tensor(key="99"), "missing"),
        (tensor(key="../../../etc/passwd"), "missing"),
        (tensor((-5,)), "-5 where a number of elements should be"),
        (tensor((1,), (-1,)), "-1 where"),
        (tensor(offset=-100), "-100 where"),
        (tensor((2**70,), (0,)), "where a number of elements should be"),
        (tensor(kind="QInt8Storage"), "more than tensors"),
        (called("torch._utils", "_rebuild_qtensor"), "more than tensors"),
        (called("torch._utils", "_rebuild_sparse_tensor"), "more than tensors"),
        (called("torch._utils", "_rebuild_meta_tensor_no_storage"), "more than tensors"),
        (called("torch", "float8_e4m3fn"), "more than tensors"),
        (called("builtins", "bytearray", number(8 * 10**9)), "more than tensors"),
        (called("torch", "Size", number(10**9)), "cannot be read"),
        (b"\x8b" + struct.pack("<i", 2**31 - 1) + b"x", "cannot be read"),
        (b"\x8e" + struct.pack("<Q", 2**60) + b"x", "cannot be read"),
        (b"\x8d" + struct.pack("<Q", 2**60) + b"x", "cannot be read"),
        (b"\x96" + struct.pack("<Q", 2**40) + b"x", "cannot be read"),
        (b"B" + struct.pack("<I", 2**32 - 1) + b"x", "cannot be read"),
        (b"\x95" + struct.pack("<Q", 2**62), "cannot be read"),
        (b"]r" + struct.pack("<I", 2**32 - 1), "no known architecture"),
        (b"\x80\xff", "cannot be read"),
        (b")" + b"\x85" * 2_000_000, "too many objects"),
        (b"]" * 100_000 + b"a" * 99_999, "no known architecture"),
        (b"}(" + b"".join(text(str(i)) + b"N" for i in range(10**6)) + b"u", "too many objects"),
        (b"(" * 10**6, "too many objects"),
        (b"0" * 10, "cannot be read"),
    ],
)
def test_claims_that_the_file_does_not_hold_are_refused(built, message, tmp_path):
    refused(written(tmp_path / "x.pth", archive(b"\x80\x02}" + text("a") + built + b"s.")), message)


def test_archives_that_unpack_to_gigabytes_are_refused(tmp_path):
    for name, pickled in (("pickle", b"N0" * 2**26 + b"."), ("numbers", state_dict(a=tensor()))):
        path = tmp_path / f"{name}.pth"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            file.writestr("a/data.pkl", b"\x80\x02" + pickled)
            with file.open("a/data/0", "w", force_zip64=True) as entry:
                for _ in range(64):
                    entry.write(bytes(2**20))
        refused(path, "that unpack to")


@pytest.mark.parametrize("legacy", [False, True])
def test_a_legacy_file_holds_what_it_claims(legacy, tmp_path):
    """The older format makes its tensors before it reads their numbers."""
    state = ESPCN(2, D=4, S=5).state_dict()
    path = tmp_path / "x.pth"
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    data = path.read_bytes()
    if not legacy:
        assert load_model(path, value_range=1).scales == (2,)
        return
    count = struct.pack("<q", state["net.0.weight"].numel())
    assert data.count(count) >= 1
    for lie in (0, -1, 10, 10**12):
        path.write_bytes(data.replace(count, struct.pack("<q", lie)))
        refused(path, "not as many as claimed|more numbers|missing|cannot be read")
    claimed = data.replace(b"K" + bytes([state["net.0.weight"].numel()]), b"J\xff\xff\xff\x7f")
    assert claimed != data
    refused(written(path, claimed), "more numbers|not as many|missing")


def test_circles_and_towers_of_wrappers_are_refused(tmp_path):
    itself = b"\x80\x02}q\0" + text("state_dict") + b"h\0s."
    tower = b"\x80\x02" + (b"}" + text("state_dict")) * 20_000 + b"}" + b"s" * 20_000 + b"."
    prefixes = state_dict(**{"module__" * 30_000 + "x": tensor()})
    for data in (itself, tower, prefixes):
        refused(written(tmp_path / "x.pth", archive(data)), "no known architecture")


def test_shared_objects_are_not_multiplied(tmp_path):
    """A tree of modules of which each has the next one twice has 2^40 leaves."""
    part = named("__torch__", "M") + b")\x81}" + text("t") + tensor() + b"sb"
    for _ in range(40):
        part = (
            named("__torch__", "M") + b")\x81}(" + text("a") + part + b"q\1" + text("b") + b"h\1ub"
        )
    parts = [("a/constants.pkl", b"\x80\x02)."), ("a/code/__torch__.py", b"")]
    data = zipped([("a/data.pkl", b"\x80\x02" + part + b"."), ("a/data/0", bytes(4)), *parts])
    refused(written(tmp_path / "x.pt", data), "is a program")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda x: x.to(torch.int8), "wrong type: net.0.weight is int8"),
        (lambda x: x.to(torch.bool), "wrong type"),
        (lambda x: x.to(torch.complex64), "wrong type"),
        (lambda x: x.to(torch.float8_e4m3fn), "not opened"),
        (lambda x: x.to_sparse(), "not opened"),
        (lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8), "not opened"),
        (lambda x: x * float("nan"), "NaN or infinite"),
        (lambda x: x / 0, "NaN or infinite"),
        (lambda x: x[:0], "wrong shape"),
        (lambda _: torch.tensor(1.0), "no known architecture"),
    ],
)
def test_weights_of_another_kind_are_refused(value, message, tmp_path):
    state = ESPCN(2, D=4, S=5).state_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state["net.0.weight"] = value(state["net.0.weight"])
        torch.save(state, tmp_path / "x.pth")
    refused(tmp_path / "x.pth", message)


class Odd(nn.Module):
    """Parameters of every type that networks have, views of one storage among them."""

    def __init__(self):
        super().__init__()
        self.short = nn.Parameter(torch.rand(3, 4).half())
        self.norm = nn.BatchNorm2d(3)
        whole = torch.rand(10, 10, dtype=torch.float64)
        self.register_buffer("part", whole[2:5, 1::2])
        self.register_buffer("turned", whole.T)
        self.register_buffer("repeated", torch.rand(1).expand(3, 3))
        self.register_buffer("empty", torch.zeros(0, 3))
        self.register_buffer("flags", torch.tensor([True, False]))
        self.register_buffer("brain", torch.rand(2).bfloat16())


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_pytorch_writes_is_read_as_pytorch_reads_it(legacy, protocol, tmp_path):
    network = Odd()
    optimizer = torch.optim.Adam([network.short])
    contents = {
        "state_dict": network.state_dict(),
        "whole": OrderedDict(network.named_parameters()),
        "optimizer": optimizer.state_dict(),
        "steps": [1, 2.5, None, True, "text ä", b"bytes", (3, 4), {5, 6}, 10**30, -7],
        "size": torch.zeros(2, 3).shape,
        "device": torch.device("cpu"),
        "type": torch.float32,
    }
    path = tmp_path / "x.ckpt"
    torch.save(contents, path, _use_new_zipfile_serialization=not legacy, pickle_protocol=protocol)
    found, expected = read(path).tensors, torch.load(path, weights_only=False)
    assert found.keys() == expected.keys()
    for part in ("state_dict", "whole"):
        assert found[part].keys() == expected[part].keys()
        for name, value in expected[part].items():
            assert found[part][name].dtype == value.dtype
            assert torch.equal(found[part][name], value)
    for part in ("optimizer", "steps", "type"):
        assert found[part] == expected[part]
    assert tuple(found["size"]) == (2, 3)


def header(table, data=b"", length=None):
    text_ = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(text_) if length is None else length) + text_ + data


def entry(shape=(1,), start=0, end=4, dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


@pytest.mark.parametrize(
    "data",
    [
        header({}, length=10**9),
        header({}, length=2**64 - 1),
        header(b""),
        header(b"{}" + b" " * (9 * 2**20)),
        header({"__metadata__": {"summary": "A" * (9 * 2**20)}}),
        header(b"{" + b'"a":{' * 100_000),
        header(b"{" + b",".join(b'"k%d":1' % i for i in range(10**6)) + b"}"),
        header({f"k{i}": entry() for i in range(10**5)}, bytes(4)),
        header({"x": entry((25 * 10**9,), 0, 10**11)}, bytes(800)),
        header({"x": entry((2**32, 2**32, 2**10))}, bytes(4)),
        header({"x": entry((100,))}, bytes(4)),
        header({"x": entry(start=-4, end=0)}, bytes(4)),
        header({"x": entry(start=4, end=0)}, bytes(4)),
        header({"x": entry((2,), 0, 8), "y": entry((2,), 4, 12)}, bytes(12)),
        header({"x": entry()}, bytes(400)),
        header({"x": entry(dtype="Q99")}, bytes(4)),
        header({"__metadata__": {"a": 1}}),
        header([]),
        b"1234567",
    ],
)  # fmt: skip
def test_safetensors_that_lie_are_refused(data, tmp_path):
    refused(written(tmp_path / "x.safetensors", data))


@pytest.mark.parametrize(
    "config",
    [
        {"scale": 20_000}, {"scale": 0}, {"scale": -2}, {"scale": 10**30}, {"scale": [2]}, {"scale": "2"},
        {"scale": None}, {"scale": 2.5}, {"scale": float("nan")}, {"scale": float("inf")}, {"scale": True},
        {"scale": 2, "blocks": 10**6}, {"scale": 2, "passes": 10**6}, {"scale": 2, "channels": 10**5},
        {"scale": 2, "blocks": 4000}, {"scale": 2, "channels": 4000}, {"scale": 2, "channels": 3000, "blocks": 3000},
        {"scale": 2, "in_channels": 40_000}, {"scale": 2, "self": 1}, {"scale": 2, "__class__": "x"},
        {"scale": 2, "attention": "\x1b[31m"},
    ],
)  # fmt: skip
def test_networks_that_are_larger_than_their_file_are_not_built(config, tmp_path):
    meta = {"architecture": "mspn", "config": json.dumps(config)}
    save_file({"a.weight": torch.zeros(4)}, tmp_path / "x.safetensors", meta)
    refused(tmp_path / "x.safetensors", "cannot be built with|does not fit")


@pytest.mark.parametrize(
    "meta",
    [
        {"architecture": "evil\x1b[31m"},
        {"architecture": "__import__"},
        {"architecture": "espcn", "config": "[" * 100_000},
        {"architecture": "espcn", "config": '{"scale": ' + "9" * 5000 + "}"},
        {"architecture": "espcn", "config": '["\\u001b[31m"]'},
    ],
)
def test_headers_that_are_no_description_are_refused(meta, tmp_path):
    save_file({"a.weight": torch.zeros(4)}, tmp_path / "x.safetensors", meta)
    refused(tmp_path / "x.safetensors")


def test_names_and_texts_of_a_file_are_printed_safely(tmp_path):
    evil = "evil\n\x1b[31mRED\x1b]0;title\x07" + "A" * 10**6
    line = refused(written(tmp_path / "x.pth", archive(state_dict(**{evil: tensor()}))), "RED")
    assert "\x1b" not in line
    network = ESPCN(2, D=4, S=5)
    meta = {"architecture": "espcn", "config": '{"scale": 2, "D": 4, "S": 5}', "value_range": "1"}
    told = {
        "summary": evil,
        "license": evil,
        "source": "javascript:alert(1)\n",
        "training_data": evil,
    }
    save_file(network.state_dict(), tmp_path / "y.safetensors", {**meta, **told})
    card = load_model(tmp_path / "y.safetensors").card
    for value in (card.summary, card.license, card.source, card.training_data, card.title, card.id):
        assert value.isprintable()
        assert len(value) <= 500
    with pytest.raises(ModelLoadError) as caught:
        load_model(written(tmp_path / "evil\n\x1b[31m.pth", b"x"))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<!DOCTYPE html><html>login", "web page"),
        (b"\n <html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"hello world\n" * 10, "truncated or damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "truncated or damaged"),
        (b"", "truncated or damaged"),
        (b"\x80", "truncated or damaged"),
        (os.urandom(10_000), "truncated or damaged"),
    ],
    ids=["page", "page after a line", "pointer", "text", "png", "empty", "byte", "random"],
)
def test_files_that_are_something_else_say_so(data, message, tmp_path):
    refused(written(tmp_path / "x.pth", data), message)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".onnx"])
def test_pipes_devices_and_folders_are_no_files(suffix, tmp_path):
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"folder{suffix}").mkdir()
    (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
    (tmp_path / f"loop{suffix}").symlink_to(tmp_path / f"loop{suffix}")
    for name in ("pipe", "folder", "zero", "loop", "none"):
        with pytest.raises(ModelNotFoundError, match="no such file"):
            load_model(tmp_path / f"{name}{suffix}")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".onnx", ".pt"])
@pytest.mark.parametrize("head", [b"", b"\x08\x08:", b"\x80\x02", b"PK\x03\x04", header({})])
def test_files_of_100_gigabytes_are_not_read(suffix, head, tmp_path):
    path = written(tmp_path / f"large{suffix}", head)
    os.truncate(path, 100 * 10**9)
    assert LARGEST_FILE < 100 * 10**9
    refused(path, "is larger than 2.0 GiB")


def test_a_constructor_that_fails_in_any_way_is_one_line(tmp_path, monkeypatch):
    """What nobody foresaw is still an error about that file."""

    def failing(*_, **__):
        raise ZeroDivisionError("one\ntwo \x1b[31m")

    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    for place in ("napari_sr.models._load.assemble", "napari_sr.architectures.registry.detect"):
        monkeypatch.setattr(place, failing)
        refused(tmp_path / "x.safetensors", r"cannot be loaded \(ZeroDivisionError: one\)")
