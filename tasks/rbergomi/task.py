"""The task `rbergomi`: paths of log-price and log-variance under the rough Bergomi model, with a trained teacher."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sigbench.metrics.duplicates import Duplicates
from sigbench.metrics.metric import Metric
from sigbench.metrics.path_sample import PathSample
from sigbench.metrics.paths import path_metrics
from sigbench.networks.recipe import Recipe
from sigbench_tasks.rbergomi.paths_task import PathsTask
from sigbench_tasks.rbergomi.smile_metric import (
    ForwardError,
    LostPrices,
    SmileError,
    SmileRecipe,
    SpreadError,
    reference_smile,
    smile_rows,
)
from sigbench_tasks.rbergomi.specification import SHIPPED

ARTIFACTS = Path(__file__).parent / "artifacts"


class RBergomi(PathsTask):
    """Paths at 64 times up to a year, judged by their smile as well."""

    name, version, title = "rbergomi", 3, "Rough Bergomi, paths of log-price and log-variance, with a trained teacher"
    specification = SHIPPED
    shape = SHIPPED.shape

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

    def students(self) -> Sequence[Path]:
        return (ARTIFACTS / "student",)

    def floors(self) -> Path:
        return ARTIFACTS / "floors.json"

    def networks(self) -> Mapping[str, Path]:
        return {"teacher": ARTIFACTS / "teacher", "smile": ARTIFACTS / "smile"}

    def recipes(self) -> Mapping[str, Recipe]:
        return {**super().recipes(), "smile": SmileRecipe()}

    def smile_rows(self, samples: PathSample) -> list[tuple[str, float, float, float]]:
        return smile_rows(samples, reference_smile(ARTIFACTS / "smile"))
