"""Grids that are tables: noise levels σ/α, or indices among 1,000 steps, interpolated for other numbers of steps.

The first and the last entry are the schedule's own ends, whatever the table says there: every sampler starts and stops
where the schedule does. Between entries the way is even in log(σ/α).
"""

from typing import Literal

import numpy as np

from sigbench.errors import BadInput
from sigbench.sde.grids.families import Times, finite_ends
from sigbench.sde.schedule import Schedule, as_array
from sigbench.spec import number

Model = Literal["sd1.5", "sdxl", "deepfloyd", "svd"]

# Sabour, Fidler & Kreis 2024 (arXiv 2404.14507), table 3.
AYS: dict[Model, tuple[float, ...]] = {
    "sd1.5": (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    "sdxl": (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
    "deepfloyd": (160.41, 8.081, 3.315, 1.885, 1.207, 0.785, 0.553, 0.293, 0.186, 0.030, 0.006),
    "svd": (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002),
}
_INDICES = 1000


def sigmas(steps: int, schedule: Schedule, *, values: str) -> Times:
    """A table of decreasing σ/α, such as values='14.6,3.9,1.4,0.03', even in log(σ/α) between its entries."""
    return _interpolated("sigmas", _numbers("sigmas", values), steps, schedule)


def indices(steps: int, schedule: Schedule, *, values: str) -> Times:
    """A table of decreasing indices of 1,000 steps, such as values='999,500,100,0': index i is at t = (i + 1)/1000."""
    times = (_numbers("indices", values) + 1.0) / _INDICES
    if not (schedule.t_end <= times[-1] and times[0] <= schedule.t_start):
        raise BadInput(
            f"the schedule runs from t={schedule.t_start:g} to t={schedule.t_end:g}, and the indices {values} "
            f"from t={times[0]:g} to t={times[-1]:g}."
        )
    return _interpolated("indices", np.exp(-as_array(schedule.log_snr(times))), steps, schedule)


def ays(steps: int, schedule: Schedule, *, model: Model = "sd1.5") -> Times:
    """Align Your Steps: levels found for a large model, sd1.5, sdxl, deepfloyd or svd (arXiv 2404.14507, table 3)."""
    return _interpolated(f"ays:model={model}", as_array(AYS[model]), steps, schedule)


def _interpolated(name: str, levels: Times, steps: int, schedule: Schedule) -> Times:
    """The times of a table, its ends the schedule's; inner levels must lie between those."""
    ends = finite_ends(name, schedule)
    inner = -np.log(levels[1:-1])
    if len(inner) and not (ends[0] < inner[0] and inner[-1] < ends[1]):
        raise BadInput(
            f"the grid {name!r} has levels σ/α from {levels[1]:g} to {levels[-2]:g} between its ends, and the schedule "
            f"{schedule.name!r} has those from {np.exp(-ends[0]):g} to {np.exp(-ends[1]):g}."
        )
    table = np.concatenate([ends[:1], inner, ends[1:]])
    places = np.linspace(0.0, len(table) - 1, steps + 1)
    return as_array(schedule.time_of_log_snr(np.interp(places, np.arange(len(table)), table)))


def _numbers(name: str, text: str) -> Times:
    found = [number(part) for part in text.split(",")]
    if None in found or len(found) < 2:
        raise BadInput(f"{name}:values is a list of two or more numbers between quotes, got {text!r}.")
    table = as_array(found)
    if not (np.diff(table) < 0).all() or (name == "sigmas" and table[-1] <= 0):
        raise BadInput(f"{name}:values decrease strictly, from noise to data, and stay above 0; got {text!r}.")
    return table
