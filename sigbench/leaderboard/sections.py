"""Sections of the page: what studies found of a task, in charts and in sentences."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sigbench.errors import BadInput, Outdated
from sigbench.leaderboard.board import Board
from sigbench.leaderboard.command import shell_line
from sigbench.report.numbers import duration
from sigbench.report.palette import Curve
from sigbench.report.text import counts_in_words
from sigbench.studies.ablation.result import AblationResult
from sigbench.studies.convergence.result import Orders
from sigbench.studies.gap.result import Gap
from sigbench.studies.guidance.result import METRICS, Guided
from sigbench.studies.reading import read_study
from sigbench.studies.spectrum.result import SpectrumGap

_ORDERS = "Orders of convergence"
Panels = Mapping[str, Mapping[str, Any]]
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a task's tab.

    Sentences, each with what it is said of, how curves are drawn, charts by their titles (Vega-Lite), and the command
    that measures it again, "" where there is none.
    """

    task: str
    title: str
    note: str
    sentences: tuple[tuple[str, str], ...]
    legend: tuple[Curve, ...]
    charts: Panels
    command: str


def find_sections(folder: Path, outdated: Callable[[str], None] | None = None) -> list[Section]:
    """Returns the sections of the studies in a folder, KIND/*.jsonl, by kind and file name.

    Raises BadInput for a file that is no study of its kind, or of which nothing succeeded. Where `outdated` is given,
    studies that hold records of an older schema are left out, and it is told of them.
    """
    by_name = {kind: sorted((folder / kind).glob("*.jsonl"), key=lambda file: file.stem) for kind in _KINDS}
    sections = []
    for kind, make in _KINDS.items():
        for file in by_name[kind]:
            try:
                sections.append(make(file))
            except Outdated as error:
                if outdated is None:
                    raise
                outdated(str(error))
    return sections


def with_sections(boards: Mapping[str, Sequence[Board]], sections: Sequence[Section]) -> dict[str, Sequence[Board]]:
    """Returns the boards by task, and at the end, without a board, the tasks of which there are only sections."""
    return {**boards, **{section.task: () for section in sections if section.task not in boards}}


def order_sentences(sections: Iterable[Section]) -> dict[str, dict[str, str]]:
    """Returns what is said of the orders of samplers, by task and name."""
    found: dict[str, dict[str, str]] = {}
    for section in sections:
        if section.title == _ORDERS:
            found.setdefault(section.task, {}).update(section.sentences)
    return found


def _orders_section(file: Path) -> Section:
    from sigbench.studies.convergence.chart import order_charts
    from sigbench.studies.convergence.verdict import sentence_of

    found = read_study(file, Orders)
    first = max(found, key=lambda one: one.paths)
    kinds = "; ".join(dict.fromkeys(one.reference.kind for one in found))
    steps = [level.steps for level in first.strong.levels]
    charts, legend, folded = order_charts(found)
    note = (
        f"Strong and weak error on up to {first.paths:,} Brownian paths that all samplers share, at {steps[0]} to "
        f"{steps[-1]} steps on the grid {first.grid}; students on their own. Filled points count for the order, hollow "
        "ones do not. Thick dashed: the Monte Carlo floor; dotted: the reference's error, where it is near; thin "
        f"dashed lines fall with the order that stands at their end. Compared with: {kinds}. {folded}"
    ).rstrip()
    names = _listed(one.spec for one in found)
    command = shell_line(
        ["sigbench", "convergence", "--task", first.task, "--sampler", names, "--paths", first.paths],
        ["--levels", len(steps), "--coarsest", steps[0], "--grid", first.grid, "--seed", first.seed],
        ["--dtype", first.dtype, *(["--sup"] if first.sup else []), "--json"],
    )
    sentences = tuple((one.display_name, sentence_of(one)) for one in found)
    return Section(first.task, _ORDERS, note, sentences, tuple(legend), _drawn(charts), command)


def _gap_section(file: Path) -> Section:
    from sigbench.studies.gap.chart import gap_curves, gap_panels

    good = _succeeded(file, [(gap, gap.status) for gap in read_study(file, Gap)])
    first = good[0]
    made = first.provenance.get("dtype")
    note = (
        f"Teacher ({first.teacher.sampler}, {first.teacher.steps} steps) and sampler start from the same state and "
        f"walk on the same Brownian path, {first.samples:,} of them; laws are compared with {first.group:,} "
        f"states on each side, at most 500 for MMD; {made} networks."
    )
    command = shell_line(
        ["sigbench", "gap", "--task", first.task, "--sampler", _listed(gap.spec_again for gap in good)],
        ["--steps", _listed(str(len(gap.times)) for gap in good), "--samples", first.samples],
        ["--repeats", first.repeats, "--seed", first.seed, "--grid", first.grid, *_conditions(first.conditions)],
        ["--dtype", made, "--json"],
    )
    sentences = tuple((gap.curve, gap.verdict.sentence) for gap in good if gap.verdict is not None)
    charts = _drawn(gap_panels(good, legends=False))
    return Section(first.task, "Where the error comes from", note, sentences, tuple(gap_curves(good)), charts, command)


def _spectrum_section(file: Path) -> Section:
    from sigbench.studies.spectrum.chart import spectrum_curves, spectrum_panels

    good = _succeeded(file, [(one, one.status) for one in read_study(file, SpectrumGap)])
    first = good[0]
    made = first.provenance.get("dtype")
    note = f"The power spectrum of {first.of}, {first.samples:,} samples × {first.repeats}; {made} networks."
    names = _listed("teacher" if one.role == "teacher" else f"{one.spec}@{one.steps}" for one in good)
    command = shell_line(
        ["sigbench", "spectrum", "--task", first.task, "--sampler", names, "--samples", first.samples],
        ["--repeats", first.repeats, "--seed", first.seed, "--grid", first.grid, *_conditions(first.conditions)],
        ["--dtype", made, "--json"],
    )
    sentences = tuple((one.curve, one.sentence) for one in good if one.sentence is not None)
    charts = _drawn(spectrum_panels(good, legends=False))
    return Section(first.task, "Spectrum", note, sentences, tuple(spectrum_curves(good)), charts, command)


def _ablation_section(file: Path) -> Section:
    from sigbench.studies.ablation.chart import ablation_curves, ablation_panels
    from sigbench.studies.ablation.verdict import sentences

    good = _succeeded(file, [(one, one.record["status"]) for one in read_study(file, AblationResult)])
    first = good[0]
    record, shared = first.record, max(one.paths_s for one in good)
    serves = first.variant.serves
    trained = f"to serve {counts_in_words(serves)} steps" if serves else "for one number of steps"
    note = (
        f"Students trained for {first.budget['iterations']:,} iterations each, and {trained}; "
        f"{record['samples']:,} samples × {record['repeats']}. Intervals are of the samples: each student was "
        "trained once, and what another seed of training would change is not in them."
        + (f" All share paths of the teacher that took {duration(shared)}." if shared else "")
    )
    title, command = (
        "What the signature is worth",
        shell_line(["sigbench", "ablate", f"leaderboard/studies/ablation/{file.stem}.toml", "--json"]),
    )
    if any(one.superseded for one in good):
        title, command = f"{title} (superseded)", ""
        note = f"Superseded: measured with an older program, to be measured anew. {note}"
    charts = _drawn(ablation_panels(good, legends=False))
    return Section(first.task, title, note, tuple(sentences(good)), tuple(ablation_curves(good)), charts, command)


def _guidance_section(file: Path) -> Section:
    from sigbench.studies.guidance.chart import guidance_curves, guidance_panels
    from sigbench.studies.guidance.verdict import sentences

    good = _succeeded(file, [(point, point.record["status"]) for point in read_study(file, Guided)])
    for point in good:
        if missing := METRICS.values() - point.record["metrics"].keys():
            raise BadInput(
                f"the study {file} does not hold records of images with guidance: the record "
                f"{point.record['key']} lacks {', '.join(sorted(missing))}."
            )
    first = good[0].record
    note = (
        "Classifier-free guidance (1 + W)·D(class) − W·D(none): two network calls a step above W = 0, and one for "
        f"a student that was distilled at W. {first['samples']:,} samples × {first['repeats']}; the FCD of so few "
        f"images is biased, see its floor; {first['provenance'].get('dtype')} networks."
    )
    command = shell_line(["sigbench", "sweep", f"leaderboard/studies/guidance/{file.stem}.toml", "--json"])
    charts = _drawn(guidance_panels(good))
    legend = tuple(guidance_curves(good))
    return Section(first["task"], "What guidance costs", note, tuple(sentences(good)), legend, charts, command)


_KINDS: dict[str, Callable[[Path], Section]] = {
    "orders": _orders_section,
    "gap": _gap_section,
    "spectrum": _spectrum_section,
    "ablation": _ablation_section,
    "guidance": _guidance_section,
}


def _succeeded(file: Path, results: Sequence[tuple[_Result, str]]) -> list[_Result]:
    good = [result for result, status in results if status == "ok"]
    if not good:
        raise BadInput(f"the study {file} holds nothing that succeeded.")
    return good


def _listed(names: Iterable[str]) -> str:
    return ",".join(dict.fromkeys(names))


def _conditions(conditions: Mapping[str, float]) -> list[str]:
    return [word for name, value in conditions.items() for word in (f"--{name}", f"{value:g}")]


def _drawn(panels: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {title: responsive(panel.to_dict(validate=False)) for title, panel in panels.items()}


def responsive(spec: dict[str, Any]) -> dict[str, Any]:
    """Returns the Vega-Lite specification of a single view as the page draws it: as wide as its place."""
    return {key: value for key, value in spec.items() if key != "config"} | {"width": "container", "height": 260}
