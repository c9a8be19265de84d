"""`diffusers:SCHEDULER[:option=value…]`: a scheduler of an installed diffusers as a sampler."""

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor

from sigbench.adapter import Adapter, Placement, Target
from sigbench.errors import BadInput, unknown_name
from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.adapters.diffusers.allowed import ALLOWED, Scheduler, refused_together
from sigbench_baselines.adapters.diffusers.driving import tell
from sigbench_baselines.adapters.diffusers.line import line_of
from sigbench_baselines.adapters.diffusers.refused import REFUSED, REFUSED_OPTIONS, SET
from sigbench_baselines.adapters.facts import AdaptedSampler, adapted_class, default_values
from sigbench_baselines.adapters.levels import levels_on
from sigbench_baselines.adapters.noise import PathNormals
from sigbench_baselines.half_log_snr import reverse_diffusion
from sigbench_baselines.multistep import is_known

_MOST_STOCK = 1000  # the stock table's length, which a grid may be longer than


class DiffusersAdapter(Adapter):
    """Schedulers of diffusers that tests hold to samplers of this suite or to an exact solution."""

    name = "diffusers"
    title = "a scheduler of diffusers, by the name of its class"

    def sampler_class(self, target: str) -> type[Sampler]:
        return _class_of(target)

    def allowed(self) -> Mapping[str, Target]:
        return {name: Target(tuple(entry.options), _held_to(entry)) for name, entry in sorted(ALLOWED.items())}

    def refused(self) -> Mapping[str, str]:
        return REFUSED

    def line(self, sampler: Sampler, make: Callable[[str], Sampler], place: Placement) -> str | None:
        return line_of(sampler, make, place)


def _held_to(entry: Scheduler) -> str:
    if entry.equal is None:
        return "an exact solution"
    return entry.equal(default_values(entry)).partition(":")[0]


class DiffusersSampler(AdaptedSampler):
    """A scheduler of diffusers on the grid's own levels, with the path's noise.

    The walk is diffusers' `step`, told σ/α of the grid in float64; the network is asked for ε at our times, and a state
    is the scheduler's times a number. Noise is ΔW/√h.
    """

    packages: ClassVar[tuple[str, ...]] = ("diffusers",)
    refused_options: ClassVar[Mapping[str, str]] = REFUSED_OPTIONS
    entry: ClassVar[Scheduler]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.final_step = _final_step(self.entry, self.options)

    def refused_together(self) -> str | None:
        return refused_together(self.target, self.options)

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns one call a step; Heun's rule takes two, and PNDM one more where there are two steps."""
        more = self.entry.drive == "pseudo" and grid.steps > 1
        return self.entry.calls_a_step * grid.steps + more

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        return self._walk(problem, [x], grid, brownian)

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        if not self.entry.remembers:
            return super().resume(problem, states, grid, brownian)
        return self._walk(problem, states, grid, brownian)

    def _walk(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        """The walk behind known states: of those but the last only what the scheduler remembers is taken."""
        problem, x = reverse_diffusion(problem), states[-1]
        levels = levels_on(problem, grid, self.name)
        scheduler = self._scheduler(grid.steps)
        calls = tell(scheduler, levels, self.entry)
        alpha, sigma = levels.alpha_in(self.entry.units), levels.sigma_in(self.entry.units)
        scale = alpha / levels.alpha
        by_step = {name: self.options[name] for name in self.entry.by_step}
        y = states[0] * scale[0]
        for step, of_step in zip(grid, calls, strict=True):
            normals = PathNormals(brownian, step, self.signature_order)
            for level, time in of_step:
                eps = problem.denoiser.eps(float(levels.t[level]), y / scale[level])
                output = _asked_for(self.target, eps, y, alpha[level], sigma[level])
                with normals:
                    y = scheduler.step(output, time, y, **by_step).prev_sample.to(x.dtype)
            if is_known(states, step):
                y = states[step.index + 1] * scale[step.index + 1]
                scheduler.last_sample = None  # a known state is not to be corrected
            else:
                yield y / scale[step.index + 1]

    def _scheduler(self, steps: int) -> Any:
        """A new scheduler with these options, and with what the adapter sets of the rest."""
        cls = _scheduler_of_diffusers(self.target)
        own = inspect.signature(cls.__init__).parameters
        set_here = {name: value for name, value in SET.items() if name in own}
        given = {name: value for name, value in self.options.items() if name not in (*self.entry.by_step, "tau")}
        if "num_train_timesteps" in own:
            # A table has a timestep for each step; of the rest the stock table is overwritten, and only long enough.
            by_table = self.entry.drive in ("table", "pseudo")
            set_here["num_train_timesteps"] = steps if by_table else max(steps, _MOST_STOCK)
        if self.entry.blocks is not None:  # diffusers would do so with a warning
            set_here["lower_order_final"] = steps % self.options[self.entry.blocks] > 0
        if "tau" in self.options:
            given["tau_func"] = _tau(self.options["tau"])
        return cls(**set_here, **given)


def _tau(value: float) -> Any:
    """SA-Solver's τ(t): `value` where 0.2 ≤ t ≤ 0.8, as by default, and 0 elsewhere."""

    def tau(time: Tensor) -> Tensor:
        return torch.tensor(value if 200.0 <= time <= 800.0 else 0.0, dtype=torch.float64)

    return tau


def _asked_for(target: str, eps: Tensor, y: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """What the scheduler takes for its network's output, in the units of its state y = α·x0 + σ·ε."""
    if target == "IPNDMScheduler":
        return alpha * eps - sigma * ((y - sigma * eps) / alpha)  # v
    if target.startswith("FlowMatch"):
        return eps - (y - sigma * eps) / alpha  # the velocity ε − x0
    return eps


def _final_step(entry: Scheduler, options: Mapping[str, Any]) -> str:
    """What records say of the end of a walk, and of what else no number shows."""
    said = ["the last step is to the grid's last time"]
    if entry.quiet_end:
        said = ["the last step adds no noise: samples are its mean at the grid's last time"]
    if options.get("lower_order_final"):
        said.append("the last steps are of lower orders as diffusers has it")
    if entry.blocks is not None:
        said.append("steps behind the last whole block are of order 1")
    if entry.single:
        said.append("diffusers computes the steps in float32")
    return "; ".join(said)


@cache
def _class_of(target: str) -> type[Sampler]:
    """The sampler class of a scheduler; raises BadInput for one that is not taken."""
    spec = f"{DiffusersAdapter.name}:{target}"
    if target in REFUSED:
        raise BadInput(f"{spec} is refused: {REFUSED[target]}.")
    if target not in ALLOWED:
        raise _unknown(target)
    _scheduler_of_diffusers(target)
    entry = ALLOWED[target]
    doc = f"diffusers' {target} on the grid's own levels ({entry.source})."
    citation = f"{entry.source}; github.com/huggingface/diffusers, {target}"
    return adapted_class(DiffusersSampler, spec, entry, doc, citation)


def _diffusers() -> Any:
    if importlib.util.find_spec("diffusers") is None:
        raise BadInput("diffusers:… needs diffusers, which is not installed: pip install 'sigbench[diffusers]'.")
    try:
        return importlib.import_module("diffusers")
    except Exception as error:  # a library of its own that does not fit kills the import in many ways
        raise BadInput(f"diffusers is installed and cannot be imported: {type(error).__name__}: {error}.") from error


def _unknown(target: str) -> BadInput:
    """The error for a name on no list: of another scheduler, of something else of diffusers, or of nothing."""
    found = _diffusers()
    if target in dir(found) or target in getattr(found, "_import_structure", ()):
        base = importlib.import_module("diffusers.schedulers.scheduling_utils").SchedulerMixin
        thing = getattr(importlib.import_module("diffusers.schedulers"), target, None)
        if inspect.isclass(thing) and issubclass(thing, base):
            return BadInput(
                f"diffusers:{target} is refused: nothing in this suite holds it to a sampler or to an exact solution; "
                f"taken are {', '.join(ALLOWED)}."
            )
        return BadInput(f"diffusers:{target} is no scheduler; taken are {', '.join(ALLOWED)}.")
    return unknown_name("scheduler of diffusers", target, ALLOWED)


def _scheduler_of_diffusers(target: str) -> Any:
    """The class of an installed diffusers; raises BadInput where that version has none such."""
    found = getattr(_diffusers(), target, None)
    if found is None:
        raise BadInput(f"the installed diffusers has no {target}: a newer one may have it.")
    return found
