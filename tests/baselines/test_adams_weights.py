"""The weights of multistep methods against scipy's quadrature: ε that is a polynomial is integrated exactly."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from elsewhere import OneNormal
from scipy.integrate import quad
from torch import Tensor
from walking import CPU, start, states

from sigbench.errors import BadInput
from sigbench.sampler import Sampler
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import Schedule, VPCosine, VPLinear
from sigbench_baselines.deis import DEIS
from sigbench_baselines.dpmpp import DPMpp2M, DPMpp3M
from sigbench_baselines.ipndm import IPNDM, IPNDMV
from sigbench_baselines.lagrange import lagrange_integrals
from sigbench_baselines.plms import PLMS
from sigbench_baselines.sa_solver import SASolver
from sigbench_baselines.unipc import UniPC


def ratio(schedule: Schedule, t: float) -> float:
    return float(schedule.sigma(t) / schedule.alpha(t))


VARIABLES: dict[str, Callable[[Schedule, float], float]] = {
    "t": lambda schedule, t: t,
    "rho": ratio,
    "log-rho": lambda schedule, t: -float(schedule.log_snr(t)),
}


@pytest.mark.parametrize("schedule", [VPLinear(), VPCosine()], ids=lambda schedule: schedule.name)
@pytest.mark.parametrize("variable", sorted(VARIABLES))
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("grid_name", "steps"), [("quadratic", 6), ("log-snr", 5)])
def test_deis_integrates_polynomials(order: int, variable: str, schedule: Schedule, grid_name: str, steps: int) -> None:
    """With ε = v^{order−1}, v the variable, each step behind the warm-up adds ∫ ε dρ to x/α."""
    scale = max(abs(VARIABLES[variable](schedule, t)) for t in (schedule.t_start, schedule.t_end))

    def eps(t: float) -> float:
        return (VARIABLES[variable](schedule, t) / scale) ** (order - 1)

    def network(t: float, x: Tensor) -> Tensor:
        return torch.full_like(x, eps(t))

    problem = ReverseDiffusion(schedule, Denoiser(network, "eps", schedule), (1,), CPU)
    grid = problem.grid(grid_name, steps)
    x = start(problem, 3)
    walked = states(DEIS(order, variable), problem, x, grid, OneNormal(grid, x))  # type: ignore[arg-type]
    before = [x, *walked[:-1]]
    for step, here, there in zip(grid, before, walked, strict=True):
        if step.index < order - 1:
            continue

        def slope(q: float) -> float:  # dρ/dq at t = q², smooth where dρ/dt is not
            t = q * q
            squared = float(schedule.diffusion_squared(t))
            return eps(t) * q * squared / float(schedule.alpha(t) * schedule.sigma(t))

        wanted, _ = quad(slope, math.sqrt(step.t), math.sqrt(step.t_next), epsabs=0, epsrel=1e-12, limit=200)
        found = there / float(schedule.alpha(step.t_next)) - here / float(schedule.alpha(step.t))
        torch.testing.assert_close(found, torch.full_like(found, wanted), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("nodes", [(2.0,), (2.0, 3.5), (2.0, 3.5, 4.0, 7.0)])
def test_lagrange_integrals_are_those_of_quadrature(nodes: tuple[float, ...]) -> None:
    def basis(u: float, j: int) -> float:
        return math.prod((u - node) / (nodes[j] - node) for k, node in enumerate(nodes) if k != j)

    found = lagrange_integrals(nodes, 2.0, 0.5, lambda u: np.exp(-2.0 * u))
    for j, value in enumerate(found):
        wanted, _ = quad(lambda u, j=j: math.exp(-2.0 * u) * basis(u, j), 2.0, 0.5, epsabs=0, epsrel=1e-12)
        assert value == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DEIS(4), "deis has orders 1 to 3, got 4"),
        (lambda: DEIS(0), "deis has orders 1 to 3, got 0"),
        (lambda: DEIS(variable="sigma"), "unknown variable of deis 'sigma'"),  # type: ignore[arg-type]
        (lambda: UniPC(4), "unipc has orders 1 to 3, got 4"),
        (lambda: IPNDM(5), "ipndm has orders 1 to 4, got 5"),
        (lambda: IPNDMV(0), "ipndm-v has orders 1 to 4, got 0"),
    ],
)
def test_orders_that_a_family_does_not_have(make: Callable[[], Sampler], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make()


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize(
    "sampler",
    [DPMpp2M(), DPMpp3M(lower_order_final=False), DEIS(), IPNDM(), IPNDMV(), PLMS(), UniPC(), SASolver()],
    ids=lambda sampler: sampler.name,
)
def test_a_grid_too_short_for_the_order_is_walked_at_lower_orders(sampler: Sampler, steps: int) -> None:
    schedule = VPLinear()
    problem = ReverseDiffusion(schedule, Denoiser(lambda t, x: 0.1 * x, "x0", schedule), (1,), CPU)
    grid = problem.grid("quadratic", steps)
    x = start(problem, 5)
    walked = states(sampler, problem, x, grid, OneNormal(grid, x))
    assert walked.shape == (steps, 5, 1)
    assert torch.isfinite(walked).all()
    assert problem.counter.calls == sampler.calls(problem, grid)
