"""Plan: what will run, decided before anything does, to be shown, asserted and then executed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from napari_sr.inference._tiles import Cut, Span, count_pieces, longest_piece, split
from napari_sr.inference._zoom import output_length

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import numpy as np

    from napari_sr.imaging import Axes
    from napari_sr.inference._tiles import Tile
    from napari_sr.models import Model
    from napari_sr.models._foreign import Tiling

TileMode = Literal["seamless", "exact"]
"""How alike tiled and whole image are where a network uses statistics of the whole image."""
FAR = 72
"""Context in pixels for networks that see everything; what sees as far is best given as much as there is."""
_LOOKS = 3
"""Each look makes one more layer exact, but what the first ones leave to the next ones is small."""
_LOOK_HALO = 48
"""Context of a tile that is only looked at: a mean over the image feels the edges of its tiles less."""
_SETTLED = {"seamless": 0.015, "exact": 2e-3}
"""Relative change of the statistics from one look to the next below which there is no further one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided about a run. Make one with `napari_sr.plan`; print it to see what will happen."""

    model: Model = field(repr=False, compare=False)
    """The loaded model."""
    model_id: str
    """Its id."""
    scale: tuple[float, float]
    """Output pixels per input pixel along Y and X; exact also where the output's size is rounded."""
    passes: tuple[int, ...]
    """Native scales run one after the other; empty where nothing is to be enlarged."""
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
    """Context around a tile, in input pixels; its output is thrown away."""
    batch: int
    """Tiles that run at once."""
    ensemble: bool = False
    """Whether the mean over the eight flips and rotations is taken."""
    intensity_range: tuple[float, float] | None = None
    """Intensities that the network sees as black and white; None to measure them."""
    alignment: int = 1
    """Windows start at multiples of it."""
    tiling: Tiling = "allowed"
    """Whether the model's networks may be given parts of an image: without a word, with a warning, or never."""
    statistics_layers: int = 0
    """Layers that use statistics of the whole image; where it is cut, they are gathered before."""
    tile_mode: TileMode = "seamless"
    """How well those statistics must have settled."""
    sides: tuple[Plan, ...] = ()
    """How XZ and YZ slices of the enlarged stack are enlarged along Z afterwards; empty unless it becomes isotropic."""
    uncertainty: bool = False
    """Whether the standard deviation over the ensemble is wanted, too."""
    memory: int | None = None
    """Estimated bytes needed beside input and output; None if unknown."""
    seconds: float | None = None
    """Estimated duration; None if unknown."""

    @property
    def guarded(self) -> bool:
        """Whether results are compared with their input; bicubic itself need not be."""
        return self.model.card.architecture != "bicubic"

    @property
    def native_scale(self) -> int:
        """Product of the passes."""
        return math.prod(self.passes)

    @property
    def in_shape(self) -> tuple[int, ...]:
        """Shape of the input."""
        return self.axes.shape

    @property
    def out_axes(self) -> Axes:
        """Letters and shape of the output."""
        if self.sides:
            return replace(self.axes, shape=self.sides[0].out_shape)
        height, width = (
            output_length(n, f) for n, f in zip(self.axes.size, self.scale, strict=True)
        )
        return self.axes.resized((height, width))

    @property
    def out_shape(self) -> tuple[int, ...]:
        """Shape of the output."""
        return self.out_axes.shape

    @property
    def bytes_out(self) -> int:
        """Bytes of the output."""
        return math.prod(self.out_shape) * self.dtype.itemsize

    @property
    def z_scale(self) -> float:
        """Output planes per input plane."""
        return self.sides[0].scale[0] if self.sides else 1.0

    @property
    def frames(self) -> int:
        """Images in the stack."""
        return math.prod(self.axes.stack_shape)

    @property
    def largest_tile(self) -> tuple[int, int]:
        """Height and width of the largest of the image's tiles: they are about equal, and none longer than `tile`."""
        height, width = map(longest_piece, self.axes.size, self.tile)
        return height, width

    @property
    def cuts(self) -> tuple[Cut, Cut]:
        """How Y and X of the whole image are cut."""
        y, x = (
            self._cut(split(Span(0, n), longest), Span(0, n), longest)
            for n, longest in zip(self.axes.size, self.tile, strict=True)
        )
        return y, x

    def cuts_for(self, tiles: Collection[Tile], y: Span, x: Span) -> tuple[Cut, Cut]:
        """How Y and X are cut for some tiles where only these pixels can be read."""
        return (
            self._cut({tile.y for tile in tiles}, y, self.tile[0]),
            self._cut({tile.x for tile in tiles}, x, self.tile[1]),
        )

    @property
    def sees_everything(self) -> bool:
        """Whether the networks see the whole image, or so far that more context than the halo is better."""
        return self.statistics_layers > 0 or self.alignment > 1 or self.halo >= FAR

    def _cut(self, tiles: Iterable[Span], bounds: Span, longest: int) -> Cut:
        if self.sees_everything:
            # Windows at the image's end reach further into it. And whether an image is looked at before follows from
            # the window, whatever is left of the tiles when memory runs out.
            return Cut.anywhere(min(longest, bounds.length), bounds, self.halo, self.alignment)
        return Cut.over(tiles, bounds, self.halo, self.alignment)

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of what the network sees at once, in input pixels."""
        y, x = self.cuts
        return y.window, x.window

    @property
    def looks(self) -> int:
        """How often an image is looked at before it is enlarged, at most, to gather statistics of all of it."""
        if not self.statistics_layers or self.window == self.axes.size:
            return 0
        # Each look makes one more layer exact, at the latest.
        exact = self.tile_mode == "exact"
        return self.statistics_layers if exact else min(self.statistics_layers, _LOOKS)

    @property
    def settled(self) -> float:
        """Change of the statistics from one look to the next below which there is no further look."""
        return _SETTLED[self.tile_mode]

    @property
    def look(self) -> Plan:
        """The plan with tiles to be looked at: larger ones, of less context, in windows no larger."""
        spare = max(0, self.halo - _LOOK_HALO)
        height, width = (n + 2 * spare for n in self.tile)
        return replace(self, tile=(height, width), halo=self.halo - spare)

    @property
    def seams(self) -> bool:
        """Whether tiles may not fit together: the network sees more than its window and knows nothing of the rest."""
        return self.tiling == "discouraged" and self.window != self.axes.size

    @property
    def n_tiles(self) -> int:
        """Tiles of the whole stack, those of its sides included; 0 where nothing is to be enlarged."""
        if self.sides:
            return sum(part.n_tiles for part in (replace(self, sides=()), *self.sides))
        if not self.passes:
            return 0
        rows, columns = map(count_pieces, self.axes.size, self.tile)
        return self.frames * rows * columns

    @property
    def steps(self) -> int:
        """Tiles to be run, at most: those that are looked at, and those that are enlarged."""
        if self.sides:
            return sum(part.steps for part in (replace(self, sides=()), *self.sides))
        return self.n_tiles + (self.looks * self.look.n_tiles if self.looks else 0)

    def __str__(self) -> str:
        """One line for people."""
        scale = "x".join(f"{f:g}" for f in dict.fromkeys(self.scale))
        text = f"{self.model_id} x{scale}, {_shape(self.in_shape)} -> {_shape(self.out_shape)} "
        text += f"{self.dtype.name} ({format_bytes(self.bytes_out)})"
        if self.sides:
            text += f", Z x{self.z_scale:g} from its sides"
        elif not self.passes:
            return f"{text}, unchanged"
        tile = "x".join(str(n) for n in dict.fromkeys(self.tile))
        count = self.n_tiles
        text += (
            f", tile {tile} + halo {self.halo}, batch {self.batch}, {count} tile{'s' * (count > 1)}"
        )
        if self.seams:
            text += " with seams"
        if self.ensemble:
            text += ", ensemble of 8"
        if self.memory is not None:
            text += f", about {format_bytes(self.memory)}"
        if self.seconds is not None:
            text += f", about {format_seconds(self.seconds)}"
        return f"{text} on {self.device} ({self.precision})"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)


def format_bytes(count: float) -> str:
    """A number of bytes for people, e.g. ``"1.0 MiB"``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def format_seconds(seconds: float) -> str:
    """A duration for people, e.g. ``"0.1 s"``, ``"12 s"`` or ``"1 h 20 min"``."""
    if seconds < 9.95:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
