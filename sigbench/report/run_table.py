"""Records as terminal tables: as many as the width needs, each with the floor in its first row."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby, repeat

from rich.cells import cell_len

from sigbench.errors import BadInput
from sigbench.records.family import rank_records
from sigbench.records.names import display_names
from sigbench.records.record import Record
from sigbench.report.fitting import Cell, FittingTable
from sigbench.report.marks import BEST, EQUIVALENT, MARKS, NO_CALLS, floor_mark
from sigbench.report.numbers import digits, duration_interval, interval, ratio

FLOOR_ROW = "floor (the truth)"
_NAME = 26
_GAP = 3  # characters between two columns


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of numbers: its header, the floor's cell and one cell a record."""

    header: str
    floor: Cell
    cells: Sequence[Cell]

    @property
    def width(self) -> int:
        """The characters that it takes."""
        return max(cell_len(_text(cell)) for cell in (self.header, self.floor, *self.cells))


def run_tables(records: Sequence[Record], width: int, shown: Sequence[str], *, costs: bool) -> list[FittingTable]:
    """Returns the tables of one comparison, packed to `width` columns.

    Rows are samplers grouped by network calls, with their steps where these are other numbers. Columns are the metrics
    in `shown` as value [95 % interval], and the time a sample; with `costs` that has a table of its own with efficiency
    and memory.
    """
    ordered = sorted(records, key=lambda r: (_calls(r), r["steps"]))
    samplers = display_names(ordered, grids=True)
    known = [name for name in shown if any(name in r["metrics"] for r in ordered)]
    columns = [_metric_column(ordered, name) for name in known] or [_Column("outcome", "", [""] * len(ordered))]
    columns[0] = _with_outcomes(ordered, columns[0])
    name = max([len(FLOOR_ROW), *(min(len(sampler), _NAME) for sampler in samplers)])
    taken = name + sum(_GAP + len(header) for header, _ in _counts(ordered))
    time = _time_column(ordered)
    tables = _packed(columns if costs else [*columns, time], width - taken)
    found = [_table(ordered, samplers, some) for some in tables]
    return [*found, _table(ordered, samplers, [time, *_cost_columns(ordered)])] if costs else found


def _packed(columns: Sequence[_Column], room: int) -> list[list[_Column]]:
    """The columns in as few tables as have no more than `room` each; one table where not even one column has it."""
    if max(_GAP + column.width for column in columns) > room:
        return [list(columns)]  # which then lists its cells one under the other
    tables: list[list[_Column]] = [[]]
    left = room
    for column in columns:
        needed = _GAP + column.width
        if tables[-1] and needed > left:
            tables.append([])
            left = room
        tables[-1].append(column)
        left -= needed
    return tables


def _table(records: Sequence[Record], samplers: Sequence[str], columns: Sequence[_Column]) -> FittingTable:
    counts = _counts(records)
    table = FittingTable(keys=1 + len(counts))
    table.column("sampler", fold=True, most=_NAME)
    for header in (*(header for header, _ in counts), *(column.header for column in columns)):
        table.column(header, right=True)
    if any(_text(column.floor) for column in columns):
        table.row((FLOOR_ROW, "dim"), *("" for _ in counts), *(column.floor for column in columns), ends=True)
    for index, record in enumerate(records):
        last = index + 1 == len(records) or _calls(records[index + 1]) != _calls(record)
        cells = [*(found[index] for _, found in counts), *(column.cells[index] for column in columns)]
        table.row(samplers[index], *cells, ends=last)
    return table


def _counts(records: Sequence[Record]) -> list[tuple[str, list[str]]]:
    """The columns that count: network calls, and steps where some record has another number of them."""
    calls = ["–" if record["nfe"] is None else str(record["nfe"]) for record in records]
    steps = [str(record["steps"]) for record in records]
    return [("calls", calls)] if calls == steps else [("calls", calls), ("steps", steps)]


def _calls(record: Record) -> float:
    """The network calls by which rows are grouped; what failed has none, and stands last."""
    return float("inf") if record["nfe"] is None else record["nfe"]


def _metric_column(records: Sequence[Record], name: str) -> _Column:
    first = next(r["metrics"][name] for r in records if name in r["metrics"])
    floor = interval(first["floor"], first["floor_low"], first["floor_high"], brief=True)
    cells: list[Cell] = []
    for _, group in groupby(records, key=_calls):
        several = list(group)
        cells += map(_value, several, marks(several, name), repeat(name))
    return _Column(name, (f"{floor}   ", "dim"), cells)


def _with_outcomes(records: Sequence[Record], column: _Column) -> _Column:
    """A column that says of records that came to nothing what became of them."""
    pairs = zip(records, column.cells, strict=True)
    cells = [cell if record["status"] == "ok" else (record["status"], "red") for record, cell in pairs]
    return _Column(column.header, column.floor, cells)


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


def _value(record: Record, mark: str, name: str) -> Cell:
    if name not in record["metrics"]:
        return "–"
    metric = record["metrics"][name]
    style = "bold green" if BEST in mark else "green" if EQUIVALENT in mark else ""
    return f"{interval(metric['value'], metric['low'], metric['high'], brief=True)} {mark:<2}", style


def _time_column(records: Sequence[Record]) -> _Column:
    cells: list[Cell] = []
    for record in records:
        spread = None if record["timing"] is None else record["timing"]["sample_s"]
        if spread is None:
            cells.append(record["status"])
        else:
            cells.append(duration_interval(spread["value"], spread["low"], spread["high"]))
    return _Column("time a sample", "", cells)


def _cost_columns(records: Sequence[Record]) -> list[_Column]:
    found: list[list[Cell]] = [[], []]
    for record in records:
        timing = record["timing"]
        eff, memory = (None, None) if timing is None else (timing["efficiency"], timing["peak_memory_mb"])
        found[0].append("–" if eff is None else ratio(eff["value"]))
        found[1].append("–" if memory is None else f"{digits(memory)} MB")
    return [_Column(header, "", cells) for header, cells in zip(("efficiency", "memory"), found, strict=True)]


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]
