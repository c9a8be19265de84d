"""Records as Markdown tables, written as the tables of the command line write them."""

import io
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from math import inf

from rich.console import Console

from sigbench.leaderboard.board import Entry, boards
from sigbench.leaderboard.documents.evidence import is_older
from sigbench.leaderboard.markdown import escaped
from sigbench.leaderboard.overview import blocks, narrowed
from sigbench.leaderboard.table import board_table
from sigbench.records.consistency import doubts_of
from sigbench.records.names import chosen, namer
from sigbench.records.record import MetricRecord, Record
from sigbench.report.numbers import digits, duration, duration_interval, interval, ratio
from sigbench.report.run_table import FLOOR_ROW, marks

NONE = "–"
_TERMINAL = 80  # columns
_COMPUTED = re.compile(r"(trajectories|[a-z0-9]+)-[0-9a-f]{12}")  # how `sigbench grid` names what it computed


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """Returns a table of text that is Markdown already; all columns but the first `words` stand to the right."""
    ruler = ["---" if place < words else "---:" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ruler, *rows))


def cell_table(records: Iterable[Record], *metrics: str) -> str:
    """Returns a row a record: sampler, calls, grid, and its metrics with intervals and marks; the floor first.

    Rows stand by their calls, and among as many by the first metric, in the order of its values.
    """
    some = sorted(records, key=lambda record: (_calls(record), record["metrics"][metrics[0]]["value"]))
    called = namer(some, grids=False)
    several = len({chosen(record) for record in some}) > 1
    columns = [marked(some, name) for name in metrics]
    head = ["sampler", *(["grid"] if several else []), "calls", *(f"`{name}`" for name in metrics)]
    floors = [_floor(some[0]["metrics"][name]) for name in metrics]
    rows = [[FLOOR_ROW, *([""] if several else []), "", *floors]]
    for place, record in enumerate(some):
        grid = [escaped(chosen(record))] if several else []
        rows.append([escaped(called(record)), *grid, _count(record), *(column[place] for column in columns)])
    return markdown_table(head, rows, words=2 if several else 1)


def calls_table(records: Iterable[Record], metric: str) -> str:
    """Returns a row a sampler and a column for each number of calls, each cell a metric with interval and marks.

    Where a sampler has several cells of as many calls, they stand in rows of their own.
    """
    some = list(records)
    called = namer(some)
    texts = dict(zip(map(id, some), _marked_apart(some, metric), strict=True))
    budgets = sorted({_calls(record) for record in some})
    rows: dict[str, dict[float, str]] = {}
    for record in some:
        row = rows.setdefault(escaped(called(record)), {})
        row[_calls(record)] = texts[id(record)]
    floor = _floor(some[0]["metrics"][metric])
    table = [[FLOOR_ROW, floor, *[""] * (len(budgets) - 1)]]
    table += [[name, *(row.get(calls, NONE) for calls in budgets)] for name, row in rows.items()]
    return markdown_table([f"`{metric}`", *(f"{calls:.0f} calls" for calls in budgets)], table)


def grids_table(records: Iterable[Record], metric: str) -> str:
    """Returns a row a sampler and a column a grid, each cell a metric; marks compare the grids of one sampler.

    Computed grids are called by how they were found, without the hash of their times.
    """
    some = list(records)
    columns = list(dict.fromkeys(_kind_of_grid(record) for record in some))
    rows = []
    for spec in dict.fromkeys(record["spec"] for record in some):
        own = [record for record in some if record["spec"] == spec]
        texts = dict(zip(map(_kind_of_grid, own), marked(own, metric), strict=True))
        rows.append([escaped(f"{own[0]['sampler']}, {_count(own[0])} calls"), *(texts.get(g, NONE) for g in columns)])
    return markdown_table([f"`{metric}`", *(f"`{grid}`" for grid in columns)], rows)


def guidance_table(records: Iterable[Record], metric: str) -> str:
    """Returns a row a weight of guidance and a column a sampler, each cell a metric with its interval."""
    some = list(records)
    called = namer(some, grids=False)
    columns = list(dict.fromkeys(f"{escaped(called(record))}, {record['steps']} steps" for record in some))
    rows: dict[float, dict[str, str]] = {}
    for record in some:
        row = rows.setdefault(record["conditions"].get("guidance", 0.0), {})
        row[f"{escaped(called(record))}, {record['steps']} steps"] = _text(record, metric, "")
    table = [[f"{weight:g}", *(row.get(name, NONE) for name in columns)] for weight, row in sorted(rows.items())]
    return markdown_table([f"W, `{metric}`", *columns], table)


def board_text(records: Iterable[Record], metric: str, calls: int, rows: int) -> str:
    """Returns the first rows of what `sigbench leaderboard show` prints at so many calls, as a block of plain text."""
    entries = [Entry(record) for record in records]
    (board,) = boards(entries)[entries[0].record["task"]]
    shown, _ = narrowed([block for block in blocks(board, metric) if block.calls == calls], most_rows=rows)
    console = Console(width=_TERMINAL, file=io.StringIO(), color_system=None)
    console.print(board_table(metric, shown, _TERMINAL))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return "\n".join(("```text", *(line.rstrip() for line in lines), "```"))


def cost_table(records: Iterable[Record]) -> str:
    """Returns a row a record with its time a sample, efficiency, peak memory, and what its training took.

    Times that are in doubt are not shown.
    """
    some = sorted((record for record in records if record["timing"] is not None), key=_calls)
    called = namer(some)
    rows = []
    for record in some:
        timing = record["timing"]
        assert timing is not None
        spread, eff, memory, trained = (
            timing["sample_s"],
            timing["efficiency"],
            timing["peak_memory_mb"],
            timing["training_s"],
        )
        rows.append(
            [
                escaped(called(record)),
                _count(record),
                NONE if doubts_of(record) else duration_interval(spread["value"], spread["low"], spread["high"]),
                NONE if eff is None or doubts_of(record) else ratio(eff["value"]),
                NONE if memory is None else f"{digits(memory)} MB",
                NONE if trained is None else duration(trained),
            ]
        )
    return markdown_table(["sampler", "calls", "time a sample", "efficiency", "memory", "training"], rows)


def marked(records: Sequence[Record], metric: str) -> list[str]:
    """Returns a metric of records with intervals and marks; `records` stand by their calls.

    What is of an older schema has no mark: it is compared with nothing.
    """
    found = []
    for _, group in groupby(records, key=_calls):
        several = list(group)
        known = [record for record in several if not is_older(record)]
        signs = dict(zip(map(id, known), marks(known, metric), strict=True)) if known else {}
        found += [_text(record, metric, signs.get(id(record), "")) for record in several]
    return found


def _marked_apart(records: Sequence[Record], metric: str) -> list[str]:
    """As `marked`, for records in any order."""
    ordered = sorted(records, key=_calls)
    texts = dict(zip(map(id, ordered), marked(ordered, metric), strict=True))
    return [texts[id(record)] for record in records]


def _text(record: Record, name: str, mark: str) -> str:
    metric = record["metrics"].get(name)
    if metric is None:
        return record["status"] if record["status"] != "ok" else NONE
    return f"{interval(metric['value'], metric['low'], metric['high'], brief=True)} {mark}".rstrip()


def _floor(metric: MetricRecord) -> str:
    return interval(metric["floor"], metric["floor_low"], metric["floor_high"], brief=True)


def _kind_of_grid(record: Record) -> str:
    found = _COMPUTED.fullmatch(record["grid"])
    return found[1] if found else record["grid"]


def _calls(record: Record) -> float:
    return inf if record["nfe"] is None else record["nfe"]


def _count(record: Record) -> str:
    return NONE if record["nfe"] is None else str(record["nfe"])
