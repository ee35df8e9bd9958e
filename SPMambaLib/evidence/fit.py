"""The tiles of `normal_tiles`: which normals come closest to a prototype, and the mean of what they show there.

Of every patient one image speaks, the one whose features at the prototype's cell come closest to it.  Images are kept
as thumbnails in which a tile is a plain cut, so that those of a whole hospital fit into memory.
"""
from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..model.feature_space import CELLS
from ..model.prototypes import Prototypes
from ..scoring.slice_height import in_height_bin
from .normal_tiles import FEWEST, MOST, NormalTiles, TileLayout

LAYOUT = TileLayout()


def thumbnails(pixels: Tensor, grid: int, layout: TileLayout = LAYOUT) -> Tensor:
    """Prepared images (N, 1, S, S) -> uint8 (N, t, t), `layout.per_cell` pixels along each of the `grid` cells."""
    small = F.adaptive_avg_pool2d(pixels[:, 0], grid * layout.per_cell)
    return (255.0 * small).round().clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def normal_tiles_of(prototypes: Prototypes, features: Tensor, images: Tensor, slice_height: Optional[Tensor],
               patients: Sequence[str], layout: TileLayout = LAYOUT) -> NormalTiles:
    """Tiles of the prototypes as they are stored.

    Args:
        features: (N, C, grid, grid) of the normals that the prototypes were placed among.
        images: their `thumbnails`.
        height: (N,) relative height, or None.
        patients: of each image.
    """
    height_bins, cells, k, _ = prototypes.vectors.shape
    grid = prototypes.grid
    framed = np.pad(images.numpy(), ((0, 0), (layout.before, layout.before), (layout.before, layout.before)))
    owner = np.unique(np.asarray(patients), return_inverse=True)[1]
    tiles = np.zeros((height_bins, cells, k, layout.side, layout.side), dtype=np.uint8)
    counts: List[int] = []
    for bucket in range(height_bins):
        rows = np.flatnonzero(in_height_bin(slice_height, bucket, height_bins, len(features)).numpy())
        count = min(MOST, len(set(owner[rows].tolist())))
        counts.append(count if count >= FEWEST else 0)
        if count < FEWEST:
            continue
        seen = features if len(rows) == len(features) else features[torch.from_numpy(rows)]
        for start in range(0, cells, CELLS):
            some = F.normalize(prototypes.space.at(seen, slice(start, start + CELLS)), dim=-1)
            wanted = F.normalize(prototypes.vectors[bucket, start:start + CELLS].float(), dim=-1)
            cosines = torch.bmm(wanted, some.transpose(1, 2))
            orders = cosines.argsort(dim=2, descending=True, stable=True).numpy()  # (cells, k, n)
            for cell, of_cell in enumerate(orders, start):
                top, left = (number * layout.per_cell for number in divmod(cell, grid))
                patches = framed[:, top:top + layout.side, left:left + layout.side]
                for number, order in enumerate(of_cell):
                    chosen = rows[order[np.sort(first_of_each(owner[rows][order]))[:count]]]
                    tiles[bucket, cell, number] = np.round(patches[chosen].mean(axis=0))
    return NormalTiles(tiles, layout, tuple(counts))


def first_of_each(owners: np.ndarray) -> np.ndarray:
    """Where each owner comes first."""
    return np.unique(owners, return_index=True)[1]
