"""What an ablation says, in sentences: what the signature's order is worth and costs, and what else changes."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from sigbench.errors import BadInput
from sigbench.records.comparison import at_floor, compare, mean_score, why
from sigbench.records.record import MetricRecord
from sigbench.report.numbers import duration, percent, ratio, with_interval
from sigbench.studies.ablation.result import AblationResult, Variant

_NAMES = {
    "order": "signature order",
    "steps": "number of steps",
    "grid": "grid",
    "loss": "loss",
    "memory": "memory",
    "base": "base step",
    "training_seed": "training seed",
    "serves": "steps trained for",
}
_LATER = ("memory", "training_seed")  # what is named last where two things differ from the usual student


def headline_of(results: Sequence[AblationResult]) -> str:
    """Returns the name of the task's first metric, "" where nothing was measured."""
    return next((name for result in results for name in result.record["metrics"]), "")


def usual_but_for_order(results: Sequence[AblationResult]) -> list[AblationResult]:
    """Returns the students that are the usual one but for order and steps and have the headline, by steps and order."""
    name, usual = headline_of(results), next((r.variant for r in results if r.usual), results[0].variant)
    alike = [
        result
        for result in results
        if name in result.record["metrics"] and replace(result.variant, order=usual.order, steps=usual.steps) == usual
    ]
    return sorted(alike, key=lambda result: (result.variant.steps, result.variant.order))


def sentences(results: Sequence[AblationResult]) -> list[tuple[str, str]]:
    """Returns what order is worth at each number of steps and what it costs, and what each other change does.

    A student that differs from the usual one in two things is compared with the one that differs in one of them.
    """
    name = headline_of(results)
    good = [result for result in results if name in result.record["metrics"]]
    found = []
    for steps in sorted({result.variant.steps for result in good}):
        rows = [row for row in usual_but_for_order(good) if row.variant.steps == steps]
        if len(rows) > 1:
            parts = [_on_orders(rows, name), _on_costs(rows), *_on_variance(rows)]
            found.append((f"{steps} steps", " ".join(parts)))
    usual = next((result.variant for result in good if result.usual), None)
    if usual is None:
        return found
    by_variant = {result.variant: result.record["metrics"][name] for result in good}
    for variant, after in by_variant.items():
        changed = sorted(_changed(variant, usual), key=_LATER.__contains__)
        if not changed or {"order", "steps"} & set(changed):
            continue
        last = changed[-1]
        before = by_variant.get(_with(variant, last, usual))
        if before is not None:
            reason = why(after, before, shared=True)
            found.append(
                (
                    ", ".join(f"{_NAMES[axis]} {getattr(variant, axis)}" for axis in changed),
                    f"{name} {_value(after)}, {ratio(after['value'] / before['value'])} times that of {_NAMES[last]} "
                    f"{getattr(usual, last)}, {_value(before)}{f'; {reason}' if reason else ''}.",
                )
            )
    return found


def _changed(variant: Variant, usual: Variant) -> list[str]:
    return [field.name for field in fields(Variant) if getattr(variant, field.name) != getattr(usual, field.name)]


def _with(variant: Variant, axis: str, usual: Variant) -> Variant:
    changes: dict[str, Any] = {axis: getattr(usual, axis)}
    return replace(variant, **changes)


def _on_orders(rows: Sequence[AblationResult], name: str) -> str:
    """What higher orders do at one number of steps."""
    metrics = {row.variant.order: row.record["metrics"][name] for row in rows}
    first = min(metrics)
    best = min(metrics, key=lambda order: mean_score(metrics[order]))
    beside = {order: _outcome(metrics[order], metrics[best]) for order in metrics if order != best}
    floor = ", at the floor" if at_floor(metrics[best]) else ""
    tied = ""
    for outcome, words in (("equivalent", "equivalent to it"), ("not resolved", "not told from it")):
        if orders := [str(order) for order, found in beside.items() if found == outcome]:
            tied += f"; {words}: order {', '.join(orders)}"
    if best == first:
        return f"{name} is best at order {best}, {_value(metrics[best])}{floor}{tied}."
    return (
        f"{name} {_value(metrics[first])} at order {first}, {_value(metrics[best])} at order {best}, the best{floor}: "
        f"{ratio(metrics[best]['value'] / metrics[first]['value'])} times{tied}."
    )


def _outcome(own: MetricRecord, other: MetricRecord) -> str:
    """Students of one study walk the same noise."""
    try:
        return compare(own, other, shared=True).outcome
    except BadInput:
        return "not resolved"


def _on_costs(rows: Sequence[AblationResult]) -> str:
    """What the lowest and the highest order cost, in training and in time a sample."""
    first, last = rows[0], rows[-1]
    trained = [row.training_s for row in (first, last) if row.training_s is not None]
    drawn = [timing["sample_s"]["value"] for row in (first, last) if (timing := row.record["timing"]) is not None]
    if len(trained) < 2 or len(drawn) < 2:
        return "What it costs is not known."
    return (
        f"Order {last.variant.order} costs {duration(trained[1])} of training, order {first.variant.order} "
        f"{duration(trained[0])}; {duration(drawn[1])} and {duration(drawn[0])} a sample."
    )


def _on_variance(rows: Sequence[AblationResult]) -> list[str]:
    """The variance that is left out and that is kept, by order, where they are known."""
    found = []
    for what, known in (
        ("The signature leaves out of the variance", [(row.variant.order, row.left_out) for row in rows]),
        ("The samples have of the data's variance", [(row.variant.order, row.variance) for row in rows]),
    ):
        shares = [f"{percent(share)} at order {order}" for order, share in known if share is not None]
        if shares:
            found.append(f"{what} {', '.join(shares)}.")
    return found


def _value(metric: MetricRecord) -> str:
    return with_interval(metric["value"], metric["low"], metric["high"])
