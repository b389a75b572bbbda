"""A state dict finds its network, and only its own."""

from __future__ import annotations

import pytest
import torch

from napari_sr.architectures import registry
from napari_sr.errors import ModelLoadError


def test_every_architecture_is_cited():
    known = registry.architectures()
    assert len({each.id for each in known}) == len(known)
    for each in known:
        assert each.url.startswith("https://")
        assert each.title
        assert each.paper
        assert each.value_range in (None, 1.0, 255.0)


def test_similar_ids_are_suggested_for_a_misspelled_one():
    with pytest.raises(ModelLoadError, match="did you mean ecbsr"):
        registry.get("ecbrs")
    with pytest.raises(ModelLoadError, match="'xyzzy'; known are bicubic, "):
        registry.get("xyzzy")


def test_an_unknown_state_is_described():
    state = {f"layer.{i}.weight": torch.zeros(3, i) for i in range(6)}
    with pytest.raises(ModelLoadError, match=r"layer\.0\.weight \(3, 0\).* \(6 in all\)$"):
        registry.detect(state)


@pytest.mark.parametrize(
    "state", [{}, {"net.weight": torch.zeros(())}, {"filter.weight": torch.zeros(7)}]
)
def test_degenerate_states_are_not_recognised(state):
    with pytest.raises(ModelLoadError, match="no known architecture"):
        registry.detect(state)


def test_two_architectures_cannot_share_an_id():
    taken = registry.get("ecbsr")
    assert registry.register(taken) is taken
    other = registry.Architecture(
        "ecbsr", "t", "p", "https://x", build=taken.build, detect=taken.detect
    )
    with pytest.raises(ValueError, match="'ecbsr'"):
        registry.register(other)
