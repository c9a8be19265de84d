"""The command line that measures a record's cell again."""

import shlex

from sigbench.records.names import spec_of
from sigbench.records.record import Record


def command_of(record: Record) -> tuple[str, str]:
    """Returns the command that reproduces a record in two halves: what names the cell, and its settings."""
    cell = ["sigbench", "run", "--task", record["task_spec"], "--sampler", spec_of(record)]
    if record["role"] != "teacher":
        cell += ["--steps", str(record["steps"])]
    made, asked = record["provenance"], record["asked"]
    options: dict[str, object] = {
        "--samples": record["samples"],
        "--repeats": record["repeats"],
        "--seed": record["seed"],
        "--grid": record["grid"],
    }
    options |= {f"--{name}": f"{value:g}" for name, value in record["conditions"].items()}
    options |= {"--batch": asked["batch"], "--dtype": asked["dtype"]}
    if record["noise"]["paths"] != "shared":
        options["--noise"] = record["noise"]["paths"]
    if asked["nfe"] is not None:
        options["--nfe"] = asked["nfe"]
    options["--device"] = made.get("device", "cpu")
    settings = shlex.join(str(word) for option in options.items() for word in option)
    threads = made.get("threads")
    start = f"OMP_NUM_THREADS={threads} " if isinstance(threads, int) else ""
    return start + shlex.join(cell), settings
