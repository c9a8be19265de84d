"""How many repeats are enough: Stein's rule by hand, its bounds, and what it promises in simulations."""

import json
import sys
from functools import cache
from math import ceil, inf, nan, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from sigbench.cli.app import main
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.measure.stopping import MOST_REPEATS, half_width, repeats_wanted
from sigbench.metrics.estimate import (
    DISTANCE_TAILS,
    EQUAL_TAILS,
    NON_NEGATIVE,
    SHARE,
    Better,
    Floor,
    estimate,
    floor_of,
    two_stage_interval,
    wilson_interval,
)
from sigbench.records.checks import parse_record
from sigbench.records.record import Record, StopRecord, to_json

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=30)
NEAR_ZERO = Floor(1e-9, 0.0, None, 0)
DIRECTIONS = st.sampled_from(["lower", "higher", "zero"])
VALUES = st.lists(st.integers(1, 1000).map(lambda i: i / 100), min_size=2, max_size=10)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No floors of anybody else."""
    monkeypatch.setenv("SIGBENCH_CACHE", str(tmp_path))


def to(share: float | None, repeats: int = 5) -> StopRecord:
    """The rule that asks for a half-width of this share after so many repeats."""
    return {"repeats": repeats, "half_width": share}


class TestHalfWidth:
    """What half-width a share is."""

    @pytest.mark.parametrize(
        ("mean", "floor", "better", "found"),
        [
            (5.0, 1.0, "lower", 0.5),  # far above the floor: of the value
            (1.5, 1.0, "lower", 0.1),  # nearer to the floor than the floor is to zero: of the floor
            (0.5, 1.0, "lower", 0.1),  # below it
            (2.5, 1.0, "lower", 0.25),
            (9.0, 10.0, "higher", 1.0),
            (5.0, 1.0, "higher", 0.5),
            (5.0, 0.0, "lower", 0.5),
            (-5.0, 1.0, "zero", 0.5),  # whose distance from 0 is what counts
            (-1.5, 1.0, "zero", 0.1),
            (-5.0, -1.0, "lower", 0.5),
        ],
    )
    def test_it_is_a_share_of_the_score_or_of_the_floor(
        self, mean: float, floor: float, better: Better, found: float
    ) -> None:
        values = [mean - 0.2, mean, mean + 0.2]
        assert half_width(values, Floor(floor, 0.0, None, 0), better, 0.1) == pytest.approx(found)

    def test_where_zero_is_best_it_is_of_the_distances(self) -> None:
        """Signed values around 0 have a mean of nothing."""
        assert half_width([-3.0, 3.0, -5.0, 5.0], Floor(0.1, 0.0, None, 0), "zero", 0.1) == pytest.approx(0.4)


class TestRepeatsWanted:
    """The total, from the first stage."""

    @pytest.mark.parametrize(
        ("better", "reach", "total"), [("higher", 2.7764451, 215), ("zero", 2.7764451, 215), ("lower", 3.0399143, 257)]
    )
    def test_by_hand(self, better: Better, reach: float, total: int) -> None:
        """Of 1 to 5 the deviation is √2.5; ±10 % of 3 takes t²·2.5/0.09, where t has 4 degrees of freedom.

        Its 97.5 % point is 2.7764; half-way between its 96 and 99 % points lies 3.0399.
        """
        values = [1.0, 2.0, 3.0, 4.0, 5.0]
        assert repeats_wanted(values, NEAR_ZERO, better, to(0.1)) == ceil(reach**2 * 2.5 / 0.09) == total

    @PROPERTY
    @given(values=VALUES, share=st.floats(0.001, 1), floor=st.sampled_from([1e-9, 1.0, 50.0]), better=DIRECTIONS)
    def test_it_is_steins(self, values: list[float], share: float, floor: float, better: Better) -> None:
        known, first = Floor(floor, 0.0, None, 0), len(values)
        found = repeats_wanted(values, known, better, to(share, first))
        wanted = half_width(values, known, better, share)
        assert first <= found <= max(first, MOST_REPEATS)
        tails = DISTANCE_TAILS if better == "lower" else EQUAL_TAILS
        reach = np.mean(stats.t.isf(tails, first - 1)) * np.std(values, ddof=1)
        if first < found < MOST_REPEATS:
            assert reach / sqrt(found) <= wanted * (1 + 1e-9)
            assert reach / sqrt(found - 1) > wanted * (1 - 1e-9)

    @PROPERTY
    @given(values=VALUES, share=st.floats(0.001, 0.99))
    def test_a_finer_wish_takes_no_fewer(self, values: list[float], share: float) -> None:
        stages = [to(each, len(values)) for each in (share, 1.01 * share)]
        fine, coarse = (repeats_wanted(values, NEAR_ZERO, "lower", stage) for stage in stages)
        assert fine >= coarse

    def test_it_has_bounds(self) -> None:
        assert repeats_wanted([1.0, 1.001, 0.999, 1.0, 1.0], NEAR_ZERO, "lower", to(0.5)) == 5
        assert repeats_wanted([1.0, 9.0, 0.1, 4.0, 2.0], NEAR_ZERO, "lower", to(1e-6)) == MOST_REPEATS
        assert repeats_wanted([1.0, -1.0, 2.0, -2.0], Floor(0.0, 0.0, None, 0), "lower", to(0.1, 4)) == MOST_REPEATS

    @pytest.mark.parametrize("better", ["lower", "higher", "zero"])
    def test_without_spread_the_first_stage_is_enough(self, better: Better) -> None:
        for values in ([2.0] * 5, [0.1] * 5, [0.0] * 5):
            assert repeats_wanted(values, NEAR_ZERO, better, to(0.01)) == 5
        assert repeats_wanted([0.0] * 5, Floor(0.0, 0.0, None, 0), better, to(0.01)) == 5

    def test_the_spread_is_that_of_the_values(self) -> None:
        """Where zero is best the interval is that of signed values, however equal their distances from 0 are."""
        assert repeats_wanted([-2.0, 2.0, -2.0, 2.0, 2.0], NEAR_ZERO, "zero", to(0.5)) == ceil(2.7764451**2 * 4.8)

    def test_at_the_floor_it_need_not_be_known_better_than_the_floor(self) -> None:
        """Values near 0.1 beside a floor of 1 are asked for as if they were 1."""
        values = [0.05, 0.10, 0.15, 0.1, 0.1]
        at_floor, above = (repeats_wanted(values, Floor(f, 0.0, None, 0), "lower", to(0.05)) for f in (1.0, 1e-9))
        assert at_floor == 5
        assert above > 100

    def test_without_a_wish_the_number_is_fixed(self) -> None:
        assert repeats_wanted([1.0, 9.0, 3.0], NEAR_ZERO, "lower", to(None, 3)) == 3
        assert repeats_wanted([1.0], NEAR_ZERO, "lower", to(0.1, 1)) == 1

    @pytest.mark.parametrize("better", ["lower", "higher", "zero"])
    @pytest.mark.parametrize(
        "values",
        [[inf] * 5, [nan] * 5, [1.0, 2.0, nan, 4.0, 5.0], [inf, -inf, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0, inf]],
    )
    def test_what_is_lost_needs_no_more_repeats(self, values: list[float], better: Better) -> None:
        """A sampler that diverged is told so afterwards, by whoever measures."""
        assert repeats_wanted(values, NEAR_ZERO, better, to(0.05)) == 5

    @pytest.mark.parametrize("better", ["lower", "higher", "zero"])
    @pytest.mark.parametrize("floor", [0.0, 1e-320, 1e-200, 1e200, 1e308])
    @pytest.mark.parametrize(
        "values",
        [[1e200, 2e200, 3e200, 1.0, 2.0], [1e308, 1e307, -1e308, 1e308, 0.0], [1e-320, 0.0, 1e-200, 1.0, 1e200]],
    )
    def test_no_finite_number_raises(self, values: list[float], floor: float, better: Better) -> None:
        assert 5 <= repeats_wanted(values, Floor(floor, 0.0, None, 0), better, to(0.05)) <= MOST_REPEATS


@pytest.mark.parametrize(("better", "middle"), [("lower", 4.0), ("higher", 4.0), ("zero", 4.0), ("zero", 0.0)])
def test_the_interval_of_the_record_is_as_short_as_was_asked_for(better: Better, middle: float) -> None:
    """`--precision 5%` asks for a half-width of 5 %: of what tables show, whichever direction is good."""
    rng = np.random.default_rng(3)
    values = (middle + rng.standard_normal(5)).tolist()
    floor = floor_of((0.3 * rng.standard_normal(50)).tolist(), "zero")
    total, wanted = repeats_wanted(values, floor, better, to(0.2)), half_width(values, floor, better, 0.2)
    assert 5 < total < MOST_REPEATS
    more = (middle + rng.standard_normal(total - 5)).tolist()
    found = estimate([*values, *more], floor, n=1, better=better, first=5)
    assert found.low is not None
    assert found.high is not None
    half = 0.5 * (found.high - found.low)
    assert wanted * sqrt((total - 1) / total) * (1 - 1e-9) < half <= wanted * (1 + 1e-9)


HUGE = """
import torch
from sigbench.sampler import Sampler

class Huge(Sampler):
    name, citation, family = "huge", "a test", "sde"

    def walk(self, problem, x, grid, brownian):
        for step in grid:
            yield SIZE * (1 + brownian.signature(step).increment.abs())
"""


@cache
def measured(precision: float | None, repeats: int, sampler: str = "euler-maruyama", dtype: str = "float32") -> Record:
    """The record of a small cell."""
    settings = Settings("gmm", samples=200, repeats=repeats, precision=precision, device="cpu", dtype=dtype)
    (record,) = measure(plan_cells(settings, [sampler], [5]))
    return record


class TestMeasuring:
    """Cells that stop by the rule."""

    def test_there_are_as_many_repeats_as_the_first_ones_say(self) -> None:
        record, fixed = measured(0.6, 5), measured(None, 5)
        metric, first = record["metrics"]["w1"], fixed["metrics"]["w1"]["values"]
        floor = Floor(metric["floor"], metric["floor_error"], metric["floor_sd"], metric["floor_draws"])
        assert metric["values"][:5] == first
        total = repeats_wanted(first, floor, "lower", record["asked"]["stop"])
        assert len(metric["values"]) == record["repeats"] == total > 5
        assert record["asked"]["stop"] == {"repeats": 5, "half_width": 0.6}
        staged = estimate(metric["values"], floor, n=200, better="lower", bounds=NON_NEGATIVE, first=5)
        assert (metric["value"], metric["low"], metric["high"]) == (staged.value, staged.low, staged.high)
        assert {len(metric["values"]) for metric in record["metrics"].values()} == {record["repeats"]}
        assert parse_record(to_json(record)) == json.loads(to_json(record)) | {"metrics": record["metrics"]}

    def test_where_the_first_stage_is_enough_it_is_all(self) -> None:
        assert measured(1.0, 10)["repeats"] == 10

    @pytest.mark.parametrize(("size", "words"), [("1e200", "so large that"), ("9e307", "so large that"), ("inf", "")])
    def test_what_diverges_is_told_so(self, size: str, words: str, tmp_path: Path) -> None:
        """Samples of 1e200 are finite, and their variance is not; of 9e307 no mean is: no second stage can follow."""
        (tmp_path / "huge.py").write_text(HUGE.replace("SIZE", f'float("{size}")'))
        for precision in (None, 0.1):
            record = measured(precision, 5, f"{tmp_path / 'huge.py'}:Huge", "float64")
            assert (record["status"], words in record.get("error", "")) == ("diverged", True)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--precision", "0"), "--precision must lie above 0 and be at most 1 (100 %), got 0."),
            (("--precision", "-5%"), "--precision must lie above 0 and be at most 1 (100 %), got -0.05."),
            (("--precision", "101%"), "--precision must lie above 0 and be at most 1 (100 %), got 1.01."),
            (("--precision", "5"), "--precision must lie above 0 and be at most 1 (100 %), got 5."),
            (("--precision", "nan"), "--precision must lie above 0 and be at most 1 (100 %), got nan."),
            (("--precision", "much"), "--precision takes a share, such as 5% or 0.05; 'much' is none."),
            (("--precision", "%"), "--precision takes a share, such as 5% or 0.05; '%' is none."),
            (
                ("--precision", "5%", "--repeats", "4"),
                "--precision needs a first stage of at least 5 --repeats, got 4.",
            ),
        ],
    )
    def test_the_command_refuses_what_is_no_share(
        self,
        arguments: tuple[str, ...],
        words: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["sigbench", "run", "--task", "gmm", "--sampler", "ddim", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        assert (end.value.code, captured.out, captured.err) == (2, "", f"sigbench: {words}\n")

    @pytest.mark.parametrize("share", ["60%", "0.6"])
    def test_the_command_takes_a_share(
        self, share: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        cell = ("--task", "gmm", "--sampler", "euler-maruyama", "--steps", "5", "--samples", "200", "--device", "cpu")
        asked = ("--repeats", "5", "--precision", share, "--json")
        monkeypatch.setattr(sys, "argv", ["sigbench", "run", *cell, *asked])
        with pytest.raises(SystemExit) as end:
            main()
        record = json.loads(capsys.readouterr().out)
        assert end.value.code == 0
        assert record["asked"]["stop"] == {"repeats": 5, "half_width": 0.6}
        assert record["metrics"]["w1"]["values"] == measured(0.6, 5)["metrics"]["w1"]["values"]


Array = NDArray[np.float64]
RUNS = 10_000
WISHES = ((0.05, 0.05), (0.2, 0.1), (0.5, 0.1), (1.0, 0.3))  # by how much values scatter around 1, the wanted share


def covered(low: Array, high: Array) -> float:
    """The share of intervals that hold 1."""
    return float(np.mean((low <= 1.0) & (high >= 1.0)))


@pytest.mark.slow
@pytest.mark.parametrize("first", [5, 10])
@pytest.mark.parametrize(
    ("floor", "spread", "share"), [*((1.0, *wish) for wish in WISHES), *((1e-9, *wish) for wish in WISHES[:-1])]
)
def test_steins_interval_covers_and_is_short(floor: float, spread: float, share: float, first: int) -> None:
    """95 % of 10,000 normal samples, within 94 and 96.5 %, and never longer than asked for.

    Stein's theorem is of a half-width that is fixed beforehand, which a share of the floor is. A share of the value is
    that of an estimate, and holds as well while values scatter by less than they are large. The binomial standard error
    is 0.22 %.
    """
    rng, known = np.random.default_rng([1, first, round(100 * spread), round(floor)]), Floor(floor, 0.0, None, 0)
    ends, totals = [], []
    for stage in (1 + spread * rng.standard_normal((RUNS, first))).tolist():
        total = repeats_wanted(stage, known, "higher", to(share, first))
        values = [*stage, *(1 + spread * rng.standard_normal(total - first)).tolist()]
        found = two_stage_interval(values, first, EQUAL_TAILS)
        assert found.low is not None
        assert found.high is not None
        if total < MOST_REPEATS:
            assert 0.5 * (found.high - found.low) <= half_width(stage, known, "higher", share) * (1 + 1e-9)
        ends.append((found.low, found.high))
        totals.append(total)
    coverage = covered(*np.array(ends).T)
    print(
        f"\nStein, spread {spread:g}, wanted {share:.0%}, {first} first: {coverage:.2%}, {np.mean(totals):.1f} repeats"
    )
    assert 0.94 <= coverage <= 0.965


@pytest.mark.slow
@pytest.mark.parametrize(("first", "most"), [(2, 0.90), (5, 0.935)])
@pytest.mark.parametrize(("spread", "share"), [(0.2, 0.1), (0.5, 0.25)])
def test_stopping_when_an_interval_looks_short_does_not_cover(
    spread: float, share: float, first: int, most: float
) -> None:
    """Looking after each repeat from the second or the fifth on: 88 or 92 % of 10,000 normal samples, for certain."""
    rng = np.random.default_rng([2, first, round(100 * spread)])
    values, counts = 1 + spread * rng.standard_normal((RUNS, 200)), np.arange(1, 201)
    means = np.cumsum(values, 1) / counts
    variances = np.maximum(np.cumsum(values**2, 1) - counts * means**2, 0) / np.maximum(counts - 1, 1)
    halves = stats.t.isf(0.025, np.maximum(counts - 1, 1)) * np.sqrt(variances / counts)
    looks_short = (halves <= share) & (counts >= first)
    assert looks_short.any(1).all()
    at = np.arange(RUNS), looks_short.argmax(1)
    coverage = covered(means[at] - halves[at], means[at] + halves[at])
    print(f"\nlooking from {first} on, spread {spread:g}, wanted {share:.0%}: {coverage:.2%}")
    assert coverage < most


@pytest.mark.slow
@pytest.mark.parametrize(("spread", "share"), WISHES[:-1])
def test_a_distances_interval_covers_after_two_stages_too(spread: float, share: float) -> None:
    """With the unequal tails of distances, and values as skewed as W1 at its floor (1.2): within 93 and 97 %."""
    rng, shape = np.random.default_rng([3, round(100 * spread)]), (2 / 1.2) ** 2

    def draw(count: int) -> list[float]:
        return (1 + spread * (rng.gamma(shape, 1.0, count) - shape) / sqrt(shape)).tolist()

    ends, known = [], Floor(1.0, 0.0, None, 0)
    for _ in range(RUNS):
        stage = draw(5)
        total = repeats_wanted(stage, known, "lower", to(share))
        values = [*stage, *draw(total - 5)]
        found = estimate(values, known, n=1, better="lower", bounds=NON_NEGATIVE, first=5)
        assert found.low is not None
        assert found.high is not None
        if total < MOST_REPEATS:
            assert 0.5 * (found.high - found.low) <= half_width(stage, known, "lower", share) * (1 + 1e-9)
        ends.append((found.low, found.high))
    coverage = covered(*np.array(ends).T)
    print(f"\nskewed, spread {spread:g}, wanted {share:.0%}: {coverage:.2%}")
    assert 0.93 <= coverage <= 0.97


@PROPERTY
@given(st.floats(0.0, 1.0), st.integers(10, 5_000), st.floats(0.02, 0.5))
def test_a_share_that_was_counted_is_known_as_well_as_was_asked(share: float, n: int, precision: float) -> None:
    """Equal counts in all repeats have no spread; their interval is Wilson's, and that is to be short enough."""
    floor = Floor(0.5, 0.0, None, 0)
    wanted = half_width([share] * 5, floor, "higher", precision)
    total = repeats_wanted([share] * 5, floor, "higher", {"repeats": 5, "half_width": precision}, counted=n)
    found = estimate([share] * total, floor, n=n, better="higher", bounds=SHARE, counted=True, first=5)
    assert found.low is not None and found.high is not None
    if total < MOST_REPEATS:
        assert 0.5 * (found.high - found.low) <= wanted * (1 + 1e-9)
    if 5 < total < MOST_REPEATS:
        less = wilson_interval(share, n * (total - 1))
        assert 0.5 * (less[1] - less[0]) > wanted
