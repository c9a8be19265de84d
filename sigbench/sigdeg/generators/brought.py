"""Generators N_θ of Sig-DEG for images whose teacher is a network that a user brought.

    Z′ = φ·Z + Σ_j q_j·ξ_j + B·D_θ(Z, ξ; t, t′, label),

the exponential step around a denoised sample D_θ, as in images.py. There are two kinds of D_θ, and untrained both are
the teacher's own:
- a UNet of diffusers reads the moments ξ, and the step's end as a channel of one number, beside the state: the columns
  of its first convolution that are new start at zero;
- beside any other network, which stays as it is, stands a small convolutional one of ours whose output starts at zero.
"""

import copy
import hashlib
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, cast, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sigbench.errors import BadInput
from sigbench.models.networks.diffusers_models import quiet, time_of
from sigbench.sde.denoiser import Denoiser, Prediction, conversion
from sigbench.sde.schedule import Schedule
from sigbench.sigdeg.generators.student import CoarseStepper, StudentConfig

COLUMNS = 8  # of a row of coefficients, before the loadings
_FIRST = "conv_in.weight"
_LOOKS = 9  # times at which schedules are compared
_FREQUENCIES = (1.0, 2.0, 4.0, 8.0)


@runtime_checkable
class ReadsItsTeacher(Protocol):
    """A student's network that asks its teacher's in every step."""

    def beside(self, teacher: Denoiser) -> Self:
        """Returns the network with its teacher."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtConfig(StudentConfig):
    """What rebuilds the network of a student of images whose teacher a user brought.

    `shape` is that of a state, `unet` the configuration of the teacher's UNet2DModel, None for a network beside it of
    `width` and `depth`, `prediction` what the teacher gives, and `levels` a digest of the schedule, which its name
    alone does not tell.
    """

    shape: tuple[int, ...]
    prediction: Prediction = "eps"
    unet: dict[str, Any] | None = None
    classes: int = 0
    levels: str = ""
    width: int = 64
    depth: int = 3
    data_std: float = 0.5

    def network(self, schedule: Schedule | None = None) -> "BroughtGenerator":
        if schedule is None:
            raise BadInput("the schedule of a network that a user brought stands in the task's file alone.")
        if digest_of_levels(schedule) != self.levels:
            raise BadInput("the student was distilled under another schedule than the task's.")
        if self.base == "identity":
            raise BadInput("a student of a network that was brought adds to an exact step, not to the state.")
        return UNetGenerator(self, schedule) if self.unet is not None else AdaptedGenerator(self, schedule)

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        return value if name == "unet" else tuple(value) if isinstance(value, list) else value


def digest_of_levels(schedule: Schedule) -> str:
    """Returns what tells one schedule from another of its name: a hash of its λ at a few times."""
    t = np.linspace(schedule.t_end, schedule.t_start, _LOOKS)
    found = [f"{value:.9g}" for value in (*t.tolist(), *np.asarray(schedule.log_snr(t)).tolist())]
    return hashlib.blake2b(" ".join(found).encode(), digest_size=8).hexdigest()


class BroughtGenerator(CoarseStepper):
    """N_θ around a denoised sample of the teacher's kind."""

    config: BroughtConfig
    log_scale_start = -4.0

    def compute_row(self, start: float, end: float) -> NDArray[np.float64]:
        """Returns the coefficients of a step, shape (8 + order,)."""
        schedule = self.schedule
        t, t_next = schedule.t_start - start, schedule.t_start - end
        exact = self.linear_between(t, t_next, 0.0)
        alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
        of_state, of_output = conversion(self.config.prediction, "x0", alpha, sigma)
        scale = 1.0 / math.hypot(alpha * self.config.data_std, sigma)
        ends = (-float(schedule.log_snr(t)), -float(schedule.log_snr(t_next)))
        weight = self.weight_between(t, t_next)
        return np.array([exact.decay, weight, *ends, of_state, of_output, t, scale, *exact.loadings])

    @abstractmethod
    def start_from(self, teacher: Mapping[str, Tensor]) -> None:
        """Takes the weights of the teacher's network, as far as it holds them itself."""

    @abstractmethod
    def denoised(
        self, x: Tensor, whitened: Tensor, rows: Tensor, labels: Tensor | None, earlier: Sequence[Tensor]
    ) -> Tensor:
        """Returns D_θ, shape of x."""

    def forward(
        self,
        x: Tensor,
        whitened: Tensor,
        rows: Tensor,
        labels: Tensor | None = None,
        compute: torch.dtype = torch.float32,
        earlier: Sequence[Tensor] = (),
    ) -> Tensor:
        """Returns the states after a step, see `StudentNetwork`; layers compute in the dtype of their weights."""
        loadings = rows[:, COLUMNS:].expand(len(x), -1)
        linear = rows[:, 0, None, None, None] * x + torch.einsum("nmchw,nm->nchw", whitened, loadings)
        own = labels if self.config.classes else None
        return linear + rows[:, 1, None, None, None] * self.denoised(x, whitened, rows, own, earlier)

    def clocks(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Returns ln σ/α at the two ends of the steps of these rows, shapes (n,)."""
        return rows[:, 2], rows[:, 3]

    def error(self, reached: Tensor, wanted: Tensor, rows: Tensor) -> Tensor:
        """Returns the errors of the states after a step by pixels, shape (n, d)."""
        return (reached - wanted).flatten(1)

    def matrices(self) -> list[nn.Parameter]:
        """Returns none: what was trained by Adam goes on by Adam."""
        return []


class UNetGenerator(BroughtGenerator):
    """The teacher's UNet2DModel, which reads the moments and the step's end beside the state."""

    def __init__(self, config: BroughtConfig, schedule: Schedule) -> None:
        super().__init__()
        from diffusers import UNet2DModel

        self.config = config
        assert config.unet is not None
        channels = config.shape[0] * (1 + config.order + config.memory) + 1
        with quiet():
            self.unet = UNet2DModel.from_config({**config.unet, "in_channels": channels})
        self.set_up(config, schedule)

    def start_from(self, teacher: Mapping[str, Tensor]) -> None:
        """Takes the weights of the teacher's network; what the student reads beside the state starts at zero."""
        first = torch.zeros_like(self.unet.conv_in.weight)
        first[:, : self.config.shape[0]] = teacher[_FIRST]
        self.unet.load_state_dict({**teacher, _FIRST: first})

    def denoised(
        self, x: Tensor, whitened: Tensor, rows: Tensor, labels: Tensor | None, earlier: Sequence[Tensor]
    ) -> Tensor:
        end = (0.25 * rows[:, 3, None, None, None]).expand(len(x), 1, *x.shape[2:])
        inputs = torch.cat([x, whitened.flatten(1, 2), *earlier, end], dim=1).to(self.unet.dtype)
        steps = rows[:, 6].new_tensor([time_of(self.schedule, float(t)) for t in rows[:, 6].tolist()])
        of = None if labels is None else labels.expand(len(x))
        found: Tensor = self.unet(inputs, steps.expand(len(x)), class_labels=of, return_dict=False)[0]
        output = found[:, : x.shape[1]].to(x.dtype)
        return rows[:, 4, None, None, None] * x + rows[:, 5, None, None, None] * output


class AdaptedGenerator(BroughtGenerator):
    """The teacher as it is, and a small network of convolutions that adds to its denoised sample."""

    teacher: Denoiser | None = None

    def __init__(self, config: BroughtConfig, schedule: Schedule) -> None:
        super().__init__()
        self.config = config
        colours, width = config.shape[0], config.width
        clocks = 2 * (1 + 2 * len(_FREQUENCIES))
        inputs = colours * (2 + config.order + config.memory)
        self.first = nn.Conv2d(inputs, width, 3, padding=1)
        self.hidden = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(config.depth))
        self.clock = nn.ModuleList(nn.Linear(clocks, 2 * width) for _ in range(config.depth))
        self.last = nn.Conv2d(width, colours, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(cast(Tensor, self.last.bias))
        self.set_up(config, schedule)

    def beside(self, teacher: Denoiser) -> Self:
        """Returns the network with its teacher, the weights shared."""
        other = copy.copy(self)
        other.teacher = teacher
        return other

    def start_from(self, teacher: Mapping[str, Tensor]) -> None:
        """Takes nothing: the teacher stands beside it."""

    def denoised(
        self, x: Tensor, whitened: Tensor, rows: Tensor, labels: Tensor | None, earlier: Sequence[Tensor]
    ) -> Tensor:
        expected = self._of_teacher(x, rows, labels)
        dtype = self.first.weight.dtype
        scale = rows[:, 7, None, None, None]  # states in units of their own spread
        inputs = [expected, x * scale, whitened.flatten(1, 2), *(state * scale for state in earlier)]
        hidden = nn.functional.silu(self.first(torch.cat(inputs, dim=1).to(dtype)))
        ends = 0.25 * rows[:, 2:4]
        angles = [ends, *(f(k * ends) for k in _FREQUENCIES for f in (torch.sin, torch.cos))]
        clock = torch.cat(angles, dim=1).to(dtype)
        for layer, of_clock in zip(self.hidden, self.clock, strict=True):
            scale, shift = of_clock(clock)[:, :, None, None].chunk(2, dim=1)
            hidden = hidden + nn.functional.silu(layer(hidden) * (1.0 + scale) + shift)
        added: Tensor = self.last(hidden)
        return expected + added.to(x.dtype)

    @torch.no_grad()
    def _of_teacher(self, x: Tensor, rows: Tensor, labels: Tensor | None) -> Tensor:
        """The teacher's denoised samples: a call for every time among the rows."""
        assert self.teacher is not None, "a student that reads its teacher was asked without it"
        times = rows[:, 6].expand(len(x))
        found = torch.empty_like(x)
        for t in times.unique().tolist():
            chosen = times == t
            teacher = self.teacher if labels is None else self.teacher.labelled(labels.expand(len(x))[chosen])
            found[chosen] = teacher.x0(self._within(t), x[chosen])
        return found

    def _within(self, t: float) -> float:
        """A time that was kept as float32, within the schedule's."""
        return min(max(t, self.schedule.t_end), self.schedule.t_start)
