"""How a sampler of this suite is set up in diffusers: a line of Python for whoever deploys it there.

Which scheduler a sampler is, and with which options, is read off the allow-list, whose entries tests hold to it.
"""

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

from sigbench.adapter import Placement
from sigbench.errors import BadInput
from sigbench.sampler import Sampler
from sigbench.sde.schedule import Flow
from sigbench_baselines.adapters.diffusers.allowed import ALLOWED, Scheduler, refused_together

_SPACINGS = {
    "uniform": ("timestep_spacing", '"linspace"'),
    "karras": ("use_karras_sigmas", "True"),
    "log-snr": ("use_exponential_sigmas", "True"),
    "exponential": ("use_exponential_sigmas", "True"),
    "beta": ("use_beta_sigmas", "True"),
}
_UNCUT = ("clip_sample", "thresholding")  # what the suite never does to a prediction, and a configuration may ask for
_ENDS = ("final_sigmas_type", '"sigma_min"')  # where the samples of a walk without a denoising call are taken


def line_of(sampler: Sampler, make: Callable[[str], Sampler], place: Placement) -> str | None:
    """Returns the Python that sets a sampler up in diffusers, None where no scheduler there is the same.

    Of several schedulers it is one that takes times of one's own. What ends otherwise there is none of them: Heun's
    rule, which goes on to no noise by a step of Euler's, and with a denoising call a multistep sampler whose last steps
    are of lower orders.
    """
    found = [
        (entry, cls, options)
        for entry, name, options in _same(sampler, make, flow=isinstance(place.schedule, Flow))
        if (cls := getattr(importlib.import_module("diffusers"), name, None)) is not None
    ]
    if not found:
        return None
    found = [each for each in found if _ends_alike(*each, place.denoised)]
    if not found:
        return None
    entry, cls, options = next((each for each in found if _takes_times(each[1])), found[0])
    takes = inspect.signature(cls.__init__).parameters
    given = {key: repr(value) for key, value in options.items() if key in takes}
    given |= {key: "False" for key in _UNCUT if key in takes}
    if not place.denoised and _ENDS[0] in takes:
        given[_ENDS[0]] = _ENDS[1]
    told = "".join(f"; each step takes {key}={options[key]}" for key in entry.by_step if key in options)
    if _takes_times(cls):
        times = ", ".join(str(round(step)) for step in place.steps)
        return f"{_made(cls, given)}; scheduler.set_timesteps(timesteps=[{times}]){told}"
    spacing = _SPACINGS.get(place.grid.partition(":")[0])
    if spacing is None or spacing[0] not in takes:
        return f"{_made(cls, given)}; it takes no times of one's own, and has none like {place.grid}{told}"
    given[spacing[0]] = spacing[1]
    count, end = len(place.steps), ""
    if not place.denoised and spacing[0].startswith("use_"):  # these levels hold the last one, which it then repeats
        count, end = count + 1, ", its last call moves nothing"
    return f"{_made(cls, given)}; scheduler.set_timesteps({count}), its times nearest to {place.grid}{end}{told}"


def _ends_alike(entry: Scheduler, cls: Any, options: Mapping[str, Any], denoised: bool) -> bool:
    """Whether the scheduler's last step is the sampler's."""
    if denoised:
        return not options.get("lower_order_final", False)
    return entry.drive != "twice" or _ENDS[0] in inspect.signature(cls.__init__).parameters


def _takes_times(cls: Any) -> bool:
    return "timesteps" in inspect.signature(cls.set_timesteps).parameters


def _made(cls: Any, options: Mapping[str, str]) -> str:
    written = "".join(f", {key}={value}" for key, value in options.items())
    return f"scheduler = {cls.__name__}.from_config(pipe.scheduler.config{written})"


def _same(
    sampler: Sampler, make: Callable[[str], Sampler], *, flow: bool
) -> Iterator[tuple[Scheduler, str, dict[str, Any]]]:
    """The schedulers that make the states of `sampler`, of flows or of none, with their options."""
    for name, entry in ALLOWED.items():
        if entry.equal is None or "Parallel" in name or (entry.units == "flow") != flow:
            continue
        for options in _options_of(entry):
            if refused_together(name, options) is not None:
                continue
            try:
                ours = make(entry.equal(options))
            except BadInput:
                continue  # an option that only the scheduler has
            if type(ours) is type(sampler) and vars(ours) == vars(sampler):
                yield entry, name, options


def _options_of(entry: Scheduler) -> Iterator[dict[str, Any]]:
    """Every choice of an entry's tested options, the defaults first."""
    values = [
        [option.default, *(value for value in option.tested if value != option.default)]
        for option in entry.options.values()
    ]
    for chosen in product(*values):
        yield dict(zip(entry.options, chosen, strict=True))
