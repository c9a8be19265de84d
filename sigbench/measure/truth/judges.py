"""The metrics that judge a task's samples: its own and those that were added, checked before any work begins."""

from math import prod

import numpy as np

from sigbench.abilities import HasClasses, ObservesSamples, metrics_of
from sigbench.errors import BadInput, unknown_name
from sigbench.guard import guarded
from sigbench.measure.settings import Settings, check_settings
from sigbench.measure.source.given import found_given
from sigbench.metrics.estimate import Better, Bounds
from sigbench.metrics.metric import Metric
from sigbench.plug_ins import check_facts
from sigbench.registry import METRICS, TASKS, make_metric, make_task
from sigbench.task import Task

_FACTS = {"name": str, "method": str, "better": Better, "bounds": Bounds, "counted": bool, "margin": float}


def plan_metrics(settings: Settings) -> tuple[Task, tuple[Metric, ...]]:
    """Returns the task under its conditions and the metrics that judge, without any sampler.

    Raises BadInput for anything that cannot be measured as asked, whatever the task and the metrics do.
    """
    own = found_given(settings.given, TASKS, settings.task)
    task: Task = make_task(settings.task) if own is None else own.make()
    with guarded(f"the task {settings.task} cannot be judged as asked"):
        if settings.label is not None or settings.guidance != 0.0:
            if not isinstance(task, HasClasses):
                raise BadInput(f"samples of the task {task.name!r} have no classes: no label or guidance is for it.")
            task = task.conditioned(settings.label, settings.guidance)
        check_settings(settings)
        return task, _metrics(settings, task)


def added_metrics(settings: Settings, task: Task) -> list[Metric]:
    """Returns the metrics that judge beside the task's own; raises BadInput where two would have one name."""
    names = [metric.name for metric in metrics_of(task)]
    if own := next((spec for spec in settings.metrics if spec in names), None):
        raise BadInput(f"{own!r} is one of the metrics of the task {task.name!r} already.")
    added = [_made(settings, spec).for_truth(task.truth()) for spec in settings.metrics]
    names += [metric.name for metric in added]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadInput(f"the task {task.name!r} would have two metrics called {twice!r}.")
    return added


def _made(settings: Settings, spec: str) -> Metric:
    own = found_given(settings.given, METRICS, spec)
    made: Metric = make_metric(spec) if own is None else own.make()
    return made


def _metrics(settings: Settings, task: Task) -> tuple[Metric, ...]:
    """The task's metrics and those that were added; raises BadInput where one cannot judge so few or such samples."""
    truth, own, added = task.truth(), metrics_of(task), added_metrics(settings, task)
    for name in settings.only:
        if name not in (names := [metric.name for metric in own]):
            raise unknown_name(f"metric of the task {task.name!r}", name, names)
    own = [metric for metric in own if not settings.only or metric.name in settings.only]
    for metric in (*own, *added):
        check_facts(metric, _FACTS, f"the metric {metric.name}")
    if not isinstance(task, ObservesSamples):
        for metric in (*own, *added):
            metric.check(np.empty((0, prod(task.shape))), truth)
    elif added:
        seen = task.observe_truth(2, 0)
        for metric in added:
            metric.check(seen, truth)
    for metric in (*own, *added):
        metric.sample_size(settings.samples or task.default_samples)
    return (*own, *added)
