"""`sigbench.run`: what the command of that name measures, for notebooks and programs."""

import operator
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigbench.api.records import Records, measured
from sigbench.errors import BadInput
from sigbench.guard import one_line
from sigbench.measure.settings import Final, Settings
from sigbench.measure.source.given import Given, given, told_apart
from sigbench.progress import ignore
from sigbench.records.names import display_name
from sigbench.records.record import Paths, Record
from sigbench.registry import METRICS, SAMPLERS, TASKS, is_plug_in
from sigbench.report.text import listed
from sigbench.spec import split_list
from sigbench.sweep.engines.choice import read_engine

if TYPE_CHECKING:
    from sigbench.metrics.metric import Metric
    from sigbench.sampler import Sampler
    from sigbench.task import Task

_WHOLE = ("samples", "repeats", "seed", "nfe", "label", "floor_draws", "batch")
_REAL = ("precision", "guidance")
_MAY_BE_NONE = ("samples", "precision", "nfe", "grid", "label", "batch")
_KINDS = {
    TASKS: ("a task", "'gmm'", "Task"),
    SAMPLERS: ("a sampler", "'dpmpp-2m'", "Sampler"),
    METRICS: ("a metric", "'fid'", "Metric"),
}


def run(
    task: "str | Task | type[Task]",
    samplers: "str | Sampler | type[Sampler] | Sequence[str | Sampler | type[Sampler]]",
    steps: int | Sequence[int] | None = None,
    *,
    samples: int | None = None,
    repeats: int = 10,
    precision: float | None = None,
    seed: int = 0,
    nfe: int | None = None,
    grid: str | None = None,
    final: Final = "none",
    label: int | None = None,
    guidance: float = 0.0,
    noise: Paths = "shared",
    add_metrics: "Sequence[str | Metric | type[Metric]]" = (),
    floor_draws: int = 20,
    batch: int | None = None,
    device: str = "auto",
    dtype: str = "float32",
    store: str | Path | None = None,
    resume: bool = False,
    engine: str = "local",
    on_record: Callable[[Record], object] | Sequence[Callable[[Record], object]] = (),
    progress: bool = True,
) -> Records:
    """Measures samplers on a task under the same budget and the same noise, as `sigbench run` does.

    `task` and `samplers` are specs as on the command line ("dpmpp-2m@5:final=denoise"), classes, or instances; a class
    of a notebook is as good as one of a file. `steps` are step counts, by default the task's. The other arguments are
    the command's options: `samples` in each of `repeats`, `precision` as a share (0.05), `nfe` the most network calls a
    sample, and so on. `store` is a folder in which records are kept as soon as they are there, and from which `resume`
    takes finished cells; without one they are in memory alone. `on_record` is called with each record when it is
    measured. `engine` is what runs the cells: "local", in this process, or an engine of sweeps, "ray", "dask:ADDRESS",
    "slurm:OPTIONS". `progress` shows a bar on a terminal and in a notebook.

    Returns the records, in the order of samplers and steps. A cell that fails has a record too, and a warning. Raises
    `sigbench.BadInput`, one sentence, for what cannot be measured as asked, before any work.
    """
    try:
        return _run(**locals())
    except BadInput as error:
        raise type(error)(_in_python(str(error))) from error.__cause__


def _run(
    task: Any,
    samplers: Any,
    steps: int | Sequence[int] | None,
    noise: Paths,
    add_metrics: Sequence[Any],
    store: str | Path | None,
    resume: bool,
    engine: str,
    on_record: Any,
    progress: bool,
    **asked: Any,
) -> Records:
    from sigbench.api.cell_run import CellRun
    from sigbench.api.elsewhere import measure_elsewhere
    from sigbench.api.progress import Bar
    from sigbench.errors import check_system
    from sigbench.measure.cell import plan_cells
    from sigbench.records.store import Store

    check_system()
    choice = read_engine(engine if isinstance(engine, str) else told(engine))
    if resume and store is None:
        raise BadInput("resume takes records from a store: name its folder, store=DIR.")
    specs, objects = _specs(SAMPLERS, samplers)
    (task_spec,), of_task = _specs(TASKS, [task])
    metric_specs, of_metrics = _specs(METRICS, add_metrics)
    settings = Settings(
        task=task_spec,
        paths=noise,
        metrics=tuple(metric_specs),
        given=(*objects, *of_task, *of_metrics),
        **{name: _checked(name, value) for name, value in asked.items()},
    )
    counts, folder = _counts(steps), None if store is None else Path(store)
    work: CellRun | None = None
    if not choice.is_elsewhere:
        cells = plan_cells(settings, specs, counts)
        work = CellRun(cells, None if folder is None else Store(folder), resume=resume)
    hooks = [on_record] if callable(on_record) else list(on_record)
    for each in settings.given:
        if each.unknown:
            _warn(f"the key of {each.spec} cannot hold {listed(each.unknown)}: its records are never taken again.")

    def tell(record: Record) -> None:
        for hook in hooks:
            hook(record)

    found = []
    with Bar("starting", "cells") if progress else nullcontext() as bar:
        shown = ignore if bar is None else bar.show
        for record in (
            measure_elsewhere(
                choice, settings, specs, counts, store=folder, resume=resume, progress=shown, on_record=tell
            )
            if work is None
            else (record for _, record in work.measure(progress=shown, on_record=tell))
        ):
            found.append(record)
            if record["status"] != "ok":
                status = f"{record['status']}: {record.get('error', '')}"
                _warn(f"{display_name(record)} at {record['steps']} steps {status}")
    return measured(found)


def _specs(group: str, wanted: Any) -> tuple[list[str], list[Given]]:
    """The specs of plug-ins, and those of them that are objects; one alone is a list of one."""
    found: list[str | Given] = []
    for each in wanted if isinstance(wanted, list | tuple) else [wanted]:
        if isinstance(each, str):
            found += split_list(each) if group == SAMPLERS else [each]
        elif is_plug_in(group, each):
            found.append(given(group, each))
        else:
            what, example, base = _KINDS[group]
            raise BadInput(
                f"{what} is a spec such as {example}, or a class or an instance of sigbench.{base}, not {told(each)}."
            )
    objects = told_apart(each for each in found if isinstance(each, Given))
    own = iter(objects)
    return [each if isinstance(each, str) else next(own).spec for each in found], objects


def _counts(steps: Any) -> list[int]:
    if steps is None:
        return []
    several = steps if isinstance(steps, Iterable) and not isinstance(steps, str) else [steps]
    return [_whole("steps", each) for each in several]


def _checked(name: str, value: Any) -> Any:
    """A setting of the right kind; raises BadInput otherwise."""
    if value is None and name in _MAY_BE_NONE:
        return None
    if name in _WHOLE:
        return _whole(name, value)
    if name in _REAL:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadInput(f"{name} takes a number, not {told(value)}.")
        return float(value)
    if not isinstance(value, str):
        raise BadInput(f"{name} takes a text, not {told(value)}.")
    return value


def _whole(name: str, value: Any) -> int:
    try:
        if not isinstance(value, bool):
            return operator.index(value)  # numpy's whole numbers, too
    except TypeError:
        pass
    raise BadInput(f"{name} takes whole numbers, such as 5; {told(value)} is none.")


def told(value: Any) -> str:
    """Returns what somebody gave, in a few words."""
    try:
        return one_line(repr(value), 80)
    except Exception:
        return f"a {type(value).__name__}"


def _warn(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=4)


def _in_python(sentence: str) -> str:
    """A sentence about options of the command line as one about arguments: --floor-draws is floor_draws."""
    return re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda match: match[1].replace("-", "_"), sentence)
