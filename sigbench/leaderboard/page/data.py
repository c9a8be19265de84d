"""What the page's script reads: boards and cells as JSON, with what many cells share kept once."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import msgspec

from sigbench.leaderboard.board import Board, Entry
from sigbench.leaderboard.claims import at_once
from sigbench.leaderboard.command import command_of
from sigbench.leaderboard.overview import STANDARD_CALLS
from sigbench.leaderboard.page.blocks import blocks_data
from sigbench.leaderboard.page.charts import page_charts
from sigbench.records.consistency import doubts_of
from sigbench.records.names import display_names, tuned_line
from sigbench.records.record import MetricRecord, Record, SpreadRecord
from sigbench.report.marks import MARKS, floor_mark
from sigbench.report.numbers import digits
from sigbench.report.palette import SHAPES, curves_of

_DIGITS = 7
PATHS = dict(
    zip(
        SHAPES,
        (
            "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0 -5 0Z",
            "M-4.5 -4.5H4.5V4.5H-4.5Z",
            "M0 -5.5L5.5 4.5H-5.5Z",
            "M0 -6.5L5 0L0 6.5L-5 0Z",
            "M-1.8 -5.5H1.8V-1.8H5.5V1.8H1.8V5.5H-1.8V1.8H-5.5V-1.8H-1.8Z",
            "M0 5.5L5.5 -4.5H-5.5Z",
        ),
        strict=True,
    )
)  # shapes of points as the keys of charts draw them, around 0


def page_data(boards: Mapping[str, Sequence[Board]], titles: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the page's script reads: tasks, their boards and cells; a task without records has no board."""
    shared = _Shared()
    tasks = []
    for name, several in boards.items():
        called = _names(several)
        samplers = [[c.name, c.color, c.shape] for c in curves_of((n, n) for n in _sampler_order(several, called))]
        found = [_board_data(board, called, shared) for board in several]
        tasks.append({"name": name, "title": titles.get(name, name), "samplers": samplers, "boards": found})
    return {
        "tasks": tasks,
        "makes": shared.makes.values(),
        "floors": shared.floors.values(),
        "settings": shared.settings.values(),
        "reasons": shared.reasons,
        "standard": STANDARD_CALLS,
        "marks": [[name, sign] for name, sign in MARKS.items()],
        "shapes": PATHS,
        "charts": page_charts(),
    }


def _names(several: Sequence[Board]) -> dict[int, str]:
    """What the entries of a task are called, each by its id: samplers of one name from two files are told apart."""
    entries = [entry for board in several for entry in board.entries]
    return {id(entry): name for entry, name in zip(entries, display_names([e.record for e in entries]), strict=True)}


class _Interned:
    """Values kept once, each known by its place."""

    def __init__(self) -> None:
        self._places: dict[Hashable, int] = {}
        self._values: list[Any] = []

    def place(self, value: Hashable) -> int:
        return self.place_by(value, lambda: value)

    def place_by(self, key: Hashable, make: Callable[[], Any]) -> int:
        if key not in self._places:
            self._places[key] = len(self._values)
            self._values.append(make())
        return self._places[key]

    def values(self) -> list[Any]:
        return self._values


class _Shared:
    def __init__(self) -> None:
        self.makes, self.floors, self.settings = _Interned(), _Interned(), _Interned()
        self.reasons: list[str] = []

    def floor_of(self, metric: MetricRecord) -> int:
        ends = (metric["floor"], metric["floor_low"], metric["floor_high"])
        return self.floors.place_by(ends, lambda: [_short(end) for end in ends])

    def make_of(self, record: Record) -> int:
        made = {name: value for name, value in record["provenance"].items() if name != "date"}
        return self.makes.place_by(msgspec.json.encode([made, at_once(record)]), lambda: _make_data(record))


def _board_data(board: Board, names: Mapping[int, str], shared: _Shared) -> dict[str, Any]:
    return {
        "title": _title(board),
        "description": _description(board),
        "samples": board.samples,
        "seed": board.seed,
        "mainGrid": board.main_grid,
        "dtype": Counter(_text(e.record["provenance"].get("dtype")) for e in board.entries).most_common(1)[0][0],
        "metrics": [
            {
                "name": name,
                "method": m["method"],
                "n": m["n"],
                "better": m["better"],
                "floor": [_short(m["floor"]), _short(m["floor_low"]), _short(m["floor_high"])],
            }
            for name, m in board.metrics.items()
        ],
        "cells": [_cell_data(board, entry, names[id(entry)], shared) for entry in board.entries],
        **blocks_data(board, names, shared.reasons),
    }


def _title(board: Board) -> str:
    conditions = "".join(f", {name} {digits(value, 6)}" for name, value in board.conditions.items())
    return f"{board.samples:,} samples{conditions}, seed {board.seed}, version {board.version} ({len(board.entries)})"


def _description(board: Board) -> str:
    conditions = "".join(f"{name} {digits(value, 6)}, " for name, value in board.conditions.items())
    text = f"{board.samples:,} samples in a repeat, {conditions}seed {board.seed}, task version {board.version}."
    if board.superseded:
        text += f" {board.superseded} older records of these cells are not shown."
    return text


def _cell_data(board: Board, entry: Entry, called: str, shared: _Shared) -> dict[str, Any]:
    r, timing = entry.record, entry.record["timing"]
    metrics = {}
    for name in board.metrics:
        if (m := board.metric_of(r, name)) is not None:
            floor = shared.floor_of(m)
            metrics[name] = [_short(m["value"]), _short(m["low"]), _short(m["high"]), floor_mark(m), floor]
    names, settings = command_of(r)
    doubts = doubts_of(r)
    spread = None if timing is None or doubts else timing["sample_s"]
    note = " ".join(
        [r.get("note", ""), tuned_line(r), *([f"No times: {'; '.join(doubts)}."] if doubts else [])]
    ).strip()
    cell: dict[str, Any] = {
        "k": r["key"],
        "s": called,
        "f": r["family"],
        "n": r["steps"],
        "c": r["nfe"],
        "g": r["grid"],
        "b": entry.standing,
        "te": r["role"] == "teacher",
        "x": r["status"],
        "r": r["repeats"],
        "d": _text(r["provenance"].get("date")),
        "t": None if spread is None else [_short(spread["value"]), _short(spread["low"]), _short(spread["high"])],
        "e": None if timing is None else _short(_value(timing["efficiency"])),
        "mb": None if timing is None else timing["peak_memory_mb"],
        "ts": None if timing is None else _short(timing["training_s"]),
        "tr": r["family"] == "student" if timing is None else timing["training_s"] is not None,
        "m": metrics,
        "p": shared.make_of(r),
        "q": [names, shared.settings.place(settings)],
    }
    cell |= {short: text for short, text in (("er", r.get("error")), ("no", note), ("re", entry.remark)) if text}
    return cell


def _make_data(record: Record) -> dict[str, Any]:
    """With what, and on what, a record was made: all that many cells share."""
    made = record["provenance"]
    packages, artifacts = made.get("packages"), made.get("artifacts")
    threads = made.get("threads")
    return {
        "machine": f"{_text(made.get('device_name') or made.get('device'))}, {_text(threads)} thread"
        + ("" if threads == 1 else "s")
        + ("" if at_once(record) == 1 else f", {at_once(record)} cells at once"),
        "packages": ", ".join(f"{k} {v}" for k, v in packages.items() if v) if isinstance(packages, dict) else "",
        "artifacts": [[f"{k} (SHA-256)", _text(v)] for k, v in artifacts.items()]
        if isinstance(artifacts, dict)
        else [],
        **{name: _text(made.get(name)) for name in ("sigbench", "git", "torch", "python", "platform", "dtype")},
    }


def _sampler_order(several: Sequence[Board], called: Mapping[int, str]) -> list[str]:
    """The samplers of a task, students first."""
    families = {called[id(e)]: e.record["family"] for board in several for e in board.entries}
    return sorted(families, key=lambda name: (families[name] != "student", name))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _value(spread: SpreadRecord | None) -> float | None:
    return None if spread is None else spread["value"]


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
