"""Recipes: every setting of a training run, as frozen dataclasses.

A recipe trains one model at one scale in one or more phases. Each phase starts from given weights (by default the best
weights of the phase before it) with a new optimizer and a new learning-rate schedule. A phase has one or more stages,
which differ in the size of patches and batches only.

`napari_sr.training.read_recipe` reads recipes from TOML files; the names of the tables and keys are those of the fields
below, and pydantic checks the values.
"""

# Without ``from __future__ import annotations``: pydantic needs the types of the fields when the program runs.

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
)

Color = Literal["Y", "RGB", "grey"]

STRICT = ConfigDict(extra="forbid", strict=True)
"""Unknown keys are errors, and so are values of another type: ``true`` is not a number, ``"3"`` not an integer."""

PHASE_WEIGHTS = re.compile(r"(?P<recipe>[a-z0-9][a-z0-9._-]*-x[0-9]+)/(?P<phase>[A-Za-z0-9_-]+)")
"""Weights of a phase of a recipe, such as ``mspn-x2/3``: the best weights of its third phase."""


def _as_tuple(value: Any) -> Any:
    """Accept one string in place of a list with one string."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _ascending(limits: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= limits[0] <= limits[1]:
        raise ValueError("must be two numbers of at least 0, the lower one first")
    return limits


def _fractions(factors: tuple[float, ...]) -> tuple[float, ...]:
    if not all(0 < factor < 1 for factor in factors):
        raise ValueError("must lie between 0 and 1")
    return factors


Limits = Annotated[tuple[float, float], AfterValidator(_ascending)]
"""Lower and upper limit; each patch draws its own value between them, uniformly."""
Share = Annotated[float, Field(ge=0, le=1)]
"""A fraction from 0 to 1."""


@dataclass(frozen=True, slots=True)
class ModelRecipe:
    """The network that is trained."""

    __pydantic_config__ = STRICT

    id: str
    """Name of the model. Weights are saved as ``<id>-x<scale>-best.safetensors``."""
    architecture: str
    """Id in the registry of architectures."""
    scale: PositiveInt
    """Output pixels per input pixel along Y and X."""
    config: dict[str, Any] = field(default_factory=dict)
    """Further keywords of the architecture, such as width and depth."""
    color: Color = "Y"
    """What the network sees: BT.601 luma, RGB, or a grayscale image."""
    init: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()
    """Weights to start from, of this or another scale: files, or phases of recipes such as ``"mspn-x2/3"``. The
    average of several is taken. Tensors that do not fit stay random. Empty: the phase before; random in the first."""


@dataclass(frozen=True, slots=True)
class DataRecipe:
    """The images it is trained on."""

    __pydantic_config__ = STRICT

    train: Path
    """Folder of high-resolution images, searched recursively."""
    held_out: NonNegativeInt = 24
    """Number of images, evenly spread over the folder, that are kept for validation and never trained on."""
    downscale_augmentations: Annotated[tuple[float, ...], AfterValidator(_fractions)] = ()
    """Factors below 1: each training image is added at these sizes. A downscaled image has more detail per pixel."""
    augment_held_out: bool = False
    """Add the downscaled versions of the held-out images to the validation as well."""
    balanced_sampling: bool = False
    """Draw patches from each image equally often. Otherwise an image is drawn in proportion to the number of places
    that a patch fits in, so that large patches hardly ever come from downscaled images."""


@dataclass(frozen=True, slots=True)
class DegradationRecipe:
    """How low-resolution images arise from high-resolution ones, in addition to bicubic downscaling.

    Intensities are in units of white = 1. The defaults change nothing.
    """

    __pydantic_config__ = STRICT

    softness: Limits = (0.0, 0.0)
    """Standard deviation of a Gaussian blur of the scene, in high-resolution pixels; it is part of the target. Many
    microscope images are sampled more finely than they are resolved."""
    blur: Limits = (0.0, 0.0)
    """Standard deviation of a Gaussian point spread function, in low-resolution pixels."""
    photons: Limits = (0.0, 0.0)
    """Photons at white; shot noise has the variance light / photons. 0: no shot noise."""
    read_noise: Limits = (0.0, 0.0)
    """Standard deviation of the Gaussian noise of the camera."""
    offset: Limits = (0.0, 0.0)
    """Constant that the camera adds; part of the target."""
    gain: Limits = (1.0, 1.0)
    """Factor on the scene; part of the target."""
    gamma: Limits = (1.0, 1.0)
    """Exponent of the scene; part of the target."""

    @property
    def active(self) -> bool:
        """Whether any setting differs from its default."""
        return self != DegradationRecipe()


@dataclass(frozen=True, slots=True)
class DistillationRecipe:
    """Knowledge distillation: outputs of other models as a second target. Off by default."""

    __pydantic_config__ = STRICT

    teachers: tuple[str, ...] = ()
    """Checkpoint files, ids of the catalog, or phases of recipes; the target is the mean of their outputs."""
    weight: Share = 0.5
    """Weight of the loss against the teachers' outputs; the loss against the true images weighs ``1 - weight``."""
    pairs: Literal["true", "teacher"] = "true"
    """What the network learns to enlarge. ``teacher``: at first reductions of the teachers' outputs, which are easier
    to invert; the share of the true pairs grows linearly from 0 to 1 over the phase, and ``weight`` has no effect (ECO;
    M. Lee, J.-P. Heo, Noise-free optimization in early training steps for image super-resolution, AAAI 2024)."""
    ensemble: bool = False
    """Average each teacher over the eight flips and rotations: better images in eight times the time."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the teachers; bfloat16 is faster on processors with instructions for it."""
    cache: Path | None = None
    """File that keeps the teachers' outputs, to be shared by several runs. None: a file in the folder of the run."""

    @property
    def active(self) -> bool:
        """Whether there are teachers."""
        return bool(self.teachers)


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a phase with patches and batches of one size."""

    __pydantic_config__ = STRICT

    iterations: PositiveInt
    """Number of steps."""
    patch: PositiveInt = 48
    """Side of the low-resolution patches, in pixels."""
    batch: PositiveInt = 32
    """Patches per step."""
    detail_candidates: PositiveInt = 1
    """Places drawn for each patch; the one with the most detail is used. Flat areas such as sky teach little."""


@dataclass(frozen=True, slots=True)
class ScheduleRecipe:
    """The learning rate: cosine annealing with restarts."""

    __pydantic_config__ = STRICT

    lr: float = 5e-4
    """Learning rate at the start."""
    lr_min: float = 1e-7
    """Learning rate at the end of each cosine."""
    periods: tuple[PositiveInt, ...] = ()
    """Length of each cosine in iterations. Empty: one cosine over the whole phase."""
    restarts: tuple[float, ...] = ()
    """Fraction of ``lr`` at which each cosine starts. Empty: 1 for each."""
    warmup: NonNegativeInt = 0
    """Iterations at the very start in which the learning rate rises linearly from 0."""
    stop_after: NonNegativeInt = 0
    """Iterations after which the phase ends, although its schedule is longer. 0: at the end of the schedule."""

    def __post_init__(self) -> None:
        if self.restarts and len(self.restarts) != max(len(self.periods), 1):
            raise ValueError("restarts must have one entry per period")


@dataclass(frozen=True, slots=True)
class OptimizationRecipe:
    """How the network is trained."""

    __pydantic_config__ = STRICT

    loss: Literal["l1", "l2", "charbonnier", "psnr", "l1+fft", "charbonnier+fft"] = "l1"
    """See `napari_sr.training.losses`."""
    fft_weight: Share = 0.1
    """Weight of the spectral part of the ``+fft`` losses; the other part weighs ``1 - fft_weight``."""
    optimizer: Literal["adam", "soap"] = "adam"
    """``soap`` needs fewer steps, a learning rate about three times that of Adam, and the extra ``training``."""
    precondition_frequency: Annotated[int, Field(ge=1)] = 10
    """Steps between updates of SOAP's eigenvectors. They are slow on a GPU, which is faster with fewer updates."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Decay of Adam's two moments."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the exponential moving average of the weights, which is validated and saved. 0: no average."""
    whiten: bool = False
    """Train the filters of the edge-SR family in principal components of image patches."""
    clip: Annotated[float, Field(ge=0)] = 0.0
    """Largest norm of the gradient. 0: no clipping."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """``auto`` times both at the start and uses the faster one, but always float32 for the last 5 % of the steps."""
    seed: int = 0
    """Seed of the patches, the augmentation and the random weights."""
    validate_every: PositiveInt = 1000
    """Iterations between validations. The best weights so far are kept."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a recipe: one optimizer and one learning-rate schedule."""

    __pydantic_config__ = STRICT

    model: ModelRecipe
    data: DataRecipe
    stage: Annotated[tuple[Stage, ...], Field(min_length=1)]
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe)
    optimization: OptimizationRecipe = field(default_factory=OptimizationRecipe)
    degradation: DegradationRecipe = field(default_factory=DegradationRecipe)
    distillation: DistillationRecipe = field(default_factory=DistillationRecipe)
    name: str = "1"
    """Name within the recipe; the number of the phase if the recipe does not say otherwise."""

    def __post_init__(self) -> None:
        periods = self.schedule.periods
        if periods and sum(periods) != self.iterations:
            raise ValueError(
                f"the periods of the schedule add up to {sum(periods)} iterations, the stages to {self.iterations}"
            )
        if self.distillation.active and self.degradation.active:
            raise ValueError(
                "teachers do not see the degradation; remove [degradation] or distillation.teachers"
            )

    @property
    def iterations(self) -> int:
        """Iterations of all stages, which the learning-rate schedule spans."""
        return sum(stage.iterations for stage in self.stage)

    @property
    def steps(self) -> int:
        """Iterations that are run: all of them, or fewer if ``schedule.stop_after`` is set."""
        return min(self.schedule.stop_after or self.iterations, self.iterations)

    @property
    def weights_name(self) -> str:
        """Name of the weights without their suffix, such as ``"ecbsr-x2"``."""
        return f"{self.model.id}-x{self.model.scale}"

    def stage_at(self, iteration: int) -> Stage:
        """The stage of an iteration, which is counted from 0."""
        for stage in self.stage:
            if iteration < stage.iterations:
                return stage
            iteration -= stage.iterations
        return self.stage[-1]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole training run: the phases of one model at one scale."""

    phases: tuple[Phase, ...]

    @property
    def name(self) -> str:
        """Name of the run and of its weights, such as ``"ecbsr-x2"``."""
        return self.phases[0].weights_name

    @property
    def iterations(self) -> int:
        """Iterations that all phases run together."""
        return sum(phase.steps for phase in self.phases)

    @property
    def requires(self) -> tuple[str, ...]:
        """Names of other recipes whose weights this one starts from or learns from, e.g. ``("ecbsr-x2",)``."""
        named = (
            match["recipe"]
            for phase in self.phases
            for each in (*phase.model.init, *phase.distillation.teachers)
            if (match := PHASE_WEIGHTS.fullmatch(each))
        )
        return tuple(dict.fromkeys(name for name in named if name != self.name))
