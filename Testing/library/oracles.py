"""Slow float64 statements of the method, as the paper's authors think of it: the yardsticks of the tests.

Nothing here shares code with the library except the scan path itself, which `test_scan_order` checks against
a list.
"""
from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from SPMambaLib.model.scan_order import scan_order
from SPMambaLib.model.ss2d import SS2D


def relative_error(actual, expected) -> float:
    """Largest deviation as a fraction of the largest expected value (absolute where all of it is 0)."""
    actual, expected = (np.asarray(x.detach() if torch.is_tensor(x) else x, dtype=np.float64)
                        for x in (actual, expected))
    return float(np.abs(actual - expected).max() / (np.abs(expected).max() or 1.0))


def scan_sequence(x, dt, A, B, C, D):
    """One selective scan along one sequence: x, dt (L, D); A (D, N); B, C (L, N); D (D,) -> (L, D)."""
    h = np.zeros(A.shape)
    y = np.zeros(x.shape)
    for t in range(len(x)):
        for d in range(x.shape[1]):
            h[d] = np.exp(dt[t, d] * A[d]) * h[d] + dt[t, d] * B[t] * x[t, d]
            y[t, d] = C[t] @ h[d] + D[d] * x[t, d]
    return y


def ss2d(layer: SS2D, x: torch.Tensor, path_name: str) -> np.ndarray:
    """SS2D of eight directions: turn and transpose the image, gather, flip, scan, and undo it all.

    x (B, n, n, C) -> (B, n, n, C).
    """
    weights = {name: tensor.detach().double() for name, tensor in layer.state_dict().items()}
    n = x.shape[1]
    inner = weights["D"].shape[1]
    rank, states = weights["dt_weight"].shape[1], weights["A_log"].shape[2]
    path = scan_order(path_name, n).copy()
    xz = x.double() @ weights["in_proj.weight"].T
    image = F.silu(F.conv2d(xz[..., :inner].permute(0, 3, 1, 2), weights["conv.weight"], weights["conv.bias"],
                            padding=1, groups=inner))

    there = [lambda i: i, lambda i: i.mT, lambda i: torch.rot90(i, 1, (-2, -1)),
             lambda i: torch.rot90(i, 1, (-2, -1)).mT]
    back = [lambda i: i, lambda i: i.mT, lambda i: torch.rot90(i, -1, (-2, -1)),
            lambda i: torch.rot90(i.mT, -1, (-2, -1))]
    projections = weights["x_proj.weight"].view(8, rank + 2 * states, inner)
    total = torch.zeros_like(image)
    for k in range(8):
        for b in range(len(x)):
            sequence = there[k % 4](image[b]).reshape(inner, -1)[:, path]
            if k >= 4:
                sequence = sequence.flip(-1)
            dt, B, C = (projections[k] @ sequence).split([rank, states, states])
            dt = F.softplus(weights["dt_weight"][k].T @ dt + weights["dt_bias"][k][:, None])
            y = torch.from_numpy(scan_sequence(*(t.numpy() for t in (
                sequence.T, dt.T, -torch.exp(weights["A_log"][k]), B.T, C.T, weights["D"][k])))).T
            if k >= 4:
                y = y.flip(-1)
            placed = torch.zeros_like(y)
            placed[:, path] = y
            total[b] += back[k % 4](placed.view(inner, n, n))

    total = total.permute(0, 2, 3, 1)
    normed = F.layer_norm(total, (inner,), weights["norm.weight"], weights["norm.bias"])
    return ((normed * F.silu(xz[..., inner:])) @ weights["out_proj.weight"].T).numpy()


def prototype_distance(prototypes, features, window: int, match: str = "features"):
    """Distance (grid, grid) of one image: prototypes (grid * grid, k, C), features (C, grid, grid).

    `match` says what is searched in the window: "features" for a cell's prototypes (the paper), or
    "prototypes" for a cell's feature.
    """
    grid, reach = features.shape[1], window // 2
    prototypes = np.asarray(prototypes).reshape(grid, grid, *np.shape(prototypes)[1:])

    def cosine(prototype, row, column):
        feature = features[:, row, column]
        return feature @ prototype / np.linalg.norm(feature) / np.linalg.norm(prototype)

    distance = np.full((grid, grid), np.inf)
    for row in range(grid):
        for column in range(grid):
            for r in range(max(row - reach, 0), min(row + reach, grid - 1) + 1):
                for c in range(max(column - reach, 0), min(column + reach, grid - 1) + 1):
                    if match == "features":
                        found = max(cosine(prototype, r, c) for prototype in prototypes[row, column])
                    else:
                        found = max(cosine(prototype, row, column) for prototype in prototypes[r, c])
                    distance[row, column] = min(distance[row, column], 1 - found)
    return distance
