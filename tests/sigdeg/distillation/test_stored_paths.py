"""Stored teacher paths: what is on disk is the teacher's walk, and any stretch's signature is that of its own path."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.progress import Progress
from sigbench.registry import make_sampler
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import VPLinear
from sigbench.sde.signature import signature_of_normals
from sigbench.sigdeg.distillation.stored_paths import MOST_MOMENTS, PathFacts, StoredPaths

SHAPE, STEPS, PATHS = (1, 28, 28), 12, 15
SCHEDULE = VPLinear()
GRID = diffusion_grid("quadratic", STEPS, SCHEDULE)
FACTS = PathFacts("toy", 1, "euler-maruyama", "none", "quadratic", STEPS, PATHS, 3)


def problem() -> ReverseDiffusion:
    """A diffusion whose data are all zero."""

    def network(t: float, x: Tensor) -> Tensor:
        return torch.zeros_like(x)

    return ReverseDiffusion(SCHEDULE, Denoiser(network, "x0", SCHEDULE), SHAPE, torch.device("cpu"))


@pytest.fixture
def paths(tmp_path: Path) -> StoredPaths:
    stored = StoredPaths.open(tmp_path, FACTS, GRID, SHAPE)
    stored.walk(problem(), make_sampler("euler-maruyama"), batch=7)
    return stored


def test_batches_do_not_matter(paths: StoredPaths, tmp_path: Path) -> None:
    other = StoredPaths.open(tmp_path / "other", FACTS, GRID, SHAPE)
    other.walk(problem(), make_sampler("euler-maruyama"), batch=15)
    np.testing.assert_allclose(paths.states, other.states, rtol=1e-5, atol=1e-6)


def test_an_interrupted_walk_goes_on(paths: StoredPaths, tmp_path: Path) -> None:
    folder = tmp_path / "interrupted"

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        StoredPaths.open(folder, FACTS, GRID, SHAPE).walk(problem(), make_sampler("euler-maruyama"), 7, stop)
    again = StoredPaths.open(folder, FACTS, GRID, SHAPE)
    assert again.done == 7
    heard: list[Progress] = []
    again.walk(problem(), make_sampler("euler-maruyama"), 7, heard.append)
    assert heard == [Progress("teacher paths", done, PATHS) for done in (14, PATHS)]
    np.testing.assert_allclose(again.states, paths.states, rtol=1e-5, atol=1e-6)


def test_signatures_fold_from_the_path_s_own_normals(paths: StoredPaths) -> None:
    """Group 1 from the third fine step to the ninth, against Chen's identity step by step."""
    steps = list(GRID)
    for order in (1, 2, 3):
        total = None
        for index in range(2, 9):
            normals = [paths._noise.normal(paths.group, paths.group, index * MOST_MOMENTS + k) for k in range(order)]
            signature = signature_of_normals(normals, steps[index].h)
            total = signature if total is None else total.then(signature)
        assert total is not None
        expected = torch.stack(total.whitened(), dim=1)
        torch.testing.assert_close(paths.whitened(1, 2, 9, order), expected, rtol=1e-4, atol=1e-4)


def test_paths_of_other_facts_are_refused(paths: StoredPaths, tmp_path: Path) -> None:
    other = PathFacts("toy", 1, "euler-maruyama", "another network", "quadratic", STEPS, PATHS, 3)
    with pytest.raises(BadInput, match="another teacher or seed"):
        StoredPaths.open(tmp_path, other, GRID, SHAPE)


def test_a_disk_without_room_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("sigbench.sigdeg.distillation.stored_paths.shutil.disk_usage", lambda folder: Usage)
    with pytest.raises(BadInput, match=r"take 0.0 GB, and .* has 0.0 GB free"):
        StoredPaths.open(tmp_path / "new", FACTS, GRID, SHAPE)
    assert not (tmp_path / "new" / "states.npy").exists()
