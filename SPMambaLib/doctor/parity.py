"""Every scan backend of a device against the float64 reference, forward and backward, at the sizes of all stages.

The reference is computed on the CPU, which is not on trial, by NumPy, which no backend uses: `ground_truth` is the
definition in `scan.reference` and its adjoint, written out so that they take seconds; a test holds both against
`scan.reference` and autograd.
"""
from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor

from ..model.config import PRESETS, NetworkConfig
from ..model.scan_order import directional_orders
from ..scan import backends_for, trouble
from ..scan.registry import implementation

NAMES = ("u", "dt", "A", "B", "C", "D", "dt_bias")
TOLERANCE = 1e-5
"""Of the largest value: how far results may lie from the float64 reference; gradients ten times as far (their sums
have up to L * K terms)."""

GRADIENT_TOLERANCE = 1e-4

Progress = Callable[[float, str], None]


class Size(NamedTuple):
    """Of one scan: side of the grid, inner channels, states, paths, name of the order."""

    side: int
    channels: int
    states: int
    paths: int
    order: str


def sizes(configs: Sequence[NetworkConfig] = tuple(PRESETS.values())) -> List[Size]:
    """Every size at which these networks scan, the small ones first."""
    found = {Size(config.input_size // (32 >> stage), config.expand * width, config.state_size, config.directions,
                  config.scan_order)
             for config in configs for stage, width in enumerate(config.decoder_channels)}
    return sorted(found)


def problem(size: Size, batch: int = 1, seed: int = 0) -> Tuple[List[Tensor], Tensor]:
    """Arguments in float64 in the order of `NAMES`, and the paths (K, L); step sizes large and small."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    length, channels, states, paths = size.side ** 2, size.channels, size.states, size.paths
    tensors = [random(batch, length, channels), 2.0 * random(batch, paths, length, channels),
               -random(paths, channels, states).exp(), random(batch, paths, length, states),
               random(batch, paths, length, states), random(paths, channels), random(paths, channels) - 2.0]
    return tensors, torch.from_numpy(directional_orders(size.order, size.side, paths).copy())


def weights(value: Tensor) -> Tensor:
    """Of the sum whose gradients are compared, so that no row's gradient is trivial."""
    return torch.sin(torch.arange(value.numel(), dtype=value.dtype, device=value.device)).view_as(value)


def ground_truth(inputs: Sequence[Tensor], order: Tensor) -> List[Tensor]:
    """Result (Bt, L, D) and the gradients of a weighted sum of it, in float64, in the order of `NAMES`."""
    u, dt, A, B, C, D, bias = (tensor.detach().cpu().double().numpy() for tensor in inputs)
    value = np.einsum("bld,kd->bld", u, D)
    kept = []
    for image in range(len(u)):
        for k, path in enumerate(order.numpy()):
            kept.append(_Path(u[image, path], dt[image, k, path] + bias[k], A[k], B[image, k, path], C[image, k, path]))
            value[image, path] += kept[-1].forward()
    grad = weights(torch.from_numpy(value)).numpy()
    of_u, of_dt, of_A, of_B, of_C = (np.zeros_like(array) for array in (u, dt, A, B, C))
    of_u += np.einsum("bld,kd->bld", grad, D)
    for number, scan in enumerate(kept):
        image, k = divmod(number, len(order))
        path = order[k].numpy()
        gradients = scan.backward(grad[image, path])
        of_u[image, path] += gradients[0]
        of_dt[image, k, path], of_B[image, k, path], of_C[image, k, path] = gradients[1], gradients[3], gradients[4]
        of_A[k] += gradients[2]
    of_D = np.broadcast_to((grad * u).sum((0, 1)), D.shape).copy()
    return [torch.from_numpy(array) for array in (value, of_u, of_dt, of_A, of_B, of_C, of_D, of_dt.sum((0, 2)))]


class _Path:
    """One path over one image as it is defined, step after step: x, raw step sizes (L, D), A (D, N), B, C (L, N)."""

    def __init__(self, x: np.ndarray, raw: np.ndarray, A: np.ndarray, B: np.ndarray, C: np.ndarray) -> None:
        self.x, self.raw, self.A, self.B, self.C = x, raw, A, B, C
        self.step = np.logaddexp(0.0, raw)

    def _states(self) -> Tuple[np.ndarray, np.ndarray]:
        """Decays and states of all steps (L, D, N)."""
        decay = np.exp(self.step[:, :, None] * self.A)
        states = (self.step * self.x)[:, :, None] * self.B[:, None, :]
        for t in range(1, len(states)):
            states[t] += decay[t] * states[t - 1]
        return decay, states

    def forward(self) -> np.ndarray:
        return np.einsum("ldn,ln->ld", self._states()[1], self.C)

    def backward(self, grad: np.ndarray) -> Tuple[np.ndarray, ...]:
        """Gradients of x, raw, A, B, C for the gradient (L, D) of the outputs; states are computed anew."""
        decay, states = self._states()
        adjoint = grad[:, :, None] * self.C[:, None, :]
        for t in range(len(adjoint) - 2, -1, -1):
            adjoint[t] += decay[t + 1] * adjoint[t + 1]
        of_C = np.einsum("ld,ldn->ln", grad, states)
        of_B = np.einsum("ldn,ld->ln", adjoint, self.step * self.x)
        driven = np.einsum("ldn,ln->ld", adjoint, self.B)
        decay[1:] *= adjoint[1:] * states[:-1]  # from here on: what comes to the exponent
        decay[0] = 0.0
        of_step = np.einsum("ldn,dn->ld", decay, self.A) + driven * self.x
        of_A = np.einsum("ldn,ld->dn", decay, self.step)
        sigmoid = np.exp(-np.logaddexp(0.0, -self.raw))
        return driven * self.step, of_step * sigmoid, of_A, of_B, of_C


def compute(backend: str, inputs: Sequence[Tensor], order: Tensor, device: str) -> List[Tensor]:
    """What a backend makes of the same on a device, in float32: result and gradients, brought to the CPU."""
    leaves = [tensor.to(device, torch.float32, copy=True).requires_grad_() for tensor in inputs]
    u, dt, A, B, C, D, bias = leaves
    value = implementation(backend)(u, dt, A, B, C, D, order.to(device), bias, True)
    gradients = torch.autograd.grad((value * weights(value)).sum(), leaves)
    return [tensor.detach().cpu() for tensor in (value, *gradients)]


def distances(found: Sequence[Tensor], right: Sequence[Tensor]) -> Tuple[float, float, str]:
    """How far the result is off, the worst gradient, and which that is; as shares of the largest value."""
    errors = [float((a.double() - b).abs().max() / b.abs().max()) if bool(torch.isfinite(a).all()) else float("inf")
              for a, b in zip(found, right)]
    worst = max(range(1, len(errors)), key=errors.__getitem__)
    return errors[0], errors[worst], NAMES[worst - 1]


def run(device: str, *, wanted: Sequence[Size] = (), progress: Progress = lambda fraction, text: None,
        check: Callable[[], None] = lambda: None, enough: Callable[[], bool] = lambda: False) -> List[Dict[str, Any]]:
    """One row for each backend made for the device and each size; JSON-ready.

    A row has ``backend``, ``state`` ("right", "wrong", "absent", "failed", "left out"), ``text``, and where it was
    computed ``tokens``, ``channels``, ``states``, ``forward`` and ``backward`` errors.  A backend that is absent or
    fails the small probe has one row.

    Args:
        wanted: sizes; none: `sizes()`.
        check: called between computations; may raise to end the run.
        enough: asked before each size; from a yes on the sizes are left out.
    """
    rows: List[Dict[str, Any]] = []
    usable: List[str] = []
    for backend in backends_for(device):
        reason = "" if backend == "reference" else trouble(backend, device)
        if not reason:
            usable.append(backend)
            continue
        state = "absent" if "not installed" in reason else "wrong" if "differs" in reason else "failed"
        rows.append({"backend": backend, "state": state, "text": reason})
    usable = [name for name in usable if name != "reference"]  # the yardstick itself, step by step
    chosen = list(wanted) or sizes()
    for number, size in enumerate(chosen):
        progress(number / len(chosen), "the scan at {0} x {0}, {1} channels".format(size.side, size.channels))
        if enough():
            rows += [{"backend": name, "tokens": size.side ** 2, "channels": size.channels, "states": size.states,
                      "state": "left out", "text": "not computed, the time was up"} for name in usable]
            continue
        inputs, order = problem(size)
        right = ground_truth(inputs, order)
        for backend in usable:
            check()
            rows.append(_row(backend, size, inputs, order, right, device))
    return rows


def _row(backend: str, size: Size, inputs: Sequence[Tensor], order: Tensor, right: Sequence[Tensor],
         device: str) -> Dict[str, Any]:
    row: Dict[str, Any] = {"backend": backend, "tokens": size.side ** 2, "channels": size.channels,
                           "states": size.states}
    try:
        forward, backward, worst = distances(compute(backend, inputs, order, device), right)
    except Exception as error:  # compilers and drivers fail in many ways
        return dict(row, state="failed", text=" ".join("{}: {}".format(type(error).__name__, error).split())[:300])
    fits = forward <= TOLERANCE and backward <= GRADIENT_TOLERANCE
    finite = [None if value == float("inf") else value for value in (forward, backward)]
    return dict(row, state="right" if fits else "wrong", forward=finite[0], backward=finite[1],
                text="result off by {:.0e}, gradient of {} by {:.0e} of the largest value".format(
                    forward, worst, backward))
