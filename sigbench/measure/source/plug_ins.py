"""The code that a cell's numbers depend on, as hashes by file: what its plug-ins are written in, and parts of sigbench.

Of a plug-in these are the files of its class, of the classes that this derives from, and of whatever they import from
their own package, or from beside them where the file is a user's. They are found by reading the files: what is imported
by a name that is put together at run time is missed. The standard library and packages whose versions a record keeps
are left out.
"""

import hashlib
import importlib.metadata
import inspect
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sigbench
from sigbench.measure.source.syntax import Import, read_code
from sigbench.records.record import PlugInCode

# What numbers depend on in this package, how options are read from a spec among it; never how they are kept or shown.
PARTS = ("sde", "metrics", "networks", "measure", "abilities.py", "plug_ins.py", "registry.py", "spec.py")
_ROOT = Path(sigbench.__file__).resolve().parent
_VERSIONED = frozenset({"torch", "numpy", "scipy", "ot", "torchsde", "torch_fidelity", "safetensors", "pysiglib"})


@dataclass(frozen=True, slots=True)
class _Package:
    """Where a file's own imports are looked for: a package's name and folder; no name for the folder of plain files.

    Only files `within` are followed: of sigbench those beside the plug-in, for the rest is no part of it.
    """

    name: str
    folder: Path
    within: Path

    def written(self, file: Path) -> str:
        """The name of a file, relative to the package's folder."""
        own = file.relative_to(self.folder).as_posix()
        return f"{self.name}/{own}" if self.name else own

    def takes(self, file: Path) -> bool:
        """Whether a file is followed."""
        return file.is_relative_to(self.within) and file.is_file()


def parts_of(cls: type[Any]) -> tuple[Any, ...]:
    """Returns the classes and functions that a plug-in's class is made of.

    A class that stands for other code names functions of it in `written_in`.
    """
    return (*cls.__mro__, *getattr(cls, "written_in", ()))


def code_of(plug_in: str, cls: type[Any], parts: Iterable[Any] | None = None) -> PlugInCode:
    """Returns what a plug-in, a task, a sampler or a metric, is written in: hashes by the names of the files.

    These are the files of all its parts, or of `parts` alone. A class may name `packages`, whose versions are told.
    """
    files: dict[str, str] = {}
    for part in parts_of(cls) if parts is None else parts:
        if (found := _place_of(part)) is not None:
            _collect(*found, files)
    code: PlugInCode = {"plug_in": plug_in, "name": cls.__qualname__, "files": dict(sorted(files.items()))}
    if packages := getattr(cls, "packages", ()):
        code["packages"] = {package: importlib.metadata.version(package) for package in packages}
    return code


@cache
def package_code(root: Path = _ROOT) -> dict[str, str]:
    """Returns the hashes of the parts of sigbench that numbers depend on; they stay while it runs."""
    return {f"sigbench/{part}": part_hash(root / part) for part in PARTS}


def part_hash(place: Path) -> str:
    """Returns the hash of a file, or of all Python files of a folder with their names in it."""
    if place.is_file():
        return read_code(place.read_bytes()).hash
    files = sorted(file.relative_to(place).as_posix() for file in place.rglob("*.py"))
    listed = "".join(f"{file} {read_code((place / file).read_bytes()).hash}\n" for file in files)
    return hashlib.blake2b(listed.encode(), digest_size=10).hexdigest()


def _place_of(part: Any) -> tuple[Path, _Package] | None:
    """The file of a class or a function and its package, None where it is not hashed."""
    top, *below = part.__module__.split(".")
    if _is_elsewhere(top):
        return None
    try:
        file = Path(inspect.getfile(part)).resolve()
    except (OSError, TypeError):
        return None  # written in C, or at a prompt
    if top == sigbench.__name__:
        own = _Package(top, _ROOT, file if file.parent == _ROOT else _ROOT / below[0])
        return None if any(file.is_relative_to(_ROOT / part) for part in PARTS) else (file, own)
    up = len(below) + (file.stem == "__init__") - 1
    folder = file.parents[max(up, 0)]
    return file, _Package(top if up >= 0 else "", folder, folder)


def _is_elsewhere(top: str) -> bool:
    """Whether a package is the standard library's, or one whose version the record keeps."""
    return top in sys.stdlib_module_names or top in _VERSIONED


def _collect(file: Path, package: _Package, files: dict[str, str]) -> None:
    """Adds a file and what it imports to `files`, and what these import, and so on."""
    name = package.written(file)
    if name in files or not file.is_file():
        return
    found = read_code(file.read_bytes())
    files[name] = found.hash
    for each in found.imports:
        for place in _places(each, file, package):
            if package.takes(place):
                _collect(place, package, files)


def _places(each: Import, file: Path, package: _Package) -> Iterator[Path]:
    """The files that an import may read, whether they exist or not."""
    parts = [part for part in each.module.split(".") if part]
    if each.level:
        folder = file.parents[each.level - 1] if each.level <= len(file.parents) else file.parent
    elif package.name:
        if not parts or parts.pop(0) != package.name:
            return
        folder = package.folder
    elif parts[0] == sigbench.__name__ or _is_elsewhere(parts[0]):
        return
    else:
        folder = package.folder
    for depth in range(len(parts) + 1):
        inner = folder.joinpath(*parts[:depth])
        if depth or package.name or each.level:
            yield inner / "__init__.py"
        if depth:
            yield inner.with_suffix(".py")
    for name in each.names:
        inner = folder.joinpath(*parts, name)
        yield inner.with_suffix(".py")
        yield inner / "__init__.py"
