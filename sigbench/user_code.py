"""A user's file as a module, with what it imports from beside it: as it stands now, and nothing left in its folder."""

import hashlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from sigbench.errors import BadInput
from sigbench.files import MOST_TEXT, is_file, read_file
from sigbench.guard import guarded

USER_MODULE = "sigbench_user_"  # with what names of modules of users' files begin


class _Uncached(SourceFileLoader):
    """Compiles a file each time: no bytecode is left in the user's folder, or read there in an edit's place."""

    def path_stats(self, path: str) -> NoReturn:
        """Knows of no time that bytecode could be held to."""
        raise OSError(f"{path} is not cached")


class _Beside:
    """Finds what is imported from the folder of a user's file, after all that is installed; the last folder first."""

    def __init__(self) -> None:
        self._folders: list[Path] = []
        self._read: dict[Path, str] = {}  # files that were imported, with their hashes at that time

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Returns where a module lies, as importlib asks its finders; `path` is its package's, None without one."""
        if path is None:
            installed = PathFinder.find_spec(name)
            if installed is not None and installed.loader is not None:  # a mere folder of that name is no module
                return None
            folders = list(reversed(self._folders))
        else:
            folders = [Path(each) for each in path if Path(each) / "__init__.py" in self._read]
        last = name.rpartition(".")[2]
        for folder in folders:
            for file, inside in ((folder / last / "__init__.py", [str(folder / last)]), (folder / f"{last}.py", None)):
                if file.is_file():
                    self._read[file] = _hash(file)
                    loader = _Uncached(name, str(file))
                    return importlib.util.spec_from_file_location(
                        name, file, loader=loader, submodule_search_locations=inside
                    )
        return None

    def turn_to(self, folder: Path) -> None:
        """Looks into `folder` first, and has modules imported again that are another folder's, or were edited.

        Whoever imported them before keeps them as they were.
        """
        stale = any(not file.is_relative_to(folder) or _hash(file) != was for file, was in self._read.items())
        if stale:
            for name, module in list(sys.modules.items()):
                if getattr(module, "__file__", None) and Path(str(module.__file__)) in self._read:
                    del sys.modules[name]
            self._read.clear()
        self._folders = [*(known for known in self._folders if known != folder), folder]


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


_BESIDE = _Beside()


def load_file(path: str) -> ModuleType:
    """Returns the file as a module; raises BadInput where there is none, or where it cannot be imported."""
    file = Path(path)
    if not is_file(file):
        raise BadInput(f"there is no file {path!r}.")
    read_file(file, "the file", MOST_TEXT)  # before Python reads it, whatever its size
    # A name of its own for each file: what is known of a class by its module must not be that of another folder's file.
    name = f"{USER_MODULE}{file.stem}_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, file, loader=_Uncached(name, str(file)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if _BESIDE not in sys.meta_path:
        sys.meta_path.insert(sys.meta_path.index(PathFinder), _BESIDE)
    _BESIDE.turn_to(file.resolve().parent)
    with guarded(f"{path} cannot be imported"):
        spec.loader.exec_module(module)
    return module
