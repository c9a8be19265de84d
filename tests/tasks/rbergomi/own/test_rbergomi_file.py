"""Files of a rough Bergomi model: a task under their parameters, or one sentence that says why not."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
import torch
from commandline_in import in_folder

from sigbench.abilities import network_hashes
from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.networks.artifacts import read_manifest
from sigbench.networks.recipe import train_artifact
from sigbench.registry import make_sampler, make_task
from sigbench.rivals.recipes import recipe_for, trainable
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.recipe import StudentRecipe
from sigbench.sigdeg.distillation.stored_steps import StoredPlan
from sigbench_tasks.rbergomi.model import ForwardVariance
from sigbench_tasks.rbergomi.own.task import RoughBergomiOfFile
from sigbench_tasks.rbergomi.specification import SHIPPED

Change: TypeAlias = Callable[[str, str], str]
Teach: TypeAlias = Callable[[], None]
OFF_EVERY_GRID = [0.1, 0.2123456, 0.3141593, 0.4111111]
CPU = torch.device("cpu")
PAYOFFS = ["iv-0.95-0.25", "iv-1-0.25", "iv-0.95-0.5", "iv-1-0.5", "asian-call-1-0.5", "down-and-out-call-0.9-1-0.5"]


def task_of(file: Path | str) -> RoughBergomiOfFile:
    task = make_task(str(file))
    assert isinstance(task, RoughBergomiOfFile)
    return task


def test_a_file_is_a_task_with_its_facts(file: Path) -> None:
    task = task_of(file)
    assert (task.name, task.version, task.shape, task.default_samples) == ("mine", 1, (8, 2), 60)
    own = task.specification
    assert (own.model.hurst, own.model.eta, own.model.rho) == (0.12, 1.6, -0.7)
    assert own.model.xi == ForwardVariance((0.25, 0.5), (0.04, 0.06))
    np.testing.assert_allclose(own.times, np.arange(1, 9) / 16)
    names = [metric.name for metric in task.metrics()]
    assert names[0] == "w1"
    assert names[-8:] == [*PAYOFFS, "vix-0.25", "duplicates"]
    assert trainable(task) == ["teacher", "prices", "student"]


def test_paths_have_the_file_s_variance(file: Path) -> None:
    """E[V] is ξ at every time, within five standard errors of 20,000 paths; states are about standard."""
    task = task_of(file)
    paths = task.truth().paths(20_000, 0)
    variance = paths[..., 1].exp().numpy()
    expected = np.where(np.arange(1, 9) < 4, 0.04, 0.06)  # from its end on a piece is the next one's
    assert (np.abs(variance.mean(0) - expected) < 5 * variance.std(0) / np.sqrt(20_000)).all()
    states = task.truth().coordinates.to_states(paths)
    assert float(states.mean(0).abs().max()) < 0.2
    assert float((states.std(0) - 1).abs().max()) < 0.2
    torch.testing.assert_close(task.to_data(states), paths)


def test_a_run_of_a_file_with_its_teacher(trained: Path) -> None:
    settings = Settings(str(trained), samples=60, repeats=2, device="cpu", time_calls=False)
    (record,) = measure(plan_cells(settings, ["ddim"], [3]))
    assert record["status"] == "ok", record
    assert {*PAYOFFS, "vix-0.25"} <= record["metrics"].keys()
    assert "tenth of the standard error of 60 samples" in record["metrics"]["vix-0.25"]["method"]
    assert record["provenance"]["artifacts"].keys() == {"teacher", "specification"}


def test_other_parameters_have_another_key(trained: Path, changed: Change, teach: Teach) -> None:
    def key() -> str:
        (cell,) = plan_cells(Settings(str(trained), samples=20, repeats=2, device="cpu"), ["ddim"], [2])
        return cell.key

    before = key()
    assert key() == before
    changed("strikes = [0.95, 1.0]", "strikes = [0.94, 1.0]")
    payoff = key()
    changed("rho = -0.7", "rho = -0.6")
    teach()
    assert len({before, payoff, key()}) == 3


@pytest.mark.slow
def test_a_student_serves_its_own_network_alone(trained: Path, changed: Change, teach: Teach) -> None:
    task, folder = task_of(trained), trained.parent / "student"
    recipe = recipe_for(task, "student", StudentChoices(steps=(2,), iterations=2, teacher_paths=256))
    manifest = train_artifact(task, recipe, folder, command="sigbench train")
    assert (manifest.task, manifest.task_version) == ("mine", 1)
    settings = Settings(str(trained), samples=60, repeats=1, device="cpu", time_calls=False)
    (record,) = measure(plan_cells(settings, [f"sigdeg:artifact={folder}"], [2]))
    assert record["status"] == "ok", record
    changed("eta = 1.6", "eta = 1.5")
    teach()
    task = task_of(trained)
    sampler = make_sampler(f"sigdeg:artifact={folder}")
    with pytest.raises(BadInput, match="was distilled from another network than that of the task 'mine'"):
        sampler.prepare(task, task.problem(CPU, torch.float32), torch.float32)


def test_the_network_s_manifest_names_what_it_is_for(trained: Path) -> None:
    task, manifest = task_of(trained), read_manifest(trained.parent / "mine-teacher")
    assert manifest.data["specification"] == task.specification.hash == network_hashes(task)["specification"]
    assert manifest.data["parameters"]["xi"] == {"times": [0.25, 0.5], "values": [0.04, 0.06]}
    assert task.specification.hash != SHIPPED.hash


def test_a_network_of_other_parameters_is_refused_and_named(trained: Path, changed: Change) -> None:
    name = changed("hurst = 0.12", "hurst = 0.1")
    with pytest.raises(BadInput, match=r"other parameters, hurst = 0\.12 where the file has 0\.1: train one by `sig"):
        task_of(name).problem(CPU, torch.float32)


def test_a_missing_network_names_its_training(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = in_folder(file.parent, monkeypatch, capsys)
    code, _, said = run("run", "--task", "mine.toml", "--sampler", "ddim", "--steps", "2")
    command = f"sigbench train --task {file} --what teacher --out {file.parent / 'mine-teacher'}"
    assert code == 2
    assert f"there is no network in {file.parent / 'mine-teacher'}: train it by `{command}`." in said.replace("\n", "")
    assert not (file.parent / "cache").exists()  # nothing was simulated


def test_prices_can_be_looked_at(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = in_folder(file.parent, monkeypatch, capsys)
    code, said, _ = run("train", "--task", "mine.toml", "--what", "prices")
    assert (code, said.split(":")[0]) == (0, "mine-prices")
    manifest = read_manifest(file.parent / "mine-prices")
    prices = manifest.data["prices"]
    assert list(prices) == [*PAYOFFS, "vix-0.25"]
    assert all(0 < 10 * price["error"] <= price["deviation"] / 60**0.5 for price in prices.values())
    code, _, said = run("train", "--task", "mine.toml", "--what", "prices", "--iterations", "3", "--overwrite")
    assert code == 2 and "leave out --iterations" in said


def test_without_payoffs_there_are_some_of_each_kind(changed: Change, file: Path) -> None:
    text = file.read_text()
    file.write_text(text[: text.index("[payoffs]")])
    kinds = [type(payoff).__name__ for payoff in task_of(file).payoffs]
    assert kinds == ["European"] * 3 + ["Asian", "Barrier", "Vix"]
    file.write_text(text[: text.index("european")])
    assert task_of(file).payoffs == ()
    assert "prices" not in task_of(file).recipes()


def test_unequal_times_leave_out_what_needs_equal_ones(changed: Change) -> None:
    task = task_of(changed("points = 8", "times = [0.125, 0.25, 0.5]"))
    assert (task.specification.steps, task.specification.places) == (32, (8, 16, 32))
    names = [metric.name for metric in task.metrics()]
    assert not {"hurst", "leverage", "sig-w1"} & set(names)
    paths = task.truth().paths(50, 0)
    torch.testing.assert_close(task.to_data(task.truth().coordinates.to_states(paths)), paths)
    with pytest.raises(BadInput, match="not equally far apart"):
        task.spectrum(paths.numpy())
    assert "Roughness" not in task.picture(paths.numpy(), "a title").to_json()


def test_a_student_of_any_number_of_times_has_whole_groups_of_paths(
    trained: Path, changed: Change, teach: Teach
) -> None:
    changed("points = 8", "times = [0.125, 0.25, 0.5]")
    teach()
    recipe = recipe_for(task_of(trained), "student", StudentChoices(steps=(2,)))
    assert isinstance(recipe, StudentRecipe)
    assert isinstance(recipe.source, StoredPlan)
    assert 32_000 < recipe.source.paths < 32_768


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("hurst = 0.12", "hurst = 0.5", "rbergomi.hurst: H of a rough model lies in (0, ½), not 0.5."),
        ("hurst = 0.12", "hurst = 0", "rbergomi.hurst: H of a rough model lies in (0, ½), not 0."),
        ("hurst = 0.12", "hurst = nan", "lies in (0, ½), not nan."),
        ("hurst = 0.12", 'hurst = "a"', "rbergomi.hurst: expected float, got str."),
        ("eta = 1.6", "eta = 0.0", "rbergomi.eta: the volatility of volatility lies in (0, ∞), not 0."),
        ("rho = -0.7", "rho = -1.1", "rbergomi.rho: a correlation lies in [-1, 1], not -1.1."),
        ("values = [0.04, 0.06]", "values = [0.04, 0.0]", "rbergomi.xi: the forward variance xi must lie in (0, ∞)"),
        ("values = [0.04, 0.06]", "values = [0.04]", "as many times as values, not 2 and 1."),
        ("xi = { times = [0.25, 0.5], values = [0.04, 0.06] }", "xi = -0.04", "must lie in (0, ∞), not -0.04."),
        ("times = [0.25, 0.5], v", "times = [0.5, 0.25], v", "must be positive and increase: 0.25 does not."),
        ("times = [0.25, 0.5], v", "times = [0.25, 0.6], v", "0.6 lies beyond the horizon of 0.5 years."),
        ("points = 8\nfine_steps = 32", "times = [0.25, 0.125]", "increase, and 0.125 does not."),
        ("points = 8\nfine_steps = 32", "times = [0.25, 0.75]", "0.75 lies beyond the horizon of 0.5 years."),
        ("points = 8\nfine_steps = 32", f"times = {OFF_EVERY_GRID}", "no grid of 1,024 to 4,096 equal steps"),
        ("points = 8", "times = [0.25, 0.26]", "0.26 is no multiple of the step, 0.5/32 years"),
        ("points = 8", "points = 8\ntimes = [0.25, 0.5]", "name either points or times, not both."),
        ("fine_steps = 32", "fine_steps = 30", "30 is no multiple of the 8 points."),
        ("horizon = 0.5", "horizon = inf", "rbergomi.horizon: years in (0, ∞), not inf."),
        ("strikes = [0.95, 1.0]", "strikes = [0.0]", "payoffs.european.strikes: a strike lies in (0, ∞), in units of"),
        ("maturities = [0.25, 0.5]", "maturities = [0.3]", "the nearest observed time is 0.3125."),
        ("barrier = 0.9", "barrier = 1.1", "of a down-and-out option lies below S₀ = 1, and 1.1 does not."),
        ('"down-and-out"', '"up-and-out"', "of a up-and-out option lies above S₀ = 1, and 0.9 does not."),
        ('"down-and-out", barrier = 0.9', '"up-and-out", barrier = 1.01, option = "put"', None),
        ("barrier = 0.9, strikes = [1.0]", 'barrier = 0.9, option = "put", strikes = [0.8]', "never pays within the b"),
        ("window = 0.0833", "window = 0.3", "the window of 0.3 years from 0.25 leaves the horizon of 0.5 years"),
        ("asian =", "asain =", "unknown payoff 'asain': did you mean 'asian'?"),
        ("window = 0.0833", "windoww = 0.0833", "unknown key of payoffs.vix 'windoww': did you mean 'window'?"),
        ("strikes = [0.95, 1.0]", "strikes = [1.0, 1.0]", "there are two payoffs iv-1-0.25."),
        ("strikes = [0.95, 1.0]", "strikes = 1.0", "payoffs.european: strikes: expected array, got float."),
        ("[judge]", "[judges]", "object contains unknown field judges."),
        ("[judge]", "[judge", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(changed: Change, old: str, new: str, sentence: str | None) -> None:
    name = changed(old, new)
    if sentence is None:
        make_task(name)
        return
    with pytest.raises(BadInput) as error:
        make_task(name)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_the_guide_s_file_is_a_task(tmp_path: Path) -> None:
    guide = Path(__file__).parents[4] / "docs" / "guide" / "own-rbergomi.md"
    text = guide.read_text()
    (tmp_path / "low-vol.toml").write_text(text[text.index("# low-vol.toml") :].partition("```")[0])
    task = task_of(tmp_path / "low-vol.toml")
    assert (task.shape, len(task.payoffs)) == ((64, 2), 9)
    assert {payoff.name for payoff in task.payoffs} >= {"iv-0.9-0.5", "asian-call-1-1", "vix-0.5"}
    assert task.network == tmp_path / "low-vol-teacher"
