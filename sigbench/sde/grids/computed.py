"""Grids that were computed for a sampler, in the files that `sigbench grid` writes and `--grid FILE.json` takes.

A file says what it was computed for and how, and is sealed by its hash, so that a time changed by hand is seen.
"""

import hashlib
import json
from typing import Any

import msgspec
import numpy as np

from sigbench.errors import BadInput
from sigbench.files import MOST_TEXT, document, read_file
from sigbench.sde.grids.names import HASH
from sigbench.sde.schedule import Schedule

KIND, SCHEMA = "sigbench grid", 1


class ComputedGrid(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The times of `steps` steps, decreasing in the diffusion time, and where they come from.

    `candidates` is how many grids were tried, `scores` what the chosen one (under "chosen") and known ones came to by
    `criterion`, on noise under `seed`, which is that of no record. `times` are diffusion times.
    """

    kind: str
    schema: int
    task: str
    task_version: int
    conditions: dict[str, float]
    schedule: dict[str, Any]
    sampler: str
    steps: int
    times: list[float]
    method: str
    how: str
    criterion: str
    candidates: int
    scores: dict[str, float]
    samples: int
    repeats: int
    seed: int
    sigbench: str
    hash: str = ""

    @property
    def name(self) -> str:
        """How records call the grid: its method, and enough of its hash to know it by."""
        return f"{self.method}-{self.hash[:HASH]}"

    def check_schedule(self, schedule: Schedule, steps: int) -> None:
        """Raises BadInput where the grid is of another schedule, or of another number of steps."""
        if self.schedule != (here := facts_of(schedule)):
            raise BadInput(
                f"the grid {self.name} was computed under the schedule {_written(self.schedule)}, and here is "
                f"{_written(here)}."
            )
        if self.steps != steps:
            raise BadInput(f"the grid {self.name} was computed for {self.steps} steps, not for {steps}.")

    def check_task(self, task: str, version: int) -> None:
        """Raises BadInput where the grid is another task's, or another version's."""
        if (self.task, self.task_version) != (task, version):
            raise BadInput(
                f"the grid {self.name} was computed on version {self.task_version} of the task {self.task!r}, and here "
                f"is version {version} of {task!r}: compute it anew, by `sigbench grid`."
            )


def facts_of(schedule: Schedule) -> dict[str, Any]:
    """Returns what tells schedules apart: name, ends and constants."""
    constants = {name: float(value) for name, value in vars(schedule).items() if isinstance(value, int | float)}
    return {"name": schedule.name, "t_start": float(schedule.t_start), "t_end": float(schedule.t_end), **constants}


def hash_of(grid: ComputedGrid) -> str:
    """Returns the hash of everything in a grid but its hash."""
    facts = {**msgspec.to_builtins(grid), "hash": ""}
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def to_text(grid: ComputedGrid) -> str:
    """Returns a grid as its file holds it."""
    return json.dumps(msgspec.to_builtins(grid), indent=1, ensure_ascii=False) + "\n"


def read_grid(path: str) -> ComputedGrid:
    """Returns the grid of a file; raises BadInput where there is none, or one that was changed."""
    data = read_file(path, "the grid", MOST_TEXT)
    with document(f"the grid {path}"):
        return _parsed(data, path)


def _parsed(data: bytes, path: str) -> ComputedGrid:
    try:
        grid = msgspec.json.decode(data, type=ComputedGrid)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadInput(f"{path} is no grid that `sigbench grid` wrote: {str(error)[:200]}.") from None
    if (grid.kind, grid.schema) != (KIND, SCHEMA):
        raise BadInput(f"{path} is a {grid.kind!r} of schema {grid.schema}, not a {KIND!r} of schema {SCHEMA}.")
    if hash_of(grid) != grid.hash:
        raise BadInput(f"the grid {path} was changed since it was computed: it does not fit its hash.")
    if len(grid.times) != grid.steps + 1 or not (np.diff(grid.times) < 0).all():
        raise BadInput(f"the grid {path} has no {grid.steps} steps that go from noise to data.")
    return grid


def _written(facts: dict[str, Any]) -> str:
    constants = ", ".join(f"{name}={value:g}" for name, value in facts.items() if name != "name")
    return f"{facts.get('name')!r} ({constants})"
