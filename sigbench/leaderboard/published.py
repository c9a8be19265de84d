"""Tables that others published, and the ranks that the same samplers have here at as many calls.

They are no measurement of ours: numbers of other networks, data and metrics are not comparable with ours. The order of
the samplers is worth a look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from scipy.stats import kendalltau, rankdata

from sigbench.errors import BadInput
from sigbench.leaderboard.board import Board
from sigbench.leaderboard.claims import TABLE, claim_entries, convert_entry
from sigbench.leaderboard.overview import blocks, rank_text
from sigbench.records.family import rank_records
from sigbench.records.names import display_name
from sigbench.report.numbers import digits

_LEAST = 3  # samplers: an order of two says nothing


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table of a source: what samplers score at so many calls by a metric of which less is better.

    `values` are by our names of the samplers; `words` say what was measured there.
    """

    kind: str
    words: str
    source: str
    url: str
    calls: int
    metric: str
    values: dict[str, float]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Ranks:
    """The ranks here, on one task by its headline metric, of a table's samplers among themselves.

    `ranks` are intervals as far as the data allow, "" for what was not measured; `agreement` is Kendall's τ of the
    estimates here and the published values.
    """

    task: str
    metric: str
    ranks: dict[str, str]
    agreement: float


@dataclass(frozen=True, slots=True)
class Beside:
    """A published table, best first, with the rank that each sampler has there, and the ranks here, a task each."""

    table: PublishedTable
    there: dict[str, str]
    here: tuple[Ranks, ...]

    @property
    def sentence(self) -> str:
        """How far the two orders agree, task by task."""
        if not self.here:
            return "None of our tasks has records of these samplers at as many calls yet."
        parts = [f"{digits(each.agreement, 2)} on {each.task} ({each.metric})" for each in self.here]
        return (
            f"Kendall's τ of the published order and ours, 1 for the same and −1 for the reverse: {', '.join(parts)}."
        )


def read_tables(file: Path) -> list[PublishedTable]:
    """Returns the published tables of a file of claims; raises BadInput, naming the claim, where one cannot be read."""
    found = []
    for where, entry in claim_entries(file):
        if entry.get("kind") != TABLE:
            continue
        table = convert_entry(entry, PublishedTable, where)
        if len(table.values) < _LEAST or not all(isfinite(value) for value in table.values.values()):
            raise BadInput(
                f"the values of {where} are at least {_LEAST} finite numbers, each by the name of a sampler."
            )
        found.append(table)
    return found


def beside_ours(table: PublishedTable, boards: Mapping[str, Sequence[Board]]) -> Beside:
    """Returns a table with our ranks on each task whose first board holds three of its samplers at its calls."""
    names = sorted(table.values, key=lambda name: table.values[name])
    there = dict(zip(names, (f"{rank:g}" for rank in rankdata([table.values[name] for name in names])), strict=True))
    found = [_ranks(table, task, several[0]) for task, several in boards.items() if several]
    return Beside(table, there, tuple(ranks for ranks in found if ranks is not None))


def _ranks(table: PublishedTable, task: str, board: Board) -> Ranks | None:
    name = next(iter(board.metrics), "")
    rows = [
        row
        for block in (blocks(board, name) if name else [])
        if block.calls == table.calls
        for row in block.compared
        if display_name(row.entry.record) in table.values
    ]
    if len(rows) < _LEAST:
        return None
    records = [row.entry.record for row in rows]
    ranked = dict(zip(map(display_name, records), rank_records(records, name), strict=True))
    values = {display_name(record): record["metrics"][name]["value"] for record in records}
    agreement = kendalltau([values[each] for each in ranked], [table.values[each] for each in ranked]).statistic
    ranks = {each: rank_text(ranked[each].first, ranked[each].last) if each in ranked else "" for each in table.values}
    return Ranks(task, name, ranks, float(agreement))
