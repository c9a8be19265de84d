"""Schedules: their coefficients hang together, whatever the schedule."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.errors import BadInput
from sigbench.sde.schedule import SCHEDULES, Schedule, VPCosine, VPLinear, as_array, schedule_named

PROPERTY = settings(deadline=None, derandomize=True, database=None)
EVERY_SCHEDULE = pytest.mark.parametrize("name", sorted(SCHEDULES))
FRACTIONS = st.floats(0.0, 1.0)


def time_at(schedule: Schedule, fraction: float) -> float:
    return schedule.t_end + fraction * (schedule.t_start - schedule.t_end)


def slope(function: Callable[[float], float], t: float, dt: float = 1e-6) -> float:
    """The central difference; its error is below 1e-6 of the slope for every schedule here."""
    return float((function(t + dt) - function(t - dt)) / (2 * dt))


@EVERY_SCHEDULE
@PROPERTY
@given(fraction=FRACTIONS)
def test_drift_rate_is_the_slope_of_log_alpha(name: str, fraction: float) -> None:
    schedule = schedule_named(name)
    t = time_at(schedule, fraction)
    assert schedule.drift_rate(t) == pytest.approx(slope(schedule.log_alpha, t), rel=1e-6, abs=1e-8)


@EVERY_SCHEDULE
@PROPERTY
@given(fraction=FRACTIONS)
def test_diffusion_feeds_the_variance(name: str, fraction: float) -> None:
    schedule = schedule_named(name)
    t = time_at(schedule, fraction)
    gained = slope(lambda u: schedule.sigma(u) ** 2, t) - 2 * schedule.drift_rate(t) * schedule.sigma(t) ** 2
    assert schedule.diffusion_squared(t) == pytest.approx(gained, rel=1e-5)
    assert schedule.diffusion(t) ** 2 == pytest.approx(schedule.diffusion_squared(t), rel=1e-14)


@pytest.mark.parametrize("name", sorted(name for name in SCHEDULES if name.startswith("vp-")))
@PROPERTY
@given(fraction=FRACTIONS)
def test_variance_is_preserved(name: str, fraction: float) -> None:
    schedule = schedule_named(name)
    t = time_at(schedule, fraction)
    assert schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2 == pytest.approx(1.0, abs=1e-14)


@EVERY_SCHEDULE
@PROPERTY
@given(fractions=st.tuples(FRACTIONS, FRACTIONS))
def test_log_snr_decreases(name: str, fractions: tuple[float, float]) -> None:
    schedule = schedule_named(name)
    early, late = sorted(time_at(schedule, fraction) for fraction in fractions)
    if late - early < 1e-9:
        late = early + 1e-6
    assert schedule.log_snr(late) < schedule.log_snr(early)


@EVERY_SCHEDULE
@PROPERTY
@given(fraction=FRACTIONS)
def test_log_snr_is_inverted(name: str, fraction: float) -> None:
    schedule = schedule_named(name)
    t = time_at(schedule, fraction)
    assert float(schedule.time_of_log_snr(schedule.log_snr(t))) == pytest.approx(t, rel=1e-9)


@EVERY_SCHEDULE
def test_log_snr_of_the_ends_gives_the_ends_though_it_is_rounded(name: str) -> None:
    schedule = schedule_named(name)
    ends = schedule.log_snr(np.array([schedule.t_start, schedule.t_end])) + np.array([-1e-12, 1e-12])
    assert schedule.time_of_log_snr(ends).tolist() == [schedule.t_start, schedule.t_end]


@EVERY_SCHEDULE
@pytest.mark.parametrize("beyond", [-1.0, -1e-6, 1e-6, 1.0, float("nan")])
def test_log_snr_beyond_the_ends_is_refused(name: str, beyond: float) -> None:
    schedule = schedule_named(name)
    end = schedule.t_start if beyond < 0 else schedule.t_end
    with pytest.raises(BadInput, match="has log"):
        schedule.time_of_log_snr(schedule.log_snr(end) + beyond)


@EVERY_SCHEDULE
def test_arrays_and_floats_agree(name: str) -> None:
    schedule = schedule_named(name)
    t = np.linspace(schedule.t_end, schedule.t_start, 7)
    for method in ("log_alpha", "alpha", "sigma", "drift_rate", "diffusion_squared", "diffusion", "log_snr"):
        values = getattr(schedule, method)(t)
        assert values.shape == t.shape
        assert values.dtype == np.float64
        np.testing.assert_allclose(values, [getattr(schedule, method)(float(u)) for u in t], rtol=1e-14)


@EVERY_SCHEDULE
def test_clean_end_and_reverse_time(name: str) -> None:
    schedule = schedule_named(name)
    assert schedule.alpha(0.0) == pytest.approx(1.0, abs=1e-15)
    assert schedule.reverse_time(schedule.t_start) == 0.0
    assert schedule.reverse_time(schedule.t_end) == schedule.horizon
    assert schedule.prior_std == schedule.sigma(schedule.t_start)


def test_known_values() -> None:
    assert schedule_named("vp-linear").log_alpha(1.0) == pytest.approx(-0.25 * (0.1 + 20.0))
    assert schedule_named("vp-linear").drift_rate(0.5) == pytest.approx(-0.5 * 10.05)
    assert schedule_named("vp-cosine").alpha(0.992) == pytest.approx(
        np.cos(np.pi / 2 * 1.0 / 1.008) / np.cos(np.pi / 2 * 0.008 / 1.008)
    )
    assert schedule_named("ve").sigma(np.array([0.0, 0.5, 1.0])) == pytest.approx([0.01, np.sqrt(0.5), 50.0])


def test_options_reach_the_schedule() -> None:
    constant = schedule_named("vp-linear", beta_start=3.0, beta_end=3.0)
    assert isinstance(constant, VPLinear)
    assert constant.log_alpha(0.4) == pytest.approx(-0.6)
    assert VPCosine(offset=0.1).alpha(0.0) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("wrong", "nearest"), [("vp-linar", "vp-linear"), ("VP-Cosine", "vp-cosine"), ("cosine", "vp-cosine")]
)
def test_unknown_name_suggests_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(BadInput, match=f"unknown schedule '{wrong}': did you mean '{nearest}'"):
        schedule_named(wrong)


def test_hopeless_name_lists_the_valid_ones() -> None:
    with pytest.raises(BadInput, match="valid are edm, flow, ve, vp-cosine, vp-linear") as error:
        schedule_named("zzzzzz")
    assert "did you mean" not in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_times_must_be_finite(bad: float) -> None:
    with pytest.raises(BadInput, match="finite"):
        as_array([0.0, bad])
