"""euler-maruyama against torchsde's Euler: through the suite, and by torchsde's own `sdeint` and noise.

Run with `python tests/benchmarks/bench_torchsde.py`. The three take turns, so that a busy machine slows all of
them; the ratios are of medians.
"""

from collections.abc import Callable
from statistics import median

import torch
import torchsde
from rich.console import Console
from rich.table import Table
from torch import Tensor

from sigbench.experiments.cell import Cell, Settings, plan_cells
from sigbench.experiments.run import sample_batch
from sigbench.records.timing import seconds_of
from sigbench.sde.problem import SDEProblem

STEPS, CPU = 20, torch.device("cpu")


class Equation:
    """The problem as a user of torchsde writes it."""

    noise_type, sde_type = "diagonal", "ito"

    def __init__(self, problem: SDEProblem) -> None:
        self.problem = problem

    def f(self, t: Tensor, y: Tensor) -> Tensor:
        """The drift."""
        return self.problem.drift(float(t), y)

    def g(self, t: Tensor, y: Tensor) -> Tensor:
        """The diffusion."""
        g = self.problem.diffusion(float(t), y)
        return g if isinstance(g, Tensor) else torch.full_like(y, g)


def plain_torchsde(cell: Cell, count: int) -> Callable[[], object]:
    """Returns a run of torchsde's public entry point with its own BrownianInterval, on equal steps."""
    horizon = cell.problem.horizon
    times, step = torch.tensor([0.0, horizon]), horizon / STEPS * (1 + 1e-6)

    def run() -> object:
        with torch.no_grad():
            start = torch.randn(count, 1)
            return torchsde.sdeint(Equation(cell.problem), start, times, method="euler", dt=step)

    return run


def suite(cell: Cell, count: int) -> Callable[[], object]:
    """Returns a run of one batch of a cell, noise included."""
    return lambda: sample_batch(cell, 0, 0, count)


def main() -> None:
    """Prints the median time of a batch and the ratios to euler-maruyama."""
    table = Table("batch", "ours", "torchsde-euler", "sdeint", "torchsde-euler / ours", "sdeint / ours")
    table.title = f"gmm, {STEPS} uniform steps, median milliseconds a batch"
    for count, rounds in ((256, 60), (10_000, 25)):
        settings = Settings("gmm", samples=count, batch=count, grid="uniform", device="cpu")
        ours, theirs = plan_cells(settings, ["euler-maruyama", "torchsde-euler"], [STEPS])
        runs = [suite(ours, count), suite(theirs, count), plain_torchsde(ours, count)]
        for run in runs:
            run()
        seconds = [[seconds_of(run, CPU) for run in runs] for _ in range(rounds)]
        a, b, c = (median(column) for column in zip(*seconds, strict=True))
        table.add_row(str(count), f"{a * 1e3:.2f}", f"{b * 1e3:.2f}", f"{c * 1e3:.2f}", f"{b / a:.1f}", f"{c / a:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
