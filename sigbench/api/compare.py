"""Differences between samplers on the same noise, with their intervals."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import overload

from sigbench.api.records import Records
from sigbench.api.tidy import Row, Tidy
from sigbench.errors import BadInput, unknown_name
from sigbench.records.comparison import LEVEL, Comparison, Outcome
from sigbench.records.comparison import compare as compare_metrics
from sigbench.records.family import comparable, families, rank_records
from sigbench.records.names import display_names
from sigbench.records.record import Record
from sigbench.report.numbers import with_interval


@dataclass(frozen=True, slots=True)
class Difference:
    """What one sampler is beside another at as many network calls, by one metric.

    `difference` is that of the mean scores, `sampler` minus `other`, with its 95 % interval [`low`, `high`]: of a score
    less is better, so that a positive difference is worse. It is `paired` where both walked the same noise, repeat by
    repeat. `outcome` holds for all differences of a budget at once, at an error rate of 5 %; below `margin` they count
    as equivalent. `p_value` is that of no difference, before this correction.
    """

    task: str
    metric: str
    nfe: int | None
    sampler: str
    other: str
    difference: float
    low: float
    high: float
    outcome: Outcome
    p_value: float
    margin: float
    paired: bool
    repeats: int


class Differences(Tidy, Sequence[Difference]):
    """What `sigbench.compare` found: a `Difference` a pair, by budgets of network calls."""

    def __init__(self, found: Iterable[Difference]) -> None:
        self._found = list(found)

    @overload
    def __getitem__(self, index: int) -> Difference: ...
    @overload
    def __getitem__(self, index: slice) -> list[Difference]: ...
    def __getitem__(self, index: int | slice) -> Difference | list[Difference]:
        return self._found[index]

    def __len__(self) -> int:
        return len(self._found)

    def rows(self) -> list[Row]:
        """Returns a row a difference, its columns the fields of `Difference`."""
        return [asdict(each) for each in self._found]

    def __str__(self) -> str:
        return "\n".join(map(_sentence, self._found))

    def __repr__(self) -> str:
        return f"<{len(self)} difference{'' if len(self) == 1 else 's'}>\n{self}"


def compare(
    records: Records | Iterable[Record], metric: str | None = None, *, beside: str | None = None
) -> Differences:
    """Returns how samplers differ by a metric, the headline where none is named, at each budget of network calls.

    Each is held beside the best of its budget, or `beside` the sampler that a row of records calls so. Compared are
    records of one task, version, condition, number of samples, seed and kind of noise. Raises BadInput where no two
    records have all of that in common, or where those that do cannot be compared.
    """
    several = records if isinstance(records, Records) else Records(records)
    name = several.headline(metric)
    with_metric = [record for record in several if name in record["metrics"]]
    called = dict(zip((r["key"] for r in with_metric), display_names(with_metric, grids=True), strict=True))
    if len(with_metric) < 2:
        raise BadInput(f"one record alone has {name}, and a comparison takes two.")
    if beside is not None and beside not in called.values():
        raise unknown_name("sampler among the records", beside, set(called.values()))
    groups = [group for group in families(with_metric) if len(group) > 1]
    if not groups:
        rank_records(with_metric, name)  # says what they do not share
    found = [each for group in groups for each in _differences(group, name, called, beside)]
    if not found:
        raise BadInput(f"no other sampler makes as many network calls as {beside}, and nothing is beside it.")
    return Differences(found)


def _differences(
    group: Sequence[Record], metric: str, called: Mapping[str, str], beside: str | None
) -> Iterator[Difference]:
    """The differences of one budget; none where it is without the sampler that is asked for."""
    names, repeats = [called[record["key"]] for record in group], min(record["repeats"] for record in group)
    found: list[tuple[str, Comparison, Outcome]] = []
    if beside is None:
        ranked = rank_records(group, metric)
        beside = names[next(place for place, each in enumerate(ranked) if each.mark == "best")]
        for name, own in zip(names, ranked, strict=True):
            if own.beside_best is not None and own.mark != "best":
                found.append((name, own.beside_best, own.mark))
    elif beside in names:
        metrics, shared = comparable(group, metric)
        of = metrics[names.index(beside)]
        for name, values in zip(names, metrics, strict=True):
            if name != beside:
                told = compare_metrics(values, of, shared=shared, level=LEVEL / (len(group) - 1))  # Bonferroni's share
                found.append((name, compare_metrics(values, of, shared=shared), told.outcome))
    for name, each, outcome in found:
        yield Difference(
            task=group[0]["task"],
            metric=metric,
            nfe=group[0]["nfe"],
            sampler=name,
            other=str(beside),
            difference=each.difference,
            low=each.low,
            high=each.high,
            outcome=outcome,
            p_value=each.p_value,
            margin=each.margin,
            paired=each.paired,
            repeats=repeats,
        )


def _sentence(found: Difference) -> str:
    what = f"{found.metric} at {found.nfe} call{'' if found.nfe == 1 else 's'} on {found.task}"
    size = with_interval(found.difference, found.low, found.high)
    outcome = {"worse": "worse than", "better": "better than", "equivalent": "equivalent to"}
    return f"{what}: {found.sampler} is {outcome.get(found.outcome, 'not told from')} {found.other} by {size}"
