"""RLFN in its three published sizes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures.rlfn import RLFN
from tests.architectures.families import assert_recognised, official_psnr

SMALL = {"channels": 48}
NTIRE = {"channels": 46, "middle": 48, "blocks": 4}


@settings(max_examples=10, deadline=None)
@given(
    scale=st.integers(2, 4),
    channels=st.sampled_from((8, 18)),
    middle=st.sampled_from((8, 20)),
    attention=st.sampled_from((4, 16)),
    blocks=st.integers(1, 11),
    in_channels=st.sampled_from((1, 3)),
)
def test_any_size_is_recognised(scale, channels, middle, attention, blocks, in_channels):
    assert_recognised(
        "rlfn",
        scale=scale,
        channels=channels,
        middle=middle,
        attention=attention,
        blocks=blocks,
        in_channels=in_channels,
    )


@pytest.mark.parametrize(
    ("config", "count"),
    [
        ({"scale": 4}, 543_740),
        ({"scale": 2}, 526_856),
        ({"scale": 4, **SMALL}, 470_208),
        ({"scale": 4, **NTIRE}, 317_218),
    ],
)
def test_parameter_counts_are_the_papers(config, count):
    assert sum(value.numel() for value in RLFN(**config).parameters()) == count


@pytest.mark.parametrize(
    ("file", "psnr"), [("rlfn_x4", 28.692), ("rlfn_s_x4", 28.847), ("rlfn_ntire_x4", 28.534)]
)
def test_official_files_score_as_their_authors_code(file, psnr, shared):
    """Values to 255, found out by the loader."""
    assert official_psnr(f"rlfn/{file}.pth", shared, ("butterfly",)) == pytest.approx(
        psnr, abs=0.01
    )
