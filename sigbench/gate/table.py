"""What the gate found as terminal tables of 80 columns, and as Markdown for a pull request."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from sigbench.gate.verdict import ELSEWHERE, CurveVerdict, MetricVerdict, PointVerdict, RunVerdict
from sigbench.report.numbers import digits, percent, percent_interval, signed_digits, signed_interval, signed_percent

STYLES = {"regressed": "bold red", "improved": "green", "equivalent": "dim", "inconclusive": "yellow"}
SENTENCES = {
    "regressed": "Regressed: at least one curve is worse than the baseline.",
    "improved": "Pass: nothing is worse than the baseline, and something is better.",
    "equivalent": "Pass: every point is the same as the baseline, within its margin.",
    "inconclusive": "Inconclusive: some points are neither shown to be worse nor to be the same.",
}
LEGEND = (
    "change: positive is worse, with its 90 % interval; paired over repeats on the same noise; "
    "equivalent: the interval lies within the margin"
)
_NAME = 24


def curve_table(curves: Sequence[CurveVerdict], points: Sequence[PointVerdict]) -> Table:
    """Returns a row a curve: its largest change for the worse, what became of its time, and its verdict."""
    table = Table(pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("task")
    table.add_column("sampler", overflow="fold", max_width=_NAME)
    table.add_column("points", justify="right")
    for header in ("largest change", "time", "verdict"):
        table.add_column(header)
    for index, curve in enumerate(curves):
        end = index + 1 < len(curves) and curves[index + 1]["task"] != curve["task"]
        verdict = Text(curve["verdict"], style=STYLES[curve["verdict"]])
        largest = largest_change(own_points(curve, points))
        time = "not compared" if curve["time"] == ELSEWHERE else curve["time"]
        table.add_row(curve["task"], curve["sampler"], str(curve["points"]), largest, time, verdict, end_section=end)
    return table


def moved_tables(points: Sequence[PointVerdict]) -> list[Table]:
    """Returns a table for each curve that moved, a row for every metric that is not equivalent."""
    tables: dict[tuple[str, str], Table] = {}
    for point, name, metric in moved_metrics(points):
        at = (point["task"], point["sampler"])
        if at not in tables:
            tables[at] = _moved_frame(f"{point['task']} · {point['sampler']}")
        verdict = Text(metric["verdict"], style=STYLES[metric["verdict"]])
        values = (_value(metric["before"]), _value(metric["now"]), change_text(metric))
        tables[at].add_row(str(point["steps"]), name, *values, verdict)
    return list(tables.values())


def _moved_frame(title: str) -> Table:
    table = Table(
        pad_edge=False,
        show_edge=False,
        header_style="bold",
        box=SIMPLE_HEAD,
        title=Text(title, style="bold"),
        title_justify="left",
    )
    for header in ("steps", "metric", "before", "now", "change", "verdict"):
        table.add_column(header, justify="left" if header in ("metric", "verdict") else "right", overflow="fold")
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
    """Returns the change that is worst in units of its margin, in words."""
    if any(point["nfe"] is None for point in points):
        return "failed"
    metrics = [(name, metric) for point in points for name, metric in point["metrics"].items()]
    if metrics and all(metric["identical"] for _, metric in metrics):
        return "identical"
    known = [(name, m, m["change"] / m["margin"]) for name, m in metrics if m["change"] is not None]
    if not known:
        return "–"
    name, metric, _ = max(known, key=lambda found: abs(found[2]))
    assert metric["change"] is not None
    written = signed_percent if metric["scale"] == "relative" else signed_digits
    return f"{name} {written(metric['change'])}"


def change_text(metric: MetricVerdict) -> str:
    """Returns a change with its interval, "+12.0 % [+8.1, +16.1]", or a dash where there is none."""
    change, low, high = metric["change"], metric["low"], metric["high"]
    if change is None or low is None or high is None:
        return "–"
    if metric["scale"] == "relative":
        return percent_interval(change, low, high, signed=True)
    return signed_interval(change, low, high)


def _value(value: float | None) -> str:
    """A metric's value, a dash where there is none."""
    return "–" if value is None else digits(value, 4)


def reasons(points: Sequence[PointVerdict]) -> list[str]:
    """Returns a sentence for every point that has something to say beyond its metrics."""
    return [
        f"{p['task']}, {p['sampler']} at {p['steps']} steps: {p['reason'].rstrip('.')}." for p in points if p["reason"]
    ]


def summary(points: Sequence[PointVerdict], curves: Sequence[CurveVerdict], run: RunVerdict) -> str:
    """Returns the check as Markdown: the verdict, the curves, what moved, and what it was measured on."""
    lines = [f"## sigbench check: {run['verdict']}", "", SENTENCES[run["verdict"]], ""]
    lines += ["| task | sampler | points | largest change | time | verdict |", "|---|---|---:|---|---|---|"]
    for curve in curves:
        word = curve["verdict"] if curve["verdict"] == "equivalent" else f"**{curve['verdict']}**"
        cells = (curve["task"], curve["sampler"], str(curve["points"]), largest_change(own_points(curve, points)))
        lines.append(_row((*cells, curve["time"], word)))
    moved = list(moved_metrics(points))
    if moved:
        lines += ["", "### What moved", ""]
        lines += ["| task | sampler | steps | metric | before | now | change | verdict |"]
        lines += ["|---|---|---:|---|---:|---:|---:|---|"]
        for point, name, metric in moved:
            where = (point["task"], point["sampler"], str(point["steps"]), name)
            values = (_value(metric["before"]), _value(metric["now"]), change_text(metric), metric["verdict"])
            lines.append(_row((*where, *values)))
    if remarks := [*reasons(points), *run["notes"]]:
        lines += ["", *(f"- {_plain(line)}" for line in remarks)]
    facts = run["provenance"]
    device = _plain(str(facts["device_name"]))
    lines += [
        "",
        f"{LEGEND[0].upper()}{LEGEND[1:]}. {run['comparisons']} comparisons, Holm-corrected: where nothing changed, "
        f"the chance of any alarm is at most {percent(run['alpha'])}. Measured on {device}, "
        f"{facts['threads']} threads, torch {facts['torch']}, sigbench {facts['git'] or facts['sigbench']}.",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_plain(cell, bold=True) for cell in cells) + " |"


def _plain(text: str, *, bold: bool = False) -> str:
    """Text as Markdown shows it: what samplers and errors say is text, never markup."""
    text = " ".join(text.split())
    for mark, shown in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("`", "\\`"), ("[", "\\[")):
        text = text.replace(mark, shown)
    return text if bold else text.replace("*", "\\*")
