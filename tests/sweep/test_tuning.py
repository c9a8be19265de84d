"""Tuning: candidates on noise of their own, the best of them measured on the sweep's, and what its record says."""

from pathlib import Path

import pytest

from sigbench.errors import BadInput
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.records.store import Store
from sigbench.sweep.budget import steps_within
from sigbench.sweep.file import SweepFile, read_sweep
from sigbench.sweep.plan import plan_sweep
from sigbench.sweep.tuning import Candidate, Tuning, choose, plan_tuning, read_tuning

TUNE = """
tasks = ["gmm"]
samplers = ["ddim", "heun", "dpmpp-2m", "sigdeg"]
calls = [4, 10, 40]
samples = 500
repeats = 2
device = "cpu"
[sampler.sigdeg]
steps = [5]
[tune]
calls = [5, 10]
grids = ["uniform", "quadratic"]
samples = 300
[tune.sampler.dpmpp-2m]
options = { lower_order_final = ["true", "false"] }
"""


def read(folder: Path, text: str) -> SweepFile:
    file = folder / "sweep.toml"
    file.write_text(text)
    return read_sweep(file)


@pytest.mark.parametrize(
    ("sampler", "calls", "steps"),
    [("ddim", 5, 5), ("heun", 10, 5), ("heun", 11, 5), ("heun", 2, 1), ("dpm-solver-3s", 20, 6), ("plms", 12, 11)],
)
def test_as_many_steps_as_the_calls_allow(sampler: str, calls: int, steps: int) -> None:
    """One more would take more: 2 calls a step for heun, 3 for dpm-solver-3s, and plms has one more to warm up."""
    assert steps_within(Settings("gmm", samples=10, device="cpu"), sampler, calls) == steps


def test_a_budget_without_room_for_a_step_is_refused() -> None:
    with pytest.raises(BadInput, match="heun makes 2 calls in one step, more than the 1 that are allowed"):
        steps_within(Settings("gmm", samples=10, device="cpu"), "heun", 1)


def test_candidates_are_grids_times_options_on_noise_of_their_own(tmp_path: Path) -> None:
    file = read(tmp_path, TUNE)
    found, skipped = plan_tuning(file)
    assert skipped == []
    assert [(each.sampler, each.calls, each.spec) for each in found if each.calls == 5] == [
        ("ddim", 5, "ddim:grid=uniform"),
        ("ddim", 5, "ddim:grid=quadratic"),
        ("heun", 5, "heun:grid=uniform"),
        ("heun", 5, "heun:grid=quadratic"),
        *(
            ("dpmpp-2m", 5, f"dpmpp-2m:lower_order_final={last}:grid={grid}")
            for grid in ("uniform", "quadratic")
            for last in ("true", "false")
        ),
    ]
    assert {each.cell.steps for each in found if each.sampler == "heun"} == {2, 5}
    assert {each.cell.settings.seed for each in found}.isdisjoint({0})
    assert {each.cell.settings.samples for each in found} == {300}
    assert {each.cell.settings.only for each in found} == {("w1",)}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[SweepFile, list[Candidate], Store, Tuning]:
    folder = tmp_path_factory.mktemp("tuned")
    file = read(folder, TUNE)
    candidates, _ = plan_tuning(file)
    store = Store(folder / "tuning")
    for each in candidates:
        for record in measure([each.cell.cell()]):
            store.write(record)
    return file, candidates, store, choose(candidates, store)


def test_the_best_is_chosen(tuned: tuple[SweepFile, list[Candidate], Store, Tuning]) -> None:
    """By the mean of the repeats: read again from the records, and the quadratic grid is ddim's best at five calls."""
    _, candidates, store, tuning = tuned
    assert len(tuning.choices) == 6
    for choice in tuning.choices:
        means = {}
        for each in candidates:
            if (each.sampler, each.calls) == (choice.sampler, choice.calls):
                record = store.read(each.cell.key)
                assert record is not None
                means[each.spec] = sum(record["metrics"]["w1"]["values"]) / 2
        assert choice.scores == pytest.approx(means)
        assert choice.spec == min(means, key=lambda spec: means[spec])
    assert tuning.metrics == {"gmm": "w1"}
    assert choose(candidates, store) == tuning


def test_the_sweep_measures_what_was_chosen_and_says_so(
    tuned: tuple[SweepFile, list[Candidate], Store, Tuning],
) -> None:
    file, _, _, tuning = tuned
    plan = plan_sweep(file, tuning.chosen)
    assert [(cell.name.partition(":")[0], cell.steps) for cell in plan.cells] == [
        *(("ddim", steps) for steps in (4, 10, 40)),
        *(("heun", steps) for steps in (2, 5, 20)),
        *(("dpmpp-2m", steps) for steps in (4, 10, 40)),
        ("sigdeg", 5),
    ]
    at_ten = tuning.choice("gmm", "dpmpp-2m", 10)
    assert at_ten is not None
    assert tuning.choice("gmm", "dpmpp-2m", 40) == at_ten  # the nearest budget
    (cell,) = [each for each in plan.cells if each.sampler.startswith("dpmpp-2m") and each.steps == 10]
    known = cell.cell().known()
    assert known["tuning"] == {"candidates": 4, "calls": 10, "hash": tuning.hashes["gmm"]}
    assert known["seed"] == 0
    assert "tuning" not in plan.cells[-1].cell().known()
    assert cell.cell().key == plan_sweep(file, tuning.chosen).cells[7].key


def test_a_sampler_that_was_not_tuned_yet_is_not_planned(tmp_path: Path) -> None:
    file = read(tmp_path, TUNE)
    assert [cell.name for cell in plan_sweep(file).cells] == ["sigdeg"]
    candidates, _ = plan_tuning(file)
    with pytest.raises(BadInput, match="is not tuned yet: its record is missing"):
        choose(candidates, Store(tmp_path / "empty"))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('grids = ["uniform", "quadratic"]', "", "tune: names no grids"),
        ("calls = [5, 10]", "calls = []", "tune.calls: is an empty list"),
        ("calls = [5, 10]", "calls = [0]", "must be between 1 and"),
        ("calls = [5, 10]", "cals = [5]", "unknown key 'cals'"),
        ('"quadratic"]', '"quadratik"]', "unknown grid 'quadratik'"),
        ('"quadratic"]', '"1,0.5,0.001"]', "is one grid, and here stands a family"),
        ("[tune.sampler.dpmpp-2m]", "[tune.sampler.dpmpp-3m]", "unknown sampler of the sweep 'dpmpp-3m'"),
        ("lower_order_final = [", "lower_final = [", "unknown option of dpmpp-2m"),
        ("calls = [4, 10, 40]", "calls = [4]\nsteps = [4]", "stands in the place of steps: name one of them"),
        ("[tune]", "[[tune]]", "is a table, .tune., not a list"),
        (
            '["uniform", "quadratic"]',
            '["uniform", "karras:rho=1", "karras:rho=2", "karras:rho=3", "karras:rho=4", "karras:rho=5", "quadratic"]',
            "has 14 candidates of dpmpp-2m, 7 grids times options",
        ),
    ],
)
def test_mistakes_are_told(old: str, new: str, sentence: str, tmp_path: Path) -> None:
    assert old in TUNE
    with pytest.raises(BadInput, match=sentence):
        read(tmp_path, TUNE.replace(old, new))


def test_a_sampler_of_which_no_candidate_could_be_measured_is_named(tmp_path: Path) -> None:
    """It is left out with the reason, and what needs no tuning is measured all the same."""
    plan = plan_sweep(read(tmp_path, TUNE), Tuning({}, []).chosen)
    assert [cell.name for cell in plan.cells] == ["sigdeg"]
    assert {each.sampler for each in plan.skipped} == {"ddim", "heun", "dpmpp-2m"}
    assert all("none of its candidates could be measured" in each.reason for each in plan.skipped)


def test_options_of_all_samplers_and_students_tuned_in_them_alone(tmp_path: Path) -> None:
    """What a sampler's own table says goes before what is said of all, and a student keeps its grid."""
    text = TUNE.replace('grids = ["uniform"', 'options = { final = ["none", "denoise"] }\ngrids = ["uniform"')
    found, _ = plan_tuning(read(tmp_path, text + "[tune.sampler.heun]\noptions = { final = ['none'] }\n"))
    specs: dict[str, list[str]] = {}
    for each in found:
        if each.calls == 5:
            specs.setdefault(each.sampler, []).append(each.spec)
    assert specs["sigdeg"] == ["sigdeg:final=none", "sigdeg:final=denoise"]
    assert specs["heun"] == ["heun:final=none:grid=uniform", "heun:final=none:grid=quadratic"]
    assert len(specs["ddim"]) == 4
    assert len(specs["dpmpp-2m"]) == 8


def test_more_candidates_than_twelve_are_refused_whoever_brings_them(tmp_path: Path) -> None:
    six = 'grids = ["uniform", "quadratic", "karras", "log-snr", "cosine", "beta"]'
    options = "options = { final = ['none', 'denoise'] }"
    text = TUNE.replace('grids = ["uniform", "quadratic"]', f"{six}\n{options}")
    with pytest.raises(BadInput, match="has 24 candidates of dpmpp-2m, 6 grids times options, and at most 12"):
        read(tmp_path, text)
    with pytest.raises(BadInput, match="has 18 candidates of ddim"):
        read(
            tmp_path,
            TUNE.replace(
                "samples = 300", "samples = 300\noptions = { eta = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8] }"
            ),
        )
    with pytest.raises(BadInput, match="eta"):
        read(tmp_path, TUNE.replace("samples = 300", "samples = 300\noptions = { eta = [0] }"))


def test_tasks_tuned_on_other_days_stand_side_by_side(
    tuned: tuple[SweepFile, list[Candidate], Store, Tuning], tmp_path: Path
) -> None:
    tuning = tuned[-1]
    (tmp_path / "choices.json").write_text(tuning.to_text())
    other = Tuning({"ou": "w1"}, [], {"ou": "1"}).beside(read_tuning(tmp_path / "choices.json"))
    assert other.metrics == {"gmm": "w1", "ou": "w1"}
    assert other.choices == tuning.choices
    assert other.hashes == {**tuning.hashes, "ou": "1"}
    assert tuning.beside(other) == Tuning({"ou": "w1", "gmm": "w1"}, tuning.choices, other.hashes)
    assert read_tuning(tmp_path / "none.json") == Tuning({}, [])


def test_some_tasks_of_a_sweep(tmp_path: Path) -> None:
    file = read(tmp_path, TUNE.replace('["gmm"]', '["gmm", "gmm2d"]', 1))
    assert file.only(["gmm2d"]).tasks == ("gmm2d",)
    with pytest.raises(BadInput, match="unknown task of the sweep 'gm2d'"):
        file.only(["gm2d"])
