"""The path as other libraries ask for noise: its law, whom it belongs to, and what is refused."""

import pytest
import torch
from walking import path, start

from sigbench.errors import BrokenContract
from sigbench.sde.clock import even_clock
from sigbench.sde.grid import uniform_grid
from sigbench.sde.noise import NoiseStream
from sigbench.sde.path import BrownianPath
from sigbench_baselines.adapters.noise import PathNoiseSampler, PathNormals

N = 40_000
GRID = uniform_grid(3, 1.0)
FIRST, MIDDLE, LAST = GRID
SIGMAS = torch.tensor([8.0, 2.0, 0.5, 0.1], dtype=torch.float64)


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-14)


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a * b).mean())


def test_a_step_has_independent_standard_normals() -> None:
    """5σ bounds at 40,000 draws: 0.025 for a correlation, 0.036 for a variance."""
    step = MIDDLE
    with PathNormals(path(GRID, N), step, 2):
        first, second = torch.randn(N, 1), torch.randn_like(torch.empty(N, 1, dtype=torch.float64))
    close(first, path(GRID, N).signature(step).increment / step.h**0.5)
    for one in (first, second):
        assert correlation(one, one) == pytest.approx(1.0, abs=0.036)
        assert float(one.mean()) == pytest.approx(0.0, abs=0.025)
    assert correlation(first, second) == pytest.approx(0.0, abs=0.025)


def test_diffusers_draws_from_the_path() -> None:
    randn_tensor = pytest.importorskip(
        "diffusers.utils.torch_utils", reason="elsewhere: diffusers is not installed"
    ).randn_tensor
    step = FIRST
    before = torch.get_rng_state()
    with PathNormals(path(GRID, 5), step):
        drawn = randn_tensor((5, 1), generator=torch.Generator(), device=torch.device("cpu"), dtype=torch.float64)
    close(drawn, path(GRID, 5).signature(step).increment / step.h**0.5)
    assert torch.equal(torch.get_rng_state(), before)


def test_outside_of_the_context_torch_draws_as_ever() -> None:
    torch.manual_seed(0)
    wanted = torch.randn(3)
    torch.manual_seed(0)
    with PathNormals(path(GRID, 3), FIRST):
        assert float(torch.ones(2).sum()) == 2.0
    assert torch.equal(torch.randn(3), wanted)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: [torch.randn(4, 1), torch.randn(4, 1)], "drew more than the 1 standard normals"),
        (lambda: torch.randn(4, 2), r"of shape \(4, 2\), and its states have \(4, 1\)"),
        (lambda: torch.randn(size=(1, 4)), r"of shape \(1, 4\)"),
        (lambda: torch.rand(4, 1), "drew by rand"),
        (lambda: torch.empty(4, 1).normal_(), "drew by normal_"),
        (lambda: torch.randint(0, 2, (4, 1)), "drew by randint"),
    ],
)
def test_other_draws_break_the_contract(draw, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BrokenContract, match=message), PathNormals(path(GRID, 4), FIRST):
        draw()


def test_one_that_declares_no_noise_gets_none() -> None:
    with pytest.raises(BrokenContract, match="more than the 0"), PathNormals(path(GRID, 4), FIRST, 0):
        torch.randn(4, 1)


@pytest.mark.parametrize("middle", [7.0, 4.0, 2.1])
def test_within_a_step_it_is_a_brownian_motion_in_sigma(middle: float) -> None:
    """Cov(W_m − W_a, W_b − W_a) = |σ_m − σ_a|, so the correlation is the root of its share of the step."""
    noise = PathNoiseSampler(path(GRID, N), GRID, SIGMAS)
    part, whole = noise(SIGMAS[0], torch.tensor(middle)), noise(SIGMAS[0], SIGMAS[1])
    assert correlation(part, part) == pytest.approx(1.0, abs=0.036)
    assert correlation(part, whole) == pytest.approx(((8.0 - middle) / 6.0) ** 0.5, abs=0.025)


def test_a_step_is_the_paths() -> None:
    noise = PathNoiseSampler(path(GRID, 10), GRID, SIGMAS, order=1)
    for i, step in enumerate(GRID):
        wanted = path(GRID, 10).signature(step).increment / step.h**0.5
        close(noise(SIGMAS[i], SIGMAS[i + 1]), wanted)
        through_its_log = (SIGMAS[i].log().neg().neg().exp(), SIGMAS[i + 1].log().exp())
        close(noise(*through_its_log), wanted)


@pytest.mark.parametrize(
    ("order", "levels"), [(2, (7.0, 2.0)), (2, (8.0, 0.5)), (2, (2.0, 8.0)), (1, (8.0, 4.0)), (2, (0.1, 0.0))]
)
def test_noise_between_other_levels_is_refused(order: int, levels: tuple[float, float]) -> None:
    noise = PathNoiseSampler(path(GRID, 10), GRID, SIGMAS, order)
    with pytest.raises(BrokenContract, match="noise was asked for from the level"):
        noise(*levels)


def test_a_samples_noise_is_the_same_in_every_batch() -> None:
    """What both libraries lack: their noise is the batch's."""

    def drawn(first: int, count: int) -> torch.Tensor:
        source = NoiseStream(5, (1,), dtype=torch.float64)
        on_grid = BrownianPath(even_clock(1.0), 2, source).on(GRID, first, count)
        noise = PathNoiseSampler(on_grid, GRID, SIGMAS)
        with PathNormals(on_grid, LAST, 2):
            normals = [torch.randn(count, 1), torch.randn(count, 1)]
        return torch.cat([noise(8.0, 2.0), noise(8.0, 5.0), *normals], dim=1)

    together = drawn(0, 8)
    torch.testing.assert_close(together[3:5], drawn(3, 2), rtol=0, atol=1e-12)


def test_k_diffusion_walks_the_path_by_it() -> None:
    """Its own function, as its users call it, with the path in its noise sampler's place."""
    from elsewhere import need
    from walking import mixture, states

    from sigbench.registry import make_sampler
    from sigbench.sde.schedule import VE
    from sigbench_baselines.adapters.kdiffusion_loading import sampling

    need("k_diffusion", "torchdiffeq")
    problem = mixture(VE())
    grid, x = problem.grid("log-snr", 5), start(problem, 20)
    times = [problem.time(s) for s in grid.times]
    sigmas = torch.tensor([float(problem.schedule.sigma(t)) for t in times], dtype=torch.float64)

    def model(z: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        at = min(range(len(times)), key=lambda i: abs(float(sigmas[i]) - float(sigma[0])))
        return problem.denoiser.x0(times[at], z)

    noise = PathNoiseSampler(path(grid, 20), grid, sigmas)
    end = sampling().sample_dpmpp_2m_sde(model, x, sigmas, noise_sampler=noise, disable=True)
    wanted = states(make_sampler("kdiffusion:sample_dpmpp_2m_sde"), problem, x, grid, path(grid, 20))[-1]
    torch.testing.assert_close(end, wanted, rtol=0, atol=1e-10)
