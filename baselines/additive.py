"""What the schemes for additive noise share."""

import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Sampler
from sigbench.sde.grid import Step
from sigbench.sde.problem import SDEProblem
from sigbench.task import Task


class AdditiveScheme(Sampler):
    """A scheme for additive noise: it refuses any other before work begins."""

    def prepare(self, task: Task, problem: SDEProblem, dtype: torch.dtype) -> None:
        """Raises BadInput where the problem's noise is not additive."""
        _check_additive(problem)


def additive_diffusion(problem: SDEProblem, step: Step, x: Tensor) -> tuple[float, float]:
    """Returns g at the start and at the end of a step; raises BadInput where the noise is not additive."""
    _check_additive(problem)
    g, g_end = (problem.diffusion(s, x) for s in (step.start, step.end))
    assert isinstance(g, float)
    assert isinstance(g_end, float)
    return g, g_end


def _check_additive(problem: SDEProblem) -> None:
    if problem.noise_type != "additive":
        raise BadInput(f"this scheme is for additive noise, the problem's noise is {problem.noise_type}.")
