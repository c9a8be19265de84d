"""The last step: the denoised sample in the place of the last state, its call counted, in the key and in the budget."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.measure.again import cell_of
from sigbench.measure.batch import path_of, start_batch, walk_batch
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.records.names import display_name, spec_of
from sigbench.sde.problem import ReverseDiffusion

WHOLE = Settings("gmm", samples=100, repeats=2, device="cpu", time_calls=False)
SETTINGS = replace(WHOLE, only=("w1",))


def planned(spec: str, steps: int = 5, settings: Settings = SETTINGS) -> Cell:
    (cell,) = plan_cells(settings, [spec], [steps])
    return cell


@pytest.mark.parametrize("sampler", ["ddim", "euler-maruyama", "dpmpp-2m", "heun", "sigdeg", "sa-solver"])
def test_the_last_state_is_denoised_and_no_other(sampler: str) -> None:
    plain, denoised = planned(sampler), planned(f"{sampler}:final=denoise")
    batch, path = start_batch(plain, 0, 0, 100), path_of(plain, 0, 0, 100)
    with torch.no_grad():
        states = list(plain.walk(batch.problem, batch.x, path))
        again = list(denoised.walk(batch.problem, batch.x, path))
    assert len(again) == len(states) == 5
    assert all(torch.equal(a, b) for a, b in zip(states[:-1], again[:-1], strict=True))
    problem = batch.problem
    assert isinstance(problem, ReverseDiffusion)
    assert torch.equal(again[-1], problem.denoiser.x0(problem.schedule.t_end, states[-1]))
    assert not torch.equal(again[-1], states[-1])


@pytest.mark.parametrize("sampler", ["ddim", "heun", "sigdeg", "plms", "euler-maruyama"])
def test_its_call_is_counted(sampler: str) -> None:
    plain, denoised = planned(sampler), planned(f"{sampler}:final=denoise")
    (record,) = measure([denoised])
    assert record["status"] == "ok", record.get("error")
    assert record["nfe"] == denoised.calls == plain.calls + 1
    assert denoised.key != plain.key
    (whole,) = measure([planned(f"{sampler}:final=denoise", 5, WHOLE)])
    assert cell_of(whole).key == whole["key"]


def test_its_name_says_so_and_the_teacher_s_too() -> None:
    cell = planned("ddim:eta=0.5:final=denoise")
    assert cell.sampler_spec == "ddim:eta=0.5:final=denoise"
    assert cell.display_name == "ddim:eta=0.5:final=denoise"
    (teacher,) = plan_cells(SETTINGS, ["teacher:final=denoise"], ())
    assert teacher.display_name == "teacher (euler-maruyama:final=denoise)"
    assert spec_of(teacher.facts) == "teacher:final=denoise"
    assert display_name(planned("ddim:final=none").facts) == "ddim"


def test_none_of_a_spec_goes_before_all_the_others() -> None:
    settings = replace(WHOLE, final="denoise")
    assert [planned(spec, 5, settings).final for spec in ("ddim", "ddim:final=none")] == ["denoise", "none"]
    assert planned("ddim:final=none", 5, settings).key == planned("ddim", 5, WHOLE).key


def test_a_budget_without_room_for_it_is_refused() -> None:
    for budget, refused in ((4, False), (5, True), (6, False)):
        settings = replace(WHOLE, nfe=budget)
        if refused:
            with pytest.raises(BadInput, match=r"makes 6 calls in 5 steps, .* and the budget is 5"):
                planned("ddim:final=denoise", 5, settings)
        else:
            planned("ddim:final=denoise", 5, settings)
    (record,) = measure([planned("ddim:final=denoise", 5, replace(WHOLE, nfe=4))])
    assert record["status"] == "over-budget"


def test_the_sampler_s_own_sentence_stays() -> None:
    assert planned("unipc:final=denoise").final_step.startswith("the last steps are of order …, 2, 1 on grids of fewer")
    assert planned("unipc:final=denoise").final_step.endswith(
        "denoise: samples are the posterior mean at the last time, by one more call"
    )


def test_a_contract_that_is_broken_still_is(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = planned("ddim:final=denoise")

    def cut(problem: object, x: Tensor, grid: object, brownian: object) -> Iterator[Tensor]:
        for _ in range(5):
            yield x[1:]

    monkeypatch.setattr(cell.sampler, "walk", cut)
    (record,) = measure([cell])
    assert record["status"] == "failed"
    assert "yielded shape (99, 1)" in record["error"]


def test_it_is_less_than_the_noise_that_is_left() -> None:
    """At the last time σ is 0.01: what is taken away is of that size, in the mean over samples."""
    plain, denoised = planned("ddim", 20), planned("ddim:final=denoise", 20)
    gap = (walk_batch(plain, 0, 0, 100).samples - walk_batch(denoised, 0, 0, 100).samples).square().mean().sqrt()
    assert isinstance(plain.problem, ReverseDiffusion)
    sigma = float(plain.problem.schedule.sigma(1e-3))
    assert 0.0 < gap < 3 * sigma
