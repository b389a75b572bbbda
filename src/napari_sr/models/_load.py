"""One function that makes a model ready to run, whatever the user has in hand."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, cast

from napari_sr._files import sha256
from napari_sr._text import error_line, one_line
from napari_sr.architectures import registry
from napari_sr.errors import (
    InputError,
    ModelLoadError,
    ModelNotFoundError,
    NapariSRError,
    UntrustedProgramError,
)
from napari_sr.models import _facts, _files
from napari_sr.models._assemble import Assembled, assemble
from napari_sr.models._card import PROGRAMS, Checkpoint, Color, ModelCard
from napari_sr.models._catalog import card_of, list_models
from napari_sr.models._foreign import PROBE_SECONDS, read_foreign
from napari_sr.models._home import is_bundled, local_scales, path_of
from napari_sr.models._model import Model, ready
from napari_sr.models._sandbox import SandboxedProgram, limited
from napari_sr.models._torchscript import read_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

__all__ = ["load_model"]

_LOADED: dict[str, Model] = {}
_LOCK = threading.Lock()
_KEPT = 4
"""Networks of files that are kept where each block of an image brings its model along, as on a cluster."""


def load_model(
    model: str | Path | Model,
    *,
    value_range: float | None = None,
    color: Color | None = None,
    trust_program: bool = False,
) -> Model:
    """Make a model ready to run.

    Parameters
    ----------
    model : str, Path or Model
        An id of the catalog (see `list_models`), the path of a checkpoint (``.safetensors``, or ``.pth``,
        ``.pt``, ``.model``, ``.bin``, ``.ckpt`` as PyTorch writes them), or a loaded model. For a path,
        the architecture, scale and size are recognised from the tensors; networks that train with more
        branches than they need are merged. Of a TorchScript file, the tensors alone are taken, if they belong to
        a known architecture. Other TorchScript and ONNX files are programs; see `trust_program`.
    value_range : float, optional
        1 or 255: the network expects values in ``[0, value_range]``. Left out: what its card says; for
        a file of unknown origin it is found by trying both, and the card's summary says so.
    color : {"Y", "RGB", "grey"}, optional
        What the network was trained on. Left out: what its card says, or by its input channels.
    trust_program : bool, optional
        Run a TorchScript or ONNX file as the program that it is. A program from a file computes on this machine
        whatever its author wrote into it. It is checked, and it can neither read nor write files as far as is
        known, but open only files from people whom you trust. A file with the same SHA-256 that was imported
        with this agreement needs none again.

    Raises
    ------
    ModelNotFoundError
        If there is no such model or file, and near names are suggested; or if it must be downloaded first.
    ModelLoadError
        If the file is damaged, not recognised, or does not fit.
    UntrustedProgramError
        If the file holds a program, and nobody agreed to run it.
    ModelRangeError
        If the value range cannot be told, or `value_range` or `color` cannot be meant.
    InputError
        If `model` is of another type.
    """
    if isinstance(model, str):
        model = _by_name(model)
    if isinstance(model, Path):
        return _from_file(model.expanduser(), value_range, color, trust_program)
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
    if sha256(path) != checkpoint.sha256:
        raise ModelLoadError(
            f"{checkpoint.file}: changed or damaged (wrong SHA-256); {_remedy(card)}"
        )
    try:
        network = _opened(path, checkpoint.sha256, trusted=checkpoint.trusted_program)[1].network
    except UntrustedProgramError as error:
        raise UntrustedProgramError(
            f"{card.id}: is a program that you did not agree to run; run: napari-sr models remove {card.id}, "
            "and import its file with --trust-program if you trust its author"
        ) from error
    if network.scale != checkpoint.scale:
        raise ModelLoadError(
            f"{checkpoint.file}: is x{network.scale}, its card says x{checkpoint.scale}"
        )
    return network


def _from_file(
    path: Path, value_range: float | None, color: Color | None, trust_program: bool
) -> Model:
    """Model of one checkpoint file; what it expects is as the user says, or found out."""
    _files.check_file(path)
    digest = sha256(path)
    known = _facts.twin(digest)
    agreed = trust_program or _trusted(known, digest)
    metadata, assembled = _opened(path, digest, trusted=agreed)
    runs = assembled.architecture.id in PROGRAMS
    network = ready(assembled.network)
    checkpoint = _checkpoint(path, digest, network, trusted_program=runs)
    if known is not None and known.is_program == runs:
        card = replace(known, checkpoints=(checkpoint,))
        return _with(_of_file(path, card, network), value_range, color)
    architecture, channels = assembled.architecture, cast("int", network.in_channels)
    _facts.check(value_range, color, channels)
    how = "as you say"
    if value_range is None:
        with limited(network, PROBE_SECONDS):
            value_range, how = _facts.range_of(metadata, architecture, network, path.name)
    told = {name: one_line(text) for name, text in metadata.items()}
    title = one_line(path.stem)
    card = ModelCard(
        id=title,
        title=title,
        architecture=architecture.id,
        summary=told.get("summary")
        or f"{architecture.title}, x{checkpoint.scale}; values to {value_range:g}, {how}",
        group="Mine",
        color=color or _facts.color_of(metadata, architecture, channels),
        value_range=value_range,
        license=told.get("license", "not stated"),
        source=told.get("source", one_line(str(path))),
        paper=architecture.url or told.get("paper", ""),
        training_data=told.get("training_data", ""),
        checkpoints=(checkpoint,),
    )
    return _of_file(path, card, network)


def _trusted(card: ModelCard | None, digest: str) -> bool:
    """Whether the user agreed earlier to run the file with this SHA-256."""
    checkpoints = () if card is None else card.checkpoints
    return any(each.trusted_program and each.sha256 == digest for each in checkpoints)


def _of_file(path: Path, card: ModelCard, network: nn.Module) -> Model:
    return Model(card, lambda _: network, again=(_of_file_again, (path.resolve(), card)))


def _of_file_again(path: Path, card: ModelCard) -> Model:
    """Model of a checkpoint file that another process has opened already."""
    (checkpoint,) = card.checkpoints
    with _LOCK:
        network = _opened_again(path, checkpoint.sha256, checkpoint.trusted_program)
        return _of_file(path, card, network)


@lru_cache(maxsize=_KEPT)
def _opened_again(path: Path, expected: str, trusted: bool) -> nn.Module:
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: no such file on {gethostname()}")
    if sha256(path) != expected:
        raise ModelLoadError(f"{path} on {gethostname()} is another file than where the run began")
    return ready(_opened(path, expected, trusted=trusted)[1].network)


def _opened(path: Path, digest: str, *, trusted: bool) -> tuple[Mapping[str, str], Assembled]:
    """What a file says about itself, and its network: made of its tensors, or a program if that is trusted."""
    try:
        _files.check_file(path)
        kind = _files.kind_of(path)
        if kind not in PROGRAMS:
            contents = _files.read(path)
            return contents.metadata, _assembled(contents, path.name)
        return read_foreign(path, kind, digest) if trusted else _without_program(path, kind)
    except NapariSRError:
        raise
    except Exception as error:
        # a file can be damaged in ways that nobody foresaw
        raise ModelLoadError(
            f"{path.name}: cannot be loaded ({type(error).__name__}: {error_line(error)})"
        ) from error


def _assembled(contents: _files.Contents, name: str) -> Assembled:
    try:
        return assemble(contents, name)
    except ModelLoadError as error:
        from napari_sr.models._spandrel import read_with_spandrel

        return read_with_spandrel(contents, name, error)


def _without_program(path: Path, kind: _files.Kind) -> tuple[Mapping[str, str], Assembled]:
    """Network made of the tensors in a TorchScript file, if they belong to a known architecture."""
    if kind == "torchscript":
        try:
            tensors, metadata = read_tensors(path)
            # the architecture is recognised, since a program may do more with these tensors than that
            told = {name: text for name, text in metadata.items() if name in _TOLD}
            return told, _assembled(_files.Contents(tensors, told), path.name)
        except ModelLoadError:
            pass
    name = {"torchscript": "TorchScript", "onnx": "ONNX"}[kind]
    raise UntrustedProgramError(
        f"{path.name}: is a program ({name}) that would run on this machine, and is not opened; save the state_dict() "
        "of its network instead, or pass trust_program=True (--trust-program) if you trust its author"
    )


_TOLD = ("summary", "color", "value_range", "license", "source", "paper", "training_data")
"""What is believed of a TorchScript file whose tensors alone are taken."""


def _checkpoint(
    path: Path, digest: str, network: nn.Module, *, trusted_program: bool
) -> Checkpoint:
    program = getattr(network, "program", None)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    if isinstance(program, SandboxedProgram):
        parameters = program.parameter_count
    return Checkpoint(
        scale=cast("int", network.scale),
        file=path.name,
        sha256=digest,
        size=path.stat().st_size,
        parameters=parameters,
        trusted_program=trusted_program,
    )
