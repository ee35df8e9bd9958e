"""The backend `numba`: compiled loops on all processor cores, forward and backward.

Images, tiles of channels and, where those are too few for the threads, groups of paths are independent tasks.  They run
on threads of our own, as many as torch uses: the compiled loops do not hold the interpreter's lock, and unlike Numba's
own threading layers this may be called from several threads at once.  Compilation takes some seconds once; the result
is kept on disk.  Optional: ``pip install spmamba[cpu]``.
"""
from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import torch
from torch import Tensor

from . import numba_kernels as kernels

SHORTEST_CHUNK = 16
"""Steps between the states kept for the backward pass; never fewer than the state's own size, so memory is O(L D)."""

_pools: Dict[int, ThreadPoolExecutor] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)  # threads do not survive a fork


def scan(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, order: Tensor,
         dt_bias: Optional[Tensor] = None, softplus: bool = False) -> Tensor:
    """See `SPMambaLib.scan.selective_scan` for the arguments and the result (Bt, L, D); float32 only."""
    bias = torch.zeros_like(D) if dt_bias is None else dt_bias
    u, dt, A, B, C, bias = (tensor.contiguous() for tensor in (u, dt, A, B, C, bias))
    out: Tensor = _Scan.apply(u, dt, A, B, C, bias, order, softplus)  # type: ignore[no-untyped-call]
    return torch.addcmul(out, u, D.sum(0))


class _Scan(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, bias: Tensor, order: Tensor,
                softplus: bool) -> Tensor:
        batch, length, channels = u.shape
        paths, states = A.shape[0], A.shape[2]
        chunk = min(max(SHORTEST_CHUNK, states), length)
        wanted = any(ctx.needs_input_grad)
        borders = u.new_empty((batch, paths, -(-length // chunk), states, channels) if wanted else (0,) * 5)
        rates = _state_first(A) * math.log2(math.e)
        inputs = _arrays(u, dt, rates, B, C, order, bias) + (softplus,)
        groups = _path_groups(paths, batch * tiles(channels))
        parts = u.new_zeros(len(groups), *u.shape)
        kept = _arrays(borders)[0]
        _run(kernels.forward, [
            (image, tile, first, last, *inputs, part, kept, chunk)
            for image in range(batch) for tile in range(tiles(channels))
            for (first, last), part in zip(groups, parts.numpy())])
        if wanted:
            ctx.softplus, ctx.chunk = softplus, chunk
            ctx.save_for_backward(u, dt, A, B, C, bias, order, borders)
        return parts.sum(0) if len(groups) > 1 else parts[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tuple[Any, ...]:
        u, dt, A, B, C, bias, order, borders = ctx.saved_tensors
        batch, paths, count = u.shape[0], A.shape[0], tiles(u.shape[2])
        slopes = _state_first(A)
        groups = _path_groups(paths, batch * count)
        grad_u = u.new_zeros(len(groups), *u.shape)
        grad_dt = torch.empty_like(dt)
        grad_A = u.new_empty(batch, *slopes.shape)
        grad_B, grad_C = u.new_empty(2, count, *B.shape)  # each tile its own: nothing is added up in a race
        inputs = _arrays(u, dt, slopes * math.log2(math.e), B, C, order, bias) + (ctx.softplus,)
        shared = _arrays(borders) + (ctx.chunk,) + _arrays(grad.contiguous(), slopes)
        of_dt, of_A = _arrays(grad_dt, grad_A)
        _run(kernels.backward, [
            (image, tile, first, last, *inputs, *shared, part, of_dt, of_A, of_B, of_C)
            for image in range(batch) for tile, of_B, of_C in zip(range(count), grad_B.numpy(), grad_C.numpy())
            for (first, last), part in zip(groups, grad_u.numpy())])
        return (grad_u.sum(0), grad_dt, grad_A.sum(0).transpose(1, 2), grad_B.sum(0), grad_C.sum(0),
                grad_dt.sum((0, 2)), None, None)


def tiles(channels: int) -> int:
    return -(-channels // kernels.TILE)


def _state_first(A: Tensor) -> Tensor:
    """(K, D, N) -> (K, N, D)."""
    return A.transpose(1, 2).contiguous()


def _arrays(*tensors: Tensor) -> Tuple[np.ndarray, ...]:
    return tuple(tensor.detach().numpy() for tensor in tensors)


def _path_groups(paths: int, tasks: int) -> List[Tuple[int, int]]:
    """[first, last) of the fewest groups of paths that give every thread a task: a group costs one more output."""
    groups = 1
    while groups < paths and tasks * groups < torch.get_num_threads():
        groups *= 2
    groups = min(groups, paths)
    return [(number * paths // groups, (number + 1) * paths // groups) for number in range(groups)]


def _run(kernel: Callable[..., None], tasks: List[Tuple[Any, ...]]) -> None:
    """Call `kernel` for each tuple of arguments, on as many threads as torch may use."""
    threads = min(torch.get_num_threads(), len(tasks))
    if threads == 1:
        for task in tasks:
            kernel(*task)
        return
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads, thread_name_prefix="spmamba-scan")
    for done in [_pools[threads].submit(kernel, *task) for task in tasks]:
        done.result()
