"""The space in which features are compared with prototypes: as they are, channel-standardised, or whitened.

A cosine is ruled by the few channels that vary most.  Taking the mean off and dividing by the spread lets every channel
speak; whitening lets every principal direction speak,

    y = (x - m) W,    W = V (L + eps mean(L))^(-1/2) V^T    with the covariance V L V^T of normal features,

which sees subtler differences, those of acquisition among them.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn

LEAST_VARIANCE = 0.1  # share of the mean eigenvalue added to all: directions that hardly vary must not rule


class FeatureSpace(nn.Module):
    """An affine map of features over their channels; ``plain`` changes nothing and stores nothing.

    Buffers (unless plain): ``centre`` (C,), ``matrix`` (C, C).

    Args:
        kind: one of `config.SPACES`.
        channels: C.
    """

    centre: Tensor
    matrix: Tensor

    def __init__(self, kind: str, channels: int) -> None:
        super().__init__()
        self.kind = kind
        if kind != "plain":
            self.register_buffer("centre", torch.zeros(channels))
            self.register_buffer("matrix", torch.eye(channels))

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors (..., C)."""
        if self.kind == "plain":
            return vectors
        return (vectors.to(self.matrix.dtype) - self.centre) @ self.matrix

    def maps(self, features: Tensor) -> Tensor:
        """Feature maps (B, C, h, w)."""
        return features if self.kind == "plain" else self(features.movedim(1, -1)).movedim(-1, 1)

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Mean and covariance of normal features (N, C, h, w), over images and cells; summed in double precision."""
        if self.kind == "plain":
            return
        channels = features.shape[1]
        count, total = 0, torch.zeros(channels, dtype=torch.float64)
        squares = torch.zeros(channels, channels, dtype=torch.float64)
        for part in features.split(64):
            x = part.float().movedim(1, -1).reshape(-1, channels)
            count, total, squares = count + len(x), total + x.sum(dim=0).double(), squares + (x.T @ x).double()
        mean = total / count
        covariance = squares / count - torch.outer(mean, mean)
        if self.kind == "standardised":
            variance = covariance.diagonal().clamp(min=0)
            matrix = torch.diag((variance + 1e-3 * variance.mean() + 1e-12).rsqrt())
        else:
            values, directions = torch.linalg.eigh(covariance)
            values = values.clamp(min=0)
            matrix = directions @ torch.diag((values + LEAST_VARIANCE * values.mean() + 1e-12).rsqrt()) @ directions.T
        self.centre.copy_(mean)
        self.matrix.copy_(matrix)
