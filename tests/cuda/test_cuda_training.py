"""Students trained on a GPU: what they learn from is drawn on the host, so that a few iterations end as on a CPU."""

from pathlib import Path

import pytest
import torch

from sigbench.networks.artifacts import load_artifact, read_manifest
from sigbench.networks.recipe import train_artifact
from sigbench.registry import make_task, student_names
from sigbench.rivals.recipes import student_recipe_of
from sigbench.sigdeg.distillation.kinds import StudentChoices

pytestmark = pytest.mark.cuda


@pytest.mark.parametrize("name", student_names())
def test_a_student_ends_as_on_a_cpu(tmp_path: Path, name: str) -> None:
    task, found = make_task("gmm2d"), []
    for device in ("cpu", "cuda"):
        choices = StudentChoices(steps=(1, 3), iterations=9, device=device)
        train_artifact(task, student_recipe_of(name, task, choices), tmp_path / device, command="a test")
        assert read_manifest(tmp_path / device).cost["device"] == device
        found.append(load_artifact(tmp_path / device)[0])
    host, device_weights = found
    for key, weight in host.items():
        assert torch.allclose(weight, device_weights[key], atol=2e-2), key  # Muon's products are in bfloat16 there


@pytest.mark.parametrize("name", ["consistency", "learned-solver", "progressive", "sfd", "sigdeg"])
def test_a_student_of_a_network_learns(tmp_path: Path, name: str) -> None:
    task = make_task("rbergomi")
    choices = StudentChoices(steps=(1, 3), iterations=9, device="cuda", teacher_paths=512 if name == "sigdeg" else None)
    train_artifact(task, student_recipe_of(name, task, choices), tmp_path, command="a test")
    assert all(bool(torch.isfinite(weight).all()) for weight in load_artifact(tmp_path)[0].values())
