"""Studies on the page: what `gap` and `spectrum` print becomes charts and sentences, and nothing of it runs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from made_records import made, metric

from sigbench.errors import BadInput
from sigbench.leaderboard.board import Entry, boards
from sigbench.leaderboard.markdown import build_markdown
from sigbench.leaderboard.page import build_page
from sigbench.leaderboard.sections import Study, find_studies
from sigbench.measure.cell import Settings, plan_cells
from sigbench.records.reading import read_records
from sigbench.studies.gap.plan import plan_gap
from sigbench.studies.gap.study import measure_gaps
from sigbench.studies.spectrum.study import measure_spectra

EVIL = "<script>alert(1)</script>`<script>"


def in_folder(file: Path) -> Path:
    """Returns a file whose folder is there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("board")
    for kind in ("gap", "spectrum"):
        (place / kind).mkdir()
    gaps = measure_gaps(plan_gap(Settings("gmm", samples=80), ["sigdeg", "ddim"], [2]))
    (place / "gap" / "gmm.jsonl").write_text("".join(json.dumps(gap.as_json()) + "\n" for gap in gaps))
    cells = plan_cells(Settings("rbergomi", samples=32, repeats=2), ["ddim"], [2])
    found = [json.dumps(one.as_json()) + "\n" for one in measure_spectra(cells)]
    (place / "spectrum" / "rbergomi.jsonl").write_text("".join(found))
    return place


def test_each_file_becomes_a_study(folder: Path) -> None:
    gap, spectrum = find_studies(folder)
    assert (gap.task, spectrum.task) == ("gmm", "rbergomi")
    assert [what for what, _ in gap.sentences] == ["sigdeg, 2 steps", "ddim, 2 steps"]
    assert (len(gap.charts), len(spectrum.charts)) == (5, 2)
    assert gap.command == (
        "sigbench gap --task gmm --sampler sigdeg,ddim --steps 2 --samples 80 --repeats 5 --seed 0 --grid quadratic "
        "--dtype float32 --json"
    )
    assert spectrum.command.startswith("sigbench spectrum --task rbergomi --sampler ddim@2 --samples 32 --repeats 2")
    for study in (gap, spectrum):
        for chart in study.charts.values():
            assert chart["width"] == "container"
            assert "config" not in chart


def test_they_are_no_records_and_no_damaged_ones(folder: Path) -> None:
    reading = read_records([folder / kind for kind in ("gap", "spectrum")])
    assert reading.records == []
    assert reading.problems == []
    assert len(reading.others) == 2


def test_sentences_and_names_are_text_on_the_page(folder: Path) -> None:
    (honest, _) = find_studies(folder)
    hostile = Study("gmm", EVIL, EVIL, ((EVIL, EVIL),), ((EVIL, "#000"),), {EVIL: {"mark": EVIL}}, EVIL)
    page = build_page({"gmm": []}, titles={}, claims={}, pictures=[], studies=[honest, hostile])
    assert EVIL not in page
    assert page.count('class="study"') == 2
    assert 'id="study-0-3"' in page
    markdown = build_markdown(boards([Entry(made("a", 5))]), titles={}, claims={}, studies=[honest, hostile])
    assert "<script>" not in re.sub(r"`[^`]*`", "", markdown)
    assert "Where the error comes from" in markdown
    assert markdown.count("\\<script\\>") == 8


def trained(value: float, half: float = 0.001, **changed: Any) -> dict[str, Any]:
    """What `sigbench ablate --json` prints of a student that differs from the usual one in what is `changed`."""
    variant = {"order": 2, "steps": 5, "grid": "quadratic", "loss": "local", "memory": 0, "base": "exponential"}
    record = made("sigdeg", metrics={"w1": metric(value, half)})
    return {
        "kind": "ablation",
        "task": "gmm",
        "variant": variant | changed,
        "usual": not changed,
        "budget": {"iterations": 100},
        "training_s": 10.0 * (1 + changed.get("order", 2)),
        "record": record,
    }


def test_an_ablation_says_what_each_change_is_worth(tmp_path: Path) -> None:
    rows = [
        trained(0.4, order=1),
        trained(0.1),
        trained(0.0995, order=3),
        trained(0.3, order=2, steps=2),
        trained(0.2, loss="global"),
        trained(0.15, loss="global", memory=1),
        trained(0.1005, memory=1),
        trained(0.9, base="identity", memory=1),
    ]
    in_folder(tmp_path / "ablation/gmm.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (study,) = find_studies(tmp_path)
    assert study.title == "What the signature is worth"
    assert study.command == "sigbench ablate leaderboard/studies/ablation/gmm.toml --json"
    assert [name for name, _ in study.legend] == ["2 steps", "5 steps"]
    assert len(study.charts) == 2
    assert dict(study.sentences) == {
        "5 steps": "w1 0.4 [0.399, 0.401] at order 1, 0.0995 [0.0985, 0.101] at order 3, the smallest: 0.25 times; "
        "tied with it: order 2. Order 3 costs 40 s of training, order 1 20 s; 1e+03 and 1e+03 µs a sample.",
        "loss global": "w1 0.2 [0.199, 0.201], 2.00 times that of loss local, 0.1 [0.099, 0.101].",
        "loss global, memory 1": "w1 0.15 [0.149, 0.151], 0.75 times that of memory 0, 0.2 [0.199, 0.201].",
        "memory 1": "w1 0.101 [0.0995, 0.102], 1.00 times that of memory 0, 0.1 [0.099, 0.101]; the intervals overlap.",
    }
    assert read_records([tmp_path]).problems == []


def guided(sampler: str, weight: float, accuracy: float, intra: float, half: float = 0.1) -> dict[str, Any]:
    """A record of images with guidance."""
    family = {"sigdeg": "student"}.get(sampler, "sde")
    metrics = {
        "label-accuracy": metric(accuracy, 0.005, better="higher"),
        "fcd-intra": metric(intra, half, floor=1.0),
        "recall": metric(0.8 - 0.1 * weight, 0.01, floor=0.9, better="higher"),
    }
    conditions = {"conditions": {"guidance": weight}} if weight else {}
    return dict(made(sampler, 5, metrics, task="mnist", family=family, **conditions))


def test_guidance_says_what_it_costs_and_how_far_the_teacher_is(tmp_path: Path) -> None:
    teacher = "teacher (euler-maruyama)"
    rows = [
        guided(teacher, 2, 0.99, 3.0),
        guided(teacher, 0, 0.95, 2.0),
        guided("ddim", 0, 0.9, 4.0),
        guided("sigdeg", 0, 0.96, 2.1),
        guided("sigdeg", 2, 0.999, 3.6),
    ]
    in_folder(tmp_path / "guidance/mnist.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (study,) = find_studies(tmp_path)
    assert (study.task, study.title) == ("mnist", "What guidance costs")
    assert [name for name, _ in study.legend] == ["sigdeg, 5 steps", "ddim, 5 steps", f"{teacher}, 5 steps"]
    said = dict(study.sentences)
    assert said["sigdeg, 5 steps"] == (
        "label accuracy 96.0 % [95.5, 96.5] at W = 0, highest at W = 2: 99.9 % [99.4, 100.0]; FCD within classes "
        "2.1 [2, 2.2] at W = 0, its smallest, and 3.6 [3.5, 3.7] at W = 2."
    )
    assert said["sigdeg, 5 steps at W = 0"].endswith("1.05 times the teacher's 2 [1.9, 2.1]; the intervals overlap.")
    assert said["sigdeg, 5 steps at W = 2"].endswith("1.20 times the teacher's 3 [2.9, 3.1].")
    assert "ddim, 5 steps at W = 0" not in said
    (trade, *_) = study.charts.values()
    assert trade["width"] == "container"
    reading = read_records([tmp_path / "guidance"])  # the records stand on the boards too
    assert (len(reading.records), reading.problems) == (5, [])


def test_records_of_no_images_are_no_study_of_guidance(tmp_path: Path) -> None:
    in_folder(tmp_path / "guidance/gmm.jsonl").write_text(json.dumps(made()) + "\n")
    with pytest.raises(BadInput, match="does not hold records of images with guidance"):
        find_studies(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]\n", '{"kind": "gap"}\n', '{"status": "ok"}\n', "\x00"])
@pytest.mark.parametrize(
    "name", ["gap/gmm.jsonl", "spectrum/mnist.jsonl", "ablation/gmm.jsonl", "guidance/mnist.jsonl"]
)
def test_files_that_are_no_studies_are_named(tmp_path: Path, name: str, text: str) -> None:
    in_folder(tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=name):
        find_studies(tmp_path)
