"""Planning cells for a device that this machine lacks: a head without a GPU plans a sweep of nodes that have some."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from sigbench.errors import unknown_name
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.settings import Settings


def check_device_name(name: str) -> None:
    """Raises BadInput for what names no device, on this machine or on another."""
    if name not in ("auto", "cpu", "cuda"):
        raise unknown_name("device", name, ("auto", "cpu", "cuda"))


def plan_for(settings: Settings, samplers: Sequence[str], steps: Sequence[int]) -> list[Cell]:
    """Returns what `plan_cells` does, with the same keys, also where the settings' CUDA device is not on this machine.

    Such cells are planned on the processor and cannot be measured here; the worker plans them again, on its own device,
    and compares the keys.
    """
    if settings.device != "cuda" or torch.cuda.is_available():
        return plan_cells(settings, samplers, steps)
    device = torch.device(settings.device)
    found = plan_cells(replace(settings, device="cpu"), samplers, steps)
    return [replace(cell, settings=settings, device=device) for cell in found]
