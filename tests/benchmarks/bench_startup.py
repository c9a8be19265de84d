"""The time to `sigbench --help`, which loads no torch; the goal is 0.4 s.

Run with `python tests/benchmarks/bench_startup.py`.
"""

import subprocess
import sys
import time
from statistics import median

from rich.console import Console
from rich.table import Table

COMMANDS = {
    "python -c pass": "pass",
    "import sigbench": "import sigbench",
    "sigbench --help": "import sys; sys.argv[1:] = ['--help']; from sigbench.cli.app import main; main()",
    "sigbench list": "import sys; sys.argv[1:] = ['list']; from sigbench.cli.app import main; main()",
}


def seconds_of(program: str) -> float:
    """Returns the wall-clock seconds of a fresh interpreter with `program`."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Prints the median of seven starts."""
    table = Table("command", "seconds", title="start-up, median of 7")
    for name, program in COMMANDS.items():
        table.add_row(name, f"{median(seconds_of(program) for _ in range(7)):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
