"""The selective scan of a state-space model, along several paths over one set of tokens.

    h_t = exp(dt_t A) h_(t-1) + dt_t B_t x_t,        y_t = C_t . h_t + D x_t

One function, `selective_scan`, and behind it a registry of backends which agree with each other; a backend is
a function with the signature of `reference.scan`.  Results record the name that `default_backend` gives.
"""
from __future__ import annotations

from typing import Callable, Dict, Optional, Tuple

import torch
from torch import Tensor

from . import chunked, reference

Backend = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]

_BACKENDS: Dict[str, Backend] = {
    "torch-chunked": chunked.scan,
    "reference": reference.scan,
}


def available_backends() -> Tuple[str, ...]:
    """Names of the backends that work here, the preferred one first."""
    return tuple(_BACKENDS)


def default_backend() -> str:
    """Name of the backend that `selective_scan` takes when none is asked for."""
    return available_backends()[0]


def selective_scan(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, order: Tensor, *,
                   backend: Optional[str] = None) -> Tensor:
    """Scan the tokens along K paths and sum the outputs in place.

    At step t path k reads row ``order[k, t]`` of u, dt, B and C and adds its output to that row of the
    result; so nothing is permuted outside.  Computed in float32 whatever autocast says, or in float64 when u
    is float64.

    Args:
        u: tokens (Bt, L, D) in their own order, shared by all paths.
        dt: step sizes (Bt, K, L, D) >= 0 (after softplus), in token order.
        A: state matrix (K, D, N), negative.
        B: input matrix (Bt, K, L, N), in token order.
        C: output matrix (Bt, K, L, N), in token order.
        D: skip weights (K, D).
        order: paths (K, L) int64, each row a permutation of 0 .. L-1.
        backend: one of `available_backends`; None takes the preferred one.

    Returns:
        Sum over the paths (Bt, L, D), float32 or float64.

    Raises:
        ValueError: unknown backend, or shapes that do not fit together.
    """
    name = default_backend() if backend is None else backend
    if name not in _BACKENDS:
        raise ValueError("unknown scan backend {!r}; available: {}".format(name, ", ".join(_BACKENDS)))
    batch, length, channels = u.shape
    paths, states = order.shape[0], A.shape[2]
    expected = {
        "dt": (dt, (batch, paths, length, channels)), "A": (A, (paths, channels, states)),
        "B": (B, (batch, paths, length, states)), "C": (C, (batch, paths, length, states)),
        "D": (D, (paths, channels)), "order": (order, (paths, length)),
    }
    for argument, (tensor, shape) in expected.items():
        if tuple(tensor.shape) != shape:
            raise ValueError("selective_scan: {} has shape {}, expected {}".format(
                argument, tuple(tensor.shape), shape))
    precision = torch.float64 if u.dtype == torch.float64 else torch.float32
    with torch.autocast(device_type=u.device.type, enabled=False):
        u, dt, A, B, C, D = (tensor.to(precision) for tensor in (u, dt, A, B, C, D))
        return _BACKENDS[name](u, dt, A, B, C, D, order)
