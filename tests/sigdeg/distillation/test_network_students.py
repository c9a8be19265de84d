"""A student of images is distilled from stored teacher paths, and the sampler takes it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sigbench.errors import BadInput
from sigbench.networks.artifacts import Manifest, save_artifact
from sigbench.registry import make_sampler, make_task
from sigbench.sde.brownian import FreshBrownian
from sigbench.sde.noise import NoiseStream
from sigbench.sigdeg.distillation.network_students import NetworkStudentPlan, distil_network
from sigbench.sigdeg.distillation.stored import StoredDistillPlan
from sigbench.sigdeg.sampler import KIND

CPU = torch.device("cpu")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "learned"),
    [
        ({"order": 2}, {"steps": (2, 5)}),
        ({"order": 1, "base": "identity", "memory": 2}, {"steps": (5,), "loss": "both", "grid": "uniform"}),
    ],
)
def test_a_tiny_training_gives_a_student_that_samples(
    tmp_path: Path, parts: dict[str, Any], learned: dict[str, Any]
) -> None:
    task = make_task("mnist")
    plan = NetworkStudentPlan(paths=5, steps=StoredDistillPlan(**learned, groups=2))
    plan = replace(plan, training=replace(plan.training, iterations=3))
    config, result = distil_network(task, parts, plan, tmp_path / "checkpoint.pt", tmp_path / "paths")
    assert {name: getattr(config, name) for name in parts} == parts
    assert result.data["teacher_grid"] == "quadratic"
    assert result.cost["iterations"] == 3
    manifest = Manifest(
        KIND, task.name, task.version, "", config.as_json(), "test", None, "now", result.data, result.cost
    )
    save_artifact(tmp_path / "student", result.weights, manifest)
    problem = task.problem(CPU, torch.float32)
    sampler = make_sampler(f"sigdeg:artifact={tmp_path / 'student'}")
    sampler.prepare(task, problem, torch.float32)
    grid = problem.grid(plan.steps.grid, 5)
    sampler.check(grid)
    driver = FreshBrownian(NoiseStream(0, task.shape, positions=20), 0, 3, 4)
    problem.condition(torch.zeros(3))
    states = list(sampler.walk(problem, torch.randn(3, *task.shape), grid, driver))
    assert len(states) == 5
    assert torch.isfinite(states[-1]).all()
    assert problem.counter.calls == 5


def test_a_task_without_a_network_for_teacher_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no network"):
        distil_network(make_task("gmm"), {"order": 2}, NetworkStudentPlan(), tmp_path / "checkpoint.pt", tmp_path)
