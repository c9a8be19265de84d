"""How long `sigbench leaderboard` takes over 50,000 records: of one task, and of four.

Run with `python tests/benchmarks/bench_leaderboard.py`; about a quarter of an hour and 700 MB of disk. Each command
runs three times, once the files are in the system's cache.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1]))

from made_records import made, metric

RECORDS = 50_000
SAMPLERS, STEPS, GRIDS = 40, 10, 5
TASKS = {
    "gmm": ("w1", "w2", "ks", "mode-tv", "mean-error", "var-error", "lost-variance", "mmd2"),
    "gmm2d": ("sliced-w2", "mode-tv", "mean-error", "var-error"),
    "mnist": ("fcd", "fcd-inf", "is", "kid", "sliced-w2", "precision", "recall", "density", "coverage", "class-tv"),
    "rbergomi": ("w1", "smile", "hurst", "w1-log-s", "w1-log-v", "autocorrelation", "leverage", "sig-w1", "forward"),
}


def write_store(folder: Path, tasks: tuple[str, ...]) -> None:
    """Writes sound records of made-up samplers, with as many metrics as the tasks have.

    A board holds 40 samplers at 10 numbers of steps on 5 grids; further records are of further seeds.
    """
    chance = random.Random(0)
    for number in range(RECORDS):
        task, place = tasks[number % len(tasks)], number // len(tasks)
        seed, cell = divmod(place, SAMPLERS * STEPS * GRIDS)
        sampler, steps, grid = cell // (STEPS * GRIDS), 2 + cell // GRIDS % STEPS, cell % GRIDS
        metrics = {name: metric(size := 0.01 + chance.random(), 0.05 * size) for name in TASKS[task]}
        names = {"grid": f"grid-{grid}", "times": [(i / steps) ** (1 + grid) for i in range(steps + 1)], "seed": seed}
        record = made(f"sampler-{sampler}", steps, metrics, task=task, **names)
        (folder / f"{record['key']}.json").write_text(json.dumps(record))


def seconds_of(*arguments: str | Path) -> float:
    """Returns the wall clock of a command of its own."""
    program = "from sigbench.cli.app import main; main()"
    began = perf_counter()
    subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=True, capture_output=True)
    return perf_counter() - began


def main() -> None:
    """Prints the times."""
    for tasks in (tuple(TASKS)[:1], tuple(TASKS)):
        with tempfile.TemporaryDirectory() as place:
            store, page = Path(place) / "store", Path(place) / "page" / "index.html"
            store.mkdir()
            write_store(store, tasks)
            commands: dict[str, tuple[str | Path, ...]] = {
                "show": ("leaderboard", "show", "--task", "gmm", "--records", store),
                "build": ("leaderboard", "build", "--records", store, "--out", page),
            }
            for name, command in commands.items():
                times = sorted(seconds_of(*command) for _ in range(3))
                print(f"{len(tasks)} task(s), {RECORDS:,} records, {name}: {', '.join(f'{t:.2f}' for t in times)} s")


if __name__ == "__main__":
    main()
