"""The rules of the house: rooms and their sizes, documentation, and a build file that tells the truth."""

import importlib
import importlib.metadata
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from sigbench import abilities
from sigbench.task import Task

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS: dict[str, str] = PROJECT["tool"]["setuptools"]["package-dir"]


MOST_LINES, MOST_MODULES = 300, 12
ONE_KIND_A_FILE = {"sigbench/cli", "baselines", "sigbench/metrics"}  # folders that may have more modules
BESIDE_THE_CODE = {"audit", "benchmarks", "conformance", "cuda", "fuzz", "packaging"}  # tests that mirror no folder


def sources() -> list[Path]:
    """Returns every module of the package, relative to the root."""
    return sorted(file.relative_to(ROOT) for folder in FOLDERS.values() for file in (ROOT / folder).rglob("*.py"))


def test_no_module_is_too_long() -> None:
    lengths = {str(file): len((ROOT / file).read_text().splitlines()) for file in sources()}
    assert len(lengths) > 100
    assert {file: lines for file, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_folder_holds_too_many_modules() -> None:
    modules_in = Counter(str(file.parent) for file in sources() if file.name != "__init__.py")
    assert len(modules_in) > 10
    assert {
        folder: count for folder, count in modules_in.items() if count > MOST_MODULES and folder not in ONE_KIND_A_FILE
    } == {}


def test_every_folder_of_tests_mirrors_a_folder_of_code() -> None:
    """tests/sde is of sigbench/sde, tests/tasks/mnist of tasks/mnist."""
    mirrored = {folder.relative_to(ROOT / "sigbench") for folder in (ROOT / "sigbench").rglob("*") if folder.is_dir()}
    for code in ("baselines", "tasks"):
        mirrored |= {folder.relative_to(ROOT) for folder in ((ROOT / code), *(ROOT / code).rglob("*"))}
    found = {file.parent.relative_to(ROOT / "tests") for file in (ROOT / "tests").rglob("*.py")}
    found -= {Path(), *map(Path, BESIDE_THE_CODE)}
    assert len(found) > 10
    assert {str(folder) for folder in found - mirrored} == set()


def test_test_files_have_names_of_their_own() -> None:
    """pytest imports them by their bare names, and would collect one of two."""
    names = [file.name for file in (ROOT / "tests").rglob("*.py") if file.name != "conftest.py"]
    assert len(names) > 100
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_nothing_is_kept_from_the_formatter() -> None:
    mark = re.compile(r"#\s*fmt:\s*(skip|off)|#\s*yapf:\s*disable")
    files = [file for file in ROOT.rglob("*.py") if not {".git", ".venv", "build"} & set(file.relative_to(ROOT).parts)]
    assert len(files) > 200
    assert [str(file.relative_to(ROOT)) for file in files if mark.search(file.read_text())] == []


def test_the_other_checks_are_called_by_ci() -> None:
    """Style, types, floors and code that is there twice are checked outside pytest, once: by nox, as is the site."""
    lint, ci = (ROOT / "noxfile.py").read_text(), (ROOT / ".ci" / "run").read_text()
    for tool in ("ruff", "mypy", "importlinter", "duplicate-code"):
        assert f'"{tool}"' in lint or f"from {tool}" in lint or f"={tool}" in lint, tool
    assert "nox -s lint site" in ci
    assert "nox -s lint site" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


BROWSER_TEST = """
import pytest

@pytest.mark.skipif("True", reason="browser: there is no chromium here")
def test_page():
    pass
"""


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("1", 1)])
def test_in_ci_a_missing_browser_fails(tmp_path: Path, ci: str, code: int) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_page.py").write_text(BROWSER_TEST)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rsf", "test_page.py"]
    environment = {**os.environ, "CI": ci}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout
    assert "browser: there is no chromium here" in done.stdout


def test_the_declared_packages_are_the_folders_that_exist() -> None:
    found = {
        ".".join((package, *file.parent.relative_to(ROOT / folder).parts))
        for package, folder in FOLDERS.items()
        for file in (ROOT / folder).rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found


def test_every_source_lies_in_a_package() -> None:
    for folder in FOLDERS.values():
        for file in (ROOT / folder).rglob("*.py"):
            assert (file.parent / "__init__.py").exists(), file


def test_the_version_stands_in_one_place() -> None:
    import sigbench

    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "sigbench.__version__"}
    assert sigbench.__version__ == importlib.metadata.version("sigbench")


@pytest.mark.parametrize("group", ["sigbench.tasks", "sigbench.samplers", "sigbench.metrics"])
def test_entry_points_are_declared_installed_and_loadable(group: str) -> None:
    declared: dict[str, str] = PROJECT["project"]["entry-points"][group]
    installed = {point.name: point for point in importlib.metadata.entry_points(group=group)}
    for name, value in declared.items():
        assert name in installed, f"{name} is declared and not installed: pip install -e . again"
        assert installed[name].value == value
        assert installed[name].load().name == name


def test_aliases_name_registered_samplers_and_no_sampler_is_shadowed() -> None:
    declared: dict[str, str] = PROJECT["project"]["entry-points"]["sigbench.sampler_aliases"]
    installed = {point.name: point.value for point in importlib.metadata.entry_points(group="sigbench.sampler_aliases")}
    samplers: dict[str, str] = PROJECT["project"]["entry-points"]["sigbench.samplers"]
    assert declared.items() <= installed.items()
    assert set(declared.values()) <= set(samplers.values())
    assert not declared.keys() & samplers.keys()


def modules() -> Iterator[ModuleType]:
    for package in FOLDERS:
        top = importlib.import_module(package)
        yield top
        for found in pkgutil.walk_packages(top.__path__, f"{package}."):
            yield importlib.import_module(found.name)


ABILITIES = [thing for thing in vars(abilities).values() if getattr(thing, "_is_protocol", False)]


def inherits_doc(cls: type, name: str) -> bool:
    """Whether a base class, or an ability that a task has, documents what a method leaves undocumented."""
    bases = [*cls.__mro__[1:], *(ABILITIES if issubclass(cls, Task) else ())]
    return any((getattr(vars(base).get(name), "__doc__", None) or "").strip() for base in bases)


def undocumented(module: ModuleType) -> Iterator[str]:
    """Yields the public names that `module` defines without a docstring, its own among them."""
    if not (module.__doc__ or "").strip():
        yield module.__name__
    for name, thing in vars(module).items():
        ours = getattr(thing, "__module__", None) == module.__name__
        if name.startswith("_") or not ours or not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        if not (vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__):
            yield f"{module.__name__}.{name}"
        if inspect.isclass(thing):
            for part, member in vars(thing).items():
                function = getattr(member, "__func__", getattr(member, "fget", member))
                if part.startswith("_") or not inspect.isfunction(function):
                    continue
                if not function.__doc__ and not inherits_doc(thing, part):
                    yield f"{module.__name__}.{name}.{part}"


def test_everything_public_is_documented() -> None:
    found = list(modules())
    assert len(found) > 40
    assert [name for module in found for name in undocumented(module)] == []


def test_what_runs_at_night_is_there() -> None:
    nightly = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text())
    commands = nightly["jobs"]["break-it"]["strategy"]["matrix"]["what"]
    assert len(commands) == 4
    assert (ROOT / "tests" / "fuzz" / "__main__.py").is_file()
    for command in commands:
        program, *words = command.split()
        if program == "nox":
            assert f"def {words[-1]}(" in (ROOT / "noxfile.py").read_text()
        else:
            assert '--seed "$SEED"' in command
            assert words[0] == "-m" or (ROOT / words[0]).is_file()
