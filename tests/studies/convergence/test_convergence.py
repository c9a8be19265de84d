"""The laboratory finds the orders that theory gives, and convicts schemes that are broken."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

import sigbench.studies.convergence.passes as passing
import sigbench.studies.convergence.plan as planning
from sigbench.errors import BadInput
from sigbench.registry import make_sampler, make_task
from sigbench.sampler import Calculus, Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid, Step, uniform_grid
from sigbench.sde.noise import NoiseStream
from sigbench.sde.path import BrownianPath
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sde.signature import PartialSignature, signature_of_normals
from sigbench.studies.convergence.chunks import _chunk, run_pass
from sigbench.studies.convergence.coupled import Walker, walk_together
from sigbench.studies.convergence.nested import NestedPath, clock_of, nested_grids
from sigbench.studies.convergence.passes import ConvergenceSettings
from sigbench.studies.convergence.plan import plan_study
from sigbench.studies.convergence.references import ExactFlow, ExactPath, FlowRK4
from sigbench.studies.convergence.result import Orders
from sigbench.studies.convergence.study import measure_study
from sigbench_tasks.linear.problem import OrnsteinUhlenbeck

CPU = torch.device("cpu")


def study(task: str, *samplers: str, paths: int = 2000, levels: int = 5, **options: object) -> list[Orders]:
    """The results of a small study."""
    settings = ConvergenceSettings(task, samplers, paths=paths, levels=levels, **options)  # type: ignore[arg-type]
    return list(measure_study(plan_study(settings)))


class BrokenShARK(Sampler):
    """ShARK with its first weight wrong: 0.5 in the place of 0.4, the sum of weights still 1."""

    name, citation, family = "broken-shark", "none", "sde"
    strong_order, weak_order, signature_order, nfe_per_step = 1.5, 2.0, 2, 2

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            s, h = step.start, step.h
            signature = brownian.signature(step, 2)
            w, area = signature.increment, signature.space_time_area
            g, g_end = problem.diffusion(s, x), problem.diffusion(step.end, x)
            k1 = problem.drift(s, x + g * area)
            k2 = problem.drift(s + 5 / 6 * h, x + (5 / 6 * h) * k1 + g * (5 / 6 * w + area))
            x = x + h * (0.5 * k1 + 0.5 * k2) + g * w + (g_end - g) * (0.5 * w - area)
            yield x


class HalfNoise(Sampler):
    """Euler–Maruyama with half the noise: it converges at its rate, to another equation's solution."""

    name, citation, family = "half-noise", "none", "sde"
    strong_order, strong_order_general, weak_order = 1.0, 0.5, 1.0

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            g = problem.diffusion(step.start, x)
            x = x + step.h * problem.drift(step.start, x) + 0.5 * g * brownian.signature(step).increment
            yield x


class WrongCalculus(Sampler):
    """Stochastic Heun fed with the Itô drift, as if the equation were Stratonovich's."""

    name, citation, family = "wrong-calculus", "none", "sde"
    calculus: ClassVar[Calculus] = "stratonovich"
    strong_order, strong_order_general, nfe_per_step = 1.0, 1.0, 2

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            h, w = step.h, brownian.signature(step).increment
            f, g = problem.drift(step.start, x), problem.diffusion(step.start, x)
            guess = x + h * f + g * w
            x = x + 0.5 * h * (f + problem.drift(step.end, guess)) + 0.5 * (g + problem.diffusion(step.end, guess)) * w
            yield x


def known_as(monkeypatch: pytest.MonkeyPatch, classes: Mapping[str, type[Sampler]]) -> None:
    """Lets the laboratory find samplers of this file by name."""

    def make(spec: str) -> Sampler:
        return classes[spec]() if spec in classes else make_sampler(spec)

    monkeypatch.setattr(planning, "make_sampler", make)
    monkeypatch.setattr(passing, "make_sampler", make)
    monkeypatch.setattr("sigbench.studies.convergence.study.make_sampler", make)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    known_as(monkeypatch, {cls.name: cls for cls in (BrokenShARK, HalfNoise, WrongCalculus)})


def paths_on(problem: SDEProblem, fine: Grid, coarsest: int, seed: int, count: int, order: int = 2) -> NestedPath:
    """Paths on the grids from `coarsest` steps to `fine`."""
    noise = NoiseStream(seed, problem.shape, dtype=torch.float64)
    return NestedPath(nested_grids(fine, coarsest), order, noise, 0, count)


def self_rate(sampler: Sampler, task: str, paths: int = 2000) -> float:
    """The slope of the differences between a sampler's neighbouring levels on one path: the rate against itself."""
    problem = make_task(task).problem(CPU, torch.float64)
    walkers = [Walker(str(n), sampler, n) for n in (16, 32, 64, 128, 256)]
    x = problem.initial(NoiseStream(1, problem.shape, dtype=torch.float64).normal(0, paths, 0))
    for _ in walk_together(problem, walkers, paths_on(problem, uniform_grid(256, problem.horizon), 16, 2, paths), x):
        pass
    gaps = [float((a.state - b.state).abs().mean()) for a, b in pairwise(walkers)]
    return float(np.polyfit(np.log([1 / 16, 1 / 32, 1 / 64, 1 / 128]), np.log(gaps), 1)[0])


class ExponentialEuler(Sampler):
    """The exact step of `ou` by a functional of the path: x ↦ m + (x − m)e^{−rh} + σ·∫e^{−r(t−u)} dW_u."""

    name, citation, family, strong_order, weak_order = "exponential", "none", "sde", 1.0, 1.0

    def __init__(self, moments: int = 1) -> None:
        self.signature_order = moments

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        assert isinstance(problem, OrnsteinUhlenbeck)
        for step in grid:
            noise = brownian.functional(step, lambda u, end=step.end: np.exp(problem.rate * (u - end)))
            x = problem.level + (x - problem.level) * np.exp(-problem.rate * step.h) + problem.volatility * noise
            yield x


class Listener(Sampler):
    """Keeps the moments of every step that it is handed."""

    name, citation, family, signature_order = "listener", "none", "sde", 3

    def __init__(self) -> None:
        self.seen: dict[int, list[Tensor]] = {}

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            self.seen.setdefault(grid.steps, []).append(torch.stack(brownian.signature(step, 3).moments))
            yield x


def heard_on(grid: Grid, coarsest: int) -> dict[int, list[Tensor]]:
    """The moments of all steps of all grids from `coarsest` steps to `grid`."""
    problem = make_task("ou").problem(CPU, torch.float64)
    listener = Listener()
    path = paths_on(problem, grid, coarsest, 5, 3, order=3)
    walkers = [Walker(str(g.steps), listener, g.steps) for g in path.grids]
    arrivals = list(walk_together(problem, walkers, path, torch.zeros(3, 1, dtype=torch.float64)))
    assert arrivals == list(range(coarsest))
    return listener.seen


@pytest.mark.parametrize("grid", [uniform_grid(16, 1.0), Grid("bent", tuple((np.arange(17) / 16) ** 2.0))])
def test_fine_signatures_fold_to_those_of_every_coarser_level(grid: Grid) -> None:
    seen = heard_on(grid, 4)
    lengths = {g.steps: [step.h for step in g] for g in nested_grids(grid, 4)}
    for steps in (4, 8):
        for index, whole in enumerate(seen[steps]):
            parts = [
                PartialSignature(lengths[2 * steps][i], tuple(seen[2 * steps][i])) for i in (2 * index, 2 * index + 1)
            ]
            folded = torch.stack(parts[0].then(parts[1]).moments)
            torch.testing.assert_close(folded, whole, rtol=1e-10, atol=1e-13)


def test_more_levels_refine_the_same_path() -> None:
    shallow, deep = heard_on(uniform_grid(8, 1.0), 4), heard_on(uniform_grid(32, 1.0), 4)
    for steps, signatures in shallow.items():
        for mine, theirs in zip(signatures, deep[steps], strict=True):
            assert torch.equal(mine, theirs)


def test_the_path_is_the_suite_s_own_on_the_levels_clock() -> None:
    """`BrownianPath` on the clock whose cells are the steps, with the same noise: the same bits at every level."""
    fine = uniform_grid(24, 1.0)
    grids, noise = nested_grids(fine, 6), NoiseStream(5, (1,), dtype=torch.float64)
    mine = NestedPath(grids, 3, noise, 2, 4)
    theirs = BrownianPath(clock_of(grids), 3, noise).on(fine, 2, 4)
    for depth, grid in enumerate(grids):
        for step in grid:
            for one, other in zip(mine.whitened(depth, step.index), theirs.whitened(step, 3), strict=True):
                assert torch.equal(one, other)


def test_known_steps_are_kept_and_refined_afresh() -> None:
    grids, noise = nested_grids(uniform_grid(8, 1.0), 2), NoiseStream(5, (1,), dtype=torch.float64)
    path = NestedPath(grids, 2, noise, 0, 3)
    known = {(depth, i): path.whitened(depth, i) for depth in (0, 1) for i in range(grids[depth].steps)}
    again = NestedPath(grids, 2, NoiseStream(6, (1,), dtype=torch.float64), 0, 3, known)
    for (depth, index), moments in known.items():
        assert all(map(torch.equal, again.whitened(depth, index), moments))
    parts = [PartialSignature(1.0, tuple(_raw(again.whitened(2, i)))) for i in (2, 3)]
    folded = parts[0].then(parts[1]).moments
    torch.testing.assert_close(torch.stack(folded), torch.stack(_raw(known[1, 1], 2.0)))
    assert not torch.equal(again.whitened(2, 2)[0], path.whitened(2, 2)[0])


def _raw(whitened: Sequence[Tensor], h: float = 1.0) -> list[Tensor]:
    return list(signature_of_normals(whitened, h).moments)


def test_refined_increments_are_independent_and_of_the_right_variance() -> None:
    """Over 20,000 paths every entry of the covariance of 8 increments lies within 5 standard errors."""
    problem = make_task("ou").problem(CPU, torch.float64)
    path = paths_on(problem, uniform_grid(8, 1.0), 2, 11, 20_000)
    finest: list[Tensor] = []
    for _ in walk_together(
        problem,
        [],
        path,
        torch.zeros(20_000, 1, dtype=torch.float64),
        lambda depth, index, whitened: finest.append(whitened[0][:, 0]) if depth == 2 else None,
    ):
        pass
    covariance = np.cov(torch.stack(finest).numpy())
    np.testing.assert_allclose(covariance, np.eye(8), atol=5 * np.sqrt(2 / 20_000))


def test_a_walker_that_looks_ahead_is_refused() -> None:
    class Seer(Sampler):
        name, citation, family = "seer", "none", "sde"

        def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
            brownian.signature(Step(1, grid.times[1], grid.times[2]))
            yield x

    problem = make_task("ou").problem(CPU, torch.float64)
    path = paths_on(problem, uniform_grid(4, 1.0), 4, 5, 2)
    walk = walk_together(problem, [Walker("s", Seer(), 4)], path, torch.zeros(2, 1, dtype=torch.float64))
    with pytest.raises(BadInput, match="noise of step 1 during step 0"):
        next(walk)


@pytest.mark.parametrize("task", ["ou", "gbm"])
def test_the_exact_path_does_not_depend_on_the_steps(task: str) -> None:
    problem = make_task(task).problem(CPU, torch.float64)
    walkers = [Walker(str(n), ExactPath(problem, uniform_grid(n, 1.0)), n) for n in (64, 32, 16)]
    order = max(walker.sampler.signature_order for walker in walkers)
    x = problem.initial(torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None])
    for _ in walk_together(problem, walkers, paths_on(problem, uniform_grid(64, 1.0), 16, 3, 50, order), x):
        pass
    for walker in walkers[1:]:
        torch.testing.assert_close(walker.state, walkers[0].state, rtol=0, atol=1e-13)


@pytest.mark.slow
def test_orders_on_gbm() -> None:
    euler, milstein, srk = study("gbm", "euler-maruyama", "milstein", "torchsde-srk", paths=4000)
    for result, order in ((euler, 0.5), (milstein, 1.0), (srk, 1.5)):
        # One interval in twenty misses, so the verdict may be "not-resolved" here, but never "disagrees".
        assert result.strong.verdict != "disagrees"
        assert result.strong.order == pytest.approx(order, abs=0.06)
        assert result.reference.kind == "exact path"
        assert result.reference.error < 1e-13
        assert all(abs(z) < 4 for z in result.reference.exact_expectation_z.values())


def test_orders_on_ou() -> None:
    euler, shark = study("ou", "euler-maruyama", "shark", paths=4000)
    assert euler.strong.order == pytest.approx(1.0, abs=0.05)
    assert euler.weak.order == pytest.approx(1.0, abs=0.1)
    # Linear drift and constant noise hide ShARK's leading error: it is faster than its 3/2, and said to be.
    assert shark.strong.order == pytest.approx(2.0, abs=0.06)
    assert (shark.strong.from_steps, shark.strong.to_steps) == (64, 512)
    assert shark.strong.verdict == "agrees"
    assert "faster than declared" in shark.strong.advice
    assert shark.weak.order == pytest.approx(2.0, abs=0.15)
    assert [level.nfe for level in shark.strong.levels] == [64, 128, 256, 512, 1024]


def test_a_wrong_coefficient_in_shark_disagrees(broken: None) -> None:
    (result,) = study("ou", "broken-shark")
    assert result.strong.verdict == "disagrees"
    assert result.strong.order == pytest.approx(1.0, abs=0.15)


def test_half_the_noise_keeps_its_rate_and_disagrees(broken: None) -> None:
    assert self_rate(HalfNoise(), "ou") == pytest.approx(1.0, abs=0.05)
    (result,) = study("ou", "half-noise")
    assert result.strong.verdict == "disagrees"
    assert result.strong.order == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("moments", [1, 2])
def test_a_functional_shares_the_path_up_to_the_declared_moments(moments: int) -> None:
    """What the step's moments do not know of the functional is a draw of its own, of h^(moments + ½) a step."""
    assert self_rate(ExponentialEuler(moments), "ou") == pytest.approx(moments, abs=0.05)


@pytest.mark.slow
def test_the_wrong_calculus_converges_to_the_wrong_limit(broken: None) -> None:
    """Fed with the Itô drift, Heun goes at its rate to x₀·exp(μs + σW), which is not Itô's solution."""
    assert self_rate(WrongCalculus(), "gbm") == pytest.approx(1.0, abs=0.1)
    right, wrong = study("gbm", "stochastic-heun", "wrong-calculus", paths=8000)
    assert right.strong.order == pytest.approx(1.0, abs=0.06)
    assert wrong.strong.verdict == "disagrees"
    assert wrong.strong.order == pytest.approx(0.0, abs=0.1)
    problem = make_task("gbm").problem(CPU, torch.float64)
    walkers = [Walker("w", WrongCalculus(), 512), Walker("e", ExactPath(problem, uniform_grid(512, 1.0)), 512)]
    x = torch.ones(500, 1, dtype=torch.float64)
    for _ in walk_together(problem, walkers, paths_on(problem, uniform_grid(512, 1.0), 512, 9, 500), x):
        pass
    ratio = walkers[0].state / walkers[1].state
    assert float(ratio.mean()) == pytest.approx(np.exp(0.5 * problem.volatility**2), rel=1e-3)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_torchsde_stratonovich_solvers_get_their_drift() -> None:
    for result in study("gbm", "torchsde-heun", "torchsde-midpoint", "torchsde-reversible-heun", paths=4000):
        assert result.strong.order == pytest.approx(1.0, abs=0.06)
        assert result.strong.verdict != "disagrees"


def test_deterministic_samplers_against_the_exact_flow() -> None:
    ddim, heun = study("gmm", "ddim", "heun", paths=8192, levels=5, coarsest=16)
    for result, order in ((ddim, 1.0), (heun, 2.0)):
        assert result.strong.verdict == "agrees"
        assert result.strong.order == pytest.approx(order, abs=0.1)
    assert ddim.reference.kind.startswith("exact flow, by distribution functions")
    assert ddim.reference.error < 1e-7


def test_the_exact_flow_is_that_of_a_fine_rule() -> None:
    task = make_task("gmm")
    problem = task.problem(CPU, torch.float64)
    fine = problem.grid("uniform", 512)
    walkers = [Walker("exact", ExactFlow(task.truth()), 16), Walker("rk4", FlowRK4(), 512)]  # type: ignore[arg-type]
    x = problem.initial(torch.linspace(-4, 4, 101, dtype=torch.float64)[:, None])
    for _ in walk_together(problem, walkers, paths_on(problem, fine, 16, 1, 101, 1), x):
        torch.testing.assert_close(walkers[0].state, walkers[1].state, rtol=0, atol=2e-6)


class AdamsBashforth2(Sampler):
    """x′ = x + h·(3/2·f − 1/2·f₋₁) on the flow: its first step is Euler's, of error h², so that the order is 2."""

    name, citation, family, needs = "ab2", "Bashforth & Adams 1883", "ode", "denoiser"
    strong_order, weak_order, signature_order = 2.0, 2.0, 0

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        assert isinstance(problem, ReverseDiffusion)
        before: Tensor | None = None
        for step in grid:
            slope = problem.probability_flow(step.start, x)
            x = x + step.h * (slope if before is None else 1.5 * slope - 0.5 * before)
            before = slope
            yield x


@pytest.mark.slow
def test_a_multistep_sampler_keeps_its_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among other walkers and levels it ends where a plain walk of its grid ends, and its order is 2.

    Its first step is of lower order: one Euler step of error h², which leaves the order as it is.
    """
    problem = make_task("gmm").problem(CPU, torch.float64)
    x, fine = torch.linspace(-2, 2, 7, dtype=torch.float64)[:, None], problem.grid("uniform", 64)
    walkers = [Walker(str(n), AdamsBashforth2(), n) for n in (16, 32, 64)]
    path = paths_on(problem, fine, 16, 1, 7)
    for _ in walk_together(problem, walkers, path, x):
        pass
    for walker, grid in zip(walkers, path.grids, strict=True):
        alone = list(AdamsBashforth2().walk(problem, x, grid, path))  # type: ignore[arg-type]
        assert torch.equal(walker.state, alone[-1])
    known_as(monkeypatch, {"ab2": AdamsBashforth2})
    (result,) = study("gmm", "ab2", paths=8192, levels=5, coarsest=32)
    assert result.strong.order == pytest.approx(2.0, abs=0.06)
    assert result.strong.verdict != "disagrees"
    assert [level.nfe for level in result.strong.levels] == [32, 64, 128, 256, 512]


@pytest.mark.slow
def test_orders_on_gmm() -> None:
    names = ("euler-maruyama", "sea", "shark", "sra1", "stochastic-heun", "taylor15")
    for result in study("gmm", *names, paths=4096, levels=6):
        assert result.strong.verdict == "agrees", result.sampler
        assert result.strong.half_width is not None and result.strong.half_width < 0.2
        assert result.candidates == 64 * 4096


def test_the_supremum_is_no_less_than_the_end() -> None:
    (end,), (sup,) = (study("ou", "euler-maruyama", levels=3, sup=sup) for sup in (False, True))
    for at_end, over_all in zip(end.strong.levels, sup.strong.levels, strict=True):
        assert over_all.error > at_end.error


@pytest.mark.slow
def test_float32_shows_its_floor() -> None:
    (single,), (double,) = (study("ou", "shark", levels=6, dtype=dtype) for dtype in ("float32", "float64"))
    assert double.reference.error < 1e-13 < 1e-8 < single.reference.error
    # At most four levels count; in float32 the finest are hidden by the reference's own rounding.
    finest = [max(level.steps for level in found.strong.levels if level.used) for found in (single, double)]
    assert finest[0] < finest[1]


def test_results_do_not_depend_on_chunks_or_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_study(ConvergenceSettings("ou", ("euler-maruyama",), paths=6000, levels=3))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = run_pass(plan, plan.plans[0])
        torch.set_num_threads(2)
        together = run_pass(plan, plan.plans[0])
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setattr("sigbench.studies.convergence.chunks.CHUNK", 1500)
    chunked = run_pass(plan, plan.plans[0])
    for key, sums in alone.errors.items():
        np.testing.assert_array_equal(sums, together.errors[key])
        np.testing.assert_allclose(sums, chunked.errors[key], rtol=1e-9, atol=1e-12)


def test_the_same_seed_gives_the_same_order_and_another_seed_another() -> None:
    first, again, other = (study("ou", "euler-maruyama", levels=3, seed=seed)[0].strong.order for seed in (0, 0, 1))
    assert first == again != other


def test_a_diverging_sampler_is_reported_and_not_fitted(broken: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HalfNoise, "walk", lambda self, problem, x, grid, brownian: (x / 0 for _ in grid))
    (result,) = study("ou", "half-noise", levels=3)
    assert result.strong.verdict == "not-resolved"
    assert {level.reason for level in result.strong.levels} == {"diverged"}
    assert result.strong.from_steps is result.strong.to_steps is None


class Raises(Sampler):
    """Fails at its third step."""

    name, citation, family, strong_order, weak_order = "raises", "none", "sde", 1.0, 1.0

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        yield x
        yield x
        raise ZeroDivisionError("by the third step")


class Ends(Raises):
    """Forgets its last steps."""

    name = "ends"

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        yield x


class Infinite(Raises):
    """Sends one path to infinity."""

    name = "infinite"

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for _ in grid:
            x = x.clone()
            x[0] = torch.inf
            yield x


@pytest.mark.parametrize(
    ("sampler", "words"), [(Raises, "ZeroDivisionError: by the third step"), (Ends, "ended after 1 of"), (Infinite, "")]
)
def test_a_sampler_that_fails_ends_no_study(
    sampler: type[Sampler], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_as(monkeypatch, {"faulty": sampler})
    faulty, sound = study("ou", "faulty", "euler-maruyama", levels=3)
    assert words in faulty.failure
    for order in (faulty.strong, faulty.strong_rms, faulty.weak):
        assert order.verdict == "not-resolved"
        assert {level.reason for level in order.levels} == {"diverged"}
        assert "diverges" in order.advice
    assert sound.failure == ""
    assert sound.strong.verdict == "agrees"


def test_thinned_paths_belong_to_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for more paths adds chunks, and leaves the paths of the first chunks as they were."""
    monkeypatch.setattr("sigbench.studies.convergence.chunks.THINNED", 1024)
    monkeypatch.setattr("sigbench.studies.convergence.thinning.CANDIDATES", 4)
    monkeypatch.setattr("sigbench.studies.convergence.chunks.CANDIDATES", 4)
    options = {"levels": 3, "coarsest": 8}
    few, many = (
        plan_study(ConvergenceSettings("gmm", ("euler-maruyama",), paths=paths, **options))  # type: ignore[arg-type]
        for paths in (1024, 2048)
    )
    first = _chunk(few, few.plans[0], few.task.problem(CPU, torch.float64), 0, 1024)
    again = _chunk(many, many.plans[0], many.task.problem(CPU, torch.float64), 0, 1024)
    for key, sums in first.errors.items():
        np.testing.assert_array_equal(sums, again.errors[key])


def test_a_task_without_a_reference_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SDEProblem, "exact_order", lambda self, h: None)
    from sigbench_tasks.linear.problem import GeometricBrownianMotion

    monkeypatch.setattr(GeometricBrownianMotion, "exact_order", lambda self, h: None)
    with pytest.raises(BadInput, match="'gbm' has no reference"):
        plan_study(ConvergenceSettings("gbm", ("milstein",)))


def test_every_sampler_is_measured_or_left_out_with_a_reason() -> None:
    from sigbench.registry import sampler_names

    for task in ("gmm", "ou", "gbm"):
        plan = plan_study(ConvergenceSettings(task))
        measured = {spec for part in plan.plans for spec in part.samplers}
        left = {out.sampler: out.reason for out in plan.left_out}
        assert measured | set(left) == set(sampler_names())
        assert not measured & set(left)
        assert all(left.values())
