"""Charts of orders on the page: slopes to read them by, and no more curves in a panel than can be told apart."""

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sigbench.leaderboard.sections import find_sections
from sigbench.report.folding import MOST_CURVES
from sigbench.studies.convergence.chart import SLOPES, order_charts, slope_rows
from sigbench.studies.convergence.result import Orders
from sigbench.studies.reading import read_study

COMMITTED = Path(__file__).parents[3] / "leaderboard" / "studies" / "orders"


def drawn(chart: dict[str, Any]) -> set[str]:
    """The names of the curves of a chart."""
    rows = [row for layer in chart["layer"] for row in layer["data"]["values"]]
    return {row["who"] for row in rows if "who" in row}


@pytest.mark.parametrize(("least_h", "least"), [(0.01, 1e-3), (0.001, 1e-3), (0.001, 0.5)])
def test_reference_lines_have_the_slopes_that_stand_at_their_ends(least_h: float, least: float) -> None:
    """They end where the step size or the error is as small as that of any point, and so stretch no axis."""
    rows = slope_rows([(0.1, 1.0), (least_h, least)])
    assert [row["label"] for row in rows if row["label"]] == ["½", "1", "1.5", "2"]
    for (slope, _), start, end in zip(SLOPES, rows[::2], rows[1::2], strict=True):
        assert (start["h"], start["error"]) == (0.1, 1.0)
        assert math.log(start["error"] / end["error"]) / math.log(start["h"] / end["h"]) == pytest.approx(slope)
        assert max(end["h"] / least_h, end["error"] / least) >= 1.0 - 1e-9
        assert min(end["h"] / least_h, end["error"] / least) == pytest.approx(1.0)


@pytest.mark.parametrize("points", [[], [(0.1, 1.0)], [(0.1, 1.0), (0.1, 0.5)], [(0.1, 0.0), (0.2, 0.1)]])
def test_where_there_is_nothing_to_compare_there_are_no_lines(points: list[tuple[float, float]]) -> None:
    assert slope_rows(points) == []


def test_every_panel_has_thin_dashed_labelled_lines(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    shutil.copy(COMMITTED / "gmm.jsonl", tmp_path / "orders" / "gmm.jsonl")
    (section,) = find_sections(tmp_path)
    for title, chart in section.charts.items():
        lines, labels, *_ = chart["layer"]
        assert lines["mark"]["strokeDash"], title
        assert lines["mark"]["strokeWidth"] < 1.2, title
        assert labels["encoding"]["text"]["field"] == "label"
        assert [row["label"] for row in labels["data"]["values"] if row["label"]] == ["½", "1", "1.5", "2"]
    assert "thin dashed lines" in section.note


def test_no_panel_has_more_curves_than_can_be_told_apart() -> None:
    found = list(read_study(COMMITTED / "gmm.jsonl", Orders))
    (sra1,) = [one for one in found if one.sampler == "sra1"]
    found.append(msgspec.structs.replace(sra1, sampler="torchsde-srk", spec="torchsde-srk"))  # a study may name both
    charts, legend, sentence = order_charts(found)
    above = [f"declared order above 1 ({part} of 2)" for part in (1, 2)]
    assert list(charts) == [
        f"{kind} error: {group}"
        for group in ("declared order at most 1", *above, "no declared order")
        for kind in ("Strong", "Weak")
    ]
    names = {title: drawn(panel.to_dict(validate=False)) for title, panel in charts.items()}
    assert all(0 < len(each) <= MOST_CURVES for each in names.values())
    assert "euler-maruyama" in names["Strong error: declared order at most 1"]
    first, second = (names[f"Strong error: {title}"] for title in above)
    assert {"shark", "sra1", "taylor15"} <= first
    assert {"heun", "unipc"} <= second
    assert not first & second
    assert {curve.name for curve in legend} == set().union(*names.values())
    assert "torchsde-srk" not in {curve.name for curve in legend}
    assert "torchsde-srk" in sentence


def test_few_samplers_share_one_panel_of_each_kind() -> None:
    found = read_study(COMMITTED / "gbm.jsonl", Orders)
    assert list(order_charts(found)[0]) == ["Strong error", "Weak error"]


def test_those_that_differ_are_not_folded() -> None:
    one, other, *_ = read_study(COMMITTED / "gbm.jsonl", Orders)
    levels = tuple(
        replace(level, error=None if level.error is None else 1.01 * level.error) for level in one.strong.levels
    )
    near = msgspec.structs.replace(one, sampler="near", spec="near", strong=replace(one.strong, levels=levels))
    _, legend, sentence = order_charts([one, near, other])
    assert {curve.name for curve in legend} == {one.sampler, "near", other.sampler}
    assert sentence == ""
