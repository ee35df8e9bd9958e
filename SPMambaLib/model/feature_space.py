"""The space in which features are compared with prototypes: as they are, channel-standardised, or whitened.

A cosine is ruled by the few channels that vary most.  Taking the mean off and dividing by the spread lets every channel
speak; whitening lets every principal direction speak,

    y = (x - m) W,    W = V (L + eps mean(L))^(-1/2) V^T    with the covariance V L V^T of normal features,

which sees subtler differences, those of acquisition among them.  With the mean m of every place (of its 3 x 3 cells)
instead of one for all, V L V^T is how normals differ *at a place*, and a prototype is a way of differing: what all
normals share there, which says nothing about this one, no longer fills the cosine.
"""
from __future__ import annotations

from typing import Optional, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAST_VARIANCE = 0.1  # share of the mean eigenvalue added to all: directions that hardly vary must not rule
CELLS = 32  # whose features are in single precision at a time


class FeatureSpace(nn.Module):
    """An affine map of features over their channels; ``plain`` without places changes nothing and stores nothing.

    Buffers: ``centre``, (C,) or (C, grid, grid), and ``matrix`` (C, C), which ``plain`` has not.

    Args:
        kind: one of `config.SPACES`.
        channels: C.
        grid: side of the grid whose cells each have a centre; None for one centre.
    """

    centre: Tensor
    matrix: Tensor

    def __init__(self, kind: str, channels: int, grid: Optional[int] = None) -> None:
        super().__init__()
        self.kind, self.per_position = kind, grid is not None
        self.identity = kind == "plain" and not self.per_position
        if not self.identity:
            self.register_buffer("centre", torch.zeros(channels) if grid is None else torch.zeros(channels, grid, grid))
        if kind != "plain":
            self.register_buffer("matrix", torch.eye(channels))

    def maps(self, features: Tensor) -> Tensor:
        """Feature maps (B, C, grid, grid)."""
        if self.identity:
            return features
        moved = features.to(self.centre.dtype) - self._centre_of_maps()
        return moved if self.kind == "plain" else (moved.movedim(1, -1) @ self.matrix).movedim(-1, 1)

    def at(self, features: Tensor, cells: slice) -> Tensor:
        """Of feature maps (N, C, grid, grid) the vectors of some cells, counted in row-major order: (cells, N, C)."""
        vectors = features.flatten(2)[:, :, cells].float().permute(2, 0, 1)
        if self.identity:
            return vectors
        centre = self.centre.flatten(1)[:, cells].T[:, None] if self.per_position else self.centre
        vectors = vectors.to(centre.device) - centre
        return vectors if self.kind == "plain" else vectors @ self.matrix

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Mean and covariance of normal features (N, C, h, w), over images and cells; summed in double precision."""
        if self.identity:
            return
        if self.per_position:
            self.recentre(features)
        else:
            self.centre.copy_(mean_of(features).mean(dim=(1, 2)))
        if self.kind != "plain":
            self.matrix.copy_(scaling(self.kind, self._covariance(features)))

    @torch.no_grad()
    def recentre(self, features: Tensor) -> None:
        """The centre of every cell from other normals (N, C, grid, grid); one centre for all cells stays as it is."""
        if self.per_position:
            around = F.avg_pool2d(F.pad(mean_of(features)[None], (1, 1, 1, 1), mode="replicate"), 3, 1)[0]
            self.centre.copy_(around.half())  # as it is stored: what follows is fitted about what is shipped

    def _centre_of_maps(self) -> Tensor:
        """(C, grid, grid), or (C, 1, 1) for one centre."""
        return self.centre if self.per_position else self.centre[:, None, None]

    def _covariance(self, features: Tensor) -> Tensor:
        """(C, C) about the centre, in double precision."""
        channels, count = features.shape[1], features[:, 0].numel()
        total = torch.zeros(channels, dtype=torch.float64)
        squares = torch.zeros(channels, channels, dtype=torch.float64)
        centre = self._centre_of_maps().cpu()
        for part in features.split(64):
            x = (part.float() - centre).movedim(1, -1).reshape(-1, channels)
            total, squares = total + x.sum(dim=0).double(), squares + (x.T @ x).double()
        return squares / count - torch.outer(total, total) / count ** 2


def joined(scales: Sequence[Tensor], side: int) -> Tensor:
    """Feature maps (B, C_i, h_i, w_i) of several scales in one, (B, sum of C_i, side, side).

    Each is of unit length at every place, so that the cosine of two such vectors is the mean of the scales' cosines.
    """
    return torch.cat([F.normalize(resized(scale.float(), side), dim=1) for scale in scales], dim=1)


def resized(features: Tensor, side: int) -> Tensor:
    """(B, C, h, w) -> (B, C, side, side): means when it shrinks, linear when it grows."""
    if features.shape[-1] > side:
        return F.adaptive_avg_pool2d(features, side)
    return features if features.shape[-1] == side else F.interpolate(features, (side, side), mode="bilinear")


def mean_of(features: Tensor) -> Tensor:
    """(N, C, h, w) -> (C, h, w), summed in double precision."""
    total = torch.zeros(features.shape[1:], dtype=torch.float64)
    for part in features.split(64):
        total += part.double().sum(dim=0)
    return total / len(features)


def scaling(kind: str, covariance: Tensor) -> Tensor:
    """The matrix of a space from the covariance (C, C) of features."""
    if kind == "standardised":
        variance = covariance.diagonal().clamp(min=0)
        return torch.diag((variance + 1e-3 * variance.mean() + 1e-12).rsqrt())
    values, directions = torch.linalg.eigh(covariance)
    values = values.clamp(min=0)
    return directions @ torch.diag((values + LEAST_VARIANCE * values.mean() + 1e-12).rsqrt()) @ directions.T
