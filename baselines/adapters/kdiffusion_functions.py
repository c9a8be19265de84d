"""`kdiffusion:FUNCTION[:option=value…]`: a function `f(model, x, sigmas, …)` of k-diffusion as a sampler."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor

from sigbench.adapter import Adapter, Target
from sigbench.errors import BadInput, unknown_name
from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.adapters.facts import AdaptedSampler, adapted_class, default_values
from sigbench_baselines.adapters.kdiffusion_allowed import (
    ALLOWED,
    REFUSED,
    REFUSED_OPTIONS,
    Function,
    refused_together,
)
from sigbench_baselines.adapters.kdiffusion_files import class_of_file
from sigbench_baselines.adapters.kdiffusion_loading import sampling
from sigbench_baselines.adapters.kdiffusion_walking import walk_by
from sigbench_baselines.adapters.noise import whitened


class KDiffusionAdapter(Adapter):
    """Functions of k-diffusion that tests hold to samplers of this suite or to exact solutions, and those of files."""

    name = "kdiffusion"
    title = "a function of k-diffusion, or FILE.py:FUNCTION"

    def sampler_class(self, target: str) -> type[Sampler]:
        path, colon, name = target.rpartition(":")
        if colon:
            return class_of_file(f"{self.name}:{name}", path, name)
        return _class_of(target)

    def allowed(self) -> Mapping[str, Target]:
        return {name: Target(tuple(entry.options), _held_to(entry)) for name, entry in ALLOWED.items()}

    def refused(self) -> Mapping[str, str]:
        return REFUSED


def _held_to(entry: Function) -> str:
    equal = entry.equal(default_values(entry))
    return equal.partition(":")[0] if equal is not None else "an exact solution"


class KDiffusionSampler(AdaptedSampler):
    """A function of k-diffusion on the grid's own levels, with the path's noise.

    It runs from the first level to the last before a state is known to the walk, so that all of them are held.
    """

    packages: ClassVar[tuple[str, ...]] = ("k-diffusion",)
    refused_options: ClassVar[Mapping[str, str]] = REFUSED_OPTIONS
    entry: ClassVar[Function]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.final_step = "the last step is to the grid's last time"
        if self.options.get("s_churn", 0.0) > 0:
            self.final_step += "; states between the steps hold the noise that the next one adds"

    def refused_together(self) -> str | None:
        return refused_together(self.target, self.options)

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns the function's calls of a step, times the steps."""
        return self.entry.calls_a_step * grid.steps

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        steps = iter(grid)

        def drawn(like: Tensor) -> Tensor:
            """Once a step, used or not."""
            step = next(steps)
            return whitened(brownian, step, 1)[0] if self.signature_order > 0 else torch.zeros_like(like)

        library = sampling()
        before, library.torch.randn_like = library.torch.randn_like, drawn
        try:
            states = walk_by(self, getattr(library, self.target), self.options, problem, x, grid, brownian)
        finally:
            library.torch.randn_like = before
        yield from states


@cache
def _class_of(target: str) -> type[Sampler]:
    """The sampler class of a function of k-diffusion; raises BadInput for one that is not taken."""
    spec = f"{KDiffusionAdapter.name}:{target}"
    if target in REFUSED:
        raise BadInput(f"{spec} is refused: {REFUSED[target]}.")
    found: Callable[..., Any] | None = getattr(sampling(), target, None)
    if target not in ALLOWED:
        if found is not None:
            raise BadInput(
                f"{spec} is refused: nothing in this suite holds it to a sampler or to an exact solution; taken are "
                f"{', '.join(ALLOWED)}."
            )
        raise unknown_name("function of k-diffusion", target, ALLOWED)
    if found is None:
        raise BadInput(f"the installed k-diffusion has no {target}: a newer one may have it.")
    entry = ALLOWED[target]
    doc = f"k-diffusion's {target} on the grid's own levels ({entry.source})."
    return adapted_class(KDiffusionSampler, spec, entry, doc, entry.source)
