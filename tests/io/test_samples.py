"""Sample images are real and free, and open without a network."""

from __future__ import annotations

import socket

import numpy as np
import pytest
import skimage.data
from npe2 import PluginManifest

from napari_sr.errors import InputError
from napari_sr.io import SAMPLES, sample_image
from napari_sr.io._napari import SAMPLE_SCHEME, get_sample_reader


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a sample image used the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_equal_those_of_scikit_image(name, no_network):
    """scikit-image knows the checksum of each, and turns none."""
    image = sample_image(name)
    np.testing.assert_array_equal(image.data, getattr(skimage.data, name)())
    assert image.axes == ("YX" if image.data.ndim == 2 else "YXS")


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_has_a_source_and_a_license(name):
    address = SAMPLE_SCHEME + name
    (_, attributes, kind) = get_sample_reader(address)(address)[0]
    assert kind == "image"
    about = attributes["metadata"]
    assert len(about["source"]) > 10
    assert (
        "CC0" in about["license"]
        or "ublic domain" in about["license"]
        or "No known" in about["license"]
    )


def test_a_known_pixel_size_is_given():
    cell = sample_image("cell")
    assert (cell.scale, cell.units) == ((0.107, 0.107), ("micrometer", "micrometer"))
    assert sample_image("camera").units == ("pixel", "pixel")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match=r"cell.*astronaut"):
        sample_image("lena")


def test_the_manifest_offers_them_all_under_their_titles():
    manifest = PluginManifest.from_distribution("napari-sr")
    offered = {s.key: s.display_name for s in manifest.contributions.sample_data}
    assert offered == {name: sample.title for name, sample in SAMPLES.items()}
    for contribution in manifest.contributions.sample_data:
        assert contribution.uri == SAMPLE_SCHEME + contribution.key
        assert contribution.reader_plugin == manifest.name
    assert get_sample_reader("https://example.org/cell.png") is None
