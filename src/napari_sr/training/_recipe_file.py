"""Recipe files: TOML files that describe the training of one model at one or several scales.

Settings are written once. The tables at the top level of a file hold for all of its scales; a table ``[x2]`` overrides
them for scale 2, and each ``[[x2.phase]]`` (or ``[[phase]]``) overrides them again for one phase. An override replaces
single keys of a table; lists are replaced as a whole. ``model.init`` outside of a phase is the start of the first one.
The recipes of the bundled models are part of the package.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from napari_sr._text import error_line
from napari_sr.errors import RecipeError
from napari_sr.training._recipe import PHASE_WEIGHTS, Phase, Recipe, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

    Table = dict[str, Any]

SHIPPED = Path(str(files("napari_sr"))) / "training" / "recipes"
"""Folder of the recipes of the bundled models."""

_ADAPTER = TypeAdapter(Phase)
_SCALE_TABLE = re.compile("x([0-9]+)")
_NAME_AND_SCALE = re.compile("(.+)-x([0-9]+)")


def shipped_recipes() -> list[str]:
    """Names of the recipes that are part of the package, one per model and scale, such as ``"ecbsr-x2"``."""
    return [
        f"{path.stem}-x{scale}"
        for path in sorted(SHIPPED.glob("*.toml"))
        for scale in _scales(tomllib.loads(path.read_text(encoding="utf-8")))
    ]


def read_recipe(
    recipe: str | Path,
    scale: int | None = None,
    *,
    data: str | Path | Mapping[str, str | Path] | None = None,
    init: Sequence[str | Path] = (),
    teachers: Sequence[str | Path] = (),
) -> Recipe:
    """Read and check a recipe.

    Parameters
    ----------
    recipe : str or Path
        A TOML file with the tables ``[model]``, ``[data]``, ``[[stage]]``, ``[schedule]``, ``[optimization]``,
        ``[degradation]`` and ``[distillation]``; or the name of a recipe that is part of the package, with or without
        its scale: ``"ecbsr-x2"``, ``"ecbsr"``.
    scale : int, optional
        Output pixels per input pixel. Needed if the recipe has several scales.
    data : str, Path or mapping, optional
        Folder of images instead of the recipe's. A mapping gives a folder for each name that the recipe uses, such as
        ``{"train_photos": "/data/photos"}``.
    init : sequence of str or Path
        Weights to start from, instead of those of other runs that the recipe names; the average of several is taken.
    teachers : sequence of str or Path
        Files or ids of models to learn from, instead of the recipe's.

    Returns
    -------
    Recipe
        Its phases, with absolute paths. Paths in a file are relative to the file, those in a recipe of the package to
        the working directory.

    Raises
    ------
    RecipeError
        If there is no such recipe, the file is not TOML, a key is unknown or missing, or a value is not allowed.
    """
    path, scale = _find(recipe, scale)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(f"{path}: no such recipe") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error_line(error)
        raise RecipeError(f"{path.name}: not a readable TOML file ({reason})") from error
    written = _checked(_phases(tables, scale, path.name), path.name)
    folder = Path.cwd() if path.parent == SHIPPED else path.parent
    try:
        return _with_overrides(written, folder, data, init, teachers)
    except ValueError as error:  # teachers beside a degradation
        raise RecipeError(f"{path.name}: {error}") from error


def _find(recipe: str | Path, scale: int | None) -> tuple[Path, int | None]:
    """The file and the scale that are meant: a file as it is, a bare name among the recipes of the package."""
    path, name = Path(recipe), str(recipe)
    if path.exists() or path.suffix == ".toml" or path.name != name:
        return path, scale
    with_scale = _NAME_AND_SCALE.fullmatch(name)
    shipped = SHIPPED / f"{name}.toml"
    if not shipped.exists() and with_scale:
        shipped = SHIPPED / f"{with_scale[1]}.toml"
        if scale not in (None, int(with_scale[2])):
            raise RecipeError(f"{name} is a recipe for scale {with_scale[2]}, not {scale}")
        scale = int(with_scale[2])
    if not shipped.exists():
        known = ", ".join(sorted(each.stem for each in SHIPPED.glob("*.toml")))
        raise RecipeError(f"there is no file and no recipe {name}; the recipes are {known}")
    return shipped, scale


def _scales(tables: Table) -> list[int]:
    """Scales that a file has a table for."""
    return sorted(int(match[1]) for key in tables if (match := _SCALE_TABLE.fullmatch(key)))


def _phases(tables: Table, scale: int | None, where: str) -> list[Table]:
    """Complete tables of each phase at a scale."""
    scales = _scales(tables)
    common = {key: value for key, value in tables.items() if not _SCALE_TABLE.fullmatch(key)}
    if scales:
        scale = scales[0] if scale is None and len(scales) == 1 else scale
        if scale not in scales:
            known = ", ".join(map(str, scales))
            asked = "; choose one with scale (--scale)" if scale is None else f", not {scale}"
            raise RecipeError(f"{where}: the scales are {known}{asked}")
        common = _merged(common, tables[f"x{scale}"])
    if scale is not None:
        common = _merged(common, {"model": {"scale": scale}})
    overrides = common.pop("phase", [{}])
    if not isinstance(overrides, list) or not all(isinstance(each, dict) for each in overrides):
        raise RecipeError(f"{where}: phases are tables [[phase]] or [[x2.phase]]")
    phases = []
    for number, each in enumerate(overrides, 1):
        phases.append(_merged({"name": str(number), **common}, each))
        if isinstance(model := common.get("model"), dict):
            common["model"] = {key: value for key, value in model.items() if key != "init"}
    return phases


def _merged(table: Any, changes: Any) -> Any:
    """A table with the keys of another one on top; tables in it are merged in the same way."""
    if not (isinstance(table, dict) and isinstance(changes, dict)):
        return changes
    return {
        **table,
        **{k: _merged(table[k], v) if k in table else v for k, v in changes.items()},
    }


def _with_overrides(
    recipe: Recipe,
    folder: Path,
    data: str | Path | Mapping[str, str | Path] | None,
    init: Sequence[str | Path],
    teachers: Sequence[str | Path],
) -> Recipe:
    """The recipe with absolute paths, and with what the caller gives in place of what is written."""
    names = dict.fromkeys(str(phase.data.train) for phase in recipe.phases)
    given = dict.fromkeys(names, data) if isinstance(data, (str, Path)) else dict(data or {})
    if unused := [name for name in given if name not in names]:
        raise RecipeError(f"data: the recipe uses {', '.join(names)}, not {unused[0]}")
    here, any_teachers = Path.cwd(), any(phase.distillation.active for phase in recipe.phases)
    phases = []
    for number, phase in enumerate(recipe.phases):
        images = given.get(str(phase.data.train))
        train = _absolute(phase.data.train, folder) if images is None else _absolute(images, here)
        start = tuple(_file_or_phase(each, folder) for each in phase.model.init)
        from_elsewhere = any(not each.startswith(f"{recipe.name}/") for each in phase.model.init)
        if init and (number == 0 or from_elsewhere):
            start = tuple(str(_absolute(each, here)) for each in init)
        models, base = phase.distillation.teachers, folder
        if teachers and (phase.distillation.active or not any_teachers):
            models, base = tuple(map(str, teachers)), here
        cache = phase.distillation.cache
        distillation = replace(
            phase.distillation,
            teachers=tuple(_file_or_id(each, base) for each in models),
            cache=None if cache is None else _absolute(cache, folder),
        )
        phases.append(
            replace(
                phase,
                data=replace(phase.data, train=train),
                model=replace(phase.model, init=start),
                distillation=distillation,
            )
        )
    return Recipe(tuple(phases))


def _absolute(path: str | Path, folder: Path) -> Path:
    return (folder / Path(path).expanduser()).resolve()


def _file_or_phase(name: str, folder: Path) -> str:
    """Weights to start from: a phase of a recipe, or the absolute path of a file, which may not exist yet."""
    file = _absolute(name, folder)
    return name if PHASE_WEIGHTS.fullmatch(name) and not file.is_file() else str(file)


def _file_or_id(name: str, folder: Path) -> str:
    """A teacher: the absolute path of a file that exists; otherwise a phase of a recipe or an id of the catalog."""
    file = _absolute(name, folder)
    return str(file) if file.is_file() else name


def _checked(phases: list[Table], where: str) -> Recipe:
    """The recipe, if every value is allowed."""
    try:
        # Strict JSON takes a list as a tuple and an integer as a float, but neither true nor "3" as a number.
        checked = tuple(_ADAPTER.validate_json(json.dumps(phase)) for phase in phases)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_in_words(error.errors()[0])}") from error
    except TypeError as error:  # dates and times
        raise RecipeError(f"{where}: {error_line(error)}") from error
    if len({phase.weights_name for phase in checked}) > 1:
        raise RecipeError(f"{where}: all phases must have the same model.id and model.scale")
    names = [phase.name for phase in checked]
    if len(set(names)) < len(names):
        raise RecipeError(f"{where}: two phases have the same name")
    return Recipe(checked)


def _in_words(error: ErrorDetails) -> str:
    """One plain sentence about a value that is not allowed."""
    location, context = error["loc"], error.get("ctx", {})
    if error["type"] == "unexpected_keyword_argument":
        known = ", ".join(_known_keys(location[:-1]))
        table = f"{_dotted(location[:-1])}: " if len(location) > 1 else ""
        return f"{table}unknown key {location[-1]!r}; known are {known}"
    if error["type"] == "missing" and isinstance(location[-1], str):
        return f"{_dotted(location)} is missing"
    if error["type"] in ("missing", "too_short", "too_long"):
        return f"{_dotted(location[:2])} has too few or too many entries"
    if error["type"] == "value_error":
        message = str(context["error"])
        link = " " if message.startswith("must") else ": " if location else ""
        return f"{_dotted(location)}{link}{message}"
    expected = _EXPECTED.get(error["type"], error["msg"].replace("Input should be", "must be"))
    return f"{_dotted(location)} {expected.format(**context)}, not {json.dumps(error['input'])}"


_EXPECTED = {
    "bool_type": "must be true or false",
    "dataclass_type": "must be a table",
    "dict_type": "must be a table",
    "float_type": "must be a number",
    "greater_than": "must be positive",
    "greater_than_equal": "must be {ge:g} or more",
    "int_type": "must be a whole number",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be {le:g} or less",
    "literal_error": "must be one of {expected}",
    "string_type": "must be text",
    "tuple_type": "must be a list",
}
"""Plain words for the types of pydantic's errors; others are given in pydantic's own."""


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """Keys of the table at a place in a phase."""
    kind: Any = Phase
    if location:
        types = {each.name: each.type for each in fields(Phase)}
        kind = Stage if location[0] == "stage" else types[str(location[0])]
    return [each.name for each in fields(kind)]


def _dotted(location: tuple[int | str, ...]) -> str:
    """Where in a recipe a value stands, such as ``"schedule.lr"`` or ``"stage 2.patch"``."""
    text = ""
    for part in location:
        text += f" {part + 1}" if isinstance(part, int) else f".{part}" if text else part
    return text
