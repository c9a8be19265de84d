"""The task `rbergomi`: paths of log-price and log-variance under the rough Bergomi model, with a trained teacher."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sigbench.abilities import Teacher
from sigbench.metrics.duplicates import Duplicates
from sigbench.metrics.metric import Metric
from sigbench.metrics.path_sample import PathSample
from sigbench.metrics.paths import path_metrics
from sigbench.metrics.spectra import Spectrum, increment_spectrum
from sigbench.networks.recipe import Recipe
from sigbench.networks.scheduled import ScheduledDenoiser, load_denoiser
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.noise import seed_of
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import VPLinear
from sigbench.task import Task
from sigbench_tasks.rbergomi.smile_metric import (
    ForwardError,
    LostPrices,
    SmileError,
    SmileRecipe,
    SpreadError,
    reference_smile,
    smile_rows,
)
from sigbench_tasks.rbergomi.teacher_training import TeacherRecipe
from sigbench_tasks.rbergomi.truth import HORIZON, POINTS, SHAPE, RoughBergomiTruth

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    import torch
    from numpy.typing import NDArray

ARTIFACTS = Path(__file__).parent / "artifacts"
TRAINING_PATHS = 100_000


class RBergomi(Task):
    """Paths at 64 times up to a year, in standardised coordinates (coordinates.py), judged as (log S, log V)."""

    name, version, title = "rbergomi", 3, "Rough Bergomi, paths of log-price and log-variance, with a trained teacher"
    shape = SHAPE
    default_samples = 10_000
    default_steps = (5, 10)
    default_grid = "quadratic"
    batch_size = 1_024
    teacher = Teacher(300, "quadratic")

    @staticmethod
    @cache
    def _truth() -> RoughBergomiTruth:
        return RoughBergomiTruth()

    def truth(self) -> RoughBergomiTruth:
        return self._truth()

    def problem(self, device: "torch.device", dtype: "torch.dtype") -> ReverseDiffusion:
        schedule = VPLinear()
        network = ScheduledDenoiser(load_denoiser(ARTIFACTS / "teacher", schedule, device, dtype), schedule, dtype)
        return ReverseDiffusion(schedule, Denoiser(network, "x0", schedule), self.shape, device)

    def metrics(self) -> Sequence[Metric]:
        smile = reference_smile(ARTIFACTS / "smile")
        return (
            *path_metrics(self.truth().model.hurst),
            SmileError(smile),
            LostPrices(smile),
            ForwardError(),
            SpreadError(),
            Duplicates(),
        )

    def observe(self, samples: "torch.Tensor", labels: "torch.Tensor | None") -> PathSample:
        return self.truth().seen(self.to_data(samples.double()).cpu().numpy())

    def observe_truth(self, n: int, seed: int) -> PathSample:
        return self.truth().observed(n, seed)

    def students(self) -> Sequence[Path]:
        return (ARTIFACTS / "student",)

    def floors(self) -> Path:
        return ARTIFACTS / "floors.json"

    def networks(self) -> Mapping[str, Path]:
        return {"teacher": ARTIFACTS / "teacher", "smile": ARTIFACTS / "smile"}

    def recipes(self) -> Mapping[str, Recipe]:
        return {"teacher": TeacherRecipe(), "smile": SmileRecipe()}

    def training_data(self) -> "tuple[torch.Tensor, None]":
        paths = self.truth().paths(TRAINING_PATHS, seed_of(purpose="students"))
        return self.truth().coordinates.to_states(paths).float(), None

    def to_data(self, samples: "torch.Tensor") -> "torch.Tensor":
        return self.truth().coordinates.to_paths(samples)

    def spectrum(self, samples: "NDArray[np.float64]") -> Spectrum:
        return increment_spectrum(samples[:, :, 1], HORIZON / POINTS, "increments of log V", "cycles a year")

    def picture(
        self, samples: "NDArray[np.float64]", title: str, labels: "NDArray[np.int64] | None" = None
    ) -> "alt.TopLevelMixin":
        from sigbench_tasks.rbergomi.pictures import paths_picture

        exact = self.truth().observed(max(len(samples), 1_000), 0)
        rows = smile_rows(self.truth().seen(samples), reference_smile(ARTIFACTS / "smile"))
        return paths_picture(samples, exact.paths, title, rows)
