"""Records as notebooks and programs have them: in memory, tidy, drawn, printed, and read back from where they are."""

import html
import io
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from sigbench.api.plot import Plot
from sigbench.api.tidy import Row, Tidy
from sigbench.errors import BadInput, unknown_name
from sigbench.records.checks import parse_sound
from sigbench.records.names import display_names
from sigbench.records.reading import read_records
from sigbench.records.record import SCHEMA, Record, to_json
from sigbench.report.text import listed

_WIDTH = 100  # characters of the table in a notebook


class Records(Tidy, Sequence[Record]):
    """Records, each a dictionary of one measured cell, in the order in which they were asked for.

    They are made by `sigbench.run` and `sigbench.load`, or of dictionaries: raises BadInput where one of these is no
    sound record of the schema of this version. A slice is Records again, and `+` joins two. Printed, those of one task
    are the table of the command line.
    """

    def __init__(self, records: Iterable[Record | Mapping[str, Any]] = ()) -> None:
        found = list(records)
        schemas = dict.fromkeys(record.get("schema") for record in found)
        if len(schemas) > 1:
            raise BadInput(
                f"records of the schemas {listed([repr(schema) for schema in schemas])} are mixed, and this version "
                f"reads {SCHEMA}: measure the others' cells again."
            )
        self._records = [_sound(record, place) for place, record in enumerate(found, 1)]

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> "Records": ...
    def __getitem__(self, index: int | slice) -> "Record | Records":
        return _of(self._records[index]) if isinstance(index, slice) else self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __add__(self, other: "Records") -> "Records":
        """Joins two, each key once."""
        return _of(list({record["key"]: record for record in (*self._records, *other)}.values()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Records) and self._records == other._records

    __hash__ = None  # type: ignore[assignment]  # as other containers that compare by what they hold

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics that records hold, the headline of the first first."""
        return tuple(dict.fromkeys(name for record in self._records for name in record["metrics"]))

    def where(self, **facts: Any) -> "Records":
        """Returns those with these values in their rows' columns: `records.where(sampler="ddim", nfe=5)`.

        Raises BadInput for a name that is no column of a whole record.
        """
        known = _facts(self._records[0], "") if self._records else {}
        for name in facts:
            if known and name not in known:
                raise unknown_name("fact of records", name, known)
        names = display_names(self._records)
        pairs = zip(self._records, names, strict=True)
        return _of([r for r, name in pairs if facts.items() <= _facts(r, name).items()])

    def rows(self) -> list[Row]:
        """Returns a row a metric of each record: what was measured, the value with its 95 % interval, and the floor.

        Times are seconds a sample; `quiet` says whether the machine did nothing else meanwhile. A record without
        metrics, of a cell that failed, has one row, in which `error` says why.
        """
        return list(self._rows())

    def _rows(self) -> Iterator[Row]:
        for record, name in zip(self._records, display_names(self._records), strict=True):
            timing = record["timing"]
            rest = {
                "sample_s": None if timing is None else timing["sample_s"]["value"],
                "quiet": None if timing is None else timing["quiet"],
                "error": record.get("error"),
                "key": record["key"],
            }
            found: list[tuple[str | None, Mapping[str, Any]]] = list(record["metrics"].items())
            for metric, numbers in found or [(None, {})]:
                kept = {column: numbers.get(column) for column in _NUMBERS}
                yield {**_facts(record, name), "metric": metric, **kept, **rest}

    def plot(self, metric: str | None = None) -> Plot:
        """Returns the chart of a metric, the headline where none is named, against network calls.

        Raises BadInput where `sigbench[plots]` is not installed, and for a metric that no record has.
        """
        from sigbench.errors import check_extra

        check_extra("plots", "a chart")
        from sigbench.report.charts import quality_chart

        tasks = list(dict.fromkeys(record["task"] for record in self._records))
        if len(tasks) != 1:
            held = listed(tasks) if tasks else "none"
            raise BadInput(f"a chart is of one task, and these are records of {held}: choose one by where(task=…).")
        name = self.headline(metric)
        if not any(name in record["metrics"] and record["nfe"] for record in self._records):
            raise BadInput("there is nothing to draw: no record has a metric and network calls.")
        return Plot(quality_chart(self._records, name))

    def headline(self, metric: str | None = None) -> str:
        """Returns the name of a metric that records have, that of the headline for None; raises BadInput otherwise."""
        known = self.metrics
        if not known:
            raise BadInput("none of the records has a metric: their cells failed, or there are none.")
        if metric is not None and metric not in known:
            raise unknown_name("metric of the records", metric, known)
        return known[0] if metric is None else metric

    def save(self, file: str | Path) -> Path:
        """Writes them as JSON Lines, which `sigbench.load` reads; returns the file, and raises BadInput otherwise."""
        from sigbench.records.store import check_writable, replacing

        check_writable(Path(file), "file of records")
        with replacing(Path(file)) as temporary:
            temporary.write_text("".join(f"{to_json(record)}\n" for record in self._records))
        return Path(file)

    def __repr__(self) -> str:
        tasks = ", ".join(dict.fromkeys(record["task"] for record in self._records)) or "nothing"
        failed = sum(record["status"] != "ok" for record in self._records)
        count = f"{len(self)} record{'' if len(self) == 1 else 's'} of {tasks}"
        return f"<{count}{f', {failed} without numbers' if failed else ''}>"

    def __str__(self) -> str:
        return self._table() or repr(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def _table(self) -> str:
        """The table of one comparison, "" where these are of several or of none."""
        if len({(r["task"], r["task_version"], str(r["conditions"]), r["samples"], r["seed"]) for r in self}) != 1:
            return ""
        from rich.console import Console

        from sigbench.report.marks import LEGEND
        from sigbench.report.run_sentences import budget_sentences
        from sigbench.report.run_table import run_tables

        text = io.StringIO()
        look: dict[str, Any] = {"color_system": None, "markup": False, "emoji": False, "highlight": False}
        # A kernel's console would show the table beside the text instead of writing it there.
        console = Console(file=text, width=_WIDTH, force_jupyter=False, **look)
        for table in run_tables(self._records, _WIDTH, self.metrics[:1], costs=False):
            console.print(table)
        for line in (LEGEND, *budget_sentences(self._records)):
            console.print(line)
        return text.getvalue().rstrip("\n")


_NUMBERS = ("value", "low", "high", "floor", "floor_low", "floor_high", "better", "n", "method")


def _facts(record: Record, name: str) -> Row:
    conditions = record["conditions"]
    return {
        "task": record["task"],
        "task_version": record["task_version"],
        "label": None if (label := conditions.get("label")) is None else int(label),
        "guidance": conditions.get("guidance", 0.0),
        "sampler": name,
        "spec": record["spec"],
        "role": record["role"],
        "family": record["family"],
        "steps": record["steps"],
        "nfe": record["nfe"],
        "grid": record["grid"],
        "samples": record["samples"],
        "repeats": record["repeats"],
        "seed": record["seed"],
        "status": record["status"],
    }


def _of(records: list[Record]) -> Records:
    """Records of what was checked before."""
    made = Records()
    made._records = records
    return made


def measured(records: Iterable[Record]) -> Records:
    """Returns records that were just measured, which `measure` has checked."""
    return _of(list(records))


def _sound(record: Record | Mapping[str, Any], place: int) -> Record:
    try:
        return parse_sound(json.dumps(record, allow_nan=False))
    except (BadInput, ValueError, TypeError) as error:
        raise BadInput(f"record {place} is none: {str(error).rstrip('.')}.") from None


def load(paths: str | Path | Iterable[str | Path], task: str | None = None) -> Records:
    """Returns the records of files and folders, of a store or of a board, each key once; of one `task` where given.

    A folder gives its `.json` and `.jsonl` files. Whatever of a folder is of an older schema is left out, with a
    warning that counts it; in a file that is named it is not. Raises BadInput for that, where there is nothing to read,
    and for a record that is damaged.
    """
    asked = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    found = read_records(asked, task)
    old = 0
    for problem in found.problems:
        if problem.kind == "duplicate":
            continue
        if problem.kind == "outdated" and problem.file not in asked:
            old += 1
            continue
        raise BadInput(f"{problem}.")
    if old:
        warnings.warn(
            f"{old} record{' is' if old == 1 else 's are'} of an older schema, which this version does not read, and "
            "left out.",
            stacklevel=2,
        )
    if not found.records:
        of = "" if task is None else f" of {task}"
        raise BadInput(f"there are no records{of} in {listed([str(path) for path in asked])}.")
    return _of(found.records)
