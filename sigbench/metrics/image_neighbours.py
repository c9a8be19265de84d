"""Scores of images by nearest neighbours among features: precision and recall, density and coverage."""

from functools import lru_cache
from typing import Any

import torch

from sigbench.metrics.estimate import NON_NEGATIVE, SHARE
from sigbench.metrics.fidelity import torch_fidelity
from sigbench.metrics.image_sample import ImageMetric, ImageSample
from sigbench.metrics.metric import Reference
from sigbench.metrics.neighbours import inside_balls, neighbour_radii

_NEIGHBOURS_PRECISION, _NEIGHBOURS_DENSITY = 3, 5
_CHUNK = 2_000


@lru_cache(maxsize=1)
def _precision_and_recall(samples: ImageSample, real: ImageSample) -> dict[str, Any]:
    prc = torch_fidelity().metric_prc
    found: dict[str, Any] = prc.prc_features_to_metric(
        torch.from_numpy(samples.features).float(),
        torch.from_numpy(real.features).float(),
        prc_neighborhood=_NEIGHBOURS_PRECISION,
        prc_batch_size=_CHUNK,
        save_cpu_ram=True,
        verbose=False,
    )
    return found


class Precision(ImageMetric):
    """The share of samples within the real images' manifold (Kynkäänniemi et al. 2019)."""

    name, title, better = "precision", "precision", "higher"
    bounds = SHARE
    counted = True
    how = f"torch-fidelity, {_NEIGHBOURS_PRECISION} neighbours, against as many training images"
    least = _NEIGHBOURS_PRECISION + 1

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        return float(_precision_and_recall(samples, self.real_of(samples, reference))["precision"])


class Recall(ImageMetric):
    """The share of real images within the samples' manifold (Kynkäänniemi et al. 2019)."""

    name, title, better = "recall", "recall", "higher"
    bounds = SHARE
    counted = True
    how = Precision.how
    least = _NEIGHBOURS_PRECISION + 1

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        return float(_precision_and_recall(samples, self.real_of(samples, reference))["recall"])


@lru_cache(maxsize=1)
def _balls(samples: ImageSample, real: ImageSample) -> tuple[float, float]:
    """Density and coverage."""
    of_samples, of_real = torch.from_numpy(samples.features).float(), torch.from_numpy(real.features).float()
    around, covered = inside_balls(of_samples, of_real, neighbour_radii(of_real, _NEIGHBOURS_DENSITY))
    return float(around.double().mean()) / _NEIGHBOURS_DENSITY, float(covered.double().mean())


class Density(ImageMetric):
    """How many real neighbourhoods hold a sample, over their number of neighbours (Naeem et al. 2020, eq. 4)."""

    name, title, better = "density", "density", "higher"
    bounds = NON_NEGATIVE
    how = f"{_NEIGHBOURS_DENSITY} neighbours, against as many training images"
    least = _NEIGHBOURS_DENSITY + 1

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        return _balls(samples, self.real_of(samples, reference))[0]


class Coverage(ImageMetric):
    """The share of real neighbourhoods that hold a sample (Naeem et al. 2020, eq. 5)."""

    name, title, better = "coverage", "coverage", "higher"
    bounds = SHARE
    counted = True
    how = Density.how
    least = _NEIGHBOURS_DENSITY + 1

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        return _balls(samples, self.real_of(samples, reference))[1]
