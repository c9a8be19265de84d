"""The overview over all tasks in sentences: who wins at which number of calls, and how far the teacher comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sigbench.leaderboard.board import Board
from sigbench.leaderboard.overview import STANDARD_CALLS, Block, blocks
from sigbench.leaderboard.sections import Section
from sigbench.records.comparison import floor_words, mean_score
from sigbench.records.names import display_name
from sigbench.report.numbers import digits, with_interval
from sigbench.report.text import listed


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """What is said of one task: what its first board holds, and sentences on its headline metric.

    `sentences` has one for each standard number of calls that was measured, `missing` names the others; `studies` are
    the titles of what else was studied.
    """

    task: str
    title: str
    about: str
    sentences: tuple[str, ...]
    missing: str
    teacher: str
    studies: tuple[str, ...]


def summaries(
    boards: Mapping[str, Sequence[Board]], titles: Mapping[str, str], sections: Sequence[Section] = ()
) -> list[TaskSummary]:
    """Returns what is said of each task, in their order."""
    return [
        _summary(task, several[0] if several else None, titles.get(task, ""), sections)
        for task, several in boards.items()
    ]


def _summary(task: str, board: Board | None, title: str, sections: Sequence[Section]) -> TaskSummary:
    studies = tuple(dict.fromkeys(section.title for section in sections if section.task == task))
    name = "" if board is None else next(iter(board.metrics), "")
    if board is None or not name:
        return TaskSummary(task, title, "", (), "", "", studies)
    found = blocks(board, name)
    return TaskSummary(task, title, about(board), sentences(found), missing(found), teacher_line(board, name), studies)


def about(board: Board) -> str:
    """Returns what is the same for all entries of a board, in a sentence."""
    conditions = "".join(f"{name} {digits(value, 6)}, " for name, value in board.conditions.items())
    repeats = sorted({entry.record["repeats"] for entry in board.entries if entry.counts})
    times = f" × {repeats[0]} repeats" if len(repeats) == 1 and repeats[0] > 1 else " a repeat"
    return f"{board.samples:,} samples{times}, {conditions}seed {board.seed}, task version {board.version}."


def sentences(found: Sequence[Block]) -> tuple[str, ...]:
    """Returns a sentence for each standard number of calls at which something that counts was measured."""
    return tuple(block.sentence for block in found if block.calls in STANDARD_CALLS and block.sentence)


def missing(found: Sequence[Block]) -> str:
    """Returns, in a sentence, the standard numbers of calls at which nothing was measured; "" where all were."""
    held = {block.calls for block in found if block.sentence}
    lost = [str(calls) for calls in STANDARD_CALLS if calls not in held]
    if not lost:
        return ""
    return f"Not measured at {listed(lost)} call{'' if lost == ['1'] else 's'}."


def teacher_line(board: Board, name: str) -> str:
    """Returns what the task's own slow sampler reaches and takes, in a sentence; "" where it was not measured here."""
    known = [
        (mean_score(metric), entry.record, metric)
        for entry in board.entries
        if entry.counts
        and entry.record["role"] == "teacher"
        and (metric := board.metric_of(entry.record, name)) is not None
    ]
    if not known:
        return ""
    _, record, metric = min(known, key=lambda each: each[0])
    calls = record["nfe"]
    reached = with_interval(metric["value"], metric["low"], metric["high"])
    words = floor_words(metric)
    return (
        f"{display_name(record)} reaches {name} {reached} in {calls} calls{', ' if words else ''}{words}; the "
        f"floor is {with_interval(metric['floor'], metric['floor_low'], metric['floor_high'])}."
    )
