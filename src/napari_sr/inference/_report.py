"""What comes back from a run: the image, and a report of what happened on the way."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from typing import TYPE_CHECKING, Any

from napari_sr._dask import active_client, log_event
from napari_sr._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from numpy.typing import NDArray

    from napari_sr.imaging import Array, SpatialImage
    from napari_sr.inference._plan import AnyPlan

__all__ = ["Facts", "Progress", "Report", "RunLog", "UpscaleResult"]

_PACKAGES = ("numpy", "torch")
"""Packages, beside this one, whose versions decide about the values of a result."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: int
    """Tiles that are done; passes that gather statistics count each tile again."""
    total: int
    """Tiles in all; grows when memory runs out and tiles are made smaller."""
    messages: tuple[str, ...] = ()
    """What the user should know so far, such as that memory ran out; one line each."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What happened in a run, or in a part of it."""

    replaced: Mapping[str, int] = field(default_factory=dict)
    """Input pixels for which bicubic replaced the network's output, by the reason."""
    float32_repeats: int = 0
    """Windows that overflowed in low precision and were repeated in float32."""
    messages: tuple[str, ...] = ()
    """What the user should know, in the order of its first occurrence; one line each."""
    seconds: float = 0.0
    """Time that the computation took."""
    device: str | None = None
    """Device on which the run ended, where memory ran out on the planned one."""

    def __add__(self, other: Facts) -> Facts:
        return Facts(
            dict(Counter(self.replaced) + Counter(other.replaced)),
            self.float32_repeats + other.float32_repeats,
            tuple(dict.fromkeys((*self.messages, *other.messages))),
            self.seconds + other.seconds,
            other.device or self.device,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What was run and what happened: the source of a layer's metadata, a file's record and console messages."""

    plan: AnyPlan
    """What was run."""
    facts: Facts
    """What happened, in the parts that have been computed."""
    parts: tuple[int, int] = (1, 1)
    """Parts of the result that have been computed, and parts in all; a lazy result has one for each block."""

    @property
    def complete(self) -> bool:
        """Whether all of the result has been computed."""
        return self.parts[0] >= self.parts[1]

    @property
    def replaced_pixels(self) -> int:
        """Input pixels for which bicubic replaced the network's output."""
        return sum(self.facts.replaced.values())

    @property
    def messages(self) -> tuple[str, ...]:
        """What the user should know, one line each."""
        if not self.replaced_pixels:
            return self.facts.messages
        reasons = ", ".join(f"{n} {reason}" for reason, n in self.facts.replaced.items() if n)
        sentence = (
            f"bicubic replaces {self.plan.model_id} at {self.replaced_pixels} pixels, where its output strayed from "
            f"the image, as it does on hot pixels, noise or fine patterns: {reasons}"
        )
        return (*self.facts.messages, sentence)

    def record(self, source: str) -> dict[str, Any]:
        """The report as JSON can hold it, so that the result can be made again.

        Parameters
        ----------
        source : str
            Name of the image that was upscaled.

        Returns
        -------
        dict
            With the keys ``source``, ``model`` (id), ``sha256`` (of each checkpoint by its native scale), ``scale``
            (Y, X), ``z_scale``, ``native_scales`` (run one after the other), ``axes``, ``tile`` (Y, X), ``tile_mode``,
            ``halo``, ``batch``, ``device``, ``precision``, ``runner``, ``ensemble`` and ``versions``; and, once
            something has been computed, ``replaced`` (``pixels`` in all, ``why``: their numbers by the reason),
            ``float32_repeats``, ``remarks`` (messages) and ``seconds``. ``computed`` (blocks done, blocks in all) is
            there until a lazy result is complete.
        """
        parts = self.plan.parts
        main = next((part for part in parts if part.native_scales), parts[0])
        native_scales = {native for part in parts for native in part.native_scales}
        record: dict[str, Any] = {
            "source": source,
            "model": main.model_id,
            "sha256": {f"x{native}": main.model.sha256(native) for native in sorted(native_scales)},
            "scale": list(self.plan.scale),
            "z_scale": self.plan.z_scale,
            "native_scales": list(parts[0].native_scales),
            "axes": self.plan.axes.letters,
            "tile": list(main.tile),
            "tile_mode": main.tile_mode,
            "halo": main.halo,
            "batch": main.batch,
            "device": self.facts.device or main.device,
            "precision": main.precision,
            "runner": main.runner,
            "ensemble": main.ensemble,
            "versions": {
                "napari-sr": __version__,
                **{name: metadata.version(name) for name in _PACKAGES},
            },
        }
        if not self.complete:
            record["computed"] = list(self.parts)
        if self.parts[0]:
            replaced = {reason: n for reason, n in self.facts.replaced.items() if n}
            record["replaced"] = {"pixels": self.replaced_pixels, "why": replaced}
            record["float32_repeats"] = self.facts.float32_repeats
            record["remarks"] = list(self.messages)
            record["seconds"] = round(self.facts.seconds, 3)
        return record


class RunLog:
    """Collects the facts of a run, part by part; a part that is computed again replaces itself.

    Safe to use from several threads. A pickled copy, on a worker of a dask cluster, sends its facts to the scheduler,
    which passes them on.

    Parameters
    ----------
    parts : int
        Parts in all.
    """

    def __init__(self, parts: int = 1) -> None:
        self.parts = parts
        self._key = f"napari-sr-{uuid.uuid4().hex}"
        self._lock = threading.Lock()
        self._facts: dict[Hashable, Facts] = {}
        self._listeners: list[Callable[[], object]] = []

    def add(self, facts: Facts, part: Hashable = 0) -> None:
        """Record the facts of one part."""
        with self._lock:
            self._facts[part] = facts
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], object]) -> None:
        """Call a function after each part, in the thread that computed it."""
        with self._lock:
            self._listeners.append(listener)

    def total(self) -> tuple[Facts, int]:
        """Facts of all parts that have been computed, and how many these are."""
        with self._lock:
            return sum(self._facts.values(), Facts()), len(self._facts)

    def progress(self) -> Progress:
        """How many parts have been computed."""
        facts, done = self.total()
        return Progress(done, self.parts, facts.messages)

    def fetch(self) -> None:
        """Get what workers of a cluster have reported from its scheduler, once all parts are computed."""
        client = active_client()
        for _, message in client.get_events(self._key) if client is not None else ():
            self._keep(message)

    def follow(self) -> None:
        """Hear of parts that workers of the cluster in use compute, as soon as they report them."""
        client = active_client()
        if client is not None:
            client.subscribe_topic(self._key, self._hear)

    def _hear(self, event: tuple[float, Any]) -> None:
        self._keep(event[1])
        for listener in list(self._listeners):
            listener()

    def _keep(self, message: Mapping[str, Any]) -> None:
        with self._lock:
            self._facts[tuple(message["part"])] = Facts(
                **{**message["facts"], "messages": tuple(message["facts"]["messages"])}
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return _RemoteLog, (self._key,)


class _RemoteLog:
    """Stands for a `RunLog` in another process.

    Parameters
    ----------
    key : str
        Topic of the scheduler's events.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def add(self, facts: Facts, part: Hashable = 0) -> None:
        """Send the facts of one part to the scheduler; without one, as in dask's process pool, they are lost."""
        # A worker's messages keep their order, so these arrive before the block itself is reported as done.
        log_event(self._key, {"part": part, "facts": asdict(facts)})


@dataclass(frozen=True, eq=False)
class UpscaleResult:
    """An upscaled image, and the report of the run that made it."""

    image: Array | SpatialImage
    """The image as it was given: an array, a dask array, or a `SpatialImage` around one of them."""
    plan: AnyPlan
    """What was run, or will be where a lazy image is computed."""
    log: RunLog = field(repr=False)
    """Facts of the run, collected while it goes on."""
    deviation: NDArray[Any] | SpatialImage | None = None
    """Standard deviation over the self-ensemble, floating point, where it was asked for."""

    @property
    def report(self) -> Report:
        """What was run and what has happened so far; of a lazy image, in the blocks computed so far."""
        facts, done = self.log.total()
        return Report(self.plan, facts, (done, self.log.parts))

    def with_images(self, image: Any, deviation: Any = None) -> UpscaleResult:
        """The same result around other objects for its image and deviation."""
        return replace(self, image=image, deviation=deviation)
