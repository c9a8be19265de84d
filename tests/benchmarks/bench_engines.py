"""What an engine costs a cell beside the measuring itself, and whether local sweeps are as fast as another checkout's.

The goals are below 5 ms a cell on `local`, 20 ms on `ray`, 100 ms on `dask`: claims, pickling, transport and the record
in the store, of one worker that is warm.

    python tests/benchmarks/bench_engines.py
    python tests/benchmarks/bench_engines.py --engines local --against ../main --times 5
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from sigbench.records.store import Store
from sigbench.sweep.engines.choice import read_engine
from sigbench.sweep.file import read_sweep
from sigbench.sweep.plan import PlannedCell, plan_sweep
from sigbench.sweep.run import run_sweep

ROOT = Path(__file__).parents[2]
GOALS = {"local": 5.0, "ray": 20.0, "dask": 100.0}  # milliseconds
SMALL = (
    'device = "cpu"\ntasks = ["gmm"]\nsamples = 50\nrepeats = 1\nsamplers = ["ddim", "heun", "shark"]\nsteps = [2, 3]\n'
)
WARM = 5  # cells that are not counted
STEADY = (
    'tasks = ["gmm"]\nsamples = 2000\nrepeats = 3\ndevice = "cpu"\nsamplers = ["ddim", "heun", "shark", "sigdeg"]\n'
)


def cells_in(folder: Path, seeds: int) -> list[PlannedCell]:
    """Returns the cells of a small sweep of so many seeds."""
    (folder / "sweep.toml").write_text(f"{SMALL}seeds = {list(range(seeds))}\n")
    return plan_sweep(read_sweep(folder / "sweep.toml")).cells


def milliseconds_a_cell(engine: str, seeds: int) -> float:
    """Returns what a cell takes beside the seconds for which its worker was at it, in one worker: the median of all."""
    with tempfile.TemporaryDirectory() as place, read_engine(engine).open(1, 1) as opened:
        cells, found, last = cells_in(Path(place), seeds), [], 0.0
        for event in run_sweep(cells, Store(Path(place) / "store"), opened):
            if event.what == "finished":
                found.append(time.perf_counter() - last - event.seconds)
                last = time.perf_counter()
    return 1e3 * median(found[WARM:])


@contextmanager
def dask_scheduler() -> Iterator[str]:
    """Yields the address of a scheduler with one worker, on this machine."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def seconds_of_sweep(checkout: Path, folder: Path) -> float:
    """Returns how long `sigbench sweep` takes with the code of a checkout, from start to end."""
    links = folder / f"links-{abs(hash(checkout))}"
    names = tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    if not links.exists():
        links.mkdir()
        for package, own in names.items():
            (links / package).symlink_to(checkout / own, target_is_directory=True)
    program = "from sigbench.cli.app import main\nif __name__ == '__main__':\n    main()\n"
    (links / "sweep_program.py").write_text(program)
    (folder / "sweep.toml").write_text(f"{STEADY}steps = {list(range(2, 17))}\n")
    with tempfile.TemporaryDirectory() as store:
        command = [sys.executable, "-m", "sweep_program", "sweep", str(folder / "sweep.toml"), "--store", store]
        environment = {**os.environ, "PYTHONPATH": str(links), "GIT_DIR": os.devnull}
        began = time.perf_counter()
        done = subprocess.run([*command, "--workers", "2", "--threads", "1"], env=environment, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        assert re.search(rb"60 of 60 cells measured", done.stderr), done.stderr.decode()
        return time.perf_counter() - began


def main() -> None:
    """Prints the cost a cell of each engine, and the ratio to another checkout's local sweep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", default="local,ray,dask")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--times", type=int, default=3)
    chosen = parser.parse_args()
    table = Table("engine", "ms a cell", "goal", title=f"{6 * chosen.seeds} small cells on one worker")
    for engine in filter(None, chosen.engines.split(",")):
        if engine == "dask":
            with dask_scheduler() as address:
                found = milliseconds_a_cell(f"dask:{address}", chosen.seeds)
        else:
            found = milliseconds_a_cell(engine, chosen.seeds)
        table.add_row(engine, f"{found:.1f}", f"{GOALS[engine]:.0f}")
    Console().print(table)
    if chosen.against is not None:
        with tempfile.TemporaryDirectory() as place:
            pairs = []
            for turn in range(chosen.times):
                order = (ROOT, chosen.against.resolve())[:: 1 if turn % 2 else -1]
                took = {checkout: seconds_of_sweep(checkout, Path(place)) for checkout in order}
                pairs.append((took[ROOT], took[chosen.against.resolve()]))
        ratio = median(ours / theirs for ours, theirs in pairs)
        text = ", ".join(f"{ours:.1f} s to {theirs:.1f} s" for ours, theirs in pairs)
        print(f"60 cells on two local workers, this checkout to {chosen.against}: {text}; median ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
