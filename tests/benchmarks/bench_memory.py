"""Peak memory of euler-maruyama at 10, 100 and 1,000 steps: it must not grow with the number of steps.

Run with `python tests/benchmarks/bench_memory.py`. Each step count has a process of its own, because an
allocator keeps what an earlier run has freed.
"""

from multiprocessing import get_context

from rich.console import Console
from rich.table import Table

SAMPLES = 16_384


def peak_mb(steps: int) -> float | None:
    """Returns the peak memory of sampling one batch above what was held before, ."""
    import torch

    from sigbench.measure.batch import walk_batch
    from sigbench.measure.cell import plan_cells
    from sigbench.measure.settings import Settings
    from sigbench.measure.timing import PeakMemory

    torch.set_num_threads(1)
    (cell,) = plan_cells(Settings("gmm", samples=SAMPLES, device="cpu"), ["euler-maruyama"], [steps])
    with PeakMemory(torch.device("cpu")) as memory:
        walk_batch(cell, 0, 0, SAMPLES)
    return memory.mb


def main() -> None:
    """Prints the peak for each number of steps, beside what all states together would take."""
    table = Table("steps", "peak MB", "MB of all states", title=f"euler-maruyama on gmm, {SAMPLES:,} samples at once")
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for steps in (10, 100, 1000):
            mb = pool.apply(peak_mb, (steps,))
            table.add_row(str(steps), "–" if mb is None else f"{mb:.1f}", f"{steps * SAMPLES * 4 / 2**20:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
