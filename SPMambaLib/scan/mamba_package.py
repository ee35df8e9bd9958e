"""The backend `mamba_ssm`: the CUDA kernel of the package mamba-ssm (Gu and Dao), on Linux where it can be installed.

Its kernel knows no order table and no shared tokens, so the rows of all K paths are laid out as K groups of channels,
(Bt, K * D, L), and brought home afterwards.  Recent versions of the package import without the kernel and fail when it
is called: what counts is the probe's call.
"""
from __future__ import annotations

from typing import Optional

from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
from torch import Tensor

from .paths import inverse


def scan(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, order: Tensor,
         dt_bias: Optional[Tensor] = None, softplus: bool = False) -> Tensor:
    """See `SPMambaLib.scan.selective_scan` for the arguments and the result (Bt, L, D); float32 only."""
    batch, length, channels = u.shape
    paths = order.shape[0]

    def in_order(tokens: Tensor) -> Tensor:
        """(Bt, K, L, X) in token order -> (Bt, K, X, L) in the order of the steps."""
        index = order[None, :, :, None].expand(batch, -1, -1, tokens.shape[3])
        return tokens.gather(2, index).transpose(2, 3).contiguous()

    def as_channels(grouped: Tensor) -> Tensor:
        return grouped.reshape(batch, paths * channels, length)

    y = selective_scan_fn(
        as_channels(in_order(u[:, None].expand(-1, paths, -1, -1))), as_channels(in_order(dt)),
        A.reshape(paths * channels, -1), in_order(B), in_order(C), D.reshape(-1), None,
        None if dt_bias is None else dt_bias.reshape(-1), softplus)
    home = inverse(order)[None, :, None, :].expand(batch, -1, channels, -1)
    out: Tensor = y.view(batch, paths, channels, length).gather(3, home).sum(1).transpose(1, 2)
    return out
