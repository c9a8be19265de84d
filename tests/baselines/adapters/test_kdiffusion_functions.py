"""Every function on the allow-list against the sampler of this suite that is the same, or against exact solutions."""

from typing import Any

import pytest
import torch
from elsewhere import OneNormal, need
from holding import gaussian, specs, spread_errors, taken
from walking import mixture, slope, start, states

from sigbench.errors import BadInput
from sigbench.registry import adapter, make_sampler, options_of, sampler_class
from sigbench.sde.schedule import VE, VPCosine, VPLinear
from sigbench_baselines.adapters.kdiffusion_allowed import ALLOWED, REFUSED

PATHS = 40
GRIDS = [(VPLinear(), "quadratic", 10), (VPCosine(), "log-snr", 7), (VE(), "log-snr", 12), (VPLinear(), "uniform", 20)]
CASES = [
    pytest.param(target, options, spec, id=spec.removeprefix("kdiffusion:"))
    for target, options, spec in specs("kdiffusion", ALLOWED)
]
EXACT = [case for case in CASES if ALLOWED[case.values[0]].equal(case.values[1]) is None]  # type: ignore[index, arg-type]


@pytest.fixture(autouse=True)
def _installed() -> None:
    need("k_diffusion", "torchdiffeq")


@pytest.mark.parametrize(("target", "options", "spec"), CASES)
def test_the_states_are_ours(target: str, options: dict[str, Any], spec: str) -> None:
    """States that hold the next step's noise (s_churn) are compared at their end."""
    equal, sampler = ALLOWED[target].equal(options), taken(spec)
    if sampler is None or equal is None:  # the latter are the cases of the test below
        return
    ours = make_sampler(equal)
    churned = options.get("s_churn", 0.0) > 0
    for schedule, name, steps in GRIDS:
        problem = mixture(schedule)
        grid, x = problem.grid(name, steps), start(problem, PATHS)
        noise, before = OneNormal(grid, x), x.clone()
        problem.counter.reset()
        theirs = states(sampler, problem, x, grid, noise)
        assert problem.counter.calls == sampler.calls(problem, grid)
        assert torch.equal(x, before)
        wanted = states(ours, problem, x, grid, noise)
        kept = slice(-1, None) if churned else slice(None)
        torch.testing.assert_close(theirs[kept], wanted[kept], rtol=0, atol=1e-10 * max(1.0, float(wanted.abs().max())))
    assert (sampler.signature_order > 0) == (ours.signature_order > 0)
    assert (sampler.signature_order > 0) == (sampler.family == "sde")
    assert sampler.weak_order in (None, ours.weak_order)
    assert ("hold the noise" in sampler.final_step) == churned


@pytest.mark.parametrize(("target", "options", "spec"), EXACT)
def test_the_law_is_exact_in_the_limit(target: str, options: dict[str, Any], spec: str) -> None:
    """On Gaussian data the spread of the samples is known, and its error falls by four where the steps are doubled."""
    errors = spread_errors(make_sampler(spec), (20, 40, 80, 160))
    assert slope(errors) == pytest.approx(2.0, abs=0.25)
    assert errors[-1] < 0.01


def test_there_are_exact_cases() -> None:
    assert {case.values[0] for case in EXACT} == {"sample_dpmpp_sde", "sample_dpmpp_2s_ancestral"}


@pytest.mark.parametrize("target", ALLOWED)
def test_float32_states_stay_float32(target: str) -> None:
    problem = mixture(VPLinear(), torch.float32)
    grid, x = problem.grid("quadratic", 6), start(problem, PATHS, dtype=torch.float32)
    noise, sampler = OneNormal(grid, x), make_sampler(f"kdiffusion:{target}")
    found = list(sampler.walk(problem, x, grid, noise))
    assert {state.dtype for state in found} == {torch.float32}
    exactly = states(sampler, mixture(VPLinear()), x.double(), grid, noise)
    assert (torch.stack(found) - exactly).abs().median() < 1e-3


@pytest.mark.parametrize("target", ALLOWED)
def test_samples_of_any_shape_are_stepped_number_by_number(target: str) -> None:
    """Images of shape (2, 3) of independent pixels are the pixels' own walks."""
    sampler, problem = make_sampler(f"kdiffusion:{target}"), gaussian(VPLinear())
    grid, flat = problem.grid("quadratic", 6), start(problem, 24)
    noise = OneNormal(grid, flat)
    pixels = states(sampler, problem, flat, grid, noise)
    noise.moments = noise.moments.reshape(grid.steps, -1, 4, 2, 3)
    images = states(sampler, problem, flat.reshape(4, 2, 3), grid, noise)
    torch.testing.assert_close(images.reshape(pixels.shape), pixels, rtol=0, atol=1e-12)


def test_nothing_is_drawn_from_the_global_generator() -> None:
    """sample_euler draws in each step, whether it adds noise or not: here it is told zeros."""
    problem = mixture(VPLinear())
    grid, x = problem.grid("quadratic", 5), start(problem, PATHS)
    before = torch.get_rng_state()
    for target in ALLOWED:
        states(make_sampler(f"kdiffusion:{target}"), problem, x, grid, OneNormal(grid, x))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_agreement_can_see_another_normal() -> None:
    problem = mixture(VPLinear())
    grid, x = problem.grid("quadratic", 10), start(problem, PATHS)
    for spec in ("sample_dpmpp_2m_sde", "sample_dpmpp_sde", "sample_heun:s_churn=4:s_tmax=20"):
        sampler = make_sampler(f"kdiffusion:{spec}")
        one, other = (states(sampler, problem, x, grid, OneNormal(grid, x, seed=seed)) for seed in (7, 8))
        assert (one - other).abs().max() > 0.01


def test_every_function_is_taken_or_refused_with_a_reason() -> None:
    from sigbench_baselines.adapters.kdiffusion_loading import sampling

    names = [name for name in vars(sampling()) if name.startswith("sample_")]
    assert len(names) >= 12
    for name in names:
        if name in ALLOWED:
            assert sampler_class(f"kdiffusion:{name}").name == f"kdiffusion:{name}"
        else:
            with pytest.raises(BadInput, match=rf"kdiffusion:{name} is refused: \w.*\.$"):
                sampler_class(f"kdiffusion:{name}")
    with pytest.raises(BadInput, match="to_d is refused: nothing in this suite holds it"):
        sampler_class("kdiffusion:to_d")


def test_the_lists_do_not_overlap_and_tell_reasons() -> None:
    assert len(ALLOWED) >= 8
    assert not ALLOWED.keys() & REFUSED.keys()
    assert all(len(reason.split()) > 3 for reason in REFUSED.values())
    assert adapter("kdiffusion").allowed().keys() == ALLOWED.keys()


@pytest.mark.parametrize("target", ALLOWED)
def test_a_class_declares_its_facts(target: str) -> None:
    cls = sampler_class(f"kdiffusion:{target}")
    assert list(options_of(cls)) == list(ALLOWED[target].options)
    assert cls.citation
    assert cls.when.endswith(".")


def test_noise_above_the_first_level_is_said() -> None:
    problem = mixture(VPLinear())
    grid, x = problem.grid("quadratic", 10), start(problem, PATHS)
    sampler = make_sampler("kdiffusion:sample_heun:s_churn=4:s_tmax=1000")
    with pytest.raises(BadInput, match="has log"):
        states(sampler, problem, x, grid, OneNormal(grid, x))
