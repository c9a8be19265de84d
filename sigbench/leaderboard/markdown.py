"""The leaderboard as Markdown, for readers on a code host."""

import re
from collections.abc import Mapping, Sequence

from sigbench.leaderboard.board import Board, Entry, ranks
from sigbench.leaderboard.claims import Answer
from sigbench.leaderboard.sections import Section
from sigbench.records.names import display_name
from sigbench.report.numbers import digits, duration, interval

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&])")


def build_markdown(
    boards: Mapping[str, Sequence[Board]],
    *,
    titles: Mapping[str, str],
    claims: Mapping[str, Sequence[Answer]],
    sections: Sequence[Section] = (),
) -> str:
    """Returns the main board of each task as a Markdown table, with claims, their answers and studies below.

    Names and notes of records are escaped: they are text, whatever they hold.
    """
    parts = [
        "# Leaderboard",
        "Built by `sigbench leaderboard build` from the records beside this file; `index.html`, opened from disk, has "
        "the charts, every metric, all grids, and for each cell the command that measures it again.",
        "A cell is the value with its 95 % interval over independent repeats. The floor is the same metric for exact "
        "draws of the truth; *at the floor* means that the sampler cannot be told from the truth at this number of "
        "samples. Rank 1 + the number of cells that are better beyond doubt (the whole interval on the better side, "
        "not both at the floor), so that ties share a rank; one repeat has no interval and no rank.",
    ]
    for task, several in boards.items():
        parts.append(f"## {escaped(task)}")
        parts += [_about(several[0], titles.get(task, "")), _table(several[0])] if several else [titles.get(task, "")]
        if len(several) > 1:
            others = "; ".join(f"{b.samples:,} samples, seed {b.seed}: {len(b.entries)} cells" for b in several[1:6])
            more = f" and {len(several) - 6} more" if len(several) > 6 else ""
            parts.append(f"Further comparisons on the page: {others}{more}.")
        if claims.get(task):
            parts.append(_claims(claims[task]))
        parts += [_section(section) for section in sections if section.task == task]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(section: Section) -> str:
    sentences = [f"- {escaped(what)}: {escaped(sentence)}" for what, sentence in section.sentences]
    parts = [f"**{escaped(section.title)}.** {escaped(section.note)}", "\n".join(sentences)]
    if section.command:
        parts.append(f"`{section.command.replace('`', '')}`")  # markup means nothing between backticks
    return "\n\n".join(parts)


def escaped(text: str) -> str:
    """Returns text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _about(board: Board, title: str) -> str:
    conditions = "".join(f", {escaped(name)} {digits(value, 6)}" for name, value in board.conditions.items())
    lead = f"{escaped(title)}. " if title else ""
    metric = next(iter(board.metrics.items()), None)
    floor = ""
    if metric is not None:
        name, m = metric
        floor = f" Floor of {escaped(name)}: {escaped(interval(m['floor'], m['floor_low'], m['floor_high']))}."
    grid = escaped(board.main_grid)
    return f"{lead}{board.samples:,} samples in a repeat{conditions}, seed {board.seed}, grid {grid}.{floor}"


def _table(board: Board) -> str:
    names = list(board.metrics)[:3]
    shown = [e for e in board.entries if e.record["grid"] == board.main_grid]
    if not names:
        names = [""]
    places = ranks(board, shown, names[0])
    order = sorted(zip(places, shown, strict=True), key=lambda pair: _order(board, names[0], *pair))
    head = ["rank", "sampler", "steps", "NFE", *map(escaped, names), "time a sample", "repeats", "standing"]
    lines = [_line(head), _line(["---:", "---", "---:", "---:", *("---:" for _ in names), "---:", "---:", "---"])]
    lines += [_line(_cells(board, names, rank, places, entry)) for rank, entry in order]
    return "\n".join(lines)


def _order(board: Board, name: str, rank: int | None, entry: Entry) -> tuple[float, float, float]:
    metric = board.metric_of(entry.record, name)
    nfe = entry.record["nfe"]
    return (
        float("inf") if rank is None else rank,
        float("inf") if nfe is None else nfe,
        float("inf") if metric is None else metric["value"],
    )


def _cells(
    board: Board, names: Sequence[str], rank: int | None, places: Sequence[int | None], entry: Entry
) -> list[str]:
    r = entry.record
    values: list[str] = []
    for name in names:
        metric = board.metric_of(r, name)
        if metric is None:
            values.append(r["status"] if name == names[0] and r["status"] != "ok" else "–")
        else:
            mark = " *at the floor*" if metric["at_floor"] else ""
            values.append(escaped(interval(metric["value"], metric["low"], metric["high"])) + mark)
    place = "–" if rank is None else f"{'=' if places.count(rank) > 1 else ''}{rank}"
    time = "–" if r["timing"] is None else duration(r["timing"]["sample_s"]["value"])
    nfe = "–" if r["nfe"] is None else str(r["nfe"])
    return [place, escaped(display_name(r)), str(r["steps"]), nfe, *values, time, str(r["repeats"]), entry.standing]


def _claims(claims: Sequence[Answer]) -> str:
    lines = [_line(["claimed", "source", "measured here"]), _line(["---"] * 3)]
    for claim in claims:
        link = f"[{escaped(claim.source)}]({claim.url})"
        answer = " ".join(
            part for part in (f"**{escaped(claim.verdict)}.**", escaped(claim.answer), escaped(claim.remark))
        )
        lines.append(_line([escaped(claim.words), link, answer.strip()]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
