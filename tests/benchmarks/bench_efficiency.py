"""Efficiency: what the suite adds to a network's calls and the noise, and to a plain loop in torch.

Run with `python tests/benchmarks/bench_efficiency.py [SAMPLER…]`. The first number is the one that `sigbench run`
records, (NFE × a bare network call + path) / sampling time. The second is what is left of a step, in nanoseconds a
sample. The third is Euler–Maruyama's time, path apart, over that of a loop without the suite on noise that was drawn
before: at most 1.2 at batch 10⁴ is the goal. Both take turns in every round, so that a busy machine slows both.
"""

import sys
from statistics import median
from time import perf_counter

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from sigbench.measure.batch import path_of, start_batch, walk_batch
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.registry import make_task
from sigbench.sde.problem import ReverseDiffusion
from sigbench_tasks.mixture.law import GaussianMixture, MixtureScore

SAMPLERS = ["euler-maruyama", "milstein", "ddim", "ddpm", "heun", "shark", "sra1", "torchsde-euler"]
STEPS, BATCH, ROUNDS = 20, 10_000, 40


def ratio_to_a_plain_loop(cell: Cell) -> float:
    """Returns the median over rounds of (a batch's time without its path) / (the plain loop's time)."""
    problem, truth = cell.problem, make_task("gmm").truth()
    assert isinstance(problem, ReverseDiffusion)
    assert isinstance(truth, GaussianMixture)
    score = MixtureScore(truth, problem.schedule, cell.device, cell.state_dtype)
    path, x0 = path_of(cell, 0, 0, BATCH), start_batch(cell, 0, 0, BATCH).x
    steps: list[tuple[float, float, float, float, float, Tensor]] = []
    for step in cell.grid:
        t = problem.time(step.start)
        rate, squared = (float(f(t)) for f in (problem.schedule.drift_rate, problem.schedule.diffusion_squared))
        noise = path.signature(step).increment.clone()
        steps.append((t, step.h, rate, squared, squared**0.5, noise))

    def plain() -> Tensor:
        x = x0
        for t, h, rate, squared, g, noise in steps:
            x = x + h * (squared * score(t, x) - rate * x) + g * noise
        return x

    ratios = []
    with torch.no_grad():
        torch.testing.assert_close(plain(), walk_batch(cell, 0, 0, BATCH).samples, rtol=0, atol=1e-3)
        for _ in range(ROUNDS):
            began = perf_counter()
            walked = walk_batch(cell, 0, 0, BATCH)
            middle = perf_counter()
            plain()
            ratios.append((middle - began - walked.path_seconds) / (perf_counter() - middle))
    return median(ratios)


def main() -> None:
    """Prints the three numbers."""
    table = Table("sampler", "NFE", "efficiency", "overhead (ns)", "path (ns)", "plain loop")
    table.title = f"gmm, {STEPS} steps, batch {BATCH:,}; ns a sample and step"
    cells = plan_cells(
        Settings("gmm", samples=4 * BATCH, repeats=5, batch=BATCH, device="cpu"), sys.argv[1:] or SAMPLERS, [STEPS]
    )
    for cell, record in zip(cells, measure(cells), strict=True):
        timing = record["timing"]
        assert timing is not None
        assert timing["efficiency"] is not None
        seconds, share = timing["sample_s"]["value"], timing["efficiency"]["value"]
        table.add_row(
            record["sampler"],
            str(record["nfe"]),
            f"{share:.2f}",
            f"{(1 - share) * seconds / STEPS * 1e9:.0f}",
            f"{timing['path_s']['value'] / STEPS * 1e9:.0f}",
            f"{ratio_to_a_plain_loop(cell):.2f}" if record["sampler"] == "euler-maruyama" else "",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
