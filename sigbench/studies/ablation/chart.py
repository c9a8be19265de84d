"""The charts of an ablation: quality against signature order and number of steps, and what each costs."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from sigbench.report.curves import color_of, legend_of, level, tie, tips_of, told

_WIDTH, _HEIGHT = 340, 250
_NAMES = {
    "order": "signature order",
    "steps": "number of steps",
    "grid": "grid",
    "loss": "loss",
    "memory": "memory",
    "base": "base step",
    "training_seed": "training seed",
}
_LATER = ("memory", "training_seed")  # what is said of last where two things differ from the usual student
Result = Mapping[str, Any]


def headline_of(results: Sequence[Result]) -> str:
    """Returns the name of the task's first metric, "" where nothing was measured."""
    return next((name for result in results for name in result["record"]["metrics"]), "")


def names_of(results: Sequence[Result]) -> list[str]:
    """Returns what the curves are called."""
    return [f"{steps} steps" for steps in sorted({row["steps"] for row in _grown(results)})]


def ablation_chart(results: Sequence[Result]) -> alt.TopLevelMixin:
    """Returns the panels of `ablation_panels` as one picture."""
    first = results[0]
    panels = [
        panel.properties(width=_WIDTH, height=_HEIGHT, title=title) for title, panel in ablation_panels(results).items()
    ]
    record = first["record"]
    title = alt.Title(
        f"{first['task']}: what the signature is worth",
        anchor="middle",
        fontSize=16,
        offset=12,
        subtitle=f"{first['budget']['iterations']:,} iterations a student, {record['samples']:,} samples × "
        f"{record['repeats']} repeats, 95 % intervals",
    )
    return alt.hconcat(*panels).resolve_scale(color="shared").properties(title=title)


def ablation_panels(results: Sequence[Result], *, legends: bool = True) -> dict[str, alt.LayerChart]:
    """Returns two charts by their titles: the headline metric, and the seconds of training, against the order.

    Of the students that differ from the usual one in order and number of steps only; one curve a number of steps.
    """
    rows, name = _grown(results), headline_of(results)
    color = color_of(legend_of(names_of(results)), shown=legends)
    orders = sorted({row["order"] for row in rows})
    x = alt.X(
        "order:Q",
        title="signature order",
        axis=alt.Axis(values=orders, format="d", grid=False),
        scale=alt.Scale(nice=False, padding=15, zero=False),
    )
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=color)
    log = alt.Scale(type="log", nice=False, padding=8)
    y = alt.Y("value:Q", title=f"{name} (95 % interval)", scale=log)
    tips = tips_of(
        "value",
        alt.Tooltip("order:Q"),
        alt.Tooltip("seconds:Q", title="training (s)", format=".0f"),
        alt.Tooltip("sample_s:Q", title="seconds a sample", format=".2e"),
    )
    quality = alt.LayerChart(
        layer=[
            level("floor", rows[0]["floor"]),
            base.mark_line(strokeWidth=1.5).encode(y=y),
            base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("value_low:Q"), y2="value_high:Q"),
            base.mark_point(filled=True, size=45, opacity=1).encode(y=y, tooltip=tips),
        ]
    )
    seconds = alt.Y("seconds:Q", title="training (s)", scale=alt.Scale(zero=True))
    cost = alt.LayerChart(
        layer=[
            base.mark_line(strokeWidth=1.5).encode(y=seconds),
            base.mark_point(filled=True, size=45, opacity=1).encode(y=seconds, tooltip=tips),
        ]
    )
    return {f"{name} against signature order; dashed: the floor": quality, "What a student costs": cost}


def sentences(results: Sequence[Result]) -> list[tuple[str, str]]:
    """Returns what order is worth at each number of steps and what it costs, and what each other change does.

    A student that differs from the usual one in two things is compared with the one that differs in one of them.
    """
    name = headline_of(results)
    good = [result for result in results if name in result["record"]["metrics"]]
    said = []
    for steps in sorted({result["variant"]["steps"] for result in good}):
        rows = [row for row in _grown(good) if row["steps"] == steps]
        if len(rows) > 1:
            said.append((f"{steps} steps", f"{_on_orders(rows, name)} {_on_costs(rows)}"))
    usual = next((result["variant"] for result in good if result["usual"]), None)
    if usual is None:
        return said
    by_variant = {tuple(sorted(result["variant"].items())): result["record"]["metrics"][name] for result in good}
    for variant in (result["variant"] for result in good):
        changed = sorted((axis for axis, value in variant.items() if value != usual[axis]), key=_LATER.__contains__)
        if not changed or {"order", "steps"} & set(changed):
            continue
        last = changed[-1]
        before = by_variant.get(tuple(sorted({**variant, last: usual[last]}.items())))
        if before is not None:
            after = by_variant[tuple(sorted(variant.items()))]
            said.append(
                (
                    ", ".join(f"{_NAMES[axis]} {variant[axis]}" for axis in changed),
                    f"{name} {told(after)}, {after['value'] / before['value']:.2f} times that of {_NAMES[last]} "
                    f"{usual[last]}, {told(before)}{tie(before, after)}.",
                )
            )
    return said


def _on_orders(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    """What higher orders do at one number of steps; whatever is at the floor is tied there."""
    first, best = min(rows, key=lambda row: row["order"]), min(rows, key=lambda row: row["value"])
    ties = [
        row["order"]
        for row in rows
        if row is not best and (row["value_low"] <= best["value_high"] or (row["at_floor"] and best["at_floor"]))
    ]
    floor = ", at the floor" if best["at_floor"] else ""
    tied = f"; tied with it: order {', '.join(map(str, sorted(ties)))}" if ties else ""
    if best is first:
        return f"{name} is smallest at order {best['order']}, {told(best, 'value_')}{floor}{tied}."
    return (
        f"{name} {told(first, 'value_')} at order {first['order']}, "
        f"{told(best, 'value_')} at order {best['order']}, the smallest{floor}: "
        f"{best['value'] / first['value']:.2f} times{tied}."
    )


def _on_costs(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the lowest and the highest order cost, in seconds of training and microseconds a sample."""
    first, last = rows[0], rows[-1]
    trained, drawn = (
        [f"{factor * row[what]:.3g}" for row in (first, last) if row[what] is not None]
        for what, factor in (("seconds", 1.0), ("sample_s", 1e6))
    )
    if len(trained) < 2 or len(drawn) < 2:
        return "What it costs is not known."
    return (
        f"Order {last['order']} costs {trained[1]} s of training, order {first['order']} {trained[0]} s; "
        f"{drawn[1]} and {drawn[0]} µs a sample."
    )


def _grown(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The students that are the usual one but for order and steps, a row each, by order."""
    name = headline_of(results)
    usual = next((r["variant"] for r in results if r["usual"]), results[0]["variant"])
    others = {axis: value for axis, value in usual.items() if axis not in ("order", "steps")}
    rows = []
    for result in results:
        variant, metric = result["variant"], result["record"]["metrics"].get(name)
        timing = result["record"]["timing"]
        if metric is not None and all(variant[axis] == value for axis, value in others.items()):
            rows.append(
                {
                    "who": f"{variant['steps']} steps",
                    "order": variant["order"],
                    "steps": variant["steps"],
                    "value": metric["value"],
                    "value_low": metric["low"],
                    "value_high": metric["high"],
                    "floor": metric["floor"],
                    "at_floor": metric["at_floor"],
                    "seconds": result["training_s"],
                    "sample_s": None if timing is None else timing["sample_s"]["value"],
                }
            )
    return sorted(rows, key=lambda row: (row["steps"], row["order"]))
