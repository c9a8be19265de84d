"""Teacher trajectories read at coarse times, each coarse step with the signature of the very same path."""

from dataclasses import dataclass
from itertools import islice
from math import ceil

import torch
from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.brownian import FreshBrownian, RecordingBrownian
from sigbench.sde.grid import Grid
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench.sde.problem import SDEProblem


@dataclass(frozen=True, slots=True)
class Trajectories:
    """Coarse states (n, K + 1, *shape) of the teacher and whitened signatures (n, K, order, *shape) between them.

    `labels` (n,) are the paths' classes, None without classes.
    """

    grid: Grid
    states: Tensor
    whitened: Tensor
    labels: Tensor | None = None


def draw_trajectories(
    problem: SDEProblem,
    teacher: Sampler,
    coarse: Grid,
    *,
    teacher_steps: int,
    order: int,
    count: int,
    seed: int,
) -> Trajectories:
    """Runs the teacher on `count` fresh paths, at least `teacher_steps` steps each, and reads them coarsely.

    Every coarse step is cut into equal fine ones. The teacher walks the fine path; the signature of a coarse
    step is folded from the fine signatures by Chen's identity, at order 0 none. `seed` names the paths.
    """
    factor = ceil(teacher_steps / coarse.steps)
    fine = coarse.refine(factor)
    drawn = max(order, teacher.signature_order, 1)
    noise, start, choice = (
        NoiseStream(seed_of(seed=seed, purpose=purpose), shape, device=problem.device)
        for purpose, shape in (("path", problem.shape), ("initial", problem.shape), ("labels", ()))
    )
    driver = RecordingBrownian(FreshBrownian(noise, 0, count, drawn), order)
    x = problem.initial(start.normal(0, count, 0))
    labels = problem.labels_from(choice.normal(0, count, 0))
    states, whitened = [x], []
    with torch.no_grad():
        for state in islice(teacher.walk(problem.labelled(labels), x, fine, driver), factor - 1, None, factor):
            states.append(state)
            whitened.append(
                torch.stack(driver.take().whitened(), dim=1) if order else x.new_empty(count, 0, *x.shape[1:])
            )
    return Trajectories(coarse, torch.stack(states, 1), torch.stack(whitened, 1), labels)
