"""The sequential reference form: SP-Mamba in the layout of its authors, one step, one cell, one direction at a time.

It is what every speed-up of `spmamba bench` is measured against, and a second, independent statement of the network:
the same weights give the same output.  Slow, but in no way worse than it has to be; written from the description of the
public code: permuted copies of the image for every direction, flips, a decay tensor of all steps at once, a loop over
the steps; a loop over cells and prototypes.
"""
from __future__ import annotations

import copy
from typing import List, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..model.network import SPMamba
from ..model.prototypes import Prototypes
from ..model.ss2d import SS2D


def sequential_form(network: SPMamba) -> SPMamba:
    """A copy of `network` whose scans and prototypes compute in the authors' way."""
    slow = copy.deepcopy(network)
    for module in list(slow.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, SS2D):
                setattr(module, name, SequentialSS2D(child))
    slow.prototypes = SequentialPrototypes(slow.prototypes)  # type: ignore[assignment]
    return slow


class SequentialSS2D(nn.Module):
    """`SS2D` with K gathered and flipped sequences in channels-first layout; (B, n, n, C) -> the same shape."""

    def __init__(self, layer: SS2D) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        layer = self.layer
        side = x.shape[1]
        x, z = layer.in_proj(x).chunk(2, dim=-1)
        image = F.silu(layer.conv(x.permute(0, 3, 1, 2).contiguous()))
        y = self.directions(image.contiguous()).transpose(1, 2).reshape(len(x), side, side, -1)
        out: Tensor = layer.out_proj(layer.norm(y) * F.silu(z))
        return out

    def directions(self, image: Tensor) -> Tensor:
        """Sum of all directional scans of an image (B, D, n, n), as (B, D, L)."""
        layer = self.layer
        batch, channels = image.shape[:2]
        paths = len(layer.order)
        sequences = gathered(image.flatten(2), layer.order)
        weight = layer.x_proj.weight.view(paths, -1, channels)
        projected = torch.einsum("bkdl,kcd->bkcl", sequences, weight)
        dt, B, C = projected.split([layer.rank, layer.state_size, layer.state_size], dim=2)
        dt = torch.einsum("bkrl,krd->bkdl", dt, layer.dt_weight)

        y = sequential_scan(sequences.reshape(batch, paths * channels, -1), dt.reshape(batch, paths * channels, -1),
                            -torch.exp(layer.A_log).flatten(0, 1), B, C, layer.D.flatten(), layer.dt_bias.flatten())
        return brought_home(y.view(batch, paths, channels, -1), layer.order)


def gathered(tokens: Tensor, order: Tensor) -> Tensor:
    """Tokens (B, D, L) along each path of `order` (K, L), the second half of the paths by flipping the first."""
    sequences = torch.stack([tokens[:, :, path] for path in order[:len(order) // 2]], dim=1)
    return torch.cat([sequences, sequences.flip(-1)], dim=1)  # (B, K, D, L)


def brought_home(outputs: Tensor, order: Tensor) -> Tensor:
    """Sum of the outputs (B, K, D, L) of all paths, each put back where its tokens came from: (B, D, L)."""
    half = len(order) // 2
    outputs = outputs[:, :half] + outputs[:, half:].flip(-1)
    total = torch.zeros_like(outputs[:, 0])
    for number, path in enumerate(order[:half]):
        per_position = torch.empty_like(total)
        per_position[:, :, path] = outputs[:, number]
        total = total + per_position
    return total


def sequential_scan(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor) -> Tensor:
    """The published recurrence: u, dt (Bt, D, L); A (D, N); B, C (Bt, K, N, L); D, bias (D,) -> (Bt, D, L)."""
    dt = F.softplus(dt + bias[:, None])
    repeated = u.shape[1] // B.shape[1]
    B, C = (tensor.repeat_interleave(repeated, dim=1) for tensor in (B, C))  # every channel its own: (Bt, D, N, L)
    decay = torch.exp(torch.einsum("bdl,dn->bdln", dt, A))
    driven = torch.einsum("bdl,bdnl,bdl->bdln", dt, B, u)
    state = u.new_zeros(u.shape[0], *A.shape)
    outputs: List[Tensor] = []
    for step in range(u.shape[2]):
        state = decay[:, :, step] * state + driven[:, :, step]
        outputs.append(torch.einsum("bdn,bdn->bd", state, C[:, :, :, step]))
    return torch.stack(outputs, dim=2) + u * D[:, None]


class SequentialPrototypes(nn.Module):
    """`Prototypes` as a loop over height bins, cells and prototypes."""

    def __init__(self, prototypes: Prototypes) -> None:
        super().__init__()
        self.prototypes = prototypes

    def nearest(self, features: Tensor) -> Tuple[Tensor, Tensor]:
        """`distances`; which prototypes these are is not told: always 0."""
        distances = self.distances(features)
        return distances, torch.zeros_like(distances, dtype=torch.int64)

    def distances(self, features: Tensor) -> Tensor:
        """(B, C, grid, grid) -> (B, height_bins, grid, grid), as `Prototypes.distances`."""
        own = self.prototypes
        features = own.space.maps(features)
        height_bins, _, per_cell, _ = own.vectors.shape
        grid, reach = own.grid, own.window // 2
        result = features.new_empty(len(features), height_bins, grid, grid)
        for slice_height in range(height_bins):
            for cell in range(grid * grid):
                row, column = divmod(cell, grid)
                rows = range(max(row - reach, 0), min(row + reach, grid - 1) + 1)
                columns = range(max(column - reach, 0), min(column + reach, grid - 1) + 1)
                cosines = []
                for number in range(per_cell):
                    if own.match == "features":
                        window = features[:, :, rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1].flatten(2)
                        prototype = own.vectors[slice_height, cell, number][None, :, None]
                        cosines.append(F.cosine_similarity(window, prototype, dim=1).amax(-1))
                    else:
                        around = own.vectors[slice_height, [r * grid + c for r in rows for c in columns], number]
                        feature = features[:, None, :, row, column]
                        cosines.append(F.cosine_similarity(feature, around[None], dim=2).amax(-1))
                result[:, slice_height, row, column] = 1.0 - torch.stack(cosines).amax(0)
        return result
