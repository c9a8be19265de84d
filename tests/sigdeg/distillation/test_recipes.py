"""A student is trained by its recipe, whatever its teacher, and the sampler takes it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sigbench.errors import BadInput
from sigbench.networks import edm, gaussian_edm
from sigbench.networks.recipe import train_artifact
from sigbench.progress import Progress
from sigbench.registry import make_sampler, make_task
from sigbench.rivals.recipes import recipe_for
from sigbench.sde.brownian import FreshBrownian
from sigbench.sde.noise import NoiseStream
from sigbench.sigdeg.distillation.fresh_steps import FreshPlan
from sigbench.sigdeg.distillation.kinds import KINDS, StudentChoices
from sigbench.sigdeg.distillation.recipe import StudentRecipe
from sigbench.sigdeg.distillation.stored_steps import StoredPlan
from sigbench.sigdeg.distillation.students import student_recipe
from sigbench.sigdeg.generators.images import ImageGeneratorConfig
from sigbench.sigdeg.generators.paths import PathGeneratorConfig
from sigbench.sigdeg.generators.vectors import VectorGeneratorConfig
from sigbench.sigdeg.sampler import KIND

CPU = torch.device("cpu")


def tiny(task: str, **choices: Any) -> StudentRecipe:
    """A student of three iterations, from few paths and small minibatches."""
    recipe = student_recipe(make_task(task), StudentChoices(iterations=3, **choices))
    if isinstance(recipe.source, FreshPlan):
        return replace(recipe, source=FreshPlan(batch=128, pool=64))
    assert isinstance(recipe.source, StoredPlan)
    return replace(recipe, source=replace(recipe.source, groups=2))


@pytest.mark.parametrize(
    ("task", "choices"),
    [
        ("gmm2d", {"order": 3, "steps": (5,), "loss": "both", "memory": 1}),
        pytest.param("rbergomi", {"steps": (2, 5), "loss": "global", "teacher_paths": 64}, marks=pytest.mark.slow),
        pytest.param("mnist", {"order": 2, "steps": (2, 5), "teacher_paths": 5}, marks=pytest.mark.slow),
        pytest.param(
            "mnist",
            {"order": 1, "base": "identity", "memory": 2, "steps": (5,), "loss": "both", "grid": "uniform"}
            | {"teacher_paths": 5},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_tiny_training_gives_a_student_that_samples(tmp_path: Path, task: str, choices: dict[str, Any]) -> None:
    recipe, heard = tiny(task, **choices), list[Progress]()
    assert recipe.iterations == 3
    manifest = train_artifact(recipe.task, recipe, tmp_path / "student", command="a test", report=heard.append)
    assert sorted(file.name for file in (tmp_path / "student").iterdir()) == ["manifest.json", "weights.safetensors"]
    assert {event.stage for event in heard} <= {"teacher paths", "training"}
    assert [event.done for event in heard if event.stage == "training"] == [1, 2, 3]
    assert all(event.loss is not None and event.loss == event.loss for event in heard if event.stage == "training")
    assert (manifest.kind, manifest.cost["iterations"]) == (KIND, 3)
    for name in ("order", "base", "memory"):
        assert manifest.config[name] == choices.get(name, {"order": 2, "base": "exponential", "memory": 0}[name])
    problem = recipe.task.problem(CPU, torch.float32)
    sampler = make_sampler(f"sigdeg:artifact={tmp_path / 'student'}")
    sampler.prepare(recipe.task, problem, torch.float32)
    grid = problem.grid(recipe.plan.grid, 5)
    sampler.check(grid)
    shape = recipe.task.shape
    driver = FreshBrownian(NoiseStream(0, shape), 0, 3, 4)
    batch = problem.labelled(problem.labels_from(torch.zeros(3)))
    states = list(sampler.walk(batch, torch.randn(3, *shape), grid, driver))
    assert len(states) == 5
    assert states[-1].shape == (3, *shape)
    assert torch.isfinite(states[-1]).all()
    assert problem.counter.calls == 5


@pytest.mark.slow
def test_paths_that_are_kept_serve_a_further_student(tmp_path: Path) -> None:
    heard: list[Progress] = []
    tiny("rbergomi", steps=(2,), teacher_paths=32).walk(tmp_path, heard.append)
    assert heard == [Progress("teacher paths", 32, 32)]
    tiny("rbergomi", steps=(5,), order=1, loss="both", teacher_paths=32).walk(tmp_path, heard.append)
    assert len(heard) == 1
    with pytest.raises(BadInput, match="another teacher or seed"):
        tiny("rbergomi", steps=(2,), seed=1, teacher_paths=32).walk(tmp_path, heard.append)
    tiny("gmm", steps=(2,)).walk(tmp_path / "none", heard.append)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("task", "kind", "config", "source", "order"),
    [
        ("gmm", None, VectorGeneratorConfig, FreshPlan, 4),
        ("mnist", edm.KIND, ImageGeneratorConfig, StoredPlan, 2),
        ("rbergomi", gaussian_edm.KIND, PathGeneratorConfig, StoredPlan, 2),
    ],
)
def test_the_kind_of_teacher_decides(task: str, kind: str | None, config: type, source: type, order: int) -> None:
    recipe = student_recipe(make_task(task), StudentChoices())
    assert (type(recipe.config), type(recipe.source)) == (config, source)
    assert recipe.config.order == order
    assert recipe.plan.training == KINDS[kind].plan.training


def test_what_determines_a_student() -> None:
    """Any choice of it; not where its teacher's paths are kept."""
    task = make_task("rbergomi")
    usual = student_recipe(task, StudentChoices()).determinants()
    assert student_recipe(task, StudentChoices(), Path("elsewhere")).determinants() == usual
    for change in (
        {"order": 1},
        {"grid": "uniform"},
        {"steps": (5,)},
        {"loss": "both"},
        {"iterations": 3},
        {"base": "identity"},
        {"memory": 1},
        {"seed": 1},
        {"paths_seed": 1},
        {"teacher_paths": 64},
    ):
        assert student_recipe(task, StudentChoices(**change)).determinants() != usual, change


def test_a_task_s_own_networks_have_their_own_recipes() -> None:
    task = make_task("rbergomi")
    assert recipe_for(task, "teacher", StudentChoices(iterations=7)).iterations == 7
    assert isinstance(recipe_for(task, "student", StudentChoices()), StudentRecipe)
    with pytest.raises(BadInput, match="unknown thing to train of the task rbergomi 'teachr'"):
        recipe_for(task, "teachr", StudentChoices())
    with pytest.raises(BadInput, match="no --keep-paths"):
        recipe_for(make_task("gmm"), "student", StudentChoices(), Path("paths"))
    with pytest.raises(BadInput, match="has no teacher to distil"):
        recipe_for(make_task("ou"), "student", StudentChoices())


@pytest.mark.parametrize("loss", ["local", "global", "law"])
@pytest.mark.parametrize(("seed", "fits"), [(-1, False), (2**63, False), (2**63 - 1, True), (0, True)])
def test_seeds_are_what_every_generator_takes(loss: str, seed: int, fits: bool) -> None:
    choices = StudentChoices(iterations=1, loss=loss, seed=seed, steps=(2,))
    if fits:
        recipe_for(make_task("gmm"), "student", choices)
    else:
        with pytest.raises(BadInput, match=f"must be between 0 and {2**63 - 1}, got {seed}"):
            recipe_for(make_task("gmm"), "student", choices)
