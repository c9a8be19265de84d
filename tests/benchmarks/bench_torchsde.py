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

from sigbench.measure.batch import walk_batch
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.settings import Settings
from sigbench.measure.timing import seconds_of
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
    return lambda: walk_batch(cell, 0, 0, count)


def bare_calls(cell: Cell) -> Callable[[], object]:
    """Returns a run of the network calls alone that the cell's last batch made."""
    counter = cell.problem.counter
    return lambda: [counter.replay() for _ in range(STEPS)]


def main() -> None:
    """Prints median times of a batch, their ratios to euler-maruyama, and the same beyond the network's own time."""
    names = ("euler-maruyama", "torchsde-euler", "sdeint")
    table = Table("batch", "run", "ms", "ratio", "ms beyond the network", "ratio")
    table.title = f"gmm, {STEPS} uniform steps, medians of a batch"
    for count, rounds in ((256, 100), (10_000, 30)):
        settings = Settings("gmm", samples=count, batch=count, grid="uniform", device="cpu")
        ours, theirs = plan_cells(settings, ["euler-maruyama", "torchsde-euler"], [STEPS])
        runs = [suite(ours, count), suite(theirs, count), plain_torchsde(ours, count), bare_calls(theirs)]
        for run in runs:
            run()
        seconds = [[seconds_of(run, CPU) for run in runs] for _ in range(rounds)]
        *medians, bare = (median(column) * 1e3 for column in zip(*seconds, strict=True))
        for name, ms in zip(names, medians, strict=True):
            beyond, least = ms - bare, medians[0] - bare
            table.add_row(
                f"{count:,}",
                name,
                f"{ms:.2f}",
                f"{ms / medians[0]:.1f}",
                f"{beyond:.2f}",
                f"{beyond / least:.1f}" if least > 0.02 * bare else "–",
                end_section=name == names[-1],
            )
    Console().print(table)


if __name__ == "__main__":
    main()
