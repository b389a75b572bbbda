"""Test images, and a folder for files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """One folder for all examples of a property; each example replaces the files of the one before."""
    return tmp_path_factory.mktemp("images")


def random_image(shape, dtype, seed=0):
    """Values over the whole range of a type; floats with a few that are hard to keep."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "f":
        image = rng.normal(scale=1e3, size=shape).astype(dtype)
        image.flat[0] = np.nan
        image.flat[-1] = -np.inf
        return image
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)


def images(dtypes, samples=(1,), most=40):
    """Images of any small size, each with the given numbers of samples per pixel."""
    return st.builds(
        lambda y, x, s, dtype, seed: random_image((y, x) if s == 1 else (y, x, s), dtype, seed),
        st.integers(1, most),
        st.integers(1, most),
        st.sampled_from(samples),
        st.sampled_from(dtypes),
        st.integers(0, 9),
    )
