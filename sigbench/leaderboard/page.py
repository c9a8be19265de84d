"""The page: boards as one HTML file that holds everything it needs and asks no network for anything."""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from sigbench.leaderboard.board import Board, Entry
from sigbench.leaderboard.claims import Answer, at_once
from sigbench.leaderboard.command import command_of
from sigbench.leaderboard.sections import Study
from sigbench.records.names import display_name
from sigbench.records.record import MetricRecord, Record

_DIGITS = 7
_GLOBALS = "window.vegaEmbed = vegaEmbed;"
_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that belongs to a task's tab."""

    task: str
    title: str
    file: Path


def build_page(
    boards: Mapping[str, Sequence[Board]],
    *,
    titles: Mapping[str, str],
    claims: Mapping[str, Sequence[Answer]],
    pictures: Sequence[Picture],
    studies: Sequence[Study] = (),
    footer: str = "",
) -> str:
    """Returns the page of all boards, by task; `titles` says what the tasks are called in words.

    Whatever comes from a record is text to the page: it lies in a JSON document that no markup can leave.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    scripts = [_bundle(), _part("measures.js"), _part("page.js")]
    numbered = list(enumerate(studies))
    tasks = [
        {
            "name": name,
            "claims": claims.get(name, ()),
            "pictures": [{"title": p.title, "uri": _data_uri(p.file)} for p in pictures if p.task == name],
            "studies": [(number, study) for number, study in numbered if study.task == name],
        }
        for name in boards
    ]
    # Jinja's own filters would do for single values; autoescape holds for the whole template.
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False).from_string(
        _part("page.html.j2")
    )
    return template.render(
        tasks=tasks,
        css=Markup(_part("page.css")),
        scripts=[Markup(script) for script in scripts],
        script_hashes=Markup(" ".join(_hash_of(script) for script in scripts)),
        data=Markup(embedded(page_data(boards, titles) | {"studies": [_study_data(study) for study in studies]})),
        footer=footer,
    )


def _study_data(study: Study) -> dict[str, Any]:
    return {"task": study.task, "charts": list(study.charts.values())}


def embedded(document: Any) -> str:
    """Returns JSON that may stand inside a script element: no `<`, `>` or `&` is left to end it or to begin markup."""
    text = msgspec.json.encode(document).decode()
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def page_data(boards: Mapping[str, Sequence[Board]], titles: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the page's script reads: tasks, their boards and cells, with what many cells share kept once."""
    from sigbench.leaderboard.page_charts import page_charts

    shared = _Shared()
    tasks = [
        {
            "name": name,
            "title": titles.get(name, name),
            "samplers": _sampler_order(several),
            "boards": [_board_data(board, shared) for board in several],
        }
        for name, several in boards.items()
    ]
    return {
        "tasks": tasks,
        "makes": shared.makes.values(),
        "floors": shared.floors.values(),
        "settings": shared.settings.values(),
        "charts": page_charts(),
    }


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

    def floor_of(self, metric: MetricRecord) -> int:
        ends = (metric["floor"], metric["floor_low"], metric["floor_high"])
        return self.floors.place_by(ends, lambda: [_short(end) for end in ends])

    def make_of(self, record: Record) -> int:
        made = {name: value for name, value in record["provenance"].items() if name != "date"}
        return self.makes.place_by(msgspec.json.encode([made, at_once(record)]), lambda: _make_data(record))


def _board_data(board: Board, shared: _Shared) -> dict[str, Any]:
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
        "cells": [_cell_data(board, entry, shared) for entry in board.entries],
    }


def _title(board: Board) -> str:
    conditions = "".join(f", {name} {value:g}" for name, value in board.conditions.items())
    return f"{board.samples:,} samples{conditions}, seed {board.seed}, version {board.version} ({len(board.entries)})"


def _description(board: Board) -> str:
    conditions = "".join(f"{name} {value:g}, " for name, value in board.conditions.items())
    text = f"{board.samples:,} samples in a repeat, {conditions}seed {board.seed}, task version {board.version}."
    if board.superseded:
        text += f" {board.superseded} older records of these cells are not shown."
    return text


def _cell_data(board: Board, entry: Entry, shared: _Shared) -> dict[str, Any]:
    r, timing = entry.record, entry.record["timing"]
    metrics = {}
    for name in board.metrics:
        if (m := board.metric_of(r, name)) is not None:
            floor = shared.floor_of(m)
            metrics[name] = [_short(m["value"]), _short(m["low"]), _short(m["high"]), m["at_floor"], floor]
    names, settings = command_of(r)
    spread = None if timing is None else timing["sample_s"]
    cell: dict[str, Any] = {
        "k": r["key"],
        "s": display_name(r),
        "f": r["family"],
        "n": r["steps"],
        "c": r["nfe"],
        "g": r["grid"],
        "b": entry.standing,
        "x": r["status"],
        "r": r["repeats"],
        "d": _text(r["provenance"].get("date")),
        "t": None if spread is None else [_short(spread["value"]), _short(spread["low"]), _short(spread["high"])],
        "e": None if timing is None else _short(timing["efficiency"]),
        "mb": None if timing is None else timing["peak_memory_mb"],
        "ts": None if timing is None else _short(timing["training_s"]),
        "tr": r["family"] == "student" if timing is None else timing["training_s"] is not None,
        "m": metrics,
        "p": shared.make_of(r),
        "q": [names, shared.settings.place(settings)],
    }
    cell |= {
        short: text for short, text in (("er", r.get("error")), ("no", r.get("note")), ("re", entry.remark)) if text
    }
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


def _sampler_order(several: Sequence[Board]) -> list[str]:
    """The samplers of a task, students first: so a colour means the same sampler on every board."""
    families = {display_name(e.record): e.record["family"] for board in several for e in board.entries}
    return sorted(families, key=lambda name: (families[name] != "student", name))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")


def _part(name: str) -> str:
    return files("sigbench.leaderboard").joinpath("template", name).read_text(encoding="utf-8")


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    import vl_convert

    script: str = vl_convert.javascript_bundle(_GLOBALS)
    return script.replace("</script", "<\\/script")


def _hash_of(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _data_uri(file: Path) -> str:
    return f"data:{_TYPES[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode()}"


def find_pictures(folder: Path) -> list[Picture]:
    """Returns the pictures of a board's folder that the page knows."""
    known = (
        ("mnist", "mnist-strip", "The same noise under several samplers"),
        ("rbergomi", "rbergomi-smile", "The smile of implied volatilities"),
    )
    candidates = [
        Picture(task, title, folder / f"{stem}{suffix}") for task, stem, title in known for suffix in (".svg", ".png")
    ]
    found: dict[str, Picture] = {}
    for picture in candidates:
        if picture.file.is_file():
            found.setdefault(picture.task, picture)
    return list(found.values())


def newest_date(boards: Mapping[str, Sequence[Board]]) -> str:
    """Returns the day of the newest record, "" where there is none."""
    dates = [
        _text(e.record["provenance"].get("date"))[:10]
        for several in boards.values()
        for b in several
        for e in b.entries
    ]
    return max((day for day in dates if _is_day(day)), default="")


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
