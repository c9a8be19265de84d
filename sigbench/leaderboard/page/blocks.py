"""What the page's script reads of a board's first view: blocks with marks and ranks, and which curves charts show.

All of it is decided here; the script shows it, and decides nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sigbench.leaderboard.board import Board, Entry
from sigbench.leaderboard.overview import STANDARD_CALLS, Block, Row, blocks, calls_of
from sigbench.leaderboard.summary import missing, teacher_line
from sigbench.report.folding import Values, folded_sentence, shown_first, twins

_MARK_NAMES = ("best", "equivalent", "not resolved", "worse")
_P_DIGITS = 2


def blocks_data(board: Board, names: Mapping[int, str], reasons: list[str]) -> dict[str, Any]:
    """Returns the blocks of every metric, the sentences of the headline, and the curves of the charts.

    `names` are the display names of the board's entries, `reasons` what was said so far of those not compared, to which
    this adds. A row of a block is the place of its cell, and its mark, ranks and p-value, or the place of the reason.
    """
    places = {id(entry): place for place, entry in enumerate(board.entries)}
    found = {name: blocks(board, name) for name in board.metrics}
    first = next(iter(found), "")
    headline = found.get(first, [])
    said = {block.calls: block.sentence for block in headline if block.sentence}
    return {
        "calls": calls_of(board),
        "start": start(headline),
        "blocks": {
            name: [[block.calls, [_row(row, places, reasons) for row in block.rows]] for block in several]
            for name, several in found.items()
        },
        "sentences": [[calls, sentence] for calls, sentence in said.items()],
        "missing": missing(headline) if first else "",
        "teacher": teacher_line(board, first) if first else "",
        **_curves(board, names, headline),
    }


def start(found: Sequence[Block]) -> int | None:
    """Returns the number of calls that the page opens with: the standard one at which most samplers are compared.

    Of several the largest.
    """
    standard = [block for block in found if block.calls in STANDARD_CALLS] or [block for block in found if block.calls]
    best = max(standard, key=lambda block: (len(block.compared), len(block.rows), block.calls or 0), default=None)
    return None if best is None else best.calls


def _row(row: Row, places: Mapping[int, int], reasons: list[str]) -> list[Any]:
    place, ranked = places[id(row.entry)], row.ranked
    if ranked is None:
        if row.reason not in reasons:
            reasons.append(row.reason)
        return [place, reasons.index(row.reason)]
    p_value = None if ranked.mark == "best" else float(f"{ranked.p_adjusted:.{_P_DIGITS}g}")
    return [place, _MARK_NAMES.index(ranked.mark), ranked.first, ranked.last, p_value]


def _curves(board: Board, names: Mapping[int, str], headline: Sequence[Block]) -> dict[str, Any]:
    """Who is whose twin, which curves stand behind at first, and what is said of both."""
    samplers = [entry for entry in board.entries if entry.record["role"] != "teacher"]
    values: dict[str, dict[object, Sequence[float]]] = {}
    costs: dict[str, float] = {}
    first = next(iter(board.metrics), "")
    for entry in samplers:
        metric, r = board.metric_of(entry.record, first), entry.record
        if metric is not None and r["nfe"] is not None:
            name = names[id(entry)]
            values.setdefault(name, {})[_place(entry)] = metric["values"]
            costs[name] = min(costs.get(name, float("inf")), r["nfe"] / r["steps"])
    known: Mapping[str, Values] = values
    folded = twins(known, costs)
    standing: dict[str, list[int]] = {}
    for block in headline:
        for place, row in enumerate(block.rows, 1):
            standing.setdefault(names[id(row.entry)], []).append(place)
    shown = shown_first({names[id(entry)]: entry.record["family"] for entry in samplers}, folded, standing)
    return {"twins": dict(shown.twins), "behind": list(shown.behind), "folded": folded_sentence(folded)}


def _place(entry: Entry) -> tuple[object, ...]:
    r = entry.record
    return r["steps"], r["grid"], r["repeats"], r["provenance"].get("dtype")
