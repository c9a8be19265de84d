"""Records as terminal tables: as many as the width needs, each with the floor in its first row."""

from collections.abc import Sequence
from dataclasses import fields
from itertools import groupby

from rich.table import Table
from rich.text import Text

from sigbench.metrics.estimate import Estimate, badness, tied
from sigbench.records.record import MetricRecord, Record

BEST, TIE, FLOOR = "★", "≈", "="
LEGEND = (
    f"{BEST} best at this number of steps   {TIE} tied with the best: the 95 % intervals overlap   "
    f"{FLOOR} at the floor: cannot be told from the truth at this n"
)
_NAME, _STEPS, _CELL = 17, 5, 17


def run_tables(records: Sequence[Record], width: int) -> list[Table]:
    """Returns the tables of one comparison, packed to `width` columns.

    Rows are samplers grouped by steps, columns metrics as value ± half of the 95 % interval; the last table
    holds NFE, time, efficiency and memory.
    """
    ordered = sorted(records, key=lambda r: r["steps"])
    names = list(dict.fromkeys(name for r in ordered for name in r["metrics"]))
    fit = max(1, (width - _NAME - _STEPS - 6) // (_CELL + 3))
    tables = [_metric_table(ordered, names[i : i + fit]) for i in range(0, len(names), fit)]
    return [*tables, _cost_table(ordered)]


def _frame() -> Table:
    table = Table(pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("sampler", overflow="fold", max_width=26)
    table.add_column("steps", justify="right")
    return table


def _metric_table(records: Sequence[Record], names: Sequence[str]) -> Table:
    table = _frame()
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    with_metrics = [r for r in records if r["metrics"]]
    if with_metrics:
        floors = [_floor_text(with_metrics[0]["metrics"][name]) for name in names]
        table.add_row(Text("floor (the truth)", style="dim"), "", *floors, end_section=True)
    for _, group in groupby(records, key=lambda r: r["steps"]):
        rows = list(group)
        for index, record in enumerate(rows):
            last = index == len(rows) - 1
            if record["status"] != "ok":
                blanks = [Text(record["status"], style="red")] + [Text("–")] * (len(names) - 1)
                table.add_row(record["sampler"], str(record["steps"]), *blanks, end_section=last)
                continue
            cells = [_value_text(record, rows, name) for name in names]
            table.add_row(record["sampler"], str(record["steps"]), *cells, end_section=last)
    return table


def marks(record: Record, rivals: Sequence[Record], name: str) -> str:
    """Returns the marks of a metric: best or tied among `rivals` (those that succeeded), and at the floor."""
    own = _estimate(record["metrics"][name])
    alive = [_estimate(r["metrics"][name]) for r in rivals if r["status"] == "ok"]
    best = min(alive, key=lambda e: badness(e.value, e.better))
    mark = FLOOR if own.at_floor else ""
    if len(alive) < 2:
        return mark
    if own == best:
        return BEST + mark
    return (TIE if tied(own, best) else "") + mark


def _estimate(metric: MetricRecord) -> Estimate:
    return Estimate(**{field.name: metric[field.name] for field in fields(Estimate)})  # type: ignore[literal-required]


def _value_text(record: Record, rivals: Sequence[Record], name: str) -> Text:
    metric = record["metrics"][name]
    mark = marks(record, rivals, name)
    style = "bold green" if BEST in mark else "green" if TIE in mark else ""
    return Text(f"{_pm(metric['value'], metric['high'])} {mark:<2}", style=style)


def _floor_text(metric: MetricRecord) -> Text:
    return Text(f"{_pm(metric['floor'], metric['floor_high'])}   ", style="dim")


def _pm(value: float, high: float | None) -> str:
    return f"{_short(value)} ±{_short(high - value)}" if high is not None else f"{_short(value)} ±?"


def _short(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.1e}"


def _cost_table(records: Sequence[Record]) -> Table:
    table = _frame()
    for header in ("NFE", "time a sample", "efficiency", "memory"):
        table.add_column(header, justify="right", no_wrap=True)
    for _, group in groupby(records, key=lambda r: r["steps"]):
        rows = list(group)
        for index, record in enumerate(rows):
            timing = record["timing"]
            if timing is None:
                cells = [record["status"], "–", "–", "–"]
            else:
                spread, eff, memory = timing["sample_s"], timing["efficiency"], timing["peak_memory_mb"]
                cells = [
                    str(record["nfe"]),
                    _time_text(spread["value"], spread["low"], spread["high"]),
                    "–" if eff is None else f"{eff:.2f}",
                    "–" if memory is None else f"{memory:.0f} MB",
                ]
            table.add_row(record["sampler"], str(record["steps"]), *cells, end_section=index == len(rows) - 1)
    return table


def _time_text(value: float, low: float | None, high: float | None) -> str:
    scale, unit = next(((s, u) for s, u in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")) if value * s >= 1), (1e9, "ns"))
    spread = "" if low is None or high is None else f" ({low * scale:.3g}–{high * scale:.3g})"
    return f"{value * scale:.3g}{spread} {unit}"


def break_even(student: Record, teacher: Record) -> float | None:
    """Returns the number of samples after which a student's training has paid for itself against `teacher`.

    None where the student was not trained, is not faster, or ran on another kind of device.
    """
    s, t = student["timing"], teacher["timing"]
    if s is None or t is None or s["training_s"] is None:
        return None
    if student["provenance"]["device_name"] != teacher["provenance"]["device_name"]:
        return None
    saved = t["sample_s"]["value"] - s["sample_s"]["value"]
    return s["training_s"] / saved if saved > 0 else None


def break_even_lines(records: Sequence[Record]) -> list[str]:
    """Returns a sentence for each trained sampler beside the slowest training-free one of the comparison."""
    free = [r for r in records if r["timing"] is not None and r["timing"]["training_s"] is None]
    if not free:
        return []
    slow = max(free, key=lambda r: r["steps"])
    lines = []
    for record in records:
        count = break_even(record, slow)
        if count is not None and slow["steps"] > record["steps"]:
            assert record["timing"] is not None
            lines.append(
                f"{record['sampler']} at {record['steps']} steps has paid for its training "
                f"({record['timing']['training_s']:.0f} s) after {count:.2g} samples, "
                f"against {slow['sampler']} at {slow['steps']} steps."
            )
    return lines
