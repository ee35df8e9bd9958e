"""The selective scan as it is defined: one step after another, in the precision of its input.

Slow and readable; the yardstick for every other backend.  Differentiable by autograd.
"""
from __future__ import annotations

import torch
from torch import Tensor


def scan(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, order: Tensor) -> Tensor:
    """See `SPMambaLib.scan.selective_scan` for the arguments and the result (Bt, L, D)."""
    out = torch.zeros_like(u)
    for k, path in enumerate(order):
        state = u.new_zeros(u.shape[0], u.shape[2], A.shape[2])
        outputs = []
        for row in path.tolist():
            x, step = u[:, row, :, None], dt[:, k, row, :, None]
            state = torch.exp(step * A[k]) * state + step * B[:, k, row, None, :] * x
            outputs.append((state * C[:, k, row, None, :]).sum(-1) + D[k] * u[:, row])
        out = out.index_add(1, path, torch.stack(outputs, dim=1))
    return out
