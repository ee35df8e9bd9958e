"""The selective scan as it is defined: one step after another, in the precision of its input.

Slow and readable; the yardstick for every other backend.  Differentiable by autograd.
"""
from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor
from torch.nn import functional as F


def scan(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, order: Tensor,
         dt_bias: Optional[Tensor] = None, softplus: bool = False) -> Tensor:
    """See `SPMambaLib.scan.selective_scan` for the arguments and the result (Bt, L, D)."""
    dt = step_sizes(dt, dt_bias, softplus)
    out = torch.zeros_like(u)
    for k, path in enumerate(order):
        state = u.new_zeros(u.shape[0], u.shape[2], A.shape[2])
        rows = zip(*(tensor[:, path].unbind(1) for tensor in (u, dt[:, k], B[:, k], C[:, k])))
        outputs = []
        for x, step, b, c in rows:
            state = torch.exp(step[:, :, None] * A[k]) * state + (step * x)[:, :, None] * b[:, None, :]
            outputs.append((state * c[:, None, :]).sum(-1) + D[k] * x)
        out = out.index_add(1, path, torch.stack(outputs, dim=1))
    return out


def step_sizes(dt: Tensor, dt_bias: Optional[Tensor], softplus: bool) -> Tensor:
    """dt (Bt, K, L, D) plus bias (K, D), made positive."""
    if dt_bias is not None:
        dt = dt + dt_bias[:, None, :]
    return F.softplus(dt) if softplus else dt
