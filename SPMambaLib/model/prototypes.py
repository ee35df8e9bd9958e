"""Window-sliding prototypes: what normal looks like, cell by cell.

Every cell p of the grid has k prototypes.  Prototype k of p may find its match anywhere in a small window
around p, so a slightly shifted patient is still normal, while the same tissue elsewhere in the image is not:

    s(p, k) = max over q in window(p) of cos(P[p, k], H[q]),        D(p) = min over k of 1 - s(p, k)

The other way round (`match` = "prototypes"), each feature may look for its prototype in its window:

    D(q) = min over p in window(q) and k of 1 - cos(P[p, k], H[q])

The paper's form forgives a cell if *any* neighbour is normal there, the second asks of every cell to be
normal itself.
"""
from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ANY_LEVEL = -1
"""Level index of an image whose place in the volume is unknown: every level's prototypes may explain it."""


class Prototypes(nn.Module):
    """Prototype vectors (levels, grid * grid, k, C) and the distance of a feature map to them.

    They start at N(0, 1) as in the paper, which invites collapse: call `initialise` with vectors found in
    normal data.  Only their direction counts.

    Args:
        grid: side of the square grid of cells, that of the feature map.
        channels: C of the feature map.
        per_cell: k.
        window: side of the window in cells, odd; it is cut at the border of the grid.
        levels: sets of prototypes along the slice axis of a volume; 1 for radiographs.
        match: what slides in the window, ``"features"`` (the paper) or ``"prototypes"``.
    """

    def __init__(self, grid: int, channels: int, per_cell: int = 5, window: int = 3, levels: int = 1,
                 match: str = "features") -> None:
        super().__init__()
        self.grid, self.window, self.match = grid, window, match
        self.vectors = nn.Parameter(torch.randn(levels, grid * grid, per_cell, channels))

    @torch.no_grad()
    def initialise(self, vectors: Tensor) -> None:
        """Take over prototypes found in data, (levels, grid * grid, k, C); cells in row-major order."""
        if vectors.shape != self.vectors.shape:
            raise ValueError("prototypes have shape {}, got {}".format(
                tuple(self.vectors.shape), tuple(vectors.shape)))
        self.vectors.copy_(vectors)

    def distances(self, features: Tensor) -> Tensor:
        """Distance in [0, 2] of every cell of (B, C, grid, grid) to its nearest prototype of each level.

        Returns:
            (B, levels, grid, grid); `at_level` picks.
        """
        batch, _, height, width = features.shape
        if (height, width) != (self.grid, self.grid):
            raise ValueError("prototypes of a {0} x {0} grid cannot judge {1} x {2} features".format(
                self.grid, height, width))
        cells = F.normalize(features, dim=1).flatten(2).permute(2, 0, 1)  # (cells, B, C)
        vectors = F.normalize(self.vectors, dim=-1)
        best = []
        for level in vectors:  # level by level: the product for all at once would not fit the cache
            if self.match == "features":
                cosines = torch.bmm(self._windows(cells), level.transpose(1, 2))
            else:
                cosines = torch.bmm(cells, self._windows(level).transpose(1, 2))
            best.append(cosines.reshape(len(cells), batch, -1).amax(dim=-1).t())
        return (1.0 - torch.stack(best, dim=1)).view(batch, len(best), height, width)

    def _windows(self, cells: Tensor) -> Tensor:
        """The vectors (cells, n, C) of each cell's window: (cells, n * window * window, C), grouped by n.

        Repeating the border cells cuts the window there: the repeated cell lies in the cut window already.
        """
        count, n, channels = cells.shape
        reach = self.window // 2
        image = cells.view(self.grid, self.grid, n * channels).permute(2, 0, 1)[None]
        padded = F.pad(image, [reach] * 4, mode="replicate")
        padded = padded.view(n, channels, *padded.shape[2:])
        # (n, C, grid, grid, window, window)
        windows = padded.unfold(2, self.window, 1).unfold(3, self.window, 1)
        return windows.permute(2, 3, 0, 4, 5, 1).reshape(count, n * self.window ** 2, channels)


def at_level(distances: Tensor, level_index: Optional[Tensor] = None) -> Tensor:
    """(B, levels, h, w) -> (B, h, w): the distance at each image's level.

    Args:
        level_index: (B,) int64; `ANY_LEVEL` takes the nearest prototype of any level, None does so for all.
    """
    nearest = distances.amin(dim=1)
    if level_index is None:
        return nearest
    chosen = distances[torch.arange(len(distances), device=distances.device), level_index.clamp(min=0)]
    return torch.where((level_index == ANY_LEVEL)[:, None, None], nearest, chosen)
