"""What every published family is held to: detection, sizes, official scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_sr.architectures import registry
from napari_sr.evaluation import evaluation_luma, find_pairs, read_pair, score
from napari_sr.models import load_model

if TYPE_CHECKING:
    from pathlib import Path

SET5 = ("baby", "bird", "butterfly", "head", "woman")


def assert_recognised(id_: str, **config: Any) -> None:
    """A network of any size is found again from its tensors alone, and is as large as its scale says."""
    network = registry.get(id_).build(**config)
    architecture, found = registry.detect(network.state_dict())
    assert architecture.id == id_
    again = architecture.build(**found)
    again.load_state_dict(network.state_dict())
    scale = config.get("scale", 1)
    x = torch.rand(2, config["in_channels"], 16, 19)
    with torch.inference_mode():
        y = again.eval()(x)
        torch.testing.assert_close(y, network.eval()(x))
    assert y.shape == (2, config["in_channels"], 16 * scale, 19 * scale)


def official_psnr(file: str, shared: Path, names: tuple[str, ...] = SET5) -> float:
    """Mean PSNR of images of Set5 by the papers' protocol, small images by MATLAB."""
    model = load_model(shared / "checkpoints" / file)
    (scale,) = model.scales
    network, peak = model.network(scale), model.card.value_range
    folder = shared / "data" / "benchmarks" / "Set5"
    values = []
    for pair in find_pairs(folder / "HR", scale, folder / "LR_bicubic"):
        if pair.name in names:
            original, small = read_pair(pair, scale)
            x = torch.from_numpy(small).permute(2, 0, 1)[None].float() * (peak / 255)
            with torch.inference_mode():
                y = network(x)[0].permute(1, 2, 0).numpy() * (255 / peak)
            lumas = map(evaluation_luma, (original, y.clip(0, 255).round().astype(np.uint8)))
            values.append(score(pair.name, *lumas, border=scale).psnr)
    assert len(values) == len(names)
    return float(np.mean(values))
