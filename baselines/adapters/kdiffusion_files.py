"""`kdiffusion:FILE.py:FUNCTION`: a user's function of the form of k-diffusion's as a sampler."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from sigbench.errors import BadInput, unknown_name
from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench.user_code import load_file
from sigbench_baselines.adapters.kdiffusion_walking import walk_by

_HANDED = frozenset({"extra_args", "callback", "disable", "noise_sampler"})  # what is no option of a spec
_FORM = "f(model, x, sigmas, …, callback=None)"


class FunctionSampler(Sampler):
    """A function of a file on the grid's own levels; what it declares is read from its parameters.

    One with a `noise_sampler` is stochastic, and gets the path's normals by it. No test of the suite holds it to
    anything: `sigbench run` holds it to the sampler's contract.
    """

    needs = "denoiser"
    function: ClassVar[Callable[..., Any]]
    written_in: ClassVar[tuple[Callable[..., Any], ...]]
    final_step = "as the function ends: its states between the steps are those that its callback is told"

    def __init__(self, **options: Any) -> None:
        self.options = options

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns the calls that a walk of one zero makes with a network that predicts zeros."""
        calls = 0

        def model(z: Tensor, sigma: Tensor, **_: Any) -> Tensor:
            nonlocal calls
            calls += 1
            return torch.zeros_like(z)

        given: dict[str, Any] = {**self.options, "callback": lambda at: None}
        wanted = inspect.signature(self.function).parameters
        given |= {"disable": True} if "disable" in wanted else {}
        given |= {"noise_sampler": lambda *_: torch.zeros(1, *problem.shape)} if "noise_sampler" in wanted else {}
        sigmas = torch.logspace(1, -2, grid.steps + 1)
        self.function(model, torch.zeros(1, *problem.shape), sigmas, **given)
        return calls

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        yield from walk_by(self, self.function, self.options, problem, x, grid, brownian)


def class_of_file(spec: str, path: str, name: str) -> type[Sampler]:
    """Returns the sampler class of the function called `name` in the file at `path`, which is called `spec`.

    Raises BadInput where there is no such file, no such function in it, or one of another form.
    """
    module = load_file(path)
    found = getattr(module, name, None)
    if not inspect.isfunction(found):
        candidates = [key for key, value in vars(module).items() if inspect.isfunction(value) and _is_of_form(value)]
        raise unknown_name(f"function in {path}", name, candidates)
    if not _is_of_form(found):
        raise BadInput(f"{name}{inspect.signature(found)} in {path} is not of the form {_FORM}.")
    parameters = _parameters(found)
    stochastic = "noise_sampler" in parameters
    options = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for each in list(parameters.values())[3:]
        if each.name not in _HANDED and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    return type(
        name,
        (FunctionSampler,),
        {
            "__doc__": inspect.getdoc(found) or f"The function {name} of a file.",
            "__module__": __name__,
            "__signature__": inspect.Signature(options),
            "name": spec,
            "citation": f"{name} of a file",
            "family": "sde" if stochastic else "ode",
            "signature_order": 2 if stochastic else 0,
            "function": staticmethod(found),
            "written_in": (found,),
        },
    )


def _is_of_form(function: Callable[..., Any]) -> bool:
    """Whether a function takes a model, a state and levels by position, and a callback by name."""
    parameters = list(inspect.signature(function).parameters.values())
    by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(by_position) >= 3 and any(p.name == "callback" for p in parameters[3:])


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters with their hints as types, where they are known."""
    try:
        return inspect.signature(function, eval_str=True).parameters
    except Exception:
        return inspect.signature(function).parameters
