"""No program from a file runs unless the user agreed to it, and none that is run reaches files."""

from __future__ import annotations

import io
import zipfile
from functools import partial

import pytest
import torch
from torch import nn

from napari_sr import upscale
from napari_sr.architectures import registry
from napari_sr.errors import ModelLoadError, UntrustedProgramError
from napari_sr.models import import_model, list_models, load_model, remove_model
from napari_sr.models._archive import Archive, ArchiveError
from napari_sr.models._catalog import user_catalog
from napari_sr.models._torchscript import (
    read_tensors,
    read_torchscript,
    silence_torchscript_warnings,
)
from napari_sr.models.export import export_model
from tests.models import hostile
from tests.models.exporting import small_model
from tests.models.test_external import graph

SUFFIXES = [".pt", ".ts", ".pth", ".ckpt", ".bin", ".model", ".onnx", ".safetensors", ".PT"]


def refused(path, message=".", *, kind=ModelLoadError, **options):
    """See that a file is refused in one printable line that begins with its name, and give the line."""
    with pytest.raises(kind, match=message) as caught:
        load_model(path, **options)
    line = str(caught.value)
    assert line.startswith(path.name)
    assert line.isprintable()
    assert len(line) < 400
    return line


def written(path, data):
    path.write_bytes(data)
    return path


@pytest.fixture
def canary(tmp_path):
    """A file that must not appear."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


class TestWithoutAgreement:
    """Nothing of a program is run, compiled or looked at."""

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_a_torchscript_program_is_refused_under_any_suffix(self, suffix, tmp_path):
        path = written(tmp_path / f"theirs{suffix}", hostile.script(hostile.ENLARGE))
        line = refused(path, kind=UntrustedProgramError)
        for advice in ("TorchScript", "state_dict()", "trust_program=True", "--trust-program"):
            assert advice in line

    @pytest.mark.parametrize("suffix", [".onnx", ".pth", ".bin", ".safetensors"])
    def test_an_onnx_program_is_refused_under_any_suffix(self, suffix, tmp_path):
        path = graph(tmp_path / "theirs.onnx").rename(tmp_path / f"theirs{suffix}")
        assert "ONNX" in refused(path, kind=UntrustedProgramError)

    def test_pytorch_and_onnxruntime_never_see_the_file(self, tmp_path, monkeypatch):
        def opened(*_, **__):
            raise AssertionError("the program was opened")

        monkeypatch.setattr(torch.jit, "load", opened)
        monkeypatch.setattr("onnxruntime.InferenceSession", opened)
        script = written(tmp_path / "a.pt", hostile.script(hostile.ENLARGE))
        for path in (script, graph(tmp_path / "a.onnx")):
            refused(path, kind=UntrustedProgramError)
            with pytest.raises(UntrustedProgramError):
                import_model(path)
            with pytest.raises(UntrustedProgramError):
                upscale(torch.zeros(8, 8).numpy(), 2, str(path))

    @pytest.mark.parametrize(
        "make", [hostile.renamed_source, hostile.twice, hostile.two_directories, bytes],
        ids=["PY", "twice", "two directories", "plain"],
    )  # fmt: skip
    def test_a_program_that_writes_files_does_not_run(self, make, tmp_path, canary):
        refused(written(tmp_path / "evil.pt", make(hostile.saving(canary))))


class TestTensorsOfPrograms:
    """Tensors that fit a known architecture need no program."""

    @pytest.mark.parametrize(
        "architecture",
        [each for each in registry.architectures() if each.id != "bicubic"],
        ids=lambda each: each.id,
    )
    def test_an_exported_network_is_rebuilt_as_from_its_state_dict(
        self, architecture, tmp_path, monkeypatch
    ):
        model = small_model(architecture, 2)
        export_model(model, tmp_path / "mine.pt", license="MIT")
        torch.save(model.network(model.scales[0]).state_dict(), tmp_path / "mine.pth")
        monkeypatch.delattr(torch.jit, "load")
        again = load_model(tmp_path / "mine.pt")
        plain = load_model(tmp_path / "mine.pth", value_range=model.card.value_range)
        assert (again.scales, again.card.license) == (plain.scales, "MIT")
        assert again.card.value_range == plain.card.value_range
        assert not again.card.is_program
        network, expected = (each.network(plain.scales[0]) for each in (again, plain))
        assert type(network) is type(expected)
        x = torch.rand(1, expected.in_channels, 24, 28) * model.card.value_range
        with torch.inference_mode():
            assert torch.equal(network(x), expected(x))

    def test_the_program_itself_is_never_compiled(self, tmp_path, canary):
        """The tensors of a known network, and a program that writes a file beside them."""
        network = small_model(registry.get("ecbsr-plain"), 2).network(2)

        class Evil(type(network)):
            pass

        network.__class__ = Evil
        with silence_torchscript_warnings():
            program = torch.jit.trace(network, torch.rand(1, 1, 16, 16))
            file = io.BytesIO()
            torch.jit.save(program, file)
        parts = [
            (
                name,
                part.replace(b"  def forward(", b"  def other(") if name.endswith(".py") else part,
            )
            for name, part in hostile.entries(file.getvalue())
        ]
        top = next(i for i, (name, _) in enumerate(parts) if b"class Evil" in parts[i][1] and name)
        name, source = parts[top]
        evil = f'  def __setstate__(self, s: int) -> NoneType:\n    torch.save(s, "{canary}")\n'
        parts[top] = (name, source + evil.encode())
        loaded = load_model(written(tmp_path / "evil.pt", hostile.zipped(parts)), value_range=1)
        assert not loaded.card.is_program
        assert loaded.network(2)

    def test_shared_and_nested_modules_keep_their_names(self, tmp_path):
        class Inner(nn.Module):
            def __init__(self):
                super().__init__()
                self.list = nn.ModuleList([nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)])

            def forward(self, x):
                for each in self.list:
                    x = each(x)
                return x

        network = nn.Sequential(Inner(), nn.Conv2d(2, 1, 1)).eval()
        with silence_torchscript_warnings():
            torch.jit.save(torch.jit.script(network), str(tmp_path / "net.pt"))
        tensors, _ = read_tensors(tmp_path / "net.pt")
        assert tensors.keys() == network.state_dict().keys()
        assert all(
            torch.equal(tensors[name], value) for name, value in network.state_dict().items()
        )


class TestAgreement:
    """The agreement is for one file, by its SHA-256."""

    def test_an_imported_program_needs_no_second_agreement(self, tmp_path):
        path = written(tmp_path / "theirs.pt", hostile.script(hostile.ENLARGE))
        card = import_model(path, value_range=1, trust_program=True)
        assert card.is_program
        assert load_model(card.id).network(2)
        assert upscale(torch.zeros(8, 9).numpy(), 2, card.id).shape == (16, 18)
        # the same file elsewhere, under another name and suffix
        copied = written(tmp_path / "copy.bin", path.read_bytes())
        assert load_model(copied).card.id == card.id

    def test_another_file_under_the_same_name_is_refused(self, tmp_path):
        path = written(tmp_path / "theirs.pt", hostile.script(hostile.ENLARGE))
        import_model(path, value_range=1, trust_program=True)
        written(path, hostile.script(f"y = x + 1\n{hostile.ENLARGE}"))
        refused(path, kind=UntrustedProgramError)
        stored = user_catalog().parent / "theirs-x2.pt"
        written(stored, path.read_bytes())
        with pytest.raises(ModelLoadError, match="wrong SHA-256"):
            load_model("theirs").network(2)

    def test_a_catalog_without_the_agreement_does_not_run_the_program(self, tmp_path):
        path = written(tmp_path / "theirs.pt", hostile.script(hostile.ENLARGE))
        import_model(path, value_range=1, trust_program=True)
        catalog = user_catalog()
        text = catalog.read_text(encoding="utf-8")
        assert "trusted_program = true" in text
        catalog.write_text(text.replace("trusted_program = true", ""), encoding="utf-8")
        with pytest.raises(UntrustedProgramError, match="napari-sr models remove theirs"):
            load_model("theirs").network(2)
        refused(path, kind=UntrustedProgramError)
        # agreeing again, to the same file, mends it
        import_model(path, value_range=1, trust_program=True)
        assert load_model("theirs").network(2)

    def test_tensors_and_program_of_one_file_are_two_models(self, tmp_path):
        export_model(small_model(registry.get("ecbsr"), 2), tmp_path / "mine.pt")
        card = import_model(tmp_path / "mine.pt")
        assert not card.is_program
        assert load_model(tmp_path / "mine.pt", trust_program=True).card.is_program
        with pytest.raises(ValueError, match=f"already as {card.id}, without its program"):
            import_model(tmp_path / "mine.pt", trust_program=True)
        remove_model(card.id)
        assert import_model(tmp_path / "mine.pt", trust_program=True).is_program
        assert list_models()[-1].checkpoints[0].trusted_program


run = partial(load_model, value_range=1, trust_program=True)


class TestTrustedPrograms:
    """A trusted program may compute, and nothing else."""

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (bytes, r"torch\.save"),
            (hostile.renamed_source, r"torch\.save|source with the name"),
            (partial(hostile.renamed_source, suffix=".txt"), "source with the name"),
            (hostile.twice, "two entries with the name"),
            (hostile.two_directories, "several directories"),
            (lambda data: b"MZ" + data, "not a file of|bytes before"),
            (lambda data: data + b"more", "no end of the archive"),
        ],
        ids=["plain", "PY", "txt", "twice", "two directories", "prefixed", "trailing"],
    )
    def test_no_disguise_lets_a_program_write_files(self, make, message, tmp_path, canary):
        path = written(tmp_path / "evil.pt", make(hostile.saving(canary)))
        refused(path, message, trust_program=True)

    @pytest.mark.parametrize(
        "body",
        [
            'torch.from_file("/etc/passwd", False, 10, dtype=0)',
            'ops.aten.save(x, "canary")',
            'ops.image.write_file("canary", x)',
            'y = ops.image.read_file("/etc/passwd")',
            'ops.debugprims.load_tensor("canary", [1], [1])',
            'x.save("canary")',
            '(x).save("canary", )',
            'getattr(x, "save")("canary")',
            'f = torch.save\nf(x, "canary")',
            'f = x.save\nf("canary")',
            't = torch\nt.save(x, "canary")',
            'o = ops.aten\no.save(x, "canary")',
            '_0 = __torch__.f\n_0 = torch.save\n_0(x, "canary")',
            'torch.autograd.save(x, "canary")',
            'print("\\x1b[31mflood")',
            "torch.set_grad_enabled(True)",
            "torch.manual_seed(1)",
            'ops.prim.rpc_sync("worker", "f", [x])',
            "fork(self.forward, x)",
            'CONSTANTS.save(x, "canary")',
            '[torch.save][0](x, "canary")',
            'for f in [torch.save]:\n  f(x, "canary")',
            'y = [torch.save(i, "canary") for i in [x]]',
            '(lambda: torch.save(x, "canary"))()',
            "import os",
            'if torch.save(x, "canary") is None:\n  pass',
            'y = {"a": torch.save(x, "canary")}',
            'y = f"{torch.save(x)}"',
            "y = __torch__.torch.classes.profiling.SourceRef()",
            "try:\n  pass\nfinally:\n  pass",
            "with x:\n  pass",
            "global x",
        ],
    )
    def test_source_that_names_anything_else_is_refused(self, body, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        source = hostile.own_class(f"{body}\n{hostile.ENLARGE}")
        refused(
            written(tmp_path / "evil.pt", hostile.with_source(source)),
            "which is not allowed; not opened",
            trust_program=True,
        )
        assert [each.name for each in tmp_path.iterdir()] == ["evil.pt"]

    @pytest.mark.parametrize(
        "more",
        [
            "  def __setstate__(self: __torch__.Own, s: int) -> NoneType:\n    return None\n",
            "  def save(self: __torch__.Own) -> NoneType:\n    return (self).save()\n",
            "  @torch.save\n  def other(self) -> int:\n    return 1\n",
            "  hook = torch.save\n",
            '  """text"""\n',
            "torch.save(1)\n",
            "x = 1\n",
            "import torch\n",
            "from os import system\n",
            "async def f(x):\n  return x\n",
            "@torch.save\ndef f(x):\n  return x\n",
            "def f(x):\n  def g(x):\n    return x\n  return x\n",
            "class Other(torch.save):\n  pass\n",
            "class Other(Module, metaclass=type):\n  pass\n",
            "class Other(Interface):\n  pass\n",
        ],
    )
    def test_nothing_runs_while_a_program_is_opened(self, more, tmp_path):
        source = hostile.own_class(hostile.ENLARGE, more)
        refused(
            written(tmp_path / "evil.pt", hostile.with_source(source)),
            "not allowed; not opened",
            trust_program=True,
        )

    def test_source_of_ones_own_is_what_pytorch_compiles(self, tmp_path):
        """The cases above would prove nothing if their harmless twin were refused, too."""
        path = written(
            tmp_path / "good.pt", hostile.with_source(hostile.own_class(hostile.ENLARGE))
        )
        x = torch.rand(1, 3, 4, 5)
        assert torch.equal(
            run(path).network(2)(x), x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        )

    @pytest.mark.parametrize(
        "source",
        [
            b"# -*- coding: utf-7 -*-\n+AHQAbwByAGMAaA-.save",
            b"\xff\xfe",
            b"\0",
            b"(" * 5000,
            b"x = " + b"-" * 100_000 + b"1",
            b"x = " + b"a." * 50_000 + b"b",
        ],
        ids=["coding", "not text", "zero", "deep", "signs", "attributes"],
    )
    def test_odd_source_is_refused(self, source, tmp_path):
        parts = [
            (name, source if name.endswith(".py") else part)
            for name, part in hostile.entries(hostile.script(hostile.ENLARGE))
        ]
        path = written(tmp_path / "evil.pt", hostile.zipped(parts))
        refused(path, "not allowed; not opened", trust_program=True)

    @pytest.mark.parametrize(
        "change",
        [
            lambda data: data.replace(b"__torch__\n", b"__torch__.torch.classes.profiling\n", 1),
            lambda _: b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.",
            lambda _: b"\x80\x02cbuiltins\nbytearray\nJ\0\0\0\x7f\x85R.",
        ],
        ids=["C++ class", "code", "bytearray"],
    )
    @pytest.mark.parametrize("entry", ["data.pkl", "constants.pkl"])
    def test_pickles_of_a_program_hold_its_own_data_only(self, change, entry, tmp_path):
        parts = hostile.entries(hostile.script(hostile.ENLARGE))
        data = next(part for name, part in parts if name.endswith("/data.pkl"))
        changed = [
            (name, change(data) if name.endswith("/" + entry) else part) for name, part in parts
        ]
        path = written(tmp_path / "evil.pt", hostile.zipped(changed))
        refused(path, "data other than tensors", trust_program=True)

    def test_text_in_source_is_kept_and_control_characters_are_not(self, tmp_path):
        text = '"a\\n\x1b[31m\\"b\\""'
        body = f"if torch.lt(int(torch.sum(x)), 0):\n  ops.prim.RaiseException({text})\n"
        body = f"{body}else:\n  pass\n{hostile.ENLARGE}"
        source = hostile.own_class(body)
        path = written(tmp_path / "a.pt", hostile.with_source(source))
        program = read_torchscript(path)
        with pytest.raises(torch.jit.Error, match=r'a  \[31m"b"'):
            program(-torch.ones(1, 1, 2, 2))


class TestPlainPrograms:
    """What PyTorch itself writes passes the checks, and computes what it did before."""

    class Layers(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.GELU())
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.norm = nn.LayerNorm(8)
            self.blocks = nn.ModuleList([nn.Conv2d(8, 8, 1), nn.PReLU(), nn.Hardswish()])
            self.up = nn.Upsample(scale_factor=2, mode="bicubic", align_corners=False)
            self.lower = nn.ConvTranspose2d(8, 3, 4, 2, 1)
            self.register_buffer("mean", torch.rand(1, 3, 1, 1))
            self.names = {"a": 1, "b": 2}
            self.pair = (1.5, "text")

        def forward(self, x):
            y = self.first(x - self.mean)
            n, c, h, w = y.shape
            tokens = self.norm(y.flatten(2).transpose(1, 2))
            looked, _ = self.attention(tokens, tokens, tokens, need_weights=False)
            y = y + looked.transpose(1, 2).reshape(n, c, h, w)
            for block in self.blocks:
                y = block(y)
            if y.shape[0] > 1 and self.names["b"] == 2:
                y = y * self.pair[0]
            i = 0
            while i < 2:
                y = torch.clamp(y, -10.0, 10.0)
                i += 1
            assert y.dim() == 4, "four dimensions"
            return self.lower(y) + self.up(x + self.mean)

    @pytest.mark.parametrize("way", ["script", "trace", "freeze", "optimize"])
    def test_networks_of_many_layers_compute_the_same(self, way, tmp_path):
        torch.manual_seed(0)
        network = self.Layers().eval()
        make = torch.jit.trace if way == "trace" else torch.jit.script
        with silence_torchscript_warnings(), torch.no_grad():
            program = make(network, torch.rand(1, 3, 16, 16)) if way == "trace" else make(network)
            if way in ("freeze", "optimize"):
                program = torch.jit.freeze(program)
            if way == "optimize":
                program = torch.jit.optimize_for_inference(torch.jit.script(network))
            torch.jit.save(program, str(tmp_path / "a.pt"))
            if way == "optimize":
                # compiled for one kind of processor, with operators of its own
                refused(tmp_path / "a.pt", "not allowed", trust_program=True)
                return
            opened = read_torchscript(tmp_path / "a.pt")
            x = torch.rand(2, 3, 16, 16)
            assert torch.equal(opened(x), program(x))


class TestArchives:
    """One reading, or none."""

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda _: b"", "no end"),
            (lambda _: b"PK\x05\x06" + bytes(18), "empty"),
            (lambda data: data[:-10], "no end"),
            (lambda data: data + b"x", "no end"),
            (lambda data: b"x" + data, "before or after"),
            (lambda data: hostile.twice(data), "two entries"),
            (lambda data: hostile.two_directories(data), "several directories"),
            (lambda _: hostile.zipped([("a/b", b""), ("a/B", b"")]), "two entries"),
            (lambda _: hostile.zipped([("a/b", b""), ("c/b", b"")]), "entry with the name"),
            (lambda _: hostile.zipped([("a/../../b", b"")]), "entry with the name"),
            (lambda _: hostile.zipped([("/a/b", b"")]), "entry with the name"),
            (lambda _: hostile.zipped([("a/\x1b[31m", b"")]), "entry with the name"),
            (lambda _: hostile.zipped([("a\\b/c", b"")]), "entry with the name"),
            (lambda _: hostile.zipped([(f"a/{i}", b"") for i in range(50_001)]), "50,001 entries"),
            (
                lambda _: hostile.zipped([("a/b", bytes(2**26))], zipfile.ZIP_DEFLATED),
                "that unpack to 67,108,864",
            ),
            (lambda _: hostile.zipped([("a/b", bytes(9))], zipfile.ZIP_LZMA), "unknown compression"),
            (lambda data: data[: (at := data.index(b"PK\x01\x02") + 8)] + b"\x01" + data[at + 1 :], "encrypted"),
            (lambda data: data.replace(b"PK\x03\x04", b"PK\x03\x04" + bytes(9), 1), "before or after"),
        ],
    )  # fmt: skip
    def test_an_archive_with_two_readings_is_refused(self, make, message):
        data = make(hostile.zipped([("a/b", b"123" * 99), ("a/c", b"456" * 9)]))
        with pytest.raises(ArchiveError, match=message):
            Archive(io.BytesIO(data))

    def test_bytes_between_entries_are_refused(self):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a/b", b"1")
            archive.fp.write(hostile.zipped([("a/hidden", b"2")]))
            archive.start_dir = archive.fp.tell()
            archive.writestr("a/c", b"3")
        with pytest.raises(ArchiveError, match="bytes outside"):
            Archive(file)

    def test_sizes_that_lie_are_found_out(self):
        good = hostile.zipped([("a/b", b"x" * 1000)], zipfile.ZIP_DEFLATED)
        at = good.rindex(b"PK\x01\x02") + 24
        for size in (10, 10_000):
            data = good[:at] + size.to_bytes(4, "little") + good[at + 4 :]
            with pytest.raises(ArchiveError, match="damaged"):
                Archive(io.BytesIO(data)).read("b")
