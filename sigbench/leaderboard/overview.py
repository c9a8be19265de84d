"""What a board says first: at each number of network calls, who is best, what is tied with it, and the possible ranks.

A *block* is what a board holds at one number of calls, by one metric. What is compared in it is one family: entries
that were measured here, each sampler on the grid on which it does best at that number of calls, all with the same
number of repeats and the same noise. Nothing is compared across blocks, and nothing that calls no network. That each
grid was chosen by looking at the numbers that are then compared is a selection of its own, which no mark accounts for;
what tuning chose, on other noise, is none.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from sigbench.errors import BadInput
from sigbench.leaderboard.board import Board, Entry, best_of, on_grid
from sigbench.records.comparison import mean_score
from sigbench.records.family import Ranked, budget_sentence, rank_records
from sigbench.records.names import chosen, display_name, is_tuned, row_of
from sigbench.records.record import MetricRecord
from sigbench.report.marks import MARKS, NO_CALLS

STANDARD_CALLS = (1, 2, 3, 5, 8, 10, 20, 50)
SELECTION = (
    "Each sampler stands on the grid on which it does best at that number of calls. That grid was chosen by looking at "
    "the numbers shown, a selection that the marks do not account for: a close lead may be less than it seems."
)
TUNED = (
    "Samplers that were tuned stand on the grid and the options that were their best among at most 12 candidates, on "
    "noise that no number shown is of."
)


@dataclass(frozen=True, slots=True)
class Row:
    """An entry in its block. `ranked` is None where it is not compared, and `reason` then says why, in words."""

    entry: Entry
    metric: MetricRecord | None
    ranked: Ranked | None
    reason: str

    @property
    def mark(self) -> str:
        """The sign of what it is beside the best, "" where it is worse or not compared."""
        if self.entry.record["nfe"] == 0:
            return NO_CALLS
        return "" if self.ranked is None else MARKS[self.ranked.mark]

    @property
    def ranks(self) -> str:
        """The interval of ranks that the data allow: "1–3", or one number; a dash where it is not compared."""
        return "–" if self.ranked is None else rank_text(self.ranked.first, self.ranked.last)


@dataclass(frozen=True, slots=True)
class Block:
    """What a board holds at one number of calls (None: what failed, and has none), the smallest mean score first."""

    calls: int | None
    metric: str
    rows: tuple[Row, ...]

    @property
    def compared(self) -> list[Row]:
        """The rows of the family."""
        return [row for row in self.rows if row.ranked is not None]

    @property
    def sentence(self) -> str:
        """Who is best, who cannot be told from it, and what is not compared with them although it counts.

        "" where nothing that counts was measured by this metric.
        """
        counted = [row for row in self.rows if row.entry.counts and row.metric is not None]
        records = [row.entry.record for row in self.compared or counted]
        if not records or not self.calls:
            return ""
        apart = [f"{display_name(row.entry.record)} ({row.reason})" for row in counted if self.compared and row.reason]
        others = f" Not compared: {', '.join(apart)}." if apart else ""
        return f"{budget_sentence(records, self.metric)}{others}"


def selection(several: Iterable[Board]) -> str:
    """Returns how it was chosen on which grid each sampler of some boards stands, "" where nothing was."""
    records = [entry.record for board in several for entry in board.entries]
    places: dict[object, set[str]] = {}
    for record in records:
        at = (record["task"], record["samples"], record["seed"], row_of(record), record["nfe"])
        places.setdefault(at, set()).add(chosen(record))
    looked = any(len(grids) > 1 for grids in places.values())
    return " ".join(part for part in (TUNED * any(map(is_tuned, records)), SELECTION * looked) if part)


def blocks(board: Board, name: str, choice: str = "best") -> list[Block]:
    """Returns the blocks of a metric for a choice of grid (see `on_grid`), fewest calls first and failures last.

    Of several entries that a sampler has at one number of calls only the best is compared.
    """
    shown = on_grid(board, choice, name)
    chosen = {id(entry) for entry in best_of(board, shown, name)}
    by_calls: dict[int | None, list[Entry]] = {}
    for entry in shown:
        by_calls.setdefault(entry.record["nfe"], []).append(entry)
    order = sorted(by_calls, key=lambda calls: inf if calls is None else calls)
    return [_block(board, name, calls, by_calls[calls], chosen) for calls in order]


def narrowed(
    found: Sequence[Block], *, steps: Collection[int] = (), most_calls: int | None = None, most_rows: int = 0
) -> tuple[list[Block], int]:
    """Returns what is shown of blocks, marks and ranks unchanged, and how many rows `most_rows` (0: all) leaves out."""
    kept, left, more = [], most_rows or None, 0
    for block in found:
        if most_calls is not None and (block.calls is None or block.calls > most_calls):
            continue
        rows = [row for row in block.rows if not steps or row.entry.record["steps"] in steps]
        if rows[:left]:
            kept.append(Block(block.calls, block.metric, tuple(rows[:left])))
        more += len(rows) - len(rows[:left])
        left = None if left is None else max(0, left - len(rows))
    return kept, more


def rank_text(first: int, last: int) -> str:
    """Returns an interval of ranks: "1–3", "2"."""
    return str(first) if first == last else f"{first}–{last}"


def calls_of(board: Board) -> list[int]:
    """Returns the numbers of calls that a board has columns for: the standard ones, and all others that it holds."""
    held = {calls for entry in board.entries if (calls := entry.record["nfe"])}
    return sorted(held.union(STANDARD_CALLS))


def _block(board: Board, name: str, calls: int | None, entries: Sequence[Entry], chosen: set[int]) -> Block:
    known = {id(entry): metric for entry in entries if (metric := board.metric_of(entry.record, name)) is not None}
    reasons = {id(entry): _reason(entry, calls, id(entry) in known, id(entry) in chosen) for entry in entries}
    fit = [entry for entry in entries if not reasons[id(entry)]]
    family, refused = _family(fit, known)
    ranked = {}
    if not refused:
        try:
            found = rank_records([entry.record for entry in family], name)
            ranked = {id(entry): own for entry, own in zip(family, found, strict=True)}
        except BadInput as error:
            refused = str(error).rstrip(".")
    within = {id(entry) for entry in family}
    for entry in fit:
        if id(entry) not in ranked:
            apart = family and id(entry) not in within
            reasons[id(entry)] = _apart(entry, family[0], known) if apart else refused
    rows = [Row(entry, known.get(id(entry)), ranked.get(id(entry)), reasons[id(entry)]) for entry in entries]
    return Block(calls, name, tuple(sorted(rows, key=_order)))


def _reason(entry: Entry, calls: int | None, known: bool, best: bool) -> str:
    """Why an entry is in no family, whatever the others are; "" where it may be in one."""
    if entry.record["status"] != "ok":
        return entry.record["status"]
    if not known:
        return "not measured by this metric, its method and its number of samples"
    if not entry.counts:
        return "handed in, and not reproduced here" if entry.standing == "reported" else "it differs when run here"
    if not calls:
        return "no network calls"
    return "" if best else "does better on another grid"


def _family(entries: Sequence[Entry], known: Mapping[int, MetricRecord]) -> tuple[list[Entry], str]:
    """The most common kind of entries, and why they are not compared, "" where they are."""
    several = [entry for entry in entries if entry.record["repeats"] > 1]
    if not several:
        return [], "one repeat has no spread"
    counts = Counter(_kind(entry, known[id(entry)]) for entry in several)
    common = max(counts, key=lambda kind: (counts[kind], kind[0], kind[1] == "shared"))
    family = [entry for entry in several if _kind(entry, known[id(entry)]) == common]
    return family, "alone at this number of calls" if len(family) == 1 else ""


def _kind(entry: Entry, metric: MetricRecord) -> tuple[int, str, tuple[str, ...], float]:
    """What entries of a family have in common: repeats, noise, and the difference that counts as none."""
    noise = entry.record["noise"]
    return entry.record["repeats"], noise["paths"], tuple(noise["axes"]), metric["margin"]


def _apart(entry: Entry, one: Entry, known: Mapping[int, MetricRecord]) -> str:
    """What sets an entry apart from one of the family."""
    own, common = _kind(entry, known[id(entry)]), _kind(one, known[id(one)])
    if own[0] != common[0]:
        return f"{own[0]} {'repeat' if own[0] == 1 else 'repeats'}, the others {common[0]}"
    return "other noise than the others" if own[1:3] != common[1:3] else "another margin than the others"


def _order(row: Row) -> tuple[bool, bool, float, str]:
    worth = inf if row.metric is None else mean_score(row.metric)
    return row.metric is None, not row.entry.counts, worth, display_name(row.entry.record)
