"""The adapter's contract: it makes sampler classes of what another library calls a sampler."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sigbench.sampler import Sampler

if TYPE_CHECKING:
    from sigbench.sde.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Target:
    """What an adapter takes: the options of a target, and the sampler or the solution that tests hold it to."""

    options: Sequence[str]
    held_to: str


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a sampler walks: a grid by its name under a schedule, and the library's own times of the network's calls.

    `denoised` says whether the last call is for the denoised sample.
    """

    schedule: "Schedule"
    grid: str
    steps: Sequence[float]
    denoised: bool


class Adapter(ABC):
    """Makes samplers: in a spec, `NAME:TARGET[:option=value…]` stands for the class that it returns for TARGET.

    `name` is the spec's first word and `title` says in a sentence what a target is. An adapter fails closed: it takes
    what it knows to be right, and refuses the rest by name.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def sampler_class(self, target: str) -> type[Sampler]:
        """Returns the sampler class of `target`, which may be FILE.py:NAME.

        Where it has them, its `refused_options` are reasons by the names of options that it does not take, `packages`
        the distributions whose versions its numbers depend on, and `written_in` functions that it stands for: the
        versions and the functions' files are in a record and in its key. Raises BadInput for a target that the adapter
        does not take, with the reason.
        """

    @abstractmethod
    def allowed(self) -> Mapping[str, Target]:
        """Returns the targets that it takes, by their names; the library need not be installed."""

    def line(self, sampler: Sampler, make: Callable[[str], Sampler], place: Placement) -> str | None:
        """Returns the code that sets a sampler of this suite up in the library, None, as here, where there is none.

        `make` gives a sampler of a spec.
        """
        return None

    @abstractmethod
    def refused(self) -> Mapping[str, str]:
        """Returns the reasons for which it refuses targets, by their names."""
