"""What the tasks of rough Bergomi paths share, the shipped one and those of files."""

from abc import abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sigbench.abilities import Teacher
from sigbench.errors import BadInput
from sigbench.metrics.path_sample import PathSample
from sigbench.metrics.spectra import Spectrum, increment_spectrum
from sigbench.networks.recipe import Recipe
from sigbench.networks.scheduled import ScheduledDenoiser, load_denoiser
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.noise import seed_of
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import VPLinear
from sigbench.task import Task
from sigbench_tasks.rbergomi.specification import Specification
from sigbench_tasks.rbergomi.teacher_training import TeacherRecipe
from sigbench_tasks.rbergomi.truth import RoughBergomiTruth

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from sigbench_tasks.rbergomi.pictures import SmileRow

TRAINING_PATHS = 100_000


class PathsTask(Task):
    """Paths of a specification in standardised coordinates (coordinates.py), judged as (log S, log V)."""

    specification: ClassVar[Specification]
    default_samples = 10_000
    default_steps: ClassVar[tuple[int, ...]] = (5, 10)
    default_grid = "quadratic"
    batch_size = 1_024
    teacher = Teacher(300, "quadratic")

    def truth(self) -> RoughBergomiTruth:
        return _truth(self.specification)

    @abstractmethod
    def networks(self) -> Mapping[str, Path]:
        """Returns the folders of its networks, that of the denoiser as "teacher"."""

    def problem(self, device: "torch.device", dtype: "torch.dtype") -> ReverseDiffusion:
        schedule = VPLinear()
        denoiser = load_denoiser(self.networks()["teacher"], schedule, device, dtype)
        network = ScheduledDenoiser(denoiser, schedule, dtype)
        return ReverseDiffusion(schedule, Denoiser(network, "x0", schedule), self.shape, device)

    def observe(self, samples: "torch.Tensor", labels: "torch.Tensor | None") -> PathSample:
        return self.truth().seen(self.to_data(samples.double()).cpu().numpy())

    def observe_truth(self, n: int, seed: int) -> PathSample:
        return self.truth().observed(n, seed)

    def recipes(self) -> Mapping[str, Recipe]:
        return {"teacher": TeacherRecipe(self.specification)}

    def training_data(self) -> "tuple[torch.Tensor, None]":
        paths = self.truth().paths(TRAINING_PATHS, seed_of(purpose="students"))
        return self.truth().coordinates.to_states(paths).float(), None

    def to_data(self, samples: "torch.Tensor") -> "torch.Tensor":
        return self.truth().coordinates.to_paths(samples)

    def spectrum(self, samples: "NDArray[np.float64]") -> Spectrum:
        if self.specification.fine is None:
            raise BadInput(
                f"the times of the task {self.name!r} are not equally far apart: its paths have no spectrum."
            )
        interval = self.specification.last / len(self.specification.places)
        return increment_spectrum(samples[:, :, 1], interval, "increments of log V", "cycles a year")

    def picture(
        self, samples: "NDArray[np.float64]", title: str, labels: "NDArray[np.int64] | None" = None
    ) -> "alt.TopLevelMixin":
        from sigbench_tasks.rbergomi.pictures import paths_picture

        exact = self.truth().observed(max(len(samples), 1_000), 0)
        rows = self.smile_rows(self.truth().seen(samples))
        return paths_picture(samples, exact.paths, title, rows, self.specification.times)

    def smile_rows(self, samples: PathSample) -> "list[SmileRow] | None":
        """Returns the rows of the smile's chart, None where the picture has none."""
        return None


@lru_cache(maxsize=4)
def _truth(specification: Specification) -> RoughBergomiTruth:
    return RoughBergomiTruth(specification)
