"""What a sampler's spec asks for: its cells, before anything is made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sigbench.abilities import teacher_of
from sigbench.errors import BadInput
from sigbench.measure.settings import Final, Settings, check_final
from sigbench.records.names import Role
from sigbench.registry import own_name
from sigbench.sde.grids.find import check_grid, listed_steps
from sigbench.spec import Spec, parse_spec
from sigbench.task import Task

CELL_KEYS = ("grid", "final")  # of a sampler's spec, and no options of its class


@dataclass(frozen=True, slots=True)
class Variant:
    """A cell as it is asked for: `spec` has the options of its class alone, and `grid` is None where it names none."""

    role: Role
    spec: str
    final: Final
    steps: int
    grid: str | None


def expand(text: str, steps: Sequence[int], task: Task, settings: Settings) -> list[Variant]:
    """Returns the cells that a sampler's spec stands for, at `steps` unless it has a number of its own.

    A grid that lists its times, or was computed, has one. Raises BadInput where the task has no teacher.
    """
    asked = parse_spec(own_name(text))  # one record, whatever name was asked for
    bare, own = asked.without(*CELL_KEYS), asked.options.get("grid")
    if own is not None:
        check_grid(own)
    spec, final = str(replace(bare, steps=None)), check_final(asked.options.get("final", settings.final))
    if bare == Spec("teacher"):
        if (teacher := teacher_of(task)) is None:
            raise BadInput(f"the task {task.name!r} has no teacher.")
        return [Variant("teacher", teacher.scheme, final, teacher.steps, own or settings.grid or teacher.grid)]
    counts: Sequence[int] = steps or task.default_steps
    if asked.steps is not None:
        counts = [asked.steps]
    elif (listed := listed_steps(own or (None if steps else settings.grid))) is not None:
        counts = [listed]
    return [Variant("sampler", spec, final, count, own) for count in counts]
