"""The units of the task: pixels standardised to mean 0 and standard deviation 1 over the training images."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MEAN, STD = 0.1307, 0.3081  # of pixel/255 over the 60,000 training images, to four places; so σ_data is 1
SIDE = 28


def standardised(pixels: NDArray[np.uint8] | Tensor) -> Tensor:
    """Returns uint8 images (n, 28, 28) as float32 states (n, 1, 28, 28)."""
    values = torch.as_tensor(pixels).float().div_(255.0)
    return values.sub_(MEAN).div_(STD).unsqueeze(1)


def quantised(states: Tensor) -> Tensor:
    """Returns states (n, 1, 28, 28) as uint8 images (n, 28, 28): clipped, and rounded to the nearest level."""
    values = states[:, 0].float().mul(STD).add_(MEAN).mul_(255.0)
    return values.clamp_(0.0, 255.0).round_().to(torch.uint8)
