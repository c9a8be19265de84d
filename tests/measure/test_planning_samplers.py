"""How cells of samplers are planned: other names, the end of a walk, calls, and a problem without noise."""

from pathlib import Path
from typing import ClassVar

import pytest

from sigbench.errors import BadInput, BrokenContract
from sigbench.measure.batch import path_of
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.registry import make_sampler, own_name, sampler_aliases, sampler_class, sampler_names

NOISELESS = """
from sigbench_tasks.mixture.task import GMM

class Noiseless(GMM):
    path_order = 0
"""


def planned(sampler: str, steps: int = 5, task: str = "gmm") -> Cell:
    settings = Settings(task, samples=200, repeats=2, device="cpu", only=("w1",), time_calls=False)
    (cell,) = plan_cells(settings, [sampler], [steps])
    return cell


@pytest.mark.parametrize(
    ("alias", "name"),
    [("dpmpp_2m", "dpmpp-2m"), ("euler_ancestral", "ddpm"), ("lms", "ipndm-v"), ("dpm_2", "dpm-solver-2s")],
)
def test_an_alias_is_the_sampler_under_its_own_name(alias: str, name: str) -> None:
    """One record and one key, whatever name was asked for, options and steps included."""
    assert alias not in sampler_names()
    assert sampler_class(alias) is sampler_class(name)
    assert make_sampler(alias).name == name
    assert own_name(f"{alias}:option=1") == f"{name}:option=1"
    cells = planned(alias), planned(f"{alias}@5", 7), planned(name)
    assert [cell.sampler_spec for cell in cells] == [name] * 3
    assert len({cell.key for cell in cells}) == 1


def test_every_alias_leads_to_a_sampler() -> None:
    assert set(sampler_aliases().values()) <= set(sampler_names())


def test_the_end_of_a_walk_is_a_fact_of_the_sampler() -> None:
    facts = [planned(spec).known()["final_step"] for spec in ("ddim", "unipc", "unipc:lower_order_final=false")]
    assert facts[0] == facts[2] == "none: samples are taken at the last time of the grid"
    assert facts[1] == "the last steps are of order …, 2, 1 on grids of fewer than 15 steps"
    assert planned("unipc").key != planned("unipc:lower_order_final=false").key


@pytest.mark.parametrize(
    ("sampler", "calls"),
    [("ddim", 5), ("heun", 10), ("plms", 6), ("dpm-solver-3s", 15), ("torchsde-reversible-heun", 6)],
)
def test_calls_are_a_function_of_the_grid(sampler: str, calls: int) -> None:
    cell = planned(sampler)
    assert cell.sampler.calls(cell.problem, cell.grid) == calls
    (record,) = measure([cell])
    assert record["nfe"] == calls


LEAVES = """
from sigbench.sampler import Sampler

class Leaves(Sampler):
    name, citation, family = "leaves", "a test", "sde"

    def __init__(self, where: str = "") -> None:
        self.where = where
        if where == "made":
            raise SystemExit(0)

    def prepare(self, task, problem, dtype):
        if self.where == "prepared":
            raise SystemExit(0)

    def walk(self, problem, x, grid, brownian):
        yield x
"""


@pytest.mark.parametrize("where", ["made", "prepared"])
def test_who_leaves_before_the_walk_is_bad_input(tmp_path: Path, where: str) -> None:
    """An exit code of 0 with nothing measured would look like success."""
    (tmp_path / "leaves.py").write_text(LEAVES)
    with pytest.raises(BadInput, match="SystemExit"):
        planned(f"{tmp_path / 'leaves.py'}:Leaves:where={where}")


class TestWithoutNoise:
    """A task whose paths know no moment."""

    spec: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _task(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        file = tmp_path_factory.mktemp("noiseless") / "noiseless.py"
        file.write_text(NOISELESS)
        type(self).spec = f"{file}:Noiseless"

    @pytest.mark.parametrize("sampler", ["dpmpp-2m-sde", "euler-maruyama", "sa-solver", "ddim:eta=1"])
    def test_a_stochastic_sampler_is_refused(self, sampler: str) -> None:
        with pytest.raises(BadInput, match="draws noise, and the problem of the task 'gmm' has none"):
            planned(sampler, task=self.spec)

    @pytest.mark.parametrize("sampler", ["ddim", "dpmpp-2m", "sa-solver:tau=0", "dpmpp-2m-sde:eta=0"])
    def test_a_deterministic_one_is_measured(self, sampler: str) -> None:
        (record,) = measure([planned(sampler, task=self.spec)])
        assert record["status"] == "ok", record.get("error")

    def test_who_asks_for_noise_all_the_same_breaks_the_contract(self) -> None:
        cell = planned("ddim", task=self.spec)
        driver, step = path_of(cell, 0, 0, 4), next(iter(cell.grid))
        for ask in (lambda: driver.signature(step), lambda: driver.functional(step, lambda s: s)):
            with pytest.raises(BrokenContract, match="has no noise"):
                ask()
