"""Samplers with a memory go on behind known states with their history, and do not begin anew."""

import pytest
import torch
from elsewhere import OneNormal
from walking import mixture, start, states

from sigbench.sampler import Sampler
from sigbench.sde.schedule import VPLinear
from sigbench_baselines.ddim import DDIM
from sigbench_baselines.deis import DEIS
from sigbench_baselines.dpmpp import DPMpp2M, DPMpp3M
from sigbench_baselines.dpmpp_sde import DPMpp2MSDE, DPMpp3MSDE
from sigbench_baselines.heun import Heun
from sigbench_baselines.ipndm import IPNDM, IPNDMV
from sigbench_baselines.plms import PLMS
from sigbench_baselines.sa_solver import SASolver
from sigbench_baselines.unipc import UniPC

REMEMBERING = [DPMpp2M(), DPMpp3M(), DPMpp2MSDE(), DPMpp3MSDE(), DEIS(), IPNDM(), IPNDMV(), PLMS()]
REMEMBERING += [SASolver(corrector=0)]
CORRECTING = [UniPC(), SASolver()]


def resumed(sampler: Sampler, first: int, given: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the walk's states behind the first ones, and those of a resumption there."""
    problem = mixture(VPLinear())
    grid = problem.grid("quadratic", 10)
    x = start(problem, 50)
    noise = OneNormal(grid, x)
    walk = torch.cat([x[None], states(sampler, problem, x, grid, noise)])
    known = list(walk[: first + 1])
    if given is not None:
        known[-1] = known[-1] + given
    return walk[first + 1 :], torch.stack(list(sampler.resume(problem, known, grid, noise)))


@pytest.mark.parametrize("first", [0, 1, 3, 9])
@pytest.mark.parametrize("sampler", REMEMBERING, ids=lambda sampler: sampler.name)
def test_a_walk_goes_on_behind_its_own_states(sampler: Sampler, first: int) -> None:
    """To the bit: also the orders of its last steps are those of the whole grid."""
    rest, again = resumed(sampler, first)
    assert torch.equal(rest, again)


@pytest.mark.parametrize("sampler", CORRECTING, ids=lambda sampler: sampler.name)
def test_a_known_state_is_not_corrected(sampler: Sampler) -> None:
    """A corrector takes its own step again, never the one that led to a known state; from the start it is the walk."""
    rest, again = resumed(sampler, 0)
    assert torch.equal(rest, again)
    rest, again = resumed(sampler, 4)
    assert not torch.equal(rest, again)
    assert (rest - again).abs().mean() < 0.2
    moved = resumed(sampler, 4, torch.tensor(0.25))[1]
    assert (moved[0] - again[0]).mean() > 0.05


@pytest.mark.parametrize("sampler", [*REMEMBERING, *CORRECTING], ids=lambda sampler: sampler.name)
def test_the_history_matters(sampler: Sampler) -> None:
    """Beginning anew at the last known state gives another step."""
    problem = mixture(VPLinear())
    grid = problem.grid("quadratic", 10)
    x = start(problem, 50)
    noise = OneNormal(grid, x)
    known = [x, *states(DDIM(), problem, x, grid, noise)[:4]]
    with_history = next(iter(sampler.resume(problem, known, grid, noise)))
    anew = next(iter(sampler.resume(problem, known[-1:], grid.with_times(grid.times[4:]), OneNormal(grid, x))))
    assert (with_history - anew).abs().mean() > 1e-4


@pytest.mark.parametrize("sampler", [DDIM(), Heun()], ids=lambda sampler: sampler.name)
def test_without_a_memory_it_is_the_rest_of_the_walk(sampler: Sampler) -> None:
    rest, again = resumed(sampler, 5)
    assert torch.equal(rest, again)
