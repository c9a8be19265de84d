"""The tasks `gmm` (on the line) and `gmm2d` (a 5 × 5 grid of modes)."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from sigbench.abilities import Teacher
from sigbench.metrics.discrepancy import MMD, KolmogorovSmirnov
from sigbench.metrics.metric import Metric
from sigbench.metrics.moments import LostVariance, MeanError, ModeTV, VarianceError
from sigbench.metrics.transport import W1, W2, ExactW2, SlicedW2
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.noise import seed_of
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import VPLinear
from sigbench.task import Task
from sigbench_tasks.mixture.law import GaussianMixture, LineMixture, MixtureScore

if TYPE_CHECKING:
    import altair as alt
    from numpy.typing import NDArray

ARTIFACTS = Path(__file__).parent / "artifacts"
TRAINING_SAMPLES = 1_000_000


class _MixtureTask(Task):
    """A mixture under the linear VP schedule, with the analytic score in the place of a network."""

    @staticmethod
    def law() -> GaussianMixture:
        """Returns the mixture."""
        raise NotImplementedError

    def truth(self) -> GaussianMixture:
        return self.law()

    def problem(self, device: torch.device, dtype: torch.dtype) -> ReverseDiffusion:
        schedule = VPLinear()
        # There is no network here that bfloat16 could be for: the score is computed in the state's own dtype.
        score = MixtureScore(self.law(), schedule, device, torch.float32 if dtype == torch.bfloat16 else dtype)
        return ReverseDiffusion(schedule, Denoiser(score, "score", schedule), self.shape, device)

    def students(self) -> Sequence[Path]:
        """Returns the folders of Sig-DEG's student, which has the task's name, and of its rivals."""
        return (ARTIFACTS / self.name, *sorted(ARTIFACTS.glob(f"{self.name}-*")))

    def training_data(self) -> tuple[torch.Tensor, None]:
        drawn = self.law().sample(TRAINING_SAMPLES, seed_of(purpose="students"))
        return torch.from_numpy(drawn).float().view(-1, *self.shape), None

    def floors(self) -> Path:
        return ARTIFACTS / "floors.json"


class GMM(_MixtureTask):
    """Three modes on the line: everything is analytic, so this task is the suite's ruler."""

    name, version, title = "gmm", 2, "Gaussian mixture on the line, three modes"
    shape = (1,)
    default_samples = 50_000
    default_steps = (5, 10, 20)
    default_grid = "quadratic"
    batch_size = 16_384
    teacher = Teacher(300, "quadratic")

    @staticmethod
    @cache
    def law() -> LineMixture:
        return LineMixture(
            weights=np.array([0.3, 0.4, 0.3]),
            means=np.array([[-2.0], [0.0], [2.5]]),
            stds=np.array([0.3, 0.2, 0.4]),
        )

    def to_data(self, samples: torch.Tensor) -> torch.Tensor:
        return samples[:, 0]

    def picture(
        self, samples: "NDArray[np.float64]", title: str, labels: "NDArray[np.int64] | None" = None
    ) -> "alt.TopLevelMixin":
        from sigbench_tasks.mixture.pictures import line_density_chart

        x = np.linspace(-3.5, 4.2, 1000)
        return line_density_chart(samples, x, self.law().density(x[:, None]), title)

    def metrics(self) -> Sequence[Metric]:
        return (
            W1(),
            W2(),
            KolmogorovSmirnov(),
            ModeTV(),
            MeanError(),
            VarianceError(),
            LostVariance(),
            MMD(bandwidths=(0.1, 0.5, 2.0)),
        )


class GMM2D(_MixtureTask):
    """Twenty-five modes in the plane, spacing 2 and standard deviation 0.15: a sampler may lose some."""

    name, version, title = "gmm2d", 2, "Gaussian mixture in the plane, 5 × 5 modes"
    shape = (2,)
    default_samples = 50_000
    default_steps = (5, 10, 20)
    default_grid = "quadratic"
    batch_size = 8_192
    teacher = Teacher(300, "quadratic")

    @staticmethod
    @cache
    def law() -> GaussianMixture:
        axis = np.arange(-4.0, 5.0, 2.0)
        means = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        return GaussianMixture(np.full(25, 1 / 25), means, np.full(25, 0.15))

    def picture(
        self, samples: "NDArray[np.float64]", title: str, labels: "NDArray[np.int64] | None" = None
    ) -> "alt.TopLevelMixin":
        from sigbench_tasks.mixture.pictures import plane_scatter_chart

        return plane_scatter_chart(samples, self.law().means, title)

    def metrics(self) -> Sequence[Metric]:
        return (
            SlicedW2(),
            ExactW2(),
            ModeTV(),
            MeanError(),
            VarianceError(),
            LostVariance(),
            MMD(bandwidths=(0.15, 0.75, 3.0)),
        )
