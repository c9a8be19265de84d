"""A family of metrics that are compared with the best among them: marks, and the ranks that the data allow.

A family is what one table or board compares at one budget: one task and version, one number of samples, one headline
metric. Its best is the entry with the smallest mean score. That it was chosen by looking is accounted for: all others
are compared with it at a threshold at which, were all entries equal, any of them would be marked "worse" with a
probability of 5 %, found by simulating the choice; and step by step for those that remain (Holm 1979). Another family
changes no mark of this one. Where the entries are truly different, the best may of course be another than the one that
looks best: what is "not resolved" or "equivalent" may be it.

Ranks come from all pairs, with Holm's correction over them: with a probability of 95 % all intervals hold at once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from sigbench.errors import BadInput
from sigbench.records.comparison import LEVEL, Comparison, compare, floor_words, mean_score, repeats_to_decide
from sigbench.records.names import Namer, display_name
from sigbench.records.record import MetricRecord, Record

Mark = Literal["best", "equivalent", "not resolved", "worse"]

_DRAWS, _CHUNK = 10_000, 2_000  # simulated families: the level is right to a quarter of a percent
_SEED = 20_260_101
_MANY_REPEATS = 60  # from here on Student's t is nearly normal, and more would only take memory


@dataclass(frozen=True, slots=True)
class Ranked:
    """What is known of one entry of a family.

    `beside_best` is its comparison with the best, None for the best itself; `p_adjusted` its p-value within the family.
    The entry's true rank lies in [first, last].
    """

    mark: Mark
    beside_best: Comparison | None
    p_adjusted: float
    first: int
    last: int


def rank_family(metrics: Sequence[MetricRecord], *, shared: bool, level: float = LEVEL) -> list[Ranked]:
    """Returns what is known of each entry, in their order; raises BadInput as `compare` does, and for no entries."""
    if not metrics:
        raise BadInput("a family without entries has no best.")
    if len(metrics) == 1:
        compare(metrics[0], metrics[0], shared=shared)  # refuses what could not be compared
        return [Ranked("best", None, 1.0, 1, 1)]
    found = {pair: _both(metrics, pair, shared) for pair in combinations(range(len(metrics)), 2)}
    best = min(range(len(metrics)), key=lambda k: mean_score(metrics[k]))
    beside = {k: _seen_from(k, best, found) for k in range(len(metrics)) if k != best}
    adjusted = _against_best({k: each.p_value for k, each in beside.items()}, len(metrics[best]["values"]), level)
    ranges = _rank_ranges(len(metrics), found, level)
    return [
        Ranked("best", None, 1.0, *ranges[k])
        if k == best
        else Ranked(_mark(beside[k], adjusted[k], level), beside[k], adjusted[k], *ranges[k])
        for k in range(len(metrics))
    ]


def rank_records(records: Sequence[Record], name: str, *, level: float = LEVEL) -> list[Ranked]:
    """Returns what is known of each record by the metric of a name, all of one budget; see `rank_family`.

    Raises BadInput, with the reason, for records that are of no one family: other tasks, versions, conditions, seeds,
    numbers of samples or calls, noise that only some of them share, and for one without the metric.
    """
    for what, fact in _FACTS.items():
        found = list({str(fact(record)): None for record in records})
        if len(found) > 1:
            raise BadInput(f"records of different {what} are not compared: {' and '.join(found[:2])}.")
    if lost := next((record for record in records if name not in record["metrics"]), None):
        raise BadInput(f"{lost['spec']} has no metric {name!r}: its status is {lost['status']}.")
    metrics, shared = comparable(records, name)
    return rank_family(metrics, shared=shared, level=level)


def comparable(records: Sequence[Record], name: str) -> tuple[list[MetricRecord], bool]:
    """Returns the metric of a name in records of one family, and whether they walked the same noise.

    Where each took as many repeats as its spread asked for, those that all of them have make pairs.
    """
    shared = all(record["noise"]["paths"] == "shared" for record in records)
    metrics = [record["metrics"][name] for record in records]
    if shared and records and all(record["asked"]["stop"]["half_width"] is not None for record in records):
        common = min(len(metric["values"]) for metric in metrics)
        metrics = [{**metric, "values": metric["values"][:common]} for metric in metrics]
    return metrics, shared


def families(records: Iterable[Record]) -> list[list[Record]]:
    """Returns records by what must be one for a comparison, those with the fewest network calls first."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(str([fact(record) for fact in _FACTS.values()]), []).append(record)
    return sorted(found.values(), key=lambda group: (group[0]["task"], group[0]["nfe"] or 0))


_FACTS: dict[str, Callable[[Record], object]] = {
    "tasks": lambda record: record["task"],
    "task versions": lambda record: record["task_version"],
    "conditions": lambda record: record["conditions"],
    "numbers of samples": lambda record: record["samples"],
    "seeds": lambda record: record["seed"],
    "noise": lambda record: record["noise"]["paths"],
    "numbers of network calls": lambda record: record["nfe"],
}


def budget_sentence(records: Sequence[Record], name: str, called: Namer = display_name) -> str:
    """Returns who is best by a metric among records of one budget, and who cannot be told from it, in a sentence.

    `called` gives their names.
    """
    calls = records[0]["nfe"]
    what = f"{name} at {calls} call{'' if calls == 1 else 's'}"
    if len(records) == 1:
        return f"{what}: {called(records[0])} alone{_in_parentheses(floor_words(records[0]['metrics'][name]))}."
    try:
        ranked = rank_records(records, name)
    except BadInput as error:
        return f"{what}: not compared, since {error}"
    common = min(record["repeats"] for record in records)
    best = next(record for record, own in zip(records, ranked, strict=True) if own.mark == "best")
    parts = [f"{what}: {called(best)} is best{_in_parentheses(floor_words(best['metrics'][name]))}"]
    for mark, words in (("equivalent", "equivalent to it"), ("not resolved", "not told from it")):
        marked = [(record, own) for record, own in zip(records, ranked, strict=True) if own.mark == mark]
        names = [_named(record, own, common, called) for record, own in marked]
        parts += [f"{words}: {', '.join(names)}"] if names else []
    if len(parts) == 1:
        return f"{parts[0]}, and {'the other is' if len(records) == 2 else 'all others are'} worse."
    return f"{'; '.join(parts)}."


def _named(record: Record, own: Ranked, repeats: int, called: Namer) -> str:
    assert own.beside_best is not None
    needed = repeats_to_decide(own.beside_best, repeats) if own.mark == "not resolved" else None
    return called(record) + (f" (about {needed:,} repeats would decide)" if needed else "")


def _in_parentheses(words: str) -> str:
    return f" ({words})" if words else ""


def _mark(beside: Comparison, adjusted: float, level: float) -> Mark:
    if beside.outcome == "equivalent":
        return "equivalent"
    return "worse" if adjusted <= level and beside.difference > 0 else "not resolved"


def _both(metrics: Sequence[MetricRecord], pair: tuple[int, int], shared: bool) -> Comparison:
    return compare(metrics[pair[0]], metrics[pair[1]], shared=shared)


def _seen_from(own: int, other: int, found: dict[tuple[int, int], Comparison]) -> Comparison:
    """The comparison of `own` with `other`, whichever way round it was made."""
    if own < other:
        return found[own, other]
    turned = found[other, own]
    outcome = {"better": "worse", "worse": "better"}.get(turned.outcome, turned.outcome)
    return Comparison(
        outcome,  # type: ignore[arg-type]  # turned round it is one of the same four
        -turned.difference,
        -turned.high,
        -turned.low,
        turned.p_value,
        turned.p_equivalence,
        turned.margin,
        turned.paired,
    )


def _against_best(p_values: dict[int, float], repeats: int, level: float) -> dict[int, float]:
    """Adjusts p-values against the best that was chosen by looking, step by step from the smallest."""
    adjusted: dict[int, float] = {}
    largest = 0.0
    for left, (k, p_value) in zip(
        range(len(p_values), 0, -1), sorted(p_values.items(), key=lambda i: i[1]), strict=True
    ):
        if largest <= level:
            smallest = _smallest_p_values(left + 1, min(repeats, _MANY_REPEATS))
            largest = max(largest, float(np.searchsorted(smallest, p_value, side="right") / len(smallest)), p_value)
        adjusted[k] = max(largest, p_value)  # once one is not rejected, none after it is
    return adjusted


@lru_cache(maxsize=512)
def _smallest_p_values(entries: int, repeats: int) -> NDArray[np.float64]:
    """The smallest p-value against the best-looking of equal entries, in simulated families, increasing."""
    generator = np.random.default_rng([_SEED, entries, repeats])
    smallest = []
    for _ in range(_DRAWS // _CHUNK):
        values = generator.standard_normal((_CHUNK, entries, repeats))
        best = values.mean(2).argmin(1)
        differences = values - values[np.arange(_CHUNK), best][:, None]
        differences[np.arange(_CHUNK), best] = 1.0, *[0.0] * (repeats - 1)  # the best is not compared with itself
        statistic = differences.mean(2) / (differences.std(2, ddof=1) / np.sqrt(repeats))
        statistic[np.arange(_CHUNK), best] = 0.0
        smallest.append(2 * stdtr(repeats - 1, -statistic.max(1)))
    found: NDArray[np.float64] = np.sort(np.concatenate(smallest))
    return found


def _rank_ranges(entries: int, found: dict[tuple[int, int], Comparison], level: float) -> list[tuple[int, int]]:
    """For each entry, 1 + how many are surely better, and how many are not surely worse, by Holm over all pairs."""
    better, worse = [0] * entries, [0] * entries
    for place, ((one, other), each) in enumerate(sorted(found.items(), key=lambda item: item[1].p_value)):
        if each.p_value * (len(found) - place) > level:
            break
        winner, loser = (one, other) if each.difference < 0 else (other, one)
        better[loser] += 1
        worse[winner] += 1
    return [(1 + better[k], entries - worse[k]) for k in range(entries)]
