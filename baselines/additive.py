"""What the schemes for additive noise share."""

from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sde.grid import Step
from sigbench.sde.problem import SDEProblem


def additive_diffusion(problem: SDEProblem, step: Step, x: Tensor) -> tuple[float, float]:
    """Returns g at the start and at the end of a step; raises BadInput where the noise is not additive."""
    if problem.noise_type != "additive":
        raise BadInput(f"this scheme is for additive noise, the problem's noise is {problem.noise_type}.")
    g, g_end = (problem.diffusion(s, x) for s in (step.start, step.end))
    assert isinstance(g, float)
    assert isinstance(g_end, float)
    return g, g_end
