"""The command line that measures a record's cell again."""

import shlex
from collections.abc import Iterable

from sigbench.records.names import spec_of
from sigbench.records.record import Record
from sigbench.report.text import printable


def shell_line(*words: Iterable[object]) -> str:
    """Returns a command that a reader can copy: no word of it, whatever a record says, is more to a shell than a word.

    A line break or another control character would be shown as something else than it is, and is replaced.
    """
    return shlex.join(printable(str(word)) for some in words for word in some)


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
    settings = shell_line(*options.items())
    threads = made.get("threads")
    start = f"OMP_NUM_THREADS={threads} " if isinstance(threads, int) else ""
    return start + shell_line(cell), settings
