"""Rooms: what one room takes from another is what the other offers.

A room is a package directly below `napari_sr`. The contracts in ``pyproject.toml`` hold which room may import which,
that private modules stay inside their package, and that no modules import one another in a circle. Names are held
here: a name that comes from another room is listed in the ``__all__`` of the module that it is imported from.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import napari_sr

PACKAGE = Path(napari_sr.__file__).parent
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())


def source_of(module: str) -> Path:
    """Where a module of the package stands."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def offered_by(module: str) -> set[str] | None:
    """The names in the ``__all__`` of a module, and its public submodules; None if it has no ``__all__``."""
    path = source_of(module)
    for statement in ast.parse(path.read_text("utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            beside = path.parent.iterdir() if path.name == "__init__.py" else ()
            modules = {each.stem for each in beside if not each.name.startswith("_")}
            return {*ast.literal_eval(statement.value), *modules}
    return None


def imports_from_other_rooms(room: str) -> list[tuple[str, str, str]]:
    """Importing file, module and name of each import from a public module of another room, also inside functions."""
    found = []
    for path in sorted((PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_sr."):
                assert node.level == 0
                inside = node.module.split(".")[1:]
                if (
                    inside[0] in ROOMS
                    and inside[0] != room
                    and not any(n[0] == "_" for n in inside)
                ):
                    where = path.relative_to(PACKAGE).as_posix()
                    found += [(where, node.module, alias.name) for alias in node.names]
    return found


def test_there_are_rooms() -> None:
    assert {"imaging", "architectures", "models", "inference", "io", "cli", "widgets"} <= set(ROOMS)
    assert any(imports_from_other_rooms(room) for room in ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_names_of_other_rooms_are_public(room: str) -> None:
    hidden = []
    for where, module, name in imports_from_other_rooms(room):
        offered = offered_by(module)
        if name.startswith("_") or (offered is not None and name not in offered):
            hidden.append(f"{where}: from {module} import {name}")
    assert hidden == []


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_by_name(room: str) -> None:
    """``import napari_sr.room`` would give access to all that the room keeps to itself."""
    whole = [
        f"{path.name}: import {alias.name}"
        for path in (PACKAGE / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name.split(".")[0] == "napari_sr"
    ]
    assert whole == []


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_offers_exists(room: str) -> None:
    module = import_module(f"napari_sr.{room}")
    assert [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)] == []
