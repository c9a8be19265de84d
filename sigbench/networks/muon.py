"""Muon (Jordan et al. 2024) that orthogonalises in float32 on CPUs: torch's own computes there in bfloat16.

Few CPUs multiply matrices of bfloat16 fast: on others a product of 128 × 128 takes 25 times as long as in float32, and
most of a small network's training. On other devices this is torch's own.
"""

from collections.abc import Callable
from math import sqrt
from typing import Any

import torch
from torch import Tensor


class Muon(torch.optim.Muon):
    """torch's Muon, in float32 where its matrices are on a CPU."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Takes a step; returns what `closure` returns, None without one."""
        if any(weight.device.type != "cpu" for group in self.param_groups for weight in group["params"]):
            return super().step(closure)
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                momentum = state.setdefault("momentum_buffer", torch.zeros_like(weight.grad))
                momentum.lerp_(weight.grad, 1.0 - group["momentum"])
                update = weight.grad.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum
                direction = orthogonalised(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
                weight.mul_(1.0 - group["lr"] * group["weight_decay"])
                rows, columns = weight.shape[:2]
                weight.add_(direction, alpha=-group["lr"] * sqrt(max(1.0, rows / columns)))
        return loss


def orthogonalised(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Returns about U·Vᵀ of a matrix U·S·Vᵀ, by so many steps of X ← aX + (bA + cA²)X with A = XXᵀ."""
    a, b, c = coefficients
    tall = matrix.size(0) > matrix.size(1)
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
