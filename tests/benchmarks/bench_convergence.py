"""The same convergence study by a plain loop over torchsde on the same paths, and by the suite: the ratio of times.

Run it by hand, with nothing else on the machine: `python tests/benchmarks/bench_convergence.py`. The plain loop
is what a user of torchsde writes: for each solver and each step size `sdeint` over the same Brownian path, which
torchsde's own BrownianInterval holds and refines, and the error against a reference on the finest grid. The suite's
study measures the same solvers at the same step sizes against the same kind of reference.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch
import torchsde
from torch import Tensor

from sigbench.registry import make_task
from sigbench.sde.noise import NoiseStream
from sigbench.sde.problem import SDEProblem
from sigbench.studies.convergence.passes import FINER, ConvergenceSettings
from sigbench.studies.convergence.plan import plan_study
from sigbench.studies.convergence.study import measure_study

SOLVERS = {  # the suite's name: torchsde's method and calculus; on additive noise both calculi agree
    "torchsde-euler": ("euler", "ito"),
    "torchsde-milstein": ("milstein", "ito"),
    "torchsde-srk": ("srk", "ito"),
    "torchsde-heun": ("heun", "stratonovich"),
    "torchsde-midpoint": ("midpoint", "stratonovich"),
    "torchsde-reversible-heun": ("reversible_heun", "stratonovich"),
}


class Equation(torch.nn.Module):
    """The problem as torchsde's users write it."""

    def __init__(self, problem: SDEProblem, calculus: str) -> None:
        super().__init__()
        self.problem, self.sde_type, self.noise_type = problem, calculus, problem.noise_type

    def f(self, t: Tensor, y: Tensor) -> Tensor:
        """The drift."""
        return self.problem.drift(float(t), y)

    def g(self, t: Tensor, y: Tensor) -> Tensor:
        """The diffusion, a tensor for torchsde: (n, d) for diagonal noise, (n, d, d) for additive."""
        value = self.problem.diffusion(float(t), y)
        if isinstance(value, Tensor):
            return value
        return torch.eye(y.shape[1], dtype=y.dtype).mul_(value).expand(len(y), -1, -1)


@dataclass(frozen=True)
class Timed:
    """Seconds of a study, and the slopes that it found."""

    seconds: float
    slopes: dict[str, float]


def plain_loop(task: str, paths: int, steps: list[int], fine: int) -> Timed:
    """One `sdeint` for each solver and step size on one BrownianInterval; srk at `fine` steps, checked by heun."""
    began = time.perf_counter()
    problem = make_task(task).problem(torch.device("cpu"), torch.float64)
    x = problem.initial(NoiseStream(0, problem.shape, dtype=torch.float64).normal(0, paths, 0))
    horizon = problem.horizon
    path = torchsde.BrownianInterval(
        0.0,
        horizon,
        size=(paths, 1),
        dtype=torch.float64,
        entropy=1,
        dt=horizon / fine,
        levy_area_approximation="space-time",
    )
    times = torch.tensor([0.0, horizon], dtype=torch.float64)

    def run(name: str, n: int) -> Tensor:
        method, calculus = SOLVERS[name]
        equation = Equation(problem, calculus)
        with torch.no_grad():
            return torchsde.sdeint(equation, x, times, bm=path, method=method, dt=horizon / n)[-1]

    reference, check = run("torchsde-srk", fine), run("torchsde-heun", fine)
    print(f"the reference differs from its check by {float((reference - check).abs().mean()):.1e}", file=sys.stderr)
    slopes = {}
    for name in SOLVERS:
        errors = [float((run(name, n) - reference).abs().mean()) for n in steps]
        slopes[name] = float(np.polyfit(np.log(horizon / np.array(steps)), np.log(errors), 1)[0])
    return Timed(time.perf_counter() - began, slopes)


def suite(task: str, paths: int, levels: int, coarsest: int) -> Timed:
    """The suite's study of the same solvers: strong and weak orders with intervals."""
    began = time.perf_counter()
    settings = ConvergenceSettings(task, tuple(SOLVERS), paths=paths, levels=levels, coarsest=coarsest)
    found = {r.sampler: r.strong.order or float("nan") for r in measure_study(plan_study(settings))}
    return Timed(time.perf_counter() - began, found)


def main() -> None:
    """Runs both studies and prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="gmm")
    parser.add_argument("--paths", type=int, default=16384)
    parser.add_argument("--levels", type=int, default=4)
    parser.add_argument("--coarsest", type=int, default=16)
    asked = parser.parse_args()
    steps = [asked.coarsest * 2**k for k in range(asked.levels)]
    fine = steps[-1] * 2**FINER
    ours = suite(asked.task, asked.paths, asked.levels, asked.coarsest)
    theirs = plain_loop(asked.task, asked.paths, steps, fine)
    row = {
        "task": asked.task,
        "paths": asked.paths,
        "steps": steps,
        "reference_steps": fine,
        "threads": torch.get_num_threads(),
        "suite_s": ours.seconds,
        "plain_s": theirs.seconds,
        "ratio": theirs.seconds / ours.seconds,
        "suite_orders": ours.slopes,
        "plain_slopes": theirs.slopes,
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
