"""The rough Bergomi model: its parameters, and the closed-form covariance against the integrals that it stands for."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from sigbench.errors import BadInput
from sigbench_tasks.rbergomi.model import RoughBergomi

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=50)
HURST = st.floats(0.01, 0.5)
TIME = st.floats(0.01, 3.0)
YEAR = np.arange(1, 33) / 32


def test_parameters_of_the_task() -> None:
    model = RoughBergomi()
    assert (model.hurst, model.eta, model.rho, model.xi) == (0.07, 1.9, -0.9, 0.235**2)


def integral_of_kernels(hurst: float, u: float, v: float) -> float:
    """2H∫₀ᵐ((m−s)(M−s))^{H−½}ds, where m − s = x^{1/(H+½)} takes the singularity at m away."""
    m, late = min(u, v), max(u, v)
    power = hurst + 0.5
    value, _ = quad(
        lambda x: (late - m + x ** (1 / power)) ** (hurst - 0.5),
        0,
        m**power,
        points=[min(late - m, m) ** power],
        epsabs=1e-12,
        epsrel=1e-11,
        limit=400,
    )
    return 2 * hurst / power * value


@PROPERTY
@given(hurst=HURST, u=TIME, v=TIME)
def test_covariance_of_y_is_the_integral_of_its_kernels(hurst: float, u: float, v: float) -> None:
    first, second = sorted((u, v + 0.01 * (u == v)))
    found = RoughBergomi(hurst).covariance(np.array([first, second]))[0, 1]
    assert found == pytest.approx(integral_of_kernels(hurst, first, second), rel=1e-7)


@PROPERTY
@given(hurst=HURST, u=TIME, v=TIME)
def test_covariance_of_y_and_w_is_the_integral_of_the_kernel(hurst: float, u: float, v: float) -> None:
    """√(2H)∫₀^{min(u,v)}(u−s)^{H−½}ds, where quad takes the algebraic singularity at u as a weight."""
    first, second = sorted((u, v + 0.01 * (u == v)))
    joint = RoughBergomi(hurst).covariance(np.array([first, second]))
    scale = math.sqrt(2 * hurst)
    for row, to in ((0, first), (1, second)):
        whole, _ = quad(lambda s: 1.0, 0, to, weight="alg", wvar=(0, hurst - 0.5))
        assert joint[row, 3] == pytest.approx(scale * whole, rel=1e-7)
    power = hurst + 0.5
    part, _ = quad(lambda x: 1.0 / power, (second - first) ** power, second**power)
    assert joint[1, 2] == pytest.approx(scale * part, rel=1e-7)


@PROPERTY
@given(hurst=HURST, time=TIME)
def test_variances(hurst: float, time: float) -> None:
    joint = RoughBergomi(hurst).covariance(np.array([time]))
    assert joint[0, 0] == pytest.approx(time ** (2 * hurst), rel=1e-14)
    assert joint[1, 1] == time


@PROPERTY
@given(hurst=HURST, scale=st.floats(0.1, 10.0))
def test_self_similarity(hurst: float, scale: float) -> None:
    """Y at c·t is c^H·Y at t in law, and W is c^{½}·W, jointly."""
    model = RoughBergomi(hurst)
    scales = np.repeat([scale**hurst, scale**0.5], len(YEAR))
    expected = model.covariance(YEAR) * scales[:, None] * scales
    np.testing.assert_allclose(model.covariance(scale * YEAR), expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("hurst", [0.01, 0.07, 0.3, 0.49])
def test_covariance_is_symmetric_and_positive_definite(hurst: float) -> None:
    joint = RoughBergomi(hurst).covariance(YEAR)
    assert joint.shape == (64, 64)
    np.testing.assert_array_equal(joint, joint.T)
    assert np.linalg.eigvalsh(joint).min() > 0


def test_at_one_half_y_is_w() -> None:
    joint = RoughBergomi(0.5).covariance(YEAR)
    motion = np.minimum(YEAR[:, None], YEAR)
    np.testing.assert_allclose(joint, np.block([[motion, motion], [motion, motion]]), rtol=1e-14)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"hurst": 0.0}, r"Hurst index must lie in \(0, 0\.5\], not 0\.0\.$"),
        ({"hurst": 0.51}, r"Hurst index must lie in \(0, 0\.5\], not 0\.51\.$"),
        ({"hurst": math.nan}, r"Hurst index must lie in \(0, 0\.5\], not nan\.$"),
        ({"eta": -0.1}, r"eta must lie in \[0, ∞\), not -0\.1\.$"),
        ({"eta": math.inf}, r"eta must lie in \[0, ∞\), not inf\.$"),
        ({"eta": math.nan}, r"eta must lie in \[0, ∞\), not nan\.$"),
        ({"rho": -1.01}, r"rho must lie in \[-1, 1\], not -1\.01\.$"),
        ({"rho": 1.5}, r"rho must lie in \[-1, 1\], not 1\.5\.$"),
        ({"rho": math.nan}, r"rho must lie in \[-1, 1\], not nan\.$"),
        ({"xi": 0.0}, r"xi must lie in \(0, ∞\), not 0\.0\.$"),
        ({"xi": -0.04}, r"xi must lie in \(0, ∞\), not -0\.04\.$"),
        ({"xi": math.nan}, r"xi must lie in \(0, ∞\), not nan\.$"),
    ],
    ids=str,
)
def test_bad_parameters(parameters: dict[str, float], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        RoughBergomi(**parameters)


@pytest.mark.parametrize("parameters", [{"hurst": 0.5}, {"rho": 1.0}, {"rho": -1.0}, {"eta": 0.0}], ids=str)
def test_the_ends_of_the_ranges_that_belong_to_them(parameters: dict[str, float]) -> None:
    model = RoughBergomi(**parameters)
    assert {name: getattr(model, name) for name in parameters} == parameters


@pytest.mark.parametrize("times", [[], [0.0, 1.0], [0.5, 0.5], [1.0, 0.5], [1.0, math.nan], [1.0, math.inf], [[1.0]]])
def test_bad_times(times: list[float]) -> None:
    with pytest.raises(BadInput, match="positive, finite and strictly increasing"):
        RoughBergomi().covariance(np.array(times))
