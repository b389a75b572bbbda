"""Models of the user, and published ones: imported, downloaded, found again, replaced, removed."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_sr.architectures.espcn import ESPCN
from napari_sr.errors import (
    CancelledError,
    DownloadError,
    FileWriteError,
    InputError,
    ModelLoadError,
    ModelNotFoundError,
)
from napari_sr.models import (
    Checkpoint,
    ModelCard,
    _catalog,
    _user_models,
    add_model,
    download_model,
    import_model,
    is_local,
    list_models,
    load_model,
    local_scales,
    missing_checkpoints,
    models_folder,
    remove_model,
    save_network,
)
from napari_sr.models._catalog import CatalogError, read_catalog, to_toml, user_catalog, user_models


@pytest.fixture
def checkpoint(tmp_path):
    """Makes a checkpoint file of a small network."""

    def make(name="My Net", scale=2, seed=0, **facts):
        torch.manual_seed(seed)
        path = tmp_path / "elsewhere" / f"{name}.safetensors"
        config = {"scale": scale, "D": 4, "S": 5}
        return save_network(path, ESPCN(**config), "espcn", config, **facts)

    return make


@pytest.fixture
def published(server, monkeypatch, checkpoint):
    """A published model, ``net-official``, at x2 and x3, on the server on this machine."""
    files = {scale: checkpoint(f"net-{scale}", scale).read_bytes() for scale in (2, 3)}
    card = ModelCard(
        "net-official", "Net", "espcn", "For tests.", "Published", "Y", 1.0, license="MIT",
        checkpoints=tuple(
            Checkpoint(
                scale,
                f"net-official-x{scale}.safetensors",
                hashlib.sha256(data).hexdigest(),
                server.url("good", f"{scale}.safetensors"),
                len(data),
            )
            for scale, data in files.items()
        ),
    )  # fmt: skip
    cards = [card]
    shipped = _catalog._shipped()
    monkeypatch.setattr(_catalog, "_shipped", lambda: shipped + tuple(cards))
    handler = server._http.RequestHandlerClass
    good = handler._good

    def by_scale(self, data):
        good(self, next((d for s, d in files.items() if f"/{s}." in self.path), data))

    monkeypatch.setattr(handler, "_good", by_scale)
    return cards


def ids():
    return [card.id for card in list_models()]


def stored(home):
    """Names of all files in the folder of models."""
    return sorted(path.name for path in home.rglob("*") if path.is_file())


texts = st.text(st.characters(codec="utf-8"), max_size=20)


@given(texts, texts, st.floats(0, 100), st.booleans())
def test_cards_survive_a_round_trip_through_toml(tmp_path_factory, title, license, psnr, safe):
    """Quotes, line breaks and control characters included."""
    checkpoint = Checkpoint(2, "a.pth", "0" * 64, "https://host/a", 5, scores={title: (psnr, 0.5)})
    card = ModelCard(
        "a", title, "espcn", license, "Mine", "Y", 255.0, license=license, bfloat16_safe=safe,
        checkpoints=(checkpoint, Checkpoint(3)),
    )  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "cards.toml"
    path.write_bytes(to_toml([card, replace(card, id="b")]).encode())
    assert read_catalog(path) == (card, replace(card, id="b"))


def test_an_imported_file_becomes_a_model(checkpoint, models_home):
    path = checkpoint(license="MIT")
    card = import_model(path)
    assert (card.id, card.group, card.license, card.scales) == ("my-net", "Mine", "MIT", (2,))
    path.unlink()
    model = load_model("my-net")
    assert model.card == card == list_models()[-1]
    assert model.network(2).scale == 2
    assert is_local(card)
    assert stored(models_home) == ["catalog.toml", "my-net-x2.safetensors"]


def test_keywords_of_import_go_on_the_card(checkpoint):
    card = import_model(
        checkpoint(), "fine", title="Fine", license="CC0-1.0", value_range=255, color="grey"
    )
    assert (card.title, card.license, card.value_range, card.color) == (
        "Fine", "CC0-1.0", 255, "grey",
    )  # fmt: skip
    assert load_model("fine").card == card


def test_scales_under_one_id_are_one_model(checkpoint):
    import_model(checkpoint("a", 4), "mine")
    card = import_model(checkpoint("b", 2), "mine")
    assert card.scales == (2, 4)
    assert [load_model("mine").network(scale).scale for scale in card.scales] == [2, 4]


@pytest.mark.parametrize("id", ["ecbsr", "bicubic", "bsrn-official", "mine"])
def test_an_id_that_is_taken_is_refused(checkpoint, id, models_home):
    import_model(checkpoint("a", seed=1), "mine")
    before = user_catalog().read_bytes(), stored(models_home)
    with pytest.raises(InputError, match=f"has a model {id} already"):
        import_model(checkpoint("b", seed=2), id)
    assert (user_catalog().read_bytes(), stored(models_home)) == before


@pytest.mark.parametrize("id", ["../evil", "A", "a b", "", "-a", "a/b", "ä"])
def test_ids_that_cannot_be_file_names_are_refused(checkpoint, id, models_home):
    if id:
        with pytest.raises(InputError, match="lower-case letters"):
            import_model(checkpoint(), id)
        assert stored(models_home) == []
    assert _user_models._ID.fullmatch(_user_models._slug(id))


def test_a_wrong_file_is_refused(tmp_path, models_home):
    (tmp_path / "bad.pth").write_bytes(b"no tensors")
    with pytest.raises(ModelLoadError):
        import_model(tmp_path / "bad.pth")
    with pytest.raises(ModelNotFoundError):
        import_model(tmp_path / "none.pth")
    assert stored(models_home) == []


def test_importing_a_known_file_again_restores_it(checkpoint):
    path = checkpoint()
    card = import_model(path)
    (models_folder() / "my-net-x2.safetensors").unlink()
    with pytest.raises(ModelNotFoundError, match="models remove my-net"):
        load_model("my-net")
    assert import_model(path) == card
    assert load_model("my-net").network(2)


def test_a_replaced_model_is_loaded_again(checkpoint):
    import_model(checkpoint(seed=1), "mine")
    before = load_model("mine").network(2)
    remove_model("mine")
    with pytest.raises(ModelNotFoundError):
        load_model("mine")
    import_model(checkpoint(seed=2), "mine")
    after = load_model("mine").network(2)
    assert not torch.equal(next(before.parameters()), next(after.parameters()))


def test_removing_deletes_card_and_file(checkpoint, models_home):
    import_model(checkpoint("a", seed=1))
    import_model(checkpoint("b", seed=2))
    assert remove_model("a").id == "a"
    assert stored(models_home) == ["b-x2.safetensors", "catalog.toml"]
    assert [card.id for card in user_models()] == ["b"]
    with pytest.raises(InputError, match="ships with napari-sr"):
        remove_model("bicubic")


def test_a_catalog_that_cannot_be_written_changes_nothing(checkpoint, models_home, monkeypatch):
    import_model(checkpoint("a", seed=1))
    before = stored(models_home)
    monkeypatch.setattr(_user_models, "to_toml", lambda _: "\ud800")  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        import_model(checkpoint("b", seed=2))
    monkeypatch.undo()
    monkeypatch.setenv("NAPARI_SR_HOME", str(models_home))
    assert stored(models_home) == before


def test_a_folder_that_cannot_be_written_is_reported(checkpoint, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NAPARI_SR_HOME", str(tmp_path / "file"))
    with pytest.raises(FileWriteError, match="cannot be written"):
        import_model(checkpoint())


def test_a_damaged_user_catalog_leaves_other_models_available(checkpoint, models_home, caplog):
    import_model(checkpoint("a", seed=1))
    user_catalog().write_text("[[model")
    with caplog.at_level(logging.WARNING):
        assert "bicubic" in ids()
        assert "a" not in ids()
    assert caplog.text.count("left out") == 1
    with pytest.raises(CatalogError, match="mend"):
        import_model(checkpoint("b", seed=2))
    assert user_catalog().read_text() == "[[model"
    assert "b-x2.safetensors" not in stored(models_home)


def test_a_damaged_card_of_the_user_leaves_out_that_model_only(checkpoint, models_home, caplog):
    import_model(checkpoint("a", seed=1))
    import_model(checkpoint("b", seed=2))
    text = user_catalog().read_text()
    user_catalog().write_text(text.replace('id = "a"', 'id = "a"\nflavor = 1'))
    with caplog.at_level(logging.WARNING):
        assert "a" not in ids()
        assert "b" in ids()
    assert caplog.text.count("unknown key flavor") == 1
    assert load_model("b").scales == (2,)
    # nothing is written, since the damaged card would be lost
    with pytest.raises(CatalogError, match="unknown key flavor"):
        import_model(checkpoint("c", seed=3))
    assert "flavor" in user_catalog().read_text()


def test_missing_weights_suggest_the_download(published):
    (card,) = published
    assert local_scales(card) == ()
    with pytest.raises(ModelNotFoundError, match="run: napari-sr models download net-official"):
        load_model("net-official")


def test_a_downloaded_model_runs(published, models_home):
    (card,) = published
    told = []
    assert download_model("net-official", progress=lambda *step: told.append(step)) == card
    assert is_local(card)
    total = sum(each.size for each in card.checkpoints)
    assert told[-1] == (total, total)
    assert [load_model("net-official").network(scale).scale for scale in (2, 3)] == [2, 3]
    assert len(stored(models_home)) == 2


def test_only_missing_files_are_downloaded(published, server):
    (card,) = published
    download_model("net-official", [3])
    assert local_scales(card) == (3,)
    with pytest.raises(ModelNotFoundError, match="net-official x2"):
        load_model("net-official").network(2)
    download_model("net-official")
    download_model("net-official")
    assert [path.rpartition("/")[2] for path in server.asked] == ["3.safetensors", "2.safetensors"]
    with pytest.raises(InputError, match="no native x4"):
        download_model("net-official", [4])


def test_damaged_files_are_downloaded_again(published):
    (card,) = published
    download_model("net-official")
    path = models_folder() / "net-official-x2.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ModelLoadError, match="run: napari-sr models download net-official"):
        load_model("net-official").network(2)
    assert [each.scale for each in missing_checkpoints(card)] == [2]
    download_model("net-official")
    assert path.read_bytes() == data


def test_a_failed_download_keeps_intact_files(published, server, models_home):
    (card,) = published
    two, three = card.checkpoints
    published[0] = replace(card, checkpoints=(two, replace(three, url=server.url("missing"))))
    with pytest.raises(DownloadError, match="404"):
        download_model("net-official")
    assert stored(models_home) == ["net-official-x2.safetensors"]


def test_importing_a_published_file_recognizes_it(published, tmp_path, models_home):
    """Where this machine is not online: the file comes on a stick, and is imported."""
    (card,) = published
    assert import_model(tmp_path / "elsewhere" / "net-3.safetensors") == card
    assert local_scales(card) == (3,)
    assert user_models() == ()
    assert remove_model("net-official") == card
    assert stored(models_home) == []


def test_a_model_without_an_address_cannot_be_downloaded(checkpoint):
    import_model(checkpoint())
    assert download_model("my-net").id == "my-net"  # it is here
    (models_folder() / "my-net-x2.safetensors").unlink()
    with pytest.raises(DownloadError, match="import its file again"):
        download_model("my-net")


def test_an_added_model_can_be_downloaded_again(checkpoint, server, models_home):
    server.data = checkpoint().read_bytes()
    sha = hashlib.sha256(server.data).hexdigest()
    url = server.url("good", "fancy%20net.safetensors?raw=1")
    card = add_model(url, sha.upper(), "fancy", license="MIT")
    assert (card.id, card.source, card.checkpoints[0].url) == ("fancy", url, url)
    assert stored(models_home) == ["catalog.toml", "fancy-x2.safetensors"]
    (models_folder() / "fancy-x2.safetensors").unlink()
    download_model("fancy")
    assert load_model("fancy").network(2)


@pytest.mark.parametrize(
    ("manner", "name", "sha", "error"),
    [
        ("wrong", "a.pth", None, DownloadError),
        ("good", "a.zip", None, InputError),
        ("good", "a.pth", "12", InputError),
        ("good", "a.pth", None, ModelLoadError),
    ],
)
def test_failed_additions_leave_nothing(server, models_home, manner, name, sha, error):
    server.data = json.dumps({"not": "tensors"}).encode()
    with pytest.raises(error):
        add_model(server.url(manner, name), sha or hashlib.sha256(server.data).hexdigest(), "mine")
    assert stored(models_home) == []
    assert not list(models_home.rglob(".adding*"))


def test_cancelling_an_addition_leaves_nothing(server, models_home, checkpoint):
    server.data = checkpoint().read_bytes()

    def stop(done, total):
        raise CancelledError("enough")

    sha = hashlib.sha256(server.data).hexdigest()
    with pytest.raises(CancelledError):
        add_model(server.url("good", "a.safetensors"), sha, progress=stop)
    assert stored(models_home) == []
