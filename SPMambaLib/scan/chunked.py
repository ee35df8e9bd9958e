"""Chunked-sequential selective scan in plain torch: the backend that runs everywhere.

A chunk of consecutive steps of all images and all paths is one batch: the exponentials of the whole chunk
come from one exp2 (A is multiplied by log2 e beforehand), then each step is a single addcmul.  Working
tensors are time-first, (T, G, N, D) with G = batch * paths, so that a step is contiguous and the longest axis
is innermost.  Only the states at chunk borders are kept for the backward pass, which recomputes each chunk:
memory O(L D), not O(L D N).
"""
from __future__ import annotations

import math
from typing import Any, List, NamedTuple, Sequence, Tuple

import torch
from torch import Tensor

LOWEST_EXPONENT = -87.0 / math.log(2.0)
"""Exponents of 2 are clamped here: beyond lie subnormal numbers, zero for us and ten times slower."""

CHUNK_ELEMENTS = 2 ** 18
"""Size of a working tensor; a few of them fit the processor's cache."""

LONGEST_CHUNK = 32


def scan(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, order: Tensor) -> Tensor:
    """See `SPMambaLib.scan.selective_scan` for the arguments and the result (Bt, L, D)."""
    u, dt, B, C = (tensor.contiguous() for tensor in (u, dt, B, C))
    out: Tensor = _Scan.apply(u, dt, A, B, C, D, order)  # type: ignore[no-untyped-call]
    return out


class _Paths(NamedTuple):
    """Where the time-first working rows lie in the token-ordered tensors, and back."""

    tokens: Tensor     # (L, G): row of u seen as (Bt * L, D)
    rows: Tensor       # (L, G): row of dt, B, C seen as (Bt * K * L, ...)
    back: Tensor       # (Bt * K * L): row of a time-first tensor seen as (L * G, ...)

    @classmethod
    def of(cls, order: Tensor, batch: int) -> _Paths:
        paths, length = order.shape
        image = torch.arange(batch, device=order.device)[:, None, None]
        path = torch.arange(paths, device=order.device)[None, :, None]
        time = torch.arange(length, device=order.device).expand(paths, length)
        time_of_token = torch.empty_like(order).scatter_(1, order, time)
        group = image * paths + path
        return cls(
            tokens=(image * length + order).permute(2, 0, 1).reshape(length, -1),
            rows=(group * length + order).permute(2, 0, 1).reshape(length, -1),
            back=(time_of_token * (batch * paths) + group).reshape(-1),
        )


def _take(table: Tensor, rows: Tensor) -> Tensor:
    """Rows (T, G) of a table whose leading axes are flattened: (T, G, last axis)."""
    return table.view(-1, table.shape[-1]).index_select(0, rows.reshape(-1)).view(*rows.shape, -1)


class _Scan(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor,
                order: Tensor) -> Tensor:
        batch, length, channels = u.shape
        paths, states = A.shape[0], A.shape[2]
        where = _Paths.of(order, batch)
        rates = _rates(A, batch)
        h = u.new_zeros(batch * paths, states, channels)
        y = u.new_empty(length, batch * paths, channels)
        borders: List[Tensor] = []
        chunks = _chunks(length, h.numel())
        for start, stop in chunks:
            borders.append(h)
            tokens, rows = where.tokens[start:stop], where.rows[start:stop]
            step = _take(dt, rows)
            _, history = _states(h, step, step * _take(u, tokens), _take(B, rows), rates)
            torch.sum(history[1:] * _take(C, rows)[..., None], dim=2, out=y[start:stop])
            h = history[-1].clone()
        out = _take(y, where.back).view(batch, paths, length, channels).sum(1)
        out.addcmul_(u, D.sum(0))
        ctx.save_for_backward(u, dt, A, B, C, D, order, torch.stack(borders))
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tuple[Any, ...]:
        u, dt, A, B, C, D, order, borders = ctx.saved_tensors
        grad = grad.contiguous()
        batch, length, channels = u.shape
        paths, states = A.shape[0], A.shape[2]
        groups = batch * paths
        where = _Paths.of(order, batch)
        rates = _rates(A, batch)
        slopes = A.transpose(1, 2).repeat(batch, 1, 1)
        grad_u, grad_dt = u.new_empty(2, length, groups, channels)
        grad_B, grad_C = u.new_empty(2, length, groups, states)
        grad_slopes = torch.zeros_like(slopes)
        # What the steps after this chunk pass back to its last state.
        carry = torch.zeros_like(slopes)
        for (start, stop), h in reversed(list(zip(_chunks(length, slopes.numel()), borders))):
            tokens, rows = where.tokens[start:stop], where.rows[start:stop]
            step, x, b = _take(dt, rows), _take(u, tokens), _take(B, rows)
            g = _take(grad, tokens)
            driven = step * x
            decay, history = _states(h, step, driven, b, rates)

            adjoint = g[:, :, None, :] * _take(C, rows)[..., None]
            adjoint[-1] += carry
            _recur(list(adjoint.unbind(0))[::-1], list(decay.unbind(0))[:0:-1])
            carry = decay[0] * adjoint[0]

            grad_C[start:stop] = (history[1:] * g[:, :, None, :]).sum(-1)
            grad_B[start:stop] = (adjoint * driven[:, :, None, :]).sum(-1)
            through_input = (adjoint * b[..., None]).sum(2)
            through_decay = decay.mul_(history[:-1]).mul_(adjoint)
            grad_slopes += (through_decay * step[:, :, None, :]).sum(0)
            grad_u[start:stop] = through_input * step
            grad_dt[start:stop] = (through_decay * slopes).sum(2).addcmul_(through_input, x)

        def tokens_of(time_first: Tensor) -> Tensor:
            return _take(time_first, where.back).view(batch, paths, length, -1)

        return (
            tokens_of(grad_u).sum(1).addcmul_(grad, D.sum(0)),
            tokens_of(grad_dt),
            grad_slopes.view(batch, paths, states, channels).sum(0).transpose(1, 2),
            tokens_of(grad_B),
            tokens_of(grad_C),
            (grad * u).sum((0, 1)).expand_as(D),
            None,
        )


def _chunks(length: int, step_elements: int) -> List[Tuple[int, int]]:
    """[start, stop) of the chunks, the same in forward and backward."""
    size = max(1, min(LONGEST_CHUNK, CHUNK_ELEMENTS // step_elements))
    return [(start, min(start + size, length)) for start in range(0, length, size)]


def _rates(A: Tensor, batch: int) -> Tensor:
    """A in powers of two, (G, N, D)."""
    return (A * math.log2(math.e)).transpose(1, 2).repeat(batch, 1, 1)


def _states(h: Tensor, step: Tensor, driven: Tensor, b: Tensor, rates: Tensor) -> Tuple[Tensor, Tensor]:
    """Decays (T, G, N, D) and states (T + 1, G, N, D) of one chunk; the first state is h (G, N, D)."""
    decay = (step[:, :, None, :] * rates).clamp_(min=LOWEST_EXPONENT).exp2_()
    history = decay.new_empty(len(step) + 1, *h.shape)
    history[0] = h
    torch.mul(driven[:, :, None, :], b[..., None], out=history[1:])
    _recur(history.unbind(0), decay.unbind(0))
    return decay, history


def _recur(values: Sequence[Tensor], decays: Sequence[Tensor]) -> None:
    """values[t + 1] += decays[t] * values[t], in place, one after another."""
    for earlier, later, decay in zip(values, values[1:], decays):
        later.addcmul_(decay, earlier)
