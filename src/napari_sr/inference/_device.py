"""Devices: where a network runs."""

from __future__ import annotations

import torch

from napari_sr.errors import DeviceError


def available_devices() -> list[str]:
    """Names of the devices of this machine, the one that ``"auto"`` takes first."""
    found = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def resolve_device(device: str) -> str:
    """Name of an available device.

    Parameters
    ----------
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.

    Returns
    -------
    str
        One of `available_devices`.

    Raises
    ------
    DeviceError
        If this machine has no such device; the message lists what it has.
    """
    found = available_devices()
    name = str(device).lower()
    if name == "auto":
        return found[0]
    if name == "cuda":
        name = "cuda:0"
    if name not in found:
        raise DeviceError(f"no device {device!r} here; choose auto or one of {', '.join(found)}")
    return name
