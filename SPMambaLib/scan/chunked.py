"""The selective scan in plain torch: the backend `torch`, which runs everywhere.

A chunk of consecutive steps of all images and all paths is one batch: the exponentials of the whole chunk come from one
exp2 (A is multiplied by log2 e beforehand), then the recurrence runs through the chunk.  On a CPU that is one addcmul a
step on states that stay in the cache.  Elsewhere each step would cost a kernel launch, so the recurrence is done in two
levels: segments of sqrt(T) steps side by side, then the segments one after another, 3 sqrt(T) launches instead of T.

Working tensors are time-first, (T, G, N, D) with G = batch * paths, so that a step is contiguous and the longest axis
is innermost.  Only the states at chunk borders are kept for the backward pass, which recomputes each chunk: memory
O(L D), not O(L D N).
"""
from __future__ import annotations

import math
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from .paths import Paths, take
from .reference import step_sizes

LOWEST_EXPONENT = -87.0 / math.log(2.0)
"""Exponents of 2 are clamped here: beyond lie subnormal numbers, zero for us and ten times slower."""


class Strategy(NamedTuple):
    """How a kind of device walks through a sequence.

    Attributes:
        recur: ``recur(values (T + 1, ...), decays (T, ...), backwards)`` adds decays[t] * values[t] to values[t + 1] in
            place, t rising; backwards, decays[t] * values[t + 1] to values[t], t falling.
        elements: size of a working tensor (T, G, N, D).
        longest: most steps of a chunk.
    """

    recur: Callable[..., None]
    elements: int
    longest: int


def recur_stepwise(values: Tensor, decays: Tensor, backwards: bool = False) -> None:
    """One step after another."""
    direction = slice(None, None, -1 if backwards else 1)
    rows = values.unbind(0)[direction]
    for earlier, later, decay in zip(rows, rows[1:], decays.unbind(0)[direction]):
        later.addcmul_(decay, earlier)


def recur_blocked(values: Tensor, decays: Tensor, backwards: bool = False) -> None:
    """Segments of sqrt(T) steps at once from zero states, then each segment corrected by the state before it."""
    if backwards:
        against = values.flip(0)
        recur_blocked(against, decays.flip(0))
        values.copy_(against.flip(0))
        return
    width = math.isqrt(len(decays))
    whole = len(decays) // max(width, 1) * width
    if whole:
        segments = values[1:whole + 1].unflatten(0, (-1, width))
        factors = decays[:whole].unflatten(0, (-1, width)).clone()
        for step in range(1, width):
            segments[:, step].addcmul_(factors[:, step], segments[:, step - 1])
            factors[:, step].mul_(factors[:, step - 1])
        before = values[0]
        for segment, factor in zip(segments, factors):
            segment.addcmul_(factor, before)
            before = segment[-1]
    recur_stepwise(values[whole:], decays[whole:])


STEPWISE = Strategy(recur_stepwise, elements=2 ** 19, longest=32)  # a few working tensors fit the processor's cache
BLOCKED = Strategy(recur_blocked, elements=2 ** 26, longest=4096)  # 256 MB each; 64 x 64 tokens of one image at once


def strategy_for(device: torch.device) -> Strategy:
    return STEPWISE if device.type == "cpu" else BLOCKED


def scan(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, order: Tensor,
         dt_bias: Optional[Tensor] = None, softplus: bool = False) -> Tensor:
    """See `SPMambaLib.scan.selective_scan` for the arguments and the result (Bt, L, D)."""
    dt = step_sizes(dt, dt_bias, softplus)
    u, dt, B, C = (tensor.contiguous() for tensor in (u, dt, B, C))
    out: Tensor = _Scan.apply(u, dt, A, B, C, D, order, strategy_for(u.device))  # type: ignore[no-untyped-call]
    return out


class _Scan(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, order: Tensor,
                strategy: Strategy) -> Tensor:
        batch, length, channels = u.shape
        paths, states = A.shape[0], A.shape[2]
        where = Paths.of(order, batch)
        rates = _rates(A, batch)
        h = u.new_zeros(batch * paths, states, channels)
        y = u.new_empty(length, batch * paths, channels)
        borders: List[Tensor] = []
        for start, stop in _chunks(length, h.numel(), strategy):
            borders.append(h)
            tokens, rows = where.tokens[start:stop], where.rows[start:stop]
            step = take(dt, rows)
            _, history = _states(h, step, step * take(u, tokens), take(B, rows), rates, strategy)
            h = history[-1].clone()
            torch.sum(history[1:].mul_(take(C, rows)[..., None]), dim=2, out=y[start:stop])
        out = take(y, where.back).view(batch, paths, length, channels).sum(1)
        out.addcmul_(u, D.sum(0))
        ctx.strategy = strategy
        ctx.save_for_backward(u, dt, A, B, C, D, order, torch.stack(borders))
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tuple[Any, ...]:
        u, dt, A, B, C, D, order, borders = ctx.saved_tensors
        strategy = ctx.strategy
        grad = grad.contiguous()
        batch, length, channels = u.shape
        paths, states = A.shape[0], A.shape[2]
        groups = batch * paths
        where = Paths.of(order, batch)
        rates = _rates(A, batch)
        slopes = A.transpose(1, 2).repeat(batch, 1, 1)
        grad_u, grad_dt = u.new_empty(2, length, groups, channels)
        grad_B, grad_C = u.new_empty(2, length, groups, states)
        grad_slopes = torch.zeros_like(slopes)
        # What the steps after this chunk pass back to its last state.
        carry = torch.zeros_like(slopes)
        for (start, stop), h in reversed(list(zip(_chunks(length, slopes.numel(), strategy), borders))):
            tokens, rows = where.tokens[start:stop], where.rows[start:stop]
            step, x, b = take(dt, rows), take(u, tokens), take(B, rows)
            g = take(grad, tokens)
            driven = step * x
            decay, history = _states(h, step, driven, b, rates, strategy)

            # The adjoint of a state: its own output's gradient, and what the next state hands back.
            adjoint = g[:, :, None, :] * take(C, rows)[..., None]
            adjoint[-1] += carry
            strategy.recur(adjoint, decay[1:], backwards=True)
            carry = decay[0] * adjoint[0]

            grad_C[start:stop] = (history[1:] * g[:, :, None, :]).sum(-1)
            grad_B[start:stop] = (adjoint * driven[:, :, None, :]).sum(-1)
            through_input = (adjoint * b[..., None]).sum(2)
            through_decay = decay.mul_(history[:-1]).mul_(adjoint)
            grad_slopes += (through_decay * step[:, :, None, :]).sum(0)
            grad_u[start:stop] = through_input * step
            grad_dt[start:stop] = (through_decay * slopes).sum(2).addcmul_(through_input, x)

        def tokens_of(time_first: Tensor) -> Tensor:
            return take(time_first, where.back).view(batch, paths, length, -1)

        return (
            tokens_of(grad_u).sum(1).addcmul_(grad, D.sum(0)),
            tokens_of(grad_dt),
            grad_slopes.view(batch, paths, states, channels).sum(0).transpose(1, 2),
            tokens_of(grad_B),
            tokens_of(grad_C),
            (grad * u).sum((0, 1)).expand_as(D),
            None, None,
        )


def _chunks(length: int, step_elements: int, strategy: Strategy) -> List[Tuple[int, int]]:
    """[start, stop) of the chunks, the same in forward and backward."""
    size = max(1, min(strategy.longest, strategy.elements // step_elements))
    return [(start, min(start + size, length)) for start in range(0, length, size)]


def _rates(A: Tensor, batch: int) -> Tensor:
    """A in powers of two, (G, N, D)."""
    return (A * math.log2(math.e)).transpose(1, 2).repeat(batch, 1, 1)


def _states(h: Tensor, step: Tensor, driven: Tensor, b: Tensor, rates: Tensor,
            strategy: Strategy) -> Tuple[Tensor, Tensor]:
    """Decays (T, G, N, D) and states (T + 1, G, N, D) of one chunk; the first state is h (G, N, D)."""
    decay = (step[:, :, None, :] * rates).clamp_(min=LOWEST_EXPONENT).exp2_()
    history = decay.new_empty(len(step) + 1, *h.shape)
    history[0] = h
    torch.mul(driven[:, :, None, :], b[..., None], out=history[1:])
    strategy.recur(history, decay)
    return decay, history
