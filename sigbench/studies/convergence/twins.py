"""Samplers that are one scheme under several names: on the same paths they walk the very same states."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sigbench.registry import make_sampler
from sigbench.sde.brownian import FreshBrownian
from sigbench.sde.grid import Grid
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench.sde.problem import SDEProblem
from sigbench.task import Task

PATHS = 16
LIKE_ROUNDING = 1e-9  # of float64, relative to the states: two schemes differ by far more after a few coarse steps


def twins_of(specs: Sequence[str], task: Task, problem: SDEProblem, grid: Grid) -> dict[str, str]:
    """Returns, for each sampler that walks the states of another one, the one that stands for both.

    That is the one of fewest network calls, then the first by name. A sampler that fails on `grid` is no twin. States
    are float64; in float32 rounding would not be told from a difference.
    """
    walked: list[tuple[int, str, Tensor]] = []
    for spec in specs:
        sampler = make_sampler(spec)
        sampler.prepare(task, problem, torch.float64)
        start, noise = (
            NoiseStream(seed_of(study="twins", purpose=purpose), problem.shape, dtype=torch.float64)
            for purpose in ("initial", "path")
        )
        x = problem.initial(start.normal(0, PATHS, 0))
        driver = FreshBrownian(noise, 0, PATHS, max(4, sampler.signature_order))
        try:
            with torch.no_grad():
                *_, last = sampler.walk(problem, x, grid, driver)
        except Exception:  # the study itself says how it fails
            continue
        walked.append((sampler.calls(problem, grid), spec, last.flatten()))
    twins: dict[str, str] = {}
    standing: list[tuple[str, Tensor]] = []
    for _, spec, last in sorted(walked, key=lambda each: each[:2]):
        same = [name for name, other in standing if torch.allclose(last, other, rtol=LIKE_ROUNDING, atol=LIKE_ROUNDING)]
        if same:
            twins[spec] = same[0]
        else:
            standing.append((spec, last))
    return twins
