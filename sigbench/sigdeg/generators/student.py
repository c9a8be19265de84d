"""What a student's network is to its training and to the sampler, and the blocks that all of them share."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, Protocol, Self, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sigbench.errors import BadInput, unknown_name
from sigbench.sde.grid import Step
from sigbench.sde.schedule import Schedule, schedule_named
from sigbench.sde.signature import check_order
from sigbench.sigdeg.generators.linear_step import LinearStep, flow_step, linear_step

Base = Literal["exponential", "identity"]
Added = Literal[Base, "flow"]
MAX_MEMORY = 4


class StudentNetwork(Protocol):
    """N_θ of Sig-DEG: one coarse step from the state and the step's partial signature, by one call.

    Everything that depends on the step alone is a row of `coefficients`. `log_scale_start` is about the logarithm of
    the mean squared `error` of a step before any training.
    """

    log_scale_start: float

    @property
    def order(self) -> int:
        """The signature order that it reads."""
        ...

    @property
    def memory(self) -> int:
        """The number of earlier states that it reads."""
        ...

    def coefficients(self, steps: Iterable[Step], dtype: torch.dtype = torch.float32) -> Tensor:
        """Returns a row for each step, shape (steps, columns), on the host."""
        ...

    def __call__(
        self,
        x: Tensor,
        whitened: Tensor,
        rows: Tensor,
        labels: Tensor | None = None,
        compute: torch.dtype = torch.float32,
        earlier: Sequence[Tensor] = (),
    ) -> Tensor:
        """Returns the states after a step, shape of x (n, *shape); the network's layers compute in `compute`.

        `whitened` (n, order, *shape) are the signature's whitened moments, `rows` those of n steps or of one, `labels`
        (n,) the classes, None for none, and `earlier` the `memory` states before x, the latest first.
        """
        ...

    def clocks(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Returns ln σ/α at the two ends of the steps of these rows, shapes (n,)."""
        ...

    def error(self, reached: Tensor, wanted: Tensor, rows: Tensor) -> Tensor:
        """Returns the errors of the states after a step, in units of the network's own, shape (n, d)."""
        ...

    def start_from(self, teacher: Mapping[str, Tensor]) -> None:
        """Takes the weights of the teacher's network, an empty mapping where it is in closed form."""
        ...

    def matrices(self) -> list[nn.Parameter]:
        """Returns the weights that an optimiser for matrices should take."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """Returns all weights that are learned."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Returns the weights by their names."""
        ...

    def load_state_dict(self, weights: Mapping[str, Any], /) -> object:
        """Takes trained weights; raises RuntimeError where they are another network's."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentConfig(ABC):
    """What rebuilds a student's network: the signature order, the schedule, what it adds to, what it remembers.

    `base` is what the network's output is added to: the exact linear step ("exponential"), the state as it is
    ("identity", which leaves drift and noise to the network), or the exact linear step of the probability flow
    ("flow", which has no noise and reads no signature: its order is 0); `memory` is the number of earlier states that
    it reads. Raises BadInput for another order, base or memory.
    """

    order: int
    schedule: str
    base: Added = "exponential"
    memory: int = 0

    def __post_init__(self) -> None:
        if self.base not in get_args(Base) and self.base != "flow":
            raise unknown_name("base step", self.base, get_args(Base))
        if self.base != "flow":
            check_order(self.order)
        elif self.order != 0:
            raise BadInput(
                f"a student that follows the probability flow reads no signature: order 0, not {self.order}."
            )
        if not 0 <= self.memory <= MAX_MEMORY:
            raise BadInput(f"a student's memory lies between 0 and {MAX_MEMORY} earlier states, got {self.memory}.")

    @abstractmethod
    def network(self, schedule: Schedule | None = None) -> StudentNetwork:
        """Returns the untrained network; `schedule` is the problem's own, by default the usual one of its name."""

    def as_json(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Returns the configuration of `as_json`; raises TypeError for other fields."""
        return cls(**{name: cls._read(name, value) for name, value in fields.items()})

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        """The value of a field as its JSON value gives it."""
        return tuple(value) if isinstance(value, list) else value


class CoarseStepper(nn.Module, ABC):
    """What all students' networks share: how they are configured, and rows of coefficients, each computed once."""

    student_config: StudentConfig
    schedule: Schedule

    def set_up(self, config: StudentConfig, schedule: Schedule | None) -> None:
        """Takes the configuration; the last thing that a constructor does."""
        self.student_config, self.schedule = config, schedule or schedule_named(config.schedule)
        self._row = lru_cache(maxsize=65536)(self.compute_row)

    @property
    def order(self) -> int:
        """The signature order that it reads."""
        return self.student_config.order

    @property
    def memory(self) -> int:
        """The number of earlier states that it reads."""
        return self.student_config.memory

    def linear_between(self, t: float, t_next: float, data_std: float) -> LinearStep:
        """Returns the exact step for Gaussian data that the network adds to, of the flow or of the reverse equation."""
        if self.student_config.base == "flow":
            return flow_step(self.schedule, t, t_next, data_std)
        return linear_step(self.schedule, t, t_next, data_std, self.order)

    def weight_between(self, t: float, t_next: float) -> float:
        """Returns what a first-order step from `t` to `t_next` gives to the denoised sample."""
        if self.student_config.base == "flow":
            return flow_weight(self.schedule, t, t_next)
        return exponential_weight(self.schedule, t, t_next)

    @abstractmethod
    def compute_row(self, start: float, end: float) -> NDArray[np.float64]:
        """Returns the coefficients of the step between two reversed times, shape (columns,)."""

    def coefficients(self, steps: Iterable[Step], dtype: torch.dtype = torch.float32) -> Tensor:
        """Returns a row for each step, shape (steps, columns), on the host."""
        return torch.from_numpy(np.stack([self._row(step.start, step.end) for step in steps])).to(dtype)


class TeachersNetwork(CoarseStepper):
    """A student with the network of its teacher, widened: it reads the signature and earlier states beside the state.

    `first` names the weights of the layer that reads the states, `last` is what the names of the output's begin with.
    """

    first: ClassVar[str]
    last: ClassVar[str]

    @property
    @abstractmethod
    def inputs(self) -> int:
        """How many columns of the first layer's weights read one state."""

    def start_from(self, teacher: Mapping[str, Tensor]) -> None:
        """Takes the weights of the teacher's network; what the student has beside them starts at zero.

        So does its output where the base is the identity.
        """
        own = self.state_dict()
        widened = own[self.first].zero_()
        columns = self.inputs * (1 + self.order + self.memory)
        widened.view(-1, columns)[:, : self.inputs] = teacher[self.first].view(-1, self.inputs)
        kept = {name: value for name, value in own.items() if name.startswith(self.last)}
        if self.student_config.base != "identity":
            kept = {}
        self.load_state_dict({**own, **teacher, self.first: widened, **kept})
        self._row.cache_clear()


def exponential_weight(schedule: Schedule, t: float, t_next: float) -> float:
    """Returns α′·(1 − e^{−2Δλ}): what an exponential step from `t` to `t_next` gives to the denoised sample."""
    change = float(schedule.log_snr(t_next)) - float(schedule.log_snr(t))
    return float(schedule.alpha(t_next)) * -float(np.expm1(-2.0 * change))


def flow_weight(schedule: Schedule, t: float, t_next: float) -> float:
    """Returns α′·(1 − e^{−Δλ}): what a step of DDIM from `t` to `t_next` gives to the denoised sample."""
    change = float(schedule.log_snr(t_next)) - float(schedule.log_snr(t))
    return float(schedule.alpha(t_next)) * -float(np.expm1(-change))
