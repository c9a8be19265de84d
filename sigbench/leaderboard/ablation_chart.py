"""The charts of an ablation: quality against signature order and number of steps, and what each costs."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from sigbench.leaderboard.curves import GREY, color_of, legend_of, tips_of

_WIDTH, _HEIGHT = 340, 250
_NAMES = {
    "order": "signature order", "steps": "number of steps", "grid": "grid", "loss": "loss", "memory": "memory",
    "base": "base step",
}  # fmt: skip
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
        f"{first['task']}: what the signature is worth", anchor="middle", fontSize=16, offset=12,
        subtitle=f"{first['budget']['iterations']:,} iterations a student, {record['samples']:,} samples × "
        f"{record['repeats']} repeats, 95 % intervals",
    )  # fmt: skip
    return alt.hconcat(*panels).resolve_scale(color="shared").properties(title=title)


def ablation_panels(results: Sequence[Result], *, legends: bool = True) -> dict[str, alt.LayerChart]:
    """Returns two charts by their titles: the headline metric, and the seconds of training, against the order.

    Of the students that differ from the usual one in order and number of steps only; one curve a number of steps.
    """
    rows, name = _grown(results), headline_of(results)
    color = color_of(legend_of(names_of(results)), shown=legends)
    orders = sorted({row["order"] for row in rows})
    x = alt.X(
        "order:Q", title="signature order", axis=alt.Axis(values=orders, format="d", grid=False),
        scale=alt.Scale(nice=False, padding=15, zero=False),
    )  # fmt: skip
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=color)
    log = alt.Scale(type="log", nice=False, padding=8)
    y = alt.Y("value:Q", title=f"{name} (95 % interval)", scale=log)
    tips = tips_of("value", alt.Tooltip("order:Q"), alt.Tooltip("seconds:Q", title="training (s)", format=".0f"))
    floor = alt.Chart(alt.Data(values=[{"floor": rows[0]["floor"]}])).encode(y="floor:Q")
    quality = alt.LayerChart(
        layer=[
            floor.mark_rule(strokeDash=[6, 4], color=GREY),
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
    """Returns what each change of one thing does to the usual student's headline metric, and what order does."""
    name = headline_of(results)
    good = [result for result in results if name in result["record"]["metrics"]]
    said = []
    for steps in sorted({result["variant"]["steps"] for result in good}):
        told = _on_orders([row for row in _grown(good) if row["steps"] == steps], name)
        if told:
            said.append((f"{steps} steps", told))
    usual = next((result for result in good if result["usual"]), None)
    if usual is None:
        return said
    before = usual["record"]["metrics"][name]
    for result in good:
        changed = [axis for axis, value in result["variant"].items() if value != usual["variant"][axis]]
        if len(changed) == 1 and changed[0] not in ("order", "steps"):
            axis = changed[0]
            after = result["record"]["metrics"][name]
            said.append(
                (
                    f"{_NAMES[axis]} {result['variant'][axis]}",
                    f"{name} {_number(after)}, {after['value'] / before['value']:.2f} times that of "
                    f"{usual['variant'][axis]}, {_number(before)}{_tie(before, after)}.",
                )
            )
    return said


def _on_orders(rows: Sequence[Mapping[str, Any]], name: str) -> str | None:
    """What higher orders do at one number of steps, None where only one was trained."""
    if len(rows) < 2:
        return None
    first, best = min(rows, key=lambda row: row["order"]), min(rows, key=lambda row: row["value"])
    if best is first:
        return f"order {first['order']} has the smallest {name}, {_number(first, 'value_')}."
    ties = [row["order"] for row in rows if row is not best and row["value_low"] <= best["value_high"]]
    told = (
        f"{name} {_number(first, 'value_')} at order {first['order']}, "
        f"{_number(best, 'value_')} at order {best['order']}, the smallest: {best['value'] / first['value']:.2f} times"
    )
    if ties:
        return f"{told}; tied with it: order {', '.join(map(str, sorted(ties)))}."
    return f"{told}."


def _tie(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    return "; the intervals overlap" if a["low"] <= b["high"] and b["low"] <= a["high"] else ""


def _number(metric: Mapping[str, Any], ends: str = "") -> str:
    return f"{metric['value']:.3g} [{metric[f'{ends}low']:.3g}, {metric[f'{ends}high']:.3g}]"


def _grown(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The students that are the usual one but for order and steps, a row each, by order."""
    name = headline_of(results)
    usual = next((r["variant"] for r in results if r["usual"]), results[0]["variant"])
    others = {axis: value for axis, value in usual.items() if axis not in ("order", "steps")}
    rows = []
    for result in results:
        variant, metric = result["variant"], result["record"]["metrics"].get(name)
        if metric is not None and all(variant[axis] == value for axis, value in others.items()):
            rows.append(
                {
                    "who": f"{variant['steps']} steps", "order": variant["order"], "steps": variant["steps"],
                    "value": metric["value"], "value_low": metric["low"], "value_high": metric["high"],
                    "floor": metric["floor"],
                    "seconds": result["training_s"],
                }
            )  # fmt: skip
    return sorted(rows, key=lambda row: (row["steps"], row["order"]))
