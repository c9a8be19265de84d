"""Files of computed grids: what comes back, and every way in which one is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from sigbench.errors import BadInput
from sigbench.sde.grids.computed import KIND, SCHEMA, ComputedGrid, facts_of, hash_of, read_grid, to_text
from sigbench.sde.grids.find import diffusion_grid, listed_steps
from sigbench.sde.grids.names import is_file
from sigbench.sde.schedule import VPCosine, VPLinear


def computed(**changed: Any) -> ComputedGrid:
    """A grid of two steps, sealed."""
    facts: dict[str, Any] = {
        "kind": KIND,
        "schema": SCHEMA,
        "task": "gmm",
        "task_version": 1,
        "conditions": {},
        "schedule": facts_of(VPLinear()),
        "sampler": "ddim",
        "steps": 2,
        "times": [1.0, 0.3, 1e-3],
        "method": "trajectories",
        "how": "by hand",
        "criterion": "none",
        "candidates": 1,
        "scores": {"chosen": 0.5},
        "samples": 10,
        "repeats": 1,
        "seed": 7,
        "sigbench": "0",
    }
    grid = ComputedGrid(**{**facts, **changed})
    grid.hash = hash_of(grid)
    return grid


def written(folder: Path, grid: ComputedGrid) -> str:
    """The grid's file."""
    file = folder / "grid.json"
    file.write_text(to_text(grid), encoding="utf-8")
    return str(file)


def test_a_file_comes_back(tmp_path: Path) -> None:
    grid = computed()
    path = written(tmp_path, grid)
    assert is_file(path)
    assert listed_steps(path) == 2
    assert read_grid(path) == grid
    found = diffusion_grid(path, 2, VPLinear())
    assert found.times == pytest.approx((0.0, 0.7, 0.999))
    assert found.name == f"trajectories-{grid.hash[:12]}"


@pytest.mark.parametrize(
    ("field", "value"), [("times", [1.0, 0.31, 1e-3]), ("candidates", 2), ("how", "otherwise"), ("hash", "0" * 32)]
)
def test_what_was_changed_is_seen(tmp_path: Path, field: str, value: Any) -> None:
    path = Path(written(tmp_path, computed()))
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(BadInput, match="was changed since it was computed"):
        read_grid(str(path))


def test_another_schedule_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, computed())
    for schedule, words in ((VPCosine(), "'vp-cosine'"), (VPLinear(beta_end=10.0), "beta_end=10")):
        with pytest.raises(BadInput, match=f"under the schedule 'vp-linear' .*, and here is .*{words}"):
            diffusion_grid(path, 2, schedule)


def test_another_number_of_steps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="computed for 2 steps, not for 3"):
        diffusion_grid(written(tmp_path, computed()), 3, VPLinear())


@pytest.mark.parametrize(("task", "version"), [("gmm", 2), ("mnist", 1)])
def test_another_task_or_version_is_refused(task: str, version: int) -> None:
    computed().check_task("gmm", 1)
    with pytest.raises(BadInput, match=f"version 1 of the task 'gmm', and here is version {version} of {task!r}"):
        computed().check_task(task, version)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no grid that `sigbench grid` wrote"),
        ("[1, 2]", "no grid that `sigbench grid` wrote"),
        ('{"times": [1, 0]}', "no grid that `sigbench grid` wrote"),
        (to_text(computed(kind="else")), "is a 'else' of schema 1"),
        (to_text(computed(schema=2)), "of schema 2, not a"),
        (to_text(computed(steps=3)), "has no 3 steps that go from noise to data"),
        (to_text(computed(times=[1.0, 1e-3, 0.3])), "has no 2 steps that go from noise to data"),
    ],
)
def test_what_is_no_grid(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "odd.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=words):
        read_grid(str(file))


def test_there_has_to_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        diffusion_grid(str(tmp_path / "none.json"), 2, VPLinear())
