"""Where in the anatomy a slice lies, when the model knows several heights.

A volume may show more or less of the body than the training scans (a skull-stripped brain has no neck), so its own
first and last slice cannot serve as a ruler.  The height of its slices is a straight line through the model's heights,
and of all lines the one is taken whose prototypes fit best.
"""
from __future__ import annotations

from typing import Optional

import numpy as np
import torch
from torch import Tensor

LINES = [(low, high) for low in np.linspace(0.0, 0.8, 17) for high in np.linspace(0.2, 1.0, 17) if high - low >= 0.2]


def align_heights(distances: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Level in [0, 1] of each slice of one volume.

    Args:
        distances: (N, L) mean prototype distance of each slice to the normals of each height.
        positions: (N,) relative position of the slices in the volume, in [0, 1], ascending with height.
    """
    count = distances.shape[1]
    if count == 1 or len(distances) == 0:
        return positions
    if len(distances) == 1:
        return (distances.argmin(axis=1) + 0.5) / count
    costs = []
    for low, high in LINES:
        bucket = np.minimum(((low + (high - low) * positions) * count).astype(int), count - 1)
        costs.append(distances[np.arange(len(distances)), bucket].mean())
    low, high = LINES[int(np.argmin(costs))]
    return low + (high - low) * positions


def in_height_bin(slice_height: Optional[Tensor], bucket: int, height_bins: int, count: int) -> Tensor:
    """Which of `count` images with `slice_height` (N,), or None, count for a bucket, bool (N,)."""
    if height_bins == 1 or slice_height is None:
        return torch.ones(count, dtype=torch.bool)
    return (slice_height * height_bins - (bucket + 0.5)).abs() <= 0.75
