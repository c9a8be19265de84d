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
from sigbench.leaderboard.page.build import build_page
from sigbench.leaderboard.sections import Section, find_sections, with_sections
from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.records.reading import read_records
from sigbench.report.palette import Curve
from sigbench.studies.gap.plan import plan_gap
from sigbench.studies.gap.study import measure_gaps
from sigbench.studies.result import to_line
from sigbench.studies.spectrum.study import measure_spectra

COMMITTED = Path(__file__).parents[2] / "leaderboard" / "studies"
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
    gaps = measure_gaps(plan_gap(Settings("gmm", samples=80, repeats=5), ["sigdeg", "ddim"], [2]))
    (place / "gap" / "gmm.jsonl").write_text("".join(to_line(gap) + "\n" for gap in gaps))
    cells = plan_cells(Settings("rbergomi", samples=32, repeats=2), ["ddim"], [2])
    found = [to_line(one) + "\n" for one in measure_spectra(cells)]
    (place / "spectrum" / "rbergomi.jsonl").write_text("".join(found))
    return place


def test_each_file_becomes_a_section(folder: Path) -> None:
    gap, spectrum = find_sections(folder)
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
    (honest, _) = find_sections(folder)
    hostile = Section(
        "gmm", EVIL, EVIL, ((EVIL, EVIL),), (Curve(EVIL, "#000", "circle", (1, 0)),), {EVIL: {"mark": EVIL}}, EVIL
    )
    page = build_page({"gmm": []}, titles={}, claims={}, pictures=[], sections=[honest, hostile])
    assert EVIL not in page
    assert page.count('class="study"') == 2
    assert 'id="study-0-3"' in page
    markdown = build_markdown(boards([Entry(made("a", 5))]), titles={}, claims={}, sections=[honest, hostile])
    assert "<script>" not in re.sub(r"`[^`]*`", "", markdown)
    assert "Where the error comes from" in markdown
    assert markdown.count("\\<script\\>") == 8


def trained(value: float, half: float = 0.001, **changed: Any) -> dict[str, Any]:
    """What `sigbench ablate --json` prints of a student that differs from the usual one in what is `changed`."""
    variant = {"order": 2, "steps": 5, "grid": "quadratic", "loss": "local", "memory": 0, "base": "exponential"}
    facts = {name: changed.pop(name) for name in ("superseded", "left_out", "variance") if name in changed}
    record = made("sigdeg", metrics={"w1": metric(value, half)})
    return {
        "kind": "ablation",
        "task": "gmm",
        "variant": variant | {"training_seed": 0} | changed,
        "usual": not changed,
        "budget": {"iterations": 100},
        "training_s": 10.0 * (1 + changed.get("order", 2)),
        "paths_s": 0.0,
        "record": record,
        **facts,
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
    (study,) = find_sections(tmp_path)
    assert study.title == "What the signature is worth"
    assert study.command == "sigbench ablate leaderboard/studies/ablation/gmm.toml --json"
    assert [curve.name for curve in study.legend] == ["2 steps", "5 steps"]
    assert len(study.charts) == 2
    assert dict(study.sentences) == {
        "5 steps": "w1 0.4 [0.399, 0.401] at order 1, 0.0995 [0.0989, 0.1] at order 3, the best: 0.25 times; "
        "equivalent to it: order 2. Order 3 costs 40 s of training, order 1 20 s; 1 ms and 1 ms a sample.",
        "loss global": "w1 0.2 [0.199, 0.201], 2.00 times that of loss local, 0.1 [0.0994, 0.101].",
        "loss global, memory 1": "w1 0.15 [0.149, 0.151], 0.75 times that of memory 0, 0.2 [0.199, 0.201].",
        "memory 1": "w1 0.101 [0.0999, 0.101], 1.00 times that of memory 0, 0.1 [0.0994, 0.101]; equivalent.",
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
    (study,) = find_sections(tmp_path)
    assert (study.task, study.title) == ("mnist", "What guidance costs")
    assert [curve.name for curve in study.legend] == ["sigdeg, 5 steps", "ddim, 5 steps", f"{teacher}, 5 steps"]
    sentences = dict(study.sentences)
    assert sentences["sigdeg, 5 steps"] == (
        "label accuracy 96.0 % [95.5, 96.5] at W = 0, highest at W = 2: 99.9 % [99.4, 100.0]; FCD within classes "
        "2.1 [2.04, 2.2] at W = 0, its smallest, and 3.6 [3.54, 3.7] at W = 2."
    )
    assert sentences["sigdeg, 5 steps at W = 0"].endswith("1.05 times the teacher's 2 [1.94, 2.1]; equivalent.")
    assert sentences["sigdeg, 5 steps at W = 2"].endswith("1.20 times the teacher's 3 [2.94, 3.1].")
    assert "ddim, 5 steps at W = 0" not in sentences
    (trade, *_) = study.charts.values()
    assert trade["width"] == "container"
    reading = read_records([tmp_path / "guidance"])  # the records stand on the boards too
    assert (len(reading.records), reading.problems) == (5, [])


def test_records_of_no_images_are_no_study_of_guidance(tmp_path: Path) -> None:
    in_folder(tmp_path / "guidance/gmm.jsonl").write_text(json.dumps(made()) + "\n")
    with pytest.raises(
        BadInput,
        match=r"holds? .*images with guidance: the record .* lacks fcd-intra, label-accuracy, recall",
    ):
        find_sections(tmp_path)


def test_superseded_results_say_so_and_name_no_command(tmp_path: Path) -> None:
    rows = [
        trained(0.1, superseded=True, variance=0.86),
        trained(0.2, order=3, superseded=True, variance=0.9, left_out=0.012),
        trained(0.15, order=3, steps=10, serves=[5, 10], superseded=True),
    ]
    in_folder(tmp_path / "ablation/gmm-superseded.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    in_folder(tmp_path / "ablation/gmm.jsonl").write_text(json.dumps(trained(0.1)) + "\n")
    current, older = find_sections(tmp_path)
    assert (current.title, older.title) == ("What the signature is worth", "What the signature is worth (superseded)")
    assert older.note.startswith("Superseded: measured with an older program, to be measured anew. ")
    assert (older.command, current.command != "") == ("", True)
    sentence = dict(older.sentences)["5 steps"]
    assert "The signature leaves out of the variance 1.2 % at order 3." in sentence
    assert "The samples have of the data's variance 86.0 % at order 2, 90.0 % at order 3." in sentence
    text = build_markdown({"gmm": []}, titles={}, claims={}, sections=[older])
    assert "(superseded)" in text.replace("\\", "")
    assert "`sigbench ablate" not in text


def test_orders_reach_the_page_as_the_others_do(tmp_path: Path) -> None:
    lines = (COMMITTED / "orders" / "gbm.jsonl").read_text().splitlines()
    (milstein,) = [line for line in lines if '"sampler":"milstein"' in line]
    twin = milstein.replace('"milstein"', '"torchsde-milstein"')
    in_folder(tmp_path / "orders" / "gbm.jsonl").write_text("\n".join([*lines, twin]) + "\n")
    (section,) = find_sections(tmp_path)
    assert (section.task, section.title) == ("gbm", "Orders of convergence")
    sentences = dict(section.sentences)
    assert (
        sentences["milstein"] == "Strong order 0.99 ±0.03 over 256 to 2048 steps, declared 1: agrees; "
        "weak order 1.01 ±0.05 over 256 to 2048 steps, declared 1: agrees."
    )
    assert "not measured, declared 1 (at least 87,000 paths are needed)" in sentences["euler-maruyama"]
    assert {curve.name for curve in section.legend} < set(sentences)  # twins share a curve, and have sentences
    assert "torchsde-milstein" in sentences
    assert "torchsde-milstein" not in {curve.name for curve in section.legend}
    assert list(section.charts) == ["Strong error", "Weak error"]
    for words in ("Thick dashed: the Monte Carlo floor; dotted: the reference's error", "Folded into one curve"):
        assert words in section.note
    assert section.command.startswith("sigbench convergence --task gbm --sampler euler-maruyama,milstein,")
    assert section.command.endswith(
        " --paths 32768 --levels 7 --coarsest 32 --grid uniform --seed 0 --dtype float64 --json"
    )
    found = with_sections(boards([Entry(made("a", 5))]), [section])
    assert {task: len(several) for task, several in found.items()} == {"gmm": 1, "gbm": 0}
    page = build_page(found, titles={}, claims={}, pictures=[], sections=[section])
    assert 'data-of="gbm"' in page


@pytest.mark.parametrize("text", ["", "{", "[]\n", '{"kind": "gap"}\n', '{"status": "ok"}\n', "\x00"])
@pytest.mark.parametrize(
    "name", ["orders/ou.jsonl", "gap/gmm.jsonl", "spectrum/mnist.jsonl", "ablation/gmm.jsonl", "guidance/mnist.jsonl"]
)
def test_files_that_are_no_studies_are_named(tmp_path: Path, name: str, text: str) -> None:
    in_folder(tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=name):
        find_sections(tmp_path)


def test_a_study_of_failures_is_named(tmp_path: Path) -> None:
    row = {**trained(0.1), "record": made("sigdeg", status="diverged")}
    in_folder(tmp_path / "ablation/gmm.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(BadInput, match=r"gmm\.jsonl holds nothing that succeeded"):
        find_sections(tmp_path)
