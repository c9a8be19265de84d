"""What allow-lists are written in: options with their values, what a target is held to, and its facts as a sampler."""

import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from sigbench.errors import BadInput
from sigbench.sampler import Family, Sampler

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Option:
    """An option that an adapter passes on: its default, and the values that tests hold to something.

    Of a number with a `range` (low, high) every value within is taken, low itself where `closed`; else `tested` are all
    that there are.
    """

    default: Any
    tested: tuple[Any, ...]
    range: tuple[float, float] | None = None
    closed: bool = True

    @property
    def kind(self) -> Any:
        """The type hint by which a spec's text becomes the value."""
        if isinstance(self.default, bool):
            return bool
        return float if self.range is not None else Literal[self.tested]

    def takes(self, value: Any) -> bool:
        """Returns whether a value is one of those that the option takes."""
        if self.range is None:
            return value in self.tested
        low, high = self.range
        return (low <= value if self.closed else low < value) and value <= high

    def written(self) -> str:
        """Returns the option's values in words."""
        if self.range is None:
            return f"one of {', '.join(map(str, self.tested))}"
        return f"a number {'from' if self.closed else 'above'} {self.range[0]:g} up to {self.range[1]:g}"


FLAG = (True, False)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a target is with its options, as `Sampler` declares it. ΔW/√h has the law of a step's noise, so that a
    stochastic one follows the law and not the path: no strong order."""

    family: Family
    order: float | None
    draws: int = 0

    def of_sampler(self) -> dict[str, Any]:
        """Returns the facts by the names of a sampler's attributes."""
        strong = self.order if self.family == "ode" else None
        return {
            "family": self.family,
            "strong_order": strong,
            "weak_order": self.order,
            "signature_order": self.draws,
        }


def flow(order: float) -> Callable[[Values], Facts]:
    """Returns the facts of a solver of the probability flow."""
    return lambda values: Facts("ode", order)


def noisy(order: float | None, draws: int = 1) -> Callable[[Values], Facts]:
    """Returns the facts of a stochastic sampler of so many standard normals a step."""
    return lambda values: Facts("sde", order, draws)


def at_eta(order: float) -> Callable[[Values], Facts]:
    """Returns the facts of a sampler that is deterministic at η = 0."""
    return lambda values: Facts("sde", None, 1) if values["eta"] > 0 else Facts("ode", order)


def checked(name: str, allowed: Mapping[str, Option], options: Values) -> dict[str, Any]:
    """Returns the options with the defaults of the rest; raises BadInput for a value that tests do not cover."""
    values = {option: each.default for option, each in allowed.items()} | dict(options)
    for option, value in values.items():
        if not allowed[option].takes(value):
            raise BadInput(f"{name}'s {option} is {allowed[option].written()}, got {value}.")
    return values


def signature_of(options: Mapping[str, Option]) -> inspect.Signature:
    """Returns the constructor's signature of a sampler with these options, by which the registry reads a spec."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [inspect.Parameter(name, keyword, default=o.default, annotation=o.kind) for name, o in options.items()]
    )


class Entry(Protocol):
    """An entry of an allow-list."""

    @property
    def source(self) -> str:
        """Where the sampler is from."""
        ...

    @property
    def when(self) -> str:
        """When to pick it."""
        ...

    @property
    def options(self) -> Mapping[str, Option]:
        """The options that are passed on."""
        ...

    @property
    def facts(self) -> Callable[[Values], Facts]:
        """What the target is, with its options."""
        ...

    @property
    def calls_a_step(self) -> int:
        """The network calls of a step."""
        ...


class AdaptedSampler(Sampler):
    """A target of another library with the options of its entry, some of whose facts depend on them.

    Raises BadInput for options that tests do not cover, alone or together.
    """

    needs = "denoiser"
    target: ClassVar[str]
    entry: ClassVar[Any]  # an Entry, of the adapter's own kind

    def __init__(self, **options: Any) -> None:
        self.options = checked(self.name, self.entry.options, options)
        if reason := self.refused_together():
            raise BadInput(f"{self.name} is not taken with these options: {reason}.")
        vars(self).update(self.entry.facts(self.options).of_sampler())

    @abstractmethod
    def refused_together(self) -> str | None:
        """Returns why its options are not taken together, None where they are."""


def default_values(entry: Entry) -> dict[str, Any]:
    """Returns the options' defaults."""
    return {name: option.default for name, option in entry.options.items()}


def adapted_class(base: type[AdaptedSampler], spec: str, entry: Entry, doc: str, citation: str) -> type[AdaptedSampler]:
    """Returns the sampler class of a spec's target, `base` with the facts of its entry."""
    target = spec.partition(":")[2]
    return type(
        target,
        (base,),
        {
            "__doc__": doc,
            "__module__": base.__module__,
            "__signature__": signature_of(entry.options),
            "name": spec,
            "target": target,
            "entry": entry,
            "citation": citation,
            "when": entry.when,
            "nfe_per_step": entry.calls_a_step,
            **entry.facts(default_values(entry)).of_sampler(),
        },
    )
