"""Ends of a grid inside the schedule's: `t_start` and `t_end`, options that all families have."""

import copy
from collections.abc import Mapping

from sigbench.errors import BadInput
from sigbench.sde.schedule import Schedule

ENDS = ("t_start", "t_end")


def cut(schedule: Schedule, ends: Mapping[str, float]) -> Schedule:
    """Returns the schedule between other ends; raises BadInput where they do not lie in order within its own."""
    if not ends:
        return schedule
    start, end = ends.get("t_start", schedule.t_start), ends.get("t_end", schedule.t_end)
    if not schedule.t_end <= end < start <= schedule.t_start:
        raise BadInput(
            f"a grid runs from t_start down to t_end, within {schedule.t_start:g} and {schedule.t_end:g} of the "
            f"schedule {schedule.name!r}, not from {start:g} to {end:g}."
        )
    inner = copy.copy(schedule)
    inner.t_start, inner.t_end = start, end
    return inner
