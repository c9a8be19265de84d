"""How plug-ins are found and made: entry points of any installed package, or a class in a file."""

import importlib
import inspect
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sigbench.adapter import Adapter
from sigbench.errors import BadInput, unknown_name
from sigbench.files import MOST_TEXT, read_file, read_text
from sigbench.guard import guarded
from sigbench.plug_ins import aliases, arguments_of, check_facts, entry_points, load, options_of
from sigbench.records.names import OBJECT
from sigbench.sampler import Sampler
from sigbench.spec import Spec, parse_plug_in, parse_spec
from sigbench.task import Task
from sigbench.user_code import load_file

if TYPE_CHECKING:
    import importlib.metadata

    from sigbench.metrics.metric import Metric

TASKS = "sigbench.tasks"
SAMPLERS = "sigbench.samplers"
METRICS = "sigbench.metrics"
ALIASES = "sigbench.sampler_aliases"
ADAPTERS = "sigbench.adapters"
STUDENTS = "sigbench.students"  # functions that say how a student is trained
TASK_FILES = "sigbench.task_files"  # by the table of FILE.toml that makes the file theirs
_KINDS = {TASKS: "task", SAMPLERS: "sampler", METRICS: "metric", ADAPTERS: "adapter", STUDENTS: "student"}


def _base(group: str) -> type[Any]:
    """The contract of a group's plug-ins; that of metrics loads numpy, so it waits until one is wanted."""
    if group == METRICS:
        from sigbench.metrics.metric import Metric

        return Metric
    return {TASKS: Task, ADAPTERS: Adapter}.get(group, Sampler)


def task_names() -> list[str]:
    """Returns the names of the registered tasks."""
    return sorted(entry_points(TASKS))


def sampler_names() -> list[str]:
    """Returns the names of the registered samplers."""
    return sorted(entry_points(SAMPLERS))


def sampler_aliases() -> dict[str, str]:
    """Returns the names of registered samplers by the other names that people know them under."""
    return aliases(ALIASES, SAMPLERS)


def student_names() -> list[str]:
    """Returns the names of the registered students, each also that of its sampler."""
    return sorted(entry_points(STUDENTS))


def adapter_names() -> list[str]:
    """Returns the names of the registered adapters, each the first word of the specs of its samplers."""
    return sorted(entry_points(ADAPTERS))


def adapter(name: str) -> Adapter:
    """Returns the adapter called `name`; raises BadInput otherwise."""
    made: Adapter = _make(Adapter, _class(ADAPTERS, name), name, {})
    return made


def is_adapted(name: str) -> bool:
    """Returns whether a sampler's name is ADAPTER:TARGET."""
    head, colon, _ = name.partition(":")
    return bool(colon) and head in entry_points(ADAPTERS)


def own_name(spec: str) -> str:
    """Returns a sampler's spec with its own name in the place of an alias."""
    asked = parse_spec(spec)
    return str(replace(asked, name=sampler_aliases().get(asked.name, asked.name)))


def metric_names() -> list[str]:
    """Returns the names of the registered metrics: those that can be added to a task's own."""
    return sorted(entry_points(METRICS))


def check_name(group: str, name: str) -> None:
    """Raises BadInput where no plug-in of a group has this name, with the nearest; nothing of a plug-in is loaded.

    What names a file's class, FILE.py:CLASS, or an adapter's target passes: only loading it tells.
    """
    if name.startswith(OBJECT):
        own = name.removeprefix(OBJECT)
        raise BadInput(f"{name!r} stood for a class of a running program: write FILE.py:{own}, the file that it is in.")
    known = entry_points(group)
    if group == TASKS and is_file_task(name):
        read_file(name, "the task", MOST_TEXT)  # whether there is one
        return
    if ".py:" in name or (group == SAMPLERS and is_adapted(name)):
        return
    bare, colon, rest = name.partition(":")
    if colon and bare in known:
        raise BadInput(f"{rest!r} in {name!r} is not option=value.")
    if name not in known and not (group == SAMPLERS and name in sampler_aliases()):
        raise unknown_name(_KINDS[group], name, known)


def is_file_task(name: str) -> bool:
    """Returns whether a task's name is a file's that makes one of a model and of data: FILE.toml."""
    return name.endswith(".toml")


def declared_metrics(task: str) -> tuple[str, ...]:
    """Returns the names of a registered task's metrics as they are declared beside it, () where they are not.

    A package of tasks may hold a module `metric_names` whose `METRICS` are the names of metrics by those of its tasks:
    a wrong one is answered, and a right one completed, before the task and torch are loaded. Without it the task is
    asked.
    """
    if task not in entry_points(TASKS):
        return ()
    package = entry_points(TASKS)[task].module.rpartition(".")[0]
    try:
        declared: Mapping[str, tuple[str, ...]] = importlib.import_module(f"{package}.metric_names").METRICS
    except Exception:
        return ()  # there is none, or loading the task says what is wrong
    return declared.get(task, ())


def task_class(name: str) -> type[Task]:
    """Returns the task class called `name`, the one at `FILE.py:CLASS` or of FILE.toml; raises BadInput otherwise."""
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
    made: Task = _make(Task, task_class(name), name, {})
    return made


def make_sampler(spec: str) -> Sampler:
    """Returns the sampler of a spec `NAME[:option=value…]`, where NAME may be FILE.py:CLASS or ADAPTER:TARGET.

    Raises BadInput for an unknown name, an unknown option or a value of the wrong kind.
    """
    asked = parse_spec(own_name(spec))
    if asked.steps is not None:
        raise BadInput(f"{spec} has a number of steps of its own, which has no meaning here: leave out @{asked.steps}.")
    made: Sampler = _made_of_spec(SAMPLERS, asked)
    return made


def make_metric(spec: str) -> "Metric":
    """Returns the metric of a spec `NAME[:option=value…]` or `FILE.py:CLASS[:option=value…]`.

    Raises BadInput for an unknown name, an unknown option or a value of the wrong kind.
    """
    made: Metric = _made_of_spec(METRICS, parse_plug_in(spec))
    return made


def is_plug_in(group: str, thing: Any) -> bool:
    """Returns whether something is a class of a group's plug-ins, or an instance of one, whole or not."""
    return issubclass(thing if inspect.isclass(thing) else type(thing), _base(group))


def complete_class(group: str, cls: Any, where: str) -> type[Any]:
    """Returns a class where it is a whole plug-in of a group; raises BadInput, which says what is missing `where`."""
    return _complete(cls, where, _base(group))


def made_by(group: str, maker: Callable[[], Any], spec: str) -> Any:
    """Returns the plug-in of a group that a class, or whatever else is called, makes without options.

    Raises BadInput where it cannot be made, or has facts of the wrong kind; `spec` is what it is called then.
    """
    return _make(_base(group), maker, spec, {})


def _class(group: str, name: str) -> Any:
    base = _base(group)
    if group == TASKS and is_file_task(name):
        return _complete(_of_file(name), f"the task {name}", base)
    if group == SAMPLERS and name.partition(":")[0] in entry_points(ADAPTERS):
        return _adapted_class(name, base)
    if ".py:" in name:
        return _class_in_file(name, base)
    check_name(group, name)
    return _load(entry_points(group)[name])


def _of_file(name: str) -> Any:
    """The task class of FILE.toml: who registers one of its tables makes it, else it is of a network and of data."""
    try:
        tables = tomllib.loads(read_text(name, "the task")).keys()
    except (ValueError, RecursionError):  # no TOML: who reads it as such says so
        tables = {}.keys()
    owned = sorted(entry_points(TASK_FILES).keys() & tables)
    if len(owned) > 1:
        raise BadInput(f"{name}: the tables {' and '.join(owned)} make tasks of different kinds: keep one of them.")
    if owned:
        with guarded(f"the task {name} cannot be made"):
            return load(entry_points(TASK_FILES)[owned[0]])(name)
    from sigbench.models.from_file import file_task

    return file_task(name)


def _adapted_class(name: str, base: type[Any]) -> Any:
    head, _, target = name.partition(":")
    if not target:
        raise BadInput(f"{name!r} names no target: write {head}:TARGET, {adapter(head).title}.")
    if target.endswith(".py"):
        raise BadInput(f"{name!r} names a file but no target: write {name}:TARGET.")
    return _complete(adapter(head).sampler_class(target), name, base)


def _made_of_spec(group: str, spec: Spec) -> Any:
    cls = _class(group, spec.name)
    with guarded(f"the options of {spec.name} cannot be read"):
        kinds, refused = options_of(cls), getattr(cls, "refused_options", {})
        for option in spec.options:
            if option not in kinds and option in refused:
                raise BadInput(f"{spec.name} takes no {option}: {refused[option]}.")
        arguments = arguments_of(cls, spec, kinds)
    return _make(_base(group), cls, str(spec), arguments)


def split_spec(spec: str) -> tuple[str, dict[str, str]]:
    """Returns (name, options) of a sampler spec; raises BadInput for what is no option=value, or given twice."""
    found = parse_spec(spec)
    return found.name, dict(found.options)


def _load(point: "importlib.metadata.EntryPoint") -> Any:
    return _complete(load(point), f"the plug-in {point.name!r}", _base(point.group))


def _make(base: type[Any], cls: Callable[..., Any], spec: str, arguments: Mapping[str, Any]) -> Any:
    with guarded(f"{spec} cannot be made"):
        made = cls(**arguments)
    check_facts(made, inspect.get_annotations(base), spec)
    return made


def _complete(cls: Any, where: str, base: type[Any]) -> type[Any]:
    """Returns `cls` where it defines and declares all that `base` asks for; raises BadInput otherwise."""
    if not (inspect.isclass(cls) and issubclass(cls, base)):
        raise BadInput(f"{where} is no {base.__name__.lower()} class.")
    if inspect.isabstract(cls):
        raise BadInput(f"{where} does not define {', '.join(sorted(getattr(cls, '__abstractmethods__', ())))}.")
    facts = inspect.get_annotations(base)
    missing = [fact for fact in facts if not hasattr(cls, fact)]
    if missing:
        raise BadInput(f"{where} does not declare {', '.join(missing)}.")
    check_facts(cls, facts, where)
    found: type[Any] = cls
    return found


def _class_in_file(spec: str, base: type[Any]) -> Any:
    path, _, name = spec.rpartition(":")
    module = load_file(path)
    found = getattr(module, name, None)
    candidates = [k for k, v in vars(module).items() if inspect.isclass(v) and issubclass(v, base) and v is not base]
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise unknown_name(f"{base.__name__.lower()} class in {path}", name, candidates)
    return _complete(found, f"{name} in {path}", base)
