"""The standardisation is invertible, and makes every coordinate of exact paths about standard."""

import pytest
import torch

from sigbench_tasks.rbergomi.coordinates import Coordinates
from sigbench_tasks.rbergomi.model import RoughBergomi
from sigbench_tasks.rbergomi.specification import Specification
from sigbench_tasks.rbergomi.truth import RoughBergomiTruth


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_invertible(dtype: torch.dtype) -> None:
    coordinates = Coordinates(Specification.equal(RoughBergomi(), horizon=0.5, points=8, fine=4))
    states = torch.randn(100, 8, 2, dtype=dtype, generator=torch.Generator().manual_seed(0))
    paths = coordinates.to_paths(states)
    assert paths.dtype == dtype
    torch.testing.assert_close(coordinates.to_states(paths), states, rtol=1e-3, atol=1e-4)


def test_exact_paths_become_about_standard() -> None:
    """Standard errors at 4,000 paths: 0.016 of a mean, 0.011 of a normal's and about 0.025 of a return's deviation."""
    states = torch.from_numpy(RoughBergomiTruth().sample(4_000, 0)).view(-1, 64, 2)
    assert float(states[..., 1].mean(0).abs().max()) < 0.08
    assert float((states[..., 1].std(0) - 1).abs().max()) < 0.06
    assert float(states[:, 1:, 0].mean(0).abs().max()) < 0.1
    assert float((states[:, 1:, 0].std(0) - 1).abs().max()) < 0.15


def test_scaled_returns_forget_the_level_of_volatility() -> None:
    """Their mean square in the calmest and in the wildest sixth of intervals; of raw returns these differ by 20."""
    truth = RoughBergomiTruth()
    paths = truth.paths(4_000, 1)
    states = truth.coordinates.to_states(paths)[:, 10:].flatten(0, 1)
    level = paths[:, 9:-1, 1].flatten()
    raw = torch.diff(paths[:, 9:, 0], dim=1).flatten()
    calm, wild = level < level.quantile(1 / 6), level > level.quantile(5 / 6)
    assert 0.7 < float(states[calm, 0].square().mean() / states[wild, 0].square().mean()) < 1.4
    assert float(raw[wild].square().mean() / raw[calm].square().mean()) > 15
