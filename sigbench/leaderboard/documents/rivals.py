"""What pages say of students beside one another: by calls, over several trainings, and what each costs in all.

A student's record names its artifact, whose folder ends in the seed of its training: `sfd:artifact=gmm-sfd-1`. Tables
of one training show that of the smallest seed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from sigbench.errors import BadInput
from sigbench.leaderboard.choice import ranked
from sigbench.leaderboard.documents.cost import Option, cheapest
from sigbench.leaderboard.documents.tables import NONE, markdown_table
from sigbench.leaderboard.markdown import escaped
from sigbench.records.comparison import Comparison, compare, mean_score
from sigbench.records.consistency import doubts_of
from sigbench.records.names import display_name
from sigbench.records.record import Record
from sigbench.report.marks import MARKS, floor_mark
from sigbench.report.numbers import digits, duration, interval, rounded_up
from sigbench.report.run_table import FLOOR_ROW
from sigbench.report.text import listed

FREE = "best without training"
_SEED = re.compile(r"-(\d+)'?$")


def training_seed(record: Record) -> int:
    """Returns the seed of a student's training, as its artifact's folder ends; 0 where it names none."""
    found = _SEED.search(record["spec"])
    return 0 if found is None else int(found[1])


def one_training(records: Iterable[Record], metric: str) -> list[Record]:
    """Returns what stands for everything at each number of calls: of every student one training, and the best others.

    The best of the training-free samplers by a metric is called so; the task's teacher stays as it is.
    """
    some = [record for record in records if record["status"] == "ok" and record["nfe"]]
    students = [record for record in some if record["family"] == "student"]
    least = min((training_seed(record) for record in students), default=0)
    shown = [
        _called(record, record["sampler"], record["sampler"]) for record in students if training_seed(record) == least
    ]
    free = [record for record in some if record["family"] != "student" and record["role"] != "teacher"]
    teacher = [record for record in some if record["role"] == "teacher"]
    for calls in sorted({record["nfe"] or 0 for record in shown}):
        among = [record for record in free if record["nfe"] == calls]
        best = min(among, key=lambda record: mean_score(record["metrics"][metric]), default=None)
        shown += [] if best is None else [_called(best, FREE, display_name(best))]
    return [*shown, *teacher]


def students_table(records: Iterable[Record], metric: str) -> str:
    """Returns a row a student and a column for each number of calls; then the best training-free sampler, the teacher.

    Marks are those of all but the teacher at as many calls.
    """
    some = list(records)
    shown = [record for record in one_training(some, metric) if record["role"] != "teacher"]
    counts = sorted({record["nfe"] or 0 for record in shown})
    cells: dict[str, dict[int, str]] = {}
    for calls in counts:
        family = [record for record in shown if record["nfe"] == calls]
        for record, own in zip(family, ranked(family, metric), strict=True):
            text = _value(record, metric, MARKS[own.mark])
            if record["sampler"] == FREE:
                text += f" {escaped(record['spec'])}"
            cells.setdefault(record["sampler"], {})[calls] = text
    floor = some[0]["metrics"][metric]
    first = interval(floor["floor"], floor["floor_low"], floor["floor_high"], brief=True)
    rows = [[FLOOR_ROW, first, *[""] * (len(counts) - 1)]]
    rows += [[name, *(own.get(calls, NONE) for calls in counts)] for name, own in cells.items()]
    rows += [
        [f"{escaped(display_name(record))}, {record['nfe']} calls", _value(record, metric), *[""] * (len(counts) - 1)]
        for record in some
        if record["role"] == "teacher"
    ]
    return markdown_table([f"`{metric}`", *(_calls(calls) for calls in counts)], rows)


def curves(records: Iterable[Record], metric: str) -> list[Record]:
    """Returns the records of a chart against calls: of every student one training, the best others and the teacher."""
    shown = one_training(records, metric)
    return [_called(record, FREE, FREE, grid=FREE) if record["sampler"] == FREE else record for record in shown]


def best_student_lines(records: Iterable[Record], metric: str, *budgets: int) -> list[str]:
    """Returns a sentence for each number of calls: the best student, which are as good or cannot be told from it."""
    shown = one_training(records, metric)
    lines = []
    for calls in budgets:
        family = [r for r in shown if r["nfe"] == calls and r["family"] == "student"]
        if not family:
            continue
        marked = list(zip(family, ranked(family, metric), strict=True))
        (best,) = (record for record, own in marked if own.mark == "best")
        parts = [f"At {_calls(calls)} {best['sampler']} is the {_best_of(len(family))}"]
        for mark, words in (("equivalent", "equivalent to it"), ("not resolved", "not told from it")):
            names = [record["sampler"] for record, own in marked if own.mark == mark]
            parts += [f"{words}: {listed(names)}"] if names else []
        free = next((r for r in shown if r["nfe"] == calls and r["sampler"] == FREE), None)
        if free is not None:
            beside = _compared(best, free, metric)
            parts.append(
                f"less the best training-free sampler, {escaped(free['spec'])}: {_difference(beside)}, {beside.outcome}"
            )
        lines.append("; ".join(parts) + ".")
    return lines


def beside_table(records: Iterable[Record], metric: str, one: str, other: str) -> str:
    """Returns a row for each number of calls and a column a training: a student less another of the same seed."""
    found = _beside(records, metric, one, other)
    seeds = sorted({seed for _, seed in found})
    head = ["calls", *(f"seed {seed}" for seed in seeds)]
    rows = []
    for calls in sorted({calls for calls, _ in found}):
        own = [found.get((calls, seed)) for seed in seeds]
        rows.append([str(calls), *(NONE if c is None else f"{_difference(c)}, {c.outcome}" for c in own)])
    return markdown_table(head, rows)


def beside_line(records: Iterable[Record], metric: str, one: str, other: str) -> str:
    """Returns in a sentence where a student is better or worse than another in all trainings, and where it depends."""
    found = _beside(records, metric, one, other)
    seen = {calls: [c.outcome for (at, _), c in sorted(found.items()) if at == calls] for calls, _ in sorted(found)}
    sorts: dict[str, list[int]] = {}
    for calls, outcomes in seen.items():
        kinds = sorted(set(outcomes))
        sort = kinds[0] if len(kinds) == 1 else f"{' or '.join(kinds)}, depending on the training,"
        sorts.setdefault(sort, []).append(calls)
    fewest, most = (find(len(outcomes) for outcomes in seen.values()) for find in (min, max))
    times = "one training each" if most == 1 else f"{most if fewest == most else f'{fewest} to {most}'} trainings each"
    parts = [f"{sort} at {_counts(calls)}" for sort, calls in sorts.items()]
    return f"By `{metric}`, {one} beside {other} is {'; '.join(parts)} ({times})."


def across_line(records: Iterable[Record], one: tuple[str, int], other: tuple[str, int], *metrics: str) -> str:
    """Returns in a sentence in which metrics a student at some number of calls is better than another at its own.

    Both are (name, calls), of the trainings with the smallest seed. Raises BadInput where one of them is missing.
    """
    some = [record for record in records if record["family"] == "student" and record["status"] == "ok"]
    found = []
    for name, calls in (one, other):
        own = [record for record in some if (record["sampler"], record["nfe"]) == (name, calls)]
        if not own:
            raise BadInput(f"there is no record of {name} at {_calls(calls)}.")
        found.append(min(own, key=training_seed))
    sorts: dict[str, list[str]] = {}
    for metric in metrics:
        sorts.setdefault(_compared(found[0], found[1], metric).outcome, []).append(f"`{metric}`")
    parts = "; ".join(f"{outcome} in {listed(names)}" for outcome, names in sorts.items())
    return f"{one[0]} at {_calls(one[1])} beside {other[0]} at {_calls(other[1])} is {parts}."


def trainings_table(records: Iterable[Record], metric: str, *budgets: int) -> str:
    """Returns a row a student with the values of all its trainings, and what a training took."""
    some = [record for record in records if record["family"] == "student" and record["status"] == "ok"]
    rows = []
    for name in dict.fromkeys(record["sampler"] for record in some):
        own = [record for record in some if record["sampler"] == name]
        took = {training_seed(r): r["timing"]["training_s"] for r in own if r["timing"] is not None}
        spent = [seconds for seconds in took.values() if seconds is not None]
        values = [_values([r for r in own if r["nfe"] == calls], metric) for calls in budgets]
        rows.append([name, *values, duration(sum(spent) / len(spent)) if spent else NONE])
    return markdown_table(["student", *(_calls(calls) for calls in budgets), "a training"], rows)


def cheapest_table(records: Iterable[Record], metric: str, *levels: float, times: Iterable[Record] = ()) -> str:
    """Returns a row a level of a metric that is to be reached: what is cheapest for how many samples, training and all.

    Times are those of `times`, records of the same samplers and calls on a quiet machine, where it holds them; what has
    no times that can be trusted is left out.
    """
    rows = []
    for level, stages in _stages(records, metric, levels, times):
        texts = [
            f"{escaped(option.name)}" + ("" if start == 0 else f" from {rounded_up(start)} samples")
            for start, option in stages
        ]
        rows.append([f"{digits(level)}", "; ".join(texts) or "nothing that was measured"])
    return markdown_table([f"`{metric}` of at most", "the cheapest in all, training included"], rows, words=2)


def cheapest_line(records: Iterable[Record], metric: str, *levels: float, times: Iterable[Record] = ()) -> str:
    """Returns a sentence of which students are the cheapest way to one of these levels, and from how many samples on.

    It says of all other students whose times can be trusted that they never are.
    """
    some, quiet = list(records), list(times)
    students = {r["sampler"] for r in some if r["family"] == "student" and option_of(r, quiet) is not None}
    found: dict[str, float] = {}
    for _, stages in _stages(some, metric, levels, quiet):
        for start, option in stages:
            name = option.name.partition(" at ")[0]
            if name in students:
                found[name] = min(start, found.get(name, start))
    parts = [f"{name} is the cheapest from {rounded_up(start)} samples on" for name, start in sorted(found.items())]
    if never := sorted(students - found.keys()):
        parts.append(f"{listed(never)} {'is' if len(never) == 1 else 'are'} never the cheapest")
    return f"To one of these levels, {'; '.join(parts)}."


def _stages(
    records: Iterable[Record], metric: str, levels: Iterable[float], times: Iterable[Record]
) -> Iterator[tuple[float, list[tuple[float, Option]]]]:
    """Each level of a metric with what is cheapest for how many samples among all that reach it."""
    shown, quiet = one_training(records, metric), [*times]
    for level in levels:
        reaching = [record for record in shown if mean_score(record["metrics"][metric]) <= level]
        yield level, cheapest(option for record in reaching if (option := option_of(record, quiet)) is not None)


def option_of(record: Record, quiet: Sequence[Record]) -> Option | None:
    """Returns a record as a way to samples, by its times on a quiet machine; None where none can be trusted.

    A sample's time is that of any student of the name, since all have one network; the training's is the record's own.
    """
    alike = (each for each in quiet if (_name(each), each["nfe"]) == (_name(record), record["nfe"]))
    timed = next(alike, record)
    if record["timing"] is None or timed["timing"] is None or doubts_of(timed):
        return None
    name = f"{_name(record)} at {_calls(record['nfe'] or 0)}"
    return Option(name, record["timing"]["training_s"] or 0.0, timed["timing"]["sample_s"]["value"])


def _name(record: Record) -> str:
    """What a record is of, whichever training: a student's name, else how the sampler is called."""
    if record["sampler"] == FREE:
        return record["spec"]
    return record["sampler"] if record["family"] == "student" else display_name(record)


def _beside(records: Iterable[Record], metric: str, one: str, other: str) -> dict[tuple[int, int], Comparison]:
    """Comparisons of two students by their calls and the seed of both trainings."""
    held: dict[tuple[str, int, int], Record] = {}
    for record in records:
        if record["family"] == "student" and record["status"] == "ok":
            held[record["sampler"], record["nfe"] or 0, training_seed(record)] = record
    return {
        (calls, seed): _compared(record, held[other, calls, seed], metric)
        for (name, calls, seed), record in held.items()
        if name == one and (other, calls, seed) in held
    }


def _compared(one: Record, other: Record, metric: str) -> Comparison:
    shared = one["noise"]["paths"] == other["noise"]["paths"] == "shared"
    return compare(one["metrics"][metric], other["metrics"][metric], shared=shared)


def _called(record: Record, name: str, spec: str, **changes: str) -> Record:
    """A record under another name and spec."""
    return cast("Record", {**cast("Mapping[str, Any]", record), "sampler": name, "spec": spec, **changes})


def _value(record: Record, metric: str, mark: str = "") -> str:
    own = record["metrics"][metric]
    shown = interval(own["value"], own["low"], own["high"], brief=True)
    return " ".join(part for part in (shown, f"{mark}{floor_mark(own)}") if part)


def _values(records: Sequence[Record], metric: str) -> str:
    own = sorted(records, key=training_seed)
    return ", ".join(digits(record["metrics"][metric]["value"]) for record in own) or NONE


def _difference(comparison: Comparison) -> str:
    return interval(comparison.difference, comparison.low, comparison.high)


def _best_of(students: int) -> str:
    return "only student" if students == 1 else f"best of {students} students"


def _counts(counts: Sequence[int]) -> str:
    return _calls(counts[0]) if len(counts) == 1 else f"{listed([str(count) for count in counts])} calls"


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"
