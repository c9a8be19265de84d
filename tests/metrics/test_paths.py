"""Metrics of paths: closed forms, the fault that each is there for, and floors, on a Gaussian law that is known."""

import math
from functools import cache

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.errors import BadInput, BrokenContract
from sigbench.metrics.metric import Array, Metric, Reference
from sigbench.metrics.path_sample import PathSample, correlations
from sigbench.metrics.paths import (
    AutocorrelationError,
    CrossCorrelationError,
    LeverageError,
    LogPriceW1,
    LogVarianceW1,
    PathW1,
    SigW1,
    WorstLogPriceW1,
    WorstLogVarianceW1,
    leverage_curve,
    marginal_w1,
    path_metrics,
)
from sigbench.metrics.roughness import HurstError, hurst_exponent, hurst_regression

PROPERTY = settings(deadline=None, derandomize=True, database=None)
TIMES, STEP, RHO, VOLATILITY, LOG_XI = 64, 1 / 64, -0.9, 0.235, 2 * math.log(0.235)
START = (0.0, LOG_XI)
SCALES = (0.235, 1.9)
LAG = np.subtract.outer(np.arange(TIMES), np.arange(TIMES))
KERNEL = np.where(LAG >= 0, 0.6 * (np.maximum(LAG, 0) + 1.0) ** -0.2, 0.0)  # log V_j = log ξ + Σ_i KERNEL[j, i] a_i


def covariance() -> tuple[Array, Array, Array]:
    """The exact correlations of log S and of log V over times, and of returns with log V."""
    times = np.arange(1, TIMES + 1)
    log_s = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
    log_v = KERNEL @ KERNEL.T
    deviation = np.sqrt(np.diag(log_v))
    return log_s, log_v / np.outer(deviation, deviation), RHO * (KERNEL / deviation[:, None]).T


class GaussianTruth:
    """Brownian log S whose noise also drives log V through a decaying kernel."""

    def sample(self, n: int, seed: int) -> Array:
        a, b = np.random.default_rng(seed).standard_normal((2, n, TIMES))
        log_s = np.cumsum(VOLATILITY * math.sqrt(STEP) * (RHO * a + math.sqrt(1 - RHO**2) * b), axis=1)
        return np.stack([log_s, LOG_XI + a @ KERNEL.T], axis=-1)

    @cache  # noqa: B019  # one instance lives as long as the tests
    def observed(self, n: int, seed: int) -> PathSample:
        return PathSample(self.sample(n, seed), START, STEP)


class FixedTruth(GaussianTruth):
    """A truth whose draw is given."""

    def __init__(self, paths: Array) -> None:
        self.paths = PathSample(paths, (0.0, 0.0), STEP)

    def observed(self, n: int, seed: int) -> PathSample:
        return self.paths[:n]


TRUTH, N = GaussianTruth(), 4000
REFERENCE = Reference(TRUTH, 0)
EXACT = TRUTH.observed(N, 0)
OTHER = TRUTH.observed(N, 1)
METRICS = path_metrics(0.3, SCALES)
IDS = [metric.name for metric in METRICS]


def changed(paths: Array) -> PathSample:
    return PathSample(paths, START, STEP)


def fractional_brownian_motion(hurst: float, n: int, seed: int) -> Array:
    t = STEP * np.arange(1, TIMES + 1)
    powers = (t ** (2 * hurst))[:, None] + t ** (2 * hurst) - np.abs(np.subtract.outer(t, t)) ** (2 * hurst)
    factor = np.linalg.cholesky(0.5 * powers)
    return np.random.default_rng(seed).standard_normal((n, TIMES)) @ factor.T


def test_all_metrics_with_the_headline_first() -> None:
    assert IDS == [
        "w1",
        "w1-log-s",
        "w1-log-s-worst",
        "w1-log-v",
        "w1-log-v-worst",
        "autocorrelation",
        "cross-correlation",
        "leverage",
        "sig-w1",
        "hurst",
    ]
    assert [metric.name for metric in METRICS if metric.better == "zero"] == ["hurst"]
    assert path_metrics(0.07)[0].name == "w1"


@pytest.mark.parametrize("metric", METRICS[:-1], ids=IDS[:-1])
def test_a_distance_of_the_draw_to_itself_is_zero(metric: Metric) -> None:
    assert metric(EXACT, REFERENCE) == 0.0


def test_marginal_distances_are_those_of_pot() -> None:
    samples = changed(1.1 * OTHER.paths[:500])
    exact = TRUTH.observed(500, 0)
    found = marginal_w1(samples, exact)
    for coordinate, time in [(0, 0), (0, 63), (1, 5)]:
        expected = ot.wasserstein_1d(samples.paths[:, time, coordinate], exact.paths[:, time, coordinate], p=1)
        assert found[coordinate, time] == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize(
    ("coordinate", "mean", "worst"), [(0, LogPriceW1(), WorstLogPriceW1()), (1, LogVarianceW1(), WorstLogVarianceW1())]
)
def test_one_shifted_time_shows_with_its_shift(coordinate: int, mean: Metric, worst: Metric) -> None:
    shifted = EXACT.paths.copy()
    shifted[:, 20, coordinate] += 0.3
    samples = changed(shifted)
    assert worst(samples, REFERENCE) == pytest.approx(0.3, rel=1e-10)
    assert mean(samples, REFERENCE) == pytest.approx(0.3 / TIMES, rel=1e-10)
    deviation = EXACT.paths[:, 20, coordinate].std()
    assert PathW1()(samples, REFERENCE) == pytest.approx(0.3 / deviation / (2 * TIMES), rel=1e-10)
    for other in (LogPriceW1(), WorstLogPriceW1()) if coordinate else (LogVarianceW1(), WorstLogVarianceW1()):
        assert other(samples, REFERENCE) == 0.0


def test_headline_has_no_units() -> None:
    scaled = FixedTruth(EXACT.paths * (10.0, 0.1))
    assert PathW1()(changed(OTHER.paths * (10.0, 0.1)), Reference(scaled, 0)) == pytest.approx(
        PathW1()(OTHER, REFERENCE), rel=1e-10
    )


def test_correlations_of_the_law() -> None:
    """The bound is five standard errors of a correlation of 0 at n = 4,000."""
    log_s, log_v, cross = covariance()
    for found, exact in [(EXACT.autocorrelation[0], log_s), (EXACT.autocorrelation[1], log_v)]:
        assert np.abs(found - exact).max() < 5 / math.sqrt(N)
    assert np.abs(EXACT.cross_correlation - cross).max() < 5 / math.sqrt(N)


@pytest.mark.parametrize("metric", [AutocorrelationError(), CrossCorrelationError()], ids=lambda m: m.name)
def test_correlation_floor_is_that_of_the_theory(metric: Metric) -> None:
    """A correlation r of a Gaussian has variance (1−r²)²/n; entries are dependent, so the root mean square scatters."""
    log_s, log_v, cross = covariance()
    matrices = np.stack([log_s, log_v]) if metric.name == "autocorrelation" else cross
    expected = math.sqrt(np.mean(2 * (1 - matrices**2) ** 2 / N))
    found = math.sqrt(np.mean([metric(TRUTH.observed(N, seed), REFERENCE) ** 2 for seed in range(1, 9)]))
    assert found == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("w1", 0.05),
        ("w1-log-s", 0.01),
        ("w1-log-s-worst", 0.02),
        ("w1-log-v", 0.1),
        ("w1-log-v-worst", 0.15),
        ("leverage", 0.005),
        ("sig-w1", 0.25),
    ],
)
def test_floors(name: str, bound: float) -> None:
    """Between two exact draws of 4,000; the bounds are at least 1.15 times the largest of 20 such distances."""
    assert 0 < METRICS[IDS.index(name)](OTHER, REFERENCE) < bound


def test_channels_of_different_paths() -> None:
    """Each coordinate alone is right, their dependence is gone: the error is the whole of it."""
    paths = EXACT.paths.copy()
    paths[:, :, 1] = np.random.default_rng(2).permutation(paths[:, :, 1])
    samples = changed(paths)
    _, _, cross = covariance()
    assert PathW1()(samples, REFERENCE) == pytest.approx(0.0, abs=1e-12)
    assert AutocorrelationError()(samples, REFERENCE) == pytest.approx(0.0, abs=1e-12)
    assert CrossCorrelationError()(samples, REFERENCE) == pytest.approx(math.sqrt(np.mean(cross**2)), rel=0.05)
    whole = math.sqrt(np.mean(leverage_curve(cross) ** 2))
    assert LeverageError()(samples, REFERENCE) == pytest.approx(whole, rel=0.05)


def test_times_of_different_paths() -> None:
    """All marginals are right, the dependence over time is gone."""
    paths, rng = EXACT.paths.copy(), np.random.default_rng(3)
    for time in range(TIMES):
        paths[:, time] = rng.permutation(paths[:, time])
    samples = changed(paths)
    log_s, log_v, _ = covariance()
    whole = math.sqrt(np.mean((np.stack([log_s, log_v]) - np.eye(TIMES)) ** 2))
    assert PathW1()(samples, REFERENCE) == pytest.approx(0.0, abs=1e-12)
    assert AutocorrelationError()(samples, REFERENCE) == pytest.approx(whole, rel=0.05)


def test_times_in_another_order() -> None:
    order = np.random.default_rng(4).permutation(TIMES)
    floor = AutocorrelationError()(OTHER, REFERENCE)
    assert AutocorrelationError()(changed(OTHER.paths[:, order]), REFERENCE) > 10 * floor


def test_independent_against_perfectly_correlated() -> None:
    """Two times: both off-diagonal entries of four are wrong by one."""
    one, two = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, 1.0, -1.0])
    independent = np.stack([np.stack([one, two], 1)] * 2, axis=-1)
    equal = np.stack([np.stack([one, one], 1)] * 2, axis=-1)
    truth = Reference(FixedTruth(independent), 0)
    assert AutocorrelationError()(PathSample(equal, (0.0, 0.0), STEP), truth) == pytest.approx(math.sqrt(0.5))


def test_correlations_by_hand() -> None:
    one, two = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, 1.0, -1.0])
    found = correlations(np.stack([one, two], 1) + 5.0, np.stack([one + two, -3.0 * two], 1))
    np.testing.assert_allclose(found, [[math.sqrt(0.5), 0.0], [math.sqrt(0.5), -1.0]], atol=1e-15)


def test_returns_begin_at_the_known_start() -> None:
    sample = PathSample(np.array([[[1.0, 0.0], [3.0, 0.0], [2.5, 0.0]]]), (0.25, 0.0), STEP)
    np.testing.assert_array_equal(sample.returns, [[0.75, 2.0, -0.5]])


def test_leverage_curve_by_hand() -> None:
    matrix = np.array([[1.0, 2.0, 3.0], [9.0, 4.0, 5.0], [9.0, 9.0, 7.0]])
    np.testing.assert_allclose(leverage_curve(matrix), [4.0, 3.5, 3.0])
    assert leverage_curve(np.ones((64, 64))).shape == (17,)


def test_signature_sees_what_no_marginal_sees() -> None:
    """log S is symmetric about 0 here, so that its sign changes nothing but its dependence on log V."""
    flipped = changed(OTHER.paths * (-1.0, 1.0))
    assert PathW1()(flipped, REFERENCE) < 0.05
    assert SigW1(SCALES)(flipped, REFERENCE) > 10 * SigW1(SCALES)(OTHER, REFERENCE)


def tensor_levels(increment: Array) -> list[Array]:
    """The signature of a straight line: increment^{⊗k}/k!, flat, for k = 0, …, 4."""
    levels = [np.ones(1)]
    for k in range(1, 5):
        levels.append(np.kron(levels[-1], increment) / k)
    return levels


def test_signature_of_a_line() -> None:
    slope = np.array([0.4, -1.2])
    line = STEP * np.arange(1, 65)[:, None] * slope + START
    found = PathSample(line[None], START, STEP).expected_signature(SCALES)
    expected = np.concatenate(tensor_levels(np.array([1.0, *(slope / SCALES)]))[1:])
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_signature_of_two_lines_by_chen() -> None:
    points = np.array([[0.3, -1.0], [-0.2, 2.0]])
    found = PathSample(points[None] + START, START, 0.5).expected_signature((0.5, 2.0))
    first = tensor_levels(np.array([0.5, *(points[0] / (0.5, 2.0))]))
    second = tensor_levels(np.array([0.5, *((points[1] - points[0]) / (0.5, 2.0))]))
    product = [sum(np.kron(first[j], second[k - j]) for j in range(k + 1)) for k in range(1, 5)]
    np.testing.assert_allclose(found, np.concatenate(product), atol=1e-12)


def test_signature_distance_of_two_lines() -> None:
    """The expected signature is the mean of the paths' signatures, and the distance its Euclidean norm."""
    up, down = (slope * STEP * np.arange(1, 65)[:, None] * np.ones(2) for slope in (1.0, -1.0))
    samples = PathSample(np.stack([up, up]), (0.0, 0.0), STEP)
    high, low = (np.concatenate(tensor_levels(np.array([1.0, slope, slope]))[1:]) for slope in (1.0, -1.0))
    found = SigW1((1.0, 1.0))(samples, Reference(FixedTruth(np.stack([up, down])), 0))
    assert found == pytest.approx(float(np.linalg.norm(high - (high + low) / 2)), rel=1e-12)


@pytest.mark.parametrize("hurst", [0.1, 0.3, 0.5])
def test_hurst_exponent_of_fractional_brownian_motion(hurst: float) -> None:
    """Over 50 seeds at 1,000 paths the estimates' standard deviation is 0.002 to 0.004; the bound is five of them."""
    paths = fractional_brownian_motion(hurst, 1000, seed=5)
    assert hurst_exponent(1.9 * paths + LOG_XI) == pytest.approx(hurst, abs=0.02)
    samples = PathSample(np.stack([np.zeros_like(paths), paths], axis=-1), (0.0, 0.0), STEP)
    assert HurstError(0.07)(samples, REFERENCE) == hurst_exponent(paths) - 0.07


def test_hurst_regression_of_lines() -> None:
    """Increments of a line are its slope times the lag."""
    slopes = np.array([[2.0], [-3.0]])
    found = hurst_regression(slopes * np.arange(20))
    np.testing.assert_array_equal(found.lags, [1, 2, 3, 4, 5])
    expected = [[(2.0**q + 3.0**q) / 2 * lag**q for lag in found.lags] for q in found.orders]
    np.testing.assert_allclose(found.moments, expected, rtol=1e-12)
    np.testing.assert_allclose(found.slopes, found.orders, rtol=1e-12)
    assert hurst_exponent(slopes * np.arange(20)) == pytest.approx(1.0, rel=1e-12)


def test_smoothed_variance_is_less_rough() -> None:
    smooth = OTHER.paths.copy()
    smooth[:, 1:, 1] = 0.5 * (OTHER.paths[:, 1:, 1] + OTHER.paths[:, :-1, 1])
    metric = HurstError(0.3)
    of_truth, of_other = metric(EXACT, REFERENCE), metric(OTHER, REFERENCE)
    assert of_other == pytest.approx(of_truth, abs=0.005)
    assert metric(changed(smooth), REFERENCE) > of_truth + 0.05


def test_what_is_kept_equals_what_is_computed_afresh() -> None:
    kept, fresh = EXACT[:100], changed(EXACT.paths[:100].copy())
    for _ in range(2):  # the second time from what is kept
        for name in ("sorted_values", "deviations", "autocorrelation", "cross_correlation"):
            np.testing.assert_array_equal(getattr(kept, name), getattr(fresh, name))
            assert getattr(kept, name) is getattr(kept, name)
        for scales in (SCALES, (1.0, 1.0)):
            np.testing.assert_array_equal(kept.expected_signature(scales), fresh.expected_signature(scales))
            assert kept.expected_signature(scales) is kept.expected_signature(scales)
    assert np.abs(kept.expected_signature(SCALES) - kept.expected_signature((1.0, 1.0))).max() > 0.1


def test_slices() -> None:
    assert EXACT[:N] is EXACT
    part = EXACT[10:30]
    assert len(part) == 20
    np.testing.assert_array_equal(part.paths, EXACT.paths[10:30])
    assert (part.start, part.step) == (START, STEP)


@PROPERTY
@given(seed=st.integers(0, 10_000), n=st.integers(2, 60))
@pytest.mark.parametrize("metric", METRICS, ids=IDS)
def test_the_order_of_samples_does_not_matter(metric: Metric, seed: int, n: int) -> None:
    paths = OTHER.paths[:n]
    shuffled = np.random.default_rng(seed).permutation(paths)
    expected = metric(changed(paths), REFERENCE)
    assert metric(changed(shuffled), REFERENCE) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_metrics_leave_their_samples_alone() -> None:
    samples = changed(OTHER.paths[:50].copy())
    for metric in METRICS:
        metric(samples, REFERENCE)
    np.testing.assert_array_equal(samples.paths, OTHER.paths[:50])


def test_constant_paths_have_no_correlation_and_no_exponent() -> None:
    """The mean of equal values differs from them in floating point, and so must not pass for a spread."""
    samples = changed(np.full((1000, TIMES, 2), 0.1))
    assert samples.paths.std(0).max() > 0
    values = {metric.name: metric(samples, REFERENCE) for metric in METRICS}
    silent = {name for name, value in values.items() if not math.isfinite(value)}
    assert silent == {"autocorrelation", "cross-correlation", "leverage", "hurst"}
    assert math.isinf(PathW1()(samples, Reference(FixedTruth(np.zeros((1000, TIMES, 2))), 0)))


def test_too_few_samples() -> None:
    for metric in METRICS[:-2]:
        with pytest.raises(BadInput, match=f"{metric.name} needs at least 2 samples, got 1"):
            metric.sample_size(1)
    assert [metric.sample_size(2) for metric in METRICS] == [2] * len(METRICS)
    assert [metric.sample_size(1) for metric in METRICS[-2:]] == [1, 1]
    with pytest.raises(BadInput, match="sig-w1 needs at least 1 sample"):
        SigW1(SCALES).sample_size(0)


def test_too_few_times_for_an_exponent() -> None:
    with pytest.raises(BadInput, match="at least 8 times, got 7"):
        hurst_exponent(np.zeros((5, 7)))
    assert len(hurst_regression(np.random.default_rng(0).standard_normal((5, 8))).lags) == 2


@pytest.mark.parametrize("shape", [(5, 64), (5, 64, 3), (64,)])
def test_paths_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(BrokenContract, match=r"shape \(n, T, 2\)"):
        PathSample(np.zeros(shape), START, STEP)


def test_paths_at_other_times_than_the_exact_ones() -> None:
    with pytest.raises(BrokenContract, match="have no exact ones"):
        PathW1()(changed(np.zeros((10, 1, 2))), REFERENCE)
