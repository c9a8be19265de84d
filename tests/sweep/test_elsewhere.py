"""Planning for a device that this machine lacks: the same cells, under the keys that they have there."""

from pathlib import Path

import pytest
import torch

from sigbench.errors import BadInput
from sigbench.measure.settings import Settings
from sigbench.records.key import key_of
from sigbench.sweep.elsewhere import plan_for
from sigbench.sweep.engines.identity import Answer, device_for, own_identity
from sigbench.sweep.file import read_sweep
from sigbench.sweep.plan import plan_sweep

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="of machines without a GPU")


def file_with(folder: Path, device: str) -> Path:
    file = folder / "sweep.toml"
    file.write_text(f'tasks = ["gmm"]\nsamplers = ["ddim", "sigdeg"]\nsteps = [2, 3]\nsamples = 64\n{device}')
    return file


@without_cuda
def test_a_head_without_a_gpu_plans_cells_under_the_keys_that_they_have_on_one(tmp_path: Path) -> None:
    file = file_with(tmp_path, 'device = "cuda"\n')
    with pytest.raises(BadInput, match=r"line 5, device: there is no CUDA device here"):
        read_sweep(file)
    planned = plan_sweep(read_sweep(file, elsewhere=True)).cells
    here = plan_sweep(read_sweep(file_with(tmp_path, 'device = "cpu"\n'))).cells
    assert len(planned) == len(here) == 4
    for cell, own in zip(planned, here, strict=True):
        assert (cell.settings.device, cell.name, cell.steps, cell.work) == ("cuda", own.name, own.steps, own.work)
        assert cell.key == key_of({**own.determinants, "device": "cuda"}) != own.key
        with pytest.raises(BadInput, match="there is no CUDA device here"):
            cell.cell()  # it is not measured on the processor under another device's key


@pytest.mark.parametrize(("devices", "found"), [((), "cpu"), (("a GPU",), "cuda")])
def test_auto_is_said_before_cells_have_keys(tmp_path: Path, devices: tuple[str, ...], found: str) -> None:
    """So that it means one thing in all of a sweep, whichever node a cell runs on."""
    answers = [Answer("alpha", own_identity(), devices, (), ())]
    wanted = read_sweep(file_with(tmp_path, "")).on(lambda asked: device_for(asked, answers))
    assert {cell.settings.device for cell in plan_sweep(wanted).cells} == {found}


@without_cuda
def test_where_the_device_is_here_nothing_is_different() -> None:
    (cell,) = plan_for(Settings("gmm", device="cpu", samples=64), ["ddim"], [2])
    assert cell.device == torch.device("cpu")


def test_a_device_that_there_is_nowhere(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unknown device 'cuad': did you mean 'cuda'"):
        read_sweep(file_with(tmp_path, 'device = "cuad"\n'), elsewhere=True)
