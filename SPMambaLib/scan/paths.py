"""Where the rows of a scan lie: from token order to the order of the steps, and back.

The portable backends work on time-first tensors (T, G, ...) with G = batch * paths; the tensors that they are given lie
in token order.  One gather brings rows to their step, one gather brings results home.
"""
from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Paths(NamedTuple):
    """Row tables of K paths over L tokens of Bt images."""

    tokens: Tensor     # (L, G): row of u seen as (Bt * L, D)
    rows: Tensor       # (L, G): row of dt, B, C seen as (Bt * K * L, ...)
    back: Tensor       # (Bt * K * L): row of a time-first tensor seen as (L * G, ...)

    @classmethod
    def of(cls, order: Tensor, batch: int) -> Paths:
        """Tables of ``order`` (K, L) int64 for `batch` images."""
        paths, length = order.shape
        image = torch.arange(batch, device=order.device)[:, None, None]
        path = torch.arange(paths, device=order.device)[None, :, None]
        group = image * paths + path
        return cls(
            tokens=(image * length + order).permute(2, 0, 1).reshape(length, -1),
            rows=(group * length + order).permute(2, 0, 1).reshape(length, -1),
            back=(inverse(order) * (batch * paths) + group).reshape(-1),
        )


def inverse(order: Tensor) -> Tensor:
    """(K, L) int64: at which step path k comes by token r."""
    time = torch.arange(order.shape[1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, time)


def take(table: Tensor, rows: Tensor) -> Tensor:
    """Rows (T, G) of a table whose leading axes are flattened: (T, G, last axis)."""
    return table.view(-1, table.shape[-1]).index_select(0, rows.reshape(-1)).view(*rows.shape, -1)
