"""The selective scan of a state-space model, along several paths over one set of tokens.

    h_t = exp(dt_t A) h_(t-1) + dt_t B_t x_t,        y_t = C_t . h_t + D x_t

One function, `selective_scan`, and behind it a registry of backends which agree with each other.  Which one runs is
nobody's business outside of this package: results record the name that `default_backend` gives.
"""
from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from .registry import (
    BACKENDS,
    available_backends,
    backends_for,
    default_backend,
    implementation,
    require,
    trouble,
    using,
)

__all__ = ["BACKENDS", "available_backends", "backends_for", "default_backend", "selective_scan", "trouble", "using"]


def selective_scan(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, order: Tensor, *,
                   dt_bias: Optional[Tensor] = None, softplus: bool = False, backend: Optional[str] = None) -> Tensor:
    """Scan the tokens along K paths and sum the outputs in place.

    At step t path k reads row ``order[k, t]`` of u, dt, B and C and adds its output to that row of the result; so
    nothing is permuted outside.  Computed in float32 whatever autocast says, or in float64 when u is float64.

    Args:
        u: tokens (Bt, L, D) in their own order, shared by all paths.
        dt: step sizes (Bt, K, L, D), in token order; >= 0, or any with `softplus`.
        A: state matrix (K, D, N), negative.
        B: input matrix (Bt, K, L, N), in token order.
        C: output matrix (Bt, K, L, N), in token order.
        D: skip weights (K, D).
        order: paths (K, L) int64, each row a permutation of 0 .. L-1.
        dt_bias: (K, D), added to dt.
        softplus: whether the step sizes are softplus(dt + dt_bias).
        backend: a name of `BACKENDS`; None takes `default_backend`.

    Returns:
        Sum over the paths (Bt, L, D), float32 or float64.

    Raises:
        ValueError: shapes that do not fit together.
        UsageError, DeviceError: an unknown backend, or one that does not work with these tensors.
    """
    batch, length, channels = u.shape
    paths, states = order.shape[0], A.shape[2]
    expected = {
        "dt": (dt, (batch, paths, length, channels)), "A": (A, (paths, channels, states)),
        "B": (B, (batch, paths, length, states)), "C": (C, (batch, paths, length, states)),
        "D": (D, (paths, channels)), "order": (order, (paths, length)),
        "dt_bias": (D if dt_bias is None else dt_bias, (paths, channels)),
    }
    for argument, (tensor, shape) in expected.items():
        if tuple(tensor.shape) != shape:
            raise ValueError("selective_scan: {} has shape {}, expected {}".format(
                argument, tuple(tensor.shape), shape))
    precision = torch.float64 if u.dtype == torch.float64 else torch.float32
    name = default_backend(u.device) if backend is None else require(backend, u.device)
    if precision == torch.float64 and not BACKENDS[name].doubles:
        name = "torch"
    with torch.autocast(device_type=u.device.type, enabled=False):
        u, dt, A, B, C, D = (tensor.to(precision) for tensor in (u, dt, A, B, C, D))
        bias = None if dt_bias is None else dt_bias.to(precision)
        return implementation(name)(u, dt, A, B, C, D, order, bias, softplus)
