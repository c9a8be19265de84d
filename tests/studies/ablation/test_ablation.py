"""Ablations: what a file asks for, mistakes with line and key, one budget and one noise, and going on."""

import json
from pathlib import Path
from typing import Any

import pytest

from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.records.checks import parse_record
from sigbench.studies.ablation.file import Variant, read_ablation
from sigbench.studies.ablation.study import plan_ablation, walk_teacher
from sigbench.sweep.run import missing_cells

SMALL = """
task = "gmm"
iterations = 20
width = 8
samples = 500
repeats = 2
[[vary]]
order = [1, 2]
"""
COMMITTED = sorted((Path(__file__).parents[3] / "leaderboard" / "studies" / "ablation").glob("*.toml"))


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    return file


def test_every_combination_once(tmp_path: Path) -> None:
    more = "[[vary]]\nsteps = [5, 10]\norder = [2]\n[[vary]]\nloss = ['both']\nbase = ['identity']\nmemory = [1]\n"
    file = read_ablation(written(tmp_path, SMALL + more))
    assert file.usual == Variant()
    assert file.variants == (
        Variant(order=1),
        Variant(order=2),
        Variant(steps=10),
        Variant(loss="both", base="identity", memory=1),
    )
    assert str(file.variants[3]) == "order 2, 5 steps, quadratic, loss both, memory 1, base identity"
    choices = file.choices(file.variants[3])
    assert (choices.iterations, choices.width, choices.steps, choices.loss) == (20, 8, (5,), "both")
    assert file.settings(file.variants[0]).samples == 500


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[vary]]\nordre = [1]", r"line 10, vary\[1\].ordre: unknown axis 'ordre': did you mean 'order'"),
        ("[[vary]]\norder = 1", r"line 10, vary\[1\].order: is a list, \[ … \], not a whole number \(1\)"),
        ("[[vary]]\norder = [1, 9]", r"line 10, vary\[1\].order\[1\]: must be between 1 and 8, got 9"),
        ("[[vary]]\ngrid = ['kwadratic']", "unknown grid 'kwadratic'"),
        ("[[vary]]\nloss = ['global', 'locl']", r"loss\[1\]: unknown loss 'locl': did you mean 'local'"),
        ("[[vary]]\nbase = ['linear']", "unknown base step 'linear'"),
        ("[[vary]]\nmemory = [5]", "must be between 0 and 4, got 5"),
        ("[[vary]]\nsteps = [0]", "must be at least 1, got 0"),
        ("[[vary]]\nsteps = []", "is an empty list"),
        ("[[vary]]", "says of nothing how it varies"),
        ("[student]\norder = [1, 2]", r"student.order: is a whole number, not a list"),
        ("[student]\ncolour = 'red'", "student.colour: unknown axis 'colour'"),
        ("[students]\norder = 1", "students: unknown key 'students': did you mean 'student'"),
    ],
)
def test_mistakes_have_their_line_and_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_ablation(written(tmp_path, SMALL + text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the key task is missing"),
        ("task = 'gmm'\niterations = 5", "the key vary is missing"),
        ("task = 'gmm'\n[[vary]]\norder = [1]", "the key iterations is missing"),
        ("task = 'gmn'\niterations = 5\n[[vary]]\norder = [1]", "line 1, task: unknown task 'gmn'"),
        ("task = 'gmm'\niterations = 0\nrepeats = 1\n[[vary]]\norder = [1]", "has 2 mistakes"),
        ("task = 'gmm'\niterations = 5\nvary = 3", "is a list of tables"),
        ("task = ", "is not TOML"),
    ],
)
def test_mistakes_of_the_whole_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_ablation(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"the ablation .*nowhere\.toml cannot be read: No such file"):
        read_ablation(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("task = 'ou'\niterations = 5\n[[vary]]\norder = [1]", "the task 'ou' has no teacher"),
        (
            "task = 'rbergomi'\niterations = 5\n[[vary]]\nsteps = [200]\ngrid = ['log-snr']",
            "order 2, 200 steps, log-snr: the teacher's 300 steps are too coarse for 200 steps on the grid",
        ),
        ("task = 'mnist'\niterations = 5\n[[vary]]\norder = [5]", "signatures up to order 4, got 5"),
        ("task = 'rbergomi'\niterations = 5\nteacher_paths = 7\n[[vary]]\norder = [1]", "positive multiple of 32"),
        ("task = 'gmm'\niterations = 5\nteacher_paths = 64\n[[vary]]\norder = [1]", "have no number to choose"),
        ("task = 'mnist'\niterations = 5\nwidth = 64\n[[vary]]\norder = [1]", "no width can be chosen"),
    ],
)
def test_students_that_a_task_cannot_have(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        plan_ablation(read_ablation(written(tmp_path, text)), tmp_path / "work")


def measured(tmp_path: Path, text: str = SMALL, work: str = "work") -> list[dict[str, Any]]:
    ablation = plan_ablation(read_ablation(written(tmp_path, text)), tmp_path / work)
    store = ablation.store
    walk_teacher(ablation)
    for cell in missing_cells(ablation.cells, store, retry_failed=False):
        store.write(next(measure([cell.plan()])))
    assert missing_cells(ablation.cells, store, retry_failed=False) == []
    return ablation.results()


def test_students_are_trained_and_judged_under_their_own_keys(tmp_path: Path) -> None:
    one, two = measured(tmp_path)
    assert [one["variant"]["order"], two["variant"]["order"]] == [1, 2]
    assert [one["usual"], two["usual"]] == [False, True]
    for result in (one, two):
        record = result["record"]
        assert record["sampler"] == "sigdeg"
        assert record["status"] == "ok"
        assert result["training_s"] > 0
        assert str(tmp_path) not in json.dumps(result)
    assert one["record"]["key"] != two["record"]["key"]
    assert one["record"]["metrics"]["w1"]["floor"] == two["record"]["metrics"]["w1"]["floor"]


@pytest.mark.slow
def test_the_same_ablation_elsewhere_gives_the_same_numbers(tmp_path: Path) -> None:
    first, again = measured(tmp_path), measured(tmp_path, work="elsewhere")
    for a, b in zip(first, again, strict=True):
        assert a["record"]["key"] == b["record"]["key"]
        assert a["record"]["metrics"] == b["record"]["metrics"]


def test_a_student_that_is_there_is_not_trained_again(tmp_path: Path) -> None:
    measured(tmp_path)
    weights = sorted(tmp_path.glob("work/students/*/weights.safetensors"))
    assert len(weights) == 2
    before = [file.stat().st_mtime_ns for file in weights]
    for record in (tmp_path / "work" / "records").glob("*.json"):
        record.unlink()
    measured(tmp_path)
    assert [file.stat().st_mtime_ns for file in weights] == before


@pytest.mark.slow
def test_another_budget_is_another_student(tmp_path: Path) -> None:
    keys = {result["record"]["key"] for result in measured(tmp_path)}
    other = {result["record"]["key"] for result in measured(tmp_path, SMALL.replace("= 20", "= 21"))}
    assert not keys & other


@pytest.mark.slow
def test_teachers_that_are_networks_walk_once_for_all(tmp_path: Path) -> None:
    text = (
        "task = 'rbergomi'\niterations = 2\nteacher_paths = 32\nsamples = 100\nrepeats = 2\n"
        "[[vary]]\norder = [1, 3]\n[student]\nsteps = 2\n"
    )
    one, three = measured(tmp_path, text)
    assert (tmp_path / "work" / "paths" / "done").read_text() == "32"
    assert one["record"]["nfe"] == three["record"]["nfe"] == 2
    (student, _) = sorted((tmp_path / "work" / "students").iterdir())
    (cell,) = plan_cells(plan_cells_settings("rbergomi"), [f"sigdeg:artifact={student}"], [2])
    assert cell.sampler.signature_order in (1, 3)


def plan_cells_settings(task: str) -> Any:
    from sigbench.measure.cell import Settings

    return Settings(task, samples=100, repeats=2)


def test_records_have_the_key_of_their_variant_and_not_of_a_cell(tmp_path: Path) -> None:
    measured(tmp_path)
    for file in (tmp_path / "work" / "records").glob("*.json"):
        text = file.read_text()
        with pytest.raises(BadInput, match="the key is not the hash"):
            parse_record(text)


@pytest.mark.parametrize("file", COMMITTED, ids=lambda file: file.stem)
def test_committed_files_can_be_planned(file: Path, tmp_path: Path) -> None:
    asked = read_ablation(file)
    assert len(plan_ablation(asked, tmp_path).cells) == len(asked.variants) >= 4
    assert asked.usual in asked.variants
