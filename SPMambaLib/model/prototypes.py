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

import math
from typing import Optional, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .feature_space import FeatureSpace

ANY_HEIGHT = -1
"""Level index of an image whose place in the volume is unknown: every height's prototypes may explain it."""


class Prototypes(nn.Module):
    """Prototype vectors (height_bins, grid * grid, k, C) and the distance of a feature map to them.

    They start at N(0, 1) as in the paper, which invites collapse: call `initialise` with vectors found in
    normal data.  Only their direction counts.

    Args:
        grid: side of the square grid of cells, that of the feature map.
        channels: C of the feature map.
        per_cell: k.
        window: side of the window in cells, odd; it is cut at the border of the grid.
        heights: sets of prototypes along the slice axis of a volume; 1 for radiographs.
        match: what slides in the window, ``"features"`` (the paper) or ``"prototypes"``.
        space: kind of `FeatureSpace` in which features meet prototypes; the vectors live there.
        centred: that space has a centre at every cell.
    """

    def __init__(self, grid: int, channels: int, per_cell: int = 5, window: int = 3, height_bins: int = 1,
                 match: str = "features", space: str = "plain", centred: bool = False) -> None:
        super().__init__()
        self.grid, self.window, self.match = grid, window, match
        self.space = FeatureSpace(space, channels, grid if centred else None)
        self.vectors = nn.Parameter(torch.randn(height_bins, grid * grid, per_cell, channels))
        self._kept: Optional[Tuple[object, Tensor]] = None

    @torch.no_grad()
    def initialise(self, vectors: Tensor) -> None:
        """Take over prototypes found in data, (height_bins, grid * grid, k, C); cells in row-major order."""
        if vectors.shape != self.vectors.shape:
            raise ValueError("prototypes have shape {}, got {}".format(
                tuple(self.vectors.shape), tuple(vectors.shape)))
        self.vectors.copy_(vectors)

    def distances(self, features: Tensor) -> Tensor:
        """Distance in [0, 2] of every cell of (B, C, grid, grid) to its nearest prototype of each height.

        Returns:
            (B, height_bins, grid, grid); `at_height` picks.
        """
        return self.nearest(features)[0]

    def nearest(self, features: Tensor) -> Tuple[Tensor, Tensor]:
        """`distances`, and which prototype it is: its number in `vectors`, counted over height bins, cells and k;
        int64 of the same shape.  Where prototypes slide, it may be one of a neighbouring cell."""
        batch, _, height, width = features.shape
        if (height, width) != (self.grid, self.grid):
            raise ValueError("prototypes of a {0} x {0} grid cannot judge {1} x {2} features".format(
                self.grid, height, width))
        height_bins, cells, per_cell, _ = self.vectors.shape
        # Every prototype with every feature of its cell's window: one product, (cells, height_bins * k, B *
        # window^2); at full precision also under autocast, since near 1 a cosine in half precision tells nothing.
        with torch.autocast(features.device.type, enabled=False):
            windows = self._windows(F.normalize(self.space.maps(features.to(self.vectors.dtype)), dim=1))
            cosines = torch.bmm(self._directions(), windows.transpose(1, 2))
        best, number = cosines.view(cells, height_bins, per_cell, batch, -1).max(dim=2)
        first = per_cell * torch.arange(height_bins * cells, device=number.device).view(height_bins, cells).T
        number = number + first[:, :, None, None]
        if self.match == "prototypes":  # the cell of a feature, instead of that of a prototype, comes first
            best, number = self._at_feature(best, -math.inf), self._at_feature(number, 0)
        cosine, where = best.max(dim=-1)
        number = number.gather(-1, where[..., None])[..., 0]
        shape = batch, height_bins, height, width
        return (1.0 - cosine).permute(2, 1, 0).reshape(shape), number.permute(2, 1, 0).reshape(shape)

    def _directions(self) -> Tensor:
        """Unit vectors (cells, height_bins * k, C); kept until the prototypes change: they are larger than an image."""
        wanted = torch.is_grad_enabled() and self.vectors.requires_grad
        if wanted or self.vectors.is_inference():  # an inference tensor does not tell when it changes
            return self._arranged()
        state = (self.vectors._version, self.vectors.data_ptr(), self.vectors.dtype)
        if self._kept is None or self._kept[0] != state:
            self._kept = state, self._arranged()
        return self._kept[1]

    def _arranged(self) -> Tensor:
        return F.normalize(self.vectors, dim=-1).transpose(0, 1).flatten(1, 2).contiguous()

    def _windows(self, features: Tensor) -> Tensor:
        """The features (B, C, grid, grid) of each cell's window: (cells, B * window^2, C).

        Repeating the border cells cuts the window there: the repeated cell lies in the cut window already.
        """
        padded = F.pad(features, [self.window // 2] * 4, mode="replicate")
        windows = padded.unfold(2, self.window, 1).unfold(3, self.window, 1)  # (B, C, grid, grid, window, window)
        return windows.permute(2, 3, 0, 4, 5, 1).reshape(self.grid ** 2, -1, features.shape[1])

    def _at_feature(self, values: Tensor, outside: float) -> Tensor:
        """From values of cell p's prototypes with the j-th cell of its window to those of each cell with the prototypes
        around it, both (cells, height_bins, B, window^2); `outside` where the grid ends."""
        reach, grid = self.window // 2, self.grid
        padded = F.pad(values.unflatten(0, (grid, grid)), (0, 0, 0, 0, 0, 0, reach, reach, reach, reach), value=outside)
        # Cell q is the j-th of the window of p = q - offset(j).
        seen = [padded[2 * reach - row:, 2 * reach - column:][:grid, :grid, ..., row * self.window + column]
                for row in range(self.window) for column in range(self.window)]
        return torch.stack(seen, dim=-1).flatten(0, 1)


def at_height(distances: Tensor, height_bin_index: Optional[Tensor] = None) -> Tensor:
    """(B, height_bins, h, w) -> (B, h, w): the distance at each image's height.

    Args:
        height_bin_index: (B,) int64; `ANY_HEIGHT` takes the nearest prototype of any height, None does so for all.
    """
    return pick(distances, distances, height_bin_index)


def pick(values: Tensor, distances: Tensor, height_bin_index: Optional[Tensor] = None) -> Tensor:
    """Of `values` (B, height_bins, h, w), such as the numbers of the nearest prototypes, those that `at_height` goes
    by."""
    slice_height = distances.argmin(dim=1, keepdim=True)
    if height_bin_index is not None:
        wanted = height_bin_index[:, None, None, None]
        slice_height = torch.where(wanted == ANY_HEIGHT, slice_height, wanted.clamp(min=0))
    return values.gather(1, slice_height)[:, 0]
