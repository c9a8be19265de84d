"""Every scheduler on the allow-list against the sampler of this suite that is the same, or against exact solutions."""

import inspect
from typing import Any

import pytest
import torch
from elsewhere import OneNormal
from holding import gaussian, specs, spread_errors, taken
from walking import mixture, slope, start, states

from sigbench.errors import BadInput
from sigbench.registry import adapter, make_sampler, options_of, sampler_class
from sigbench.sde.schedule import VE, VPCosine, VPLinear
from sigbench_baselines.adapters.diffusers.allowed import ALLOWED
from sigbench_baselines.adapters.diffusers.driving import tell
from sigbench_baselines.adapters.diffusers.refused import REFUSED, SET
from sigbench_baselines.adapters.facts import default_values
from sigbench_baselines.adapters.levels import levels_on

diffusers = pytest.importorskip("diffusers", reason="elsewhere: diffusers is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers under NumPy 2
PATHS = 40
GRIDS = [(VPLinear(), "quadratic", 10), (VPCosine(), "log-snr", 7), (VE(), "log-snr", 12)]
CASES = [
    pytest.param(target, options, spec, id=spec.removeprefix("diffusers:"))
    for target, options, spec in specs("diffusers", ALLOWED)
]
FLOWS = [name for name, entry in ALLOWED.items() if entry.equal and entry.facts(default_values(entry)).family == "ode"]
EXACT = [case for case in CASES if ALLOWED[case.values[0]].equal is None]


def tolerance(target: str, largest: float) -> float:
    """Rounding: that of float64, or 4 units in the last place of float32 a step for those that cast to it."""
    return 8e-5 * max(1.0, largest) if ALLOWED[target].single else 1e-10 * max(1.0, largest)


@pytest.mark.parametrize(("target", "options", "spec"), CASES)
def test_the_states_are_ours(target: str, options: dict[str, Any], spec: str) -> None:
    entry, sampler = ALLOWED[target], taken(spec)
    if sampler is None or entry.equal is None:  # the latter are the cases of the test below
        return
    ours = make_sampler(entry.equal(options))
    for schedule, name, steps in GRIDS:
        problem = mixture(schedule)
        block = options[entry.blocks] if entry.blocks else 1
        grid = problem.grid("log-snr" if block > 1 else name, block * steps)
        coarse = grid.with_times(grid.times[::block])
        x = start(problem, PATHS)
        noise = OneNormal(grid, x)
        if entry.quiet_end:
            noise.moments[-1] = 0.0  # ours then adds none in its last step either
        problem.counter.reset()
        theirs = states(sampler, problem, x, grid, noise)
        assert problem.counter.calls == sampler.calls(problem, grid)
        wanted = states(ours, problem, x, coarse, noise)
        torch.testing.assert_close(
            theirs[block - 1 :: block], wanted, rtol=0, atol=tolerance(target, float(wanted.abs().max()))
        )
        assert (sampler.signature_order > 0) == (ours.signature_order > 0) or options.get("tau") == 0.0  # draws, unused
        assert sampler.weak_order == ours.weak_order or (target.startswith("DDIM") and options["eta"] > 0)


@pytest.mark.parametrize(("target", "options", "spec"), EXACT)
def test_the_order_is_what_is_declared(target: str, options: dict[str, Any], spec: str) -> None:
    """On Gaussian data the spread of the samples is known; the slope of its error is the order."""
    sampler = make_sampler(spec)
    errors = spread_errors(sampler, (10, 20, 40, 80))
    assert sampler.weak_order is not None
    assert slope(errors) == pytest.approx(sampler.weak_order, abs=0.25)
    assert errors[-1] < 0.01


@pytest.mark.parametrize("target", FLOWS)
def test_one_step_is_a_walk_too(target: str) -> None:
    """The step of a multistep method is DDIM's, that of PNDM with them: it has no second one for its second call."""
    entry, sampler = ALLOWED[target], make_sampler(f"diffusers:{target}")
    problem = mixture(VPLinear())
    grid, x = problem.grid("uniform", 1), start(problem, PATHS)
    noise = OneNormal(grid, x)
    theirs = states(sampler, problem, x, grid, noise)
    assert problem.counter.calls == sampler.calls(problem, grid)
    assert entry.equal is not None
    ours = "ddim" if entry.drive != "twice" else entry.equal({})
    wanted = states(make_sampler(ours), problem, x, grid, noise)
    torch.testing.assert_close(
        theirs, wanted, rtol=0, atol=tolerance(target, float(wanted.abs().max())) * (1 if entry.single else 1e3)
    )


def test_a_step_behind_the_last_block_is_of_order_1(caplog: pytest.LogCaptureFixture) -> None:
    """Of an odd number of steps by twos; diffusers says nothing, for the adapter tells it so."""
    sampler, problem = make_sampler("diffusers:DPMSolverSinglestepScheduler"), mixture(VPLinear())
    grid, x = problem.grid("log-snr", 7), start(problem, PATHS)
    noise = OneNormal(grid, x)
    theirs = states(sampler, problem, x, grid, noise)
    whole, last = grid.with_times(grid.times[:-1:2]), grid.with_times(grid.times[-2:])
    pairs = states(make_sampler("dpmpp-2s"), problem, x, whole, noise)
    torch.testing.assert_close(theirs[1:-1:2], pairs, rtol=0, atol=1e-10)
    alone = states(make_sampler("dpmpp-1"), problem, pairs[-1], last, noise)
    torch.testing.assert_close(theirs[-1:], alone, rtol=0, atol=1e-10)
    assert caplog.records == []


@pytest.mark.parametrize("known", [1, 2, 4])
@pytest.mark.parametrize("target", [name for name, entry in ALLOWED.items() if entry.remembers])
def test_it_goes_on_behind_known_states_as_ours_does(target: str, known: int) -> None:
    """The known ones are not its own, so that only a memory of them gives the same states."""
    entry, sampler = ALLOWED[target], make_sampler(f"diffusers:{target}")
    assert entry.equal is not None
    ours = make_sampler(entry.equal(default_values(entry)))
    problem = mixture(VPLinear())
    grid, x = problem.grid("quadratic", 8), start(problem, PATHS)
    noise = OneNormal(grid, x)
    given = [x, *states(make_sampler("ddim"), problem, x, grid, noise)][: known + 1]
    theirs = torch.stack(list(sampler.resume(problem, given, grid, noise)))
    wanted = torch.stack(list(ours.resume(problem, given, grid, noise)))
    torch.testing.assert_close(theirs, wanted, rtol=0, atol=tolerance(target, float(wanted.abs().max())))


@pytest.mark.parametrize("target", [name for name, entry in ALLOWED.items() if not entry.remembers])
def test_without_a_memory_it_walks_the_rest(target: str) -> None:
    sampler, problem = make_sampler(f"diffusers:{target}"), mixture(VPLinear())
    grid, x = problem.grid("quadratic", 6), start(problem, PATHS)
    rest = grid.with_times(grid.times[2:])
    problem.counter.reset()
    found = torch.stack(list(sampler.resume(problem, [x, x, x], grid, OneNormal(rest, x))))
    assert problem.counter.calls == sampler.calls(problem, rest)
    assert torch.equal(found, states(sampler, problem, x, rest, OneNormal(rest, x)))


@pytest.mark.parametrize("target", ALLOWED)
def test_samples_of_any_shape_are_stepped_number_by_number(target: str) -> None:
    """Images of shape (2, 3) of independent pixels are the pixels' own walks."""
    sampler, problem = make_sampler(f"diffusers:{target}"), gaussian(VPLinear())
    grid, flat = problem.grid("quadratic", 6), start(problem, 24)
    noise = OneNormal(grid, flat)
    pixels = states(sampler, problem, flat, grid, noise)
    noise.moments = noise.moments.reshape(grid.steps, -1, 4, 2, 3)
    images = states(sampler, problem, flat.reshape(4, 2, 3), grid, noise)
    torch.testing.assert_close(images.reshape(pixels.shape), pixels, rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [15, 20])
@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize(
    ("spec", "ours"),
    [
        ("UniPCMultistepScheduler:solver_order={}", "unipc:order={}"),
        (
            "SASolverScheduler:predictor_order={0}:corrector_order={0}:tau=1",
            "sa-solver:predictor={0}:corrector={0}:low=0.2:high=0.8",
        ),
    ],
)
def test_last_orders_are_lowered_on_grids_of_any_length(spec: str, ours: str, order: int, steps: int) -> None:
    """diffusers does, this suite below 15 steps: up to there the two are the same."""
    problem = mixture(VPLinear())
    grid, x = problem.grid("log-snr", steps), start(problem, PATHS)
    noise = OneNormal(grid, x)
    theirs = states(make_sampler(f"diffusers:{spec.format(order)}"), problem, x, grid, noise)
    wanted = states(make_sampler(ours.format(order)), problem, x, grid, noise)
    same = steps - order + 1
    torch.testing.assert_close(theirs[:same], wanted[:same], rtol=0, atol=1e-10)
    assert (theirs[same:] - wanted[same:]).abs().amax(dim=(1, 2)).min() > 1e-9


@pytest.mark.parametrize("target", ALLOWED)
def test_float32_states_stay_float32(target: str) -> None:
    problem = mixture(VPLinear(), torch.float32)
    grid, x = problem.grid("quadratic", 6), start(problem, PATHS, dtype=torch.float32)
    noise = OneNormal(grid, x)
    sampler, before = make_sampler(f"diffusers:{target}"), x.clone()
    found = list(sampler.walk(problem, x, grid, noise))
    assert {state.dtype for state in found} == {torch.float32}
    assert torch.equal(x, before)
    exactly = states(sampler, mixture(VPLinear()), x.double(), grid, noise)
    assert (torch.stack(found) - exactly).abs().median() < 1e-4


def test_the_agreement_can_see_an_option() -> None:
    """What an option changes is far above the tolerance."""
    problem = mixture(VPLinear())
    grid, x = problem.grid("quadratic", 10), start(problem, PATHS)
    noise = OneNormal(grid, x)
    ours = states(make_sampler("dpmpp-2m"), problem, x, grid, noise)
    for options in ("solver_type=heun", "lower_order_final=false", "solver_order=1", "algorithm_type=sde-dpmsolver++"):
        theirs = states(make_sampler(f"diffusers:DPMSolverMultistepScheduler:{options}"), problem, x, grid, noise)
        assert (ours - theirs).abs().max() > 1e-3


def test_what_the_adapter_sets_is_what_is_right() -> None:
    for target in ALLOWED:
        made = make_sampler(f"diffusers:{target}")._scheduler(10)  # type: ignore[attr-defined]
        own = inspect.signature(type(made).__init__).parameters
        assert {name: made.config[name] for name in SET if name in own} == {k: v for k, v in SET.items() if k in own}


def test_a_cut_of_x0_gives_the_spread_that_the_refusal_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """clip_sample=True is DDIM's default."""
    problem = mixture(VPLinear())
    grid, x = problem.grid("quadratic", 50), start(problem, 4000)
    sampler = make_sampler("diffusers:DDIMScheduler")
    right = float(states(sampler, problem, x, grid, OneNormal(grid, x))[-1].std())
    monkeypatch.setitem(SET, "clip_sample", True)  # type: ignore[arg-type]
    cut = float(states(sampler, problem, x, grid, OneNormal(grid, x))[-1].std())
    assert right == pytest.approx(1.77, abs=0.06)
    assert cut == pytest.approx(0.56, abs=0.02)
    with pytest.raises(BadInput, match=r"takes no clip_sample: x0 is never cut here, .* of 0.56, not of 1.77"):
        make_sampler("diffusers:DDIMScheduler:clip_sample=True")


def test_kdpm2_is_not_a_number_on_other_levels() -> None:
    """Why it is refused, on levels overwritten as those of HeunDiscreteScheduler are."""
    problem = mixture(VPLinear())
    grid, x = problem.grid("log-snr", 20), start(problem, PATHS)
    levels = levels_on(problem, grid, "KDPM2")
    scheduler, z = diffusers.KDPM2DiscreteScheduler(), x / levels.alpha[0]
    calls = tell(scheduler, levels, ALLOWED["HeunDiscreteScheduler"])
    for step in calls:
        for level, time in step:
            eps = problem.denoiser.eps(float(levels.t[level]), z * levels.alpha[level])
            z = scheduler.step(eps, time, z).prev_sample
    assert z.isnan().any()


def public_schedulers() -> list[str]:
    base = diffusers.schedulers.scheduling_utils.SchedulerMixin
    found = {name: getattr(diffusers, name, None) for name in dir(diffusers) if name.endswith("Scheduler")}
    return [name for name, thing in found.items() if inspect.isclass(thing) and issubclass(thing, base)]


def test_every_scheduler_is_taken_or_refused_with_a_reason() -> None:
    names = public_schedulers()
    assert len(names) > 30
    for name in names:
        if name in ALLOWED:
            assert sampler_class(f"diffusers:{name}").name == f"diffusers:{name}"
        else:
            with pytest.raises(BadInput, match=rf"diffusers:{name} is refused: \w.*\.$"):
                sampler_class(f"diffusers:{name}")


def test_the_lists_do_not_overlap_and_tell_reasons() -> None:
    assert len(ALLOWED) >= 12
    assert not ALLOWED.keys() & REFUSED.keys()
    assert all(len(reason.split()) > 3 for reason in REFUSED.values())
    told = adapter("diffusers")
    assert told.allowed().keys() == ALLOWED.keys()
    assert told.refused() == REFUSED


def test_a_new_scheduler_is_refused_until_it_is_held_to_something(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = type("BrandNewScheduler", (diffusers.EulerDiscreteScheduler,), {})
    monkeypatch.setattr(diffusers, "BrandNewScheduler", fresh, raising=False)
    monkeypatch.setattr(diffusers.schedulers, "BrandNewScheduler", fresh, raising=False)
    with pytest.raises(BadInput, match="diffusers:BrandNewScheduler is refused: nothing in this suite holds it"):
        sampler_class("diffusers:BrandNewScheduler")


@pytest.mark.parametrize("target", ALLOWED)
def test_a_class_declares_its_facts(target: str) -> None:
    cls = sampler_class(f"diffusers:{target}")
    assert list(options_of(cls)) == list(ALLOWED[target].options)
    assert target in cls.citation
    assert cls.when.endswith(".")
    said = make_sampler(f"diffusers:{target}").final_step
    assert ("float32" in said) == ALLOWED[target].single
    assert ("adds no noise" in said) == ALLOWED[target].quiet_end
