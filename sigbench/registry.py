"""How plug-ins are found: entry points of any installed package, or a class in a file."""

import hashlib
import importlib.metadata
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sigbench.errors import BadInput, unknown_name
from sigbench.sampler import Sampler
from sigbench.task import Task

TASKS = "sigbench.tasks"
SAMPLERS = "sigbench.samplers"


@cache
def _entry_points(group: str) -> Mapping[str, importlib.metadata.EntryPoint]:
    found: dict[str, importlib.metadata.EntryPoint] = {}
    for point in importlib.metadata.entry_points(group=group):
        if point.name in found and found[point.name].value != point.value:
            raise BadInput(
                f"two packages register {point.name!r} in {group}: {found[point.name].value} and {point.value}."
            )
        found[point.name] = point
    return found


def task_names() -> list[str]:
    """Returns the names of the registered tasks."""
    return sorted(_entry_points(TASKS))


def sampler_names() -> list[str]:
    """Returns the names of the registered samplers."""
    return sorted(_entry_points(SAMPLERS))


def task_class(name: str) -> type[Task]:
    """Returns the task class called `name`, or the one at `FILE.py:CLASS`; raises BadInput otherwise."""
    if ".py:" in name:
        return _class_in_file(name, Task)
    if name not in _entry_points(TASKS):
        raise unknown_name("task", name, task_names())
    return _load(_entry_points(TASKS)[name])


def sampler_class(name: str) -> type[Sampler]:
    """Returns the sampler class called `name`, or the one at `FILE.py:CLASS`; raises BadInput otherwise."""
    if ".py:" in name:
        return _class_in_file(name, Sampler)
    if name not in _entry_points(SAMPLERS):
        raise unknown_name("sampler", name, sampler_names())
    return _load(_entry_points(SAMPLERS)[name])


def make_task(name: str) -> Task:
    """Returns the task called `name`."""
    return _make(task_class(name), name, {})


def make_sampler(spec: str) -> Sampler:
    """Returns the sampler of a spec `NAME[:option=value…]` or `FILE.py:CLASS[:option=value…]`.

    Raises BadInput for an unknown name, an unknown option or a value of the wrong kind.
    """
    name, options = split_spec(spec)
    cls = sampler_class(name)
    accepted = inspect.signature(cls.__init__).parameters
    arguments: dict[str, Any] = {}
    for key, text in options.items():
        if key not in accepted or key == "self":
            raise unknown_name(f"option of {name}", key, set(accepted) - {"self", "args", "kwargs"})
        arguments[key] = _parse(text, accepted[key].annotation, f"{name}:{key}")
    return _make(cls, spec, arguments)


def source_hash(spec: str) -> str | None:
    """Returns the SHA-256 of the file in a spec `FILE.py:CLASS…`, None for the name of a registered plug-in."""
    path, is_file, _ = spec.partition(".py:")
    return hashlib.sha256(Path(f"{path}.py").read_bytes()).hexdigest() if is_file else None


def split_spec(spec: str) -> tuple[str, dict[str, str]]:
    """Returns (name, options) of a sampler spec; raises BadInput for a part that is no option=value."""
    name, *parts = spec.split(":")
    if name.endswith(".py"):
        if not parts:
            raise BadInput(f"{spec!r} names a file but no class: write {spec}:CLASS.")
        name, parts = f"{name}:{parts[0]}", parts[1:]
    options = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise BadInput(f"{part!r} in {spec!r} is not option=value.")
        options[key] = value
    return name, options


def _parse(text: str, annotation: Any, where: str) -> Any:
    kinds = [kind for kind in (int, float, str) if kind.__name__ in str(annotation) or kind is annotation]
    for kind in kinds or [float, str]:
        try:
            return kind(text)
        except ValueError:
            continue
    raise BadInput(f"{where} takes {' or '.join(kind.__name__ for kind in kinds)}, got {text!r}.")


def _load(point: importlib.metadata.EntryPoint) -> Any:
    try:
        found = point.load()
    except (ImportError, AttributeError) as error:
        raise BadInput(f"the plug-in {point.name!r} ({point.value}) cannot be loaded: {error}.") from error
    return _complete(found, f"the plug-in {point.name!r}", Task if point.group == TASKS else Sampler)


def _make(cls: type[Any], spec: str, arguments: Mapping[str, Any]) -> Any:
    try:
        return cls(**arguments)
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"{spec} cannot be made: {type(error).__name__}: {error}.") from error


def _complete(cls: type[Any], where: str, base: type[Any]) -> type[Any]:
    """Returns `cls` where it defines and declares all that `base` asks for; raises BadInput otherwise."""
    if inspect.isabstract(cls):
        raise BadInput(f"{where} does not define {', '.join(sorted(cls.__abstractmethods__))}.")
    missing = [fact for fact in inspect.get_annotations(base) if not hasattr(cls, fact)]
    if missing:
        raise BadInput(f"{where} does not declare {', '.join(missing)}.")
    return cls


def _class_in_file(spec: str, base: type[Any]) -> Any:
    path, _, name = spec.rpartition(":")
    file = Path(path)
    if not file.is_file():
        raise BadInput(f"there is no file {path!r}.")
    module_name = f"sigbench_user_{file.stem}"
    module_spec = importlib.util.spec_from_file_location(module_name, file)
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module_name] = module
    try:
        module_spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise BadInput(f"{path} cannot be imported: {type(error).__name__}: {error}.") from error
    found = getattr(module, name, None)
    candidates = [k for k, v in vars(module).items() if inspect.isclass(v) and issubclass(v, base) and v is not base]
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise unknown_name(f"{base.__name__.lower()} class in {path}", name, candidates)
    return _complete(found, f"{name} in {path}", base)
