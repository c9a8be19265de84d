"""Metrics of paths of (log S, log V): marginals, correlation structure, leverage, signature, roughness."""

from typing import ClassVar

import numpy as np

from sigbench.metrics.estimate import NON_NEGATIVE
from sigbench.metrics.metric import Array, Metric, Reference
from sigbench.metrics.path_sample import PathMetric, PathSample
from sigbench.metrics.roughness import HurstError

LEVERAGE_LAGS = 16


def marginal_w1(samples: PathSample, exact: PathSample) -> Array:
    """Returns W1 between the samples' and the exact law of each coordinate at each time, data units, shape (2, T).

    In one dimension the optimal coupling pairs equal ranks (Villani 2003, theorem 2.18).
    """
    with np.errstate(over="ignore"):
        return np.abs(samples.sorted_values - exact.sorted_values).mean(-1)


def leverage_curve(cross_correlation: Array) -> Array:
    """Returns the mean over times of corr(return over the i-th step, log V at time i + lag), for lags 0 to 16.

    `cross_correlation` is a PathSample's, (T, T); shape (17,), or (T,) where T is smaller. After Bouchaud, Matacz &
    Potters 2001, with the correlation with log V in place of their moment with squared returns.
    """
    lags = range(min(LEVERAGE_LAGS + 1, len(cross_correlation)))
    return np.array([np.diagonal(cross_correlation, lag).mean() for lag in lags])


def _root_mean_square(differences: Array) -> float:
    return float(np.sqrt(np.mean(differences**2)))


class PathW1(PathMetric):
    """The mean W1 over times and coordinates, in standard deviations of the exact draw at that time."""

    name, title = "w1", "W1"
    bounds = NON_NEGATIVE
    method = "mean over times and coordinates of W1 to an exact draw of the same size, over the draw's deviation"

    def __call__(self, samples: PathSample, reference: Reference) -> float:
        exact = self.exact_of(samples, reference)
        with np.errstate(divide="ignore", invalid="ignore"):
            return float((marginal_w1(samples, exact) / exact.deviations).mean())


class _CoordinateW1(PathMetric):
    coordinate: ClassVar[int]
    worst: ClassVar[bool] = False

    def __call__(self, samples: PathSample, reference: Reference) -> float:
        distances = marginal_w1(samples, self.exact_of(samples, reference))[self.coordinate]
        return float(distances.max() if self.worst else distances.mean())


class LogPriceW1(_CoordinateW1):
    """The mean W1 of log S over times, in data units."""

    name, title, coordinate = "w1-log-s", "W1 log S", 0
    bounds = NON_NEGATIVE
    method = "mean over times of W1 of log S to an exact draw of the same size"


class WorstLogPriceW1(_CoordinateW1):
    """The W1 of log S at the time where it is largest, in data units."""

    name, title, coordinate, worst = "w1-log-s-worst", "worst W1 log S", 0, True
    bounds = NON_NEGATIVE
    method = "maximum over times of W1 of log S to an exact draw of the same size"


class LogVarianceW1(_CoordinateW1):
    """The mean W1 of log V over times, in data units."""

    name, title, coordinate = "w1-log-v", "W1 log V", 1
    bounds = NON_NEGATIVE
    method = "mean over times of W1 of log V to an exact draw of the same size"


class WorstLogVarianceW1(_CoordinateW1):
    """The W1 of log V at the time where it is largest, in data units."""

    name, title, coordinate, worst = "w1-log-v-worst", "worst W1 log V", 1, True
    bounds = NON_NEGATIVE
    method = "maximum over times of W1 of log V to an exact draw of the same size"


class AutocorrelationError(PathMetric):
    """The root mean square error of the correlations of log S and of log V between all pairs of times.

    NaN where samples are constant at some time.
    """

    name, title = "autocorrelation", "autocorr err"
    bounds = NON_NEGATIVE
    method = "root mean square difference of both full correlation matrices over times to an exact draw's"

    def __call__(self, samples: PathSample, reference: Reference) -> float:
        return _root_mean_square(samples.autocorrelation - self.exact_of(samples, reference).autocorrelation)


class CrossCorrelationError(PathMetric):
    """The root mean square error of the correlations of all returns with log V at all times.

    NaN where samples are constant at some time.
    """

    name, title = "cross-correlation", "cross-corr err"
    bounds = NON_NEGATIVE
    method = "root mean square difference of the full matrix corr(return, log V) to an exact draw's"

    def __call__(self, samples: PathSample, reference: Reference) -> float:
        return _root_mean_square(samples.cross_correlation - self.exact_of(samples, reference).cross_correlation)


class LeverageError(PathMetric):
    """The root mean square error of the leverage curve over its lags (see `leverage_curve`)."""

    name, title = "leverage", "leverage err"
    bounds = NON_NEGATIVE
    method = "root mean square difference of mean corr(return, log V later) at lags 0 to 16 to an exact draw's"

    def __call__(self, samples: PathSample, reference: Reference) -> float:
        exact = self.exact_of(samples, reference)
        own_curve, exact_curve = leverage_curve(samples.cross_correlation), leverage_curve(exact.cross_correlation)
        return _root_mean_square(own_curve - exact_curve)


class SigW1(PathMetric):
    """The Euclidean distance between expected signatures truncated at depth 4 (Ni et al. 2021, Sig-W1).

    Of the path (time, log S, log V) from its known start, by pysiglib. `scales` are the units of log S and log V:
    they belong to the task and never to the samples.
    """

    name, title = "sig-w1", "Sig-W1"
    bounds = NON_NEGATIVE
    least = 1
    method = "norm of the difference of mean signatures, depth 4, time-augmented, to an exact draw of the same size"

    def __init__(self, scales: tuple[float, float]) -> None:
        self.scales = scales

    def __call__(self, samples: PathSample, reference: Reference) -> float:
        exact = self.exact_of(samples, reference).expected_signature(self.scales)
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.linalg.norm(samples.expected_signature(self.scales) - exact))


def path_metrics(hurst: float, scales: tuple[float, float] = (0.5, 1.9)) -> tuple[Metric, ...]:
    """Returns all metrics of paths, the headline first.

    `hurst` is the true exponent of log V; `scales` the units of log S and log V in the signature, by default
    0.5 ≈ 2√ξ, and η, of the rough Bergomi task: with √ξ itself the words of fourth order in log S, whose lower tail
    is heavy, drown all others, and a fault of 5 % in log S is not seen at 10,000 paths.
    """
    return (
        PathW1(),
        LogPriceW1(),
        WorstLogPriceW1(),
        LogVarianceW1(),
        WorstLogVarianceW1(),
        AutocorrelationError(),
        CrossCorrelationError(),
        LeverageError(),
        SigW1(scales),
        HurstError(hurst),
    )
