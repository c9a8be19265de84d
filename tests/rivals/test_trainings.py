"""Every rival by its name: a tiny training gives an artifact that its sampler takes; what it has not is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from one_gaussian import OneGaussian

from sigbench.errors import BadInput
from sigbench.networks.artifacts import load_artifact
from sigbench.networks.recipe import train_artifact
from sigbench.progress import Progress
from sigbench.registry import make_sampler, make_task, sampler_class, student_names
from sigbench.rivals.progressive import ProgressiveRecipe
from sigbench.rivals.recipes import student_recipe_of
from sigbench.sde.brownian import FreshBrownian
from sigbench.sde.noise import NoiseStream
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import VPLinear
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.trained import TrainedStudent

CPU = torch.device("cpu")
SMALL = StudentChoices(steps=(1, 3), iterations=3, width=8, depth=1)
RIVALS = [name for name in student_names() if name != "sigdeg"]
FLOWS = ["consistency", "progressive", "sfd"]


def choices_of(name: str) -> StudentChoices:
    return replace(SMALL, width=None, depth=None) if name == "learned-solver" else SMALL


def test_every_student_is_a_sampler_of_its_name() -> None:
    assert set(RIVALS) >= {"consistency", "learned-solver", "progressive", "sfd", "sigdeg-order1"}
    kinds = set()
    for name in student_names():
        cls = sampler_class(name)
        assert issubclass(cls, TrainedStudent)
        assert (cls.name, cls.family) == (name, "student")
        kinds.add(cls.kind)
    assert len(kinds) == len(student_names())


@pytest.mark.parametrize("name", RIVALS)
def test_a_tiny_training_gives_a_student_that_samples(tmp_path: Path, name: str) -> None:
    task, heard = make_task("gmm2d"), list[Progress]()
    recipe = student_recipe_of(name, task, choices_of(name))
    assert recipe.iterations == (9 if name == "progressive" else 3)  # one a round at least
    folder = tmp_path / "student"
    manifest = train_artifact(task, recipe, folder, command="a test", report=heard.append)
    assert sorted(file.name for file in folder.iterdir()) == ["manifest.json", "weights.safetensors"]
    done = [event.done for event in heard if event.stage == "training"]
    assert done == sorted(done)
    assert done[-1] == heard[-1].total
    assert manifest.kind == sampler_class(name).kind  # type: ignore[attr-defined]
    assert manifest.cost["training_s"] > 0
    problem = task.problem(CPU, torch.float32)
    sampler = make_sampler(f"{name}:artifact={folder}")
    sampler.prepare(task, problem, torch.float32)
    assert sampler.own_grid is not None
    driver = FreshBrownian(NoiseStream(0, task.shape), 0, 5, 4)
    for steps in (1, 3):
        grid = problem.grid(sampler.own_grid, steps)
        sampler.check(grid)
        problem.counter.reset()
        states = list(sampler.walk(problem, torch.randn(5, 2), grid, driver))
        assert len(states) == steps == problem.counter.calls
        assert torch.isfinite(states[-1]).all()
    with pytest.raises(BadInput, match="was trained for 1, 3 steps, not for 2"):
        sampler.check(problem.grid(sampler.own_grid, 2))
    with pytest.raises(BadInput, match="was trained on the grid"):
        sampler.check(problem.grid("cosine", 3))


@pytest.mark.parametrize("name", RIVALS)
def test_the_same_choices_train_the_same_weights(tmp_path: Path, name: str) -> None:
    found = []
    for which, seed in (("a", 0), ("b", 0), ("c", 1)):
        recipe = student_recipe_of(name, make_task("gmm"), replace(choices_of(name), seed=seed))
        train_artifact(make_task("gmm"), recipe, tmp_path / which, command="a test")
        found.append(load_artifact(tmp_path / which)[0])
    first, again, other = found
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", RIVALS)
def test_an_interrupted_training_ends_at_the_same_weights(tmp_path: Path, name: str) -> None:
    """Wherever it is cut, between the rounds of progressive distillation as well."""
    task = make_task("gmm")
    choices = replace(choices_of(name), iterations=18)
    train_artifact(task, student_recipe_of(name, task, choices), tmp_path / "whole", command="a test")
    for cut in (3, 8, 16):
        folder = tmp_path / f"cut-{cut}"

        def stop(event: Progress, at: int = cut) -> None:
            if event.stage == "training" and event.done == at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train_artifact(task, student_recipe_of(name, task, choices), folder, command="a test", report=stop)
        assert not (folder / "weights.safetensors").exists()
        train_artifact(task, student_recipe_of(name, task, choices), folder, command="a test")
        whole, found = (load_artifact(each)[0] for each in (tmp_path / "whole", folder))
        assert all(torch.equal(whole[key], found[key]) for key in whole), cut
        assert sorted(file.name for file in folder.iterdir()) == ["manifest.json", "weights.safetensors"]


def test_rounds_of_another_training_are_not_taken(tmp_path: Path) -> None:
    task, choices = make_task("gmm"), replace(SMALL, iterations=18)

    def stop(event: Progress) -> None:
        if event.done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_artifact(task, student_recipe_of("progressive", task, choices), tmp_path, command="a", report=stop)
    assert list(tmp_path.glob("round-*.safetensors"))
    other = student_recipe_of("progressive", task, replace(choices, seed=1))
    with pytest.raises(BadInput, match="checkpoint"):
        train_artifact(task, other, tmp_path, command="a test")


def test_rounds_halve_down_to_the_steps_that_are_served() -> None:
    recipe = student_recipe_of("progressive", make_task("gmm"), StudentChoices(steps=(2, 5), iterations=100))
    assert isinstance(recipe, ProgressiveRecipe)
    assert recipe.rounds == [7, 6, 5, 4, 3, 2, 1, 0]
    assert sum(recipe.lengths()) == 100
    assert max(recipe.lengths()) - min(recipe.lengths()) <= 1


@pytest.mark.parametrize(
    ("name", "choices", "words"),
    [
        *((name, {"order": 2}, f"the student {name} has no choice of --order") for name in RIVALS),
        *((name, {"memory": 1}, "no choice of --memory") for name in RIVALS),
        *((name, {"loss": "law"}, "no choice of --loss") for name in (*FLOWS, "learned-solver")),
        *((name, {"teacher_paths": 64}, "no choice of --teacher-paths") for name in FLOWS),
        *((name, {"steps": ()}, "at least 1") for name in FLOWS),
        ("learned-solver", {"width": 9}, "no choice of --width"),
        ("sfd", {"iterations": 0}, "--iterations must be at least 1"),
        ("learned-solver", {"iterations": 0}, "--iterations must be at least 1"),
        ("progressive", {"seed": -1}, "seed of a training"),
        ("consistency", {"grid": "quadratc"}, "quadratic"),
        *((name, {"device": "gpu"}, "device 'gpu'") for name in RIVALS),
        ("sfd", {"start": Path("x")}, "no choice of --start"),
        ("sigdeg-order1", {"start": Path("x")}, "--start is for the losses 'law' and 'score'"),
    ],
)
def test_choices_that_a_student_has_not_are_refused(name: str, choices: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        student_recipe_of(name, make_task("gmm"), replace(StudentChoices(), **choices))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", RIVALS)
def test_a_task_that_cannot_have_it_says_why(name: str) -> None:
    with pytest.raises(BadInput, match=r"no teacher to distil|needs a reverse diffusion|has none to learn from"):
        student_recipe_of(name, make_task("ou"), StudentChoices())


class WithoutSignal(VPLinear):
    """A schedule that begins at α = 0, as one of zero terminal SNR does."""

    def log_snr(self, t: Any) -> Any:
        return -np.inf if np.ndim(t) == 0 and t == self.t_start else super().log_snr(t)


class Silent(OneGaussian):
    """One Gaussian under that schedule."""

    def problem(self, device: torch.device, dtype: torch.dtype) -> ReverseDiffusion:
        usual, schedule = super().problem(device, dtype), WithoutSignal()
        return ReverseDiffusion(schedule, usual.denoiser, self.shape, device)


@pytest.mark.parametrize("name", [*FLOWS, "learned-solver"])
def test_a_schedule_without_finite_ends_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="begins without signal or ends without noise"):
        student_recipe_of(name, Silent(), choices_of(name))


@pytest.mark.parametrize("name", FLOWS)
def test_paths_are_not_kept(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no --keep-paths"):
        student_recipe_of(name, make_task("gmm"), SMALL, tmp_path)


def test_an_unknown_student_is_told_the_nearest() -> None:
    with pytest.raises(BadInput, match="consistency"):
        student_recipe_of("consistensy", make_task("gmm"), SMALL)


def test_an_artifact_of_another_kind_is_refused(tmp_path: Path) -> None:
    task = make_task("gmm")
    train_artifact(task, student_recipe_of("sfd", task, SMALL), tmp_path / "sfd", command="a test")
    sampler = make_sampler(f"progressive:artifact={tmp_path / 'sfd'}")
    with pytest.raises(BadInput, match="is a sfd-student of gmm version 2, not a progressive-student"):
        sampler.prepare(task, task.problem(CPU, torch.float32), torch.float32)


def test_a_task_without_the_student_says_how_to_train_it() -> None:
    task = make_task("mnist")
    sampler = make_sampler("sfd")
    with pytest.raises(BadInput, match="sigbench train --task mnist --student sfd"):
        sampler.prepare(task, task.problem(CPU, torch.float32), torch.float32)


def test_steps_in_a_solver_s_manifest_are_looked_at(tmp_path: Path) -> None:
    task = make_task("gmm")
    folder = tmp_path / "solver"
    train_artifact(task, student_recipe_of("learned-solver", task, choices_of("learned-solver")), folder, command="a")
    for steps in ([10**9], [0], "x", None, [1.5]):
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["config"]["steps"] = steps
        (folder / "manifest.json").write_text(json.dumps(manifest))
        sampler = make_sampler(f"learned-solver:artifact={folder}")
        with pytest.raises(BadInput, match="does not fit its manifest"):
            sampler.prepare(task, task.problem(CPU, torch.float32), torch.float32)
