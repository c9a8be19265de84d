"""Every registered task and sampler declares its facts, and they can be true."""

from typing import get_args

import numpy as np
import pytest
import torch
from harness import PAIRS, REFUSALS

from sigbench.abilities import HasStudents, teacher_of
from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.networks.artifacts import read_manifest
from sigbench.registry import (
    make_sampler,
    make_task,
    sampler_class,
    sampler_names,
    student_names,
    task_class,
    task_names,
)
from sigbench.sampler import Family, Needs, Sampler
from sigbench.sde.problem import SDEProblem
from sigbench.sde.signature import MAX_ORDER
from sigbench.task import Task


def test_something_is_registered() -> None:
    """The parametrised tests below would pass on an empty registry."""
    assert {"gmm", "gmm2d"} <= set(task_names())
    assert {"euler-maruyama", "ddim", "sigdeg"} <= set(sampler_names())


@pytest.mark.parametrize("name", sampler_names())
def test_sampler_facts(name: str) -> None:
    cls = sampler_class(name)
    assert issubclass(cls, Sampler)
    assert cls.name == name
    assert cls.citation.strip()
    assert cls.when.strip().endswith(".")
    assert cls.family in get_args(Family)
    assert cls.needs in get_args(Needs)
    assert type(cls.nfe_per_step) is int
    assert cls.nfe_per_step >= 1
    for order in (cls.strong_order, cls.strong_order_general):
        assert order is None or (order > 0 and (2 * order).is_integer())
    if cls.strong_order is not None and cls.strong_order_general is not None:
        assert cls.strong_order_general <= cls.strong_order
    assert (cls.__doc__ or "").strip()
    assert cls.__doc__ != Sampler.__doc__


@pytest.mark.parametrize("name", sampler_names())
def test_sampler_is_made_without_options(name: str) -> None:
    sampler = make_sampler(name)
    assert type(sampler.signature_order) is int
    assert 0 <= sampler.signature_order <= MAX_ORDER
    assert (sampler.signature_order == 0) <= (sampler.family in ("ode", "student"))
    assert all(isinstance(value, str) for value in sampler.artifact_hashes().values())


@pytest.mark.parametrize("name", task_names())
def test_task_facts(name: str) -> None:
    cls = task_class(name)
    assert issubclass(cls, Task)
    assert cls.name == name
    assert type(cls.version) is int
    assert cls.version >= 1
    assert cls.title.strip()
    assert all(type(size) is int and size > 0 for size in cls.shape)
    assert cls.default_samples >= 2
    assert cls.batch_size >= 1
    assert cls.default_steps
    assert list(cls.default_steps) == sorted(set(cls.default_steps))


@pytest.mark.parametrize("name", task_names())
def test_task_gives_what_it_promises(name: str) -> None:
    task = make_task(name)
    problem = task.problem(torch.device("cpu"), torch.float32)
    assert isinstance(problem, SDEProblem)
    assert problem.shape == task.shape
    assert problem.horizon > 0
    assert problem.noise_type in ("additive", "diagonal")
    for steps in task.default_steps:
        assert problem.grid(task.default_grid, steps).steps == steps
    again = task.problem(torch.device("cpu"), torch.float32)
    assert again.counter is not problem.counter
    if (teacher := teacher_of(task)) is not None:
        assert teacher.scheme in sampler_names()
        assert problem.grid(teacher.grid, teacher.steps).steps == teacher.steps
    students = task.students() if isinstance(task, HasStudents) else ()
    kinds = {sampler_class(student).kind for student in student_names()}  # type: ignore[attr-defined]
    assert {read_manifest(folder).kind for folder in students} <= kinds


@pytest.mark.parametrize("name", task_names())
def test_task_truth_is_reproducible(name: str) -> None:
    task = make_task(name)
    draw, again, other = (task.truth().sample(100, seed) for seed in (1, 1, 2))
    assert draw.shape == (100, int(np.prod(task.shape)))
    assert np.isfinite(draw).all()
    assert np.array_equal(draw, again)
    assert not np.array_equal(draw, other)


@pytest.mark.parametrize("name", task_names())
def test_task_metrics(name: str) -> None:
    metrics = make_task(name).metrics()
    names = [metric.name for metric in metrics]
    assert names
    assert len(names) == len(set(names))
    for metric in metrics:
        assert metric.better in ("lower", "higher", "zero")
        assert metric.method.strip()
        assert 1 <= metric.sample_size(1000) <= 1000


@pytest.mark.parametrize(("task", "sampler"), PAIRS, ids=[f"{task}-{sampler}" for task, sampler in PAIRS])
def test_a_pair_runs_or_its_refusal_is_listed(task: str, sampler: str) -> None:
    """The stranger's check: a pair is planned, or REFUSALS says in which words it is not."""
    reason = REFUSALS.get((task, sampler))
    if reason is None:
        try:
            (cell,) = plan_cells(Settings(task), [sampler], [5])
        except BadInput as error:
            pytest.fail(f"{sampler} refuses {task}, and REFUSALS in harness.py does not say so: {error}")
        assert cell.grid.steps == 5
    else:
        with pytest.raises(BadInput, match=reason):
            plan_cells(Settings(task), [sampler], [5])
