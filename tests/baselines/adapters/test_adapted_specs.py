"""Adapters as the registry, the records and the command line see them."""

import importlib.metadata
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from elsewhere import OneNormal, need
from walking import mixture, start, states

from sigbench import plug_ins
from sigbench.adapter import Adapter, Target
from sigbench.errors import BadInput, BrokenContract
from sigbench.gate.plan import Filter
from sigbench.measure.again import cell_of as cell_again
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.records.changes import changes
from sigbench.records.names import bare_spec, display_names, file_of
from sigbench.records.provenance import PACKAGES
from sigbench.registry import (
    adapter,
    adapter_names,
    is_adapted,
    make_sampler,
    own_name,
    sampler_class,
    split_spec,
)
from sigbench.sampler import Sampler
from sigbench.sde.schedule import VPLinear

pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers under NumPy 2
DDIM = "diffusers:DDIMScheduler"
MINE = '''
def sample_mine(model, x, sigmas, callback=None, half: bool = False, noise_sampler=None):
    """Euler's rule in place."""
    x = x.clone()
    for i in range(len(sigmas) - 1):
        if callback is not None:
            callback({"i": i, "x": x})
        d = (x - model(x, sigmas[i] * x.new_ones(len(x)))) / sigmas[i]
        x += d * (sigmas[i + 1] - sigmas[i]) * (0.5 if half else 1.0)
    return x


def sample_noisy(model, x, sigmas, callback=None, noise_sampler=None):
    """Goes to the next level's x0 and adds that level's noise."""
    for i in range(len(sigmas) - 1):
        callback({"i": i, "x": x})
        x = model(x, sigmas[i] * x.new_ones(len(x))) + sigmas[i + 1] * noise_sampler(sigmas[i], sigmas[i + 1])
    return x


def sample_global(model, x, sigmas, callback=None):
    import torch

    for i in range(len(sigmas) - 1):
        callback({"i": i, "x": x})
        x = model(x, sigmas[i] * x.new_ones(len(x))) + sigmas[i + 1] * torch.randn_like(x)
    return x


def sample_uneven(model, x, sigmas, callback=None):
    import torch

    for i in range(len(sigmas) - 1):
        callback({"i": i, "x": x})
        x = model(x, sigmas[i] * torch.linspace(1.0, 2.0, len(x)))
    return x


def sample_below(model, x, sigmas, callback=None):
    for i in range(len(sigmas) - 1):
        callback({"i": i, "x": x})
        x = model(x, -sigmas[i] * x.new_ones(len(x)))
    return x


def sample_nothing(model, x, sigmas, callback=None):
    for i in range(len(sigmas) - 1):
        callback({"i": i, "x": x})


def sample_silent(model, x, sigmas, callback=None):
    return x


def sample_broken(model, x, sigmas, callback=None):
    return x / [][0]


def no_callback(model, x, sigmas):
    return x


number = 3
'''


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    return file


def cell_of(spec: str, **settings: Any) -> Cell:
    (cell,) = plan_cells(Settings("gmm", device="cpu", samples=200, repeats=2, **settings), [spec], [4])
    return cell


def record_of(spec: str) -> Any:
    (record,) = measure([cell_of(spec)])
    return record


@pytest.mark.parametrize(
    ("spec", "name", "options"),
    [
        (DDIM, DDIM, {}),
        (f"{DDIM}:eta=0.5", DDIM, {"eta": "0.5"}),
        ("kdiffusion:a/mine.py:f:half=true", "kdiffusion:a/mine.py:f", {"half": "true"}),
    ],
)
def test_a_spec_is_adapter_and_target(spec: str, name: str, options: dict[str, str]) -> None:
    assert split_spec(spec) == (name, options)
    assert own_name(spec) == spec
    assert is_adapted(name)
    assert not is_adapted("ddim")


def test_adapters_are_entry_points() -> None:
    assert adapter_names() == ["diffusers", "kdiffusion"]
    for name in adapter_names():
        assert adapter(name).name == name
        assert not adapter(name).allowed().keys() & adapter(name).refused().keys()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("diffusers", r"'diffusers' names no target: write diffusers:TARGET, a scheduler of diffusers"),
        ("diffusers:eta=1", "names no target"),
        (
            "diffusers:UniPCScheduler",
            "unknown scheduler of diffusers 'UniPCScheduler': did you mean .*'UniPCMultistepScheduler'",
        ),
        ("diffusers:UniPC", "did you mean 'UniPCMultistepScheduler'"),
        ("diffusers:ddimscheduler", "did you mean 'DDIMScheduler'"),
        ("diffusers:KDPM2DiscreteScheduler", "is refused: it keeps levels between the steps .* nonsense"),
        ("diffusers:EDMEulerScheduler", "is refused: it has EDM's own preconditioning"),
        ("diffusers:DPMSolverSDEScheduler", "is refused: .* nonsense"),
        ("diffusers:LCMScheduler", "is refused: .* adds no noise in its last step"),
        ("diffusers:UNet2DModel", "diffusers:UNet2DModel is no scheduler"),
        ("diffusers:DDIMSchedulerOutput", "unknown scheduler of diffusers"),
        (f"{DDIM}:clip_sample=True", "DDIMScheduler takes no clip_sample: x0 is never cut here"),
        (f"{DDIM}:prediction_type=sample", "takes no prediction_type: the adapter hands ε"),
        (f"{DDIM}:thresholding=true", "takes no thresholding"),
        (f"{DDIM}:timestep_spacing=leading", "takes no timestep_spacing: the levels are those of the grid: say --grid"),
        ("diffusers:UniPCMultistepScheduler:final_sigmas_type=zero", "takes no final_sigmas_type: the adapter sets"),
        ("diffusers:UniPCMultistepScheduler:solver_ordr=2", "did you mean 'solver_order'"),
        ("diffusers:UniPCMultistepScheduler:solver_order=4", "solver_order takes one of 1, 2, 3, got '4'"),
        ("diffusers:SASolverScheduler:tau=-1", "tau is a number from 0 up to 2, got -1"),
        (f"{DDIM}:eta=1.5", "eta is a number from 0 up to 1, got 1.5"),
        (f"{DDIM}:eta=nan", "eta is a number from 0 up to 1, got nan"),
        (f"{DDIM}:eta=0:eta=1", "gives eta twice"),
        (
            "diffusers:DPMSolverMultistepScheduler:solver_order=3:algorithm_type=sde-dpmsolver++",
            "is not taken with these options: its third order on the SDE",
        ),
        ("kdiffusion", "names no target: write kdiffusion:TARGET, a function of k-diffusion, or FILE.py:FUNCTION"),
        (
            "kdiffusion:sample_dpmpp2m",
            "unknown function of k-diffusion 'sample_dpmpp2m': did you mean 'sample_dpmpp_2m'",
        ),
        ("kdiffusion:sample_dpm_fast", "is refused: it takes a first and a last level"),
        ("kdiffusion:sample_euler:s_churn=1", "takes no s_churn: noise before the steps is held to nothing"),
        ("kdiffusion:sample_dpmpp_sde:r=0.3", "takes no r: "),
        ("kdiffusion:sample_lms:order=5", "order takes one of 1, 2, 3, 4, got '5'"),
        ("kdiffusion:sample_heun:s_churn=4", "give s_tmax too"),
        ("kdiffusion:no.py:f", "there is no file 'no.py'"),
        ("kdiffusion:no.py", "names a file but no target: write kdiffusion:no.py:TARGET"),
    ],
)
def test_bad_specs(spec: str, message: str) -> None:
    need("diffusers", "k_diffusion")
    with pytest.raises(BadInput, match=message):
        make_sampler(spec)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sample_mien", "unknown function in .*mine.py 'sample_mien': did you mean 'sample_mine'"),
        ("number", "unknown function in .* valid are .*sample_broken, sample_global, sample_mine, sample_noisy"),
        ("no_callback", r"no_callback\(model, x, sigmas\) in .* is not of the form f\(model, x, sigmas, …, callback"),
        ("sample_mine:halve=true", "did you mean 'half'"),
        ("sample_mine:half=much", "half takes bool, got 'much'"),
        ("sample_mine:noise_sampler=1", "unknown option"),
    ],
)
def test_bad_functions_of_a_file(mine: Path, name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make_sampler(f"kdiffusion:{mine}:{name}")


@pytest.mark.parametrize(
    ("package", "spec", "extra"),
    [
        ("diffusers", "diffusers:DEISMultistepScheduler", "diffusers"),
        ("diffusers", "diffusers:NoSuchScheduler", "diffusers"),
        ("k_diffusion", "kdiffusion:sample_lms", "kdiffusion"),
    ],
)
def test_an_absent_library_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, package: str, spec: str, extra: str
) -> None:
    from sigbench_baselines.adapters import kdiffusion_functions, kdiffusion_loading
    from sigbench_baselines.adapters.diffusers import schedulers

    for cached in (schedulers._class_of, kdiffusion_functions._class_of, kdiffusion_loading.sampling):
        cached.cache_clear()
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == package else found(name, *more)
    )
    with pytest.raises(BadInput, match=rf"which is not installed: pip install 'sigbench\[{extra}\]'\.$"):
        make_sampler(spec)
    assert adapter(extra).allowed()  # the lists are there without it


def test_a_refusal_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(BadInput, match="is refused: it runs from data to noise"):
        sampler_class("diffusers:DDIMInverseScheduler")


@pytest.mark.parametrize("spec", [f"{name}:{target}" for name in adapter_names() for target in adapter(name).allowed()])
def test_run_measures_one_like_any_other(spec: str) -> None:
    """The contract's checks pass, calls are counted, and the version of the library is in the record and its key."""
    need("diffusers", "k_diffusion")
    cell = cell_of(spec)
    (record,) = measure([cell])
    assert (record["status"], record.get("error")) == ("ok", None)
    assert record["nfe"] == cell.sampler.calls(cell.problem, cell.grid)
    assert (record["sampler"], record["spec"]) == (spec, spec)
    package = {"diffusers": "diffusers", "kdiffusion": "k-diffusion"}[spec.partition(":")[0]]
    version = importlib.metadata.version(package)
    assert record["provenance"]["packages"] == {**record["provenance"]["packages"], package: version}
    code = next(code for code in record["code"]["plug_ins"] if code["plug_in"] == "sampler")
    assert code["packages"] == {package: version}
    assert any(file.startswith("sigbench_baselines/adapters/") for file in code["files"])
    assert not any(file.startswith(("diffusers", "k_diffusion")) for file in code["files"])
    json.dumps(record)


def test_the_version_of_the_library_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    need("diffusers")
    before, own = cell_of(DDIM), cell_of("ddim")
    assert (own.packages(), before.packages()) == ((), ("diffusers",))
    keys = before.key, own.key
    assert set(record_of("ddim")["provenance"]["packages"]) == set(PACKAGES)
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.1" if name == "diffusers" else version(name))
    after = cell_of(DDIM)
    assert after.key != keys[0]
    assert changes(before.determinants(), after.determinants()) == [f"the package diffusers changed for {DDIM}"]
    assert cell_of("ddim").key == keys[1]


def test_a_record_asks_for_its_sampler_again() -> None:
    need("diffusers")
    record = record_of(f"{DDIM}:eta=0.5")
    again = cell_again(record)
    assert again.key == record["key"]


def test_the_gate_takes_them() -> None:
    need("diffusers")
    Filter(samplers=(DDIM,)).check(None)
    with pytest.raises(BadInput, match="is refused"):
        Filter(samplers=("diffusers:LCMScheduler",)).check(None)


def test_a_function_of_a_file_is_a_sampler(mine: Path) -> None:
    sampler = make_sampler(f"kdiffusion:{mine}:sample_mine")
    problem = mixture(VPLinear())
    grid, x = problem.grid("quadratic", 6), start(problem, 30)
    noise, before = OneNormal(grid, x), x.clone()
    theirs = states(sampler, problem, x, grid, noise)
    torch.testing.assert_close(theirs, states(make_sampler("ddim"), problem, x, grid, noise), rtol=0, atol=1e-10)
    assert torch.equal(x, before)
    problem.counter.reset()
    states(sampler, problem, x, grid, noise)
    assert problem.counter.calls == sampler.calls(problem, grid) == 6
    half = make_sampler(f"kdiffusion:{mine}:sample_mine:half=true")
    assert (states(half, problem, x, grid, noise) - theirs).abs().max() > 0.01


def test_the_file_is_in_the_key_and_its_folder_is_not(mine: Path, tmp_path: Path) -> None:
    first = cell_of(f"kdiffusion:{mine}:sample_noisy")
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "mine.py").write_text(MINE)
    assert cell_of(f"kdiffusion:{other / 'mine.py'}:sample_noisy").key == first.key
    mine.write_text(MINE.replace("+ sigmas[i + 1]", "+ 0.9 * sigmas[i + 1]"))
    after = cell_of(f"kdiffusion:{mine}:sample_noisy")
    assert changes(first.determinants(), after.determinants()) == ["mine.py of kdiffusion:mine.py:sample_noisy changed"]


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("sample_noisy", "ok", None),
        ("sample_global", "failed", "draws from the global generator of torch|made other samples of the same noise"),
        ("sample_uneven", "failed", "differ from sample to sample"),
        ("sample_below", "failed", "not above 0"),
        ("sample_nothing", "failed", "returned None, not the states"),
        ("sample_silent", "failed", r"told its callback of the steps \[\] of a grid of 4"),
        ("sample_broken", "failed", r"IndexError: .* \(mine.py, line \d+, in sample_broken\)"),
    ],
)
def test_run_holds_a_function_of_a_file_to_the_contract(mine: Path, name: str, status: str, error: str | None) -> None:
    import re

    record = record_of(f"kdiffusion:{mine}:{name}")
    assert record["status"] == status, record.get("error")
    assert error is None or re.search(error, record["error"]), record["error"]


def test_a_callback_that_is_not_told_each_step_breaks_the_contract(mine: Path) -> None:
    problem = mixture(VPLinear())
    grid, x = problem.grid("quadratic", 3), start(problem, 5)
    with pytest.raises(BrokenContract, match="once at the start of each"):
        states(make_sampler(f"kdiffusion:{mine}:sample_silent"), problem, x, grid, OneNormal(grid, x))


class Strange(Adapter):
    """A stranger's: the target is a sampler of ours, as it is."""

    name, title = "strange", "a sampler of this suite"

    def sampler_class(self, target: str) -> type[Sampler]:
        return sampler_class(target)

    def allowed(self) -> dict[str, Target]:
        return {"ddim": Target(["eta"], "ddim")}

    def refused(self) -> dict[str, str]:
        return {}


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    found = importlib.metadata.entry_points
    point = importlib.metadata.EntryPoint("strange", f"{__name__}:Strange", "sigbench.adapters")
    monkeypatch.setattr(
        importlib.metadata,
        "entry_points",
        lambda group: [*found(group=group), point] if group == point.group else found(group=group),
    )
    plug_ins.entry_points.cache_clear()
    yield
    plug_ins.entry_points.cache_clear()


@pytest.mark.usefixtures("strangers")
def test_a_stranger_may_bring_an_adapter() -> None:
    assert adapter_names() == ["diffusers", "kdiffusion", "strange"]
    sampler = make_sampler("strange:ddim:eta=0.5")
    assert (sampler.name, sampler.signature_order) == ("ddim", 1)
    with pytest.raises(BadInput, match="unknown sampler 'didm'"):
        make_sampler("strange:didm")
    with pytest.raises(BadInput, match="did you mean 'eta'"):
        make_sampler("strange:ddim:etta=0.5")


def test_names_of_files_behind_an_adapter() -> None:
    assert bare_spec("kdiffusion:/some/mine.py:f:half=true") == "kdiffusion:mine.py:f:half=true"
    assert bare_spec(DDIM) == DDIM
    assert file_of("kdiffusion:a/mine.py:f") == Path("a/mine.py")
    assert file_of("a/mine.py:F") == Path("a/mine.py")
    assert file_of(DDIM) is None
    named = {"sampler": "kdiffusion:f", "role": "sampler"}
    one, two = ({**named, "spec": f"kdiffusion:{file}.py:f"} for file in ("a/first", "second"))
    assert display_names([one, two]) == ["kdiffusion:f (first.py)", "kdiffusion:f (second.py)"]
