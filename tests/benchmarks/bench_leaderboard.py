"""How long `sigbench leaderboard` takes over 50,000 records: of one task, and of four.

Run with `python tests/benchmarks/bench_leaderboard.py`; about two minutes and 700 MB of disk. Each command runs three
times, once the files are in the system's cache.
"""

import copy
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from sigbench.records.checks import digest_of

RECORDS = 50_000
RECORDS = Path(__file__).parents[2] / "leaderboard" / "records"
COMMITTED = ("gmm", "gmm2d", "mnist", "rbergomi")


def write_store(folder: Path, tasks: tuple[str, ...]) -> None:
    """Writes sound records of made-up samplers, each the copy of a real one with other numbers."""
    chance = random.Random(0)
    real = {
        task: [r for line in (RECORDS / f"{task}.jsonl").read_text().splitlines() if (r := json.loads(line))["metrics"]]
        for task in tasks
    }
    for number in range(RECORDS):
        own = real[tasks[number % len(tasks)]]
        record = copy.deepcopy(own[number // len(tasks) % len(own)])
        factor = 1 + chance.random()
        for metric in record["metrics"].values():
            for name in ("value", "low", "high", "floor", "floor_low", "floor_high"):
                metric[name] = None if metric[name] is None else factor * metric[name]
        record |= {"sampler": f"sampler-{number // 100}", "grid": f"grid-{number % 10}", "key": f"{number:020x}"}
        record["digest"] = digest_of(record)
        (folder / f"{record['key']}.json").write_text(json.dumps(record))


def seconds_of(*arguments: str | Path) -> float:
    """Returns the wall clock of a command of its own."""
    program = "from sigbench.cli.app import main; main()"
    began = perf_counter()
    subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=True, capture_output=True)
    return perf_counter() - began


def main() -> None:
    """Prints the times."""
    for tasks in (COMMITTED[:1], COMMITTED):
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
