"""diffusers' schedulers and options that are refused, each with its reason. What is on no list is refused too."""

from collections.abc import Mapping

_DISTILLED = "its step is that of a consistency model: another network's samples would be nonsense"
_INVERSE = "it runs from data to noise"
_EDM = "it has EDM's own preconditioning in it, whose times are log(σ)/4: on a grid's levels it returns nonsense"
_DISCRETE = "it samples tokens, not a diffusion of real numbers"
_INNER = "it keeps levels between the steps from its own table: on the levels of a grid it returns nonsense"
_VIDEO = "it is written around the zero-SNR table of one video model, and is held to nothing here"
_OWN_GRID = "its levels are fixed by one model's distillation, and a grid has no place in it"
_OTHER_MODEL = "it is part of one model's pipeline, and is held to nothing here"
_CONDITION = "it resamples around a given image or mask, which is no sampler of the law"
_TABLE = "it is tied to the betas and learned variances of one model, and is held to nothing here"

REFUSED: Mapping[str, str] = {
    "AmusedScheduler": _DISCRETE,
    "BlockRefinementScheduler": _DISCRETE,
    "CMStochasticIterativeScheduler": _DISTILLED,
    "CogVideoXDDIMScheduler": _VIDEO,
    "CogVideoXDPMScheduler": _VIDEO,
    "CosineDPMSolverMultistepScheduler": _EDM,
    "DDIMInverseScheduler": _INVERSE,
    "DDPMWuerstchenScheduler": _OTHER_MODEL,
    "DPMSolverMultistepInverseScheduler": _INVERSE,
    "DPMSolverSDEScheduler": (
        "it takes each step in two halves with a Brownian tree of its own, and the levels between them from its own "
        "table: on the levels of a grid it returns nonsense; kdiffusion:sample_dpmpp_sde is its original"
    ),
    "DiscreteDDIMScheduler": _DISCRETE,
    "EDMDPMSolverMultistepScheduler": _EDM,
    "EDMEulerScheduler": _EDM,
    "EntropyBoundScheduler": _DISCRETE,
    "FlowMapEulerDiscreteScheduler": _DISTILLED,
    "FlowMatchLCMScheduler": _DISTILLED,
    "HeliosDMDScheduler": _DISTILLED,
    "HeliosScheduler": _VIDEO,
    "KDPM2AncestralDiscreteScheduler": f"{_INNER}; kdiffusion:sample_dpm_2_ancestral is its original",
    "KDPM2DiscreteScheduler": f"{_INNER}; kdiffusion:sample_dpm_2 is its original",
    "KarrasVeScheduler": "diffusers has retired it",
    "LCMScheduler": f"{_DISTILLED}; it adds no noise in its last step",
    "LTXEulerAncestralRFScheduler": _OTHER_MODEL,
    "MiniMaxH3Scheduler": _OTHER_MODEL,
    "PiflowScheduler": _DISTILLED,
    "RFD4ProteinaScheduler": _OTHER_MODEL,
    "RePaintScheduler": _CONDITION,
    "SCMScheduler": _DISTILLED,
    "ScoreSdeVeScheduler": (
        "its Langevin corrector is another method with its own calls, and its predictor is held to nothing here"
    ),
    "SchedulerMixin": "it is the base of the schedulers, and none itself",
    "TCDScheduler": _DISTILLED,
    "UnCLIPScheduler": _TABLE,
    "VQDiffusionScheduler": _DISCRETE,
}

_LEVELS = "the levels are those of the grid: say --grid NAME"
_CLIP = (
    "x0 is never cut here, for a cut changes the law: with it DDIM's samples of gmm have a spread of 0.56, not of 1.77"
)
_PREDICTION = "the adapter hands ε (or the velocity that the scheduler asks for) over, whatever the network predicts"
_MODEL = "it is of a model's table or of what its network predicts beside ε, and the problem has neither"

# Why an option is not passed on; where SET has it, with the value that the adapter sets in its place.
REFUSED_OPTIONS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "num_train_timesteps",
            "beta_start",
            "beta_end",
            "beta_schedule",
            "trained_betas",
            "timestep_spacing",
            "timestep_type",
            "interpolation_type",
            "steps_offset",
            "use_karras_sigmas",
            "use_exponential_sigmas",
            "use_beta_sigmas",
            "use_lu_lambdas",
            "use_flow_sigmas",
            "flow_shift",
            "shift",
            "base_shift",
            "max_shift",
            "base_image_seq_len",
            "max_image_seq_len",
            "invert_sigmas",
            "shift_terminal",
            "use_dynamic_shifting",
            "time_shift_type",
            "sigma_min",
            "sigma_max",
            "lambda_min_clipped",
            "rescale_betas_zero_snr",
            "set_alpha_to_one",
        ),
        _LEVELS,
    ),
    **dict.fromkeys(
        (
            "clip_sample",
            "clip_sample_range",
            "thresholding",
            "dynamic_thresholding_ratio",
            "sample_max_value",
            "use_clipped_model_output",
        ),
        _CLIP,
    ),
    "prediction_type": _PREDICTION,
    "predict_x0": "UniPC in terms of x0 is what is held to unipc here",
    "final_sigmas_type": (
        "the adapter sets sigma_min: 'zero' forces a first-order jump to σ = 0, and the last level is the grid's"
    ),
    "euler_at_final": "the last order is lower_order_final's",
    "variance_type": _MODEL,
    "skip_prk_steps": "the Runge–Kutta steps of PNDM are held to nothing here: the adapter leaves them out",
    "stochastic_sampling": "with it a step is that of a consistency model: x0 and new noise",
    "disable_corrector": "it is held to nothing here",
    "solver_p": "it is held to nothing here",
    "tau_func": "a spec has no functions: tau is its value where 0.2 ≤ t ≤ 0.8, as by default",
    **dict.fromkeys(("s_churn", "s_tmin", "s_tmax", "s_noise"), "it is held to nothing here: take edm-stochastic"),
}

# What the adapter sets of what a scheduler's constructor takes, for its defaults would be another sampler.
SET: Mapping[str, object] = {
    "clip_sample": False,
    "thresholding": False,
    "prediction_type": "epsilon",
    "final_sigmas_type": "sigma_min",
    "timestep_spacing": "leading",
    "steps_offset": 0,
    "skip_prk_steps": True,
    "stochastic_sampling": False,
}
