"""Have the prototypes collapsed?  Then one vector speaks for all normal images, and the others are never asked.

Prototypes that are only pulled towards the features (as the paper does) end in one of two ways: all at the same place,
or one that wins every image and others that stay where they began.  Both show in one number, `prototype_spread`: how
far apart the prototypes are that explain two random normal images, relative to how far apart the images are.
"""
from __future__ import annotations

from typing import Optional, Tuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import TrainingError
from ..model.feature_space import CELLS, FeatureSpace

COLLAPSED = 0.05
"""Below this spread prototypes are refused; k-means reaches .3 and more, prototypes that were only pulled about 0."""


@torch.no_grad()
def prototype_spread(vectors: Tensor, features: Tensor, slice_height: Optional[Tensor] = None,
                     space: Optional[FeatureSpace] = None) -> float:
    """Mean cosine distance between the nearest prototypes of two random normals, over that between the normals.

    About 0 when one prototype wins every image of its cell, near 1 when every image has a prototype of its own.  Each
    cell is judged by its own features (no window), each height by the images that `fit_prototypes` gives to it.

    Args:
        vectors: prototypes (height_bins, cells, k, C).
        features: of normal images, (N, C, grid, grid).
        height: (N,) in [0, 1]; None counts every image for every height.
        space: where they are compared (`Prototypes.space`); None as they are.

    Returns:
        The spread; 1.0 when it has no meaning: a single prototype per cell, or features that do not differ.
    """
    height_bins, space = len(vectors), space or FeatureSpace("plain", features.shape[1])
    apart, wanted = 0.0, 0.0
    for bucket in range(height_bins):
        rows = features
        if height_bins > 1 and slice_height is not None:
            rows = features[(slice_height * height_bins - (bucket + 0.5)).abs() <= 0.75]
        found, expected = _distances_of_pairs(vectors[bucket], rows, space)
        apart, wanted = apart + found, wanted + expected
    if vectors.shape[2] == 1 or wanted < 1e-6:
        return 1.0
    return apart / wanted


def _distances_of_pairs(vectors: Tensor, features: Tensor, space: FeatureSpace) -> Tuple[float, float]:
    """Mean distance of a pair of images, summed over the cells: between their nearest prototypes, and between them."""
    found, expected = 0.0, 0.0
    for start in range(0, len(vectors), CELLS):
        cells = slice(start, start + CELLS)
        x = F.normalize(space.at(features, cells).to(vectors.device), dim=-1)  # (cells, n, C)
        directions = F.normalize(vectors[cells].float(), dim=-1)
        nearest = torch.bmm(x, directions.transpose(1, 2)).argmax(dim=2)
        found += _mean_distance(directions.gather(1, nearest[:, :, None].expand_as(x)))
        expected += _mean_distance(x)
    return found, expected


def _mean_distance(unit: Tensor) -> float:
    """Mean of 1 - a.b over all pairs of unit vectors (cells, n, C), which is 1 - |mean|^2; summed over the cells."""
    return float((1.0 - unit.double().mean(dim=1).square().sum(dim=-1)).clamp(min=0.0).sum())


def require_spread(spread: float) -> float:
    """The spread, if the prototypes have not collapsed.

    Raises:
        TrainingError: they have (code ``prototypes-collapsed``).
    """
    if not spread >= COLLAPSED:
        raise TrainingError(
            "The prototypes have collapsed: they hold {:.1%} of the variety of the normal images, too little to tell "
            "anything from them.".format(spread), code="prototypes-collapsed")
    return spread
