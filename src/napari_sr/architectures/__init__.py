"""Architectures: one file for each paper, networks only; nothing here reads files or imports napari.

A network is a `torch.nn.Module` with the attributes ``scale`` and ``in_channels`` whose ``forward``
takes ``(N, C, H, W)`` to ``(N, C, scale·H, scale·W)``. Parameter names are those of the official
checkpoints.
"""

from __future__ import annotations

MODULES = (
    "bicubic",
    "esr",
    "espcn",
    "fsrcnn",
    "ecbsr",
    "imdn",
    "imdn_as",
    "imdn_light",
    "rfdn",
    "bsrn",
    "bsrn_s",
    "lkdn",
    "rlfn",
    "reprfn",
    "rfn",
    "span",
    "span_f",
    "safmn",
    "smfanet",
    "srvgg",
    "mspn_equivariant",
    "mspn",
)
"""Modules that register architectures, in the order in which state dicts are offered to them."""

__all__ = ["MODULES"]
