"""The field's stochastic samplers against k-diffusion and diffusers with one and the same normals, in float64.

A step of either side sees one ζ: `OneNormal` hands it to ours as a functional or an increment, and the others' own
random numbers are replaced by it. diffusers' multistep DPM-Solver casts to float32: 1e-4 there.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from elsewhere import OneNormal, by_diffusers, by_k_diffusion, levels
from torch import Tensor
from walking import mixture, path, start, states

from sigbench.errors import BadInput
from sigbench.sampler import Sampler
from sigbench.sde.grid import Grid
from sigbench.sde.legendre import projection
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import VE, Schedule, VPCosine, VPLinear
from sigbench_baselines.ancestral import DPM2Ancestral
from sigbench_baselines.ddim import DDPM
from sigbench_baselines.dpmpp_sde import DPMpp2MSDE, DPMpp3MSDE
from sigbench_baselines.edm import EDMStochastic
from sigbench_baselines.half_log_snr import levels_of, step_noise
from sigbench_baselines.heun import Heun
from sigbench_baselines.restart import Restart
from sigbench_baselines.sa_solver import SASolver

PATHS = 200
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers under NumPy 2
GRIDS = [("quadratic", 10), ("log-snr", 7), ("uniform", 20)]


@pytest.mark.parametrize(("grid_name", "steps"), GRIDS)
@pytest.mark.parametrize(
    ("sampler", "name", "options"),
    [
        pytest.param(DPMpp2MSDE(1.0, False), "dpmpp_2m_sde", {}, id="2m-sde"),
        pytest.param(DPMpp2MSDE(1.0, False, "heun"), "dpmpp_2m_sde", {"solver_type": "heun"}, id="2m-sde-heun"),
        pytest.param(DPMpp2MSDE(0.5, False), "dpmpp_2m_sde", {"eta": 0.5}, id="2m-sde-half"),
        pytest.param(DPMpp3MSDE(1.0, False), "dpmpp_3m_sde", {}, id="3m-sde"),
        pytest.param(DPMpp3MSDE(0.5, False), "dpmpp_3m_sde", {"eta": 0.5}, id="3m-sde-half"),
        pytest.param(DPM2Ancestral(), "dpm_2_ancestral", {}, id="dpm2-ancestral"),
        pytest.param(DPM2Ancestral(0.5), "dpm_2_ancestral", {"eta": 0.5}, id="dpm2-ancestral-half"),
        pytest.param(DDPM(), "euler_ancestral", {}, id="ddpm-is-euler-ancestral"),
    ],
)
def test_k_diffusion(sampler: Sampler, name: str, options: dict[str, Any], grid_name: str, steps: int) -> None:
    problem = mixture(VPLinear())
    grid = problem.grid(grid_name, steps)
    x = start(problem, PATHS)
    noise = OneNormal(grid, x)
    theirs = by_k_diffusion(name, problem, x, grid, noise, **options)
    torch.testing.assert_close(states(sampler, problem, x, grid, noise), theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("grid_name", "steps"), GRIDS)
def test_edm_stochastic_is_k_diffusions_heun(monkeypatch: pytest.MonkeyPatch, grid_name: str, steps: int) -> None:
    """k-diffusion draws one normal a step, used or not, and shows states with their noise: the ends are compared.

    Below `high` our cut at the schedule's noise is never met.
    """
    problem = mixture(VPLinear())
    grid = problem.grid(grid_name, steps)
    x = start(problem, PATHS)
    noise = OneNormal(grid, x)
    drawn = iter(noise.normals)
    monkeypatch.setattr(torch, "randn_like", lambda _: next(drawn))
    options = {"s_churn": 4.0, "s_tmin": 0.05, "s_tmax": 20.0, "s_noise": 1.007}
    theirs = by_k_diffusion("heun", problem, x, grid, **options)
    ours = states(EDMStochastic(4.0, 0.05, 20.0, 1.007), problem, x, grid, noise)
    torch.testing.assert_close(ours[-1], theirs[-1], rtol=0, atol=1e-10)
    assert (ours - states(Heun(), problem, x, grid, noise)).abs().max() > 1e-2


@pytest.mark.parametrize(("grid_name", "steps"), [("quadratic", 10), ("log-snr", 7)])
@pytest.mark.parametrize("tau", [0.0, 0.6, 1.0])
@pytest.mark.parametrize(("predictor", "corrector"), [(1, 1), (1, 2), (2, 2), (3, 1), (3, 3)])
def test_sa_solver_is_diffusers(
    monkeypatch: pytest.MonkeyPatch, predictor: int, corrector: int, tau: float, grid_name: str, steps: int
) -> None:
    from diffusers import SASolverScheduler

    problem = mixture(VPCosine())
    grid = problem.grid(grid_name, steps)
    x = start(problem, PATHS)
    noise = OneNormal(grid, x)

    def taus(time: Tensor) -> Tensor:
        return torch.tensor(tau if 200.0 <= time <= 800.0 else 0.0, dtype=torch.float64)

    scheduler = SASolverScheduler(predictor_order=predictor, corrector_order=corrector, tau_func=taus)
    theirs = by_diffusers(scheduler, problem, x, grid, noise=noise, patch=monkeypatch.setattr)
    ours = states(SASolver(predictor, corrector, tau), problem, x, grid, noise)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("solver_type", ["midpoint", "heun"])
def test_2m_sde_is_diffusers(monkeypatch: pytest.MonkeyPatch, solver_type: Any) -> None:
    from diffusers import DPMSolverMultistepScheduler

    problem = mixture(VPLinear())
    grid = problem.grid("quadratic", 10)
    x = start(problem, PATHS)
    noise = OneNormal(grid, x)
    scheduler = DPMSolverMultistepScheduler(
        algorithm_type="sde-dpmsolver++", solver_type=solver_type, final_sigmas_type="sigma_min"
    )
    theirs = by_diffusers(scheduler, problem, x, grid, noise=noise, patch=monkeypatch.setattr)
    ours = states(DPMpp2MSDE(solver_type=solver_type), problem, x, grid, noise)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


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


def test_the_agreement_can_see_another_normal() -> None:
    problem: ReverseDiffusion = mixture(VPLinear())
    grid = problem.grid("quadratic", 10)
    x = start(problem, PATHS)
    theirs = by_k_diffusion("dpmpp_2m_sde", problem, x, grid, OneNormal(grid, x, seed=8))
    ours = states(DPMpp2MSDE(1.0, False), problem, x, grid, OneNormal(grid, x))
    assert (ours - theirs).abs().max() > 0.1
