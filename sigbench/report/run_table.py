"""Records as terminal tables: as many as the width needs, each with the floor in its first row."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.table import Table
from rich.text import Text

from sigbench.records.comparison import badness, outcome
from sigbench.records.names import display_name, display_names
from sigbench.records.record import Record
from sigbench.report.numbers import digits, duration, duration_interval, interval, ratio

BEST, TIE, FLOOR = "★", "≈", "="
LEGEND = (
    f"{BEST} best among those with as many network calls   {TIE} tied with the best: the 95 % intervals overlap   "
    f"{FLOOR} at the floor: cannot be told from the truth at this n"
)
FLOOR_ROW = "floor (the truth)"
_NAME = 26


def run_tables(records: Sequence[Record], width: int) -> list[Table]:
    """Returns the tables of one comparison, packed to `width` columns.

    Rows are samplers grouped by steps, columns metrics as value [95 % interval]; the last table holds NFE,
    time, efficiency and memory.
    """
    ordered = sorted(records, key=lambda r: r["steps"])
    names = list(dict.fromkeys(name for r in ordered for name in r["metrics"]))
    columns = {name: _column(ordered, name) for name in names}
    samplers = display_names(ordered)
    left = width - max([len(FLOOR_ROW), *(min(len(sampler), _NAME) for sampler in samplers)]) - 3 - len("steps")
    tables: list[list[str]] = [[]]
    room = left
    for name in names or [""]:
        needed = 3 + max((len(cell) for cell in columns.get(name, [])), default=0)
        if tables[-1] and needed > room:
            tables.append([])
            room = left
        tables[-1].append(name)
        room -= needed
    return [*(_metric_table(ordered, samplers, group, columns) for group in tables), _cost_table(ordered, samplers)]


def _frame() -> Table:
    table = Table(pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("sampler", overflow="fold", max_width=_NAME)
    table.add_column("steps", justify="right")
    return table


def _column(records: Sequence[Record], name: str) -> list[Text]:
    """The floor's cell and every record's."""
    first = next(r["metrics"][name] for r in records if name in r["metrics"])
    floor = Text(interval(first["floor"], first["floor_low"], first["floor_high"], brief=True) + "   ", style="dim")
    cells = [floor]
    for record in records:
        rivals = [r for r in records if r["nfe"] == record["nfe"]]
        cells.append(_value_text(record, rivals, name) if record["metrics"] else Text("–"))
    return cells


def _metric_table(
    records: Sequence[Record], samplers: Sequence[str], names: Sequence[str], columns: Mapping[str, list[Text]]
) -> Table:
    table = _frame()
    known = [name for name in names if name in columns]
    for name in known or ["outcome"]:
        table.add_column(name, justify="right", no_wrap=True)
    if known:
        table.add_row(Text(FLOOR_ROW, style="dim"), "", *(columns[name][0] for name in known), end_section=True)
    for index, record in enumerate(records):
        last = index + 1 == len(records) or records[index + 1]["steps"] != record["steps"]
        cells = [columns[name][index + 1] for name in known]
        if record["status"] != "ok":
            cells[:1] = [Text(record["status"], style="red")]
        table.add_row(samplers[index], str(record["steps"]), *cells, end_section=last)
    return table


def marks(record: Record, rivals: Sequence[Record], name: str) -> str:
    """Returns the marks of a metric: best or tied among `rivals` (those that succeeded), and at the floor."""
    own = record["metrics"][name]
    alive = [r["metrics"][name] for r in rivals if r["status"] == "ok"]
    best = min(alive, key=lambda metric: badness(metric["value"], metric["better"]))
    mark = FLOOR if own["at_floor"] else ""
    if len(alive) < 2:
        return mark
    if own == best:
        return BEST + mark
    return (TIE if outcome(own, best) == "tied" else "") + mark


def _value_text(record: Record, rivals: Sequence[Record], name: str) -> Text:
    metric = record["metrics"][name]
    mark = marks(record, rivals, name)
    style = "bold green" if BEST in mark else "green" if TIE in mark else ""
    return Text(f"{interval(metric['value'], metric['low'], metric['high'], brief=True)} {mark:<2}", style=style)


def _cost_table(records: Sequence[Record], samplers: Sequence[str]) -> Table:
    table = _frame()
    for header in ("NFE", "time a sample", "efficiency", "memory"):
        table.add_column(header, justify="right", no_wrap=True)
    for _, group in groupby(zip(records, samplers, strict=True), key=lambda pair: pair[0]["steps"]):
        rows = list(group)
        for index, (record, sampler) in enumerate(rows):
            timing = record["timing"]
            if timing is None:
                cells = [record["status"], "–", "–", "–"]
            else:
                spread, eff, memory = timing["sample_s"], timing["efficiency"], timing["peak_memory_mb"]
                cells = [
                    str(record["nfe"]),
                    duration_interval(spread["value"], spread["low"], spread["high"]),
                    "–" if eff is None else ratio(eff["value"]),
                    "–" if memory is None else f"{digits(memory)} MB",
                ]
            table.add_row(sampler, str(record["steps"]), *cells, end_section=index == len(rows) - 1)
    return table


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
            timing = record["timing"]
            assert timing is not None and timing["training_s"] is not None
            lines.append(
                f"{display_name(record)} at {record['steps']} steps has paid for its training "
                f"({duration(timing['training_s'])}) after {digits(count, 2)} samples, "
                f"against {display_name(slow)} at {slow['steps']} steps."
            )
    return lines
