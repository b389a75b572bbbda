"""Loading of models: by an id of the catalog, or from a checkpoint file of a known or unknown origin."""

from __future__ import annotations

import threading
from contextlib import contextmanager
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
from napari_sr.models import _expected_input, _files
from napari_sr.models._assemble import Assembled, assemble
from napari_sr.models._card import PROGRAMS, Checkpoint, Color, ModelCard, accept_british_spelling
from napari_sr.models._catalog import (
    find_by_sha256,
    find_card,
    is_bundled,
    list_models,
    local_scales,
    path_of,
)
from napari_sr.models._external import PROBE_SECONDS, read_program
from napari_sr.models._model import Model, ready
from napari_sr.models._sandbox import SandboxedProgram, limited
from napari_sr.models._torchscript import read_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import nn

__all__ = ["load_model"]

_LOADED: dict[str, Model] = {}
_LOCK = threading.Lock()
_KEPT = 4
"""Networks of files that are kept: on a cluster, every block of an image comes with its pickled model."""


@accept_british_spelling
def load_model(
    model: str | Path | Model,
    *,
    value_range: float | None = None,
    color: Color | None = None,
    trust_program: bool = False,
) -> Model:
    """Load a model.

    Parameters
    ----------
    model : str, Path or Model
        An id of the catalog in any case (see `list_models`), the path of a checkpoint (``.safetensors``, or ``.pth``,
        ``.pt``, ``.model``, ``.bin``, ``.ckpt`` as PyTorch writes them), or a loaded model. For a path,
        the architecture, scale and size are recognized from the tensors, and branches that serve for training
        only are merged. Of a TorchScript file, only the tensors are used, if they belong to a known architecture.
        Other TorchScript and ONNX files are programs; see `trust_program`.
    value_range : float, optional
        1 or 255: the network expects values in ``[0, value_range]``. Default: that of its card. For a file of
        unknown origin both are tried, and the summary of the card states the result.
    color : {"Y", "RGB", "grey"}, optional
        What the network was trained on. Default: that of its card, or determined by its input channels.
    trust_program : bool, optional
        Run a TorchScript or ONNX file as the program that it is. A program from a file computes on this machine
        whatever its author wrote into it. It is checked, and it can neither read nor write files as far as is
        known, but open only files from people whom you trust. A file with the same SHA-256 that was imported
        with this agreement needs none again.

    Returns
    -------
    Model
        Its networks are opened when they are first used.

    Raises
    ------
    ModelNotFoundError
        If there is no such model or file (similar ids are suggested), or the model must be downloaded first.
    ModelLoadError
        If the file is damaged, or its tensors belong to no known architecture.
    UntrustedProgramError
        If the file holds a program, and the user has not agreed to run it.
    ModelRangeError
        If the value range cannot be determined, or the network cannot expect `value_range` or `color`.
    InputError
        If `model` is of another type.
    """
    if isinstance(model, str):
        model = _by_name(model)
    if isinstance(model, Path):
        path = model.expanduser()
        with _one_line_errors(path):
            return _from_file(path, value_range, color, trust_program)
    if not isinstance(model, Model):
        raise InputError(
            f"model must be an id, a path or a loaded model, not {type(model).__name__}"
        )
    return _with(model, value_range, color)


@contextmanager
def _one_line_errors(path: Path) -> Iterator[None]:
    """Turn every error about a file into one of ours, in one line that is safe to print."""
    try:
        yield
    except NapariSRError as error:
        text = str(error)
        if text.isprintable():
            raise
        # the name of the file itself
        raise type(error)(one_line(text)) from error
    except Exception as error:
        # damage of unforeseen kinds
        name = one_line(path.name)
        raise ModelLoadError(
            f"{name}: cannot be loaded ({type(error).__name__}: {error_line(error)})"
        ) from error


def _by_name(name: str) -> Model | Path:
    """Model of the catalog, or the name as a path."""
    cards = {card.id: card for card in list_models()}
    if name in cards:
        return _of_catalog(cards[name])
    path = Path(name)
    if path.suffix.lower() in _files.SUFFIXES or path.is_file():
        return path
    return _of_catalog(find_card(name))


def _of_catalog(card: ModelCard) -> Model:
    """Model of a card. It is kept, so that its networks are opened once, until the card is replaced."""
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
    """Advice about a file that is missing or damaged."""
    if is_bundled(card):
        return "reinstall napari-sr"
    if any(checkpoint.url for checkpoint in card.checkpoints):
        return f"run: napari-sr models download {card.id}"
    return f"run: napari-sr models remove {card.id}, and import it again"


def _with(model: Model, value_range: float | None, color: Color | None) -> Model:
    if value_range is None and color is None:
        return model
    channels = 3 if model.card.color == "RGB" else 1
    _expected_input.check_input(value_range, color, channels)
    card = replace(
        model.card,
        value_range=value_range or model.card.value_range,
        color=color or model.card.color,
    )
    return Model(card, model.network, (_with, (model, value_range, color)))


def _from_card(card: ModelCard) -> Model:
    return Model(
        card, lambda scale: _open(card, card.checkpoint(scale)), rebuild=(_of_catalog, (card,))
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
    """Model of a checkpoint file, whose expected input the user states, or the file, or a test of the network."""
    _files.check_file(path)
    # a file that claims to be large is hashed only after it was found to be what it claims
    runs = _files.kind_of(path) in PROGRAMS
    digest = sha256(path) if runs else ""
    known = find_by_sha256(digest) if runs else None
    agreed = trust_program or _trusted(known, digest)
    metadata, assembled = _opened(path, digest, trusted=agreed)
    digest = digest or sha256(path)
    known = known or find_by_sha256(digest)
    runs = assembled.architecture.id in PROGRAMS
    network = ready(assembled.network)
    checkpoint = _checkpoint(path, digest, network, trusted_program=runs)
    if known is not None and known.is_program == runs:
        card = replace(known, checkpoints=(checkpoint,))
        return _with(_of_file(path, card, network), value_range, color)
    architecture, channels = assembled.architecture, cast("int", network.in_channels)
    _expected_input.check_input(value_range, color, channels)
    how = "as you say"
    if value_range is None:
        with limited(network, PROBE_SECONDS):
            value_range, how = _expected_input.range_of(metadata, architecture, network, path.name)
    told = {name: one_line(text) for name, text in metadata.items()}
    title = one_line(path.stem)
    card = ModelCard(
        id=title,
        title=title,
        architecture=architecture.id,
        summary=told.get("summary")
        or f"{architecture.title}, x{checkpoint.scale}; values to {value_range:g}, {how}",
        group="Mine",
        color=color or _expected_input.color_of(metadata, architecture, channels),
        value_range=value_range,
        license=told.get("license", "not stated"),
        source=told.get("source", one_line(str(path))),
        paper=architecture.url or told.get("paper", ""),
        training_data=told.get("training_data", ""),
        checkpoints=(checkpoint,),
    )
    return _of_file(path, card, network)


def _trusted(card: ModelCard | None, digest: str) -> bool:
    """Whether the catalog records that the user agreed to run the file with this SHA-256."""
    checkpoints = () if card is None else card.checkpoints
    return any(each.trusted_program and each.sha256 == digest for each in checkpoints)


def _of_file(path: Path, card: ModelCard, network: nn.Module) -> Model:
    return Model(card, lambda _: network, rebuild=(_rebuild_from_file, (path.resolve(), card)))


def _rebuild_from_file(path: Path, card: ModelCard) -> Model:
    """Model of a checkpoint file that another process opened before it pickled the model."""
    (checkpoint,) = card.checkpoints
    with _LOCK:
        network = _open_for_rebuild(path, checkpoint.sha256, checkpoint.trusted_program)
        return _of_file(path, card, network)


@lru_cache(maxsize=_KEPT)
def _open_for_rebuild(path: Path, expected: str, trusted: bool) -> nn.Module:
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: no such file on {gethostname()}")
    if sha256(path) != expected:
        raise ModelLoadError(f"{path} on {gethostname()} is another file than where the run began")
    return ready(_opened(path, expected, trusted=trusted)[1].network)


def _opened(path: Path, digest: str, *, trusted: bool) -> tuple[Mapping[str, str], Assembled]:
    """Metadata of a file, and its network, built from its tensors; or the program in it, if that is trusted."""
    with _one_line_errors(path):
        kind = _files.kind_of(path)
        if kind not in PROGRAMS:
            contents = _files.read(path)
            return contents.metadata, _assembled(contents, path.name)
        return read_program(path, kind, digest) if trusted else _without_program(path, kind)


def _assembled(contents: _files.Contents, name: str) -> Assembled:
    try:
        return assemble(contents, name)
    except ModelLoadError as error:
        from napari_sr.models._spandrel import read_with_spandrel

        return read_with_spandrel(contents, name, error)


def _without_program(path: Path, kind: _files.Kind) -> tuple[Mapping[str, str], Assembled]:
    """Network built from the tensors of a TorchScript file, if they belong to a known architecture."""
    if kind == "torchscript":
        try:
            tensors, metadata = read_tensors(path)
            # the architecture is recognised, since a program may do more with these tensors than that
            told = {name: text for name, text in metadata.items() if name in _TRUSTED_METADATA}
            return told, _assembled(_files.Contents(tensors, told), path.name)
        except ModelLoadError:
            pass
    name = {"torchscript": "TorchScript", "onnx": "ONNX"}[kind]
    raise UntrustedProgramError(
        f"{path.name}: is a program ({name}) that would run on this machine, and is not opened; save the state_dict() "
        "of its network instead, or pass trust_program=True (--trust-program) if you trust its author"
    )


_TRUSTED_METADATA = (
    "summary",
    "color",
    "value_range",
    "license",
    "source",
    "paper",
    "training_data",
)
"""Metadata that is used of a TorchScript file of which only the tensors are used."""


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
