"""Boards: records grouped into comparisons that are fair, and what is shown of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from sigbench.records.comparison import mean_score
from sigbench.records.names import identity, row_of
from sigbench.records.record import MetricRecord, Record

Standing = Literal["measured", "reported", "reproduced", "differs"]
ENOUGH_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """A record on a board, and how far its numbers can be trusted.

    `standing` is "measured" for records of this project, "reported" for those handed in, which become
    "reproduced" or "differs" once they were run again here; `remark` says what that run found.
    """

    record: Record
    standing: Standing = "measured"
    remark: str = ""

    @property
    def counts(self) -> bool:
        """Whether it was measured here, and so may be compared: what is only handed in is shown, and displaces none."""
        return self.standing in ("measured", "reproduced")


@dataclass(frozen=True, eq=False)
class Board:
    """Entries that may be compared: one task, version and conditions, one number of samples, one noise.

    A metric's bias depends on the number of samples, and the noise is common only under one seed. `group` holds all
    their records; what a board shows of them is worked out when it is asked for.
    """

    task: str
    version: int
    conditions: Mapping[str, float]
    samples: int
    seed: int
    group: Sequence[Entry]

    @cached_property
    def entries(self) -> Sequence[Entry]:
        """The entries that are shown: of one cell, three repeats or more stand before fewer, then the newest."""
        return _newest(self.group)

    @cached_property
    def metrics(self) -> Mapping[str, MetricRecord]:
        """The metrics, the headline first, each as most entries measure it: its method, its n, its floor."""
        return _common_metrics(self.entries)

    @property
    def superseded(self) -> int:
        """How many records stand behind others of their cells."""
        return len(self.group) - len(self.entries)

    @cached_property
    def main_grid(self) -> str:
        """The grid on which most cells were measured."""
        return _most_common(entry.record["grid"] for entry in self.entries)

    def metric_of(self, record: Record, name: str) -> MetricRecord | None:
        """Returns a record's metric where it was measured as the board's is: by that method, at that n."""
        own, common = record["metrics"].get(name), self.metrics.get(name)
        if own is None or common is None:
            return None
        return own if (own["method"], own["n"]) == (common["method"], common["n"]) else None


def boards(entries: Iterable[Entry]) -> dict[str, list[Board]]:
    """Returns the boards of each task, tasks in the order of their names, the newest version's largest board first."""
    groups: dict[Any, list[Entry]] = {}
    for entry in entries:
        r = entry.record
        conditions = tuple(sorted(r["conditions"].items()))
        groups.setdefault((r["task"], r["task_version"], conditions, r["samples"], r["seed"]), []).append(entry)
    found: dict[str, list[Board]] = {}
    for (task, version, conditions, samples, seed), group in groups.items():
        found.setdefault(task, []).append(Board(task, version, dict(conditions), samples, seed, group))
    for several in found.values():
        several.sort(key=lambda b: (not _trusted(b), -b.version, -len(b.group), bool(b.conditions), b.seed, -b.samples))
    return dict(sorted(found.items()))


def _trusted(board: Board) -> bool:
    """Whether anything on the board was measured here: what is only handed in never stands before the rest."""
    return any(entry.counts for entry in board.group)


def on_grid(board: Board, choice: str, name: str) -> list[Entry]:
    """Returns the entries of a choice of grid: "all", the name of one, or "best".

    "best" keeps one entry for each sampler and number of network calls, that on which the mean score of the metric is
    smallest. Entries of another standing are chosen apart, so that what is handed in hides nothing that was measured.
    """
    if choice == "all":
        return list(board.entries)
    if choice != "best":
        return [entry for entry in board.entries if entry.record["grid"] == choice]
    return best_of(board, board.entries, name)


def best_of(board: Board, entries: Sequence[Entry], name: str) -> list[Entry]:
    """Returns the best entry of each sampler and number of calls; of what failed, what failed on every grid."""
    by_steps = _least(entries, board, name, lambda record: ("steps", record["steps"]))
    return _least(by_steps, board, name, lambda r: ("steps", r["steps"]) if r["nfe"] is None else ("calls", r["nfe"]))


def _least(entries: Sequence[Entry], board: Board, name: str, cost: Callable[[Record], object]) -> list[Entry]:
    best: dict[Any, tuple[float, Entry]] = {}
    for entry in entries:
        metric = board.metric_of(entry.record, name)
        worth = float("inf") if metric is None else mean_score(metric)
        at = (row_of(entry.record), cost(entry.record), entry.standing)
        if at not in best or worth < best[at][0]:
            best[at] = worth, entry
    return [entry for _, entry in best.values()]


def _newest(group: Sequence[Entry]) -> list[Entry]:
    kept: dict[Any, Entry] = {}
    for entry in group:
        r = entry.record
        made = r["provenance"]
        cell = (identity(r), r["steps"], r["grid"], made.get("dtype"), made.get("device"), entry.standing)
        other = kept.setdefault(cell, entry)
        if other is not entry and _worth(entry.record) > _worth(other.record):
            kept[cell] = entry
    return list(kept.values())


def _worth(record: Record) -> tuple[int, str]:
    return min(record["repeats"], ENOUGH_REPEATS), str(record["provenance"].get("date"))


def _common_metrics(entries: Sequence[Entry]) -> dict[str, MetricRecord]:
    """Each metric as most entries measure it, from the entry of most repeats."""
    ways: dict[tuple[str, str, int], list[Any]] = {}  # (name, method, n): entries, most repeats, their metric
    for entry in entries:
        counts = entry.standing == "measured"
        repeats = entry.record["repeats"] if counts else 0
        for name, metric in entry.record["metrics"].items():
            key = (name, metric["method"], metric["n"])
            way = ways.get(key)
            if way is None:
                ways[key] = [int(counts), repeats, metric]
            else:
                way[0] += counts
                if repeats > way[1]:
                    way[1:] = repeats, metric
    common: dict[str, list[Any]] = {}
    for (name, _, _), way in ways.items():
        if name not in common or way[0] > common[name][0]:
            common[name] = way
    return {name: way[2] for name, way in common.items()}


def _most_common(names: Iterable[str]) -> str:
    (name, _), *_ = Counter(names).most_common(1)
    return name
