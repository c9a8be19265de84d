"""diffusers' schedulers that are taken: how each is driven, its options, and what tests hold it to.

`equal` is the spec of a sampler of this suite that makes the same states of the same noise, to rounding. Where the
scheduler casts to float32 the rounding is float32's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sigbench_baselines.adapters.facts import FLAG, Facts, Option, Values, at_eta, flow, noisy
from sigbench_baselines.adapters.levels import Units

Drive = Literal["levels", "twice", "table", "alphas", "pseudo"]


@dataclass(frozen=True, slots=True)
class Scheduler:
    """A scheduler that is taken.

    `drive` is how it is told the levels (`driving`), `units` those of its states, and `by_step` the options
    that its `step` takes instead of its constructor. `single` says that it computes in float32. `blocks` is an option
    by whose value steps are taken together: the states between them are of order 1. With no `equal` it is held to an
    exact solution.
    """

    drive: Drive
    units: Units
    source: str
    when: str
    facts: Callable[[Values], Facts]
    equal: Callable[[Values], str] | None
    options: Mapping[str, Option] = field(default_factory=dict)
    by_step: tuple[str, ...] = ()
    single: bool = False
    quiet_end: bool = False  # adds no noise in its last step
    remembers: bool = False  # earlier predictions, with which it goes on behind known states
    blocks: str | None = None

    @property
    def calls_a_step(self) -> int:
        """The network calls of a step but the first."""
        return 2 if self.drive == "twice" else 1


def _lower(values: Values) -> str:
    return f"lower_order_final={str(values['lower_order_final']).lower()}"


def _multistep(values: Values) -> str:
    if values["algorithm_type"] == "sde-dpmsolver++":
        name = {1: "ddpm", 2: "dpmpp-2m-sde"}[values["solver_order"]]
    else:
        name = {1: "dpmpp-1", 2: "dpmpp-2m", 3: "dpmpp-3m"}[values["solver_order"]]
    spec = name if values["solver_order"] == 1 else f"{name}:{_lower(values)}"
    return spec if values["solver_order"] == 1 else f"{spec}:solver_type={values['solver_type']}"


def _multistep_facts(values: Values) -> Facts:
    if values["algorithm_type"] == "sde-dpmsolver++":
        return Facts("sde", None if values["solver_order"] == 1 else 1.0, 1)
    return Facts("ode", float(min(values["solver_order"], 2)))  # the third order takes D″/2 for D″, as published


_ETA = Option(0.0, (0.0, 0.5, 1.0), (0.0, 1.0))
_ORDER_2_OF_3 = Option(2, (1, 2, 3))
_LOWER = Option(True, FLAG)
_DDIM = {
    "drive": "table",
    "units": "vp",
    "source": "Song, Meng & Ermon 2021, eq. 12 and 16",
    "when": "To compare with diffusers; ddim is the same.",
    "facts": at_eta(1.0),
    "equal": lambda values: f"ddim:eta={values['eta']}",
    "options": {"eta": _ETA},
    "by_step": ("eta",),
}
_DDPM = {
    "drive": "table",
    "units": "vp",
    "source": "Ho, Jain & Abbeel 2020, algorithm 2",
    "when": "To compare with diffusers; ddpm is the same but for the last step.",
    "facts": noisy(None),
    "equal": lambda values: "ddpm",
    "quiet_end": True,
}


def _like(shared: Mapping[str, Any]) -> Scheduler:
    return Scheduler(**shared)


ALLOWED: Mapping[str, Scheduler] = {
    "DDIMScheduler": _like(_DDIM),
    "DDIMParallelScheduler": _like(_DDIM),
    "DDPMScheduler": _like(_DDPM),
    "DDPMParallelScheduler": _like(_DDPM),
    "DEISMultistepScheduler": Scheduler(
        "levels",
        "vp",
        "Zhang & Chen 2023, DEIS, arXiv 2204.13902",
        "To compare with diffusers; deis with the variable log-rho is the same.",
        lambda values: Facts("ode", float(min(values["solver_order"], 2))),
        lambda values: f"deis:order={values['solver_order']}:variable=log-rho:{_lower(values)}",
        {"solver_order": _ORDER_2_OF_3, "lower_order_final": _LOWER},
        remembers=True,
    ),
    "DPMSolverMultistepScheduler": Scheduler(
        "levels",
        "vp",
        "Lu et al. 2022, DPM-Solver++, arXiv 2211.01095",
        "To compare with diffusers; dpmpp-2m, dpmpp-3m and dpmpp-2m-sde are the same.",
        _multistep_facts,
        _multistep,
        {
            "solver_order": _ORDER_2_OF_3,
            "algorithm_type": Option("dpmsolver++", ("dpmsolver++", "sde-dpmsolver++")),
            "solver_type": Option("midpoint", ("midpoint", "heun")),
            "lower_order_final": _LOWER,
        },
        single=True,
        remembers=True,
    ),
    "DPMSolverSinglestepScheduler": Scheduler(
        "levels",
        "vp",
        "Lu et al. 2022, DPM-Solver++, arXiv 2211.01095",
        "To compare with diffusers; dpmpp-2s on every second time is the same where λ is halved.",
        lambda values: Facts("ode", float(values["solver_order"])),
        lambda values: {1: "dpmpp-1", 2: "dpmpp-2s"}[values["solver_order"]],
        {"solver_order": Option(2, (1, 2))},
        blocks="solver_order",
    ),
    "EulerDiscreteScheduler": Scheduler(
        "levels",
        "ve",
        "Karras et al. 2022, EDM, arXiv 2206.00364, algorithm 1 without its second stage",
        "To compare with diffusers; ddim is the same.",
        flow(1.0),
        lambda values: "ddim",
        single=True,
    ),
    "EulerAncestralDiscreteScheduler": Scheduler(
        "levels",
        "ve",
        "Crowson 2022, github.com/crowsonkb/k-diffusion",
        "To compare with diffusers; ddpm is the same.",
        noisy(None),
        lambda values: "ddpm",
        single=True,
    ),
    "FlowMatchEulerDiscreteScheduler": Scheduler(
        "levels",
        "flow",
        "Esser et al. 2024, arXiv 2403.03206",
        "To compare with diffusers; ddim is the same.",
        flow(1.0),
        lambda values: "ddim",
        single=True,
    ),
    "FlowMatchHeunDiscreteScheduler": Scheduler(
        "twice",
        "flow",
        "Esser et al. 2024, arXiv 2403.03206, with Heun's rule",
        "To compare with diffusers; flow-heun is the same.",
        flow(2.0),
        lambda values: "flow-heun",
        single=True,
    ),
    "HeunDiscreteScheduler": Scheduler(
        "twice",
        "ve",
        "Karras et al. 2022, EDM, arXiv 2206.00364, algorithm 1",
        "To compare with diffusers; heun is the same.",
        flow(2.0),
        lambda values: "heun",
    ),
    "IPNDMScheduler": Scheduler(
        "alphas",
        "vp",
        "Liu et al. 2022, PNDM, arXiv 2202.09778",
        "To compare with diffusers; ipndm is the same.",
        flow(2.0),
        lambda values: "ipndm",
        remembers=True,
    ),
    "LMSDiscreteScheduler": Scheduler(
        "levels",
        "ve",
        "Crowson 2022, github.com/crowsonkb/k-diffusion",
        "To compare with diffusers; ipndm-v is the same.",
        lambda values: Facts("ode", float(min(values["order"], 2))),
        lambda values: f"ipndm-v:order={values['order']}",
        {"order": Option(4, (1, 2, 3, 4))},
        by_step=("order",),
        remembers=True,
    ),
    "PNDMScheduler": Scheduler(
        "pseudo",
        "vp",
        "Liu et al. 2022, PNDM, arXiv 2202.09778, without its Runge–Kutta steps",
        "To compare with diffusers; plms is the same.",
        flow(2.0),
        lambda values: "plms",
    ),
    "SASolverScheduler": Scheduler(
        "levels",
        "vp",
        "Xue et al. 2023, SA-Solver, arXiv 2309.05019",
        "To compare with diffusers; sa-solver is the same, but for the last orders on 15 steps and more.",
        noisy(1.0),
        lambda values: (
            f"sa-solver:predictor={values['predictor_order']}:corrector={values['corrector_order']}:tau={values['tau']}"
        ),
        {
            "predictor_order": _ORDER_2_OF_3,
            "corrector_order": _ORDER_2_OF_3,
            "tau": Option(1.0, (0.0, 0.6, 1.0), (0.0, 2.0)),
        },
        remembers=True,
    ),
    "UniPCMultistepScheduler": Scheduler(
        "levels",
        "vp",
        "Zhao et al. 2023, UniPC, arXiv 2302.04867",
        "To compare with diffusers; unipc is the same, but for the last orders on 15 steps and more.",
        lambda values: Facts("ode", float(values["solver_order"])),
        lambda values: f"unipc:order={values['solver_order']}:variant={values['solver_type']}:{_lower(values)}",
        {
            "solver_order": _ORDER_2_OF_3,
            "solver_type": Option("bh2", ("bh1", "bh2")),
            "lower_order_final": _LOWER,
        },
        remembers=True,
    ),
}


def refused_together(name: str, values: Values) -> str | None:
    """Returns why a scheduler is not taken with these options together, None where it is."""
    if name == "DPMSolverMultistepScheduler" and (values["algorithm_type"], values["solver_order"]) == (
        "sde-dpmsolver++",
        3,
    ):
        return "its third order on the SDE is held to nothing here: dpmpp-3m-sde is k-diffusion's"
    return None
