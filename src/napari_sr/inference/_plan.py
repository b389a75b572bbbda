"""Plans: what will run, decided before anything does, to be shown, asserted and then executed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_sr._text import format_bytes, format_seconds
from napari_sr.imaging import output_length
from napari_sr.inference._tiles import AxisTiling, Span, count_pieces, longest_piece, split

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from napari_sr.imaging import Axes
    from napari_sr.inference._tiles import Tile
    from napari_sr.models import Model, Tiling

__all__ = ["WIDE_CONTEXT", "AnyPlan", "IsotropicPlan", "Plan", "working_dtype"]

WIDE_CONTEXT = 72
"""Context in pixels for networks with an unbounded receptive field; beyond it the attention of the published ones acts
through statistics of the whole image alone. A network that needs as much is treated like them."""
_STATISTICS_PASSES = 3
"""Passes in seamless mode: each makes one more layer exact, and after three what remains is below a gray level."""
_STATISTICS_HALO = 48
"""Context of a tile in a statistics pass: a mean over the whole image depends less on the edges of its tiles."""
_TOLERANCE = {"seamless": 0.015, "exact": 2e-3}
"""Relative change of the statistics in one pass below which there is no further one; measured in docs/tiling.md."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided about a run. Make one with `napari_sr.plan`; print it to see what will happen."""

    model: Model = field(repr=False, compare=False)
    """The loaded model."""
    model_id: str
    """Its id."""
    scale: tuple[float, float]
    """Output pixels per input pixel along Y and X; exact also where the output's size is rounded."""
    native_scales: tuple[int, ...]
    """Native scales of the networks that run one after the other; empty where nothing is enlarged."""
    axes: Axes
    """Letters and shape of the input."""
    dtype: np.dtype[Any]
    """Of input and output."""
    device: str
    """``"cpu"``, ``"cuda:0"`` or ``"mps"``."""
    precision: str
    """``"float32"``, ``"bfloat16"`` or ``"float16"``."""
    tile: tuple[int, int]
    """Longest tile along Y and X, in input pixels; its output is kept."""
    halo: int
    """Context around a tile, in input pixels; its output is discarded."""
    batch: int
    """Tiles that run at once."""
    ensemble: bool = False
    """Whether outputs are averaged over the eight flips and rotations."""
    intensity_range: tuple[float, float] | None = None
    """Intensities that the networks see as black and white; None to measure them."""
    alignment: int = 1
    """Windows start at multiples of it."""
    tiling: Tiling = "allowed"
    """Whether the networks may be given parts of an image: "allowed", "discouraged" (seams may show), or "never"."""
    statistics_layers: int = 0
    """Layers that use statistics of the whole image; where it is cut, passes over all tiles gather them first."""
    tile_mode: str = "seamless"
    """How far those statistics must have settled: "seamless" or "exact"."""
    uncertainty: bool = False
    """Whether the standard deviation over the ensemble is returned, too."""
    runner: str = "torch"
    """Library that executes the networks."""
    memory: int | None = None
    """Estimated bytes needed beside input and output; None if unknown."""
    seconds: float | None = None
    """Estimated duration; None if unknown."""

    @property
    def parts(self) -> tuple[Plan, ...]:
        """The runs that the plan consists of: this one."""
        return (self,)

    @property
    def checked(self) -> bool:
        """Whether outputs are compared with their input; those of bicubic itself need not be."""
        return self.model.card.architecture != "bicubic"

    @property
    def native_scale(self) -> int:
        """Product of the native scales."""
        return math.prod(self.native_scales)

    @property
    def z_scale(self) -> float:
        """Output planes per input plane: 1."""
        return 1.0

    @property
    def in_shape(self) -> tuple[int, ...]:
        """Shape of the input."""
        return self.axes.shape

    @property
    def out_axes(self) -> Axes:
        """Letters and shape of the output."""
        height, width = map(output_length, self.axes.size, self.scale)
        return self.axes.resized((height, width))

    @property
    def out_shape(self) -> tuple[int, ...]:
        """Shape of the output."""
        return self.out_axes.shape

    @property
    def bytes_out(self) -> int:
        """Bytes of the output image."""
        return math.prod(self.out_shape) * self.dtype.itemsize

    @property
    def deviation_dtype(self) -> np.dtype[Any]:
        """Type of the standard deviation: float32, or float64 for images of 64 bits."""
        return np.dtype(np.float64 if self.dtype.itemsize == 8 else np.float32)

    @property
    def bytes_held(self) -> int:
        """Bytes of all that a run holds as a whole: the output, and the standard deviation where it is wanted."""
        deviation = self.deviation_dtype.itemsize if self.uncertainty else 0
        return math.prod(self.out_shape) * (self.dtype.itemsize + deviation)

    @property
    def frames(self) -> int:
        """Images in the stack."""
        return math.prod(self.axes.stack_shape)

    @property
    def largest_tile(self) -> tuple[int, int]:
        """Height and width of the largest tile: tiles are about equal, and none is longer than `tile`."""
        height, width = map(longest_piece, self.axes.size, self.tile)
        return height, width

    @property
    def axis_tilings(self) -> tuple[AxisTiling, AxisTiling]:
        """How Y and X of the whole image are cut."""
        y, x = (
            self._axis_tiling(split(Span(0, n), longest), Span(0, n), longest)
            for n, longest in zip(self.axes.size, self.tile, strict=True)
        )
        return y, x

    def axis_tilings_for(
        self, tiles: Collection[Tile], y: Span, x: Span
    ) -> tuple[AxisTiling, AxisTiling]:
        """How Y and X are cut for some tiles where only the pixels `y` and `x` can be read."""
        return (
            self._axis_tiling({tile.y for tile in tiles}, y, self.tile[0]),
            self._axis_tiling({tile.x for tile in tiles}, x, self.tile[1]),
        )

    @property
    def wants_wide_context(self) -> bool:
        """Whether the receptive field is unbounded or wider than `WIDE_CONTEXT`.

        Such networks get as much context as memory allows.
        """
        return self.statistics_layers > 0 or self.alignment > 1 or self.halo >= WIDE_CONTEXT

    def _axis_tiling(self, tiles: Iterable[Span], bounds: Span, longest: int) -> AxisTiling:
        if self.wants_wide_context:
            # Border windows extend inward. The need for statistics passes depends on the window size only, so it must
            # not change when tiles shrink after an out-of-memory error.
            length = min(longest, bounds.length)
            return AxisTiling.for_any_position(length, bounds, self.halo, self.alignment)
        return AxisTiling.fitted_to(tiles, bounds, self.halo, self.alignment)

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of what the networks see at once, in input pixels."""
        y, x = self.axis_tilings
        return y.window, x.window

    @property
    def statistics_passes(self) -> int:
        """Passes over all tiles, at most, that gather statistics of the whole image before it is enlarged."""
        if not self.statistics_layers or self.window == self.axes.size:
            return 0
        if self.tile_mode == "exact":  # each pass makes one more layer exact, at the latest
            return self.statistics_layers
        return min(self.statistics_layers, _STATISTICS_PASSES)

    @property
    def tolerance(self) -> float:
        """Relative change of the statistics in one pass below which there is no further one."""
        return _TOLERANCE[self.tile_mode]

    @property
    def statistics_plan(self) -> Plan:
        """The plan of a statistics pass: larger tiles with less context, in windows of the same size."""
        spare = max(0, self.halo - _STATISTICS_HALO)
        height, width = (n + 2 * spare for n in self.tile)
        return replace(self, tile=(height, width), halo=self.halo - spare)

    @property
    def seams(self) -> bool:
        """Whether tiles may not fit together: the networks see more than a window and take no positions."""
        return self.tiling == "discouraged" and self.window != self.axes.size

    @property
    def n_tiles(self) -> int:
        """Tiles of the whole stack; 0 where nothing is enlarged."""
        if not self.native_scales:
            return 0
        rows, columns = map(count_pieces, self.axes.size, self.tile)
        return self.frames * rows * columns

    @property
    def steps(self) -> int:
        """Tiles to run, at most, those of statistics passes included."""
        passes = self.statistics_passes
        return self.n_tiles + (passes * self.statistics_plan.n_tiles if passes else 0)

    def __str__(self) -> str:
        """One line for people."""
        text = _describe(self)
        return text if self.native_scales else f"{text}, unchanged"


@dataclass(frozen=True, slots=True)
class IsotropicPlan:
    """How a stack becomes isotropic: its planes are enlarged first, then its slices along Z."""

    base: Plan
    """For Y and X, in the dtype of the input."""
    slices: tuple[Plan, Plan]
    """For XZ and YZ slices of the enlarged stack, along Z alone."""

    @property
    def parts(self) -> tuple[Plan, ...]:
        """The runs that the plan consists of, in their order."""
        return (self.base, *self.slices)

    @property
    def model(self) -> Model:
        """The loaded model."""
        return self.base.model

    @property
    def model_id(self) -> str:
        """Id of the model."""
        return self.base.model_id

    @property
    def scale(self) -> tuple[float, float]:
        """Output pixels per input pixel along Y and X."""
        return self.base.scale

    @property
    def z_scale(self) -> float:
        """Output planes per input plane."""
        return self.slices[0].scale[0]

    @property
    def axes(self) -> Axes:
        """Letters and shape of the input."""
        return self.base.axes

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of input and output."""
        return self.base.dtype

    @property
    def device(self) -> str:
        """Device of all runs."""
        return self.base.device

    @property
    def precision(self) -> str:
        """Precision of all runs."""
        return self.base.precision

    @property
    def uncertainty(self) -> bool:
        """Whether the standard deviation is returned, too: never."""
        return False

    @property
    def in_shape(self) -> tuple[int, ...]:
        """Shape of the input."""
        return self.base.in_shape

    @property
    def out_axes(self) -> Axes:
        """Letters and shape of the output."""
        return replace(self.base.axes, shape=self.slices[0].out_shape)

    @property
    def out_shape(self) -> tuple[int, ...]:
        """Shape of the output."""
        return self.slices[0].out_shape

    @property
    def bytes_out(self) -> int:
        """Bytes of the output image."""
        return math.prod(self.out_shape) * self.dtype.itemsize

    @property
    def bytes_held(self) -> int:
        """Bytes of all that a run holds as a whole at a time.

        The input in the working type beside the enlarged planes, or these beside both volumes; the output is made of
        one volume in the working type.
        """
        itemsize = working_dtype(self.dtype).itemsize
        planes, volume = (
            math.prod(self.base.out_shape) * itemsize,
            math.prod(self.out_shape) * itemsize,
        )
        first = math.prod(self.in_shape) * itemsize + planes
        return max(first, planes + 2 * volume, volume + self.bytes_out)

    @property
    def n_tiles(self) -> int:
        """Tiles of all runs together."""
        return sum(part.n_tiles for part in self.parts)

    @property
    def steps(self) -> int:
        """Tiles to run, at most, those of statistics passes included."""
        return sum(part.steps for part in self.parts)

    @property
    def memory(self) -> int | None:
        """Estimated bytes needed beside what is held as a whole; None if unknown."""
        return max((part.memory or 0 for part in self.parts), default=0) or None

    @property
    def seconds(self) -> float | None:
        """Estimated duration; None if unknown."""
        known = [part.seconds for part in self.parts if part.native_scales]
        return None if None in known else sum(filter(None, known))

    def __str__(self) -> str:
        """One line for people."""
        return _describe(self, f", Z x{self.z_scale:g} from XZ and YZ slices")


AnyPlan: TypeAlias = Plan | IsotropicPlan
"""A plan of either kind: both have parts, shapes, steps and estimates, and print as one line."""


def working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Type of volumes between the runs: wide enough that nothing is rounded twice."""
    narrow = dtype.itemsize <= 2 or dtype == np.float32
    return np.dtype(np.float32 if narrow else np.float64)


def _describe(plan: AnyPlan, enlarged_z: str = "") -> str:
    """One line for people about a plan of either kind.

    Parameters
    ----------
    plan : Plan or IsotropicPlan
        The plan.
    enlarged_z : str
        What happens along Z.

    Returns
    -------
    str
        Model, shapes, tiles, memory, time and device.
    """
    scale = "x".join(f"{factor:g}" for factor in dict.fromkeys(plan.scale))
    text = (
        f"{plan.model_id} x{scale}, {_shape(plan.in_shape)} -> {_shape(plan.out_shape)} "
        f"{plan.dtype.name} ({format_bytes(plan.bytes_out)}){enlarged_z}"
    )
    main = next((part for part in plan.parts if part.native_scales), None)
    if main is None:
        return text
    tile = "x".join(str(n) for n in dict.fromkeys(main.tile))
    count = plan.n_tiles
    text += f", tile {tile} + halo {main.halo}, batch {main.batch}, {count} tile{'s' * (count > 1)}"
    if any(part.seams for part in plan.parts):
        text += " with seams"
    if main.ensemble:
        text += ", ensemble of 8"
    if plan.memory is not None:
        text += f", about {format_bytes(plan.memory)}"
    if plan.seconds is not None:
        text += f", about {format_seconds(plan.seconds)}"
    return f"{text} on {main.device} ({main.precision})"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
