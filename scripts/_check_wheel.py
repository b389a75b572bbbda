"""What a user would get: the built wheel holds all that it needs and nothing that is not for users.

Usage: python scripts/_check_wheel.py DIRECTORY_WITH_THE_WHEEL
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

LARGEST_WHEEL = 30 * 2**20  # bytes; the weights may take 25 MB of it
NEEDED = (
    "napari_sr/__init__.py",
    "napari_sr/napari.yaml",
    "napari_sr/py.typed",
    "napari_sr/weights/catalog.toml",
    "napari_sr/weights/TRAINING.md",
    "napari_sr/training/recipes/ecbsr.toml",
)
SUFFIXES = {".py", ".typed", ".yaml", ".toml", ".md", ".safetensors", ".svg"}
HEAVY = ("torch", "napari", "qtpy", "dask", "zarr", "skimage", "cv2")


def complaints(wheel: Path) -> list[str]:
    """One line for each thing that is wrong with the contents of `wheel`."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        description = archive.read(metadata).decode()
        entry_points = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
    package = [name for name in names if ".dist-info/" not in name]
    found = [f"{name} is missing" for name in NEEDED if name not in names]
    found += [
        f"{name} is not for users"
        for name in package
        if not name.startswith("napari_sr/") or Path(name).suffix not in SUFFIXES
    ]
    if not any(name.endswith(".safetensors") for name in package):
        found.append("no weights: the plugin could not work offline")
    if not any(name.endswith("licenses/LICENSE") for name in names):
        found.append("the license is missing")
    if "Classifier: Framework :: napari" not in description:
        found.append("the hub would not list it: no classifier 'Framework :: napari'")
    if "napari_sr:napari.yaml" not in entry_points:
        found.append("napari would not find it: no entry point napari.manifest")
    if wheel.stat().st_size > LARGEST_WHEEL:
        found.append(f"{wheel.stat().st_size / 2**20:.1f} MiB is too large")
    return found


def loaded_by(module: str, site: Path) -> list[str]:
    """Which of the heavy packages `import module` loads, the package being unpacked in `site`."""
    code = (
        f"import json, sys; sys.path.insert(0, {str(site)!r}); import {module} as module;"
        f"assert module.__file__.startswith({str(site)!r}), module.__file__;"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=site)
    return json.loads(answer.stdout)


def main() -> int:
    """Print what is wrong, or the size where nothing is."""
    (wheel,) = Path(sys.argv[1]).glob("*.whl")
    found = complaints(wheel)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
        for module in ("napari_sr", "napari_sr.cli"):
            heavy = loaded_by(module, Path(folder).resolve())
            found += [f"`import {module}` loads {name}" for name in heavy]
    print("\n".join(found) or f"{wheel.name}: {wheel.stat().st_size / 2**20:.1f} MiB, complete")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
