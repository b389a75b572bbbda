"""A web server for downloads."""

from __future__ import annotations

import pytest

from tests.models.server import Server


@pytest.fixture
def server():
    """A web server on this machine."""
    place = Server()
    yield place
    place.close()
