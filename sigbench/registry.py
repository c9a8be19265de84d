"""How plug-ins are found and made: entry points of any installed package, or a class in a file."""

import importlib.metadata
import inspect
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import msgspec

from sigbench.adapter import Adapter
from sigbench.errors import BadInput, unknown_name
from sigbench.sampler import Sampler
from sigbench.task import Task
from sigbench.user_code import load_file

if TYPE_CHECKING:
    from sigbench.metrics.metric import Metric

TASKS = "sigbench.tasks"
SAMPLERS = "sigbench.samplers"
METRICS = "sigbench.metrics"
ALIASES = "sigbench.sampler_aliases"
ADAPTERS = "sigbench.adapters"


def _base(group: str) -> type[Any]:
    """The contract of a group's plug-ins; that of metrics loads numpy, so it waits until one is wanted."""
    if group == METRICS:
        from sigbench.metrics.metric import Metric

        return Metric
    return {TASKS: Task, ADAPTERS: Adapter}.get(group, Sampler)


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


def sampler_aliases() -> dict[str, str]:
    """Returns the names of registered samplers by the other names that people know them under."""
    named = {point.value: name for name, point in _entry_points(SAMPLERS).items()}
    return {alias: named[point.value] for alias, point in _entry_points(ALIASES).items() if point.value in named}


def adapter_names() -> list[str]:
    """Returns the names of the registered adapters, each the first word of the specs of its samplers."""
    return sorted(_entry_points(ADAPTERS))


def adapter(name: str) -> Adapter:
    """Returns the adapter called `name`; raises BadInput otherwise."""
    made: Adapter = _make(_class(ADAPTERS, name), name, {})
    return made


def is_adapted(name: str) -> bool:
    """Returns whether a sampler's name is ADAPTER:TARGET."""
    head, colon, _ = name.partition(":")
    return bool(colon) and head in _entry_points(ADAPTERS)


def own_name(spec: str) -> str:
    """Returns a sampler's spec with its own name in the place of an alias."""
    name, colon, options = spec.partition(":")
    return sampler_aliases().get(name, name) + colon + options


def metric_names() -> list[str]:
    """Returns the names of the registered metrics: those that can be added to a task's own."""
    return sorted(_entry_points(METRICS))


def task_class(name: str) -> type[Task]:
    """Returns the task class called `name`, or the one at `FILE.py:CLASS`; raises BadInput otherwise."""
    found: type[Task] = _class(TASKS, name)
    return found


def sampler_class(name: str) -> type[Sampler]:
    """Returns the sampler class called `name`, at `FILE.py:CLASS` or of `ADAPTER:TARGET`; raises BadInput otherwise."""
    found: type[Sampler] = _class(SAMPLERS, own_name(name))
    return found


def metric_class(name: str) -> "type[Metric]":
    """Returns the metric class called `name`, or the one at `FILE.py:CLASS`; raises BadInput otherwise."""
    found: type[Metric] = _class(METRICS, name)
    return found


def make_task(name: str) -> Task:
    """Returns the task called `name`, or the one at `FILE.py:CLASS`; raises BadInput otherwise."""
    made: Task = _make(task_class(name), name, {})
    return made


def make_sampler(spec: str) -> Sampler:
    """Returns the sampler of a spec `NAME[:option=value…]`, where NAME may be FILE.py:CLASS or ADAPTER:TARGET.

    Raises BadInput for an unknown name, an unknown option or a value of the wrong kind.
    """
    made: Sampler = _made_of_spec(SAMPLERS, own_name(spec))
    return made


def make_metric(spec: str) -> "Metric":
    """Returns the metric of a spec `NAME[:option=value…]` or `FILE.py:CLASS[:option=value…]`.

    Raises BadInput for an unknown name, an unknown option or a value of the wrong kind.
    """
    made: Metric = _made_of_spec(METRICS, spec)
    return made


def _class(group: str, name: str) -> Any:
    base = _base(group)
    if group == SAMPLERS and is_adapted(name):
        head, _, target = name.partition(":")
        return _complete(adapter(head).sampler_class(target), name, base)
    if ".py:" in name:
        return _class_in_file(name, base)
    if name not in _entry_points(group):
        raise unknown_name(base.__name__.lower(), name, _entry_points(group))
    return _load(_entry_points(group)[name])


def _made_of_spec(group: str, spec: str) -> Any:
    name, options = split_spec(spec)
    cls = _class(group, name)
    kinds = options_of(cls)
    arguments: dict[str, Any] = {}
    for option, text in options.items():
        if option not in kinds:
            if reason := getattr(cls, "refused_options", {}).get(option):
                raise BadInput(f"{name} takes no {option}: {reason}.")
            raise unknown_name(f"option of {name}", option, kinds)
        arguments[option] = _parse(text, kinds[option], f"{name}:{option}")
    parameters = inspect.signature(cls).parameters
    missing = [
        option for option in kinds if option not in arguments and parameters[option].default is inspect.Parameter.empty
    ]
    if missing:
        raise BadInput(f"{name} needs {', '.join(missing)}: write {':'.join([spec, *(f'{o}=…' for o in missing)])}.")
    return _make(cls, spec, arguments)


def options_of(cls: type[Any]) -> dict[str, Any]:
    """Returns the types of a plug-in's options by their names: the arguments that its constructor takes by name.

    A hint that names what is imported for type checkers alone is no type here: such an option takes any value.
    """
    names = getattr(cls.__init__, "__globals__", {})  # none for a constructor that is not written in Python
    kinds: dict[str, Any] = {}
    for option in inspect.signature(cls).parameters.values():
        if option.kind in (option.POSITIONAL_ONLY, option.VAR_POSITIONAL, option.VAR_KEYWORD):
            continue
        kind = option.annotation
        if kind is option.empty:
            kind = Any if option.default in (option.empty, None) else type(option.default)
        if isinstance(kind, str):
            try:
                kind = eval(kind, names)  # as typing.get_type_hints does, one hint at a time
            except Exception:
                kind = Any
        kinds[option.name] = kind
    return kinds


def split_spec(spec: str) -> tuple[str, dict[str, str]]:
    """Returns (name, options) of a sampler spec; raises BadInput for what is no option=value, or given twice."""
    name, *parts = spec.split(":")
    if name in _entry_points(ADAPTERS):
        if not parts or not parts[0] or "=" in parts[0]:
            raise BadInput(f"{spec!r} names no target: write {name}:TARGET, {adapter(name).title}.")
        name, parts = f"{name}:{parts[0]}", parts[1:]
    if name.endswith(".py"):
        if not parts:
            wanted = "target" if is_adapted(name) else "class"
            raise BadInput(f"{spec!r} names a file but no {wanted}: write {spec}:{wanted.upper()}.")
        name, parts = f"{name}:{parts[0]}", parts[1:]
    options = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise BadInput(f"{part!r} in {spec!r} is not option=value.")
        if key in options:
            raise BadInput(f"{spec!r} gives {key} twice.")
        options[key] = value
    return name, options


def _parse(text: str, kind: Any, where: str) -> Any:
    """The value that a text stands for, by its option's type hint; without one a number if it can be, else a text."""
    for wanted in (int, float, str) if kind is Any else (kind,):
        try:
            return msgspec.convert(text, wanted, strict=False, dec_hook=lambda own, value: own(value))
        except (msgspec.ValidationError, TypeError, ValueError):
            continue
    raise BadInput(f"{where} takes {_written(kind)}, got {text!r}.")


def _written(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(repr, get_args(kind)))}"
    return kind.__name__ if isinstance(kind, type) else str(kind)


def _load(point: importlib.metadata.EntryPoint) -> Any:
    try:
        found = point.load()
    except (ImportError, AttributeError) as error:
        raise BadInput(f"the plug-in {point.name!r} ({point.value}) cannot be loaded: {error}.") from error
    return _complete(found, f"the plug-in {point.name!r}", _base(point.group))


def _make(cls: type[Any], spec: str, arguments: Mapping[str, Any]) -> Any:
    try:
        return cls(**arguments)
    except BadInput:
        raise
    except (Exception, SystemExit) as error:
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
    module = load_file(path)
    found = getattr(module, name, None)
    candidates = [k for k, v in vars(module).items() if inspect.isclass(v) and issubclass(v, base) and v is not base]
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise unknown_name(f"{base.__name__.lower()} class in {path}", name, candidates)
    return _complete(found, f"{name} in {path}", base)
