"""What a sampler's spec asks for: its cells, before anything is made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sigbench.abilities import teacher_of
from sigbench.errors import BadInput
from sigbench.measure.settings import Final, Settings, check_final
from sigbench.plug_ins import options_of
from sigbench.records.names import Role
from sigbench.registry import own_name, sampler_class
from sigbench.sde.grids.ends import ENDS
from sigbench.sde.grids.find import check_grid, family_named, family_options, listed_steps
from sigbench.sde.grids.names import is_file, is_list
from sigbench.spec import Spec, parse_plug_in, parse_spec
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
        _check_quotes(asked, own)
    spec, final = str(replace(bare, steps=None)), check_final(asked.options.get("final", settings.final))
    if bare.name == "teacher" and bare != Spec("teacher"):
        raise BadInput(f"{text}: the teacher has its own steps and options; write teacher, teacher:grid=G.")
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


def _check_quotes(asked: Spec, grid: str) -> None:
    """Raises BadInput where options of the grid were given to the sampler: a shell takes one pair of quotes away."""
    if is_list(grid) or is_file(grid) or asked.name == "teacher":
        return
    of_grid = {*family_options(family_named(parse_plug_in(grid).name)), *ENDS}
    of_sampler = options_of(sampler_class(asked.name))
    if stray := [f"{key}={value}" for key, value in asked.options.items() if key in of_grid and key not in of_sampler]:
        whole = f"{asked.name}:grid='{':'.join([grid, *stray])}'"
        raise BadInput(
            f'{stray[0]} is an option of the grid {grid}, and not of {asked.name}: write "{whole}", the outer quotes '
            "for the shell, which takes them away."
        )
