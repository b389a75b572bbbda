"""A download is complete and verified, or leaves no file, whatever server and disk do."""

from __future__ import annotations

import errno
import hashlib
import io
import re
import socket
import sys
import threading

import numpy as np
import pytest

from napari_sr.errors import CancelledError, DownloadError
from napari_sr.models import _download
from napari_sr.models._download import fetch

DATA = np.random.default_rng(0).bytes(100_000)
SHA = hashlib.sha256(DATA).hexdigest()
OLD = b"what stood there before"


@pytest.fixture
def target(tmp_path):
    """A place where an older file stands."""
    path = tmp_path / "models" / "net.pth"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


@pytest.fixture
def served(server):
    server.data = DATA
    return server


def refused(url, target, **options) -> str:
    """The error line of a download that fails; nothing on the disk may have changed."""
    with pytest.raises(DownloadError) as caught:
        fetch(url, target, SHA, **{"size": len(DATA), **options})
    assert target.read_bytes() == OLD
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("manner", ["good", "moved", "unsaid"])
@pytest.mark.parametrize("size", [len(DATA), None])
def test_a_good_file_replaces_the_old_one(served, target, manner, size):
    told = []
    fetch(served.url(manner), target, SHA, size, lambda *step: told.append(step))
    assert target.read_bytes() == DATA
    assert len(list(target.parent.iterdir())) == 1
    done = [step[0] for step in told]
    assert done == sorted(done)
    assert done[-1] >= len(DATA)
    if size:
        assert told[-1] == (size, size)


def test_missing_folders_are_created(served, tmp_path):
    fetch(served.url("good"), tmp_path / "a" / "b" / "net.pth", SHA)
    assert (tmp_path / "a" / "b" / "net.pth").read_bytes() == DATA


@pytest.mark.parametrize(
    ("manner", "complaint"),
    [
        ("broken", "broke off after .* of 100,000 bytes"),
        ("cut", "not the expected file"),
        ("wrong", "not the expected file"),
        ("page", "not the expected file"),
        ("endless", "more than the 100,000 bytes expected"),
        ("missing", "404.*not there any more"),
        ("ill", "500.*try again later"),
    ],
)
def test_wrong_or_incomplete_data_is_not_kept(served, target, manner, complaint):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", io.StringIO())  # pooch must not tell it a second time
        message = refused(served.url(manner), target)
        assert sys.stderr.getvalue() == ""
    assert re.search(complaint, message), message
    assert served.url(manner) in message


def test_an_endless_file_of_unknown_size_is_stopped(served, target, monkeypatch):
    monkeypatch.setattr(_download, "LARGEST", 200_000)
    assert "more than the 200,000 bytes" in refused(served.url("endless"), target, size=None)


def test_a_server_that_falls_silent_times_out(served, target):
    assert "broke off" in refused(served.url("slow"), target, timeout=0.2)


def test_a_server_that_does_not_answer_times_out(target):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/net.pth"
        assert "does not answer" in refused(url, target, timeout=0.2)


def test_import_is_suggested_without_a_network(target):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/net.pth"
        message = refused(url, target)
    assert "cannot be reached" in message
    assert "napari-sr models import" in message


def test_unknown_hosts_cannot_be_reached(target):
    assert "cannot be reached" in refused("http://no-such-host.invalid/net.pth", target)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/net.pth", "net.pth", "https:"])
def test_addresses_must_be_http(url, target):
    assert "must begin with https://" in refused(url, target)


def test_cancelling_leaves_no_partial_file(served, target):
    steps = []

    def progress(done, total):
        steps.append(done)
        if len(steps) == 3:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        fetch(served.url("dripping"), target, SHA, len(DATA), progress)
    assert target.read_bytes() == OLD
    assert len(list(target.parent.iterdir())) == 1
    assert steps[-1] < len(DATA)


def test_a_slow_file_arrives(served, target):
    threading.Timer(0.2, served.let_go.set).start()
    fetch(served.url("slow"), target, SHA, len(DATA))
    assert target.read_bytes() == DATA


def test_a_full_disk_is_reported(served, target, monkeypatch):
    class Full(io.FileIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_download, "open", Full, raising=False)
    with pytest.raises(DownloadError, match="disk is full"):
        fetch(served.url("good"), target, SHA, len(DATA))
    assert target.read_bytes() == OLD
    assert len(list(target.parent.iterdir())) == 1


def test_a_folder_that_cannot_be_created_is_reported(served, tmp_path):
    (tmp_path / "models").write_text("a file")
    with pytest.raises(DownloadError, match="cannot be written"):
        fetch(served.url("good"), tmp_path / "models" / "net.pth", SHA)
