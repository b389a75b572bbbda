"""Recipes: everything that makes a training run, as one TOML file that can be read and repeated."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from napari_sr.errors import RecipeError

T = TypeVar("T")

Color = Literal["Y", "RGB", "grey"]


@dataclass(frozen=True, slots=True)
class ModelRecipe:
    """What is trained."""

    id: str
    """Name of the model, and of the weights' file together with the scale."""
    architecture: str
    """Id in the register of architectures."""
    scale: int
    """Output pixels per input pixel."""
    config: dict[str, Any] = field(default_factory=dict)
    """Further keywords of the architecture: width, depth."""
    color: Color = "Y"
    """What the network sees: BT.601 luma, RGB, or a grey image as it is."""
    init: str = ""
    """Weights to start from, of this or another scale: what fits is taken. Empty: random."""
    mean_with: tuple[str, ...] = ()
    """More weights, of runs that went different ways from one start: the mean of them and ``init`` is started from."""


@dataclass(frozen=True, slots=True)
class DataRecipe:
    """What it is trained on."""

    train: str
    """Folder of high-resolution images, searched recursively."""
    held_out: int = 24
    """Images of the folder, evenly spread, that are kept for validation and never trained on."""
    reductions: tuple[float, ...] = ()
    """Factors below 1: every training image is there at these sizes, too, finer in detail for its pixels."""
    reduce_held_out: bool = False
    """Whether the held-out images are there at these sizes, too: the best weights are the best for both."""
    evenly: bool = False
    """Draw patches from every image as often as from any other. Otherwise each is drawn as often as it has room for
    a patch, and of large patches hardly one is from a reduced image."""


@dataclass(frozen=True, slots=True)
class DegradationRecipe:
    """How small images come about, if not by bicubic alone; each pair is the limits between which a patch draws.

    White is 1. As it stands, nothing happens.
    """

    softness: tuple[float, float] = (0.0, 0.0)
    """Standard deviation of a Gaussian on the scene, in large pixels, of the small and the large image: what is
    sampled finer than it is resolved, as many microscope images are."""
    blur: tuple[float, float] = (0.0, 0.0)
    """Standard deviation of the point spread function, a Gaussian, in small pixels."""
    photons: tuple[float, float] = (0.0, 0.0)
    """Photons at white: shot noise has the variance light / photons. 0: no shot noise."""
    read_noise: tuple[float, float] = (0.0, 0.0)
    """Standard deviation of the camera's Gaussian noise."""
    offset: tuple[float, float] = (0.0, 0.0)
    """Pedestal that the camera adds, under the large image as well."""
    gain: tuple[float, float] = (1.0, 1.0)
    """Factor on the scene, of the small and the large image."""
    gamma: tuple[float, float] = (1.0, 1.0)
    """Exponent of the scene, of the small and the large image."""

    @property
    def active(self) -> bool:
        """Whether anything is asked for."""
        return self != DegradationRecipe()


@dataclass(frozen=True, slots=True)
class DistillationRecipe:
    """Whose images are targets beside the true ones. As it stands, nobody's."""

    teachers: tuple[str, ...] = ()
    """Checkpoints or ids of the catalog; the mean of their images counts."""
    weight: float = 0.5
    """Of the loss against the teachers' image; that against the true image weighs ``1 - weight``."""
    ensemble: bool = False
    """Average each teacher over the eight flips and turns: better images, in eight times the time."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """That the teachers run in; bfloat16 is quicker where the processor has instructions for it."""
    cache: str = ""
    """File that keeps the teachers' images, for several runs; empty: one in the folder of the run."""

    @property
    def active(self) -> bool:
        """Whether there are teachers."""
        return bool(self.teachers)


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the run with patches and batches of one size."""

    iterations: int
    """How many steps this stage lasts."""
    patch: int = 48
    """Side of the small patches, in pixels."""
    batch: int = 32
    """Patches a step."""
    candidates: int = 1
    """Places drawn for each patch; the one with most detail is taken, for a clear sky teaches little."""


@dataclass(frozen=True, slots=True)
class ScheduleRecipe:
    """How the learning rate falls: cosines with restarts."""

    lr: float = 5e-4
    """Learning rate at the start."""
    lr_min: float = 1e-7
    """Learning rate that each cosine ends at."""
    periods: tuple[int, ...] = ()
    """Length of each cosine in iterations; empty: one over the whole run."""
    restarts: tuple[float, ...] = ()
    """Fraction of ``lr`` that each cosine starts at; empty: 1 each."""
    warmup: int = 0
    """Iterations in which the learning rate rises linearly from 0 at the very start."""


@dataclass(frozen=True, slots=True)
class OptimisationRecipe:
    """How it is trained."""

    loss: Literal["l1", "l2", "charbonnier", "psnr", "l1+fft", "charbonnier+fft"] = "l1"
    """See `napari_sr.training.losses`."""
    fft_weight: float = 0.1
    """Weight of the spectral part of the ``+fft`` losses; the rest weighs ``1 - fft_weight``."""
    optimiser: Literal["adam", "soap"] = "adam"
    """``soap`` needs fewer steps, at a rate about three times Adam's, and the extra ``training``."""
    precondition_frequency: int = 10
    """Steps between SOAP's new eigenvectors. A GPU finds them slowly; it trains faster with fewer."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Moments of Adam."""
    ema: float = 0.999
    """Decay of the running mean of the weights that is validated and saved; 0: the weights themselves."""
    whiten: bool = False
    """Train the filters of the edge-SR family in principal components of patches."""
    clip: float = 0.0
    """Largest norm of the gradient; 0: not clipped."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """``auto`` measures both at the start and takes the faster, but float32 for the last twentieth of the steps."""
    seed: int = 0
    """Of the patches, the augmentation and the first weights."""
    validate_every: int = 1000
    """Iterations between validations; the best running mean is kept."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole training run."""

    model: ModelRecipe
    data: DataRecipe
    stage: tuple[Stage, ...]
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe)
    optimisation: OptimisationRecipe = field(default_factory=OptimisationRecipe)
    degradation: DegradationRecipe = field(default_factory=DegradationRecipe)
    distillation: DistillationRecipe = field(default_factory=DistillationRecipe)
    folder: Path = field(default_factory=Path)
    """Where the recipe lies; relative paths in it start here."""

    @property
    def iterations(self) -> int:
        """Steps of the whole run."""
        return sum(stage.iterations for stage in self.stage)

    @property
    def name(self) -> str:
        """Name of the run and of its weights, e.g. ``ecbsr-x2``."""
        return f"{self.model.id}-x{self.model.scale}"

    def stage_at(self, iteration: int) -> Stage:
        """The stage that a step counted from 0 belongs to."""
        for stage in self.stage:
            if iteration < stage.iterations:
                return stage
            iteration -= stage.iterations
        return self.stage[-1]

    def resolve(self, path: str) -> Path:
        """A path of the recipe as it is on this machine."""
        return (self.folder / Path(path).expanduser()).resolve()


def read_recipe(path: Path | str, **overrides: str | Sequence[str]) -> Recipe:
    """Read and check a recipe.

    Parameters
    ----------
    path : path
        A TOML file with the tables ``[model]``, ``[data]``, ``[[stage]]``, ``[schedule]``, ``[optimisation]``,
        ``[degradation]`` and ``[distillation]``.
    **overrides : str or sequence of str
        Replace ``data_train``, the folder of images, ``model_init``, the weights to start from, or
        ``distillation_teachers``, a sequence of paths and ids. More weights for a mean are ``model_mean_with``.

    Raises
    ------
    RecipeError
        If the file is not TOML, a key is unknown or missing, or a value has the wrong type.
    """
    path = Path(path)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(f"{path}: no such recipe") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path.name}: not a readable TOML file ({error})") from error
    for key, value in overrides.items():
        table, _, name = key.partition("_")
        given = tables.setdefault(table, {})
        if isinstance(given, dict):
            given[name] = _here(value) if isinstance(value, str) else [_known(v) for v in value]
    recipe = _build(Recipe, tables, path.name)
    _check(recipe, path.name)
    return dataclasses.replace(recipe, folder=path.resolve().parent)


def _here(path: str) -> str:
    return str(Path(path).expanduser().resolve())


def _known(name: str) -> str:
    """A path where there is one; else an id, or what will be told to be missing by its name."""
    return _here(name) if Path(name).expanduser().is_file() else name


def _check(recipe: Recipe, where: str) -> None:
    numbers = [(s.iterations, s.patch, s.batch, s.candidates) for s in recipe.stage]
    if not numbers or min(map(min, numbers)) < 1:
        raise RecipeError(
            f"{where}: needs at least one [[stage]] with positive iterations, patch, batch and candidates"
        )
    periods, restarts = recipe.schedule.periods, recipe.schedule.restarts
    if periods and sum(periods) != recipe.iterations:
        raise RecipeError(
            f"{where}: the periods add up to {sum(periods)} iterations, the stages to {recipe.iterations}"
        )
    if restarts and len(restarts) != max(len(periods), 1):
        raise RecipeError(f"{where}: needs one entry of restarts a period")
    for key in dataclasses.fields(recipe.degradation):
        low, high = getattr(recipe.degradation, key.name)
        if not 0 <= low <= high:
            raise RecipeError(
                f"{where}: degradation.{key.name} needs two numbers from 0 upwards, the lower one first"
            )
    if not all(0 < factor < 1 for factor in recipe.data.reductions):
        raise RecipeError(f"{where}: data.reductions must lie between 0 and 1")
    if not 0 <= recipe.distillation.weight <= 1:
        raise RecipeError(f"{where}: distillation.weight must lie in 0 to 1")
    if recipe.distillation.active and recipe.degradation.active:
        raise RecipeError(
            f"{where}: teachers know no degradation; take out [degradation] or distillation.teachers"
        )
    if recipe.optimisation.precondition_frequency < 1:
        raise RecipeError(f"{where}: optimisation.precondition_frequency must be 1 or more")
    if recipe.model.mean_with and not recipe.model.init:
        raise RecipeError(f"{where}: model.mean_with needs model.init, the first of the weights")
    if recipe.model.scale < 1:
        raise RecipeError(f"{where}: model.scale must be 1 or more")


def _build(kind: type[T], table: Any, where: str) -> T:
    """A dataclass out of a TOML table, refusing what it does not know."""
    if not isinstance(table, Mapping):
        raise RecipeError(f"{where} must be a table")
    hints = get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(typing.cast("Any", kind)) if f.name != "folder"}
    unknown = sorted(set(table) - set(fields))
    if unknown:
        raise RecipeError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(fields)}")
    missing = [
        name
        for name, f in fields.items()
        if name not in table
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise RecipeError(f"{where}: {missing[0]!r} is missing")
    return kind(**{k: _value(hints[k], v, f"{where}: {k}") for k, v in table.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    """A TOML value as its field wants it."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _build(hint, value, where)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value, where)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise RecipeError(f"{where} must be one of {', '.join(map(str, get_args(hint)))}")
        return value
    plain = get_origin(hint) or hint
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool):
        name = plain.__name__ if isinstance(plain, type | types.GenericAlias) else plain
        raise RecipeError(f"{where} must be of type {name}, not {type(value).__name__}")
    return value


def _tuple(args: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise RecipeError(f"{where} must be a list")
    if args[-1] is not Ellipsis and len(args) != len(value):
        raise RecipeError(f"{where} must have {len(args)} entries")
    return tuple(_value(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
