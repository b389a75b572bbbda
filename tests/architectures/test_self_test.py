"""The test image distinguishes a working network from one with a wrong configuration."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_sr.architectures.bicubic import Bicubic
from napari_sr.architectures.self_test import dead_leaves, identify_config, psnr_gain


def test_image_is_always_the_same_and_has_detail_at_all_sizes():
    picture = dead_leaves(144)
    dead_leaves.cache_clear()
    torch.testing.assert_close(dead_leaves(144), picture, rtol=0, atol=0)
    assert picture.min() >= 0.1
    assert picture.max() <= 0.9
    # photographs: the difference of neighbours grows slowly with their distance; on a ramp, 16 times
    differences = [(picture[:, d:] - picture[:, :-d]).abs().mean() for d in (1, 4, 16)]
    assert differences == sorted(differences)
    assert differences[2] < 10 * differences[0]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_gains_nothing_over_itself(scale):
    assert psnr_gain(Bicubic(scale)) == pytest.approx(0, abs=0.1)


class Broken(nn.Module):
    """A network that returns NaN."""

    scale, in_channels = 2, 3

    def forward(self, x):
        return torch.full((1, 3, 2 * x.shape[2], 2 * x.shape[3]), torch.nan)


def test_nan_counts_as_minus_infinity():
    assert psnr_gain(Broken()) == -torch.inf


def test_a_single_candidate_is_not_run():
    candidate = (Broken, {})
    assert identify_config({}, [candidate]) is candidate
