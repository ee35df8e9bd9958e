"""SS2D: a selective scan over an image along several directions, and the residual unit around it.

Everything stays channels-last.  Projections are pointwise in the tokens, so those of all directions are one
matrix product on the unpermuted tokens; only the scan itself knows the directions, through its order table.
"""
from __future__ import annotations

import math
from typing import Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..scan import selective_scan
from .scan_order import directional_orders

DT_RANGE = (1e-3, 1e-1)
"""The step sizes at initialisation lie in this range, evenly in the logarithm."""


class SS2D(nn.Module):
    """Two-dimensional selective state-space layer on a fixed grid (arXiv 2507.19076, after VMamba).

    (B, side, side, channels) -> the same shape.  `A_log`, `D` and `dt_bias` carry ``_no_weight_decay``.

    Args:
        channels: C, width of the input and the output.
        side: of the token grid.
        state_size: N, state of each inner channel.
        expand: inner width as a multiple of C.
        directions: K, number of directional scans (2, 4 or 8).
        scan_order: name of the path (`scan_order.ORDERS`).
    """

    order: Tensor

    def __init__(self, channels: int, side: int, state_size: int = 16, expand: int = 2, directions: int = 8,
                 scan_order: str = "circular-hilbert") -> None:
        super().__init__()
        inner = expand * channels
        rank = math.ceil(channels / 16)
        self.directions, self.rank, self.state_size = directions, rank, state_size

        self.in_proj = nn.Linear(channels, 2 * inner, bias=False)
        self.conv = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.x_proj = nn.Linear(inner, directions * (rank + 2 * state_size), bias=False)
        self.dt_weight = nn.Parameter(torch.empty(directions, rank, inner).uniform_(-1, 1) * rank ** -0.5)
        self.dt_bias = nn.Parameter(_inverse_softplus(_log_uniform(directions, inner)))
        # S4D-real: the state's n-th entry decays at rate n.
        rates = torch.arange(1, state_size + 1, dtype=torch.float32)
        self.A_log = nn.Parameter(torch.log(rates).expand(directions, inner, state_size).clone())
        self.D = nn.Parameter(torch.ones(directions, inner))
        for parameter in (self.dt_bias, self.A_log, self.D):
            parameter._no_weight_decay = True  # type: ignore[attr-defined]
        self.norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(inner, channels, bias=False)

        order = torch.from_numpy(directional_orders(scan_order, side, directions).copy())
        self.register_buffer("order", order, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x, z = self.in_proj(x).chunk(2, dim=-1)
        x = F.silu(self.conv(x.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
        y = self.scan(x.flatten(1, 2)).view_as(x)
        out: Tensor = self.out_proj(self.norm(y.to(x.dtype)) * F.silu(z))
        return out

    def scan(self, tokens: Tensor) -> Tensor:
        """Sum of the directional scans of tokens (B, side * side, inner), float32, same shape."""
        batch, length, _ = tokens.shape
        if length != self.order.shape[1]:
            raise ValueError("this layer scans {} tokens, not {}: the config fixes the input size".format(
                self.order.shape[1], length))
        projected = self.x_proj(tokens).view(batch, length, self.directions, -1).transpose(1, 2)
        dt, B, C = projected.split([self.rank, self.state_size, self.state_size], dim=-1)
        return selective_scan(tokens, torch.matmul(dt, self.dt_weight), -torch.exp(self.A_log.float()), B, C, self.D,
                              self.order, dt_bias=self.dt_bias, softplus=True)


class StateSpaceUnit(nn.Module):
    """x + DropPath(SS2D(LayerNorm(x))) on (B, side, side, channels).

    Attributes:
        share: (n, of how many): the rows are the n-th part of a batch that several processes share.
    """

    def __init__(self, channels: int, mixer: SS2D, drop_path: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.mixer = mixer
        self.drop_path = drop_path
        self.share = (0, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + drop_path(self.mixer(self.norm(x)), self.drop_path if self.training else 0.0, self.share)


def drop_path(x: Tensor, rate: float, share: Tuple[int, int] = (0, 1)) -> Tensor:
    """Zero the whole branch of random samples, and scale the others so that the expectation is unchanged.

    With `share` = (n, of how many) the masks are the n-th part of those that the whole batch gets.
    """
    if rate == 0.0:
        return x
    part, parts = share
    kept = torch.rand(x.shape[0] * parts, *[1] * (x.dim() - 1), device=x.device).chunk(parts)[part] >= rate
    return x * kept.to(x.dtype) / (1.0 - rate)


def _log_uniform(*shape: int) -> Tensor:
    low, high = (math.log(bound) for bound in DT_RANGE)
    return torch.exp(torch.rand(*shape) * (high - low) + low)


def _inverse_softplus(x: Tensor) -> Tensor:
    return x + torch.log(-torch.expm1(-x))
