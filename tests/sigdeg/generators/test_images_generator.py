"""The image student starts as an exponential integrator with the teacher's denoiser, and is exact for one image."""

from typing import Any

import pytest
import torch

from sigbench.errors import BadInput
from sigbench.networks.edm import EDMConfig, EDMDenoiser
from sigbench.networks.unet import UNetConfig
from sigbench.sde.grid import Step
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.schedule import VPLinear
from sigbench.sigdeg.generators.images import ImageGenerator, ImageGeneratorConfig

SMALL = EDMConfig(
    classes=3, unet=UNetConfig(fine=8, coarse=8, fine_blocks=(1, 1), coarse_blocks=2, heads=2, condition=16)
)
SCHEDULE = VPLinear()


def made(**parts: Any) -> ImageGenerator:
    """A student with the small teacher's network."""
    return ImageGeneratorConfig(schedule=SCHEDULE.name, denoiser=SMALL, **parts).network(SCHEDULE)


def teacher() -> EDMDenoiser:
    torch.manual_seed(0)
    module = EDMDenoiser(SMALL)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return module.eval()


@pytest.mark.parametrize(("order", "memory"), [(1, 0), (2, 0), (3, 0), (2, 2)])
def test_an_untrained_student_denoises_as_its_teacher_does(order: int, memory: int) -> None:
    ours = made(order=order, memory=memory)
    theirs = teacher()
    ours.start_from(theirs.state_dict())
    rows = ours.coefficients(diffusion_grid("quadratic", 5, SCHEDULE))
    x, whitened = torch.randn(4, 1, 8, 8), torch.randn(4, order, 1, 8, 8)
    labels, earlier = torch.tensor([0, 1, 2, 3]), [torch.randn(4, 1, 8, 8) for _ in range(memory)]
    with torch.no_grad():
        for row in rows.split(1):
            sigma = row[:, 3].exp()
            expected = theirs(x * row[0, 2], sigma, labels)
            found = ours.learned(x, whitened, row, labels, torch.float32, earlier)
            torch.testing.assert_close(found, expected)
            stepped = ours(x, whitened, row, labels, earlier=earlier)
            torch.testing.assert_close(stepped, ours.linear(x, whitened, row) + row[0, 1] * expected)


def test_the_step_is_exact_for_data_at_one_point() -> None:
    """From the marginal at t of one image x₀ a step with D = x₀ and all the noise leads to the marginal at t′."""
    ours = made(order=8)
    start, end = 0.4, 0.6
    row = ours.coefficients([Step(0, start, end)], torch.float64)
    t, t_next = SCHEDULE.t_start - start, SCHEDULE.t_start - end
    clean = 0.7
    mean = row[0, 0] * SCHEDULE.alpha(t) * clean + row[0, 1] * clean
    variance = (row[0, 0] * SCHEDULE.sigma(t)) ** 2 + row[0, 5:].square().sum()
    assert float(mean) == pytest.approx(float(SCHEDULE.alpha(t_next)) * clean, rel=1e-5)
    assert float(variance) == pytest.approx(float(SCHEDULE.sigma(t_next)) ** 2, rel=1e-4)


def test_the_signature_reaches_the_network_once_trained() -> None:
    ours = made(order=2, memory=1)
    ours.start_from(teacher().state_dict())
    torch.nn.init.normal_(ours.unet.stem.weight, std=0.1)
    row = ours.coefficients([Step(0, 0.4, 0.6)])
    x, labels = torch.randn(2, 1, 8, 8), torch.tensor([0, 1])
    same, before = torch.randn(2, 2, 1, 8, 8), torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        one, noise, memory = (
            ours.learned(x, whitened, row, labels, torch.float32, [earlier])
            for whitened, earlier in ((same, before), (torch.randn(2, 2, 1, 8, 8), before), (same, x))
        )
    assert not torch.allclose(one, noise)
    assert not torch.allclose(one, memory)


def test_with_the_identity_for_base_it_starts_where_it_stands() -> None:
    """And an output of one at every pixel moves it by the standard deviation of the states after the step."""
    ours = made(order=2, base="identity")
    ours.start_from(teacher().state_dict())
    x, whitened, labels = torch.randn(2, 1, 8, 8), torch.randn(2, 2, 1, 8, 8), torch.tensor([0, 1])
    row = ours.coefficients([Step(0, 0.4, 0.6)])
    with torch.no_grad():
        torch.testing.assert_close(ours(x, whitened, row, labels), x)
        torch.nn.init.ones_(ours.unet.head.bias)
        torch.testing.assert_close(ours(x, whitened, row, labels), x + 1.0, rtol=1e-4, atol=1e-4)


def test_no_other_base_or_memory() -> None:
    with pytest.raises(BadInput, match="unknown base step 'identiy'"):
        made(order=2, base="identiy")
    with pytest.raises(BadInput, match="between 0 and 4 earlier states, got 5"):
        made(order=2, memory=5)
