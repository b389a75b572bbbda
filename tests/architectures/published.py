"""The 1,185 networks of the edge-SR repository, by the names of their files."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any

from napari_sr.architectures import espcn, esr, fsrcnn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import nn

FAMILIES: dict[str, Callable[..., nn.Module]] = {
    "eSR-MAX": esr.ESRMax,
    "eSR-TM": esr.ESRTM,
    "eSR-TR": esr.ESRTR,
    "eSR-CNN": esr.ESRCNN,
    "ESPCN": espcn.ESPCN,
    "FSRCNN": fsrcnn.FSRCNNEdgeSR,
}


def configuration(stem: str) -> tuple[str, dict[str, Any]]:
    """Family and keywords, e.g. of ``eSR-TM_s2_K7_C16``."""
    family, _, rest = stem.partition("_")
    parts = dict(re.findall(r"([sKCDSM])(\d+)", rest))
    config = {name: int(value) for name, value in parts.items() if name != "s"}
    return family, {"scale": int(parts["s"]), **config}


def published(shared: Path) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Family, keywords and number of parameters of each published network but bicubic."""
    with open(
        shared / "checkpoints" / "esr" / "published_1185_models.tsv", newline="", encoding="utf-8"
    ) as file:
        for row in csv.DictReader(file, delimiter="\t"):
            family, config = configuration(row["model"])
            if family in FAMILIES:
                yield family, config, int(row["parameters"])
