"""What pages say of which sampler to use: by budget, training-free and trained apart, and when training pays."""

from collections.abc import Iterable, Sequence
from math import inf

from sigbench.leaderboard.choice import BUDGETS, Choice, choose, payback, ranked, within
from sigbench.leaderboard.documents.tables import NONE, markdown_table
from sigbench.leaderboard.markdown import escaped
from sigbench.records.comparison import mean_score
from sigbench.records.names import chosen, display_name
from sigbench.records.record import Record
from sigbench.report.marks import MARKS, floor_mark
from sigbench.report.numbers import chance, duration, interval, rounded_up
from sigbench.report.run_table import FLOOR_ROW
from sigbench.report.text import listed

_MOST_NAMES = 6


def choice_table(*several: tuple[Iterable[Record], str]) -> str:
    """Returns a row a task and budget: the best training-free sampler as it was tuned, the best student, and both.

    `several` are the records of a task each, with the metric that decides.
    """
    rows = []
    for some, metric in several:
        for found in _choices(list(some), metric):
            best, student = found.free, found.student
            rows.append(
                [
                    f"`{best['task']}`, `{metric}`",
                    str(found.calls),
                    f"{escaped(display_name(best))} ({escaped(chosen(best))}): {_value(best, metric)}",
                    NONE if student is None else f"{escaped(display_name(student))}: {_value(student, metric)}",
                    _beside(found),
                ]
            )
    head = ["task, by", "calls", "best training-free sampler", "best student", "student less the other"]
    return markdown_table(head, rows, words=len(head))


def budget_table(records: Iterable[Record], metric: str, *budgets: int) -> str:
    """Returns a row a sampler and a column a budget of calls, each cell a metric with interval and mark.

    Fewer calls than a budget allows stand behind the value. Rows stand in the order of the middle budget, and a budget
    within which nothing was measured has no column.
    """
    some = list(records)
    held = {calls: found for calls in budgets if (found := within(some, calls))}
    rows: dict[str, dict[int, tuple[float, str]]] = {}
    for calls, found in held.items():
        for record, own in zip(found, ranked(found, metric), strict=True):
            fewer = "" if record["nfe"] == calls else f" ({record['nfe']})"
            text = f"{_value(record, metric, MARKS[own.mark])}{fewer}"
            worth = mean_score(record["metrics"][metric])
            rows.setdefault(escaped(display_name(record)), {})[calls] = worth, text
    middle = list(held)[len(held) // 2]
    order = sorted(rows, key=lambda name: rows[name].get(middle, (inf, ""))[0])
    first = some[0]["metrics"][metric]
    floor = interval(first["floor"], first["floor_low"], first["floor_high"], brief=True)
    table = [[FLOOR_ROW, floor, *[""] * (len(held) - 1)]]
    table += [[name, *(rows[name].get(calls, (inf, NONE))[1] for calls in held)] for name in order]
    return markdown_table([f"`{metric}`", *(f"{calls} calls" for calls in held)], table)


def choice_lines(records: Iterable[Record], metric: str) -> list[str]:
    """Returns a sentence a budget: of how many the best is the best, what cannot be told from it, and the student."""
    return [_line(found) for found in _choices(list(records), metric)]


def payback_table(*several: tuple[Iterable[Record], str, int, Iterable[Record]]) -> str:
    """Returns a row a student: its training, the first training-free sampler that is as good, and when training pays.

    `several` are the records of a task each, with the metric that decides, the student's number of steps, and records
    of the same samplers on a quiet machine, whose times are taken.
    """
    rows = []
    for some, metric, steps, quiet in several:
        records, timed = list(some), list(quiet)
        students = [each for each in records if each["family"] == "student" and each["steps"] == steps]
        rows += [_payback_row(records, metric, student, timed) for student in students]
    return markdown_table(["task", "student", "calls", "training", "as good without training", "it pays after"], rows)


def leaders(records: Iterable[Record], metric: str, calls: int, count: int) -> list[Record]:
    """Returns the students' records within a budget, and so many of the best others' by a metric."""
    some = within(records, calls)
    students = [record for record in some if record["family"] == "student"]
    others = [record for record in some if record["family"] != "student"]
    return students + sorted(others, key=lambda record: mean_score(record["metrics"][metric]))[:count]


def limits(records: Iterable[Record], least: int = 100) -> list[Record]:
    """Returns what shows the most that a network gives: the records of at least so many calls, the teacher's too."""
    return [record for record in records if record["status"] == "ok" and (record["nfe"] or 0) >= least]


def _choices(records: Sequence[Record], metric: str) -> list[Choice]:
    return [found for calls in BUDGETS if (found := choose(records, metric, calls)) is not None]


def _line(found: Choice) -> str:
    parts = [
        f"{found.metric} within {found.calls} calls: {display_name(found.free)} is the best of {found.among} "
        "training-free samplers"
    ]
    for those, words in ((found.tied, "equivalent to it"), (found.open, "not told from it")):
        parts += [f"{words}: {_names(those)}"] if those else []
    line = "; ".join(parts)
    if found.student is None or found.beside is None or found.p_value is None:
        return f"{line}."
    beside = found.beside
    told = f"{interval(beside.difference, beside.low, beside.high)}, p {chance(found.p_value)}"
    return f"{line}. {display_name(found.student)} less {display_name(found.free)}: {told}: {beside.outcome}."


def _payback_row(records: Sequence[Record], metric: str, student: Record, timed: Sequence[Record]) -> list[str]:
    found, timing = payback(records, metric, student, timed), student["timing"]
    trained = None if timing is None else timing["training_s"]
    most = max(record["nfe"] or 0 for record in records if record["role"] != "teacher")
    rival = f"none up to {most} calls"
    pays = NONE
    if found.rival is not None:
        rival = f"{escaped(display_name(found.rival))} at {found.rival['nfe']} calls"
        if (student["nfe"] or 0) >= (found.rival["nfe"] or 0):
            pays = "never"
        elif found.samples is not None:
            pays = f"{rounded_up(found.samples)} samples"
    return [
        f"`{student['task']}`",
        escaped(display_name(student)),
        str(student["nfe"]),
        NONE if trained is None else duration(trained),
        rival,
        pays,
    ]


def _beside(found: Choice) -> str:
    if found.beside is None or found.p_value is None:
        return NONE
    beside = found.beside
    return f"{interval(beside.difference, beside.low, beside.high)}: {beside.outcome}, p {chance(found.p_value)}"


def _names(records: Sequence[Record]) -> str:
    names = [display_name(record) for record in records]
    more = len(names) - _MOST_NAMES
    return listed(names) if more <= 0 else f"{', '.join(names[:_MOST_NAMES])} and {more} more"


def _value(record: Record, name: str, mark: str = "") -> str:
    metric = record["metrics"][name]
    value = interval(metric["value"], metric["low"], metric["high"], brief=True)
    return f"{value} {mark}{floor_mark(metric)}".rstrip()
