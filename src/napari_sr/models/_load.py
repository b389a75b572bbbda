"""One function that makes a model ready to run, whatever the user has in hand."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, cast

from napari_sr.architectures import registry
from napari_sr.errors import InputError, ModelLoadError, ModelNotFoundError
from napari_sr.models import _facts, _files
from napari_sr.models._assemble import Assembled, assemble
from napari_sr.models._card import Checkpoint, Color, ModelCard
from napari_sr.models._catalog import card_of, list_models
from napari_sr.models._foreign import is_foreign, read_foreign
from napari_sr.models._home import is_bundled, local_scales, path_of
from napari_sr.models._model import Model, ready

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

__all__ = ["load_model"]

_LOADED: dict[str, Model] = {}
_LOCK = threading.Lock()
_KEPT = 4
"""Networks of files that are kept where each block of an image brings its model along, as on a cluster."""


def load_model(
    model: str | Path | Model, *, value_range: float | None = None, color: Color | None = None
) -> Model:
    """Make a model ready to run.

    Parameters
    ----------
    model : str, Path or Model
        An id of the catalog (see `list_models`), the path of a checkpoint (``.safetensors``, or ``.pth``,
        ``.pt``, ``.model``, ``.bin``, ``.ckpt`` as PyTorch writes them), or a loaded model. For a path,
        the architecture, scale and size are recognised from the tensors; networks that train with more
        branches than they need are merged. TorchScript (``.pt``) and ONNX (``.onnx``) files are run as they
        are. No file's Python code is run; but TorchScript is a program, so open only what you trust.
    value_range : float, optional
        1 or 255: the network expects values in ``[0, value_range]``. Left out: what its card says; for
        a file of unknown origin it is found by trying both, and the card's summary says so.
    color : {"Y", "RGB", "grey"}, optional
        What the network was trained on. Left out: what its card says, or by its input channels.

    Raises
    ------
    ModelNotFoundError
        If there is no such model or file, and near names are suggested; or if it must be downloaded first.
    ModelLoadError
        If the file is damaged, not recognised, or does not fit.
    ModelRangeError
        If the value range cannot be told, or `value_range` or `color` cannot be meant.
    InputError
        If `model` is of another type.
    """
    if isinstance(model, str):
        model = _by_name(model)
    if isinstance(model, Path):
        return _from_file(model.expanduser(), value_range, color)
    if not isinstance(model, Model):
        raise InputError(
            f"model must be an id, a path or a loaded model, not {type(model).__name__}"
        )
    return _with(model, value_range, color)


def _by_name(name: str) -> Model | Path:
    """Model of the catalog, or the path that the name is."""
    cards = {card.id: card for card in list_models()}
    if name in cards:
        return _of_catalog(cards[name])
    path = Path(name)
    if path.suffix.lower() in _files.SUFFIXES or path.is_file():
        return path
    return _of_catalog(card_of(name))


def _of_catalog(card: ModelCard) -> Model:
    """The one model of a card, so that its networks are opened once; another one if the card was replaced."""
    if not local_scales(card):
        raise _missing(card, card.checkpoints[0])
    with _LOCK:
        if card.id not in _LOADED or _LOADED[card.id].card != card:
            _LOADED[card.id] = _from_card(card)
        return _LOADED[card.id]


def _missing(card: ModelCard, checkpoint: Checkpoint) -> ModelNotFoundError:
    what = f"the weights of {card.id} x{checkpoint.scale}"
    if is_bundled(card):
        return ModelNotFoundError(f"{what} ({checkpoint.file}) are missing; {_remedy(card)}")
    return ModelNotFoundError(f"{what} are not on this machine; {_remedy(card)}")


def _remedy(card: ModelCard) -> str:
    """What to do where a file is missing or damaged."""
    if is_bundled(card):
        return "reinstall napari-sr"
    if any(checkpoint.url for checkpoint in card.checkpoints):
        return f"run: napari-sr models download {card.id}"
    return f"run: napari-sr models remove {card.id}, and import it again"


def _with(model: Model, value_range: float | None, color: Color | None) -> Model:
    if value_range is None and color is None:
        return model
    channels = 3 if model.card.color == "RGB" else 1
    _facts.check(value_range, color, channels)
    card = replace(
        model.card,
        value_range=value_range or model.card.value_range,
        color=color or model.card.color,
    )
    return Model(card, model.network, (_with, (model, value_range, color)))


def _from_card(card: ModelCard) -> Model:
    return Model(
        card, lambda scale: _open(card, card.checkpoint(scale)), again=(_of_catalog, (card,))
    )


def _open(card: ModelCard, checkpoint: Checkpoint) -> nn.Module:
    """Network of a checkpoint of the catalog, its file verified."""
    if not checkpoint.file:
        return registry.get(card.architecture).build(scale=checkpoint.scale)
    path = path_of(card, checkpoint)
    if not path.is_file():
        raise _missing(card, checkpoint)
    if _files.sha256(path) != checkpoint.sha256:
        raise ModelLoadError(
            f"{checkpoint.file}: changed or damaged (wrong SHA-256); {_remedy(card)}"
        )
    network = _opened(path)[1].network
    if network.scale != checkpoint.scale:
        raise ModelLoadError(
            f"{checkpoint.file}: is x{network.scale}, its card says x{checkpoint.scale}"
        )
    return network


def _from_file(path: Path, value_range: float | None, color: Color | None) -> Model:
    """Model of one checkpoint file; what it expects is as the user says, or found out."""
    metadata, assembled = _opened(path)
    network = ready(assembled.network)
    checkpoint = _checkpoint(path, network)
    known = _facts.twin(checkpoint.sha256)
    if known is not None:
        card = replace(known, checkpoints=(checkpoint,))
        return _with(_of_file(path, card, network), value_range, color)
    architecture, channels = assembled.architecture, cast("int", network.in_channels)
    _facts.check(value_range, color, channels)
    how = "as you say"
    if value_range is None:
        value_range, how = _facts.range_of(metadata, architecture, network, path.name)
    card = ModelCard(
        id=path.stem,
        title=path.stem,
        architecture=architecture.id,
        summary=metadata.get("summary")
        or f"{architecture.title}, x{checkpoint.scale}; values to {value_range:g}, {how}",
        group="Mine",
        color=color or _facts.color_of(metadata, architecture, channels),
        value_range=value_range,
        license=metadata.get("license", "not stated"),
        source=metadata.get("source", str(path)),
        paper=architecture.url or metadata.get("paper", ""),
        training_data=metadata.get("training_data", ""),
        checkpoints=(checkpoint,),
    )
    return _of_file(path, card, network)


def _of_file(path: Path, card: ModelCard, network: nn.Module) -> Model:
    return Model(card, lambda _: network, again=(_of_file_again, (path.resolve(), card)))


def _of_file_again(path: Path, card: ModelCard) -> Model:
    """Model of a checkpoint file that another process knows already."""
    with _LOCK:
        return _of_file(path, card, _opened_again(path, card.checkpoints[0].sha256))


@lru_cache(maxsize=_KEPT)
def _opened_again(path: Path, sha256: str) -> nn.Module:
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: no such file on {gethostname()}")
    if _files.sha256(path) != sha256:
        raise ModelLoadError(f"{path} on {gethostname()} is another file than where the run began")
    return ready(_opened(path)[1].network)


def _opened(path: Path) -> tuple[Mapping[str, str], Assembled]:
    """What a file says of itself, and its network: out of tensors, or a program that was made elsewhere."""
    if is_foreign(path):
        return read_foreign(path)
    contents = _files.read(path)
    try:
        return contents.metadata, assemble(contents, path.name)
    except ModelLoadError as error:
        from napari_sr.models._spandrel import read_with_spandrel

        return contents.metadata, read_with_spandrel(contents, path.name, error)


def _checkpoint(path: Path, network: nn.Module) -> Checkpoint:
    return Checkpoint(
        scale=cast("int", network.scale),
        file=path.name,
        sha256=_files.sha256(path),
        size=path.stat().st_size,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
    )
