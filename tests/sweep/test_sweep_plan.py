"""Planning a sweep: every cell once, what cannot be measured by its reason, and the official sweep as a whole."""

import pickle
import re
from pathlib import Path

import pytest

from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.registry import make_task, sampler_names, student_names
from sigbench.spec import parse_spec
from sigbench.sweep.file import read_sweep
from sigbench.sweep.plan import SweepPlan, plan_sweep
from sigbench.sweep.tuning import first_candidates

ROOT = Path(__file__).parents[2]


def plan(folder: Path, text: str) -> SweepPlan:
    file = folder / "sweep.toml"
    file.write_text("device = 'cpu'\n" + text)
    return plan_sweep(read_sweep(file))


def test_the_product_of_all_axes_each_cell_once(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        'tasks = ["gmm", "gmm2d"]\nsamplers = ["ddim", "heun", "ddim@3"]\nsteps = [3, 2]\nseeds = [0, 1]\n'
        'grids = ["uniform", "quadratic"]\nsamples = 64\nrepeats = 2',
    )
    assert [(c.task, c.settings.seed, c.name, c.grid, c.steps) for c in found.cells] == [
        (task, seed, sampler, grid, steps)
        for task in ("gmm", "gmm2d")
        for seed in (0, 1)
        for sampler in ("ddim", "heun")
        for grid in ("uniform", "quadratic")
        for steps in (3, 2)
    ]
    assert len({cell.key for cell in found.cells}) == len(found.cells) == 32
    assert found.skipped == []
    assert {cell.work for cell in found.cells if cell.name == "heun"} == {2 * 3 * 128.0, 2 * 2 * 128.0}


def test_keys_are_those_of_run(tmp_path: Path) -> None:
    (cell,) = plan(tmp_path, 'tasks = ["gmm"]\nsamplers = ["ddim:eta=0.5"]\nsteps = [3]\nsamples = 64').cells
    (same,) = plan_cells(Settings("gmm", samples=64, device="cpu"), ["ddim:eta=0.5"], [3])
    assert cell.key == same.key == pickle.loads(pickle.dumps(cell)).cell().key


def test_specs_name_their_own_grids_steps_and_ends(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        'tasks = ["gmm"]\nsteps = [3, 4]\ngrids = ["uniform", "exponential"]\nsamples = 64\nfinal = "denoise"\n'
        """samplers = ["ddim", "heun@2:grid='karras:rho=5':final=none", "ddpm:grid='1,0.5,0.001'", "sigdeg@3"]\n"""
        "[sampler.ddim]\noptions = { eta = [0.0, 0.5] }\n",
    )
    assert [(c.name, c.grid, c.steps) for c in found.cells] == [
        *(
            (f"ddim:eta={eta}:final=denoise", grid, steps)
            for eta in ("0.0", "0.5")
            for grid in ("uniform", "log-snr")
            for steps in (3, 4)
        ),
        ("heun", "karras:rho=5", 2),
        ("ddpm:final=denoise", "1,0.5,0.001", 2),
    ]
    assert [skipped.sampler for skipped in found.skipped] == ["sigdeg@3"] * 2
    assert "was trained on the grid 'quadratic'" in found.skipped[0].reason
    for cell in found.cells[::3]:
        assert cell.cell().key == cell.key


def test_what_is_left_out_is_the_tasks_own(tmp_path: Path) -> None:
    task = make_task("gmm")
    cells = plan(tmp_path, 'tasks = ["gmm"]\nsamplers = ["ddim", "teacher", "heun@7"]').cells
    assert [(c.name, c.steps) for c in cells] == [
        *(("ddim", steps) for steps in task.default_steps),
        ("teacher (euler-maruyama)", 300),
        ("heun", 7),
    ]
    assert {(c.grid, c.settings.seed, c.settings.repeats) for c in cells} == {(task.default_grid, 0, 10)}


def test_a_grid_of_times_has_its_own_number_of_steps(tmp_path: Path) -> None:
    cells = plan(
        tmp_path, 'tasks = ["gmm"]\nsamplers = ["ddim"]\nsteps = [5, 6]\ngrids = ["1,0.4,0.1,0.001", "uniform"]'
    ).cells
    assert [(cell.grid, cell.steps) for cell in cells] == [("1,0.4,0.1,0.001", 3), ("uniform", 5), ("uniform", 6)]


def test_what_cannot_be_measured_is_skipped_with_its_reason(tmp_path: Path) -> None:
    found = plan(tmp_path, 'tasks = ["ou", "gmm"]\nsamplers = ["ddim", "sigdeg"]\nsteps = [5, 40]')
    assert [(c.task, c.name, c.steps) for c in found.cells] == [
        ("gmm", "ddim", 5),
        ("gmm", "ddim", 40),
        ("gmm", "sigdeg", 5),
    ]
    assert [(s.task, s.sampler, s.steps) for s in found.skipped] == [
        ("ou", "ddim", (5,)),
        ("ou", "ddim", (40,)),
        ("ou", "sigdeg", (5,)),
        ("ou", "sigdeg", (40,)),
        ("gmm", "sigdeg", (40,)),
    ]
    assert all("needs a denoiser" in skipped.reason for skipped in found.skipped[:4])
    assert "was trained for 2 to 20 steps, not for 40" in found.skipped[4].reason


def test_a_sweep_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no cell of the sweep can be measured: ddim needs a denoiser"):
        plan(tmp_path, 'tasks = ["ou"]\nsamplers = ["ddim"]')
    with pytest.raises(BadInput, match=r"no cell of the sweep can be measured\.$"):
        plan(
            tmp_path,
            'tasks = ["gmm", "ou"]\n[task]\ngmm.samplers = ["ddim"]\nou.samplers = ["shark"]\n'
            '[sampler]\nddim.tasks = ["ou"]\nshark.tasks = ["gmm"]',
        )


def test_a_cell_whose_file_changed_is_refused(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from sigbench_baselines.euler import EulerMaruyama\nclass Mine(EulerMaruyama):\n    name = 'mine'\n"
    )
    (cell,) = plan(tmp_path, f'tasks = ["gmm"]\nsamplers = ["{plugin}:Mine"]\nsteps = [2]').cells
    assert cell.cell().key == cell.key
    plugin.write_text(plugin.read_text() + "# a remark\n")
    assert cell.cell().key == cell.key
    plugin.write_text(plugin.read_text() + "ANOTHER = 1\n")
    with pytest.raises(BadInput, match="a file of it has changed meanwhile"):
        cell.cell()


@pytest.fixture(scope="module")
def official() -> SweepPlan:
    """The official sweep as if the first candidate of each sampler had been chosen."""
    file = read_sweep(ROOT / "leaderboard" / "sweep.toml")
    return plan_sweep(file, first_candidates(file))


@pytest.mark.parametrize("task", ["gmm", "gmm2d", "mnist", "rbergomi"])
def test_the_official_sweep_has_every_sampler_that_a_task_can_have(official: SweepPlan, task: str) -> None:
    """Ten repeats; what is skipped takes more calls in one step than allowed, or is a student untrained for it."""
    skipped = [cell for cell in official.skipped if cell.task == task]
    missing = [cell for cell in skipped if re.search(r"no artifact in .*teacher", cell.reason)]
    if missing:
        pytest.skip(f"{task}: {missing[0].reason}")
    for cell in skipped:
        assert re.search(r"one step takes more calls than|student was trained for", cell.reason), cell
    cells = [cell for cell in official.cells if cell.task == task]
    assert {cell.settings.repeats for cell in cells} == {10}
    cannot = {"taylor15"} if task in ("mnist", "rbergomi") else set()
    cannot |= {*student_names()} - {"sigdeg"}  # its rivals are measured apart, from several trainings each
    names = [parse_spec(cell.sampler).name for cell in cells]
    assert set(names) == {*sampler_names(), "teacher"} - cannot
    for name, least in (("ddim", {5, 10, 20}), ("sigdeg", {5, 10, 20}), ("teacher", {300})):
        assert least <= {cell.steps for cell, own in zip(cells, names, strict=True) if own == name}
    assert max(cell.work for cell in cells) > 500 * cells[0].settings.samples * 10  # the limits: what no budget binds


@pytest.mark.parametrize(("asked", "given"), [("[0, 1, 4]", [0.0, 1.0, 4.0]), ("1.5", [1.5])])
def test_guidance_is_an_axis_or_one_number(tmp_path: Path, asked: str, given: list[float]) -> None:
    found = plan(
        tmp_path, f'tasks = ["mnist"]\nsamplers = ["ddim", "teacher"]\nsteps = [5]\nsamples = 128\nguidance = {asked}'
    )
    assert [(cell.name.split()[0], cell.settings.guidance) for cell in found.cells] == [
        (sampler, guidance) for guidance in given for sampler in ("ddim", "teacher")
    ]
    assert len({cell.key for cell in found.cells}) == 2 * len(given)
    assert str(found.cells[-1]).endswith(f"300 steps · guidance {given[-1]:g}")


def test_students_of_other_guidance_are_left_out_with_the_reason(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        'tasks = ["mnist"]\nsamplers = ["sigdeg"]\nsteps = [5]\nsamples = 128\nguidance = [0, 0.7]',
    )
    assert [cell.settings.guidance for cell in found.cells] == [0.0]
    (left_out,) = found.skipped
    assert "was distilled at guidance 0, not 0.7" in left_out.reason
