"""References of the quality table: what is asked of the weights, and does the table say so?"""

from __future__ import annotations

import pytest
from quality_references import Reference, read_references, remark, verdict

from napari_sr.architectures import registry


def test_a_figure_on_the_bar_meets_it_and_one_below_does_not():
    reference = Reference(psnr=36.018, within=0.15)
    assert verdict(35.868, reference) == ["36.018", "-0.150", "35.868", "met"]
    assert verdict(35.867, reference)[-1] == "**not met**"


def test_the_bar_is_measured_from_what_was_published_where_that_is_known():
    assert Reference(psnr=38.083, published=38.10, within=0.4).asked == pytest.approx(37.70)


def test_a_network_of_our_own_has_a_bar_but_the_difference_is_to_another():
    assert verdict(37.9, Reference(psnr=38.10, least=37.85)) == [
        "38.100",
        "-0.200",
        "37.850",
        "met",
    ]


def test_without_a_reference_nothing_is_judged():
    assert verdict(33.0, Reference()) == ["–", "–", "–", ""]


def test_another_size_is_told():
    reference = Reference(parameters=534000, psnr=38.05, source="paper")
    assert remark(417212, reference) == "paper (534,000 parameters)"
    assert remark(534000, reference) == "paper"


@pytest.mark.parametrize(
    ("model", "scale", "architecture", "config"),
    [
        ("esr-max", 3, "esr-max", {"K": 7, "C": 4}),
        ("esr-tm", 3, "esr-tm", {"K": 7, "C": 16}),
        ("esr-tr", 4, "esr-tr", {"K": 7, "C": 16}),
        ("esr-cnn", 4, "esr-cnn", {"C": 8, "D": 9, "S": 6}),
        ("espcn", 3, "espcn", {"D": 64, "S": 32}),
        ("fsrcnn", 2, "fsrcnn", {"D": 56, "S": 12, "M": 4}),
        ("ecbsr", 2, "ecbsr-plain", {"m": 10, "c": 32}),
        ("ecbsr-m4c16", 4, "ecbsr-plain", {"m": 4, "c": 16}),
        ("bsrn", 2, "bsrn", {}),
        ("rlfn", 4, "rlfn", {}),
        ("imdn", 3, "imdn", {}),
    ],
)
def test_references_name_the_size_of_the_network_that_is_trained(
    model, scale, architecture, config
):
    network = registry.get(architecture).build(scale=scale, **config)
    size = sum(each.numel() for each in network.parameters())
    assert read_references()[model, scale].parameters == size
