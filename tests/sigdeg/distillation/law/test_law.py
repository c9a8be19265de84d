"""The loss "law": zero where a student's states have the law of noised data, and what its recipe refuses."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sigbench.errors import BadInput
from sigbench.networks.recipe import train_artifact
from sigbench.networks.training import TrainingPlan
from sigbench.registry import make_task
from sigbench.rivals.recipes import recipe_for
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import VPLinear
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.law.loss import LawLoss, LawPlan
from sigbench.sigdeg.distillation.law.recipe import LawRecipe
from sigbench.sigdeg.distillation.plan import DistillPlan
from sigbench.sigdeg.generators.vectors import VectorGenerator, VectorGeneratorConfig

PLAN = DistillPlan(TrainingPlan(iterations=4), steps=(2, 5), loss="law")


def problem() -> ReverseDiffusion:
    schedule = VPLinear()

    def score(t: float, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        raise AssertionError("the loss asks no teacher's steps")

    return ReverseDiffusion(schedule, Denoiser(score, "score", schedule), (1,), torch.device("cpu"))


def loss_of(data_std: float, order: int = 4) -> LawLoss:
    """The loss of the untrained student of data N(0, 1), the exact step there, on data N(0, data_std²)."""
    config = VectorGeneratorConfig(
        order=order, schedule="vp-linear", shape=(1,), data_mean=(0.0,), data_std=1.0, local_std=1.0
    )
    states = data_std * torch.randn(50_000, 1, generator=torch.Generator().manual_seed(5))
    return LawLoss(VectorGenerator(config), problem(), None, states, None, PLAN, LawPlan(batch=1_000))


def test_it_is_zero_for_the_right_law_and_positive_for_a_wrong_one() -> None:
    """Thirty iterations: within 4 standard errors of zero, and more than 8 above it for data twice as wide."""
    with torch.no_grad():
        right, wrong = (torch.stack([loss(k) for k in range(30)]) for loss in (loss_of(1.0), loss_of(2.0)))
    assert abs(float(right.mean())) < 4 * float(right.std()) / 30**0.5
    assert float(wrong.mean()) > 8 * float(right.std()) / 30**0.5


def test_an_iteration_depends_on_itself_and_the_seed_alone() -> None:
    loss = loss_of(1.5)
    with torch.no_grad():
        forth, back = [float(loss(k)) for k in range(4)], [float(loss(k)) for k in reversed(range(4))]
    assert forth == back[::-1]


@pytest.mark.parametrize(
    ("task", "loss"),
    [
        ("gmm", "law"),
        pytest.param("mnist", "law", marks=pytest.mark.slow),
        ("mnist", "score"),
        pytest.param("rbergomi", "law", marks=pytest.mark.slow),
        pytest.param("rbergomi", "score", marks=pytest.mark.slow),
    ],
)
def test_every_task_with_data_trains_a_student(task: str, loss: str, tmp_path: Path) -> None:
    of = make_task(task)
    recipe = recipe_for(of, "student", StudentChoices(loss=loss, iterations=2, steps=(1, 2)))
    assert isinstance(recipe, LawRecipe)
    small = LawRecipe(of, recipe.config, recipe.plan, LawPlan(batch=20))
    manifest = train_artifact(of, small, tmp_path / "student", command="a test")
    assert manifest.data["steps"] == [1, 2]
    assert manifest.data["loss"] == loss
    assert ("score" in manifest.data) == (loss == "score")
    assert manifest.cost["training_s"] == manifest.cost["law_s"] > 0
    further = LawRecipe(of, recipe.config, recipe.plan, LawPlan(batch=20), start=tmp_path / "student")
    later = train_artifact(of, further, tmp_path / "further", command="a test")
    assert later.data["start"] == manifest.sha256
    assert later.cost["training_s"] > manifest.cost["training_s"]
    with pytest.raises(BadInput, match="is another network"):
        recipe_for(of, "student", StudentChoices(loss=loss, order=1, start=tmp_path / "student"))


def test_labels_of_the_data_are_those_of_the_student() -> None:
    """States of class k are compared with data of class k: shifted classes cost, though the whole law is the same."""
    states = torch.tensor([-1.0, 1.0]).repeat(500)[:, None]
    labels = torch.tensor([0, 1]).repeat(500)
    config = VectorGeneratorConfig(
        order=2, schedule="vp-linear", shape=(1,), data_mean=(0.0,), data_std=1.0, local_std=1.0
    )

    class Labelled(VectorGenerator):
        def forward(self, x, whitened, rows, labels=None, compute=torch.float32, earlier=()):  # type: ignore[no-untyped-def]
            assert labels is not None
            return torch.ones_like(x) * (2.0 * labels[:, None] - 1.0)

    def far(own: torch.Tensor) -> float:
        one_step = replace(PLAN, steps=(1,))
        return float(LawLoss(Labelled(config), problem(), None, states, own, one_step, LawPlan(batch=100))(0))

    assert far(labels) < 1.0 < 10.0 < far(1 - labels)


@pytest.mark.parametrize(
    ("task", "choices", "sentence"),
    [
        ("gmm", {"teacher_paths": 100}, "asks for no paths"),
        ("mnist", {"guidance": 1.0}, "no guidance"),
        ("gmm", {"device": "gpu"}, "device 'gpu'"),
        ("ou", {}, "no teacher to distil"),
        ("gmm", {"start": Path("nowhere")}, "no artifact in nowhere"),
        ("gmm", {"start": Path("tasks/mnist/artifacts/classifier")}, "is a "),
        ("gmm", {"loss": "local", "start": Path("x")}, "is for the losses 'law' and 'score'"),
        ("gmm", {"loss": "score"}, "closed form: take the loss law"),
        ("ou", {"loss": "score"}, "no teacher to distil"),
        ("mnist", {"loss": "scores"}, "unknown loss 'scores'"),
    ],
)
def test_what_no_student_can_have_is_refused(task: str, choices: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        recipe_for(make_task(task), "student", StudentChoices(**{"loss": "law", **choices}))  # type: ignore[arg-type]
