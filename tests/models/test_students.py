"""Students of networks that a user brought: untrained they are the exponential step, trained they are samplers."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.models.task import ImageTask
from sigbench.networks.recipe import train_artifact
from sigbench.progress import ignore
from sigbench.registry import make_task
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.students import student_recipe
from sigbench.sigdeg.generators.brought import BroughtGenerator
from sigbench.sigdeg.generators.linear_step import linear_step
from sigbench.sigdeg.generators.student import exponential_weight
from sigbench.sigdeg.sampler import with_teacher

CPU = torch.device("cpu")
pytest.importorskip("diffusers")

PYTHON = """
import torch


def build():
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(1, 1, 3, padding=1)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, t, x):
            return x - 0.1 * torch.tanh(self.layer(x))

    return Net()
"""


@pytest.fixture
def brought(images: Path, unet: Callable[..., Path], request: pytest.FixtureRequest) -> Path:
    """The file of a task with a UNet of diffusers, with or without classes, or with a network of Python."""
    kind = request.param
    if kind == "python":
        (images / "own.py").write_text(PYTHON)
        model = 'kind = "python"\npath = "own.py:build"\npredicts = "eps"\nschedule = { kind = "vp-linear" }\n'
        (images / "task.toml").write_text(f'name = "mine"\n[model]\n{model}[data]\nimages = "digits"\n')
    else:
        unet(classes=3 if kind == "classes" else None)
    with (images / "task.toml").open("a") as file:
        file.write('[teacher]\nsteps = 20\nscheme = "ddpm"\n')
    return images / "task.toml"


KINDS = pytest.mark.parametrize("brought", ["unet", "classes", "python"], indirect=True)


def recipe_of(file: Path, **choices: object) -> object:
    usual = {"steps": (2, 3), "iterations": 3, "teacher_paths": 512}
    return student_recipe(make_task(str(file)), StudentChoices(**{**usual, **choices}))  # type: ignore[arg-type]


@KINDS
def test_untrained_it_is_the_exponential_step_of_the_teacher(brought: Path) -> None:
    task = make_task(str(brought))
    assert isinstance(task, ImageTask)
    problem = task.problem(CPU, torch.float32)
    assert isinstance(problem, ReverseDiffusion)
    recipe = recipe_of(brought)
    network = with_teacher(recipe.config.network(problem.schedule), task, CPU, torch.float32)  # type: ignore[attr-defined]
    from sigbench.sigdeg.distillation.recipe import teacher_weights

    network.start_from(teacher_weights(task))
    assert isinstance(network, BroughtGenerator)
    labels = torch.tensor([0, 1, 2, 1]) if task.model.classes else None
    x, whitened = torch.randn(4, 1, 4, 4), torch.randn(4, 2, 1, 4, 4)
    for step in problem.grid("log-snr", 3):
        t, t_next = step.t, step.t_next
        rows = network.coefficients([step])
        with torch.no_grad():
            found = network(x, whitened, rows, labels)
            x0 = problem.labelled(labels).denoiser.x0(t, x)
        exact = linear_step(problem.schedule, t, t_next, 0.0, 2)
        loadings = torch.from_numpy(exact.loadings).float()
        noise = torch.einsum("nmchw,m->nchw", whitened, loadings)
        wanted = exact.decay * x + noise + exponential_weight(problem.schedule, t, t_next) * x0
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))


@KINDS
def test_it_is_trained_saved_and_then_a_sampler_of_its_task(brought: Path) -> None:
    task = make_task(str(brought))
    folder = brought.parent / "student"
    train_artifact(task, recipe_of(brought), folder, command="sigbench train", report=ignore)  # type: ignore[arg-type]
    spec = f"sigdeg:artifact={folder}"
    settings = Settings(str(brought), samples=18, repeats=2, device="cpu", time_calls=False)
    (record,) = measure(plan_cells(settings, [spec], [2]))
    assert record["status"] == "ok", record
    assert (record["nfe"], record["grid"]) == (2, "log-snr")
    assert {"sigdeg"} <= record["provenance"]["artifacts"].keys()


@pytest.mark.parametrize("brought", ["unet"], indirect=True)
def test_a_training_goes_on_where_it_was_and_ends_at_the_same_weights(brought: Path) -> None:
    from safetensors.torch import load_file

    def trained(folder: Path, stop_at: int | None) -> dict[str, Tensor]:
        seen = 0

        def report(progress: object) -> None:
            nonlocal seen
            if getattr(progress, "loss", None) is not None:
                seen += 1
                if seen == stop_at:
                    raise KeyboardInterrupt

        task = make_task(str(brought))
        try:
            train_artifact(task, recipe_of(brought), folder, command="x", report=report)  # type: ignore[arg-type]
        except KeyboardInterrupt:
            train_artifact(task, recipe_of(brought), folder, command="x", report=ignore)  # type: ignore[arg-type]
        return load_file(folder / "weights.safetensors")

    whole, cut = trained(brought.parent / "a", None), trained(brought.parent / "b", 2)
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


@pytest.mark.parametrize("brought", ["unet"], indirect=True)
def test_a_student_of_another_schedule_or_of_broken_weights_is_refused(brought: Path) -> None:
    folder = brought.parent / "student"
    train_artifact(make_task(str(brought)), recipe_of(brought), folder, command="x", report=ignore)  # type: ignore[arg-type]
    settings = Settings(str(brought), samples=18, repeats=2, device="cpu")
    config = brought.parent / "model" / "scheduler_config.json"
    usual = config.read_text()
    config.write_text(usual.replace("0.02", "0.03"))
    with pytest.raises(BadInput, match="distilled from another network than that of the task"):
        plan_cells(settings, [f"sigdeg:artifact={folder}"], [2])
    config.write_text(usual)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["config"]["unet"]["block_out_channels"] = [16, 16]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match="does not fit its manifest"):
        plan_cells(settings, [f"sigdeg:artifact={folder}"], [2])


@pytest.mark.parametrize(
    ("brought", "choices", "words"),
    [
        ("unet", {"width": 3}, "has the network of its teacher: no width can be chosen"),
        ("unet", {"base": "identity"}, "adds to the exponential step, not to 'identity'"),
        ("unet", {"loss": "law"}, "compares with data, and the task 'mine' has none to learn from"),
        ("unet", {"teacher_paths": 7}, "must be a positive multiple of 256"),
        ("unet", {"steps": (21,)}, "must be at most 20, the teacher's own"),
        ("python", {"guidance": 1.0}, "have no classes: no guidance is for it"),
    ],
    indirect=["brought"],
)
def test_what_such_a_student_cannot_have(brought: Path, choices: dict[str, object], words: str) -> None:
    if choices.get("loss") == "law":
        choices = {**choices, "teacher_paths": None}
    with pytest.raises(BadInput, match=words):
        recipe_of(brought, **choices)


def test_vectors_are_learned_by_a_perceptron(folder: Path) -> None:
    with (folder / "task.toml").open("a") as file:
        file.write("[teacher]\nsteps = 20\n")
    task = make_task(str(folder / "task.toml"))
    recipe = student_recipe(task, StudentChoices(steps=(2,), iterations=2))
    train_artifact(task, recipe, folder / "student", command="x", report=ignore)
    settings = Settings(str(folder / "task.toml"), samples=50, repeats=2, device="cpu", time_calls=False)
    (record,) = measure(plan_cells(settings, [f"sigdeg:artifact={folder / 'student'}"], [2]))
    assert record["status"] == "ok", record
    assert np.isfinite(record["metrics"]["energy"]["value"])
