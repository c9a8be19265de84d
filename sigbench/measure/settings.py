"""What all cells of a comparison share, and what is out of range."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch

from sigbench.errors import BadInput, unknown_name
from sigbench.measure.source.given import Given
from sigbench.records.record import Paths, TuningRecord
from sigbench.sde.grids.find import check_grid
from sigbench.spec import whole_number

Final = Literal["none", "denoise"]  # what is returned at the last time: the state, or its denoised sample
DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}
MAX_SAMPLES = 10_000_000
MAX_SEED = 2**63 - 1  # what a record can hold


@dataclass(frozen=True, slots=True)
class Settings:
    """What all cells of a comparison share. None means the task's default.

    With `precision` there are `repeats` at first and then as many more as the first metric takes to be known to that
    share (see `sigbench.measure.stopping`); `floor_draws` is how many exact draws a floor takes that nobody knows yet;
    `time_calls` says whether bare network calls are timed beside the samplers, for the efficiency. `grid` and `final`
    are those of the samplers that name none of their own. `metrics` are the specs of metrics that judge beside the
    task's own, and `only` the names of the task's own that do (none: all of them); `paths` says whether all cells share
    their noise, one initial state and one Brownian path a sample, or each has fresh noise of its own. `tuning` says how
    the sampler's grid and options were chosen, for the record alone. `given` are plug-ins that were handed over as
    objects, which the specs of task, metrics and samplers may stand for.
    """

    task: str
    samples: int | None = None
    repeats: int = 10
    seed: int = 0
    nfe: int | None = None
    grid: str | None = None
    final: Final = "none"
    batch: int | None = None
    device: str = "auto"
    dtype: str = "float32"
    label: int | None = None
    guidance: float = 0.0
    metrics: tuple[str, ...] = ()
    paths: Paths = "shared"
    only: tuple[str, ...] = ()
    precision: float | None = None
    floor_draws: int = 20
    time_calls: bool = True
    tuning: TuningRecord | None = None
    given: tuple[Given, ...] = ()


def check_settings(settings: Settings) -> None:
    """Raises BadInput for a number out of its range, and for a kind of paths that there is not."""
    for name, value, low, high in (
        ("--samples", settings.samples, 2, MAX_SAMPLES),
        ("--repeats", settings.repeats, 1, 1000),
        ("--floor-draws", settings.floor_draws, 2, 1_000_000),
        ("--nfe", settings.nfe, 1, None),
        ("--seed", settings.seed, -MAX_SEED, MAX_SEED),
        ("--batch", settings.batch, 1, MAX_SAMPLES),
    ):
        if value is not None and (value < low or (high is not None and value > high)):
            bound = f"at least {low}" if high is None else f"between {low} and {high}"
            raise BadInput(f"{name} must be {bound}, got {value}.")
    if settings.precision is not None and not 0.0 < settings.precision <= 1.0:
        raise BadInput(f"--precision must lie above 0 and be at most 1 (100 %), got {settings.precision:g}.")
    if settings.precision is not None and settings.repeats < 5:
        raise BadInput(f"--precision needs a first stage of at least 5 --repeats, got {settings.repeats}.")
    if settings.paths not in get_args(Paths):
        raise unknown_name("kind of paths", settings.paths, get_args(Paths))
    check_final(settings.final)
    if settings.grid is not None:
        check_grid(settings.grid)


def check_final(text: str) -> Final:
    """Returns what is asked for at the last time; raises BadInput for anything else."""
    if text not in get_args(Final):
        raise unknown_name("final step", text, get_args(Final))
    return text  # type: ignore[return-value]  # it is one of them


def pick_device(name: str) -> torch.device:
    """Returns the device of a name; "auto" is CUDA where there is one. Raises BadInput where it is absent."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name == "cuda" or name.startswith("cuda:"):
        if not torch.cuda.is_available():
            raise BadInput("there is no CUDA device here that torch can use: choose --device cpu.")
        index = name.removeprefix("cuda").removeprefix(":") or "0"
        if whole_number(index) not in range(torch.cuda.device_count()):
            raise BadInput(f"there is no device {name!r} here: CUDA devices are 0 to {torch.cuda.device_count() - 1}.")
        return torch.device(name)
    raise unknown_name("device", name, ("auto", "cpu", "cuda"))


def pick_dtype(name: str) -> torch.dtype:
    """Returns the dtype of a name; raises BadInput for any other."""
    if name not in DTYPES:
        raise unknown_name("dtype", name, DTYPES)
    return DTYPES[name]
