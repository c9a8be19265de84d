"""A task of one Gaussian, where every rival's answer is known: the flow maps x_T to its end by a straight line."""

from collections.abc import Sequence

import numpy as np
import torch

from sigbench.abilities import Teacher
from sigbench.metrics.metric import Metric
from sigbench.metrics.transport import W1
from sigbench.sde.schedule import VPLinear
from sigbench.sigdeg.generators.linear_step import flow_step
from sigbench_tasks.mixture.law import LineMixture
from sigbench_tasks.mixture.task import GMM

MEAN, STD = 0.8, 0.6


class OneGaussian(GMM):
    """N(0.8, 0.6²) under the linear schedule, its score in closed form."""

    name, version, title = "one-gaussian", 1, "One Gaussian"
    teacher = Teacher(60, "quadratic")

    @staticmethod
    def law() -> LineMixture:
        return LineMixture(weights=np.array([1.0]), means=np.array([[MEAN]]), stds=np.array([STD]))

    def metrics(self) -> Sequence[Metric]:
        return (W1(),)

    def students(self) -> Sequence[object]:  # type: ignore[override]
        return ()


def end_of(t: float, x: torch.Tensor) -> torch.Tensor:
    """Where the flow leads states at time `t`, at the schedule's end."""
    exact = flow_step(VPLinear(), t, VPLinear.t_end, STD)
    return exact.decay * x + exact.shift * MEAN
