"""Statistics of other people's features: the mean and the covariance that an FID is computed with."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.files import is_file, read_file
from sigbench.models.data.files import arrays_of

_NAMES = ("mu", "sigma")  # as pytorch-fid, clean-fid, EDM and ADM write them
_ASYMMETRY = 1e-4  # of a covariance, relative to its largest entry


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """The mean (f,) and the covariance (f, f) of the features of images that are not here, with their file's hash."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    sha256: str


def holds_statistics(where: Path) -> bool:
    """Returns whether a file is an .npz of statistics, and not of images."""
    if where.suffix != ".npz" or not is_file(where):
        return False
    try:
        with zipfile.ZipFile(where) as opened:
            names = {name.removesuffix(".npy") for name in opened.namelist()}
    except Exception:  # whatever its reader makes of bytes: reading the images says what is wrong
        return False
    return names >= set(_NAMES)


def read_statistics(where: Path) -> FeatureStatistics:
    """Returns the arrays `mu` (f,) and `sigma` (f, f) of an .npz; raises BadInput for anything else."""
    content = read_file(where, "the statistics")
    arrays = arrays_of(where, content)
    mean, covariance = (np.asarray(arrays[name]) for name in _NAMES)
    if (
        mean.ndim != 1
        or covariance.shape != (len(mean), len(mean))
        or {mean.dtype.kind, covariance.dtype.kind} != {"f"}
    ):
        raise BadInput(
            f"data.images: {where} holds mu of shape {mean.shape} and sigma of shape {covariance.shape}, not the mean "
            "(f,) and the covariance (f, f) of features."
        )
    mean, covariance = mean.astype(np.float64), covariance.astype(np.float64)
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise BadInput(f"data.images: the statistics in {where} are not finite.")
    if np.abs(covariance - covariance.T).max() > _ASYMMETRY * np.abs(covariance).max():
        raise BadInput(f"data.images: sigma in {where} is not symmetric, and so no covariance.")
    return FeatureStatistics(mean, covariance, hashlib.sha256(content).hexdigest())
