"""k-diffusion's functions that are taken, with their options and what tests hold them to; and those that are not.

`equal` is the spec of a sampler of this suite that makes the same states of the same noise, to rounding.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sigbench_baselines.adapters.facts import Facts, Option, Values, flow

_CITED = "Crowson 2022, github.com/crowsonkb/k-diffusion"


@dataclass(frozen=True, slots=True)
class Function:
    """A function that is taken. `calls_a_step` are its network calls in a step; where `equal` is None for the options
    it is held to an exact solution."""

    source: str
    when: str
    facts: Callable[[Values], Facts]
    equal: Callable[[Values], str | None]
    options: Mapping[str, Option] = field(default_factory=dict)
    calls_a_step: int = 1


_ETA = Option(1.0, (0.0, 0.5, 1.0), (0.0, 1.0))
_OF_LU = "Lu et al. 2022, DPM-Solver++, arXiv 2211.01095"


def _at_eta(order: float, noisy_order: float | None) -> Callable[[Values], Facts]:
    return lambda values: Facts("sde", noisy_order, 1) if values["eta"] > 0 else Facts("ode", order)


def _heun_facts(values: Values) -> Facts:
    return Facts("sde", None, 1) if values["s_churn"] > 0 else Facts("ode", 2.0)


_WHOLE, _HEUN = "lower_order_final=false", "solver_type=heun"


def _multistep(values: Values) -> str:
    name = f"dpmpp-2m-sde:eta={values['eta']}" if values["eta"] > 0 else "dpmpp-2m"
    return f"{name}:{_WHOLE}:solver_type={values['solver_type']}"


def _heun(values: Values) -> str:
    if values["s_churn"] == 0:
        return "heun"
    return (
        f"edm-stochastic:churn={values['s_churn']}:low={values['s_tmin']}:high={values['s_tmax']}"
        f":noise={values['s_noise']}"
    )


ALLOWED: Mapping[str, Function] = {
    "sample_dpm_2": Function(
        f"{_CITED}, after Lu et al. 2022, arXiv 2206.00927",
        "To compare with k-diffusion; dpm-solver-2s is the same.",
        flow(2.0),
        lambda values: "dpm-solver-2s",
        calls_a_step=2,
    ),
    "sample_dpm_2_ancestral": Function(
        _CITED,
        "To compare with k-diffusion; dpm2-ancestral is the same.",
        _at_eta(2.0, None),
        lambda values: f"dpm2-ancestral:eta={values['eta']}" if values["eta"] > 0 else "dpm-solver-2s",
        {"eta": _ETA},
        calls_a_step=2,
    ),
    "sample_dpmpp_2m": Function(
        _OF_LU,
        "To compare with k-diffusion; dpmpp-2m is the same but for the last step of a short grid.",
        flow(2.0),
        lambda values: f"dpmpp-2m:{_WHOLE}",
    ),
    "sample_dpmpp_2m_sde": Function(
        _OF_LU,
        "To compare with k-diffusion; dpmpp-2m-sde is the same but for the last step of a short grid.",
        _at_eta(2.0, 1.0),
        _multistep,
        {"eta": _ETA, "solver_type": Option("midpoint", ("midpoint", "heun"))},
    ),
    "sample_dpmpp_2s_ancestral": Function(
        _OF_LU,
        "To compare with k-diffusion; at eta=0 dpmpp-2s is the same.",
        _at_eta(2.0, None),
        lambda values: "dpmpp-2s" if values["eta"] == 0 else None,
        {"eta": _ETA},
        calls_a_step=2,
    ),
    "sample_dpmpp_3m_sde": Function(
        f"{_CITED}, after Lu et al. 2022, arXiv 2211.01095",
        "To compare with k-diffusion; dpmpp-3m-sde is the same but for the last steps of a short grid.",
        _at_eta(2.0, 1.0),
        lambda values: (
            f"dpmpp-3m-sde:eta={values['eta']}:{_WHOLE}" if values["eta"] > 0 else f"dpmpp-3m:{_WHOLE}:{_HEUN}"
        ),
        {"eta": _ETA},
    ),
    "sample_dpmpp_sde": Function(
        f"{_CITED}, after Lu et al. 2022, arXiv 2211.01095",
        "To compare with k-diffusion; it reads two normals a step, with the law of a Brownian tree in σ.",
        lambda values: Facts("sde", None, 2) if values["eta"] > 0 else Facts("ode", 2.0),
        lambda values: "dpmpp-2s" if values["eta"] == 0 else None,
        {"eta": _ETA},
        calls_a_step=2,
    ),
    "sample_euler": Function(
        "Karras et al. 2022, EDM, arXiv 2206.00364",
        "To compare with k-diffusion; ddim is the same.",
        flow(1.0),
        lambda values: "ddim",
    ),
    "sample_euler_ancestral": Function(
        _CITED,
        "To compare with k-diffusion; ddpm is the same, or ddim at another eta.",
        _at_eta(1.0, None),
        lambda values: f"ddim:eta={values['eta']}",
        {"eta": _ETA},
    ),
    "sample_heun": Function(
        "Karras et al. 2022, EDM, arXiv 2206.00364, algorithm 2",
        "To compare with k-diffusion; heun and edm-stochastic are the same.",
        _heun_facts,
        _heun,
        {
            "s_churn": Option(0.0, (0.0, 4.0), (0.0, 1000.0)),
            "s_tmin": Option(0.0, (0.0, 0.05), (0.0, math.inf)),
            "s_tmax": Option(math.inf, (math.inf, 20.0), (0.0, math.inf), closed=False),
            "s_noise": Option(1.0, (1.0, 1.007), (0.0, 2.0), closed=False),
        },
        calls_a_step=2,
    ),
    "sample_lms": Function(
        _CITED,
        "To compare with k-diffusion; ipndm-v is the same.",
        lambda values: Facts("ode", float(min(values["order"], 2))),
        lambda values: f"ipndm-v:order={values['order']}",
        {"order": Option(4, (1, 2, 3, 4))},
    ),
}


def refused_together(name: str, values: Values) -> str | None:
    """Returns why a function is not taken with these options together, None where it is."""
    if name == "sample_heun" and values["s_churn"] > 0 and math.isinf(values["s_tmax"]):
        return "s_churn adds noise up to s_tmax, and above the first level there is none to go to: give s_tmax too"
    return None


_OWN_LEVELS = "it takes a first and a last level and chooses those between itself, so that no grid has a place in it"

REFUSED: Mapping[str, str] = {
    "sample_dpm_adaptive": f"{_OWN_LEVELS}; its calls depend on the batch",
    "sample_dpm_fast": _OWN_LEVELS,
    "log_likelihood": "it computes likelihoods, and samples nothing",
}

_HANDED = "the adapter hands it over itself"
_CHURN = "noise before the steps is held to nothing here but in sample_heun: take that, or edm-stochastic"

REFUSED_OPTIONS: Mapping[str, str] = {
    **dict.fromkeys(("model", "x", "sigmas", "extra_args", "callback", "disable", "noise_sampler"), _HANDED),
    **dict.fromkeys(("s_churn", "s_tmin", "s_tmax"), _CHURN),
    "s_noise": "noise of another size than the equation's is held to nothing here",
    "r": "the middle of a step elsewhere than at half its λ is held to nothing here",
}
