"""Efficiency: NFE × the time of one bare network call on the same batch, over the time of sampling.

Run with `python tests/benchmarks/bench_efficiency.py`; the goal is 0.85 for euler-maruyama at batch 10⁴.
"""

import sys

from rich.console import Console
from rich.table import Table

from sigbench.experiments.cell import Settings, plan_cells
from sigbench.experiments.run import measure

SAMPLERS = ["euler-maruyama", "milstein", "ddim", "ddpm", "heun", "shark", "sra1", "torchsde-euler"]


def main() -> None:
    """Prints the efficiency of the samplers at 20 steps, 5 repeats of 4 batches of 10⁴."""
    samplers = sys.argv[1:] or SAMPLERS
    settings = Settings("gmm", samples=40_000, repeats=5, batch=10_000, device="cpu")
    table = Table("sampler", "NFE", "efficiency", "ns a sample", title="gmm, 20 steps, batch 10,000")
    for record in measure(plan_cells(settings, samplers, [20])):
        timing = record["timing"]
        assert timing is not None
        cost = timing["sample_s"]["value"] * 1e9
        table.add_row(record["sampler"], str(record["nfe"]), f"{timing['efficiency']:.2f}", f"{cost:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
