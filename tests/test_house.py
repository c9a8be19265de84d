"""The rules of the house: style, floors, types, and a build file that tells the truth."""

import importlib
import importlib.metadata
import inspect
import pkgutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS: dict[str, str] = PROJECT["tool"]["setuptools"]["package-dir"]


def passes(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def tool(name: str) -> str:
    return str(Path(sysconfig.get_path("scripts")) / name)


def test_ruff_check() -> None:
    passes([sys.executable, "-m", "ruff", "check", "."], ROOT)


def test_ruff_format() -> None:
    passes([sys.executable, "-m", "ruff", "format", "--check", "."], ROOT)


def test_imports_keep_to_their_floors() -> None:
    passes([tool("lint-imports"), "--no-cache"], ROOT)


def test_types(tmp_path: Path) -> None:
    """The import names differ from the folders' names; links give mypy a tree in which they do not."""
    for package, folder in FOLDERS.items():
        (tmp_path / package).symlink_to(ROOT / folder, target_is_directory=True)
    packages = [argument for package in FOLDERS for argument in ("-p", package)]
    options = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    passes([sys.executable, "-m", "mypy", *options, *packages], tmp_path)


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


def test_the_version_is_one() -> None:
    import sigbench

    assert PROJECT["project"]["version"] == sigbench.__version__ == importlib.metadata.version("sigbench")


@pytest.mark.parametrize("group", ["sigbench.tasks", "sigbench.samplers"])
def test_entry_points_are_declared_installed_and_loadable(group: str) -> None:
    declared: dict[str, str] = PROJECT["project"]["entry-points"][group]
    installed = {point.name: point for point in importlib.metadata.entry_points(group=group)}
    for name, value in declared.items():
        assert installed[name].value == value
        assert installed[name].load().name == name


def modules() -> Iterator[ModuleType]:
    for package in FOLDERS:
        top = importlib.import_module(package)
        yield top
        for found in pkgutil.walk_packages(top.__path__, f"{package}."):
            yield importlib.import_module(found.name)


def inherits_doc(cls: type, name: str) -> bool:
    """Whether a base class documents what an override leaves undocumented."""
    return any((getattr(vars(base).get(name), "__doc__", None) or "").strip() for base in cls.__mro__[1:])


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
