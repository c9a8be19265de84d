"""A trained denoiser as the network of a diffusion with a schedule, and how it is loaded from an artifact."""

from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from sigbench.errors import BadInput, BrokenContract
from sigbench.guard import told
from sigbench.networks import edm, gaussian_edm
from sigbench.networks.artifacts import check_fit, load_artifact, stamp_of
from sigbench.networks.edm import EDMConfig, EDMDenoiser
from sigbench.networks.gaussian_edm import GaussianDenoiser, GaussianDenoiserConfig
from sigbench.sde.schedule import Schedule


class HasClasses(Protocol):
    """The configuration of a denoiser, with its number of classes; that number as a label means none."""

    @property
    def classes(self) -> int:
        """The number of classes."""
        ...


class NoiseLevelDenoiser(Protocol):
    """D(y; σ, label): the expected clean sample in y = x₀ + σ·ε."""

    @property
    def config(self) -> HasClasses:
        """What rebuilds the denoiser."""
        ...

    def __call__(self, y: Tensor, sigma: Tensor, labels: Tensor, compute: torch.dtype) -> Tensor:
        """Returns the estimate, shape of y; sigma and labels have shape (n,) or (1,)."""
        ...

    def features(self, y: Tensor, sigma: Tensor, labels: Tensor, compute: torch.dtype) -> list[Tensor]:
        """Returns numbers in which laws of noisy samples y can be compared, each (n, f), in the dtype of y."""
        ...


class ScheduledDenoiser:
    """A denoiser as the network of a diffusion with a schedule: (t, x) to the expected clean sample.

    Called with labels, shape (n,), it denoises towards these classes, without towards no class at all. With `guidance`
    w > 0 it gives (1 + w)·D(label) − w·D(none) (Ho & Salimans 2022, eq. 6) by two evaluations, its `cost`, and raises
    BrokenContract without labels. The network computes in `compute`, in which its weights are kept too.
    """

    def __init__(
        self,
        module: NoiseLevelDenoiser,
        schedule: Schedule,
        compute: torch.dtype,
        guidance: float = 0.0,
    ) -> None:
        self._module, self._schedule, self._compute = module, schedule, compute
        self._guidance = guidance
        self.cost = 2 if guidance else 1

    def __call__(self, t: float, x: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is None and self._guidance:
            raise BrokenContract("a guided denoiser was asked without labels: call problem.labelled(labels) first.")
        alpha, sigma = float(self._schedule.alpha(t)), float(self._schedule.sigma(t))
        level = torch.full((1,), sigma / alpha, dtype=x.dtype, device=x.device)
        y, none = x / alpha, torch.full((1,), self._module.config.classes, device=x.device)
        estimate: Tensor = self._module(y, level, none if labels is None else labels, self._compute)
        if not self._guidance:
            return estimate
        unconditional: Tensor = self._module(y, level, none, self._compute)
        return estimate + self._guidance * (estimate - unconditional)


def build_denoiser(kind: str, config: dict[str, Any]) -> EDMDenoiser | GaussianDenoiser:
    """Returns the untrained denoiser of a manifest; raises BadInput for another kind, TypeError for other fields."""
    if kind == edm.KIND:
        return EDMDenoiser(EDMConfig.from_json(config))
    if kind == gaussian_edm.KIND:
        return GaussianDenoiser(GaussianDenoiserConfig.from_json(config))
    raise BadInput(f"a {kind} is not a denoiser: {edm.KIND} and {gaussian_edm.KIND} are.")


def load_denoiser(folder: Path, schedule: Schedule, device: torch.device, compute: torch.dtype) -> NoiseLevelDenoiser:
    """Returns the denoiser of an artifact, frozen, its weights in `compute`; the same one as long as the files are.

    Raises BadInput where it is missing, corrupt, no denoiser, or trained under another schedule.
    """
    return _loaded(folder, stamp_of(folder), schedule, device, compute)


@lru_cache(maxsize=4)  # a sweep plans hundreds of cells on the same network
def _loaded(
    folder: Path, stamp: Hashable, schedule: Schedule, device: torch.device, compute: torch.dtype
) -> NoiseLevelDenoiser:
    weights, manifest = load_artifact(folder)
    if manifest.kind not in (edm.KIND, gaussian_edm.KIND):
        raise BadInput(f"the artifact {folder} is a {manifest.kind}, not a denoiser.")
    if manifest.data.get("schedule") != schedule.name:
        raise BadInput(
            f"the artifact {folder} was trained under {manifest.data.get('schedule')!r}, not {schedule.name!r}."
        )
    try:
        check_fit(manifest.config, lambda: build_denoiser(manifest.kind, manifest.config), weights)
        module: nn.Module = build_denoiser(manifest.kind, manifest.config)
        module.load_state_dict(weights)
    except BadInput:
        raise
    except Exception as error:  # a manifest is data, and may hold anything
        raise BadInput(f"the artifact {folder} does not fit its manifest: {told(error)}.") from error
    module.eval().requires_grad_(False).to(device=device, dtype=compute)
    return cast(NoiseLevelDenoiser, module)
