"""The Hurst exponent of log-variance by the scaling of its increments' moments."""

from typing import NamedTuple

import numpy as np

from sigbench.errors import BadInput
from sigbench.metrics.metric import Array, Reference
from sigbench.metrics.path_sample import PathMetric, PathSample

ORDERS = (0.5, 1.0, 1.5, 2.0, 3.0)


class HurstRegression(NamedTuple):
    """What the regression reads: lags (L,) in steps, moments (Q, L), their orders (Q,), and slopes (Q,) in log-log."""

    lags: Array
    moments: Array
    orders: Array
    slopes: Array


def hurst_regression(log_v: Array) -> HurstRegression:
    """Returns the moments m(q, Δ) = mean |log V(t+Δ) − log V(t)|^q of paths (n, T) and their slopes ζ_q in log Δ.

    The mean is over all paths and all times of the path; Δ = 1, …, T/4 steps. Gatheral, Jaisson & Rosenbaum 2018,
    section 2, with log V in place of log σ = ½ log V, which leaves the slopes as they are. Slopes are NaN where
    paths do not move. Raises BadInput below 8 times, where there is but one lag.
    """
    most = log_v.shape[1] // 4
    if most < 2:
        raise BadInput(f"a Hurst exponent needs at least 8 times, got {log_v.shape[1]}.")
    lags = np.arange(1, most + 1)
    moments = np.empty((len(ORDERS), most))
    by_time = np.ascontiguousarray(log_v.T)
    with np.errstate(all="ignore"):
        for column, lag in enumerate(lags):
            sizes = np.abs(by_time[lag:] - by_time[:-lag])
            moments[:, column] = [np.mean(sizes**order) for order in ORDERS]
        centred = np.log(lags) - np.log(lags).mean()
        slopes = np.log(moments) @ centred / (centred @ centred)
    return HurstRegression(lags.astype(np.float64), moments, np.array(ORDERS), slopes)


def hurst_exponent(log_v: Array) -> float:
    """Returns the H of ζ_q = qH by least squares through 0 over `hurst_regression` of paths (n, T).

    Biased on a process that is not stationary, as one started at 0, or has a drift: compare with exact paths.
    """
    _, _, orders, slopes = hurst_regression(log_v)
    return float(orders @ slopes / (orders @ orders))


class HurstError(PathMetric):
    """The estimated Hurst exponent of log V less the true one; its floor is the estimator's own bias.

    Gatheral, Jaisson & Rosenbaum 2018, section 2. `hurst` is the true exponent.
    """

    name, title, better = "hurst", "Ĥ − H", "zero"
    least = 1
    method = "regression of log moments of order ½ to 3 of increments of log V on log lag, pooled, less the true H"

    def __init__(self, hurst: float) -> None:
        self.hurst = hurst

    def __call__(self, samples: PathSample, reference: Reference) -> float:
        return hurst_exponent(samples.log_v) - self.hurst
