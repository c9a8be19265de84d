"""Which samplers are one scheme under several names: found on common paths, never by their names."""

import pytest
import torch

from sigbench.registry import make_task
from sigbench.sde.problem import SDEProblem
from sigbench.studies.convergence.plan import twins_of
from sigbench.task import Task

SDE = ("sra1", "euler-maruyama", "milstein", "torchsde-euler", "torchsde-srk", "shark", "dpmpp-2m-sde")


def found_on(name: str, *specs: str) -> dict[str, str]:
    task: Task = make_task(name)
    problem: SDEProblem = task.problem(torch.device("cpu"), torch.float64)
    return twins_of(specs, task, problem, problem.grid("uniform", 8))


def test_the_scheme_of_fewest_calls_stands_for_its_twins() -> None:
    assert found_on("gmm", *SDE) == {
        "milstein": "euler-maruyama",
        "torchsde-euler": "euler-maruyama",
        "torchsde-srk": "sra1",
    }


def test_twins_on_one_problem_are_none_on_another() -> None:
    """Milstein's correction is zero for additive noise alone."""
    assert found_on("gbm", "euler-maruyama", "milstein", "torchsde-milstein") == {"torchsde-milstein": "milstein"}


@pytest.mark.parametrize("order", [("ddim", "dpmpp-1", "heun"), ("heun", "dpmpp-1", "ddim")])
def test_the_order_of_names_changes_nothing(order: tuple[str, ...]) -> None:
    assert found_on("gmm", *order) == {"dpmpp-1": "ddim"}


def test_a_near_scheme_is_no_twin() -> None:
    """One option apart: their states differ by far more than rounding."""
    assert found_on("gmm", "dpmpp-3m", "dpmpp-3m:lower_order_final=false") == {}


def test_a_sampler_that_fails_is_no_twin() -> None:
    assert found_on("gbm", "euler-maruyama", "ddim") == {}  # there is no denoiser
