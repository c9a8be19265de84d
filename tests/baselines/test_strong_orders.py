"""Strong orders seen from outside: exact solutions, coupled paths, and what additive noise forbids."""

import pytest
import torch
from torch import Tensor
from walking import GeometricBrownianMotion, coupled_path, mixture, path, slope, start, states

from sigbench.errors import BadInput
from sigbench.sampler import Sampler
from sigbench.sde.grid import Step, uniform_grid
from sigbench.sde.schedule import VPLinear
from sigbench_baselines.euler import EulerMaruyama, Milstein
from sigbench_baselines.shark import ShARK
from sigbench_baselines.sra1 import SRA1
from sigbench_baselines.torchsde import TorchsdeMilstein, TorchsdeSRK

PATHS = 4000


def root_mean_square(error: Tensor) -> float:
    return float(error.square().mean().sqrt())


def gbm_errors(sampler: Sampler) -> list[float]:
    """Returns the strong errors against the exact solution at 8, 16, … 128 steps of one path."""
    problem = GeometricBrownianMotion()
    brownian = coupled_path(uniform_grid(128, 1.0), PATHS)
    exact = problem.solution(brownian.signature(Step(0, 0.0, 1.0)).increment)
    x = start(problem, PATHS)
    return [
        root_mean_square(states(sampler, problem, x, uniform_grid(steps, 1.0), brownian)[-1] - exact)
        for steps in (8, 16, 32, 64, 128)
    ]


@pytest.mark.parametrize(
    ("sampler", "low", "high"), [(EulerMaruyama(), 0.40, 0.60), (Milstein(), 0.85, 1.15)], ids=["em", "milstein"]
)
def test_orders_on_geometric_brownian_motion(sampler: Sampler, low: float, high: float) -> None:
    """One fixed path set; over other seeds the fitted order has a standard deviation of 0.013, the bounds are wider."""
    errors = gbm_errors(sampler)
    assert errors == sorted(errors, reverse=True)
    assert low < slope(errors) < high


def test_milstein_beats_euler_maruyama_on_diagonal_noise() -> None:
    assert gbm_errors(Milstein())[-1] < 0.25 * gbm_errors(EulerMaruyama())[-1]


def test_torchsde_srk_beats_milstein_on_diagonal_noise() -> None:
    """Order 1.5 against 1, with torchsde's SRID2 on the suite's (ΔW, M₁)."""
    srk = gbm_errors(TorchsdeSRK())
    assert srk[-1] < 0.25 * gbm_errors(Milstein())[-1]
    assert 1.3 < slope(srk) < 1.75


@pytest.mark.parametrize("grid_name", ["uniform", "quadratic"])
def test_milstein_is_euler_maruyama_on_additive_noise(grid_name: str) -> None:
    problem = mixture(VPLinear())
    grid = problem.grid(grid_name, 20)
    brownian, x = path(grid, 500), start(problem, 500)
    a, b = (states(sampler, problem, x, grid, brownian) for sampler in (EulerMaruyama(), Milstein()))
    torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sampler", [Milstein(), TorchsdeMilstein()], ids=lambda sampler: sampler.name)
def test_milstein_differentiates_where_gradients_are_off(sampler: Sampler) -> None:
    """Samplers are walked without gradients; the correction's derivative must not vanish there."""
    problem, grid = GeometricBrownianMotion(), uniform_grid(8, 1.0)
    brownian, x = path(grid, 50), start(problem, 50)
    with torch.no_grad():
        without = states(sampler, problem, x, grid, brownian)
    assert not without.requires_grad
    assert torch.equal(without, states(sampler, problem, x, grid, brownian))


def additive_errors(sampler: Sampler, reference: Sampler) -> list[float]:
    """Returns the median errors on the mixture at 32, 64, 128 steps, against `reference` at 2,048 on the same path.

    The median over paths: a mean would be ruled by the few that pass the watershed of two modes on another side.
    """
    problem, paths = mixture(VPLinear()), 1000
    fine = problem.grid("quadratic", 32).refine(64)
    brownian = coupled_path(fine, paths)
    x = start(problem, paths)
    truth = states(reference, problem, x, fine, brownian)[-1]
    grids = [problem.grid("quadratic", 32).refine(factor) for factor in (1, 2, 4)]
    return [float((states(sampler, problem, x, grid, brownian)[-1] - truth).abs().median()) for grid in grids]


@pytest.fixture(scope="module")
def euler_errors() -> list[float]:
    return additive_errors(EulerMaruyama(), ShARK())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampler", "reference"), [(ShARK(), SRA1()), (SRA1(), ShARK())], ids=lambda sampler: sampler.name
)
def test_signature_schemes_beat_euler_maruyama(sampler: Sampler, reference: Sampler, euler_errors: list[float]) -> None:
    """Against the other scheme as the reference, on one fixed set of paths."""
    errors = additive_errors(sampler, reference)
    assert euler_errors[2] > 15 * errors[2]
    assert 0.85 < slope(euler_errors) < 1.25
    assert 1.35 < slope(errors) < 2.2


@pytest.mark.parametrize("sampler", [ShARK(), SRA1()], ids=lambda sampler: sampler.name)
def test_additive_schemes_refuse_diagonal_noise(sampler: Sampler) -> None:
    problem, grid = GeometricBrownianMotion(), uniform_grid(4, 1.0)
    with pytest.raises(BadInput, match="additive noise, the problem's noise is diagonal"):
        states(sampler, problem, start(problem, 8), grid, path(grid, 8))
