"""Studies as Markdown tables: orders, gaps, spectra and ablations, written as the command line writes them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import torch

from sigbench.errors import BadInput
from sigbench.leaderboard.documents.evidence import FOLDER, cells
from sigbench.leaderboard.documents.tables import NONE, markdown_table
from sigbench.leaderboard.markdown import escaped
from sigbench.metrics.estimate import Interval
from sigbench.metrics.metric import KnownModes
from sigbench.records.record import Record
from sigbench.report.numbers import digits, interval, percent, percent_interval, with_half
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.generators.linear_step import left_out
from sigbench.studies.ablation.result import Variant
from sigbench.studies.convergence.result import Order, Orders
from sigbench.studies.convergence.verdict import is_faster, order_text
from sigbench.studies.gap.result import DISTANCES, Gap
from sigbench.studies.reading import read_study
from sigbench.studies.spectrum.result import BANDS, SpectrumGap

_PLAIN = {"grid": "quadratic", "loss": "local", "memory": 0, "base": "exponential", "training_seed": 0}


def orders(task: str) -> list[Orders]:
    """Returns the committed study of orders of a task."""
    return read_study(FOLDER / "studies" / "orders" / f"{task}.jsonl", Orders)


def gaps(task: str) -> list[Gap]:
    """Returns the committed study of the gap of a task."""
    return read_study(FOLDER / "studies" / "gap" / f"{task}.jsonl", Gap)


def spectra(task: str) -> list[SpectrumGap]:
    """Returns the committed study of spectra of a task."""
    return read_study(FOLDER / "studies" / "spectrum" / f"{task}.jsonl", SpectrumGap)


def orders_about(found: Sequence[Orders]) -> str:
    """Returns on what a study of orders was measured, in words."""
    most = max(found, key=lambda one: one.paths)
    behind = f" of {most.candidates:,} candidates" if most.candidates else ""
    steps = [level.steps for level in most.strong.levels]
    kinds = "; ".join(dict.fromkeys(one.reference.kind for one in found))
    return (
        f"Up to {most.paths:,} walks{behind}, {steps[0]:,} to {steps[-1]:,} steps on the grid `{most.grid}`, seed "
        f"{most.seed}, {most.dtype}; compared with: {kinds}."
    )


def gap_about(found: Sequence[Gap]) -> str:
    """Returns on what a study of the gap was measured, in words."""
    first = found[0]
    return (
        f"{first.samples:,} paths, {first.repeats} repeats, teacher {first.teacher.sampler} with {first.teacher.steps} "
        f"steps; laws of {first.group:,} states on each side, at most 500 for MMD². The distance is "
        f"{DISTANCES[first.distance]}."
    )


def spectrum_about(found: Sequence[SpectrumGap]) -> str:
    """Returns on what a study of spectra was measured, in words."""
    first = found[0]
    low, middle, high = (f"{band.first:g} to {band.last:g}" for band in first.bands)
    return (
        f"{first.of}, {first.samples:,} samples × {first.repeats} repeats; low, middle and high are {low}, {middle} "
        f"and {high} {first.unit}."
    )


def earlier_student(found: Sequence[Gap | SpectrumGap], file: str) -> str:
    """Returns a sentence where the student of a study is not that of the newest records in a file; else ""."""
    newest = {r["provenance"]["artifacts"].get("sigdeg") for r in cells(file)} - {None}
    own = {one.provenance["artifacts"].get("sigdeg") for one in found} - {None}
    if own <= newest:
        return ""
    return f"*Superseded: `sigdeg` is here an earlier student than in `{FOLDER / file}`; the next study has that one.*"


def orders_table(found: Sequence[Orders]) -> str:
    """Returns a row a sampler: strong and weak order, each with what is declared, its steps and its verdict."""
    head = ["sampler", "strong order", "declared", "steps", "verdict", "weak order", "declared", "verdict"]
    rows = []
    for one in found:
        strong, weak = one.strong, one.weak
        rows.append(
            [
                escaped(one.display_name),
                order_text(strong),
                _declared(strong),
                NONE if strong.from_steps is None else f"{strong.from_steps}–{strong.to_steps}",
                _verdict(strong),
                order_text(weak),
                _declared(weak),
                _verdict(weak),
            ]
        )
    return markdown_table(head, rows)


def advice_lines(found: Sequence[Orders]) -> list[str]:
    """Returns why orders are not resolved, a line a reason with the samplers and kinds that it holds for."""
    reasons: dict[str, list[str]] = {}
    for one in found:
        for kind, order in (("strong", one.strong), ("weak", one.weak)):
            if order.verdict == "not-resolved" and order.advice:
                reasons.setdefault(order.advice, []).append(f"{escaped(one.display_name)} ({kind})")
    return [f"Not resolved, {reason}: {', '.join(names)}." for reason, names in reasons.items()]


def errors_table(one: Orders) -> str:
    """Returns the strong error of a sampler at each number of steps, with its interval."""
    levels = one.strong.levels
    cells_ = [NONE if x.error is None else interval(x.error, x.low, x.high, brief=True) for x in levels]
    return markdown_table(["steps", *(str(level.steps) for level in levels)], [["error", *cells_]])


def gap_table(found: Sequence[Gap]) -> str:
    """Returns a row a sampler and number of steps: what a study of the gap found at the end of the walk."""
    head = ["sampler", "steps", "RMSE at the end", "most of it made in", "growth", "lost variance", "distance", "MMD²"]
    rows = []
    for gap in found:
        if gap.verdict is None:
            continue
        end, numbers = gap.times[-1], gap.verdict.steps
        if len(numbers) == 1:
            most = gap.times[numbers[0] - 1].share
            made = f"step {numbers[0]}: {percent_interval(*_ends(most))}"
        else:
            made = f"not told: steps {', '.join(map(str, numbers))}"
        lost = (1 - end.variance_ratio.value, *_turned(end.variance_ratio))
        growth = "" if gap.verdict.growth is None else with_half(*_ends(gap.verdict.growth))
        rows.append(
            [
                escaped(gap.display_name),
                str(len(gap.times)),
                with_half(*_ends(end.rmse)),
                made,
                growth,
                percent_interval(*lost),
                with_half(*_ends(end.excess), signed=True),
                with_half(*_ends(end.mmd2_excess), signed=True),
            ]
        )
    return markdown_table(head, rows)


def spectrum_table(found: Sequence[SpectrumGap]) -> str:
    """Returns a row a cell: its power in three bands of frequencies over the truth's, exact draws first."""
    rows = [["floor (exact draws)", "", *(percent_interval(*_ends(band.floor)) for band in found[0].bands)]]
    for one in found:
        bands = {band.name: band for band in one.bands}
        powers = [percent_interval(*_ends(bands[name].ratio)) for name in BANDS]
        rows.append([escaped(one.display_name), str(one.steps), *powers])
    return markdown_table(["sampler", "steps", *(f"{name} frequencies" for name in BANDS)], rows)


@dataclass(frozen=True, slots=True)
class Student:
    """A student of an ablation: what it is, its record, and its samples' variance over the data's where it is known."""

    variant: Variant
    record: Record
    variance: float | None


def students(file: str) -> list[Student]:
    """Returns the students of an ablation, those of older schemas too."""
    lines: list[dict[str, Any]] = [
        msgspec.json.decode(line) for line in (FOLDER / file).read_bytes().splitlines() if line.strip()
    ]
    return [
        Student(
            msgspec.convert(line["variant"], Variant),
            record,
            line.get("variance"),
        )
        for line, record in zip(lines, cells(file), strict=True)
    ]


def plain(found: Iterable[Student], **changed: object) -> list[Student]:
    """Returns the students that differ from the usual one in these things alone, and in order and steps."""
    wanted = {**_PLAIN, **changed}
    return [one for one in found if all(getattr(one.variant, name) == own for name, own in wanted.items())]


def changes(one: Student) -> str:
    """Returns in what a student differs from the usual one but for order and steps, in words."""
    own = {name: getattr(one.variant, name) for name in _PLAIN}
    return ", ".join(f"{name.replace('_', ' ')} `{value}`" for name, value in own.items() if value != _PLAIN[name])


def order_table(found: Sequence[Student], across: str, show: Callable[[Student], str]) -> str:
    """Returns a row a signature order and a column for each value of `across`, a field of variants.

    Raises BadInput where several students would stand in one cell.
    """
    columns = list(dict.fromkeys(getattr(one.variant, across) for one in found))
    if across == "steps":
        columns.sort()
    rows = []
    for order in sorted({one.variant.order for one in found}):
        mine = [one for one in found if one.variant.order == order]
        own = {getattr(one.variant, across): one for one in mine}
        if len(own) < len(mine):
            raise BadInput(f"several students of order {order} have one {across}: say which are meant.")
        rows.append([str(order), *(show(own[value]) if value in own else NONE for value in columns)])
    titles = [f"{value} {across}" if across == "steps" else escaped(str(value)) for value in columns]
    return markdown_table(["signature order", *titles], rows)


def metric_cell(name: str) -> Callable[[Student], str]:
    """Returns what shows a metric of a student with its interval."""

    def show(one: Student) -> str:
        metric = one.record["metrics"][name]
        return interval(metric["value"], metric["low"], metric["high"], brief=True)

    return show


def variance_cell(one: Student) -> str:
    """Returns the variance of a student's samples as a share of the data's, where it was measured."""
    return NONE if one.variance is None else percent(one.variance)


def left_out_cell(task: str) -> Callable[[Student], str]:
    """Returns what shows the share of a lone mode's variance that signatures leave out of a student's steps.

    It is computed (`sigbench.sigdeg.generators.linear_step.left_out`), not measured, for modes as wide as the task's.
    """
    from sigbench.registry import make_task

    own = make_task(task)
    truth, problem = own.truth(), own.problem(torch.device("cpu"), torch.float32)
    if not isinstance(truth, KnownModes) or not isinstance(problem, ReverseDiffusion):
        raise BadInput(f"the modes of {task} are not known.")
    std = float(np.sqrt(truth.weights @ truth.stds**2))

    def show(one: Student) -> str:
        grid = problem.grid(one.variant.grid, one.variant.steps)
        return percent(left_out(problem.schedule, grid, std, one.variant.order))

    return show


def _ends(own: Interval) -> tuple[float, float | None, float | None]:
    return own.value, own.low, own.high


def _turned(own: Interval) -> tuple[float | None, float | None]:
    """The ends of 1 minus what an interval is of."""
    return None if own.high is None else 1 - own.high, None if own.low is None else 1 - own.low


def _declared(order: Order) -> str:
    return NONE if order.expected is None else digits(order.expected)


def _verdict(order: Order) -> str:
    words = {"agrees": "agrees", "disagrees": "disagrees", "not-resolved": "not resolved"}
    return f"{words[order.verdict]}{' +' if is_faster(order) else ''}"
