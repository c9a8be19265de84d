"""A board in the terminal: its blocks as a table and as JSON, and a submission beside what was run here."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from sigbench.leaderboard.board import Board
from sigbench.leaderboard.overview import Block, Row
from sigbench.leaderboard.verification import MetricDifference
from sigbench.records.comparison import at_floor
from sigbench.records.consistency import doubts_of
from sigbench.records.names import display_name, tuned_line
from sigbench.report.fitting import Cell, FittingTable
from sigbench.report.marks import floor_mark
from sigbench.report.numbers import digits, duration, interval, number, signed_digits
from sigbench.report.text import printable

_NAME, _REST = 18, 64  # the narrowest column of names, and what the others need


def line_of(name: str, row: Row) -> dict[str, Any]:
    """Returns an entry, with what is known of it in its block, as the JSON object of `leaderboard show --json`."""
    r, metric, ranked = row.entry.record, row.metric, row.ranked
    numbers = {field: None if metric is None else metric[field] for field in ("value", "low", "high", "floor")}
    return {
        "task": r["task"],
        "samples": r["samples"],
        "seed": r["seed"],
        "metric": name,
        "nfe": r["nfe"],
        "sampler": r["sampler"],
        "spec": r["spec"],
        "tuned": tuned_line(r) or None,
        "role": r["role"],
        "family": r["family"],
        "grid": r["grid"],
        "dtype": r["provenance"].get("dtype"),
        "steps": r["steps"],
        "mark": None if ranked is None else ranked.mark,
        "rank_first": None if ranked is None else ranked.first,
        "rank_last": None if ranked is None else ranked.last,
        "p_adjusted": None if ranked is None else ranked.p_adjusted,
        "not_compared": row.reason or None,
        **numbers,
        "at_floor": None if metric is None else at_floor(metric),
        "sample_s": None if r["timing"] is None else r["timing"]["sample_s"]["value"],
        "time_doubts": doubts_of(r),
        "repeats": r["repeats"],
        "status": r["status"],
        "standing": row.entry.standing,
        "key": r["key"],
    }


def heading_of(board: Board, name: str) -> Text:
    """Returns what stands above the table: the task, its conditions, and the floor of the metric."""
    conditions = "".join(f"{key} {digits(value, 6)} · " for key, value in board.conditions.items())
    floor = ""
    if name in board.metrics:
        m = board.metrics[name]
        floor = f" · floor of {name} {interval(m['floor'], m['floor_low'], m['floor_high'])}"
    rest = printable(f" · {conditions}{board.samples} samples · seed {board.seed}{floor}")
    return Text.assemble((printable(board.task), "bold"), rest)


def board_table(name: str, found: Sequence[Block], width: int) -> FittingTable:
    """Returns blocks as a table of at most `width` columns, one under the other, each in its order."""
    several = len({row.entry.record["grid"] for block in found for row in block.rows}) > 1
    table = FittingTable(keys=2)
    table.column("calls", right=True)
    table.column("sampler", fold=True, most=max(_NAME, width - _REST))
    for header in ("grid",) if several else ():
        table.column(header, fold=True, most=9)
    for header in ("steps", f"{name} [95 %]"):
        table.column(header, right=True)
    table.column("")
    for header in ("ranks", *(() if several else ("time",))):
        table.column(header, right=True)
    for block in found:
        for place, row in enumerate(block.rows):
            table.row(*_cells(row, grids=several), ends=place + 1 == len(block.rows))
    return table


def _cells(row: Row, *, grids: bool) -> list[Cell]:
    r, metric = row.entry.record, row.metric
    if metric is None:
        value: Cell = "–" if r["status"] == "ok" else (r["status"], "red")
    else:
        value = interval(metric["value"], metric["low"], metric["high"], brief=True)
    label: Cell = printable(display_name(r))
    if row.entry.standing != "measured":
        label = (f"{label} ({row.entry.standing})", "yellow")
    mark = row.mark + ("" if metric is None else floor_mark(metric))
    style = {"best": "bold green", "equivalent": "green"}.get("" if row.ranked is None else row.ranked.mark, "")
    return [
        "–" if r["nfe"] is None else str(r["nfe"]),
        label,
        *([printable(r["grid"])] if grids else []),
        str(r["steps"]),
        value,
        (mark, style),
        row.ranks,
        *(
            []
            if grids
            else ["–" if r["timing"] is None or doubts_of(r) else duration(r["timing"]["sample_s"]["value"])]
        ),
    ]


def difference_table(found: Sequence[MetricDifference]) -> FittingTable:
    """Returns a submitted record beside that of the same cell run here, a metric a row."""
    table = FittingTable()
    table.column("metric")
    for header in ("reported", "here", "standard errors"):
        table.column(header, right=True)
    for each in found:
        size = "?" if each.standard_errors is None else signed_digits(each.standard_errors)
        table.row(printable(each.metric), number(each.reported), number(each.measured), size, style=_style(each.agrees))
    return table


def _style(agrees: bool | None) -> str:
    return "red" if agrees is False else ""
