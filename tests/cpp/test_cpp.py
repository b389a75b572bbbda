"""A C++ program, compiled against the LibTorch of the installed PyTorch, does what Python does."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data
from torch.utils.cpp_extension import include_paths, library_paths

from napari_sr.architectures import registry
from napari_sr.models.export import export_model
from tests.models.exporting import small_model

SOURCE = Path(__file__).with_name("upscale.cpp")
DOCS = Path(__file__).resolve().parents[2] / "docs" / "cpp.md"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("g++") is None, reason="needs Linux and g++"
)


def command(program: Path) -> list[str]:
    """The compile line of the docs, with this machine's paths."""
    abi = int(torch.compiled_with_cxx11_abi())
    paths = [*(f"-I{path}" for path in include_paths()), *(f"-L{path}" for path in library_paths())]
    search = [f"-Wl,-rpath,{path}" for path in library_paths()]
    return [
        "g++", "-std=c++20", "-O1", f"-D_GLIBCXX_USE_CXX11_ABI={abi}", str(SOURCE), "-o", str(program),
        *paths, *search, "-ltorch", "-ltorch_cpu", "-lc10",
    ]  # fmt: skip


@pytest.fixture(scope="session")
def program(request) -> Path:
    """The program, compiled once for a source, a PyTorch and a machine (20 s of one core)."""
    known = f"{SOURCE.read_text()}{torch.__version__}{command(Path())}"
    folder = request.config.cache.mkdir("cpp")
    path = folder / f"upscale-{hashlib.sha256(known.encode()).hexdigest()[:16]}"
    if not path.is_file():
        draft = path.with_suffix(".part")
        subprocess.run(command(draft), check=True)
        draft.replace(path)
    return path


def run(program: Path, *arguments: Path) -> subprocess.CompletedProcess:
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def image(channels: int) -> np.ndarray:
    return data.astronaut()[40:90, 170:251] if channels == 3 else data.cell()[100:150, 100:181]


def expected(model, pixels: np.ndarray) -> np.ndarray:
    """What the network gives in Python, as 8 bits; each color by itself if it has one channel."""
    network, value_range = model.network(model.scales[0]), model.card.value_range
    x = torch.from_numpy(np.atleast_3d(pixels).copy()).permute(2, 0, 1).float() / 255 * value_range
    with torch.inference_mode():
        if network.in_channels == 1:
            y = network(x[:, None])[:, 0]
        else:
            y = network(x.expand(3, -1, -1)[None])[0]
            y = y if len(x) == 3 else y.mean(0, keepdim=True)
    return (y / value_range * 255).clamp(0, 255).permute(1, 2, 0).numpy()


@pytest.mark.timeout(900)  # the compiler needs 20 s of one core, much more on a busy machine
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "scale"), [("ecbsr", 3), ("srvgg", 2), ("rfdn", 4)])
def test_cpp_gives_the_same_image_as_python(name, scale, channels, program, tmp_path):
    """One channel and three, values to 1 and to 255, plain and attention networks, on grey and on color."""
    model = small_model(registry.get(name), scale)
    export_model(model, tmp_path / "model.pt")
    pixels = image(channels)
    source = tmp_path / ("in.ppm" if channels == 3 else "in.pgm")
    cv2.imwrite(str(source), pixels[..., ::-1] if channels == 3 else pixels)
    done = run(program, tmp_path / "model.pt", source, tmp_path / "out.ppm")
    assert (done.returncode, done.stderr) == (0, "")
    found = cv2.imread(str(tmp_path / "out.ppm"), cv2.IMREAD_UNCHANGED)
    found = found[..., ::-1] if found.ndim == 3 else found[..., None]
    assert found.shape == (50 * scale, 81 * scale, channels)
    assert np.ptp(found) > 10
    np.testing.assert_allclose(found, expected(model, pixels), atol=1)


@pytest.mark.timeout(900)
def test_cpp_says_what_is_wrong(program, tmp_path):
    export_model("bicubic", tmp_path / "model.pt", 2)
    (tmp_path / "broken.ppm").write_bytes(b"P6 100 100 255\nshort")
    done = run(program, tmp_path / "model.pt", tmp_path / "broken.ppm", tmp_path / "out.ppm")
    assert (done.returncode, (tmp_path / "out.ppm").exists()) == (1, False)
    assert done.stderr == f"upscale: {tmp_path / 'broken.ppm'}: truncated\n"


def test_the_docs_show_this_very_program():
    text = DOCS.read_text(encoding="utf-8")
    assert SOURCE.read_text() in text
    assert SOURCE.with_name("CMakeLists.txt").read_text() in text
