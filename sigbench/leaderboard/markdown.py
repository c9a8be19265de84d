"""The leaderboard as Markdown, for readers on a code host."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sigbench.errors import BadInput
from sigbench.files import Missing, read_file
from sigbench.leaderboard.board import Board
from sigbench.leaderboard.claims import Answer
from sigbench.leaderboard.overview import Block, Row, blocks, selection
from sigbench.leaderboard.published import Beside
from sigbench.leaderboard.sections import Section
from sigbench.leaderboard.summary import about, missing, sentences, teacher_line
from sigbench.records.consistency import doubts_of
from sigbench.records.names import chosen, display_name
from sigbench.report.marks import LEGEND, floor_mark
from sigbench.report.numbers import duration, interval
from sigbench.report.text import printable

_TITLE, _BUILT = "# Leaderboard", "Built by `sigbench leaderboard build`"  # by which a file of ours is known
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&])")


def build_markdown(
    boards: Mapping[str, Sequence[Board]],
    *,
    titles: Mapping[str, str],
    claims: Mapping[str, Sequence[Answer]],
    sections: Sequence[Section] = (),
    published: Sequence[Beside] = (),
) -> str:
    """Returns the first board of each task in sentences and as a Markdown table, with claims and studies below.

    Tables that others published stand at the end, beside our ranks.

    Names and notes of records are escaped: they are text, whatever they hold.
    """
    parts = [
        _TITLE,
        f"{_BUILT} from the records beside this file; `index.html`, opened from disk, has "
        "the charts, every metric, all grids, and for each cell the command that measures it again.",
        "A cell is the value with its 95 % interval over independent repeats. Compared are the cells with as many "
        "network calls (NFE), and no others; *ranks* are those that the data allow, all of them at once with a "
        "probability of 95 %. What has another number of repeats than the rest, was handed in and not "
        "reproduced, or calls no network has no rank.",
        _legend(),
    ]
    for task, several in boards.items():
        parts.append(f"## {escaped(task)}")
        parts += _board(several[0], titles.get(task, "")) if several else [escaped(titles.get(task, ""))]
        if len(several) > 1:
            others = "; ".join(f"{b.samples:,} samples, seed {b.seed}: {len(b.entries)} cells" for b in several[1:6])
            more = f" and {len(several) - 6} more" if len(several) > 6 else ""
            parts.append(f"Further comparisons on the page: {others}{more}.")
        if claims.get(task):
            parts.append(_claims(claims[task]))
        parts += [_section(section) for section in sections if section.task == task]
    if published:
        parts += ["## Published elsewhere", *(_published(beside) for beside in published)]
    return "\n\n".join(part for part in parts if part) + "\n"


def check_own(file: Path) -> None:
    """Raises BadInput where a file is there that is no board of ours, and would be lost."""
    try:
        text = read_file(file, "the file").decode("utf-8", errors="replace")
    except Missing:
        return
    if not all(line in text for line in (_TITLE, _BUILT)):
        raise BadInput(f"{file} is no leaderboard, and would be overwritten: choose another folder by --out.")


def _section(section: Section) -> str:
    sentences = [f"- {escaped(what)}: {escaped(sentence)}" for what, sentence in section.sentences]
    parts = [f"**{escaped(section.title)}.** {escaped(section.note)}", "\n".join(sentences)]
    if section.command:
        parts.append(f"`{section.command.replace('`', '')}`")  # markup means nothing between backticks
    return "\n\n".join(parts)


def escaped(text: str) -> str:
    """Returns text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", printable(" ".join(text.split())))


def _legend() -> str:
    return "  \n".join(escaped(line.replace("   ", " · ")) for line in LEGEND.splitlines())


def _board(board: Board, title: str) -> list[str]:
    lead = f"{escaped(title)}. " if title else ""
    name = next(iter(board.metrics), "")
    if not name:
        return [f"{lead}{escaped(about(board))}", _table(board, [""], blocks(board, ""))]
    m, found = board.metrics[name], blocks(board, name)
    floor = f"Floor of {escaped(name)}: {escaped(interval(m['floor'], m['floor_low'], m['floor_high']))}."
    said = [*sentences(found), missing(found), teacher_line(board, name), selection([board])]
    return [
        f"{lead}{escaped(about(board))} {floor}",
        "\n".join(f"- {escaped(sentence)}" for sentence in said if sentence),
        _table(board, list(board.metrics)[:3], found),
    ]


def _table(board: Board, names: Sequence[str], found: Sequence[Block]) -> str:
    head = [
        "NFE",
        "sampler",
        "",
        "ranks",
        *map(escaped, names),
        "steps",
        "grid",
        "time a sample",
        "repeats",
        "standing",
    ]
    lines = [_line(head)]
    lines += [_line(["---:", "---", "---", "---:", *("---:" for _ in names), "---:", "---", "---:", "---:", "---"])]
    for block in found:
        lines += [_line(_cells(board, names, row, first=not place)) for place, row in enumerate(block.rows)]
    return "\n".join(lines)


def _cells(board: Board, names: Sequence[str], row: Row, *, first: bool) -> list[str]:
    """The cells of a row; the calls of a block stand out in its first."""
    r = row.entry.record
    values: list[str] = []
    for name in names:
        metric = board.metric_of(r, name)
        if metric is None:
            values.append(r["status"] if name == names[0] and r["status"] != "ok" else "–")
        else:
            mark = f" {floor_mark(metric)}" if name != names[0] else ""
            values.append(escaped(interval(metric["value"], metric["low"], metric["high"])) + mark.rstrip())
    time = "–" if r["timing"] is None or doubts_of(r) else duration(r["timing"]["sample_s"]["value"])
    nfe = "–" if r["nfe"] is None else f"**{r['nfe']}**" if first else str(r["nfe"])
    marks = row.mark + ("" if row.metric is None else floor_mark(row.metric))
    names_of = [nfe, escaped(display_name(r)), marks, row.ranks]
    return [*names_of, *values, str(r["steps"]), escaped(chosen(r)), time, str(r["repeats"]), row.entry.standing]


def _claims(claims: Sequence[Answer]) -> str:
    lines = [_line(["claimed", "source", "measured here"]), _line(["---"] * 3)]
    for claim in claims:
        link = f"[{escaped(claim.source)}](<{claim.url}>)"
        answer = " ".join(
            part for part in (f"**{escaped(claim.verdict)}.**", escaped(claim.answer), escaped(claim.remark))
        )
        lines.append(_line([escaped(claim.words), link, answer.strip()]))
    return "\n".join(lines)


def _published(beside: Beside) -> str:
    table = beside.table
    head = ["sampler", f"published {table.metric}", "rank there", *(f"rank on {each.task}" for each in beside.here)]
    lines = [_line(map(escaped, head)), _line(["---", *["---:"] * (len(head) - 1)])]
    for name, rank in beside.there.items():
        here = [each.ranks[name] or "–" for each in beside.here]
        lines.append(_line([escaped(name), f"{table.values[name]:g}", rank, *here]))
    link = f"[{escaped(table.source)}](<{table.url}>)"
    said = " ".join(escaped(part) for part in (beside.sentence, table.remark) if part)
    return "\n\n".join([f"{escaped(table.words)} Source: {link}.", "\n".join(lines), said])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
