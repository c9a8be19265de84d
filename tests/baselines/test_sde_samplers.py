"""The field's stochastic samplers: the variance of a step's noise, restart, and options out of range.

They are held to k-diffusion's and diffusers' with one and the same normals in adapters/.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from elsewhere import OneNormal, levels
from walking import mixture, path, start, states

from sigbench.errors import BadInput
from sigbench.sampler import Sampler
from sigbench.sde.grid import Grid
from sigbench.sde.legendre import projection
from sigbench.sde.schedule import VE, Schedule, VPCosine, VPLinear
from sigbench_baselines.ancestral import DPM2Ancestral
from sigbench_baselines.dpmpp_sde import DPMpp2MSDE, DPMpp3MSDE
from sigbench_baselines.edm import EDMStochastic
from sigbench_baselines.half_log_snr import levels_of, step_noise
from sigbench_baselines.heun import Heun
from sigbench_baselines.restart import Restart
from sigbench_baselines.sa_solver import SASolver

PATHS = 200


@pytest.mark.parametrize("schedule", [VPLinear(), VPCosine(), VE()], ids=lambda schedule: schedule.name)
@pytest.mark.parametrize("share", [0.25, 1.0])
def test_the_noise_of_a_step_has_its_variance(schedule: Schedule, share: float) -> None:
    """∫K² is σ′²(1 − e^{−2τ²h}), and the functional on a real path has it too, 5σ bounds at 20,000 draws."""
    problem = mixture(schedule)
    grid = problem.grid("log-snr", 6)

    class Kernels:
        def functional(self, step: Any, kernel: Any) -> Any:
            coefficients, rest = projection(kernel, step.start, step.end, 4)
            return float(coefficients @ coefficients) + rest**2

    brownian = path(grid, 20_000, order=4)
    for step, here, there in levels_of(problem, grid):
        wanted = there.sigma**2 * -math.expm1(-2.0 * share * (there.log_snr - here.log_snr))
        assert step_noise(problem, Kernels(), step, there, share) == pytest.approx(wanted, rel=1e-9)  # type: ignore[arg-type]
        drawn = step_noise(problem, brownian, step, there, share)
        assert float(drawn.var()) == pytest.approx(wanted, rel=5 * math.sqrt(2 / 20_000))


def test_restart_is_heun_with_a_detour() -> None:
    """Above and below the interval it is Heun's walk; in it, Heun's again from the noised state, once for each ζ."""
    problem = mixture(VPLinear())
    grid = problem.grid("log-snr", 12)
    x = start(problem, PATHS)
    noise = OneNormal(grid, x)
    _, alpha, sigma = levels(problem, grid)
    ratios = sigma / alpha
    first, last = int((ratios > 1.0).sum()), int((ratios > 0.1).sum())
    plain = states(Heun(), problem, x, grid, noise)
    found = states(Restart(restarts=2), problem, x, grid, noise)
    assert torch.equal(found[: last - 1], plain[: last - 1])
    state = plain[last - 1]
    spread = math.sqrt(float(ratios[first] ** 2 - ratios[last] ** 2))
    inner = Grid("part", grid.times[first : last + 1], grid.t_start)
    outer = Grid("part", grid.times[last:], grid.t_start)
    for zeta in noise.moments[last - 1, :2]:
        up = alpha[first] * (state / alpha[last] + spread * zeta)
        state = states(Heun(), problem, up, inner, noise)[-1]
    torch.testing.assert_close(found[last - 1], state, rtol=0, atol=1e-12)
    torch.testing.assert_close(found[last:], states(Heun(), problem, state, outer, noise), rtol=0, atol=1e-12)


def test_restart_leaves_a_grid_without_an_interval_alone() -> None:
    problem = mixture(VPLinear())
    grid = problem.grid("log-snr", 2)
    x = start(problem, 20)
    noise = OneNormal(grid, x)
    assert torch.equal(states(Restart(), problem, x, grid, noise), states(Heun(), problem, x, grid, noise))
    assert Restart().calls(problem, grid) == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SASolver(tau=-0.1), "tau lies between 0"),
        (lambda: SASolver(tau=math.nan), "tau lies between 0"),
        (lambda: SASolver(predictor=4), "orders 1 to 3, got 4"),
        (lambda: SASolver(corrector=4), "0 to 3 predictions, got 4"),
        (lambda: SASolver(low=0.9), "low=0.9 and high=0.8"),
        (lambda: DPMpp2MSDE(eta=1.5), "eta lies between 0 and 1"),
        (lambda: DPMpp3MSDE(eta=math.inf), "eta lies between 0 and 1"),
        (lambda: DPM2Ancestral(eta=0.0), "it is dpm-solver-2s"),
        (lambda: EDMStochastic(churn=0.0), "the sampler is heun"),
        (lambda: EDMStochastic(low=2.0), "low=2 and high=1"),
        (lambda: EDMStochastic(noise=0.0), "noise lies above 0"),
        (lambda: Restart(restarts=5), "1 to 4 times, got 5"),
        (lambda: Restart(low=1.0), "0 < low < high"),
    ],
)
def test_options_out_of_range_are_refused(make: Callable[[], Sampler], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make()


@pytest.mark.parametrize("schedule", [VPLinear(), VPCosine(), VE()], ids=lambda schedule: schedule.name)
@pytest.mark.parametrize("family", ["quadratic", "uniform", "log-snr", "karras"])
def test_dpm2_ancestral_takes_one_step_over_the_whole_schedule(schedule: Schedule, family: str) -> None:
    """At η = 1 its middle is the step's own end, √(ρ·ρ′²/ρ) = ρ′, which no rounding may push out of the schedule."""
    problem = mixture(schedule)
    grid = problem.grid(family, 1)
    (end,) = states(DPM2Ancestral(), problem, start(problem, PATHS), grid, path(grid, PATHS))
    assert end.isfinite().all()
