"""``napari-sr info``: versions, devices and folders, for a bug report or a first look."""

from typing import Any

import typer

from napari_sr._text import format_bytes
from napari_sr.cli._console import print_json
from napari_sr.cli._options import Json

PACKAGES = (
    "napari-sr", "napari", "torch", "numpy", "opencv-python-headless", "tifffile", "zarr", "dask",
    "imagecodecs", "onnxruntime", "spandrel",
)  # fmt: skip
"""Packages whose versions affect results, or what can be run."""


def info(json: Json = False) -> None:
    """Show versions, devices and folders."""
    facts = {
        "versions": versions(),
        "devices": devices(),
        "models": catalog(),
        "sample images": samples(),
    }
    if json:
        print_json(facts)
        return
    for heading, values in facts.items():
        typer.echo(heading)
        width = max((len(name) for name in values), default=0)
        for name, value in values.items():
            typer.echo(f"  {name:<{width}}  {value}")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that affect results.

    Returns
    -------
    dict
        Name to version; packages that are not installed are left out.
    """
    import platform
    from importlib import metadata

    found = {"python": platform.python_version(), "platform": platform.platform(terse=True)}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def devices() -> dict[str, str]:
    """Devices on which networks can run.

    Returns
    -------
    dict
        Device to its description.
    """
    import torch

    found = {"cpu": _cpu()}
    for at in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(at)
        found[f"cuda:{at}"] = f"{facts.name}, {format_bytes(facts.total_memory)}"
    if torch.backends.mps.is_available():
        found["mps"] = "Apple GPU"
    return found


def catalog() -> dict[str, str]:
    """Number and folders of models.

    Returns
    -------
    dict
        Number of models in the catalog and on this machine; folders of the bundled weights and of the others.
    """
    from importlib.resources import files

    from napari_sr.models import is_local, list_models, models_folder

    cards = list_models()
    return {
        "catalog": f"{len(cards)} models, {sum(map(is_local, cards))} on this machine",
        "bundled": str(files("napari_sr").joinpath("weights")),
        "downloaded and your own": str(models_folder()),
    }


def samples() -> dict[str, str]:
    """Sample images that need no download.

    Returns
    -------
    dict
        Id to title; napari's File menu opens them.
    """
    from napari_sr.io import SAMPLES

    return {name: sample.title for name, sample in SAMPLES.items()}


def _cpu() -> str:
    import platform

    import psutil
    import torch

    memory = psutil.virtual_memory()
    # Public only since torch 2.9.
    facts: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    has = {"bfloat16": "avx512_bf16", "AMX": "amx_bf16"}
    fast = [name for name, key in has.items() if facts.get(key)]
    return ", ".join(
        [
            str(facts.get("cpu_name") or platform.processor() or platform.machine()),
            f"{torch.get_num_threads()} threads",
            torch.backends.cpu.get_cpu_capability(),
            " and ".join(fast) or "no fast bfloat16",
            f"{format_bytes(memory.available)} of {format_bytes(memory.total)} free",
        ]
    )
