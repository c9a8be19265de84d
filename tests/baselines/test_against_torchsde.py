"""Our schemes and torchsde's on the same Brownian path, and our loop against torchsde's public `sdeint`."""

from collections.abc import Callable

import pytest
import torch
import torchsde
from torch import Tensor
from walking import DyadicVP, GeometricBrownianMotion, mixture, path, start, states

from sigbench.errors import BadInput
from sigbench.sampler import Sampler
from sigbench.sde.brownian import FreshBrownian
from sigbench.sde.grid import Grid, uniform_grid
from sigbench.sde.problem import SDEProblem
from sigbench.sde.schedule import VPLinear
from sigbench_baselines.euler import EulerMaruyama, Milstein
from sigbench_baselines.sra1 import SRA1
from sigbench_baselines.torchsde import (
    BrownianAdapter,
    TorchsdeEuler,
    TorchsdeHeun,
    TorchsdeMidpoint,
    TorchsdeMilstein,
    TorchsdeReversibleHeun,
    TorchsdeSRK,
)

PATHS = 1000
TWINS = [
    (EulerMaruyama(), TorchsdeEuler()),
    (EulerMaruyama(), TorchsdeMilstein()),
    (Milstein(), TorchsdeMilstein()),
    (SRA1(), TorchsdeSRK()),
]
ADDITIVE = [
    (TorchsdeEuler(), "euler", "ito"),
    (TorchsdeMilstein(), "milstein", "ito"),
    (TorchsdeSRK(), "srk", "ito"),
    (TorchsdeHeun(), "heun", "stratonovich"),
    (TorchsdeMidpoint(), "midpoint", "stratonovich"),
    (TorchsdeReversibleHeun(), "reversible_heun", "stratonovich"),
    (EulerMaruyama(), "euler", "ito"),
    (SRA1(), "srk", "ito"),
]


def name_of(value: object) -> str:
    return value.name if isinstance(value, Sampler) else str(value)


@pytest.mark.parametrize("grid_name", ["uniform", "quadratic", "karras"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(("ours", "theirs"), TWINS, ids=name_of)
def test_twins_walk_the_same_path(ours: Sampler, theirs: Sampler, dtype: torch.dtype, grid_name: str) -> None:
    problem = mixture(VPLinear(), dtype)
    grid = problem.grid(grid_name, 40)
    brownian, x = path(grid, PATHS, dtype=dtype), start(problem, PATHS, dtype=dtype)
    a, b = (states(sampler, problem, x, grid, brownian) for sampler in (ours, theirs))
    assert a.dtype == b.dtype == dtype
    gap = (a - b).abs()
    if dtype == torch.float64:
        assert gap.max() < 1e-10
    else:  # a path at the watershed of two modes amplifies a rounding: few do
        assert gap.flatten().quantile(0.999) < 1e-5
        assert gap.max() < 1e-3


@pytest.mark.parametrize(("ours", "theirs"), TWINS[:1] + TWINS[2:3], ids=name_of)
def test_twins_agree_on_diagonal_noise(ours: Sampler, theirs: Sampler) -> None:
    problem, grid = GeometricBrownianMotion(), uniform_grid(32, 1.0)
    brownian, x = path(grid, PATHS), start(problem, PATHS)
    a, b = (states(sampler, problem, x, grid, brownian) for sampler in (ours, theirs))
    torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


class PublicEquation:
    """A problem as a user of torchsde would write it, on the line."""

    def __init__(self, problem: SDEProblem, sde_type: str) -> None:
        self.problem, self.sde_type = problem, sde_type
        self.noise_type = problem.noise_type

    def f(self, t: Tensor, y: Tensor) -> Tensor:
        return self.problem.drift(float(t), y)

    def g(self, t: Tensor, y: Tensor) -> Tensor:
        g = self.problem.diffusion(float(t), y)
        return g if isinstance(g, Tensor) else torch.full((len(y), 1, 1), g, dtype=y.dtype)


class PublicPath:
    """Answers torchsde's requests for noise over the steps of a grid."""

    levy_area_approximation = "space-time"

    def __init__(self, brownian: FreshBrownian, grid: Grid, count: int) -> None:
        self.brownian, self.shape = brownian, (count, 1)
        self.steps = {(step.start, step.end): step for step in grid}

    def __call__(self, ta: Tensor, tb: Tensor, return_U: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        signature = self.brownian.signature(self.steps[float(ta), float(tb)], 2)
        return (signature.increment, signature.time_integral) if return_U else signature.increment


def by_sdeint(problem: SDEProblem, x: Tensor, grid: Grid, brownian: FreshBrownian, method: str, kind: str) -> Tensor:
    """Returns the states that torchsde's public entry point gives at the grid's times."""
    times = torch.tensor(grid.times, dtype=torch.float64)
    bm = PublicPath(brownian, grid, len(x))
    step = grid.times[1] - grid.times[0]
    with torch.no_grad():
        found: Tensor = torchsde.sdeint(PublicEquation(problem, kind), x, times, bm=bm, method=method, dt=step)
    return found[1:]


@pytest.mark.parametrize(("sampler", "method", "kind"), ADDITIVE, ids=name_of)
def test_the_loop_is_sdeint_on_the_mixture(sampler: Sampler, method: str, kind: str) -> None:
    problem = mixture(DyadicVP())
    grid = problem.grid("uniform", 64)
    brownian, x = path(grid, PATHS), start(problem, PATHS)
    ours = states(sampler, problem, x, grid, brownian)
    torch.testing.assert_close(ours, by_sdeint(problem, x, grid, brownian, method, kind), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("sampler", "method", "kind"), ADDITIVE[:3], ids=name_of)
def test_the_loop_is_sdeint_on_diagonal_noise(sampler: Sampler, method: str, kind: str) -> None:
    problem, grid = GeometricBrownianMotion(), uniform_grid(64, 1.0)
    brownian, x = path(grid, PATHS), start(problem, PATHS)
    ours = states(sampler, problem, x, grid, brownian)
    torch.testing.assert_close(ours, by_sdeint(problem, x, grid, brownian, method, kind), rtol=0, atol=1e-10)


@pytest.mark.parametrize("make", [TorchsdeHeun, TorchsdeMidpoint, TorchsdeReversibleHeun])
def test_stratonovich_solvers_find_the_ito_solution_of_diagonal_noise(make: Callable[[], Sampler]) -> None:
    """They get the Stratonovich drift: with the Itô drift they would end elsewhere, by more than the tolerance."""
    problem, grid = GeometricBrownianMotion(), uniform_grid(256, 1.0)
    brownian, x = path(grid, 64), start(problem, 64)
    found, ito = (states(s, problem, x, grid, brownian)[-1] for s in (make(), TorchsdeMilstein()))
    gap = float((found / ito - 1).abs().mean())
    assert gap < 0.02


def test_the_adapter_knows_only_the_current_step() -> None:
    """Noise over any other interval, and Lévy areas between coordinates, are refused by name."""
    grid = uniform_grid(4, 1.0)
    first, second = list(grid)[:2]
    adapter = BrownianAdapter(path(grid, 8), (8, 1), 2)
    adapter.step = first
    ends = [torch.tensor(time, dtype=torch.float64) for time in grid.times]
    increment, area = adapter(ends[0], ends[1], return_U=True)
    assert increment.shape == area.shape == (8, 1)
    for ta, tb in ((ends[1], ends[2]), (ends[0], ends[2]), (ends[0], 0.5 * ends[1])):
        with pytest.raises(BadInput, match="over the current step"):
            adapter(ta, tb)
    with pytest.raises(BadInput, match="over the current step"):
        adapter(ends[0], ends[1], return_A=True)
    adapter.step = second
    assert adapter(ends[1], ends[2]).shape == (8, 1)


def test_the_adapter_gives_torchsdes_own_noise() -> None:
    """The adapter's (W, U) have the covariance of torchsde's own BrownianInterval, 4σ bounds at 20,000 draws.

    Each of the three checks fails by chance with probability below 1e-4.
    """
    n, h = 20_000, 0.25
    grid = uniform_grid(4, 1.0)
    adapter = BrownianAdapter(path(grid, n), (n, 1), 2)
    adapter.step = next(iter(grid))
    ta, tb = (torch.tensor(time, dtype=torch.float64) for time in grid.times[:2])
    own = torchsde.BrownianInterval(
        0.0, 1.0, size=(n, 1), dtype=torch.float64, entropy=5, levy_area_approximation="space-time"
    )
    pairs = [torch.cat(bm(ta, tb, return_U=True), dim=1).T.numpy() for bm in (adapter, own)]
    ours, theirs = (torch.cov(torch.from_numpy(pair)) for pair in pairs)
    exact = torch.tensor([[h, h**2 / 2], [h**2 / 2, h**3 / 3]], dtype=torch.float64)
    scale = torch.sqrt((exact.diag()[:, None] * exact.diag() + exact**2) / n)
    assert ((ours - exact).abs() < 4 * scale).all()
    assert ((theirs - exact).abs() < 4 * scale).all()
