"""Which sampler to use: at each budget of network calls the best training-free sampler and the best student.

A budget is the calls that may be made, not those that are: a sampler of two calls a step makes four of five. What makes
no more than half of them is left out, as are the task's teacher and what failed. All that is compared at one budget,
by one metric, is one family; a student's p-value beside the best training-free sampler is that of the family, which
accounts for having chosen the best by looking (see `records/family.py`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sigbench.errors import BadInput
from sigbench.records.comparison import Comparison, compare, mean_score
from sigbench.records.consistency import doubts_of
from sigbench.records.family import Ranked, rank_family
from sigbench.records.names import row_of
from sigbench.records.record import Record

BUDGETS = (5, 10, 20)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is best within a budget of calls by a metric, training-free and trained apart.

    `among` is how many training-free samplers were compared, `tied` those that are equivalent to their best, `open`
    those that are not told from it. `beside` is the best student less the best training-free sampler, `p_value` that of
    no difference within the family of all that was compared; both are None where no student can be compared.
    """

    calls: int
    metric: str
    free: Record
    among: int
    tied: tuple[Record, ...]
    open: tuple[Record, ...]
    student: Record | None
    beside: Comparison | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Payback:
    """What a student's training buys: fewer calls than the first budget at which something free is as good.

    `rival` is that sampler, None where none of those measured is; `samples` is the number of samples after which the
    saved time has paid for the training, None where times are not known or cannot be trusted, or nothing is saved.
    """

    student: Record
    rival: Record | None
    samples: float | None


def within(records: Iterable[Record], calls: int) -> list[Record]:
    """Returns for each sampler its record of most calls among those that a budget allows, more than half of it."""
    found: dict[object, Record] = {}
    for record in records:
        made = record["nfe"]
        if record["role"] == "teacher" or record["status"] != "ok" or not made or not calls / 2 < made <= calls:
            continue
        before = found.get(row_of(record))
        if before is None or (before["nfe"] or 0) < made:
            found[row_of(record)] = record
    return list(found.values())


def choose(records: Iterable[Record], metric: str, calls: int) -> Choice | None:
    """Returns what is best within a budget; None where no training-free sampler was measured there."""
    some = within(records, calls)
    free = [record for record in some if record["family"] != "student"]
    students = [record for record in some if record["family"] == "student"]
    if not free:
        return None
    marked = ranked(free, metric)
    best = free[[own.mark for own in marked].index("best")]
    tied, doubtful = (
        tuple(record for record, own in zip(free, marked, strict=True) if own.mark == mark)
        for mark in ("equivalent", "not resolved")
    )
    student = min(students, key=lambda record: mean_score(record["metrics"][metric]), default=None)
    if student is None:
        return Choice(calls, metric, best, len(free), tied, doubtful, None, None, None)
    together = [*free, *students]
    try:
        beside = _beside(student, best, metric)
        family = ranked(together, metric)
    except BadInput:
        return Choice(calls, metric, best, len(free), tied, doubtful, student, None, None)
    behind = best if beside.difference < 0 else student  # the other one is the best of all
    p_value = family[together.index(behind)].p_adjusted
    return Choice(calls, metric, best, len(free), tied, doubtful, student, beside, p_value)


def payback(records: Sequence[Record], metric: str, student: Record, timed: Sequence[Record] = ()) -> Payback:
    """Returns what a student's training buys beside the training-free samplers among some records.

    Times are those of `timed`, records of the same samplers and calls on a quiet machine, where it holds them.
    """
    budgets = sorted({record["nfe"] or 0 for record in records if record["role"] != "teacher"})
    for calls in budgets:
        found = choose(records, metric, calls)
        if found is not None and (found.free["nfe"] or 0) == calls and _as_good(found.free, student, metric):
            return Payback(student, found.free, _samples(_timed(student, timed), _timed(found.free, timed)))
    return Payback(student, None, None)


def ranked(records: Sequence[Record], metric: str) -> list[Ranked]:
    """Returns what is known of each record in the family of them all, whatever their calls; see `rank_family`."""
    shared = all(record["noise"]["paths"] == "shared" for record in records)
    return rank_family([record["metrics"][metric] for record in records], shared=shared)


def _beside(one: Record, other: Record, metric: str) -> Comparison:
    shared = one["noise"]["paths"] == other["noise"]["paths"] == "shared"
    return compare(one["metrics"][metric], other["metrics"][metric], shared=shared)


def _as_good(free: Record, student: Record, metric: str) -> bool:
    return _beside(free, student, metric).outcome in ("better", "equivalent")


def _timed(record: Record, timed: Sequence[Record]) -> Record:
    """The record of the same sampler and calls whose times count."""
    alike = (each for each in timed if (each["sampler"], each["nfe"]) == (record["sampler"], record["nfe"]))
    return next(alike, record)


def _samples(student: Record, rival: Record) -> float | None:
    own, other = student["timing"], rival["timing"]
    if own is None or other is None or own["training_s"] is None or doubts_of(student) or doubts_of(rival):
        return None
    saved = other["sample_s"]["value"] - own["sample_s"]["value"]
    return own["training_s"] / saved if saved > 0 else None
