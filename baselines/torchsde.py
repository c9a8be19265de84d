"""torchsde's solvers on the suite's grids and Brownian paths (Li et al. 2020, github.com/google-research/torchsde).

The steps are torchsde's own; the loop is ours, because its `sdeint` takes one constant step size and asks for
one more drift than it needs. torchsde sees the noise of the suite's driver in place of its own.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Calculus, Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid, Step
from sigbench.sde.problem import SDEProblem
from sigbench.task import Task


class BrownianAdapter:
    """Answers torchsde's `bm(ta, tb, return_U=…)` with the driver's signature of the current step.

    torchsde's U is ∫(W_u − W_a) du, our M₁. Raises BadInput for any interval other than the current step.
    """

    levy_area_approximation = "space-time"

    def __init__(self, brownian: BrownianDriver, shape: tuple[int, ...], order: int) -> None:
        self._brownian, self.shape, self._order = brownian, shape, order
        self.step: Step | None = None

    def __call__(self, ta: Tensor, tb: Tensor, return_U: bool = False, return_A: bool = False) -> Any:
        step = self.step
        if step is None or return_A or (float(ta), float(tb)) != (step.start, step.end):
            raise BadInput("torchsde asked for noise other than ΔW and U over the current step.")
        signature = self._brownian.signature(step, self._order)
        if return_U:
            return signature.increment.flatten(1), signature.time_integral.flatten(1)
        return signature.increment.flatten(1)


class _Equation(torch.nn.Module):
    """The problem in torchsde's words, for states flattened to (n, d)."""

    def __init__(self, problem: SDEProblem, sde_type: str, noise_type: str) -> None:
        super().__init__()
        self.problem, self.sde_type, self.noise_type = problem, sde_type, noise_type

    def f(self, t: Tensor, y: Tensor) -> Tensor:
        drift = self.problem.drift if self.sde_type == "ito" else self.problem.stratonovich_drift
        return drift(float(t), y.view(-1, *self.problem.shape)).flatten(1)

    def g(self, t: Tensor, y: Tensor) -> Tensor:
        value = self.problem.diffusion(float(t), y.view(-1, *self.problem.shape))
        return value.flatten(1) if isinstance(value, Tensor) else torch.full_like(y, value)

    def g_prod(self, t: Tensor, y: Tensor, v: Tensor) -> Tensor:
        value = self.problem.diffusion(float(t), y.view(-1, *self.problem.shape))
        return v * (value.flatten(1) if isinstance(value, Tensor) else value)

    def g_prod_and_gdg_prod(self, t: Tensor, y: Tensor, v1: Tensor, v2: Tensor) -> tuple[Tensor, Tensor | float]:
        correction = self.problem.milstein_correction(float(t), y.view(-1, *self.problem.shape))
        return self.g_prod(t, y, v1), correction * v2 if isinstance(correction, float) else correction.flatten(1) * v2


class _TorchsdeSampler(Sampler):
    """A torchsde solver, stepped over the grid; its Stratonovich solvers get the problem's Stratonovich drift."""

    citation = "Li et al. 2020, torchsde"
    family = "sde"
    method: ClassVar[str]
    treats_additive_as: ClassVar[str] = "additive"

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        # The solver classes have no public name; torchsde's own sdeint imports them from here.
        from torchsde._core import base_sde, methods

        noise_type = self.treats_additive_as if problem.noise_type == "additive" else "diagonal"
        bm = BrownianAdapter(brownian, (len(x), x[0].numel()), self.signature_order)
        equation = _Equation(problem, self.calculus, noise_type)
        forward = base_sde.ForwardSDE(equation)
        if noise_type == "diagonal":
            # torchsde differentiates g in reverse mode, which finds nothing, silently, under inference mode.
            forward.g_prod_and_gdg_prod = equation.g_prod_and_gdg_prod
        solver = methods.select(self.method, self.calculus)(
            sde=forward, bm=bm, dt=None, adaptive=False, rtol=None, atol=None, dt_min=None, options={}
        )
        times = torch.tensor(grid.times, dtype=torch.float64)
        y, extra = x.flatten(1), None
        for step, start, end in zip(grid, times[:-1], times[1:], strict=True):
            bm.step = step
            if extra is None:
                extra = solver.init_extra_solver_state(start, y)
            y, extra = solver.step(start, end, y, extra)
            yield y.view_as(x)


class TorchsdeEuler(_TorchsdeSampler):
    """torchsde's Euler–Maruyama."""

    name, method = "torchsde-euler", "euler"
    when = "To compare with torchsde."
    strong_order, strong_order_general = 1.0, 0.5
    weak_order, weak_order_general = 1.0, 1.0


class TorchsdeMilstein(_TorchsdeSampler):
    """torchsde's Itô–Milstein; on additive noise it is Euler–Maruyama."""

    name, method = "torchsde-milstein", "milstein"
    when = "To compare with torchsde."
    strong_order, strong_order_general = 1.0, 1.0
    weak_order, weak_order_general = 1.0, 1.0


class TorchsdeSRK(_TorchsdeSampler):
    """torchsde's stochastic Runge–Kutta: SRA1 on additive noise, whose first stage it computes twice.

    On diagonal noise it is SRID2 with ten drift calls a step, since every stage computes the earlier ones again.
    """

    name, method = "torchsde-srk", "srk"
    citation = "Rößler 2010, by torchsde (Li et al. 2020)"
    when = "To compare with torchsde."
    strong_order, strong_order_general = 1.5, 1.5
    weak_order = 2.0
    signature_order = 2
    nfe_per_step = 3

    def prepare(self, task: Task, problem: SDEProblem, dtype: torch.dtype) -> None:
        """Declares the calls that the problem's noise takes."""
        self.nfe_per_step = 3 if problem.noise_type == "additive" else 10


class TorchsdeHeun(_TorchsdeSampler):
    """torchsde's Stratonovich–Heun."""

    name, method = "torchsde-heun", "heun"
    when = "To compare with torchsde."
    calculus: ClassVar[Calculus] = "stratonovich"
    strong_order, strong_order_general = 1.0, 1.0
    weak_order, weak_order_general = 2.0, 1.0
    nfe_per_step = 2


class TorchsdeMidpoint(_TorchsdeSampler):
    """torchsde's Stratonovich midpoint rule; it halves the noise's curvature term, so its weak order stays 1."""

    name, method = "torchsde-midpoint", "midpoint"
    when = "To compare with torchsde."
    calculus: ClassVar[Calculus] = "stratonovich"
    strong_order, strong_order_general = 1.0, 1.0
    weak_order, weak_order_general = 1.0, 1.0
    nfe_per_step = 2


class TorchsdeReversibleHeun(_TorchsdeSampler):
    """torchsde's reversible Heun; one call a step and one more at the start."""

    name, method = "torchsde-reversible-heun", "reversible_heun"
    citation = "Kidger et al. 2021, arXiv 2105.13493, by torchsde"
    when = "To compare with torchsde, whose adjoint needs it."
    calculus: ClassVar[Calculus] = "stratonovich"
    strong_order, strong_order_general = 1.0, 0.5
    weak_order = 1.0
    # Its product with additive noise is a batch of d × d matrices; with diagonal noise it is elementwise.
    treats_additive_as = "diagonal"

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns one call a step and one."""
        return grid.steps + 1
