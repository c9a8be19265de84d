"""Floors: closed forms beside exact draws, what is kept of drawn ones, and for whom."""

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from sigbench.abilities import metrics_of
from sigbench.cli.app import main
from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.measure.truth.floors import (
    DRAWS,
    FloorEntry,
    Floors,
    draw_floors,
    entry_of,
    keep,
    merge_floors,
    read_floors,
)
from sigbench.metrics.discrepancy import KolmogorovSmirnov
from sigbench.metrics.estimate import SHARE, Better, Floor, floor_of
from sigbench.metrics.metric import Array, Metric, Reference
from sigbench.metrics.moments import MeanError, VarianceError
from sigbench.metrics.transport import W1, W2, expected_w1
from sigbench.registry import make_metric, make_task
from sigbench.task import Task
from sigbench_tasks.mixture.task import GMM


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache."""
    monkeypatch.setenv("SIGBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def kept(folder: Path) -> list[dict[str, Any]]:
    """The entries of a cache, by their metrics."""
    found = [json.loads(file.read_text()) for file in (folder / "floors").glob("*.json")]
    return sorted(found, key=lambda entry: (entry["metric"], entry["n"]))


class Counting(Metric):
    """The largest sample, and how often anybody asked."""

    name, title, method = "largest", "largest", "the largest sample"
    calls = 0

    def __call__(self, samples: Array, reference: Reference) -> float:
        type(self).calls += 1
        return float(samples.max())


class Constant(Metric):
    """A tenth, whatever the samples."""

    name, title, method = "constant", "constant", "a tenth"
    calls = 0

    def __call__(self, samples: Array, reference: Reference) -> float:
        type(self).calls += 1
        return 0.1


class Nearly(Metric):
    """A number, and the same but for a share of it, in turn."""

    name, title, method = "nearly", "nearly", "nearly a number"

    def __init__(self, size: float, share: float, better: Better = "lower") -> None:
        self.size, self.share, self.better, self.calls = size, share, better, 0  # type: ignore[misc]

    def __call__(self, samples: Array, reference: Reference) -> float:
        self.calls += 1
        return self.size * (1 - self.share * (self.calls % 2))


class Signed(Metric):
    """The sample mean, whose best is 0."""

    name, title, method, better = "signed", "signed", "the mean", "zero"

    def __call__(self, samples: Array, reference: Reference) -> float:
        return float(samples.mean())


class Few(Metric):
    """The largest of the first seven samples."""

    name, title, method, max_samples = "few", "few", "the largest of seven", 7

    def __call__(self, samples: Array, reference: Reference) -> float:
        assert len(samples) == 7
        return float(samples.max())


@pytest.fixture(autouse=True)
def nobody_asked() -> None:
    """No calls yet."""
    Counting.calls = Constant.calls = 0


def exact(task: Task, metric: Metric, n: int) -> Floor:
    """The closed form, which must be there."""
    found = metric.exact_floor(task.truth(), n)
    assert found is not None
    return found


@cache
def simulated(task: str, n: int) -> dict[str, NDArray[np.float64]]:
    """W1 and KS of exact draws with a seed that no floor has: 2,000 large ones, or 4,000 small ones."""
    truth: Any = make_task(task).truth()
    draws, quantiles = 4000 if n < 500 else 2000, truth.quantile((np.arange(n) + 0.5) / n)
    samples = np.sort(truth.sample(draws * n, 123_456_789 + n).reshape(draws, n), 1)
    levels = truth.cdf(samples.ravel()).reshape(samples.shape)
    above, below = np.arange(1, n + 1) / n - levels, levels - np.arange(n) / n
    return {"w1": np.abs(samples - quantiles).mean(1), "ks": np.maximum(above.max(1), below.max(1))}


class TestClosedForms:
    """Expectations that nobody needs to draw."""

    @pytest.mark.parametrize("n", [100, 1000])
    @pytest.mark.parametrize("task", ["gmm", "ou", "gbm"])
    def test_they_are_the_mean_of_exact_draws(self, task: str, n: int) -> None:
        """Within three standard errors of 2,000 to 4,000 draws: the formula's own error is smaller by far."""
        for metric in (W1(), KolmogorovSmirnov()):
            found, values = exact(make_task(task), metric, n), simulated(task, n)[metric.name]
            assert abs(found.value - values.mean()) < 3 * stats.sem(values), metric.name
            assert (found.error, found.draws) == (0.0, 0)
            if found.sd is not None:
                assert found.sd == pytest.approx(values.std(), rel=0.1)

    @pytest.mark.parametrize("task", ["gmm", "ou"])
    def test_they_agree_with_floors_that_are_drawn(self, task: str) -> None:
        """Within three joint standard errors of 200 draws and none, by the metrics themselves."""
        own = make_task(task)
        for metric, drawn in draw_floors(own, [W1(), KolmogorovSmirnov()], 100, most=200):
            closed = exact(own, metric, 100)
            assert abs(closed.value - drawn.value) < 3 * sqrt(drawn.error**2 + closed.error**2)

    def test_the_metrics_count_as_the_simulation_does(self) -> None:
        truth: Any = make_task("ou").truth()
        samples, quantiles = truth.sample(100, 5), truth.quantile((np.arange(100) + 0.5) / 100)
        assert W1()(samples, Reference(truth, 0)) == pytest.approx(np.abs(np.sort(samples[:, 0]) - quantiles).mean())

    @pytest.mark.parametrize(("n", "room"), [(10, 0.01), (100, 0.001), (1000, 0.0001)])
    def test_kolmogorovs_law_is_near_the_exact_one(self, n: int, room: float) -> None:
        found, x = exact(make_task("gmm"), KolmogorovSmirnov(), n), np.linspace(0, min(1.0, 3 / sqrt(n)), 201)
        survival = stats.kstwo.sf(x, n)  # whose integrals are the moments; scipy's own mean takes a second
        mean, square = np.trapezoid(survival, x), np.trapezoid(2 * x * survival, x)
        assert found.value == pytest.approx(mean, rel=room)
        assert found.sd == pytest.approx(sqrt(square - mean**2), rel=8 * room)

    @pytest.mark.parametrize("n", [1, 2, 7, 1999, 2001])
    def test_w1_of_a_uniform_law_by_sums(self, n: int) -> None:
        """On [0, 1] the quantiles are (i+½)/n and the order statistics beta: the expectation is a sum of betas'."""

        class Uniform:
            def cdf(self, x: Array) -> Array:
                return np.clip(x, 0.0, 1.0)

            def quantile(self, p: Array) -> Array:
                return np.asarray(p)

        ranks = np.arange(1, n + 1)
        q, mean = (ranks - 0.5) / n, ranks / (n + 1)
        below = q * stats.beta.cdf(q, ranks, n + 1 - ranks) - mean * stats.beta.cdf(q, ranks + 1, n + 1 - ranks)
        assert expected_w1(Uniform(), n) == pytest.approx(float((2 * below + mean - q).mean()), rel=2e-3)

    def test_w1_of_one_draw_is_its_distance_from_the_median(self) -> None:
        """√(2/π) deviations of a normal law."""
        law: Any = make_task("ou").truth()
        assert expected_w1(law, 1) == pytest.approx(law.scale * sqrt(2 / np.pi), rel=1e-4)

    def test_w1_of_many_draws_falls_by_their_root(self) -> None:
        """√(2/(πn))·∫√(F(1 − F)), from a quadrature of its own."""
        law: Any = make_task("gbm").truth()
        x = np.linspace(1e-6, 40, 400_001)
        p = law.cdf(x)
        limit = np.trapezoid(np.sqrt(p * (1 - p)), x) * sqrt(2 / np.pi)
        assert expected_w1(law, 50_000) * sqrt(50_000) == pytest.approx(limit, rel=0.005)

    @pytest.mark.parametrize(("freedom", "n"), [(3.0, 100), (2.5, 1), (2.5, 100), (2.5, 3000), (2.2, 100)])
    def test_w1_of_a_law_with_heavy_tails(self, freedom: float, n: int) -> None:
        """A user's truth may be Student's t with two and a half degrees of freedom: 0.2 %, beside a sum over ranks.

        A draw at level u has rank i with the probability of i − 1 of the n − 1 others below it. Both halves are alike.
        """

        class Student:
            def cdf(self, x: Array) -> Array:
                return np.asarray(stats.t.cdf(x, freedom))

            def quantile(self, p: Array) -> Array:
                return np.asarray(stats.t.ppf(p, freedom))

        law, ranks = Student(), np.arange(n)
        u = 1 / (1 + np.exp(-np.linspace(np.log(1e-14), 0, 501)))
        distances = np.abs(law.quantile(u)[:, None] - law.quantile((ranks + 0.5) / n))
        found = 2 * np.trapezoid((distances * stats.binom.pmf(ranks, n - 1, u[:, None])).sum(1), u)
        assert expected_w1(law, n) == pytest.approx(float(found), rel=2e-3)

    def test_what_has_no_closed_form_says_so(self) -> None:
        assert W2().exact_floor(make_task("gmm").truth(), 100) is None
        assert MeanError().exact_floor(make_task("gmm").truth(), 100) is None
        assert W1().exact_floor(make_task("gmm2d").truth(), 100) is None

    def test_they_are_taken_before_anything_is_drawn(self, cache_folder: Path) -> None:
        task = make_task("gmm")
        assert Floors(task, task.metrics()[:1]).floor(task.metrics()[0], 100) == exact(task, W1(), 100)
        assert not cache_folder.exists()


class TestDraws:
    """Floors from exact draws."""

    TASK = make_task("gmm")

    def floors(self, metrics: Sequence[Metric], n: int = 50, **options: Any) -> dict[str, Floor]:
        return {metric.name: floor for metric, floor in draw_floors(self.TASK, metrics, n, **options)}

    def test_they_are_the_mean_and_the_spread_of_the_metric(self) -> None:
        values: list[float] = []

        class Seen(Counting):
            def __call__(self, samples: Array, reference: Reference) -> float:
                values.append(float(samples.max()))
                return values[-1]

        found = self.floors([Seen()], most=30)["largest"]
        assert found == floor_of(values, "lower")
        assert found.draws == len(set(values)) == 30

    def test_draw_number_i_is_the_same_whatever_is_asked_for(self) -> None:
        class Remembering(Metric):
            name, title, method = "remembering", "remembering", "what it saw"

            def __init__(self) -> None:
                self.seen: list[tuple[list[float], int, list[float]]] = []

            def __call__(self, samples: Array, reference: Reference) -> float:
                self.seen.append((samples[:, 0].tolist(), reference.seed, reference.draw(3)[:, 0].tolist()))
                return float(samples.mean())

        few, many, among, precise = Remembering(), Remembering(), Remembering(), Remembering()
        self.floors([few], most=3)
        self.floors([many], most=25)
        self.floors([MeanError(), among, Few(), W2()], most=4)
        self.floors([precise], most=30, precision=1e-9)
        assert many.seen[:3] == few.seen == among.seen[:3] == precise.seen[:3]
        assert many.seen == precise.seen[:25]
        assert len({seed for _, seed, _ in many.seen}) == len(many.seen) == 25
        assert all(samples[:3] != reference for samples, _, reference in many.seen)

    def test_no_seed_of_a_measurement_has_a_part_in_them(self, cache_folder: Path) -> None:
        floors = []
        for seed in (0, 1):
            for file in (cache_folder / "floors").glob("*"):
                file.unlink()
            settings = Settings("gmm", samples=50, repeats=2, seed=seed, device="cpu", only=("w2", "mode-tv"))
            (record,) = measure(plan_cells(settings, ["euler-maruyama"], [2]))
            floors.append([(m["floor"], m["floor_error"], m["floor_draws"]) for m in record["metrics"].values()])
        assert floors[0] == floors[1]

    def test_each_metric_has_the_size_that_it_reads(self) -> None:
        small, large = (self.floors([Few()], n, most=5)["few"] for n in (50, 500))
        assert small == large
        assert Floors(self.TASK, [Few()]).floor(Few(), 50) == Floors(self.TASK, [Few()]).floor(Few(), 500)

    def test_where_zero_is_best_it_is_the_distance_from_it(self) -> None:
        floor = self.floors([Signed()], most=40)["signed"]
        assert floor.value > 3 * floor.error > 0

    @pytest.mark.parametrize("precision", [None, 0.01])
    @pytest.mark.parametrize(("better", "size"), [("lower", 0.1), ("higher", 0.1), ("zero", -0.1), ("lower", 0.0)])
    def test_draws_that_are_all_the_same_are_one(self, better: Better, size: float, precision: float | None) -> None:
        """As of a whole test set: there is no second one, and nothing is known of the error."""
        metric = Nearly(size, 0.0, better)
        expected = Floor(abs(size), 0.0, None, 1)
        assert self.floors([metric], most=40, precision=precision) == {"nearly": expected}
        assert metric.calls == (40 if precision is None else DRAWS)

    @pytest.mark.parametrize("precision", [None, 1.0])
    @pytest.mark.parametrize("better", ["lower", "higher", "zero"])
    def test_so_are_those_that_differ_by_rounding(self, better: Better, precision: float | None) -> None:
        """By 1e-12 of them, as sums do whose order is another; by more they are draws."""
        for size in (1e-200, 0.1, 1e200):
            found = self.floors([Nearly(size, 9e-13, better)], most=40, precision=precision)["nearly"]
            assert (found.draws, found.error, found.sd) == (1, 0.0, None)
            assert found.value == pytest.approx(size, rel=1e-12, abs=0)
            found = self.floors([Nearly(size, 1.1e-12, better)], most=40, precision=precision)["nearly"]
            assert found.draws == (40 if precision is None else DRAWS)
            assert found.sd is not None
            assert found.error > 0

    def test_they_end_when_they_are_precise(self) -> None:
        for precision in (0.05, 0.1, 0.2):
            found = self.floors([MeanError(), W2()], most=2000, precision=precision)
            for floor in found.values():
                assert floor.sd is not None
                assert floor.error <= precision * max(floor.value, floor.sd / 3)
                assert floor.draws >= DRAWS
                assert floor.draws % 10 == 0
        assert found["w2"].draws < self.floors([W2()], most=2000, precision=0.05)["w2"].draws

    def test_of_a_share_it_is_the_distance_from_a_perfect_one_that_is_known_so_well(self) -> None:
        """99 % are known to 1 % of themselves after a few draws, and the missing percent is not."""

        class NearlyAll(Metric):
            name, title, method, better, bounds = "nearly-all", "nearly all", "nearly all", "higher", SHARE

            def __call__(self, samples: Array, reference: Reference) -> float:
                return 1 - 0.01 * abs(float(samples.mean()))

        floor = self.floors([NearlyAll()], most=2000, precision=0.05)["nearly-all"]
        assert floor.sd is not None
        assert floor.error <= 0.05 * max(1 - floor.value, floor.sd / 3)
        assert DRAWS < floor.draws < 2000

    def test_they_end_at_the_latest(self) -> None:
        assert self.floors([MeanError()], most=33, precision=1e-9)["mean-error"].draws == 33
        assert self.floors([MeanError()], most=7)["mean-error"].draws == 7

    def test_a_floor_of_nothing_ends_too(self) -> None:
        """A signed number around 0 has no relative error: the deviation of one draw sets the scale."""
        found = self.floors([Counting(), Signed()], most=400, precision=0.3)
        assert found["signed"].draws <= 100

    @pytest.mark.slow
    @pytest.mark.parametrize("precision", [None, 0.05])
    def test_their_intervals_cover_although_drawing_ends_when_they_are_short(self, precision: float | None) -> None:
        """Of 1,000 tasks that differ by their names, so by their seeds, 95 %, within 92.5 and 97 %.

        Drawing looks at the error from the 20th draw on, at every tenth. The standard error of the coverage is 0.7 %.
        """
        covered, draws, truth = [], [], exact(make_task("ou"), W1(), 30).value
        for name in range(1000):
            task = make_task("ou")
            task.name = f"ou-{name}"  # type: ignore[misc]
            for _, floor in draw_floors(task, [W1()], 30, most=40 if precision is None else 400, precision=precision):
                ends = floor.interval()
                assert ends.low is not None
                assert ends.high is not None
                covered.append(ends.low <= truth <= ends.high)
                draws.append(floor.draws)
        print(f"\nfloors of {np.mean(draws):.0f} draws, precision {precision}: {np.mean(covered):.1%} covered")
        assert 0.925 <= np.mean(covered) <= 0.97


USERS = """
import numpy as np
from sigbench.metrics.metric import Metric
from sigbench_tasks.linear.law import NormalLaw
from sigbench_tasks.linear.task import OU

class Own(OU):
    name, version, title = "own", 1, "a user's task"

    def truth(self):
        return NormalLaw(0.0, SCALE)

class Largest(Metric):
    name, title, method = "largest", "largest", "the largest sample"

    def __call__(self, samples, reference):
        return FACTOR * float(samples.max())
"""


class TestCache:
    """What was drawn once."""

    def find(self, task: Task, metric: Metric, n: int = 50, draws: int = DRAWS) -> Floor:
        return Floors(task, [metric], draws).floor(metric, n)

    def test_it_is_written_and_read_back(self, cache_folder: Path) -> None:
        task, metric = make_task("gmm"), Counting()
        found = self.find(task, metric)
        assert Counting.calls == found.draws == DRAWS
        (entry,) = kept(cache_folder)
        assert entry["code"]
        assert tuple(entry["floor"][name] for name in ("value", "error", "sd")) == (found.value, found.error, found.sd)
        assert {key: entry[key] for key in ("task", "version", "conditions", "metric", "method", "n")} == {
            "task": "gmm",
            "version": task.version,
            "conditions": {},
            "metric": "largest",
            "method": "the largest sample",
            "n": 50,
        }
        assert entry["floor"]["draws"] == DRAWS
        assert self.find(task, metric) == found
        assert Counting.calls == DRAWS

    def test_a_table_of_floors_asks_once(self) -> None:
        task, metrics = make_task("gmm"), [Counting(), MeanError(), W1()]
        floors = Floors(task, metrics)
        for _ in range(3):
            assert [floors.floor(metric, 50).draws for metric in metrics] == [DRAWS, DRAWS, 0]
        assert Counting.calls == DRAWS

    def test_more_draws_are_drawn_when_more_are_asked_for(self) -> None:
        task, metric = make_task("gmm"), Counting()
        assert self.find(task, metric, draws=10).draws == 10
        assert self.find(task, metric, draws=30).draws == 30
        assert Counting.calls == 10 + 30
        assert self.find(task, metric, draws=20).draws == 30
        assert Counting.calls == 10 + 30

    def test_what_is_one_draw_is_kept_too(self) -> None:
        task, metric = make_task("gmm"), Constant()
        assert self.find(task, metric) == self.find(task, metric) == Floor(0.1, 0.0, None, 1)
        assert Constant.calls == DRAWS

    def test_sizes_tasks_and_conditions_are_kept_apart(self, cache_folder: Path) -> None:
        found = {self.find(make_task(task), Counting(), n) for task in ("gmm", "ou") for n in (50, 51)}
        assert len(found) == len(kept(cache_folder)) == 4

        class Conditioned(GMM):
            """One class."""

            def __init__(self, label: int) -> None:
                self._label = label

            def conditioned(self, label: int | None, guidance: float) -> "Conditioned":
                assert label is not None
                return Conditioned(label)

            def conditions(self) -> dict[str, float]:
                return {"label": self._label}

        for label in (1, 2):
            self.find(Conditioned(label), Counting())
        assert len(kept(cache_folder)) == 6

    @staticmethod
    def plug_ins(folder: Path, scale: float = 1.0, factor: float = 1.0) -> tuple[Task, Metric]:
        """A user's task and metric as their file stands now."""
        folder.mkdir(exist_ok=True)
        (folder / "mine.py").write_text(f"SCALE, FACTOR = {scale}, {factor}\n{textwrap.dedent(USERS)}")
        return make_task(f"{folder / 'mine.py'}:Own"), make_metric(f"{folder / 'mine.py'}:Largest")

    def test_it_ends_with_the_code_of_the_task_or_the_metric(self, tmp_path: Path, cache_folder: Path) -> None:
        floors = [
            self.find(*self.plug_ins(tmp_path / "mine", scale, factor))
            for scale, factor in ((1.0, 1.0), (2.0, 1.0), (2.0, 3.0), (1.0, 1.0))
        ]
        assert [floor.value / floors[0].value for floor in floors] == pytest.approx([1.0, 2.0, 6.0, 1.0])
        assert len(kept(cache_folder)) == 3

    def test_it_ends_with_the_version(self, monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
        task = make_task("gmm")
        self.find(task, Counting())
        monkeypatch.setattr(GMM, "version", GMM.version + 1)
        self.find(task, Counting())
        assert Counting.calls == 2 * DRAWS
        assert {entry["version"] for entry in kept(cache_folder)} == {GMM.version, GMM.version - 1}

    def test_it_ends_with_the_method(self, monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
        self.find(make_task("gmm"), Counting())
        monkeypatch.setattr(Counting, "method", "another")
        self.find(make_task("gmm"), Counting())
        assert Counting.calls == 2 * DRAWS
        assert len(kept(cache_folder)) == 2

    def test_it_ends_with_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.find(make_task("gmm"), Counting())
        monkeypatch.setattr("sigbench.measure.truth.floors.package_code", lambda: {"sigbench/metrics": "other"})
        self.find(make_task("gmm"), Counting())
        assert Counting.calls == 2 * DRAWS

    def test_a_metrics_options_are_part_of_it(self) -> None:
        """`--add-metric mine.py:Scaled:factor=2` and `factor=3` are two metrics, of one name and one method's text."""
        task = make_task("gmm")

        class Scaled(Metric):
            name, title, method = "scaled", "scaled", "a multiple of the mean's distance from 0"

            def __init__(self, factor: float = 1.0) -> None:
                self.factor = factor

            def __call__(self, samples: Array, reference: Reference) -> float:
                return self.factor * abs(float(samples.mean()))

        one, two = (self.find(task, Scaled(factor)) for factor in (1.0, 2.0))
        assert two.value == pytest.approx(2 * one.value)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (1, 2),
            (1.0, 1.0 + 1e-15),
            ("a", "b"),
            ((1.0, 2.0), (1.0, 3.0)),
            ({"a": 1}, {"a": 2}),
            (np.arange(5000.0), np.arange(5000.0) + np.eye(1, 5000, 2500)[0]),
            (tuple(range(400)), (*range(399), 0)),
            ([np.arange(5000.0)], [np.arange(5000.0) + np.eye(1, 5000, 2500)[0]]),
        ],
        ids=[
            "numbers",
            "nearly equal ones",
            "strings",
            "tuples",
            "mappings",
            "arrays",
            "long tuples",
            "lists of arrays",
        ],
    )
    @pytest.mark.parametrize("of", ["task", "metric"])
    def test_other_options_are_other_floors(self, of: str, one: Any, other: Any, cache_folder: Path) -> None:
        for option in (one, other, one):
            task, metric = GMM(), Counting()
            (task if of == "task" else metric).option = option  # type: ignore[union-attr]
            self.find(task, metric)
        assert len(kept(cache_folder)) == 2
        assert Counting.calls == 2 * DRAWS

    def test_what_a_metric_keeps_of_its_last_call_is_no_option(self, cache_folder: Path) -> None:
        """As MMD keeps the truth's own part: each measurement has a metric of its own, and should find the floor."""

        class Keeping(Counting):
            def __init__(self) -> None:
                self._last: tuple[Reference | None, float] = (None, 0.0)

            def __call__(self, samples: Array, reference: Reference) -> float:
                self._last = (reference, super().__call__(samples, reference))
                return self._last[1]

        assert self.find(make_task("gmm"), Keeping()) == self.find(make_task("gmm"), Keeping())
        assert Keeping.calls == DRAWS

    def test_nor_is_what_a_task_keeps(self) -> None:
        """A truth that is made when it is first asked for."""

        class Lazy(GMM):
            _law: Any = None

            def truth(self) -> Any:
                self._law = self._law or super().truth()
                return self._law

        assert self.find(Lazy(), Counting()) == self.find(Lazy(), Counting())
        assert Counting.calls == DRAWS

    def test_where_a_users_file_lies_is_no_part_of_it(self, tmp_path: Path, cache_folder: Path) -> None:
        first, second = (self.find(*self.plug_ins(tmp_path / folder)) for folder in ("mine", "theirs"))
        assert first == second
        (entry,) = kept(cache_folder)
        assert entry["owner"] == "mine.py:Own"

    def test_a_class_of_a_package_is_named_by_it(self) -> None:
        assert entry(Counting(), 50, 1.0).owner == "sigbench_tasks.mixture.task:GMM"

    @pytest.mark.parametrize(
        "damage", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"task": "gmm"}', b'{"value": "none"}'], ids=repr
    )
    def test_a_damaged_entry_is_ignored_and_replaced(self, damage: bytes, cache_folder: Path) -> None:
        found = self.find(make_task("gmm"), Counting())
        (file,) = (cache_folder / "floors").glob("*.json")
        file.write_bytes(damage)
        assert self.find(make_task("gmm"), Counting()) == found
        assert Counting.calls == 2 * DRAWS
        assert self.find(make_task("gmm"), Counting()) == found
        assert Counting.calls == 2 * DRAWS

    def test_an_entry_of_something_else_is_ignored(self, cache_folder: Path) -> None:
        """A file that was renamed, or two hashes that met."""
        found = self.find(make_task("gmm"), Counting())
        (file,) = (cache_folder / "floors").glob("*.json")
        file.write_text(json.dumps(json.loads(file.read_text()) | {"n": 51, "value": 9.0}))
        assert self.find(make_task("gmm"), Counting()) == found

    def test_one_that_cannot_be_written_is_no_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache_folder: Path
    ) -> None:
        (tmp_path / "file").write_text("in the way")
        for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none")):
            monkeypatch.setenv("SIGBENCH_CACHE", str(place))
            assert self.find(make_task("gmm"), Counting()).draws == DRAWS
        assert (tmp_path / "file").read_text() == "in the way"
        assert not cache_folder.exists()

    def test_a_full_disk_is_no_error(self, monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
        def full(self: Path, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", full)
            assert self.find(make_task("gmm"), Counting()).draws == DRAWS
        assert list((cache_folder / "floors").iterdir()) == []

    def test_without_the_variable_it_is_the_users(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("SIGBENCH_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
        self.find(make_task("gmm"), Counting())
        if sys.platform == "linux":
            assert len(kept(tmp_path / "home" / "sigbench")) == 1


def entry(metric: Metric, n: int, value: float, task: Task | None = None, **options: Any) -> FloorEntry:
    """An entry of a table for a task."""
    return entry_of(task or make_task("gmm"), metric, n, Floor(value, 0.01, 0.2, 3), with_code=False, **options)


class TestTables:
    """What a task comes with."""

    class Tabled(GMM):
        """A task with a table of its own."""

        table: Path

        def floors(self) -> Path:
            return self.table

    @pytest.fixture
    def task(self, tmp_path: Path) -> Iterator[Task]:
        """A task whose table knows two floors of three draws."""
        task = self.Tabled()
        self.Tabled.table = tmp_path / "floors.json"
        merge_floors(self.Tabled.table, [entry(Counting(), 50, 7.0, task), entry(MeanError(), 50, 8.0, task)])
        yield task
        del self.Tabled.table

    def test_they_go_first(self, task: Task, cache_folder: Path) -> None:
        found = entry_of(task, Counting(), 50, Floor(1.0, 0.01, 0.2, 2500), with_code=True)
        keep(found)
        floors = Floors(task, [Counting(), MeanError()])
        assert floors.floor(Counting(), 50) == Floor(7.0, 0.01, 0.2, 3)
        assert floors.floor(MeanError(), 50).value == 8.0
        assert Counting.calls == 0
        assert len(kept(cache_folder)) == 1

    def test_what_they_do_not_know_is_drawn(self, task: Task, cache_folder: Path) -> None:
        floors = Floors(task, [Counting(), VarianceError()])
        assert floors.floor(Counting(), 50).draws == 3
        assert floors.floor(VarianceError(), 50).draws == DRAWS
        assert floors.floor(Counting(), 51).draws == DRAWS
        assert {(e["metric"], e["n"]) for e in kept(cache_folder)} == {
            ("var-error", 50),
            ("var-error", 51),
            ("largest", 51),
        }

    def test_they_are_of_a_version(self, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(self.Tabled, "version", 99)
        assert Floors(task, [Counting()]).floor(Counting(), 50).draws == DRAWS

    def test_a_records_floor_is_the_tables(self, task: Task) -> None:
        assert Floors(task, [Counting()], draws=2500).floor(Counting(), 50).draws == 3

    def test_merging_replaces_what_belongs_to_the_same(self, tmp_path: Path) -> None:
        table = tmp_path / "table.json"
        merge_floors(table, [entry(Counting(), 50, 1.0), entry(Counting(), 51, 2.0)])
        merge_floors(table, [entry(Counting(), 50, 3.0), entry(MeanError(), 50, 4.0)])
        assert [(e.metric, e.n, e.floor.value) for e in read_floors(table)] == [
            ("largest", 51, 2.0),
            ("largest", 50, 3.0),
            ("mean-error", 50, 4.0),
        ]
        lines = table.read_text().splitlines()
        assert (lines[0], lines[-1], len(lines)) == ("[", "]", 5)
        merge_floors(table, [])
        assert len(read_floors(table)) == 3

    def test_an_empty_table_is_one(self, tmp_path: Path) -> None:
        merge_floors(tmp_path / "table.json", [])
        assert read_floors(tmp_path / "table.json") == []

    def test_a_single_draw_can_be_kept(self, tmp_path: Path) -> None:
        """A whole test set is one draw, whose deviation nobody knows."""
        single = entry_of(make_task("gmm"), Constant(), 50, floor_of([0.1], "lower"), with_code=False)
        merge_floors(tmp_path / "table.json", [single])
        assert [found.floor for found in read_floors(tmp_path / "table.json")] == [Floor(0.1, 0.0, None, 1)]

    @pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"task": "gmm"}]'])
    def test_a_damaged_table_is_refused(self, text: str, tmp_path: Path) -> None:
        table = tmp_path / "table.json"
        table.write_text(text)
        with pytest.raises(BadInput, match=r"table\.json is no table of floors"):
            read_floors(table)
        with pytest.raises(BadInput, match="is no table of floors"):
            merge_floors(table, [entry(Counting(), 50, 1.0)])
        assert table.read_text() == text

    def test_a_users_table_moves_with_its_file(self, tmp_path: Path) -> None:
        """Whoever is handed the folder has the floors that came in it."""
        for folder in (tmp_path / "mine", tmp_path / "theirs"):
            folder.mkdir()
            (folder / "mine.py").write_text(
                "from pathlib import Path\n"
                "from sigbench_tasks.mixture.task import GMM\n"
                "class Own(GMM):\n"
                "    def floors(self):\n"
                '        return Path(__file__).parent / "floors.json"\n'
            )
        task = make_task(f"{tmp_path / 'mine' / 'mine.py'}:Own")
        merge_floors(task.floors(), [entry(Counting(), 50, 7.0, task)])  # type: ignore[attr-defined]
        assert Floors(task, [Counting()]).floor(Counting(), 50).value == 7.0
        (tmp_path / "theirs" / "floors.json").write_bytes((tmp_path / "mine" / "floors.json").read_bytes())
        moved = make_task(f"{tmp_path / 'theirs' / 'mine.py'}:Own")
        assert Floors(moved, [Counting()]).floor(Counting(), 50).value == 7.0

    @pytest.mark.parametrize("name", ["gmm", "gmm2d", "mnist", "rbergomi"])
    def test_tables_that_come_with_tasks_can_be_read(self, name: str) -> None:
        """And what they know belongs to the task as it stands."""
        task: Any = make_task(name)
        metrics = {metric.name: metric for metric in metrics_of(task)}
        for found in read_floors(task.floors()):
            if found.task == name and not found.conditions:
                metric = metrics[found.metric]
                assert found == entry_of(task, metric, metric.sample_size(found.n), found.floor, with_code=False)


class TestCommand:
    """`sigbench floors`."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An empty folder and a terminal of 100 columns."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "100")

    @pytest.fixture
    def run(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
        """Runs `sigbench floors ARGUMENTS`; returns its code, its output and its messages."""

        def run(*arguments: str) -> tuple[int, str, str]:
            monkeypatch.setattr(sys, "argv", ["sigbench", "floors", *arguments])
            capsys.readouterr()
            with pytest.raises(SystemExit) as end:
                main()
            captured = capsys.readouterr()
            assert isinstance(end.value.code, int)
            return end.value.code, captured.out, captured.err

        return run

    SMALL = ("--task", "gmm", "--samples", "200", "--draws", "20", "--others", "20")

    def test_it_prints_and_keeps(self, run: Any, cache_folder: Path) -> None:
        code, out, err = run(*self.SMALL)
        assert (code, err) == (0, "")
        title, *lines = out.splitlines()
        assert title == "gmm · floors at 200 samples"
        names = [metric.name for metric in metrics_of(make_task("gmm"))]
        assert [line.split()[0] for line in lines] == names
        for line in lines:
            closed = line.split()[0] in ("w1", "ks")
            assert ("in closed form" in line, "20 draws, standard error" in line) == (closed, not closed)
        drawn = [name for name in names if name not in ("w1", "ks")]
        assert [found["metric"] for found in kept(cache_folder)] == sorted(drawn)
        assert {(found["n"], found["floor"]["draws"]) for found in kept(cache_folder)} == {(200, 20)}

    def test_a_measurement_has_them_from_then_on(self, run: Any) -> None:
        run("--task", "gmm", "--samples", "200", "--only", "mode-tv,mean-error", "--draws", "50", "--others", "40")
        settings = Settings("gmm", samples=200, repeats=2, device="cpu", only=("mode-tv", "mean-error"))
        (record,) = measure(plan_cells(settings, ["euler-maruyama"], [2]))
        assert {name: found["floor_draws"] for name, found in record["metrics"].items()} == {
            "mode-tv": 50,
            "mean-error": 40,
        }
        for metric, floor in draw_floors(make_task("gmm"), [MeanError()], 200, most=40):
            found = record["metrics"][metric.name]
            assert (found["floor"], found["floor_error"], found["floor_sd"]) == (floor.value, floor.error, floor.sd)

    def test_it_writes_a_tasks_table(self, run: Any, tmp_path: Path) -> None:
        code, _, err = run(*self.SMALL, "--only", "w1,mean-error,mode-tv", "--out", "table.json")
        assert (code, err) == (0, "sigbench: 2 floors written to table.json.\n")
        found = read_floors(tmp_path / "table.json")
        assert [(each.metric, each.n, each.floor.draws, each.code) for each in found] == [
            ("mode-tv", 200, 20, ""),
            ("mean-error", 200, 20, ""),
        ]
        run(
            *self.SMALL[:2],
            "--samples",
            "100",
            "--draws",
            "20",
            "--others",
            "20",
            "--only",
            "w2",
            "--out",
            "table.json",
        )
        assert [(each.metric, each.n) for each in read_floors(tmp_path / "table.json")] == [
            ("mode-tv", 200),
            ("mean-error", 200),
            ("w2", 100),
        ]

    def test_sizes_that_are_not_asked_for_are_named(self, run: Any) -> None:
        code, out, _ = run("--task", "gmm", "--samples", "3000", "--only", "mmd2", "--draws", "2")
        assert code == 0
        assert out.rstrip().endswith("at 2,000 samples")

    def test_draws_that_are_all_the_same_are_said_to_be_one(self, run: Any, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(
            "from sigbench.metrics.metric import Metric\n"
            "class Constant(Metric):\n"
            '    name, title, method = "constant", "constant", "a tenth"\n'
            "    def __call__(self, samples, reference):\n"
            "        return 0.1\n"
        )
        code, out, _ = run(*self.SMALL, "--only", "w1", "--add-metric", "mine.py:Constant", "--out", "table.json")
        assert code == 0
        assert "constant  0.1000 [?]  1 draw\n" in out
        assert [(each.metric, each.floor.draws) for each in read_floors(tmp_path / "table.json")] == [("constant", 1)]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--task", "gmn"), "unknown task 'gmn': did you mean 'gmm'"),
            (("--samples", "10"), "Missing option '--task'"),
            (("--task", "gmm", "--samples", "1"), "--samples must be between 2 and 10000000, got 1."),
            (("--task", "gmm", "--only", "w3"), "unknown metric of the task 'gmm' 'w3': did you mean 'w"),
            (("--task", "gmm", "--precision", "0"), "--precision must lie above 0 % and be at most 100 %, got 0."),
            (
                ("--task", "gmm", "--precision", "101%"),
                "--precision must lie above 0 % and be at most 100 %, got 101%.",
            ),
            (("--task", "gmm", "--precision", "nan"), "--precision must lie above 0 % and be at most 100 %, got nan."),
            (
                ("--task", "gmm", "--precision", "fine"),
                "--precision takes a share, such as 5% or 0.05; 'fine' is none.",
            ),
            (("--task", "gmm", "--draws", "1"), "a floor takes at least two draws"),
            (("--task", "gmm", "--others", "0"), "a floor takes at least two draws"),
            (("--task", "gmm", "--draws", "few"), "--draws takes a whole number, got 'few'"),
            (("--task", "gmm", "--label", "3"), "samples of the task 'gmm' have no classes"),
            (("--task", "mnist", "--label", "12"), "the label must be a digit from 0 to 9, got 12."),
            (("--task", "gmm", "--out", "nowhere/table.json"), "there is no folder nowhere for table.json."),
            (("--task", "gmm", "--add-metric", "w1"), "'w1' is one of the metrics of the task 'gmm' already."),
            ((*SMALL, "--only", "mode-tv", "--out", "bad.json"), "bad.json is no table of floors"),
            ((*SMALL, "--only", "mode-tv", "--out", "."), "is no table of floors"),
        ],
        ids=lambda value: " ".join(value[-2:]) if isinstance(value, tuple) else "",
    )
    def test_bad_inputs_are_refused(self, arguments: tuple[str, ...], words: str, run: Any, tmp_path: Path) -> None:
        (tmp_path / "bad.json").write_text("{")
        code, _, err = run(*arguments)
        assert code == 2
        (line,) = err.splitlines()
        assert words in line
        assert (tmp_path / "bad.json").read_text() == "{"

    @pytest.mark.parametrize("out", ["bad.json", "."])
    def test_a_table_that_cannot_be_written_is_refused_before_anything_is_drawn(
        self, out: str, run: Any, tmp_path: Path, cache_folder: Path
    ) -> None:
        """Drawing may take an hour."""
        (tmp_path / "bad.json").write_text("{")
        code, printed, _ = run(*self.SMALL, "--only", "mode-tv", "--out", out)
        assert (code, printed) == (2, "")
        assert not cache_folder.exists()
