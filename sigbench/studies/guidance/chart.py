"""The charts of guidance: what label accuracy costs in variety within classes, by the weight of guidance."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from sigbench.records.names import display_name
from sigbench.report.curves import color_of, legend_of, level, log_low, tie, tips_of, told

Record = Mapping[str, Any]
_METRICS = {"accuracy": "label-accuracy", "intra": "fcd-intra", "recall": "recall"}


def guidance_of(record: Record) -> float:
    """Returns the weight of guidance that a record's samples were drawn at."""
    return float(record.get("conditions", {}).get("guidance", 0.0))


def names_of(records: Sequence[Record]) -> list[str]:
    """Returns what the curves are called, students first and teachers last."""
    ranks = {"student": 0, "teacher": 2}
    ordered = sorted(records, key=lambda r: ranks.get("teacher" if r.get("role") == "teacher" else r["family"], 1))
    return list(dict.fromkeys(_name(record) for record in ordered))


def guidance_panels(records: Sequence[Record]) -> dict[str, alt.LayerChart]:
    """Returns three charts by their titles, from records of one task that differ in sampler, steps and guidance.

    Intra-class FCD against label accuracy, a point a weight; and intra-class FCD and recall against the weight.
    """
    rows = [_row(record) for record in records]
    color = color_of(legend_of(names_of(records)), shown=False)
    base = alt.Chart(alt.Data(values=rows)).encode(color=color, order="guidance:Q")
    weight = alt.X(
        "guidance:Q",
        title="guidance W",
        scale=alt.Scale(nice=False, padding=12),
        axis=alt.Axis(values=sorted({row["guidance"] for row in rows}), format="~g", grid=False),
    )
    intra = alt.Y("intra:Q", title="FCD within classes", scale=alt.Scale(type="log", nice=False, padding=12))
    accuracy = alt.X(
        "accuracy:Q",
        title="label accuracy",
        axis=alt.Axis(format=".1%", grid=False, labelOverlap=True),
        scale=alt.Scale(zero=False, nice=False, padding=14),
    )
    cut = base.transform_calculate(low_end=log_low("intra"), right_end="min(datum.accuracy_high, 1)")
    tips = tips_of("intra", alt.Tooltip("guidance:Q"), alt.Tooltip("accuracy:Q", format=".2%"))
    upright = cut.mark_rule(strokeWidth=1.2).encode(y=alt.Y("low_end:Q"), y2="intra_high:Q")
    trade = alt.LayerChart(
        layer=[
            base.mark_line(strokeWidth=1.5).encode(x=accuracy, y=intra),
            upright.encode(x=accuracy),
            cut.mark_rule(strokeWidth=1.2).encode(x=alt.X("accuracy_low:Q"), x2="right_end:Q", y=intra),
            base.mark_point(filled=True, size=45, opacity=1).encode(x=accuracy, y=intra, tooltip=tips),
            base.mark_text(dx=9, dy=-8, fontSize=11).encode(
                x=accuracy, y=intra, text=alt.Text("guidance:Q", format="~g")
            ),
        ]
    )
    within = alt.LayerChart(
        layer=[
            level("intra", rows[0]["intra_floor"]),
            base.mark_line(strokeWidth=1.5).encode(x=weight, y=intra),
            upright.encode(x=weight),
            base.mark_point(filled=True, size=45, opacity=1).encode(x=weight, y=intra, tooltip=tips),
        ]
    )
    recall = alt.Y("recall:Q", title="recall", scale=alt.Scale(nice=False, padding=8, zero=False))
    variety = alt.LayerChart(
        layer=[
            level("recall", rows[0]["recall_floor"]),
            base.mark_line(strokeWidth=1.5).encode(x=weight, y=recall),
            base.mark_rule(strokeWidth=1.2).encode(x=weight, y=alt.Y("recall_low:Q"), y2="recall_high:Q"),
            base.mark_point(filled=True, size=45, opacity=1).encode(
                x=weight, y=recall, tooltip=tips_of("recall", alt.Tooltip("guidance:Q"))
            ),
        ]
    )
    return {
        "Label accuracy against FCD within classes; numbers: W": trade,
        "FCD within classes; dashed: its floor": within,
        "Recall; dashed: that of the data": variety,
    }


def sentences(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Returns what guidance does to each sampler, and how far the student is from the teacher at each weight."""
    said, by_name = [], _by_name(records)
    for name, several in by_name.items():
        weights = sorted(several)
        first, last = (several[weight]["metrics"] for weight in (weights[0], weights[-1]))
        least = min(weights, key=lambda w: several[w]["metrics"]["fcd-intra"]["value"])
        most = max(weights, key=lambda w: several[w]["metrics"]["label-accuracy"]["value"])
        said.append(
            (
                name,
                f"label accuracy {_percent(first['label-accuracy'])} at W = {weights[0]:g}, highest at W = {most:g}: "
                f"{_percent(several[most]['metrics']['label-accuracy'])}; FCD within classes "
                f"{told(several[least]['metrics']['fcd-intra'])} at W = {least:g}, its smallest, and "
                f"{told(last['fcd-intra'])} at W = {weights[-1]:g}.",
            )
        )
    teacher = next((_name(r) for r in records if r.get("role") == "teacher"), None)
    for name, several in by_name.items():
        if teacher is None or next(iter(several.values()))["family"] != "student":
            continue
        for weight in sorted(set(several) & set(by_name[teacher])):
            ours, theirs = (by_name[who][weight]["metrics"]["fcd-intra"] for who in (name, teacher))
            said.append(
                (
                    f"{name} at W = {weight:g}",
                    f"FCD within classes {told(ours)}, {ours['value'] / theirs['value']:.2f} times the teacher's "
                    f"{told(theirs)}{tie(ours, theirs)}.",
                )
            )
    return said


def _by_name(records: Sequence[Record]) -> dict[str, dict[float, Record]]:
    found: dict[str, dict[float, Record]] = {name: {} for name in names_of(records)}
    for record in records:
        found[_name(record)][guidance_of(record)] = record
    return found


def _name(record: Record) -> str:
    return f"{display_name(record)}, {record['steps']} steps"


def _row(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {"who": _name(record), "guidance": guidance_of(record)}
    for short, name in _METRICS.items():
        metric = record["metrics"][name]
        row |= {short: metric["value"], f"{short}_floor": metric["floor"]}
        row |= {f"{short}_{end}": metric["value"] if metric[end] is None else metric[end] for end in ("low", "high")}
    return row


def _percent(metric: Mapping[str, Any]) -> str:
    ends = ", ".join(f"{100 * min(metric[end], 1.0):.1f}" for end in ("low", "high"))
    return f"{100 * metric['value']:.1f} % [{ends}]"
