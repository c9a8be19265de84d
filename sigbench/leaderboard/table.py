"""A board in the terminal: its ranking as a table and as JSON, and a submission beside what was run here."""

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sigbench.leaderboard.board import Board, Entry, ranks
from sigbench.leaderboard.submissions import MetricDifference
from sigbench.records.names import display_name
from sigbench.report.numbers import digits, duration, interval, number, signed_digits
from sigbench.report.text import printable

_NAME = 20

Ranked = tuple[int | None, Entry]


def ranking(board: Board, entries: Sequence[Entry], name: str) -> list[Ranked]:
    """Returns entries with their ranks by a metric, the best first and ties by network calls."""
    return sorted(zip(ranks(board, entries, name), entries, strict=True), key=lambda pair: _order(board, name, *pair))


def _order(board: Board, name: str, rank: int | None, entry: Entry) -> tuple[float, float, float, str]:
    metric, calls = board.metric_of(entry.record, name), entry.record["nfe"]
    last = float("inf")
    return (
        last if rank is None else rank,
        last if calls is None else calls,
        last if metric is None else metric["value"],
        display_name(entry.record),
    )


def line_of(board: Board, name: str, rank: int | None, entry: Entry) -> dict[str, Any]:
    """Returns an entry with its rank as the JSON object of `leaderboard show --json`."""
    r, metric = entry.record, board.metric_of(entry.record, name)
    numbers = {
        field: None if metric is None else metric[field] for field in ("value", "low", "high", "floor", "at_floor")
    }
    return {
        "task": r["task"],
        "samples": r["samples"],
        "seed": r["seed"],
        "metric": name,
        "rank": rank,
        "sampler": r["sampler"],
        "spec": r["spec"],
        "role": r["role"],
        "family": r["family"],
        "grid": r["grid"],
        "dtype": r["provenance"].get("dtype"),
        "steps": r["steps"],
        "nfe": r["nfe"],
        **numbers,
        "sample_s": None if r["timing"] is None else r["timing"]["sample_s"]["value"],
        "repeats": r["repeats"],
        "status": r["status"],
        "standing": entry.standing,
        "key": r["key"],
    }


def heading_of(board: Board, name: str) -> str:
    """Returns what stands above the table: the task, its conditions, and the floor of the metric; rich markup."""
    conditions = "".join(f"{key} {digits(value, 6)} · " for key, value in board.conditions.items())
    floor = ""
    if name in board.metrics:
        m = board.metrics[name]
        floor = f" · floor of {name} {interval(m['floor'], m['floor_low'], m['floor_high'])}"
    task = escape(printable(board.task))
    return f"[bold]{task}[/bold] · {escape(f'{conditions}{board.samples} samples · seed {board.seed}{floor}')}"


def board_table(board: Board, name: str, ranked: Sequence[Ranked], width: int) -> Table:
    """Returns the ranking by a metric as a table of at most `width` columns."""
    several = len({entry.record["grid"] for _, entry in ranked}) > 1
    table = Table(pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("sampler", overflow="fold", max_width=max(_NAME, width - 60))
    for header in ("grid",) if several else ():
        table.add_column(header, overflow="fold", max_width=9)
    for header in ("steps", "NFE", f"{name} [95 %]", *(() if several else ("time",))):
        table.add_column(header, justify="right", no_wrap=True)
    places = [rank for rank, _ in ranked]
    for rank, entry in ranked:
        r, metric = entry.record, board.metric_of(entry.record, name)
        place = "–" if rank is None else f"{'=' if places.count(rank) > 1 else ''}{rank}"
        if metric is None:
            value = Text("–" if r["status"] == "ok" else r["status"], style="" if r["status"] == "ok" else "red")
        else:
            mark = " =" if metric["at_floor"] else "  "
            value = Text(interval(metric["value"], metric["low"], metric["high"], brief=True) + mark)
        label = Text(printable(display_name(r)))
        if entry.standing != "measured":
            label.append(f" ({entry.standing})", style="yellow")
        time = "–" if r["timing"] is None else duration(r["timing"]["sample_s"]["value"])
        grids = [Text(printable(r["grid"]))] if several else []
        table.add_row(
            Text(place, style="bold green" if rank == 1 else ""),
            label,
            *grids,
            str(r["steps"]),
            "–" if r["nfe"] is None else str(r["nfe"]),
            value,
            *([] if several else [time]),
        )
    table.caption = "= at the floor: cannot be told from the truth at this n"
    table.caption_justify = "left"
    return table


def difference_table(found: Sequence[MetricDifference]) -> Table:
    """Returns a submitted record beside that of the same cell run here, a metric a row."""
    table = Table(pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("metric")
    for header in ("reported", "here", "standard errors"):
        table.add_column(header, justify="right", no_wrap=True)
    for each in found:
        size = "?" if each.standard_errors is None else signed_digits(each.standard_errors)
        table.add_row(each.metric, number(each.reported), number(each.measured), size, style=_style(each.agrees))
    return table


def _style(agrees: bool | None) -> str:
    return "red" if agrees is False else ""
