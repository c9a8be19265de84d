"""Records as terminal tables: as many as the width needs, each with the floor in its first row."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import groupby, repeat

from rich.table import Table
from rich.text import Text

from sigbench.errors import BadInput
from sigbench.records.family import rank_records
from sigbench.records.names import display_names
from sigbench.records.record import Record
from sigbench.report.marks import BEST, EQUIVALENT, MARKS, NO_CALLS, floor_mark
from sigbench.report.numbers import digits, duration_interval, interval, ratio

FLOOR_ROW = "floor (the truth)"
_NAME = 26


def run_tables(records: Sequence[Record], width: int) -> list[Table]:
    """Returns the tables of one comparison, packed to `width` columns.

    Rows are samplers grouped by network calls, columns metrics as value [95 % interval]; the last table holds time,
    efficiency and memory.
    """
    ordered = sorted(records, key=lambda r: (_calls(r), r["steps"]))
    names = list(dict.fromkeys(name for r in ordered for name in r["metrics"]))
    columns = {name: _column(ordered, name) for name in names}
    samplers = display_names(ordered, grids=True)
    left = width - max([len(FLOOR_ROW), *(min(len(sampler), _NAME) for sampler in samplers)]) - 6 - len("callssteps")
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
    for header in ("calls", "steps"):
        table.add_column(header, justify="right", no_wrap=True)
    return table


def _calls(record: Record) -> float:
    """The network calls by which rows are grouped; what failed has none, and stands last."""
    return float("inf") if record["nfe"] is None else record["nfe"]


def _counts(record: Record) -> tuple[str, str]:
    return "–" if record["nfe"] is None else str(record["nfe"]), str(record["steps"])


def _column(records: Sequence[Record], name: str) -> list[Text]:
    """The floor's cell and every record's."""
    first = next(r["metrics"][name] for r in records if name in r["metrics"])
    floor = Text(interval(first["floor"], first["floor_low"], first["floor_high"], brief=True) + "   ", style="dim")
    cells = [floor]
    for _, group in groupby(records, key=_calls):
        several = list(group)
        cells += map(_value_text, several, marks(several, name), repeat(name))
    return cells


def _metric_table(
    records: Sequence[Record], samplers: Sequence[str], names: Sequence[str], columns: Mapping[str, list[Text]]
) -> Table:
    table = _frame()
    known = [name for name in names if name in columns]
    for name in known or ["outcome"]:
        table.add_column(name, justify="right", no_wrap=True)
    if known:
        table.add_row(Text(FLOOR_ROW, style="dim"), "", "", *(columns[name][0] for name in known), end_section=True)
    for index, record in enumerate(records):
        last = index + 1 == len(records) or _calls(records[index + 1]) != _calls(record)
        cells = [columns[name][index + 1] for name in known]
        if record["status"] != "ok":
            cells[:1] = [Text(record["status"], style="red")]
        table.add_row(samplers[index], *_counts(record), *cells, end_section=last)
    return table


def marks(records: Sequence[Record], name: str) -> list[str]:
    """Returns the marks of a metric in records of as many calls: what each is among them, and beside the floor.

    Those that failed have none; where there are no others, or they cannot be compared, the first mark is left out. What
    called no network has a mark of its own alone.
    """
    alive = [index for index, record in enumerate(records) if name in record["metrics"]]
    found = [""] * len(records)
    if len(alive) > 1 and records[alive[0]]["nfe"]:
        with suppress(BadInput):
            for index, ranked in zip(alive, rank_records([records[index] for index in alive], name), strict=True):
                found[index] = MARKS[ranked.mark]
    for index in alive:
        if records[index]["nfe"] == 0:
            found[index] = NO_CALLS
            continue
        found[index] += floor_mark(records[index]["metrics"][name])
    return found


def _value_text(record: Record, mark: str, name: str) -> Text:
    if name not in record["metrics"]:
        return Text("–")
    metric = record["metrics"][name]
    style = "bold green" if BEST in mark else "green" if EQUIVALENT in mark else ""
    return Text(f"{interval(metric['value'], metric['low'], metric['high'], brief=True)} {mark:<2}", style=style)


def _cost_table(records: Sequence[Record], samplers: Sequence[str]) -> Table:
    table = _frame()
    for header in ("time a sample", "efficiency", "memory"):
        table.add_column(header, justify="right", no_wrap=True)
    for _, group in groupby(zip(records, samplers, strict=True), key=lambda pair: _calls(pair[0])):
        rows = list(group)
        for index, (record, sampler) in enumerate(rows):
            timing = record["timing"]
            if timing is None:
                cells = [record["status"], "–", "–"]
            else:
                spread, eff, memory = timing["sample_s"], timing["efficiency"], timing["peak_memory_mb"]
                cells = [
                    duration_interval(spread["value"], spread["low"], spread["high"]),
                    "–" if eff is None else ratio(eff["value"]),
                    "–" if memory is None else f"{digits(memory)} MB",
                ]
            table.add_row(sampler, *_counts(record), *cells, end_section=index == len(rows) - 1)
    return table
