"""Ablations: what a file asks for, mistakes with line and key, one budget and one noise, and going on."""

from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from time import sleep
from typing import Any

import msgspec
import pytest

from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.records.checks import parse_record
from sigbench.registry import make_task
from sigbench.studies.ablation.file import read_ablation
from sigbench.studies.ablation.result import AblationResult, Variant
from sigbench.studies.ablation.study import _left_out, plan_ablation, walk_teacher
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
METRIC = """
from sigbench.metrics.metric import Metric

class Spread(Metric):
    name, title, method = "spread", "spread", "standard deviation"

    def __call__(self, samples, reference):
        return float(samples.std())
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
        ("[[vary]]\nserves = 5", r"line 10, vary\[1\].serves: is a list"),
        ("[[vary]]\nserves = [5, 0]", r"line 10, vary\[1\].serves\[1\]: must be at least 1, got 0"),
        (
            "[[vary]]\nsteps = [5, 10]\nserves = [2, 5]",
            r"line 10, vary\[1\].steps\[1\]: a student that is trained for 2, 5 steps serves no 10 steps",
        ),
        ("[[vary]]\nserves = [2, 10]", r"line 10, vary\[1\].serves: .* for 2, 10 steps serves no 5 steps"),
        ("[student]\nserves = [2, 10]", r"line 10, student.serves: .* serves no 5 steps"),
        ("[student]\nserves = [2, 10]\nsteps = 3", r"line 11, student.steps: .* serves no 3 steps"),
        (
            "[[vary]]\nsteps = [7]\n[student]\nserves = [5, 10]",
            r"line 10, vary\[1\].steps\[0\]: .* for 5, 10 steps serves no 7 steps",
        ),
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
        (
            "task = 'gmm'\niterations = 5\nadd_metrics = ['fidd']\n[[vary]]\norder = [1]",
            r"line 3, add_metrics\[0\]: unknown metric 'fidd': did you mean 'fid'",
        ),
        ("task = 'gmm'\niterations = 5\nadd_metrics = 'fid'\n[[vary]]\norder = [1]", "add_metrics: is a list"),
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


def measured(tmp_path: Path, text: str = SMALL, work: str = "work") -> list[AblationResult]:
    ablation = plan_ablation(read_ablation(written(tmp_path, text)), tmp_path / work)
    store = ablation.store
    walk_teacher(ablation)
    for cell in missing_cells(ablation.cells, store, retry_failed=False):
        cell.prepare()
        store.write(next(measure([cell.cell()])))
    assert missing_cells(ablation.cells, store, retry_failed=False) == []
    return ablation.results()


def test_students_are_trained_and_judged_under_their_own_keys(tmp_path: Path) -> None:
    one, two = measured(tmp_path)
    assert [one.variant.order, two.variant.order] == [1, 2]
    assert [one.usual, two.usual] == [False, True]
    for result in (one, two):
        record = result.record
        assert record["sampler"] == "sigdeg"
        assert record["status"] == "ok"
        assert result.training_s > 0
        assert str(tmp_path) not in msgspec.json.encode(result).decode()
    assert one.record["key"] != two.record["key"]
    assert one.record["metrics"]["w1"]["floor"] == two.record["metrics"]["w1"]["floor"]


@pytest.mark.slow
def test_the_same_ablation_elsewhere_gives_the_same_numbers(tmp_path: Path) -> None:
    first, again = measured(tmp_path), measured(tmp_path, work="elsewhere")
    for a, b in zip(first, again, strict=True):
        assert a.record["key"] == b.record["key"]
        assert a.record["metrics"] == b.record["metrics"]


def test_a_student_that_is_there_is_not_trained_again(tmp_path: Path) -> None:
    measured(tmp_path)
    weights = sorted(tmp_path.glob("work/students/*/weights.safetensors"))
    assert len(weights) == 2
    before = [file.stat().st_mtime_ns for file in weights]
    for record in (tmp_path / "work" / "records").glob("*.json"):
        record.unlink()
    measured(tmp_path)
    assert [file.stat().st_mtime_ns for file in weights] == before


SERVING = SMALL.replace("order = [1, 2]", "order = [1, 2]\nsteps = [3, 2]\nserves = [2, 3]")


@pytest.mark.slow
def test_a_student_that_serves_several_steps_is_trained_once(tmp_path: Path) -> None:
    """Two students, four cells; each student first, so that workers do not wait for each other."""
    file = read_ablation(written(tmp_path, SERVING))
    assert file.variants == tuple(Variant(order, steps, serves=(2, 3)) for order in (1, 2) for steps in (3, 2))
    ablation = plan_ablation(file, tmp_path / "work")
    assert ablation.students == 2
    assert [(cell.variant.order, cell.steps) for cell in ablation.in_turn] == [(1, 3), (2, 3), (1, 2), (2, 2)]
    results = measured(tmp_path, SERVING)
    assert len(list(tmp_path.glob("work/students/*/weights.safetensors"))) == 2
    assert [(r.variant.order, r.record["steps"]) for r in results] == [(1, 3), (1, 2), (2, 3), (2, 2)]
    assert len({r.record["key"] for r in results}) == 4
    hashes = [r.record["provenance"]["artifacts"]["sigdeg"] for r in results]
    assert hashes[0] == hashes[1] != hashes[2] == hashes[3]
    assert results[0].training_s == results[1].training_s


def test_who_serves_its_own_steps_alone_is_the_same_student(tmp_path: Path) -> None:
    text = SMALL + "[[vary]]\nsteps = [5]\nserves = [5]\n[[vary]]\nserves = [10, 5]\n"
    file = read_ablation(written(tmp_path, text))
    assert file.variants == (Variant(order=1), Variant(order=2), Variant(order=2, serves=(5, 10)))
    assert [file.choices(variant).steps for variant in file.variants] == [(5,), (5,), (5, 10)]


def test_a_student_is_judged_anew_without_being_trained_anew(tmp_path: Path) -> None:
    one, other = (
        plan_ablation(read_ablation(written(tmp_path, text)), tmp_path / "work").cells
        for text in (SMALL, SMALL.replace("samples = 500", "samples = 600"))
    )
    assert [cell.student_key for cell in one] == [cell.student_key for cell in other]
    assert not {cell.key for cell in one} & {cell.key for cell in other}


def _prepare(cell: Any) -> None:
    cell.prepare()


@pytest.mark.slow
def test_two_processes_do_not_train_one_student_twice(tmp_path: Path) -> None:
    """The second waits for the first, and finds the student there: its manifest names one training."""
    cells = plan_ablation(read_ablation(written(tmp_path, SERVING)), tmp_path / "work").cells[:2]
    assert cells[0].folder == cells[1].folder
    context = get_context("spawn")
    processes = [context.Process(target=_prepare, args=(cell,)) for cell in cells]
    for process in processes:
        process.start()
    seen: set[int] = set()
    while any(process.is_alive() for process in processes):
        with suppress(FileNotFoundError):
            seen.add((cells[0].folder / "manifest.json").stat().st_mtime_ns)
        sleep(0.001)
    assert [process.exitcode for process in processes] == [0, 0]
    assert seen | {(cells[0].folder / "manifest.json").stat().st_mtime_ns} == seen
    assert len(seen) == 1
    assert sorted(file.name for file in cells[0].folder.iterdir()) == ["manifest.json", "weights.safetensors"]


def test_added_metrics_and_what_the_signature_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "spread.py").write_text(METRIC)
    text = SMALL.replace('task = "gmm"', f'task = "gmm"\nadd_metrics = ["{tmp_path}/spread.py:Spread"]')
    one, two = measured(tmp_path, text)
    assert {"w1", "spread"} <= set(one.record["metrics"])
    assert one.left_out is not None
    assert two.left_out is not None
    assert 0.02 < one.left_out < 0.1
    assert 0 < two.left_out < 0.5 * one.left_out


def test_what_is_left_out_is_not_known_without_modes() -> None:
    assert _left_out(make_task("rbergomi"), Variant()) is None


@pytest.mark.slow
def test_another_budget_is_another_student(tmp_path: Path) -> None:
    keys = {result.record["key"] for result in measured(tmp_path)}
    other = {result.record["key"] for result in measured(tmp_path, SMALL.replace("= 20", "= 21"))}
    assert not keys & other


@pytest.mark.slow
def test_teachers_that_are_networks_walk_once_for_all(tmp_path: Path) -> None:
    text = (
        "task = 'rbergomi'\niterations = 2\nteacher_paths = 32\nsamples = 100\nrepeats = 2\n"
        "[[vary]]\norder = [1, 3]\n[student]\nsteps = 2\n"
    )
    one, three = measured(tmp_path, text)
    assert (tmp_path / "work" / "paths" / "done").read_text() == "32"
    assert one.record["nfe"] == three.record["nfe"] == 2
    (student, _) = sorted((tmp_path / "work" / "students").iterdir())
    (cell,) = plan_cells(plan_cells_settings("rbergomi"), [f"sigdeg:artifact={student}"], [2])
    assert cell.sampler.signature_order in (1, 3)


def plan_cells_settings(task: str) -> Any:
    from sigbench.measure.settings import Settings

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
