"""``spmamba bench scan``: every backend that runs here, at the sizes of the paper's decoder stages.

Baselines, in the same run: for the forward pass the *sequential reference form* (the authors' layout, `sequential_scan`
with its gathered and flipped copies), for forward and backward *autograd through the plain loop* (backend `reference`).
"""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import torch
from torch import Tensor

from ..model.scan_order import directional_orders
from ..scan import available_backends, selective_scan
from .measure import machine, mebibytes, peak_bytes, seconds
from .sequential import brought_home, gathered, sequential_scan

CHANNELS = {64: 1024, 256: 512, 1024: 256, 4096: 128}
"""Inner channels of the paper's stage with so many tokens."""

STATES, PATHS = 16, 8

Progress = Callable[[float, str], None]


def inputs(length: int, batch: int, device: torch.device, seed: int = 0) -> Tuple[List[Tensor], Tensor]:
    """u, dt, A, B, C, D, dt_bias of a stage, float32, and its circular-Hilbert order; large and small step sizes."""
    generator = torch.Generator().manual_seed(seed)
    channels = CHANNELS[length]

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    tensors = [random(batch, length, channels), 2.0 * random(batch, PATHS, length, channels),
               -torch.exp(random(PATHS, channels, STATES)), random(batch, PATHS, length, STATES),
               random(batch, PATHS, length, STATES), random(PATHS, channels), random(PATHS, channels) - 2.0]
    order = directional_orders("circular-hilbert", int(length ** 0.5), PATHS).copy()
    return tensors, torch.from_numpy(order).to(device)


def scan(tensors: Sequence[Tensor], order: Tensor, backend: str) -> Tensor:
    u, dt, A, B, C, D, bias = tensors
    return selective_scan(u, dt, A, B, C, D, order, dt_bias=bias, softplus=True, backend=backend)


@torch.inference_mode()
def forward(tensors: Sequence[Tensor], order: Tensor, backend: str) -> Tensor:
    return scan(tensors, order, backend)


@torch.inference_mode()
def authors_forward(tensors: Sequence[Tensor], order: Tensor) -> Tensor:
    """The same scan with K gathered sequences, half of them flipped, in channels-first layout: (Bt, D, L)."""
    u, dt, A, B, C, D, bias = tensors
    sequences = gathered(u.transpose(1, 2), order)
    index = order[None, :, :, None]
    dt, B, C = (t.gather(2, index.expand(len(u), -1, -1, t.shape[3])).transpose(2, 3) for t in (dt, B, C))
    y = sequential_scan(sequences.flatten(1, 2), dt.flatten(1, 2), A.flatten(0, 1), B, C, D.flatten(), bias.flatten())
    return brought_home(y.view_as(sequences), order)


def with_gradients(tensors: Sequence[Tensor], order: Tensor, backend: str) -> None:
    leaves = [tensor.detach().requires_grad_() for tensor in tensors]
    torch.autograd.grad(scan(leaves, order, backend).square().sum(), leaves)


def run(device: torch.device, *, lengths: Sequence[int] = tuple(CHANNELS), batch: int = 1,
        progress: Progress = lambda fraction, text: None) -> Dict[str, Any]:
    """Measure all backends at some sequence lengths; JSON-ready."""
    rows: List[Dict[str, Any]] = []
    for number, length in enumerate(lengths):
        rows += _rows(length, batch, device, lambda part, text, n=number: progress((n + part) / len(lengths), text))
    return {"benchmark": "scan", "machine": machine(device), "batch": batch, "paths": PATHS, "states": STATES,
            "baselines": {"forward": "authors' layout, one step at a time",
                          "both": "autograd through the plain loop (backend reference)"},
            "rows": rows}


def _rows(length: int, batch: int, device: torch.device, progress: Any) -> List[Dict[str, Any]]:
    tensors, order = inputs(length, batch, device)
    progress(0.0, "{} tokens: the baselines".format(length))
    right = forward([tensor.double() for tensor in tensors], order, "reference").cpu()
    authors = seconds(authors_forward, device, tensors, order)
    plain = seconds(with_gradients, device, tensors, order, "reference")
    rows: List[Dict[str, Any]] = [{
        "backend": "authors' layout", "forward_s": authors, "both_s": None,
        "error": _error(authors_forward(tensors, order).transpose(1, 2), right),
        "forward_memory": peak_bytes(authors_forward, device, tensors, order), "both_memory": None}]
    backends = available_backends(device)
    for number, backend in enumerate(backends):
        progress(0.4 + 0.6 * number / len(backends), "{} tokens: {}".format(length, backend))
        call = (tensors, order, backend)
        rows.append({
            "backend": backend, "forward_s": seconds(forward, device, *call),
            "both_s": plain if backend == "reference" else seconds(with_gradients, device, *call),
            "error": _error(forward(*call), right), "forward_memory": peak_bytes(forward, device, *call),
            "both_memory": peak_bytes(with_gradients, device, *call)})
    return [_row(length, authors, plain, **row) for row in rows]


def _error(found: Tensor, right: Tensor) -> float:
    return float((found.cpu().double() - right).abs().max() / right.abs().max())


def _row(length: int, authors: float, plain: float, *, backend: str, forward_s: float, both_s: Optional[float],
         error: float, forward_memory: Optional[int], both_memory: Optional[int]) -> Dict[str, Any]:
    return {
        "tokens": length, "channels": CHANNELS[length], "backend": backend,
        "forward_ms": round(1e3 * forward_s, 3), "forward_ratio": round(authors / forward_s, 2),
        "both_ms": None if both_s is None else round(1e3 * both_s, 3),
        "both_ratio": None if both_s is None else round(plain / both_s, 2),
        "error": error, "forward_mib": mebibytes(forward_memory), "both_mib": mebibytes(both_memory),
    }
