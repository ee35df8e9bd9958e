"""PaDiM (Defard et al. 2021, arXiv 2011.08785): a Gaussian of feature vectors at every position.

150 of the channels of all three stages, drawn at random, on the grid of f2; full covariance at each position, shrunk
towards a multiple of the identity; the map is the Mahalanobis distance.
"""
from __future__ import annotations

import torch
from benchmarks.images import Images
from torch import Tensor
from torch.nn import functional as F

DIMENSIONS = 150
SHRINKAGE = 0.1  # share of the multiple of the identity that has the same trace


class PaDiM:
    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, normals: Images) -> None:
        channels = sum(feature.shape[1] for feature in normals.features)
        generator = torch.Generator().manual_seed(self.seed)
        self.chosen = torch.randperm(channels, generator=generator)[:DIMENSIONS]
        total = squares = torch.zeros(())
        for batch in normals.batches():
            x = self._vectors(batch)
            total = total + x.sum(dim=1)
            squares = squares + x.mT @ x
        self.mean = (total / len(normals))[:, None]
        covariance = squares / len(normals) - self.mean.mT @ self.mean
        slice_height = covariance.diagonal(dim1=1, dim2=2).mean(dim=1).clamp(min=1e-8)
        identity = torch.eye(covariance.shape[1])
        shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * slice_height[:, None, None] * identity
        self.whitening = torch.linalg.solve_triangular(torch.linalg.cholesky(shrunk), identity.expand_as(shrunk),
                                                       upper=False)

    def map(self, batch: Images) -> Tensor:
        z = (self._vectors(batch) - self.mean) @ self.whitening.mT
        side = batch.features[1].shape[-1]
        return z.norm(dim=2).T.reshape(len(batch), side, side)

    def _vectors(self, batch: Images) -> Tensor:
        """(positions, n, dimensions) on the grid of f2."""
        side = batch.features[1].shape[-1]
        parts, first = [], 0
        for feature in batch.features:
            own = self.chosen[(self.chosen >= first) & (self.chosen < first + feature.shape[1])] - first
            first += feature.shape[1]
            part = feature[:, own]
            parts.append(F.adaptive_avg_pool2d(part, side) if part.shape[-1] > side
                         else F.interpolate(part, (side, side), mode="bilinear"))
        return torch.cat(parts, dim=1).flatten(2).permute(2, 0, 1).contiguous()
