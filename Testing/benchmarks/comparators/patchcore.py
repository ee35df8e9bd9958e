"""PatchCore (Roth et al. 2022, arXiv 2106.08265): distance to the nearest of a small memory of normal patches.

Patches are f2 and f3, averaged over 3 x 3 cells, on the grid of f2.  The memory is a greedy coreset (farthest point
first, on random projections) of patches drawn from all normal images; the paper draws from all patches.
"""
from __future__ import annotations

import torch
from benchmarks.images import Images
from torch import Tensor
from torch.nn import functional as F

DRAWN = 40_000  # patches from which the coreset is taken
MEMORY = 2_000
PROJECTED = 128  # dimensions in which the coreset is found


class PatchCore:
    def __init__(self, seed: int = 0, memory: int = MEMORY) -> None:
        self.seed, self.size = seed, memory

    def fit(self, normals: Images) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        each = -(-DRAWN // len(normals))
        parts = []
        for batch in normals.batches():
            patches = self._patches(batch)
            places = torch.rand(patches.shape[:2], generator=generator).topk(min(each, patches.shape[1])).indices
            parts.append(patches.gather(1, places[:, :, None].expand(-1, -1, patches.shape[2])).flatten(0, 1))
        drawn = torch.cat(parts)
        projection = torch.randn(drawn.shape[1], min(PROJECTED, drawn.shape[1]), generator=generator)
        self.memory = drawn[farthest_first(drawn @ projection, min(self.size, len(drawn)))]

    def map(self, batch: Images) -> Tensor:
        side = batch.features[1].shape[-1]
        distances = [torch.cdist(patches, self.memory).amin(dim=1) for patches in self._patches(batch)]
        return torch.stack(distances).view(len(batch), side, side)

    @staticmethod
    def _patches(batch: Images) -> Tensor:
        """(n, positions, channels)."""
        near = [F.avg_pool2d(feature, 3, 1, 1) for feature in batch.features[1:]]
        coarse = F.interpolate(near[1], near[0].shape[-2:], mode="bilinear")
        return torch.cat([near[0], coarse], dim=1).flatten(2).transpose(1, 2)


def farthest_first(points: Tensor, count: int) -> Tensor:
    """Indices (count,) of points (n, D): the first one, then always that which is farthest from all chosen."""
    chosen = torch.zeros(count, dtype=torch.long)
    nearest = torch.full((len(points),), float("inf"))
    lengths = points.square().sum(dim=1)
    for n in range(1, count):
        last = points[chosen[n - 1]]
        nearest = torch.minimum(nearest, lengths - 2 * (points @ last) + last.square().sum())
        chosen[n] = nearest.argmax()
    return chosen
