"""The line that sets a sampler up in diffusers is run, and its scheduler then makes the sampler's own states."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from elsewhere import need
from walking import start

from sigbench.adapter import Placement
from sigbench.registry import adapter, make_sampler, sampler_names
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.discrete import VPDiscrete, linear_betas
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import Flow

pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers under NumPy 2
SCHEDULE = VPDiscrete(linear_betas(1e-4, 0.02, 1000))
STEPS = [999, 700, 450, 200, 60]
CONFIG = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}


def problem() -> ReverseDiffusion:
    """Data N(1, 0.25) under diffusers' usual schedule, with the exact noise."""

    def eps(t: float, x: torch.Tensor) -> torch.Tensor:
        alpha, sigma = float(SCHEDULE.alpha(t)), float(SCHEDULE.sigma(t))
        return sigma * (x - alpha) / (0.25 * alpha**2 + sigma**2)

    return ReverseDiffusion(SCHEDULE, Denoiser(eps, "eps", SCHEDULE), (1,), torch.device("cpu"))


def line(spec: str, grid: str = "log-snr", *, denoised: bool = False, schedule: Any = SCHEDULE) -> str | None:
    return adapter("diffusers").line(make_sampler(spec), make_sampler, Placement(schedule, grid, STEPS, denoised))


def scheduler_of(code: str) -> Any:
    """What the line makes, as a reader who pastes it has it."""
    need("diffusers")
    import diffusers

    name = code.removeprefix("scheduler = ").partition(".")[0]
    names = {"pipe": SimpleNamespace(scheduler=SimpleNamespace(config=dict(CONFIG))), name: getattr(diffusers, name)}
    exec(code.partition(";")[0], names)
    exec(code.partition(";")[2].partition(",  ")[0].strip().partition(", its times")[0], names)
    return names["scheduler"]


@pytest.mark.parametrize("spec", ["dpmpp-2m", "dpmpp-3m", "dpmpp-2m:lower_order_final=false", "dpmpp-1", "ddim"])
def test_the_line_s_scheduler_makes_the_same_samples(spec: str) -> None:
    code = line(spec)
    assert code is not None
    scheduler = scheduler_of(code)
    assert [round(float(t)) for t in scheduler.timesteps] == STEPS
    of = problem()
    times = tuple(of.schedule.t_start - (step + 1) / 1000 for step in (*STEPS, 0))
    grid = Grid("indices", times, of.schedule.t_start)
    x = start(of, 50)
    (*_, ours) = make_sampler(spec).walk(of, x, grid, None)  # type: ignore[arg-type]
    y = x * float(scheduler.init_noise_sigma)
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(y, t)
        y = scheduler.step(of.denoiser.eps((float(t) + 1) / 1000, scaled), t, y).prev_sample
    torch.testing.assert_close(y, ours, rtol=0, atol=1e-4)


@pytest.mark.parametrize("spec", ["heun", "ddim", "dpmpp-2m:lower_order_final=false"])
def test_so_it_does_with_a_last_call_for_the_denoised_sample(spec: str) -> None:
    code = line(spec, denoised=True)
    assert code is not None
    scheduler, of = scheduler_of(code), problem()
    times = tuple(of.schedule.t_start - (step + 1) / 1000 for step in STEPS)
    x = start(of, 50)
    (*_, last) = make_sampler(spec).walk(of, x, Grid("indices", times, of.schedule.t_start), None)  # type: ignore[arg-type]
    ours = of.denoiser.x0((STEPS[-1] + 1) / 1000, last)
    y = x * float(scheduler.init_noise_sigma)
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(y, t)
        y = scheduler.step(of.denoiser.eps((float(t) + 1) / 1000, scaled), t, y).prev_sample
    torch.testing.assert_close(y, ours, rtol=0, atol=1e-4)


def test_what_ends_otherwise_has_no_line() -> None:
    assert line("heun") is None
    assert line("dpmpp-2m", denoised=True) is None


def test_predictions_are_not_cut() -> None:
    """Whatever the model's configuration asks for: the suite never cuts them."""
    assert "clip_sample=False" in str(line("ddpm"))
    assert "thresholding=False" in str(line("dpmpp-2m"))


def test_the_last_call_may_be_for_the_denoised_sample() -> None:
    """Then the scheduler goes on to no noise, as diffusers does by itself."""
    spec = "dpmpp-2m:lower_order_final=false"
    ended, denoised = line(spec), line(spec, denoised=True)
    assert 'final_sigmas_type="sigma_min"' in str(ended)
    assert "final_sigmas_type" not in str(denoised)


@pytest.mark.parametrize("name", [name for name in sampler_names() if name != "sigdeg"])
def test_every_line_runs(name: str) -> None:
    for grid in ("log-snr", "karras", "uniform", "quadratic"):
        code = line(name, grid)
        if code is not None and "; it takes no times" not in code:
            assert len(scheduler_of(code).timesteps) >= len(STEPS)


def test_what_a_scheduler_cannot_is_said() -> None:
    assert "its times nearest to karras" in str(line("unipc", "karras"))
    assert "use_karras_sigmas=True" in str(line("unipc", "karras"))
    assert "it takes no times of one's own, and has none like quadratic" in str(line("unipc", "quadratic"))
    assert "each step takes eta=0.5" in str(line("ddim:eta=0.5"))
    assert line("restart") is None


@pytest.mark.parametrize("grid", ["log-snr", "karras", "uniform"])
def test_a_scheduler_with_times_of_its_own_takes_as_many_steps(grid: str) -> None:
    """Its levels of noise may hold the last one, which it then repeats: a step that moves nothing, and is said to."""
    code = line("unipc", grid)
    assert code is not None
    sigmas = np.asarray(scheduler_of(code).sigmas, dtype=float)
    moving = int((np.diff(sigmas) < -1e-6).sum())
    assert moving == len(STEPS)
    assert ("its last call moves nothing" in code) == (len(sigmas) - 1 > moving)


def test_flows_have_schedulers_of_flows() -> None:
    assert "FlowMatchEulerDiscreteScheduler" in str(line("ddim", schedule=Flow()))
    assert line("dpmpp-2m", schedule=Flow()) is None
    assert line("flow-heun") is None
    assert "FlowMatchHeun" in str(line("flow-heun", schedule=Flow(), denoised=True))
    assert np.isfinite(STEPS).all()
