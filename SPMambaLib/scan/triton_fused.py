"""Fused selective scan in Triton: the backend of CUDA devices (Linux, and Windows through triton-windows).

One program scans a block of channels of one image along one path.  It takes a chunk of consecutive steps at a
time: gathers their rows of u, dt, B and C through the order table all at once, so that the latency of memory
is paid once a chunk and not once a step, and then steps through the chunk in registers.  Step sizes,
exponentials and states never reach memory.

The working tile is (T, N, BD): steps, states, channels.  Triton deals out the last axes to the threads first,
so every thread holds all T steps of its few (state, channel) pairs.  The recurrence then runs inside the thread,
one multiply-add a step, in the order of its definition; `_row` with a constant index costs one addition.
`tl.associative_scan` compiles to much the same forwards, but its `reverse`, which the adjoint needs, spends
3 (Triton 3.9) to 15 (3.2, 3.5) warp shuffles an element on turning the tile around.

Each path writes its own outputs (Bt, K, L, D), which torch sums; gradients that several programs share go
through partial buffers in the same way.  There are no atomics: the same input gives the same bits.  For the
backward pass only the states at chunk borders are kept; it goes through the chunks from the last to the first
and recomputes each.
"""
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-decorators=False
from __future__ import annotations

import contextlib
import math
from typing import Any, ContextManager, NamedTuple, Optional, Tuple

import torch
import triton
import triton.language as tl
from torch import Tensor

if tuple(int(part) for part in triton.__version__.split(".")[:2]) < (3, 2):
    # Triton 3.1 crashes, process and all, when it compiles these kernels.
    raise ImportError("the fused scan needs Triton 3.2, as torch 2.6 brings it, not {}".format(triton.__version__))

LOG2_E = tl.constexpr(math.log2(math.e))

LOWEST_EXPONENT = tl.constexpr(-87.0 / math.log(2.0))
"""Exponents of 2 are clamped here: beyond lie subnormal numbers, zero for us."""


class Launch(NamedTuple):
    """Sizes of a program; powers of two, as Triton wants its tiles."""

    steps: int       # T, of a chunk
    states: int      # N, padded
    channels: int    # BD, of a block
    warps: int


def launch(states: int) -> Launch:
    """How to cut the work for a state of this size.

    Four warps and 256 (state, channel) pairs: two pairs a thread.  With chunks of 16 steps the backward kernel
    then just fits the 255 registers of a thread (the forward kernel takes about 100); 32 steps spill, 8 would
    double the kept states.  Blocks of 16 channels at N = 16, two sectors of memory a row: wider ones would leave
    a single image too few programs, which are 64 for 128 channels and 8 paths as it is.
    """
    padded = triton.next_power_of_2(states)
    channels = max(256 // padded, 8)
    return Launch(steps=max(4096 // (padded * channels), 1), states=padded, channels=channels, warps=4)


def scan(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, order: Tensor,
         dt_bias: Optional[Tensor] = None, softplus: bool = False) -> Tensor:
    """See `SPMambaLib.scan.selective_scan` for the arguments and the result (Bt, L, D)."""
    arguments = (u.contiguous(), _rows_contiguous(dt), A.contiguous(), _rows_contiguous(B), _rows_contiguous(C), D,
                 order.contiguous(), None if dt_bias is None else dt_bias.contiguous(), softplus)
    if torch.is_grad_enabled() and any(isinstance(x, Tensor) and x.requires_grad for x in arguments):
        out: Tensor = _Scan.apply(*arguments)  # type: ignore[no-untyped-call]
        return out
    return _scan(*arguments, keep_borders=False)[0]


def _rows_contiguous(tensor: Tensor) -> Tensor:
    """The tensor itself where each row is contiguous, as in a slice of a projection; else a copy."""
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def _scan(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, order: Tensor, dt_bias: Optional[Tensor],
          softplus: bool, keep_borders: bool) -> Tuple[Tensor, Optional[Tensor]]:
    """Result (Bt, L, D) and, if asked for, the states before each chunk (Bt, K, chunks, N, D)."""
    batch, length, channels = u.shape
    paths, _, states = A.shape
    size = launch(states)
    y = torch.empty(batch, paths, length, channels, dtype=u.dtype, device=u.device)
    borders = None
    if keep_borders:
        borders = u.new_empty(batch, paths, triton.cdiv(length, size.steps), states, channels)
    blocks = triton.cdiv(channels, size.channels)
    with _device_of(u):
        _forward_kernel[(batch * paths * blocks,)](
            u, dt, A, B, C, order, A if dt_bias is None else dt_bias, y, y if borders is None else borders,
            *dt.stride()[:3], *B.stride()[:3], *C.stride()[:3], length, channels, paths, states,
            T=size.steps, N=size.states, BD=size.channels, BIAS=dt_bias is not None, SOFTPLUS=softplus,
            BORDERS=keep_borders, num_warps=size.warps)
    return y.sum(1).addcmul_(u, D.sum(0)), borders


class _Scan(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, order: Tensor,
                dt_bias: Optional[Tensor], softplus: bool) -> Tensor:
        out, borders = _scan(u, dt, A, B, C, D, order, dt_bias, softplus, keep_borders=True)
        ctx.save_for_backward(u, dt, A, B, C, D, order, dt_bias, borders)
        ctx.softplus = softplus
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tuple[Optional[Tensor], ...]:
        u, dt, A, B, C, D, order, dt_bias, borders = ctx.saved_tensors
        grad = grad.contiguous()
        batch, length, channels = u.shape
        paths, _, states = A.shape
        size = launch(states)
        blocks = triton.cdiv(channels, size.channels)
        # What several programs contribute to has an axis more than the gradient, and is summed below.
        grad_u, grad_dt = u.new_empty(2, batch, paths, length, channels)
        grad_B, grad_C = u.new_empty(2, blocks, batch, paths, length, states)
        grad_A = u.new_empty(batch, paths, states, channels)
        with _device_of(u):
            _backward_kernel[(batch * paths * blocks,)](
                u, dt, A, B, C, order, A if dt_bias is None else dt_bias, borders, grad,
                grad_u, grad_dt, grad_A, grad_B, grad_C,
                *dt.stride()[:3], *B.stride()[:3], *C.stride()[:3], length, channels, paths, states,
                T=size.steps, N=size.states, BD=size.channels, BIAS=dt_bias is not None, SOFTPLUS=ctx.softplus,
                num_warps=size.warps)
        need = ctx.needs_input_grad
        return (
            grad_u.sum(1).addcmul_(grad, D.sum(0)) if need[0] else None,
            grad_dt if need[1] else None,
            grad_A.sum(0).mT if need[2] else None,
            grad_B.sum(0) if need[3] else None,
            grad_C.sum(0) if need[4] else None,
            (grad * u).sum((0, 1)).expand_as(D) if need[5] else None,
            None,
            grad_dt.sum((0, 2)) if need[7] else None,
            None,
        )


def _device_of(tensor: Tensor) -> ContextManager[Any]:
    """Triton launches on the current device, which need not be the tensor's."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else contextlib.nullcontext()


@triton.jit
def _row(tile, t, T: tl.constexpr):
    """Row t of a tile (T, N, BD).  A sum with zeros; t is a constant, so the compiler drops all but one term."""
    return tl.sum(tl.where(tl.arange(0, T)[:, None, None] == t, tile, 0.0), axis=0, keep_dims=True)


@triton.jit
def _with_row(tile, t, row, T: tl.constexpr):
    """The tile (T, N, BD) with its row t replaced."""
    return tl.where(tl.arange(0, T)[:, None, None] == t, row, tile)


@triton.jit
def _gather(table, row, stride, column, mask):
    """Columns of some rows of a table, a tile (T, columns); zero where masked."""
    return tl.load(table + row[:, None] * stride + column[None, :], mask=mask, other=0.0)


@triton.jit
def _softplus(x):
    """log(1 + exp(x)), its relative error that of exp: log1p(e) is 2 artanh(e / (2 + e)), a short series for e <= 1."""
    e = tl.exp(-tl.abs(x))
    s = e / (2.0 + e)
    q = s * s
    series = 1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13 + q * (1 / 15))))))
    return tl.maximum(x, 0.0) + 2.0 * s * (1.0 + q * series)


@triton.jit
def _sigmoid(x):
    e = tl.exp(-tl.abs(x))
    return tl.where(x >= 0.0, 1.0, e) / (1.0 + e)


@triton.jit
def _forward_kernel(u, dt, A, B, C, order, bias, y, borders,
                    dt_image, dt_path, dt_row, B_image, B_path, B_row, C_image, C_path, C_row,
                    length, channels, paths, states,
                    T: tl.constexpr, N: tl.constexpr, BD: tl.constexpr,
                    BIAS: tl.constexpr, SOFTPLUS: tl.constexpr, BORDERS: tl.constexpr):
    blocks = tl.cdiv(channels, BD)
    group = (tl.program_id(0) // blocks).to(tl.int64)
    image, path = group // paths, group % paths
    d = tl.program_id(0) % blocks * BD + tl.arange(0, BD)
    n = tl.arange(0, N)
    chunks = tl.cdiv(length, T)
    pair = n[:, None] * channels + d[None, :]
    inside = (n < states)[:, None] & (d < channels)[None, :]
    rate = tl.load(A + (path * channels + d)[None, :] * states + n[:, None], mask=inside, other=0.0) * LOG2_E
    shift = tl.zeros((BD,), tl.float32)
    if BIAS:
        shift = tl.load(bias + path * channels + d, mask=d < channels, other=0.0)

    state = tl.zeros((1, N, BD), tl.float32)
    for chunk in range(0, chunks):
        t = chunk * T + tl.arange(0, T)
        row = tl.load(order + path * length + t, mask=t < length, other=0).to(tl.int64)
        of_d = (t < length)[:, None] & (d < channels)[None, :]
        of_n = (t < length)[:, None] & (n < states)[None, :]
        x = _gather(u + image * length * channels, row, channels, d, of_d)
        step = _gather(dt + image * dt_image + path * dt_path, row, dt_row, d, of_d) + shift[None, :]
        b = _gather(B + image * B_image + path * B_path, row, B_row, n, of_n)
        c = _gather(C + image * C_image + path * C_path, row, C_row, n, of_n)
        if SOFTPLUS:
            step = _softplus(step)
        # A masked step is the identity: it neither decays nor adds.
        step = tl.where(of_d, step, 0.0)
        if BORDERS:
            tl.store(borders + (group * chunks + chunk) * states * channels + pair, tl.sum(state, axis=0),
                     mask=inside)

        decay = tl.exp2(tl.maximum(step[:, None, :] * rate[None, :, :], LOWEST_EXPONENT))
        tile = (step * x)[:, None, :] * b[:, :, None]
        for i in tl.static_range(T):
            state = _row(decay, i, T) * state + _row(tile, i, T)
            tile = _with_row(tile, i, state, T)
        out = tl.sum(tile * c[:, :, None], axis=1)
        tl.store(y + (group * length + row)[:, None] * channels + d[None, :], out, mask=of_d)


@triton.jit
def _backward_kernel(u, dt, A, B, C, order, bias, borders, grad,
                     grad_u, grad_dt, grad_A, grad_B, grad_C,
                     dt_image, dt_path, dt_row, B_image, B_path, B_row, C_image, C_path, C_row,
                     length, channels, paths, states,
                     T: tl.constexpr, N: tl.constexpr, BD: tl.constexpr,
                     BIAS: tl.constexpr, SOFTPLUS: tl.constexpr):
    blocks = tl.cdiv(channels, BD)
    groups = tl.num_programs(0) // blocks
    block = tl.program_id(0) % blocks
    group = (tl.program_id(0) // blocks).to(tl.int64)
    image, path = group // paths, group % paths
    d = block * BD + tl.arange(0, BD)
    n = tl.arange(0, N)
    chunks = tl.cdiv(length, T)
    pair = n[:, None] * channels + d[None, :]
    inside = (n < states)[:, None] & (d < channels)[None, :]
    slope = tl.load(A + (path * channels + d)[None, :] * states + n[:, None], mask=inside, other=0.0)
    shift = tl.zeros((BD,), tl.float32)
    if BIAS:
        shift = tl.load(bias + path * channels + d, mask=d < channels, other=0.0)

    # What the steps after this chunk hand back to its last state.
    adjoint = tl.zeros((1, N, BD), tl.float32)
    grad_slope = tl.zeros((1, N, BD), tl.float32)
    for later in range(0, chunks):
        chunk = chunks - 1 - later
        t = chunk * T + tl.arange(0, T)
        row = tl.load(order + path * length + t, mask=t < length, other=0).to(tl.int64)
        of_d = (t < length)[:, None] & (d < channels)[None, :]
        of_n = (t < length)[:, None] & (n < states)[None, :]
        x = _gather(u + image * length * channels, row, channels, d, of_d)
        g = _gather(grad + image * length * channels, row, channels, d, of_d)
        raw = _gather(dt + image * dt_image + path * dt_path, row, dt_row, d, of_d) + shift[None, :]
        b = _gather(B + image * B_image + path * B_path, row, B_row, n, of_n)
        c = _gather(C + image * C_image + path * C_path, row, C_row, n, of_n)
        state = tl.load(borders + (group * chunks + chunk) * states * channels + pair,
                        mask=inside, other=0.0)[None, :, :]
        step = raw
        if SOFTPLUS:
            step = _softplus(raw)
        step = tl.where(of_d, step, 0.0)
        driven = step * x

        # The states anew: `before` is what each step finds, once decayed; with `tile` added, what it leaves.
        decay = tl.exp2(tl.maximum(step[:, None, :] * (slope * LOG2_E)[None, :, :], LOWEST_EXPONENT))
        tile = driven[:, None, :] * b[:, :, None]
        before = decay
        for i in tl.static_range(T):
            state = _row(decay, i, T) * state
            before = _with_row(before, i, state, T)
            state += _row(tile, i, T)
        at_n = (block.to(tl.int64) * groups + group) * length * states + row[:, None] * states + n[None, :]
        tl.store(grad_C + at_n, tl.sum(g[:, None, :] * (before + tile), axis=2), mask=of_n)

        # The adjoint of each state, from the last step to the first.
        tile = g[:, None, :] * c[:, :, None]
        for i in tl.static_range(T):
            adjoint += _row(tile, T - 1 - i, T)
            tile = _with_row(tile, T - 1 - i, adjoint, T)
            adjoint *= _row(decay, T - 1 - i, T)
        tl.store(grad_B + at_n, tl.sum(driven[:, None, :] * tile, axis=2), mask=of_n)
        through_input = tl.sum(tile * b[:, :, None], axis=1)
        through_decay = tile * before
        grad_slope += tl.sum(through_decay * step[:, None, :], axis=0, keep_dims=True)
        grad_step = tl.sum(through_decay * slope[None, :, :], axis=1) + through_input * x
        if SOFTPLUS:
            grad_step *= _sigmoid(raw)
        at_d = (group * length + row)[:, None] * channels + d[None, :]
        tl.store(grad_u + at_d, through_input * step, mask=of_d)
        tl.store(grad_dt + at_d, grad_step, mask=of_d)

    tl.store(grad_A + group * states * channels + pair, tl.sum(grad_slope, axis=0), mask=inside)
