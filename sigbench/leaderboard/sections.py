"""Studies on the page: what commands other than `run` found of a task, in charts and in sentences."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sigbench.errors import BadInput
from sigbench.records.names import display_name, spec_of
from sigbench.report.curves import legend_of


@dataclass(frozen=True, slots=True)
class Study:
    """A section of a task's tab.

    Sentences, each with what it is said of, the names and colours of curves, and charts by their titles (Vega-Lite).
    """

    task: str
    title: str
    note: str
    sentences: tuple[tuple[str, str], ...]
    legend: tuple[tuple[str, str], ...]
    charts: Mapping[str, Mapping[str, Any]]
    command: str


def find_studies(folder: Path) -> list[Study]:
    """Returns the studies in a board's folder, by file name; raises BadInput for a file that cannot be read so."""
    return [make(file) for pattern, make in _KINDS.items() for file in sorted(folder.glob(pattern))]


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Returns the JSON objects of a file, a line each; raises BadInput where one is none."""
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise BadInput(f"the study {file} cannot be read: {error}.") from error
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise BadInput(f"the study {file} holds no JSON objects, a line each.")
    return rows


def _gap_study(file: Path) -> Study:
    from sigbench.studies.gap.chart import gap_panels, names_of

    rows = read_lines(file)
    try:
        good = [row for row in rows if row["status"] == "ok"]
        first = good[0]
        teacher, task = first["teacher"], first["task"]
        sentences = tuple(
            (f"{display_name(row)}, {len(row['times'])} steps", str(row["verdict"]["sentence"])) for row in good
        )
        charts = _drawn(gap_panels(good, legends=False))
        names = ",".join(dict.fromkeys(spec_of(row) for row in good))
        steps = ",".join(dict.fromkeys(str(len(row["times"])) for row in good))
        note = (
            f"Teacher ({teacher['sampler']}, {teacher['steps']} steps) and sampler start from the same state and walk "
            f"on the same Brownian path, {first['samples']:,} of them; laws are compared with {first['group']:,} "
            f"states on each side, at most 500 for MMD; {first['provenance']['dtype']} networks."
        )
        command = (
            f"sigbench gap --task {task} --sampler {names} --steps {steps} --samples {first['samples']}"
            f" --repeats {first['repeats']} --seed {first['seed']} --grid {first['grid']}{_conditions(first)}"
            f" --dtype {first['provenance']['dtype']} --json"
        )
    except (KeyError, IndexError, TypeError) as error:
        raise BadInput(f"the study {file} is not what `sigbench gap --json` prints: {error!r}.") from error
    return Study(
        str(task), "Where the error comes from", note, sentences, tuple(legend_of(names_of(good))), charts, command
    )


def _spectrum_study(file: Path) -> Study:
    from sigbench.studies.spectrum.chart import names_of, spectrum_panels

    rows = read_lines(file)
    try:
        good = [row for row in rows if row["status"] == "ok"]
        first = good[0]
        made = first["provenance"]["dtype"]
        sentences = tuple((f"{display_name(row)}, {row['steps']} steps", str(row["sentence"])) for row in good)
        charts = _drawn(spectrum_panels(good, legends=False))
        note = (
            f"The power spectrum of {first['of']}, {first['samples']:,} samples × {first['repeats']}; {made} networks."
        )
        names = ",".join(dict.fromkeys(_spec(row) for row in good))
        command = (
            f"sigbench spectrum --task {first['task']} --sampler {names} --samples {first['samples']}"
            f" --repeats {first['repeats']} --seed {first['seed']} --grid {first['grid']}{_conditions(first)}"
            f" --dtype {made} --json"
        )
    except (KeyError, IndexError, TypeError) as error:
        raise BadInput(f"the study {file} is not what `sigbench spectrum --json` prints: {error!r}.") from error
    return Study(str(first["task"]), "Spectrum", note, sentences, tuple(legend_of(names_of(good))), charts, command)


def _ablation_study(file: Path) -> Study:
    from sigbench.studies.ablation.chart import ablation_panels, names_of, sentences

    rows = read_lines(file)
    try:
        good = [row for row in rows if row["record"]["status"] == "ok"]
        first = good[0]
        record, budget = first["record"], first["budget"]
        charts = _drawn(ablation_panels(good, legends=False))
        said = tuple((str(what), str(sentence)) for what, sentence in sentences(good))
        shared = max(float(row.get("paths_s", 0.0)) for row in good)
        note = (
            f"Students trained for {budget['iterations']:,} iterations each, and for one number of steps; "
            f"{record['samples']:,} samples × {record['repeats']}. Intervals are of the samples: each student was "
            "trained once, and what another seed of training would change is not in them."
            + (f" All share paths of the teacher that took {shared:,.0f} s." if shared else "")
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise BadInput(f"the study {file} is not what `sigbench ablate --json` prints: {error!r}.") from error
    command = f"sigbench ablate leaderboard/studies/ablation/{file.stem}.toml --json"
    return Study(
        str(first["task"]), "What the signature is worth", note, said, tuple(legend_of(names_of(good))), charts, command
    )


def _guidance_study(file: Path) -> Study:
    from sigbench.studies.guidance.chart import guidance_of, guidance_panels, names_of, sentences

    rows = read_lines(file)
    try:
        good = sorted((row for row in rows if row["status"] == "ok"), key=guidance_of)
        first = good[0]
        charts = _drawn(guidance_panels(good))
        said = tuple(sentences(good))
        note = (
            "Classifier-free guidance (1 + W)·D(class) − W·D(none): two network calls a step above W = 0, and one for "
            f"a student that was distilled at W. {first['samples']:,} samples × {first['repeats']}; the FCD of so few "
            f"images is biased, see its floor; {first['provenance']['dtype']} networks."
        )
    except (KeyError, IndexError, TypeError, ZeroDivisionError) as error:
        raise BadInput(
            f"the study {file} does not hold records of images with guidance, as `sigbench sweep --json` prints: "
            f"{error!r}."
        ) from error
    command = f"sigbench sweep leaderboard/studies/guidance/{file.stem}.toml --json"
    return Study(
        str(first["task"]), "What guidance costs", note, said, tuple(legend_of(names_of(good))), charts, command
    )


def _conditions(row: Mapping[str, Any]) -> str:
    return "".join(f" --{name} {value:g}" for name, value in row["conditions"].items())


def _spec(row: Mapping[str, Any]) -> str:
    """How the command line names a cell."""
    spec = spec_of(row)
    return spec if spec == "teacher" else f"{spec}@{row['steps']}"


_KINDS = {
    "gap/*.jsonl": _gap_study,
    "spectrum/*.jsonl": _spectrum_study,
    "ablation/*.jsonl": _ablation_study,
    "guidance/*.jsonl": _guidance_study,
}


def _drawn(panels: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {title: responsive(panel.to_dict()) for title, panel in panels.items()}


def responsive(spec: dict[str, Any]) -> dict[str, Any]:
    """Returns the Vega-Lite specification of a single view as the page draws it: as wide as its place."""
    return {key: value for key, value in spec.items() if key != "config"} | {"width": "container", "height": 260}
