"""Units: standardised pixels, and quantisation that gives the images back."""

import numpy as np
import torch

from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.pixels import quantised, standardised


def test_the_training_images_have_mean_zero_and_deviation_one() -> None:
    states = standardised(idx.images("train").copy())
    assert states.shape == (60_000, 1, 28, 28)
    assert abs(float(states.mean())) < 1e-3
    assert abs(float(states.std()) - 1) < 1e-3


def test_quantisation_gives_every_level_back() -> None:
    levels = np.arange(784, dtype=np.int64).reshape(1, 28, 28) % 256
    pixels = levels.astype(np.uint8)
    assert np.array_equal(quantised(standardised(pixels)).numpy(), pixels)


def test_quantisation_rounds_and_clips() -> None:
    step = 1 / 255 / 0.3081
    states = standardised(np.full((1, 28, 28), 100, dtype=np.uint8))
    assert (quantised(states + 0.4 * step) == 100).all()
    assert (quantised(states + 0.6 * step) == 101).all()
    assert (quantised(torch.full((1, 1, 28, 28), -9.0)) == 0).all()
    assert (quantised(torch.full((1, 1, 28, 28), 9.0)) == 255).all()
