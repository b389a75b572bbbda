"""The package as a whole: what importing it loads, what napari finds in it, and whether its documents agree."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, packages_distributions, version
from pathlib import Path

import pytest
import yaml

import napari_sr

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ["torch", "napari", "qtpy", "PyQt6", "PySide6", "dask", "zarr", "skimage", "scipy", "cv2"]
MANIFEST = ROOT / "src" / "napari_sr" / "napari.yaml"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SCRIPTS = ["scripts/setup", "scripts/demo", "scripts/test", "scripts/check", ".ci/run"]


def modules_after(code: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter has loaded after `code`."""
    code = f"{code}\nimport json, sys; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return set(json.loads(answer.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ["napari_sr", "napari_sr.cli", "napari_sr.errors"])
def test_importing_costs_nothing(module: str) -> None:
    """Whoever imports the package waits neither for torch nor for Qt."""
    assert modules_after(f"import {module}") == set()


def test_the_engine_loads_no_viewer() -> None:
    """On a cluster node without a screen the engine works, and napari is not even imported."""
    assert not modules_after("from napari_sr import upscale, plan, evaluate") & {
        "napari",
        "qtpy",
        "PyQt6",
        "PySide6",
    }


@pytest.mark.parametrize("name", napari_sr.__all__)
def test_every_public_name_exists_and_is_explained(name: str) -> None:
    value = getattr(napari_sr, name)
    assert name in dir(napari_sr)
    assert name == "__version__" or value.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        napari_sr.no_such_name  # noqa: B018 - looking it up is the point


def test_the_changelog_describes_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## \[(.+?)\]", changelog, flags=re.MULTILINE)
    assert napari_sr.__version__ == version("napari-sr")
    assert {"Unreleased", napari_sr.__version__} & set(headings)


def test_citation_has_what_the_format_requires() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["license"] == PROJECT["license"]


def test_napari_finds_one_valid_manifest() -> None:
    from npe2 import PluginManifest

    (entry_point,) = (e for e in entry_points(group="napari.manifest") if e.name == "napari-sr")
    manifest = PluginManifest.from_distribution("napari-sr")
    assert entry_point.value == "napari_sr:napari.yaml"
    assert manifest.name == "napari-sr"
    manifest.validate_imports()


def test_every_contribution_has_a_command_with_a_title() -> None:
    contributions = yaml.safe_load(MANIFEST.read_text("utf-8"))["contributions"]
    commands = {command["id"]: command["title"] for command in contributions["commands"]}
    used = [
        item["command"]
        for kind in ("widgets", "readers", "writers", "sample_data")
        for item in contributions.get(kind, [])
        if "command" in item
    ]
    used += [
        item["command"]
        for items in contributions.get("menus", {}).values()
        for item in items
        if "command" in item
    ]
    assert used
    assert set(used) <= set(commands)
    assert all(commands.values())


def test_menus_are_menus_that_napari_shows() -> None:
    """napari silently drops items of a menu that plugins may not add to."""
    from napari._app_model.constants import MenuId

    contributions = yaml.safe_load(MANIFEST.read_text("utf-8"))["contributions"]
    own = {submenu["id"] for submenu in contributions.get("submenus", [])}
    shown = {menu.value for menu in MenuId.contributables()}
    assert set(contributions["menus"]) <= shown | own


@pytest.mark.skipif(sys.platform == "win32", reason="git may check links out as text files")
@pytest.mark.parametrize(
    ("link", "target"),
    [("napari.yaml", "src/napari_sr/napari.yaml"), ("weights", "src/napari_sr/weights")],
)
def test_links_lead_into_the_package(link: str, target: str) -> None:
    assert (ROOT / link).resolve(strict=True) == (ROOT / target).resolve()


def test_the_package_says_that_it_is_typed() -> None:
    assert Path(napari_sr.__file__).with_name("py.typed").is_file()


def test_every_ignored_warning_is_explained() -> None:
    """Warnings are errors; whoever lets one pass says why on the line before."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    block = re.search(r"^filterwarnings = \[\n(.*?)^\]", text, flags=re.MULTILINE | re.DOTALL)
    assert block is not None
    lines = [line.strip() for line in block[1].splitlines()]
    ignores = [index for index, line in enumerate(lines) if line.startswith('"ignore')]
    assert ignores
    assert all(lines[index - 1].startswith("#") for index in ignores)


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts are for Linux and macOS")
@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_can_run(script: str) -> None:
    """Each is executable and parses."""
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", path], check=True)


def test_the_readme_opens_with_the_two_commands() -> None:
    opening = (ROOT / "README.md").read_text("utf-8").split("\n## ")[0]
    assert "scripts/demo" in opening
    assert "scripts/test" in opening


def test_links_in_the_documents_lead_somewhere() -> None:
    """Relative links and pictures of the Markdown pages exist."""
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("**/*.md"))]
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def imported_distributions() -> set[str]:
    """Distributions outside the standard library that any module of the package imports, also inside functions."""
    homes = packages_distributions()
    found = set()
    for path in MANIFEST.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for package in {name.split(".")[0] for name in names} - sys.stdlib_module_names:
                found |= {canonical(name) for name in homes.get(package, [package])}
    return found - {"napari-sr"}


def canonical(requirement: str) -> str:
    """Name of a distribution as indexes compare it, without version and extras."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


def test_every_imported_package_is_declared() -> None:
    """A package that only comes along with another one may stop doing so."""
    extras = [each for needs in PROJECT["optional-dependencies"].values() for each in needs]
    declared = {canonical(each) for each in [*PROJECT["dependencies"], *extras]}
    # An xarray comes from the caller; pydantic-core is the other half of pydantic.
    assert imported_distributions() - declared <= {"xarray", "pydantic-core"}


def test_every_declared_package_is_imported() -> None:
    """An extra or a dependency is installed for code that uses it."""
    extras = PROJECT["optional-dependencies"].items()
    optional = [each for name, needs in extras if name != "all" for each in needs]
    declared = {canonical(each) for each in [*PROJECT["dependencies"], *optional]}
    assert declared - imported_distributions() == {"npe2"}  # reads the manifest


def test_workflows_are_workflows() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text("utf-8"))
        assert {"name", "jobs"} <= set(workflow)
        jobs = workflow["jobs"]
        for job in jobs.values():
            needs = job.get("needs", [])
            assert set([needs] if isinstance(needs, str) else needs) <= set(jobs)
            if "uses" in job:
                assert (ROOT / job["uses"]).is_file()
            else:
                assert job["runs-on"]
                assert job["steps"]
