"""What the gate found as terminal tables of 80 columns."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD

from sigbench.gate.verdict import CurveVerdict, MetricVerdict, PointVerdict
from sigbench.report.fitting import FittingTable
from sigbench.report.numbers import digits, signed_digits, with_half

STYLES = {"regressed": "bold red", "improved": "green", "equivalent": "dim", "inconclusive": "yellow"}
SENTENCES = {
    "regressed": "Regressed: at least one curve is worse than the baseline.",
    "improved": "Pass: nothing is worse than the baseline, and something is better.",
    "equivalent": "Pass: every point is the same as the baseline, within its margin.",
    "inconclusive": "Inconclusive: some points are neither shown to be worse nor to be the same.",
}
LEGEND = (
    "change: positive is worse, with its 95 % interval; paired over repeats on the same noise; "
    "equivalent: shown to be smaller than the margin"
)
_NAME = 24


def curve_table(curves: Sequence[CurveVerdict], points: Sequence[PointVerdict]) -> FittingTable:
    """Returns a row a curve: its largest change for the worse, what became of its time, and its verdict."""
    table = FittingTable(keys=2)
    table.column("task")
    table.column("sampler", fold=True, most=_NAME)
    table.column("points", right=True)
    for header in ("change / margin", "time", "verdict"):
        table.column(header)
    for index, curve in enumerate(curves):
        end = index + 1 < len(curves) and curves[index + 1]["task"] != curve["task"]
        verdict = (curve["verdict"], STYLES[curve["verdict"]])
        largest = largest_change(own_points(curve, points))
        time = curve["time"].partition(":")[0]
        table.row(curve["task"], curve["sampler"], str(curve["points"]), largest, time, verdict, ends=end)
    return table


def moved_tables(points: Sequence[PointVerdict]) -> list[FittingTable]:
    """Returns a table for each curve that moved, a row for every metric that is not equivalent."""
    tables: dict[tuple[str, str], FittingTable] = {}
    for point, name, metric in moved_metrics(points):
        at = (point["task"], point["sampler"])
        if at not in tables:
            tables[at] = _moved_frame(f"{point['task']} · {point['sampler']}")
        verdict = (metric["verdict"], STYLES[metric["verdict"]])
        tables[at].row(str(point["steps"]), name, *values_text(metric), verdict)
    return list(tables.values())


def _moved_frame(title: str) -> FittingTable:
    table = FittingTable(title=title, box=SIMPLE_HEAD, keys=2)
    for header in ("steps", "metric", "before", "now", "change", "margin", "verdict"):
        table.column(header, right=header not in ("metric", "verdict"))
    return table


def moved_metrics(points: Sequence[PointVerdict]) -> Iterator[tuple[PointVerdict, str, MetricVerdict]]:
    """Yields what is not equivalent: the point, the metric's name and its verdict."""
    for point in points:
        for name, metric in point["metrics"].items():
            if metric["verdict"] != "equivalent":
                yield point, name, metric


def own_points(curve: CurveVerdict, points: Sequence[PointVerdict]) -> list[PointVerdict]:
    """Returns the points of a curve."""
    return [p for p in points if (p["task"], p["sampler"]) == (curve["task"], curve["sampler"])]


def largest_change(points: Sequence[PointVerdict]) -> str:
    """Returns the change that is largest in units of its margin, and of which metric, "w1 +1.2"."""
    if any(point["nfe"] is None for point in points):
        return "failed"
    metrics = [(name, metric) for point in points for name, metric in point["metrics"].items()]
    if metrics and all(metric["identical"] for _, metric in metrics):
        return "identical"
    known = [(name, m["change"] / m["margin"]) for name, m in metrics if m["change"] is not None and m["margin"]]
    if not known:
        return "–"
    name, change = max(known, key=lambda found: abs(found[1]))
    return f"{name} {signed_digits(change)}"


def values_text(metric: MetricVerdict) -> tuple[str, str, str, str]:
    """Returns before, now, the change with its interval and the margin, a dash for what there is none of."""
    change, low, high = metric["change"], metric["low"], metric["high"]
    known = change is not None and low is not None and high is not None
    moved = with_half(change, low, high, signed=True) if known else "–"  # type: ignore[arg-type]
    return _value(metric["before"], 4), _value(metric["now"], 4), moved, _value(metric["margin"], 2)


def _value(value: float | None, count: int) -> str:
    return "–" if value is None else digits(value, count)


def reasons(points: Sequence[PointVerdict]) -> list[str]:
    """Returns a sentence for every point that has something to say beyond its metrics."""
    return [
        f"{p['task']}, {p['sampler']} at {p['steps']} steps: {p['reason'].rstrip('.')}." for p in points if p["reason"]
    ]
