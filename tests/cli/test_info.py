"""``napari-sr info``: what a bug report needs."""

from __future__ import annotations

import json
import platform
from importlib import metadata

import torch

from napari_sr.io import SAMPLES


def test_versions_are_those_of_the_environment(run):
    found = json.loads(run("info", "--json").stdout)
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["torch"] == metadata.version("torch")
    assert found["versions"]["napari"] == metadata.version("napari")
    assert f"{torch.get_num_threads()} threads" in found["devices"]["cpu"]
    assert set(found["sample images"]) == set(SAMPLES)


def test_text_and_json_agree(run):
    facts = json.loads(run("info", "--json").stdout)
    shown = run("info").stdout
    for heading in facts:
        assert heading in shown.splitlines()
    for name, version in facts["versions"].items():
        assert any(line.split() == [name, *version.split()] for line in shown.splitlines())
