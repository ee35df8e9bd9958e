"""Selective scans to compare backends on: arguments, and the float64 reference's value and gradients."""
from __future__ import annotations

import torch

from SPMambaLib.model.scan_order import directional_orders
from SPMambaLib.scan import selective_scan

NAMES = ("u", "dt", "A", "B", "C", "D", "dt_bias")


def arguments(batch=1, length=37, channels=6, states=4, paths=3, spread=1.0, seed=0):
    """u, dt, A, B, C, D, dt_bias in float64; the step sizes are softplus(spread * randn + randn - 1)."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    return (randn(batch, length, channels), spread * randn(batch, paths, length, channels),
            -torch.exp(randn(paths, channels, states)), randn(batch, paths, length, states),
            randn(batch, paths, length, states), randn(paths, channels), randn(paths, channels) - 1.0)


def random_order(length, paths=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randperm(length, generator=generator) for _ in range(paths)])


def hilbert_order(side):
    return torch.from_numpy(directional_orders("circular-hilbert", side).copy())


def weights(value):
    """Of the sum whose gradients are compared, so that no row's gradient is trivial."""
    return torch.sin(torch.arange(value.numel(), dtype=value.dtype, device=value.device)).view_as(value)


def value_and_gradients(inputs, order, backend, dtype=torch.float32, device="cpu"):
    """Result (Bt, L, D) and the gradients of a weighted sum of it, in the order of `NAMES`."""
    leaves = [tensor.to(device, dtype, copy=True).requires_grad_() for tensor in inputs]
    value = selective_scan(*leaves[:6], order.to(device), dt_bias=leaves[6], softplus=True, backend=backend)
    gradients = torch.autograd.grad((value * weights(value)).sum(), leaves)
    return value.detach().cpu(), [gradient.cpu() for gradient in gradients]


def expected(inputs, order):
    """The same from the float64 reference, one path at a time: its graph of all steps would not fit the memory."""
    total, shared, own = torch.zeros_like(inputs[0]), torch.zeros_like(inputs[0]), []
    for k in range(len(order)):
        row = slice(k, k + 1)
        u, dt, A, B, C, D, bias = inputs
        value, gradients = value_and_gradients(
            (u, dt[:, row], A[row], B[:, row], C[:, row], D[row], bias[row]), order[row], "reference", torch.float64)
        total += value
        shared += gradients[0]
        own.append(gradients[1:])
    of_dt, of_A, of_B, of_C, of_D, of_bias = zip(*own)
    return total, [shared, torch.cat(of_dt, 1), torch.cat(of_A), torch.cat(of_B, 1), torch.cat(of_C, 1),
                   torch.cat(of_D), torch.cat(of_bias)]
