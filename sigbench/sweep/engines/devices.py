"""The devices that a sweep's cells ask for, and those that are here."""

import os
from collections.abc import Iterable

from sigbench.measure.settings import pick_device


def is_on_cuda(devices: Iterable[str]) -> bool:
    """Whether one of the devices that settings name, "auto" among them, is a CUDA device on this machine."""
    return any(pick_device(device).type == "cuda" for device in set(devices))


def visible_cuda(devices: Iterable[str]) -> tuple[str, ...]:
    """Returns the CUDA devices of this machine that workers may take turns at, as CUDA_VISIBLE_DEVICES names them.

    None where settings name one by its number: such cells go to that one.
    """
    import torch

    if any(":" in device for device in devices):
        return ()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return tuple(map(str, range(count))) if named is None else tuple(part.strip() for part in named.split(",")[:count])
