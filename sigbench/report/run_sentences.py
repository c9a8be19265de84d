"""What a run says in sentences: who is best at each budget, students beside their teacher, and what training pays."""

from collections.abc import Sequence

from sigbench.errors import BadInput
from sigbench.records.comparison import compare
from sigbench.records.consistency import doubts_of
from sigbench.records.family import budget_sentence
from sigbench.records.names import Namer, namer
from sigbench.records.record import MetricRecord, Record
from sigbench.report.marks import NO_CALLS
from sigbench.report.numbers import digits, duration, interval
from sigbench.spec import quoted


def budget_sentences(records: Sequence[Record]) -> list[str]:
    """Returns, for each number of calls, who is best by the first metric and who cannot be told from it."""
    good = [record for record in records if record["metrics"] and record["nfe"]]
    if not good:
        return []
    name = next(iter(good[0]["metrics"]))
    budgets = sorted({record["nfe"] for record in good if record["nfe"] is not None})
    groups = [[record for record in good if record["nfe"] == calls] for calls in budgets]
    return [budget_sentence(group, name, namer(records)) for group in groups if len(group) > 1]


def no_call_sentences(records: Sequence[Record]) -> list[str]:
    """Returns a sentence for each sampler that called no network."""
    called = namer(records)
    return [
        f"{called(record)} at {record['steps']} steps called no network ({NO_CALLS}): shown, not ranked."
        for record in records
        if record["nfe"] == 0
    ]


def teacher_sentences(records: Sequence[Record]) -> list[str]:
    """Returns by how much each student and its teacher differ in the first metric, whatever their calls."""
    teacher = next((record for record in records if record["role"] == "teacher" and record["metrics"]), None)
    if teacher is None:
        return []
    name = next(iter(teacher["metrics"]))
    students = [r for r in records if r["family"] == "student" and name in r["metrics"]]
    return [_beside_teacher(student, teacher, name, namer(records)) for student in students]


def _beside_teacher(student: Record, teacher: Record, name: str, called: Namer) -> str:
    who = f"{name} of {called(student)} at {student['steps']} steps beside its teacher's at {teacher['steps']}"
    shared = student["noise"]["paths"] == teacher["noise"]["paths"] == "shared"
    return difference(who, student["metrics"][name], teacher["metrics"][name], shared=shared)


def difference(who: str, one: MetricRecord, other: MetricRecord, *, shared: bool) -> str:
    """Returns a sentence about `who`: the difference of a metric from another, its interval, and what that decides."""
    try:
        found = compare(one, other, shared=shared)
    except BadInput as error:
        return f"{who}: not compared, since {error}"
    sign = "" if found.difference < 0 else "+"
    return f"{who}: {sign}{interval(found.difference, found.low, found.high)}, {found.outcome}."


def break_even(student: Record, teacher: Record) -> float | None:
    """Returns the number of samples after which a student's training has paid for itself against `teacher`.

    None where the student was not trained, is not faster, or ran on another kind of device, and where times of one of
    the two are not to be trusted.
    """
    s, t = student["timing"], teacher["timing"]
    if s is None or t is None or s["training_s"] is None:
        return None
    if student["provenance"]["device_name"] != teacher["provenance"]["device_name"]:
        return None
    if doubts_of(student) or doubts_of(teacher):
        return None
    saved = t["sample_s"]["value"] - s["sample_s"]["value"]
    return s["training_s"] / saved if saved > 0 else None


def break_even_lines(records: Sequence[Record]) -> list[str]:
    """Returns a sentence for each trained sampler beside the slowest training-free one of the comparison."""
    free = [r for r in records if r["timing"] is not None and r["timing"]["training_s"] is None]
    if not free:
        return []
    slow, called = max(free, key=lambda r: r["steps"]), namer(records)
    lines = []
    for record in records:
        count = break_even(record, slow)
        if count is not None and slow["steps"] > record["steps"]:
            timing = record["timing"]
            assert timing is not None and timing["training_s"] is not None
            lines.append(
                f"{called(record)} at {record['steps']} steps has paid for its training "
                f"({duration(timing['training_s'])}) after {digits(count, 2)} samples, "
                f"against {called(slow)} at {slow['steps']} steps."
            )
    return lines


def doubtful_times(records: Sequence[Record]) -> list[str]:
    """Returns a sentence about times that are not to be trusted, with the reasons of the first of them."""
    found = [(record, reasons) for record in records if (reasons := doubts_of(record))]
    if not found:
        return []
    (first, reasons), called = found[0], namer(records)
    where = f"{called(first)} at {first['steps']} steps"
    more = f" and of {len(found) - 1} more" if len(found) > 1 else ""
    return [f"Times of {where}{more} are not to be trusted: {'; '.join(reasons)}. No ranking by time counts them."]


def grid_words(records: Sequence[Record]) -> str:
    """Returns on which grid the samplers walked, those by name that walked another than the first training-free one."""
    first = next((record for record in records if record["family"] != "student"), records[0])["grid"]
    called, others = namer(records), dict[str, None]()
    for record in records:
        name = called(record)
        if record["grid"] != first and not name.endswith(f":grid={quoted(record['grid'])}"):
            others[f"{name} on {record['grid']}"] = None
    return "; ".join([f"grid {first}", *others])
