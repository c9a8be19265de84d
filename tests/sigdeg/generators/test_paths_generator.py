"""The student of vectors: exact for Gaussian data, and at first an exponential step with its teacher's network."""

from typing import Any

import pytest
import torch

from sigbench.networks.gaussian_edm import GaussianDenoiser, GaussianDenoiserConfig
from sigbench.sde.grid import Step
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.schedule import VPLinear
from sigbench.sigdeg.generators.linear_step import linear_step
from sigbench.sigdeg.generators.paths import PathGenerator, PathGeneratorConfig

NETWORK = GaussianDenoiserConfig((2, 2), width=16, depth=2, condition=8)
SCHEDULE = VPLinear()
COVARIANCE = torch.tensor([[4.0, 1, 0, 0], [1, 1, 0.2, 0], [0, 0.2, 0.5, 0], [0, 0, 0, 0.01]])


def teacher() -> GaussianDenoiser:
    torch.manual_seed(0)
    module = GaussianDenoiser(NETWORK)
    module.use_covariance(COVARIANCE)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module.eval().requires_grad_(False)


def student(order: int, **parts: Any) -> PathGenerator:
    module = PathGeneratorConfig(order=order, schedule=SCHEDULE.name, denoiser=NETWORK, **parts).network(SCHEDULE)
    module.start_from(teacher().state_dict())
    return module.eval().requires_grad_(False)


def test_an_untrained_student_is_exact_for_gaussian_data() -> None:
    """From the marginal at t of Gaussian data a step leads to the marginal at t′, up to what the signature leaves."""
    module = student(4).double()
    start, end = 0.5, 0.6
    t, t_next = SCHEDULE.t_start - start, SCHEDULE.t_start - end
    row = module.coefficients([Step(0, start, end)], torch.float64)
    decay, _, _, _, loadings = module._parts(row)
    for k, std in enumerate(module.stds.double().tolist()):
        before, after = ((SCHEDULE.alpha(u) * std) ** 2 + SCHEDULE.sigma(u) ** 2 for u in (t, t_next))
        lost = linear_step(SCHEDULE, t, t_next, std, 4).lost_variance
        found = float(decay[0, k]) ** 2 * before + float(loadings[0, :, k].square().sum()) + lost
        assert found == pytest.approx(float(after), rel=1e-6)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_it_starts_as_an_exponential_step_with_the_teacher_s_network(order: int) -> None:
    ours, theirs = student(order).double(), teacher().double()
    rows = ours.coefficients(diffusion_grid("quadratic", 5, SCHEDULE), torch.float64)
    x, whitened = torch.randn(6, 2, 2, dtype=torch.float64), torch.randn(6, order, 2, 2, dtype=torch.float64)
    times = list(diffusion_grid("quadratic", 5, SCHEDULE))
    for step, row in zip(times, rows.split(1), strict=True):
        t, t_next = SCHEDULE.t_start - step.start, SCHEDULE.t_start - step.end
        alpha, sigma = float(SCHEDULE.alpha(t)), torch.tensor([float(SCHEDULE.sigma(t) / SCHEDULE.alpha(t))]).double()
        estimate = theirs(x / alpha, sigma, compute=torch.float64)
        stds = theirs.stds.double()
        gaussian = theirs.rotated_back(stds**2 / (stds**2 + sigma**2) * theirs.rotated(x / alpha))
        change = float(SCHEDULE.log_snr(t) - SCHEDULE.log_snr(t_next))
        weight = float(SCHEDULE.alpha(t_next)) * (1 - torch.tensor(2.0 * change).double().exp())
        linear = ours(x, whitened, row, compute=torch.float64) - weight * (estimate - gaussian)
        decay, _, _, _, loadings = ours._parts(row)
        expected = ours.rotated_back(decay * ours.rotated(x) + (loadings * ours.rotated(whitened)).sum(1))
        torch.testing.assert_close(linear, expected, rtol=1e-5, atol=1e-6)


def test_rows_of_many_steps_and_of_one_agree() -> None:
    module = student(2)
    rows = module.coefficients([Step(0, 0.1, 0.3), Step(0, 0.5, 0.9)])
    x, whitened = torch.randn(2, 2, 2), torch.randn(2, 2, 2, 2)
    both = module(x, whitened, rows)
    for k in (0, 1):
        torch.testing.assert_close(module(x[k : k + 1], whitened[k : k + 1], rows[k : k + 1])[0], both[k])


def test_the_error_is_in_units_of_what_the_network_adds() -> None:
    module = student(2)
    row = module.coefficients([Step(0, 0.4, 0.6)])
    x, whitened = torch.randn(3, 2, 2), torch.randn(3, 2, 2, 2)
    reached = module(x, whitened, row)
    assert float(module.error(reached, reached, row).abs().max()) < 1e-8
    moved = module.rotated_back(module.rotated(reached) + module._parts(row)[1])
    found = module.error(reached, moved, row).square().mean(1)
    torch.testing.assert_close(found, torch.ones(3), rtol=1e-3, atol=1e-3)


def test_with_the_identity_for_base_it_starts_where_it_stands() -> None:
    module = student(2, base="identity")
    rows = module.coefficients(diffusion_grid("quadratic", 3, SCHEDULE))
    x, whitened = torch.randn(4, 2, 2), torch.randn(4, 2, 2, 2)
    for row in rows.split(1):
        torch.testing.assert_close(module(x, whitened, row), x)
    torch.nn.init.ones_(module.network.last.weight)
    moved = module.rotated(module(x, whitened, rows[:1]) - x)
    t = SCHEDULE.t_start - diffusion_grid("quadratic", 3, SCHEDULE).times[1]
    scale = ((SCHEDULE.alpha(t) * module.stds) ** 2 + SCHEDULE.sigma(t) ** 2).sqrt().float()
    output = moved / scale
    torch.testing.assert_close(output, output[:, :1].expand(-1, 4), rtol=1e-3, atol=1e-3)


def test_memory_is_read_and_starts_unheard() -> None:
    module, plain = student(2, memory=2), student(2)
    row = module.coefficients([Step(0, 0.4, 0.6)])
    x, whitened = torch.randn(3, 2, 2), torch.randn(3, 2, 2, 2)
    earlier = [torch.randn(3, 2, 2) for _ in range(2)]
    torch.testing.assert_close(module(x, whitened, row, earlier=earlier), plain(x, whitened, row))
    torch.nn.init.normal_(module.network.first.weight)
    heard = module(x, whitened, row, earlier=earlier)
    assert not torch.allclose(heard, module(x, whitened, row, earlier=[earlier[1], earlier[0]]))
