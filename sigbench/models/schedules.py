"""The noise schedule of a trained network: as a task's file says it, or as diffusers wrote it beside the weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from sigbench.errors import BadInput
from sigbench.files import document, is_file, read_text
from sigbench.guard import guarded
from sigbench.models.file import MOST_STEPS, ScheduleTable
from sigbench.sde.denoiser import Prediction
from sigbench.sde.discrete import (
    VPDiscrete,
    cosine_betas,
    linear_betas,
    scaled_linear_betas,
    without_terminal_signal,
)
from sigbench.sde.schedule import Schedule, schedule_named

CONFIG = "scheduler_config.json"
_LOOKS = 65  # times at which a schedule is looked at
_CONSTANTS: dict[str, tuple[str, ...]] = {
    "vp-linear": ("beta_start", "beta_end"),
    "vp-cosine": ("offset",),
    "ve": ("sigma_min", "sigma_max"),
    "edm": ("sigma_min", "sigma_max"),
    "flow": ("shift", "t_start", "t_end"),
    "discrete": ("betas", "beta_start", "beta_end", "steps", "zero_terminal_snr"),
}
_PREDICTIONS: dict[str, Prediction] = {
    "epsilon": "eps",
    "sample": "x0",
    "v_prediction": "v",
    "flow_prediction": "flow",
}


def schedule_of(table: ScheduleTable) -> Schedule:
    """Returns the schedule of a table; raises BadInput for a constant that its kind has not."""
    given = {name: value for name, value in msgspec.structs.asdict(table).items() if value is not None}
    kind = given.pop("kind")
    if other := sorted(given.keys() - set(_CONSTANTS[kind])):
        raise BadInput(f"model.schedule.{other[0]}: the schedule {kind!r} has {', '.join(_CONSTANTS[kind])}.")
    with guarded(f"model.schedule: the schedule {kind!r} cannot be made"), np.errstate(all="ignore"):
        return _checked(schedule_named(kind, **given) if kind != "discrete" else _of_table(given))


def _of_table(given: Mapping[str, Any]) -> VPDiscrete:
    return _discrete(
        given.get("betas", "linear"),
        given.get("beta_start", 1e-4),
        given.get("beta_end", 0.02),
        given.get("steps", 1000),
        zero_terminal=given.get("zero_terminal_snr", False),
    )


def _checked(schedule: Schedule) -> Schedule:
    """The schedule; raises BadInput where its noise does not grow with t: constants may be any numbers, nan and inf."""
    t = np.linspace(schedule.t_end, schedule.t_start, _LOOKS)
    log_snr, squared = schedule.log_snr(t), schedule.diffusion_squared(t)
    sound = np.isfinite(log_snr) & np.isfinite(squared) & (squared >= 0.0)
    if not (sound.all() and (np.diff(log_snr) < 0.0).all()):
        raise BadInput(f"model.schedule: with these constants the noise of {schedule.name!r} does not grow with t.")
    return schedule


def scheduler_file(folder: Path) -> Path | None:
    """Returns the configuration of a scheduler that diffusers saved, in `folder` or its `scheduler/`; None without."""
    return next((place for place in (folder / "scheduler" / CONFIG, folder / CONFIG) if is_file(place)), None)


def read_scheduler(folder: Path) -> tuple[Schedule, Prediction]:
    """Returns the schedule and the prediction that a scheduler's configuration says: see `scheduler_file`.

    Flow-matching schedulers give the straight path with their shift. Raises BadInput where there is no such file, and
    for one without betas or of another prediction.
    """
    file = scheduler_file(folder)
    if file is None:
        raise BadInput(
            f"there is no {CONFIG} in {folder} or in its scheduler/: say model.predicts and model.schedule in the file."
        )
    text = read_text(file, "the scheduler's configuration")
    with document(f"the scheduler's configuration {file}"), np.errstate(all="ignore"):
        config = msgspec.json.decode(text, type=dict[str, Any])
        if "FlowMatch" in str(config.get("_class_name", "")):
            if config.get("use_dynamic_shifting"):
                raise BadInput(f"{file} shifts time by the size of an image, which no schedule here does.")
            return _checked(schedule_named("flow", shift=float(config.get("shift", 1.0)))), "flow"
        asked = config.get("prediction_type", "epsilon")
        if asked not in _PREDICTIONS:
            raise BadInput(f"{file} is of the prediction {asked!r}: known are {', '.join(_PREDICTIONS)}.")
        return _checked(_of_betas(config, file)), _PREDICTIONS[asked]


def _of_betas(config: Mapping[str, Any], file: Path) -> VPDiscrete:
    zero_terminal = bool(config.get("rescale_betas_zero_snr", False))
    trained: Sequence[float] | None = config.get("trained_betas")
    if trained is not None:
        _check_steps(len(trained), file)
        return _table(np.cumprod(1.0 - np.asarray(trained, dtype=np.float64)), zero_terminal=zero_terminal)
    if "beta_schedule" not in config or "num_train_timesteps" not in config:
        raise BadInput(f"{file} holds no betas: it needs beta_schedule and num_train_timesteps, or trained_betas.")
    _check_steps(int(config["num_train_timesteps"]), file)
    return _discrete(
        config["beta_schedule"],
        float(config.get("beta_start", 1e-4)),
        float(config.get("beta_end", 0.02)),
        int(config["num_train_timesteps"]),
        zero_terminal=zero_terminal,
    )


def _check_steps(steps: int, file: Path) -> None:
    if steps > MOST_STEPS:
        raise BadInput(f"{file} has {steps:,} steps, and a discrete schedule at most {MOST_STEPS:,}.")


def _discrete(betas: str, start: float, end: float, steps: int, *, zero_terminal: bool) -> VPDiscrete:
    if betas == "squaredcos_cap_v2":
        return _table(cosine_betas(steps), zero_terminal=zero_terminal)
    if betas not in ("linear", "scaled_linear"):
        raise BadInput(f"the betas {betas!r} are none of linear, scaled_linear, squaredcos_cap_v2.")
    if not 0.0 < start < end < 1.0:
        raise BadInput(f"betas run from beta_start up to beta_end, between 0 and 1, not from {start:g} to {end:g}.")
    made = linear_betas if betas == "linear" else scaled_linear_betas
    return _table(made(start, end, steps), zero_terminal=zero_terminal)


def _table(alphas_cumprod: Any, *, zero_terminal: bool) -> VPDiscrete:
    return VPDiscrete(without_terminal_signal(alphas_cumprod) if zero_terminal else alphas_cumprod)
