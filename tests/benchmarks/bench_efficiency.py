"""Efficiency: NFE × the time of one bare network call on the same batch, over the time of sampling.

Run with `python tests/benchmarks/bench_efficiency.py [SAMPLER…]`; the goal is 0.85 for euler-maruyama at batch
10⁴. The first number is the one that `sigbench run` records. The second comes from rounds in which a batch and as
many bare calls take turns, so that a busy machine slows both: the median of the rounds' ratios.
"""

import sys
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from sigbench.measure.batch import walk_batch
from sigbench.measure.cell import Cell, Settings, plan_cells
from sigbench.measure.run import measure
from sigbench.measure.timing import seconds_of

SAMPLERS = ["euler-maruyama", "milstein", "ddim", "ddpm", "heun", "shark", "sra1", "torchsde-euler"]
STEPS, BATCH, ROUNDS, CPU = 20, 10_000, 30, torch.device("cpu")


def taking_turns(cell: Cell) -> float:
    """Returns the median over rounds of (bare calls' time) / (batch's time)."""
    counter = cell.problem.counter
    ratios = []
    for _ in range(ROUNDS):
        batch = seconds_of(lambda: walk_batch(cell, 0, 0, BATCH), CPU)
        calls = seconds_of(lambda: [counter.replay() for _ in range(counter.calls)], CPU)
        ratios.append(calls / batch)
    return median(ratios[1:])


def main() -> None:
    """Prints both efficiencies of each sampler."""
    table = Table("sampler", "NFE", "recorded", "taking turns", "ns a sample")
    table.title = f"efficiency on gmm, {STEPS} steps, batch {BATCH:,}"
    cells = plan_cells(
        Settings("gmm", samples=4 * BATCH, repeats=5, batch=BATCH, device="cpu"), sys.argv[1:] or SAMPLERS, [STEPS]
    )
    for cell, record in zip(cells, measure(cells), strict=True):
        timing = record["timing"]
        assert timing is not None
        table.add_row(
            record["sampler"],
            str(record["nfe"]),
            f"{timing['efficiency']['value']:.2f}",
            f"{taking_turns(cell):.2f}",
            f"{timing['sample_s']['value'] * 1e9:.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
