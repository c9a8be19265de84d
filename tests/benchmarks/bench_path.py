"""What the Brownian path costs: nanoseconds a sample, step and coordinate, beside fresh draws in the same run.

Run with `python tests/benchmarks/bench_path.py [--images]`, with nothing else on the machine; one thread, float32. A
walk asks for every step in order on a new batch, as `sigbench run` does. Printed are the best of the rounds' processor
times, which others on the machine disturb least, and how long the first walk took with a single sample, which lays out
the grid and makes the matrices.
"""

import argparse
from time import perf_counter, thread_time

import torch
from rich.console import Console
from rich.table import Table

from sigbench.sde.brownian import BrownianDriver, FreshBrownian
from sigbench.sde.clock import Layout, diffusion_clock
from sigbench.sde.grid import Grid
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.noise import NoiseStream
from sigbench.sde.path import BrownianPath
from sigbench.sde.schedule import VPLinear

GRIDS = (("quadratic", 5), ("quadratic", 20), ("quadratic", 300), ("karras", 5), ("log-snr", 5), ("log-snr", 20))
SCHEDULE = VPLinear()
ROUNDS = 9


def walk(driver: BrownianDriver, grid: Grid, order: int) -> float:
    """Returns the processor's seconds of asking for every step."""
    began = thread_time()
    for step in grid:
        driver.signature(step, order)
    return thread_time() - began


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", action="store_true", help="64 images of 28 × 28 instead of 10,000 numbers")
    shape, batch = ((1, 28, 28), 64) if parser.parse_args().images else ((1,), 10_000)
    torch.set_num_threads(1)
    numbers = batch * torch.Size(shape).numel()
    table = Table("grid", "fresh, order 1", "2", "path m=2, order 1", "2", "first walk", "path m=4, order 1", "2", "4")
    for name, steps in GRIDS:
        grid = diffusion_grid(name, steps, SCHEDULE)
        clock = diffusion_clock(SCHEDULE)
        scale = 1e9 / (steps * numbers)
        fresh = FreshBrownian(NoiseStream(1, shape), 0, batch, 2)
        paths = {m: BrownianPath(clock, m, NoiseStream(1, shape)) for m in (2, 4)}
        began = perf_counter()
        Layout(clock, grid.times, 2)
        walk(paths[2].on(grid, 0, 1), grid, 1)
        first = perf_counter() - began
        cases = [(None, 1), (None, 2), (2, 1), (2, 2), (4, 1), (4, 2), (4, 4)]
        times: dict[tuple[int | None, int], list[float]] = {case: [] for case in cases}
        for round_ in range(ROUNDS if steps < 100 else 3):  # the cases take turns, so that a busy machine slows all
            for m, order in cases:
                driver = fresh if m is None else paths[m].on(grid, (round_ + 1) * batch, batch)
                times[m, order].append(walk(driver, grid, order))
        cells = [f"{min(times[case]) * scale:.1f}" for case in cases]
        table.add_row(f"{name} {steps}", *cells[:4], f"{first:.2f} s", *cells[4:])
    Console().print(table)


if __name__ == "__main__":
    main()
