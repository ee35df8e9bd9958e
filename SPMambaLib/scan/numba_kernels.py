"""The selective scan in loops that Numba compiles: what one processor core does with one tile of channels.

The innermost loops run over `TILE` channels that lie side by side, so that they become vector instructions; the states
(N, TILE) of a tile stay in the first-level cache.  Exponential and logarithm are short polynomials of our own: calls to
the C library would not vectorise.  No function here starts a thread or holds the interpreter's lock.
"""
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

TILE = 64
"""Channels that one call of a kernel's inner loop works on."""

_F = np.float32
_LOG2_E = _F(1.4426950408889634)
_LOWEST = _F(-125.5)  # below lie subnormal numbers: zero for us, and slow
_TO_INTEGER = _F(1.5 * 2 ** 23)  # adding it leaves the nearest integer in the lowest bits of the sum

# 2^f = 1 + f (E1 + f (E2 + ...)) on [-1/2, 1/2], relative error 9e-8.  The leading 1 is exact: then the error of
# exp(dt A) vanishes with dt A, which is where a state remembers longest and errors would add up.
_E1, _E2, _E3, _E4, _E5 = (_F(c) for c in (
    0.6931470036506653, 0.24022242426872253, 0.05550733581185341, 0.009671512991189957, 0.001326472614891827))

# log(1 + z) = z (L0 + z (L1 + ...)) on [0, 1], relative error 2e-7 in single precision.
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8 = (_F(c) for c in (
    0.9999999403953552, -0.4999949336051941, 0.3331909775733948, -0.2484297901391983, 0.19105994701385498,
    -0.13663221895694733, 0.07822567224502563, -0.02950507029891014, 0.005232652183622122))

_ONE, _ZERO = _F(1), _F(0)

# Fused multiply-add, and no NaN or infinity to look after.  Not "reassoc": it would undo the rounding trick of exp2.
_EXACT = {"contract", "nnan", "ninf", "nsz"}
_SUMS = _EXACT | {"reassoc"}


def _reinterpretation(source: Any, target: Any) -> Any:
    """A function that Numba compiles to: the same bits, read as another type."""
    def reinterpret(context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(target))
        return target(source), generate
    return intrinsic(reinterpret)


_bits = _reinterpretation(types.float32, types.int32)
_float = _reinterpretation(types.int32, types.float32)


@njit(fastmath=_EXACT, error_model="numpy", cache=True)
def exp2(x: float) -> float:
    """2^x for x <= 126, float32."""
    x = x if x > _LOWEST else _LOWEST
    shifted = x + _TO_INTEGER
    f = x - (shifted - _TO_INTEGER)
    power = ((((_E5 * f + _E4) * f + _E3) * f + _E2) * f + _E1) * f + _ONE
    return _float(_bits(power) + (_bits(shifted) << 23))


@njit(fastmath=_EXACT, error_model="numpy", cache=True)
def log1p(z: float) -> float:
    """log(1 + z) for z in [0, 1], float32."""
    return z * ((((((((_L8 * z + _L7) * z + _L6) * z + _L5) * z + _L4) * z + _L3) * z + _L2) * z + _L1) * z + _L0)


@njit(fastmath=_EXACT, error_model="numpy", cache=True)
def softplus(x: float) -> float:
    """log(1 + e^x), float32."""
    return max(x, _ZERO) + log1p(exp2(-abs(x) * _LOG2_E))


@njit(fastmath=_EXACT, error_model="numpy", cache=True)
def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), the slope of `softplus`, float32."""
    z = exp2(-abs(x) * _LOG2_E)
    return (_ONE if x >= _ZERO else z) / (_ONE + z)


@njit(fastmath=_EXACT, error_model="numpy", cache=True)
def _finish_step(use_softplus: bool, raw: Any, step: Any, x: Any, driven: Any) -> None:
    """From raw step sizes and tokens of a tile (TILE,) to final step sizes and the product of both."""
    if use_softplus:
        for j in range(TILE):
            step[j] = softplus(raw[j])
            driven[j] = step[j] * x[j]
    else:
        for j in range(TILE):
            step[j] = raw[j]
            driven[j] = step[j] * x[j]


@njit(nogil=True, fastmath=_EXACT, error_model="numpy", cache=True)
def forward(image: int, tile: int, first: int, last: int, u: Any, dt: Any, rates: Any, B: Any, C: Any, order: Any,
            bias: Any, use_softplus: bool, out: Any, borders: Any, chunk: int) -> None:
    """Scan paths first .. last - 1 of one tile of one image, adding the outputs to `out`.

    Args:
        u: (Bt, L, D); dt: (Bt, K, L, D); B, C: (Bt, K, L, N), all in token order.
        rates: A in powers of two, (K, N, D).
        order: (K, L); bias: (K, D), added to dt.
        out: (Bt, L, D).
        borders: (Bt, K, chunks, N, D), filled with the state before each chunk of steps; empty: not wanted.
    """
    length, states = B.shape[2], B.shape[3]
    start = tile * TILE
    stop = min(start + TILE, u.shape[2])
    width = stop - start
    keep = borders.size > 0
    h = np.empty((states, TILE), np.float32)
    rate = np.zeros((states, TILE), np.float32)
    raw, step, x, driven, y = (np.zeros(TILE, np.float32), np.zeros(TILE, np.float32), np.zeros(TILE, np.float32),
                               np.zeros(TILE, np.float32), np.zeros(TILE, np.float32))
    for k in range(first, last):
        for n in range(states):
            for j in range(width):
                rate[n, j] = rates[k, n, start + j]
            for j in range(TILE):
                h[n, j] = _ZERO
        for t in range(length):
            if keep and t % chunk == 0:
                borders[image, k, t // chunk, :, start:stop] = h[:, :width]
            row = order[k, t]
            for j in range(width):
                raw[j] = dt[image, k, row, start + j] + bias[k, start + j]
                x[j] = u[image, row, start + j]
            _finish_step(use_softplus, raw, step, x, driven)
            for j in range(TILE):
                y[j] = _ZERO
            for n in range(states):
                b, c = B[image, k, row, n], C[image, k, row, n]
                for j in range(TILE):
                    state = exp2(step[j] * rate[n, j]) * h[n, j] + driven[j] * b
                    h[n, j] = state
                    y[j] += state * c
            for j in range(width):
                out[image, row, start + j] += y[j]


@njit(nogil=True, fastmath=_SUMS, error_model="numpy", cache=True)
def backward(image: int, tile: int, first: int, last: int, u: Any, dt: Any, rates: Any, B: Any, C: Any, order: Any,
             bias: Any, use_softplus: bool, borders: Any, chunk: int, grad: Any, slopes: Any, grad_u: Any, grad_dt: Any,
             grad_A: Any, grad_B: Any, grad_C: Any) -> None:
    """Gradients of `forward`, whose arguments it repeats; every chunk is computed anew from the state at its border.

    Args:
        grad: of the output, (Bt, L, D).
        slopes: A itself, (K, N, D).
        grad_u: (Bt, L, D), added to; grad_dt: (Bt, K, L, D); grad_A: (Bt, K, N, D).
        grad_B, grad_C: this tile's share, (Bt, K, L, N).
    """
    length, states = B.shape[2], B.shape[3]
    start = tile * TILE
    stop = min(start + TILE, u.shape[2])
    width = stop - start
    # h[n, t] is the state before step t of the chunk.
    h = np.zeros((states, chunk + 1, TILE), np.float32)
    decay = np.zeros((states, chunk, TILE), np.float32)
    adjoint, slope, rate, grad_slope = (np.zeros((states, TILE), np.float32), np.zeros((states, TILE), np.float32),
                                        np.zeros((states, TILE), np.float32), np.zeros((states, TILE), np.float32))
    raw, step, x, driven = (np.zeros((chunk, TILE), np.float32), np.zeros((chunk, TILE), np.float32),
                            np.zeros((chunk, TILE), np.float32), np.zeros((chunk, TILE), np.float32))
    g, through_input, through_decay = (np.zeros(TILE, np.float32), np.zeros(TILE, np.float32),
                                       np.zeros(TILE, np.float32))
    for k in range(first, last):
        for n in range(states):
            for j in range(width):
                rate[n, j] = rates[k, n, start + j]
                slope[n, j] = slopes[k, n, start + j]
            for j in range(TILE):
                adjoint[n, j] = _ZERO
                grad_slope[n, j] = _ZERO
        for number in range((length - 1) // chunk, -1, -1):
            begin = number * chunk
            steps = min(chunk, length - begin)
            for t in range(steps):
                row = order[k, begin + t]
                for j in range(width):
                    raw[t, j] = dt[image, k, row, start + j] + bias[k, start + j]
                    x[t, j] = u[image, row, start + j]
                _finish_step(use_softplus, raw[t], step[t], x[t], driven[t])
            for n in range(states):
                for j in range(width):
                    h[n, 0, j] = borders[image, k, number, n, start + j]
                for t in range(steps):
                    b = B[image, k, order[k, begin + t], n]
                    for j in range(TILE):
                        a = exp2(step[t, j] * rate[n, j])
                        decay[n, t, j] = a
                        h[n, t + 1, j] = a * h[n, t, j] + driven[t, j] * b
            for t in range(steps - 1, -1, -1):
                row = order[k, begin + t]
                for j in range(width):
                    g[j] = grad[image, row, start + j]
                for j in range(TILE):
                    through_input[j] = _ZERO
                    through_decay[j] = _ZERO
                for n in range(states):
                    b, c = B[image, k, row, n], C[image, k, row, n]
                    of_b, of_c = _ZERO, _ZERO
                    for j in range(TILE):
                        a, before = decay[n, t, j], h[n, t, j]
                        own = adjoint[n, j] + g[j] * c
                        of_c += g[j] * h[n, t + 1, j]
                        of_b += own * driven[t, j]
                        through_input[j] += own * b
                        handed_back = a * own
                        of_decay = handed_back * before
                        through_decay[j] += of_decay * slope[n, j]
                        grad_slope[n, j] += of_decay * step[t, j]
                        adjoint[n, j] = handed_back
                    grad_B[image, k, row, n] = of_b
                    grad_C[image, k, row, n] = of_c
                if use_softplus:
                    for j in range(TILE):
                        through_decay[j] = (through_decay[j] + through_input[j] * x[t, j]) * sigmoid(raw[t, j])
                else:
                    for j in range(TILE):
                        through_decay[j] += through_input[j] * x[t, j]
                for j in range(width):
                    grad_dt[image, k, row, start + j] = through_decay[j]
                    grad_u[image, row, start + j] += through_input[j] * step[t, j]
        for n in range(states):
            for j in range(width):
                grad_A[image, k, n, start + j] = grad_slope[n, j]
