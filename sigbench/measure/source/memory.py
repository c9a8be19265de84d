"""What a class, a function or a value in memory comes to, as a hash: for plug-ins that are handed over as objects.

A class of a notebook is what its functions do and what they use: their bytecode, defaults and closures, and of the
global names that they load whatever is not installed, and so on. It is taken from the objects themselves and not from
the text of cells, so that what is hashed is what runs, whichever cells ran in which order. An object is its class and
what pickle would keep of it. What pickle cannot keep (a generator, an open file) cannot be known, and gives a hash that
no other session has: nothing is ever taken in its place.
"""

import dis
import hashlib
import importlib.util
import inspect
import sys
import sysconfig
import types
from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path, PurePath
from typing import Any
from uuid import uuid4

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented))
_BUILT_IN = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
# What Python keeps in a class beside what it does: where it stands, and what follows from the rest.
_PLACE = "__dict__ __weakref__ __doc__ __module__ __firstlineno__"
_DERIVED = "__static_attributes__ __abstractmethods__ _abc_impl __parameters__ __slotnames__"
_ANNOTATIONS = "__annotations__ __annotations_cache__ __annotate_func__"
_OF_CLASSES = frozenset(f"{_PLACE} {_DERIVED} {_ANNOTATIONS}".split())
_INSTALLED = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib", "stdlib"))
_OURS = frozenset({"sigbench", "sigbench_baselines", "sigbench_tasks"})  # whose version and code a key holds anyway


def is_in_memory(part: Any) -> bool:
    """Returns whether a class or a function is a program's own, and not one of an installed package."""
    return not _is_installed(getattr(part, "__module__", None) or "builtins")


def hash_of(*things: Any) -> tuple[str, list[str]]:
    """Returns the hash of things in memory, and the names of what in them cannot be known.

    Where there is such a thing the hash is like no other one.
    """
    text = _Text()
    for thing in things:
        text.write(thing, getattr(thing, "__qualname__", type(thing).__name__))
    unknown = list(dict.fromkeys(text.unknown))
    if unknown:
        text.parts.append(uuid4().hex)
    written = "\0".join(text.parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(written, digest_size=10).hexdigest(), unknown


def _is_installed(module: str) -> bool:
    top = module.partition(".")[0]
    if top == "__main__":
        return False
    if top in _OURS or top in sys.stdlib_module_names:
        return True
    found = sys.modules.get(module)
    file = getattr(found, "__file__", None)
    return found is not None and _lies_among_packages(file)


def _lies_among_packages(file: str | None) -> bool:
    return file is not None and any(Path(file).resolve().is_relative_to(folder) for folder in _INSTALLED)


class _Text:
    """Things as a list of texts, each thing once: where it comes again it is its number."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.unknown: list[str] = []
        self._numbers: dict[int, int] = {}
        self._alive: list[Any] = []  # or another thing might get the address of one that is gone

    def write(self, thing: Any, name: str) -> None:
        """Adds a thing; `name` is what it is called by where it cannot be known."""
        if type(thing) in _PLAIN:
            self.parts.append(f"{type(thing).__name__} {thing!r}")
            return
        if id(thing) in self._numbers:
            self.parts.append(f"again {self._numbers[id(thing)]}")
            return
        self._numbers[id(thing)] = len(self._numbers)
        self._alive.append(thing)
        if not (self._write_code(thing, name) or self._write_container(thing, name) or self._write_array(thing)):
            self._write_object(thing, name)

    def _write_code(self, thing: Any, name: str) -> bool:
        """Adds modules, classes, functions and what wraps them."""
        if isinstance(thing, types.ModuleType):
            self.parts.append(f"module {thing.__name__}")
            if not _is_installed(thing.__name__):
                self._named({key: value for key, value in vars(thing).items() if not key.startswith("__")}, name)
        elif isinstance(thing, type):
            self.parts.append(f"class {thing.__module__}.{thing.__qualname__}")
            if is_in_memory(thing):
                self._all(thing.__bases__, name)
                self._named({key: value for key, value in vars(thing).items() if key not in _OF_CLASSES}, name)
        elif isinstance(thing, types.FunctionType):
            self.parts.append(f"function {thing.__module__}.{thing.__qualname__}")
            if is_in_memory(thing):
                self._write_function(thing, name)
        elif isinstance(thing, types.CodeType):
            self._write_bytecode(thing, name)
        elif isinstance(thing, _BUILT_IN) and isinstance(
            getattr(thing, "__self__", None), types.ModuleType | type | None
        ):
            self.parts.append(f"built in {thing.__qualname__}")
        elif (inner := _inside(thing)) is not None:
            self.parts.append(type(thing).__name__)
            self._all(inner, name)
        else:
            return False
        return True

    def _write_function(self, function: types.FunctionType, name: str) -> None:
        self._write_bytecode(function.__code__, name)
        self._all((function.__defaults__, function.__kwdefaults__), name)
        for cell in function.__closure__ or ():
            try:
                self.write(cell.cell_contents, name)
            except ValueError:
                self.parts.append("empty cell")
        loaded, imported = _used(function.__code__)
        self._named({key: function.__globals__[key] for key in loaded if key in function.__globals__}, name)
        for module in sorted(imported):
            self._write_import(module)

    def _write_bytecode(self, code: types.CodeType, name: str) -> None:
        """Adds what code does: neither where it stands, nor which lines it was written in."""
        self.parts += [code.co_code.hex(), code.co_exceptiontable.hex()]
        for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
            self.parts.append(" ".join(names))
        self.parts.append(f"{code.co_flags} {code.co_argcount} {code.co_posonlyargcount} {code.co_kwonlyargcount}")
        self._all(code.co_consts, name)

    def _write_import(self, module: str) -> None:
        """Adds a module that a function imports when it runs."""
        if module in sys.modules or _is_installed(module):
            self.write(sys.modules.get(module, module), module)
            return
        try:
            found = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            found = None
        file = None if found is None else found.origin
        if file is not None and not _lies_among_packages(file) and Path(file).is_file():
            self.write(Path(file).read_bytes(), module)

    def _write_container(self, thing: Any, name: str) -> bool:
        if isinstance(thing, tuple | list):
            self.parts.append(f"{type(thing).__name__} {len(thing)}")
            self._all(thing, name)
        elif isinstance(thing, set | frozenset) and all(type(member) in _PLAIN for member in thing):
            self.parts.append(f"{type(thing).__name__} {sorted(map(repr, thing))}")
        elif isinstance(thing, Mapping) and all(type(key) in _PLAIN for key in thing):
            self.parts.append(f"{type(thing).__name__} {len(thing)}")
            self._named(thing, name)
        elif isinstance(thing, PurePath):
            self.parts.append(f"path {thing}")
        else:
            return False
        return True

    def _write_array(self, thing: Any) -> bool:
        """Adds arrays of numpy and tensors of torch; neither package is imported for it."""
        numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
        if torch is not None and isinstance(thing, torch.Tensor):
            flat = thing.detach().cpu().contiguous().reshape(-1)
            data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
            kind = f"{type(thing).__name__} {thing.dtype}"
        elif numpy is not None and isinstance(thing, numpy.ndarray) and not thing.dtype.hasobject:
            data, kind = thing.tobytes(), str(thing.dtype)
        else:
            return False
        self.parts.append(f"array {kind} {tuple(thing.shape)} {hashlib.sha256(data).hexdigest()}")
        return True

    def _write_object(self, thing: Any, name: str) -> None:
        """Adds what pickle would keep of an object."""
        try:
            kept = thing.__reduce_ex__(4)
        except Exception:
            self.parts.append("unknown")
            self.unknown.append(name)
            return
        self.write(type(thing), name)
        if isinstance(kept, str):
            self.parts.append(kept)
            return
        maker, arguments, *rest = kept
        state, members, items = (*rest, None, None, None)[:3]
        self._all((maker, arguments), name)
        if isinstance(state, dict):
            self._named(state, name)
        else:
            self.write(state, name)
        self._all(members or (), name)
        for item in items or ():
            self._all(item, name)

    def _all(self, things: Iterable[Any], name: str) -> None:
        for thing in things:
            self.write(thing, name)

    def _named(self, things: Mapping[Any, Any], name: str) -> None:
        for key in sorted(things, key=repr):
            self.parts.append(repr(key))
            self.write(things[key], f"{name}.{key}")


def _inside(thing: Any) -> tuple[Any, ...] | None:
    """What something that wraps functions consists of; None where it wraps none."""
    if isinstance(thing, types.MethodType):
        return thing.__func__, thing.__self__
    if isinstance(thing, staticmethod | classmethod):
        return (thing.__func__,)
    if isinstance(thing, property):
        return thing.fget, thing.fset, thing.fdel
    if isinstance(thing, cached_property):
        return (thing.func,)
    if isinstance(thing, partial):
        return thing.func, thing.args, thing.keywords
    if callable(thing) and type(thing).__name__ == "_lru_cache_wrapper":
        return (thing.__wrapped__,)
    return None


def _used(code: types.CodeType) -> tuple[set[str], set[str]]:
    """The global names that code loads and the modules that it imports, those of its inner functions among them."""
    loaded, imported = set(), set()
    for step in dis.get_instructions(code):
        if step.opname in _LOADS:
            loaded.add(step.argval)
        elif step.opname == "IMPORT_NAME" and step.argval:
            imported.add(step.argval)
    for const in code.co_consts:
        if inspect.iscode(const):
            inner = _used(const)
            loaded |= inner[0]
            imported |= inner[1]
    return loaded, imported
