"""Claims of the literature, and how the records here answer them; a claim is never shown as a measurement."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from sigbench.errors import BadInput
from sigbench.files import read_text
from sigbench.leaderboard.board import Board
from sigbench.records.comparison import compare
from sigbench.records.consistency import doubts_of
from sigbench.records.names import display_name
from sigbench.records.record import MetricRecord, Record
from sigbench.report.numbers import chance, digits, duration, interval, number

_ORDERS = "orders"
_KINDS = ("quality", "speed", _ORDERS)
TABLE = "table"  # the kind of a published table, which `published.py` reads
_LINK = re.compile(r"https?://[^\s<>\"'`\\^{}|]{1,2000}")  # no other scheme: javascript: is one, too


class _Sourced(Protocol):
    @property
    def url(self) -> str: ...


_Entry = TypeVar("_Entry", bound=_Sourced)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a source says: `sampler` at `steps` is as good ("quality") or faster ("speed") than `against`.

    Of "orders" the two are named without steps: their orders of convergence answer.
    """

    task: str
    kind: str
    words: str
    source: str
    url: str
    sampler: str
    against: str
    steps: int = 0
    against_steps: int = 0
    metrics: tuple[str, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A claim in words with its source, and beside it what was measured here: a verdict and the numbers."""

    words: str
    source: str
    url: str
    verdict: str
    answer: str
    remark: str


def read_claims(file: Path) -> list[Claim]:
    """Returns the claims of a TOML file, published tables left out; raises BadInput, naming what cannot be read."""
    return [_claim(entry, where) for where, entry in claim_entries(file) if entry.get("kind") != TABLE]


def claim_entries(file: Path) -> list[tuple[str, dict[str, Any]]]:
    """Returns the entries of a file of claims, each with what it is called; raises BadInput where there are none."""
    try:
        entries = tomllib.loads(read_text(file, "the claims")).get("claim", [])
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the claims {file} cannot be read: {error}.") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput(f"the claims {file} are a list of tables, each [[claim]].")
    return [(f"claim {number} of {file}", entry) for number, entry in enumerate(entries, 1)]


def _claim(entry: Mapping[str, Any], where: str) -> Claim:
    claim = convert_entry(entry, Claim, where)
    if claim.kind not in _KINDS:
        raise BadInput(f"the kind of {where} is {claim.kind!r}: valid are {', '.join((*_KINDS, TABLE))}.")
    if (claim.kind == _ORDERS) != (claim.steps == claim.against_steps == 0):
        raise BadInput(f"{where} names steps and against_steps where its kind is not {_ORDERS!r}, and only there.")
    return claim


def convert_entry(entry: Mapping[str, Any], kind: type[_Entry], where: str) -> _Entry:
    """Returns an entry as what it is; raises BadInput for fields that are missing, unknown or wrong."""
    fields = {field.name: field.required for field in msgspec.inspect.type_info(kind).fields}  # type: ignore[attr-defined]
    missing, unknown = {name for name, needed in fields.items() if needed} - entry.keys(), entry.keys() - fields.keys()
    if missing or unknown:
        what = f"lacks {', '.join(sorted(missing))}" if missing else f"has an unknown {', '.join(sorted(unknown))}"
        raise BadInput(f"{where} {what}.")
    try:
        found = msgspec.convert(entry, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"{where} is not as it should be: {error}.") from error
    if not _LINK.fullmatch(found.url):
        raise BadInput(f"the url of {where} is {found.url[:100]!r}: it begins https:// or http://, and has no spaces.")
    return found


def answers(
    claims: Sequence[Claim],
    boards: Mapping[str, Sequence[Board]],
    orders: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, list[Answer]]:
    """Returns the answers to all claims by task, from the first board of the task that holds both cells.

    `orders` are sentences on the samplers' orders, by task and name.
    """
    found: dict[str, list[Answer]] = {}
    for claim in claims:
        if claim.kind == _ORDERS:
            verdict, text = _of_orders(claim, (orders or {}).get(claim.task, {}))
        else:
            verdict, text = _answer(claim, boards.get(claim.task, ()))
        answer = Answer(claim.words, claim.source, claim.url, verdict, text, claim.remark)
        found.setdefault(claim.task, []).append(answer)
    return found


def _answer(claim: Claim, several: Sequence[Board]) -> tuple[str, str]:
    for board in several:
        pair = _cells(board, claim)
        if pair is not None:
            return _speed(*pair) if claim.kind == "speed" else _quality(board, claim, *pair)
    return "Not measured yet", f"No board holds both {claim.sampler} and {claim.against} at these steps."


def _of_orders(claim: Claim, sentences: Mapping[str, str]) -> tuple[str, str]:
    if not {claim.sampler, claim.against} <= sentences.keys():
        return "Not measured yet", f"No study of orders holds both {claim.sampler} and {claim.against}."
    return "What is seen", " ".join(f"{name}: {sentences[name]}" for name in (claim.sampler, claim.against))


def _cells(board: Board, claim: Claim) -> tuple[Record, Record] | None:
    """The records of both sides on one grid, the main one where it has both."""
    sides: dict[str, dict[str, Record]] = {}
    for entry in board.entries:
        r = entry.record
        if r["status"] == "ok" and entry.standing == "measured":
            for name, steps in ((claim.sampler, claim.steps), (claim.against, claim.against_steps)):
                if name in (display_name(r), r["role"]) and r["steps"] == steps:
                    sides.setdefault(r["grid"], {})[name] = r
    for grid in (board.main_grid, *sides):
        if len(sides.get(grid, {})) == 2:
            return sides[grid][claim.sampler], sides[grid][claim.against]
    return None


def _quality(board: Board, claim: Claim, own: Record, other: Record) -> tuple[str, str]:
    parts, outcomes = [], []
    for name in claim.metrics:
        a, b = board.metric_of(own, name), board.metric_of(other, name)
        if a is not None and b is not None:
            outcomes.append((name, _outcome(a, b, shared=_shared(own, other))))
            parts.append(f"{name} {_written(a)} against {_written(b)}, floor {number(a['floor'])}")
    if not parts:
        return "Not measured yet", f"The cells lack the metrics {', '.join(claim.metrics)}."
    kinds = dict.fromkeys(outcome for _, outcome in outcomes)
    if len(kinds) == 1:
        verdict = outcomes[0][1].capitalize()
    else:
        verdict = "; ".join(f"{', '.join(n for n, o in outcomes if o == kind)}: {kind}" for kind in kinds)
    cells = f"{display_name(own)} at {own['steps']} steps against {display_name(other)} at {other['steps']}"
    return verdict, f"{cells}, {board.samples:,} samples × {own['repeats']}, grid {own['grid']}: {'; '.join(parts)}."


def at_once(record: Record) -> int:
    """Returns how many cells were measured at once on the machine: a busy one is slower."""
    timing = record["timing"]
    return 1 if timing is None else timing["workers"]


def _shared(own: Record, other: Record) -> bool:
    return own["noise"]["paths"] == other["noise"]["paths"] == "shared" and own["seed"] == other["seed"]


def _outcome(a: MetricRecord, b: MetricRecord, *, shared: bool) -> str:
    try:
        found = compare(a, b, shared=shared)
    except BadInput as error:
        return f"not decided ({str(error).rstrip('.')})"
    if found.outcome in ("better", "worse"):
        return f"{found.outcome} (p {chance(found.p_value)})"
    return found.outcome


def _speed(own: Record, other: Record) -> tuple[str, str]:
    a, b = own["timing"], other["timing"]
    assert a is not None
    assert b is not None
    assert own["nfe"] is not None
    assert other["nfe"] is not None
    if doubts := [*doubts_of(own), *doubts_of(other)]:
        return "Not decided", f"The times are not to be trusted: {'; '.join(dict.fromkeys(doubts))}."
    calls = f"{digits(other['nfe'] / own['nfe'])} times fewer network calls ({other['nfe']} and {own['nfe']})"
    machines = [(r["provenance"].get("device_name"), r["provenance"].get("threads"), at_once(r)) for r in (own, other)]
    if machines[0] != machines[1]:
        return (
            "Only the calls can be compared",
            f"{calls}; the two were timed on different machines, or beside more or fewer others.",
        )
    faster = digits(b["sample_s"]["value"] / a["sample_s"]["value"])
    low, high, other_low, other_high = (
        spread[end] for spread in (a["sample_s"], b["sample_s"]) for end in ("low", "high")
    )
    if low is not None and high is not None and other_low is not None and other_high is not None:
        faster += f" ({digits(other_low / high)}–{digits(other_high / low)})"
    times = f"{duration(b['sample_s']['value'])} a sample against {duration(a['sample_s']['value'])}"
    cells = f"{display_name(own)} at {own['steps']} steps against {display_name(other)} at {other['steps']}"
    return f"{faster} times faster", f"{cells}: {times} on {machines[0][0]}; {calls}."


def _written(metric: MetricRecord) -> str:
    return interval(metric["value"], metric["low"], metric["high"])
