"""Tasks that a file makes of a rough Bergomi model: `sigbench run --task my.toml` where it has a table [rbergomi]."""

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sigbench.abilities import Teacher
from sigbench.errors import BadInput
from sigbench.files import exists
from sigbench.metrics.duplicates import Duplicates
from sigbench.metrics.metric import Metric
from sigbench.metrics.path_sample import PathSample
from sigbench.metrics.paths import path_metrics
from sigbench.networks.artifacts import MANIFEST, Manifest, read_manifest
from sigbench.networks.recipe import Recipe
from sigbench.task import Task
from sigbench_tasks.rbergomi.own.file import RoughBergomiFile, read_rough_bergomi_file, specification_of
from sigbench_tasks.rbergomi.own.payoffs import payoffs_of
from sigbench_tasks.rbergomi.paths_task import PathsTask
from sigbench_tasks.rbergomi.payoffs.kinds import European, Payoff
from sigbench_tasks.rbergomi.payoffs.metrics import metric_of, volatility_of
from sigbench_tasks.rbergomi.payoffs.prices import Prices, prices_of
from sigbench_tasks.rbergomi.payoffs.recipe import PricesRecipe
from sigbench_tasks.rbergomi.smile_metric import ForwardError, SpreadError
from sigbench_tasks.rbergomi.specification import Specification

_OF_EQUAL_STEPS = ("leverage", "sig-w1", "hurst")
_FEWEST_TIMES = 8  # of a Hurst exponent


class RoughBergomiOfFile(PathsTask):
    """A task of a file. Its classes are made by `file_task`, one a file, with the file's facts on their faces."""

    file: ClassVar[Path]
    payoffs: ClassVar[tuple[Payoff, ...]]
    network: ClassVar[Path]

    def metrics(self) -> Sequence[Metric]:
        own = self.specification
        # In units as those of the shipped task: two deviations of log S over a year, and η; log V has η·T^H at T.
        scales = (2 * self._deviation(), own.model.eta * own.last**own.model.hurst)
        left_out = _OF_EQUAL_STEPS if own.fine is None else ("hurst",) if len(own.places) < _FEWEST_TIMES else ()
        of_paths = (metric for metric in path_metrics(own.model.hurst, scales) if metric.name not in left_out)
        return (
            *of_paths,
            ForwardError(),
            SpreadError(),
            *(metric_of(payoff, self.prices) for payoff in self.payoffs),
            Duplicates(),
        )

    @property
    def prices(self) -> Prices:
        """The simulator's own means of the payoffs."""
        return prices_of(self.specification, self.payoffs, self.default_samples)

    def networks(self) -> Mapping[str, Path]:
        """Returns the folder of the denoiser; raises BadInput where there is none, or one of other parameters."""
        command = f"`{_training(self.file, self.network)}`"
        if not exists(self.network / MANIFEST):
            raise BadInput(f"{self.file}: there is no network in {self.network}: train it by {command}.")
        manifest = read_manifest(self.network)
        if manifest.data.get("specification") != self.specification.hash:
            raise BadInput(
                f"{self.file}: the network in {self.network} was trained for {_others(manifest, self.specification)}: "
                f"train one by {command[:-1]} --overwrite`."
            )
        return {"teacher": self.network}

    def recipes(self) -> Mapping[str, Recipe]:
        return {**super().recipes(), **({"prices": PricesRecipe(self.prices)} if self.payoffs else {})}

    def hashes(self) -> Mapping[str, str]:
        """Returns the hash of the parameters: what samples are of, and what judges them."""
        return {"specification": self.specification.hash}

    def smile_rows(self, samples: PathSample) -> list[tuple[str, float, float, float]] | None:
        """Returns the rows of those payoffs that are seen as implied volatilities."""
        seen = [payoff for payoff in self.payoffs if isinstance(payoff, European) and payoff.in_volatility]
        prices = [
            (who, payoff, price)
            for payoff in seen
            for who, price in (
                ("samples", float(payoff(samples.paths).mean())),
                ("exact", self.prices.of(payoff).mean),
            )
        ]
        rows = [(who, p.time, math.log(p.strike), volatility_of(p, price)) for who, p, price in prices]
        return rows or None

    def _deviation(self) -> float:
        """The deviation of log S at the last time were the variance what is expected."""
        last = self.specification.times[-1:]
        return math.sqrt(float(self.specification.model.forward.mean_over(np.asarray(last))[0]) * last[0])


def file_task(text: str) -> type[Task]:
    """Returns the task class of a file; raises BadInput, in a sentence, for whatever does not fit in it."""
    path = Path(text).resolve()
    read = read_rough_bergomi_file(path)
    try:
        specification = specification_of(read.rbergomi)
        payoffs = payoffs_of(read.payoffs, specification)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    return type(read.name, (RoughBergomiOfFile,), _facts(path, read, specification, payoffs))


def _facts(
    path: Path, read: RoughBergomiFile, specification: Specification, payoffs: tuple[Payoff, ...]
) -> dict[str, Any]:
    model = specification.model
    return {
        "__module__": __name__,
        "name": read.name,
        "version": read.version,
        "title": read.title or f"{read.name}: rough Bergomi, H = {model.hurst:g}, η = {model.eta:g}, ρ = {model.rho:g}",
        "shape": specification.shape,
        "default_samples": read.judge.samples,
        "default_steps": read.steps,
        "default_grid": read.grid,
        "batch_size": read.batch,
        "teacher": Teacher(read.teacher.steps, read.teacher.grid, read.teacher.scheme),
        "specification": specification,
        "file": path,
        "payoffs": payoffs,
        "network": path.parent / (read.model.network or f"{path.stem}-teacher"),
    }


def _training(file: Path, network: Path) -> str:
    return shlex.join(["sigbench", "train", "--task", str(file), "--what", "teacher", "--out", str(network)])


def _others(manifest: Manifest, specification: Specification) -> str:
    """What a network was trained for instead: the first parameter that differs, where its manifest names them."""
    theirs, ours = manifest.data.get("parameters"), specification.facts()
    if not isinstance(theirs, dict):
        return "another task"
    for name, value in ours.items():
        if theirs.get(name) != value:
            return f"other parameters, {name} = {theirs.get(name)} where the file has {value}"
    return "other parameters"
