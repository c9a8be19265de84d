"""Observed times as places on the simulator's grid."""

from collections.abc import Sequence

import numpy as np

from sigbench.errors import BadInput
from sigbench_tasks.rbergomi.specification import Specification

_SAME = 1e-6  # of the horizon: times are written with few digits


def observed_places(
    times: Sequence[float], horizon: float, steps: int | None, between: tuple[int, int]
) -> tuple[int, tuple[int, ...]]:
    """Returns the simulator's steps up to the horizon, and the places of observed times on its grid, from 1.

    Where `steps` are not given they are the fewest `between` two numbers whose grid has all the times. Raises BadInput
    for times that do not increase from 0, leave the horizon, or lie on no such grid.
    """
    before = 0.0
    for time in times:
        if not before < time:
            raise BadInput(f"rbergomi.times: times are positive and increase, and {time:g} does not.")
        before = time
    if times[-1] > horizon * (1 + _SAME):
        raise BadInput(f"rbergomi.times: {times[-1]:g} lies beyond the horizon of {horizon:g} years.")
    for count in (steps,) if steps is not None else range(between[0], between[1] + 1):
        exact = np.asarray(times) * count / horizon
        places = np.rint(exact)
        if (np.abs(exact - places) <= _SAME * count).all() and (np.diff(places, prepend=0) > 0).all():
            return count, tuple(int(place) for place in places)
    if steps is None:
        raise BadInput(
            f"rbergomi.times: no grid of {between[0]:,} to {between[1]:,} equal steps up to {horizon:g} years has all "
            "of these times: move them to one, or to more digits."
        )
    off = next(time for time in times if abs(time * steps / horizon - round(time * steps / horizon)) > _SAME * steps)
    raise BadInput(f"rbergomi.times: {off:g} is no multiple of the step, {horizon:g}/{steps} years (fine_steps).")


def place_of(specification: Specification, time: float, where: str) -> int:
    """Returns the number of an observed time, from 0; raises BadInput, with the nearest, for what is none."""
    known = specification.times
    place = int(np.abs(known - time).argmin())
    if not abs(known[place] - time) <= _SAME * specification.horizon:
        raise BadInput(
            f"{where}: paths are not seen at {time:g} years: the nearest observed time is {known[place]:.6g}."
        )
    return place
