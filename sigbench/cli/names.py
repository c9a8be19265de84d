"""The names that commands take, known without loading what they name: completion, and a refusal before torch loads."""

from collections.abc import Iterable, Sequence

import typer

from sigbench.errors import BadInput, unknown_name
from sigbench.registry import (
    METRICS,
    SAMPLERS,
    STUDENTS,
    TASKS,
    adapter_names,
    check_name,
    declared_metrics,
    metric_names,
    sampler_names,
    student_names,
    task_names,
)
from sigbench.sde.grids.names import grid_aliases, grid_names, is_computed_name, is_file, is_list
from sigbench.spec import parse_plug_in, parse_spec

TEACHER, TRAJECTORIES = "teacher", "trajectories"
ALL, HEADLINE = "all", "headline"  # of --metrics


def check_names(
    task: str,
    samplers: Iterable[str] = (),
    *,
    grid: str | None = None,
    metrics: Sequence[str] = (),
    added: Sequence[str] = (),
) -> None:
    """Raises BadInput for the first name that nothing has: of the task, in specs, of a grid, of the task's metrics.

    Files, times and targets of adapters pass here, and are looked at when they are loaded.
    """
    check_name(TASKS, task)
    check_samplers(samplers)
    _check_grid(grid)
    known = declared_metrics(task)
    for text in added:
        if text in known:
            raise BadInput(f"{text!r} is one of the metrics of the task {task!r} already.")
        check_name(METRICS, parse_plug_in(text).name)
    check_metrics(task, metrics, known, added)


def check_student(name: str) -> None:
    """Raises BadInput where no student has this name, with the nearest."""
    check_name(STUDENTS, name)


def check_samplers(specs: Iterable[str]) -> None:
    """Raises BadInput for the first name of a sampler, or of a grid in its spec, that nothing has."""
    for text in specs:
        spec = parse_spec(text)
        if spec.name != TEACHER:
            check_name(SAMPLERS, spec.name)
        _check_grid(spec.options.get("grid"))


def check_metrics(task: str, names: Iterable[str], known: Sequence[str], added: Sequence[str] = ()) -> None:
    """Raises BadInput where one of `names` is no metric of the task; where none is `known` all pass."""
    own = [*known, *(parse_plug_in(text).name for text in added)]
    for name in names if known and not any(".py:" in text for text in added) else ():
        if name not in own:
            raise unknown_name(f"metric of the task {task!r}", name, own)


def check_criterion(task: str, name: str | None) -> None:
    """Raises BadInput where what a grid is looked for by is neither trajectories nor a metric of the task."""
    known = declared_metrics(task)
    if name is not None and known and name not in (TRAJECTORIES, *known):
        raise unknown_name("way to choose", name, (TRAJECTORIES, *known))


def _check_grid(text: str | None) -> None:
    if text is None or is_list(text) or ".py:" in text or is_file(text):
        return
    name = parse_plug_in(text).name
    if ":" in name or name in grid_names() or name in grid_aliases():
        return
    if is_computed_name(name):
        return  # whoever reads it says how it is named
    raise unknown_name("grid", name, grid_names())


def complete_task(incomplete: str) -> list[str]:
    """Returns the tasks' names that begin so."""
    return _beginning(task_names(), incomplete)


def complete_tasks(incomplete: str) -> list[str]:
    """Returns lists of tasks that begin so, the last member completed."""
    return _last_completed(task_names(), incomplete)


def complete_samplers(incomplete: str) -> list[str]:
    """Returns lists of samplers that begin so, the last member completed; adapters end with their colon."""
    return _last_completed([*sampler_names(), TEACHER, *(f"{name}:" for name in adapter_names())], incomplete)


def complete_student(incomplete: str) -> list[str]:
    """Returns the names of students that begin so."""
    return _beginning(student_names(), incomplete)


def complete_grid(incomplete: str) -> list[str]:
    """Returns the names of grids that begin so."""
    return _beginning([*grid_names(), *grid_aliases()], incomplete)


def complete_added_metric(incomplete: str) -> list[str]:
    """Returns the names of registered metrics that begin so."""
    return _beginning(metric_names(), incomplete)


def complete_metrics(ctx: typer.Context, incomplete: str) -> list[str]:
    """Returns lists of metrics of the task, of any where none is named yet, the last member completed."""
    tasks = [ctx.params["task"]] if ctx.params.get("task") else task_names()
    names = dict.fromkeys(name for task in tasks for name in declared_metrics(task))
    return _last_completed([ALL, HEADLINE, *names], incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _last_completed(names: Iterable[str], incomplete: str) -> list[str]:
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _beginning(names, last)]
