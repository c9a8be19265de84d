"""A manifest is data: what it asks for is held against the weights before anything of it is built."""

import json
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sigbench.errors import BadInput
from sigbench.networks.artifacts import check_fit, load_artifact, read_manifest
from sigbench.networks.recipe import train_artifact
from sigbench.networks.training import TrainingPlan, train
from sigbench.registry import make_sampler, make_task
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.students import student_recipe


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "student"
    task = make_task("gmm")
    recipe = student_recipe(task, StudentChoices(order=2, steps=(2,), iterations=2))
    train_artifact(task, recipe, folder, command="a test")
    return folder


@pytest.fixture
def student(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "student"))


def refusal(folder: Path, **changes: Any) -> str:
    """Why an artifact with other fields in its manifest is refused."""
    file = folder / "manifest.json"
    document = json.loads(file.read_text())
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(document.get(name), dict):
            value = {**document[name], **value}
        document[name] = value
    file.write_text(json.dumps(document))
    task = make_task("gmm")
    problem = task.problem(torch.device("cpu"), torch.float32)
    assert isinstance(problem, ReverseDiffusion)
    with pytest.raises(BadInput) as refused:
        make_sampler(f"sigdeg:artifact={folder}").prepare(task, problem, torch.float32)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    "config", [[1], "x", None, 5, {"width": "128"}, {"width": 10**400}, {"width": -1}, {"depth": 1e9}]
)
def test_configurations_of_other_kinds(student: Path, config: Any) -> None:
    assert (
        "corrupt" in (reason := refusal(student, config=config)) or "does not fit" in reason or "lies between" in reason
    )


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"width": 12_000}, "weights are others"),
        ({"width": 127}, "weights are others"),
        ({"width": 30_000}, "width lies between"),
        ({"depth": 2}, "weights are others"),
        ({"depth": 500}, "and there are"),
        ({"depth": 1_000_000}, "lies between"),
        ({"order": 3}, "weights are others"),
        ({"shape": [30_000]}, "weights are others"),
    ],
)
def test_sizes_are_held_against_the_weights_without_memory(student: Path, config: dict[str, Any], words: str) -> None:
    tracemalloc.start()
    assert words in refusal(student, config=config)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


@pytest.mark.parametrize("data", [{"steps": [1e400]}, {"steps": 5}, {"steps": ["x"]}, {"grid": None, "steps": None}])
def test_facts_of_other_kinds(student: Path, data: dict[str, Any]) -> None:
    assert "does not fit its manifest" in refusal(student, data=data)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"kind": ' * 3_000, "\ud800", "NaN", "[]", '{"config": 1e999}'])
def test_manifests_that_are_none(student: Path, text: str) -> None:
    (student / "manifest.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(BadInput, match="is corrupt"):
        read_manifest(student)


def test_what_fits_is_built(student: Path) -> None:
    weights, manifest = load_artifact(student)
    assert manifest.config["width"] == 128
    check_fit({"depth": 1}, lambda: nn.Linear(2, 3), dict(nn.Linear(2, 3).state_dict()))
    for wrong in (nn.Linear(3, 3), nn.Linear(2, 3, bias=False)):
        with pytest.raises(ValueError, match="weights are others"):
            check_fit({}, lambda: nn.Linear(2, 3), dict(wrong.state_dict()))
    assert weights


@pytest.mark.parametrize(
    "state",
    [{"identity": "x"}, {"identity": {}}, [], "x", {}, {"identity": None, "module": {}}],
    ids=["a text", "empty", "a list", "x", "nothing", "none"],
)
def test_checkpoints_that_are_none(tmp_path: Path, state: Any) -> None:
    torch.save(state, tmp_path / "checkpoint.pt")
    module = nn.Linear(2, 2)
    with pytest.raises(BadInput) as refused:
        train(
            module, lambda i: module.weight.sum(), TrainingPlan(2), identity={}, checkpoint=tmp_path / "checkpoint.pt"
        )
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("lost", ["module", "optimizers", "average", "iteration", "seconds"])
def test_a_checkpoint_that_lacks_something(tmp_path: Path, lost: str) -> None:
    file, module = tmp_path / "checkpoint.pt", nn.Linear(2, 2)
    train(module, lambda i: module.weight.sum(), TrainingPlan(2), identity={}, checkpoint=file)
    state = torch.load(file, weights_only=True)
    torch.save({name: value for name, value in state.items() if name != lost}, file)
    with pytest.raises(BadInput, match="is corrupt"):
        train(module, lambda i: module.weight.sum(), TrainingPlan(2), identity={}, checkpoint=file)
