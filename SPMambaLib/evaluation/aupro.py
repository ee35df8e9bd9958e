"""Area under the per-region overlap curve (Bergmann et al. 2020, arXiv 1911.02357; "AUPRO").

At a threshold t, the overlap of a lesion is the share of its pixels with map values >= t, and PRO(t) is the mean
overlap of all lesions, so that a small lesion counts as much as a large one.  The curve PRO over the false-positive
rate of the pixels outside of all lesions is integrated up to `FPR_LIMIT` and divided by it.  Lesions are connected by
edges and corners.

PRO is the true-positive rate of a ranking in which each lesion pixel weighs 1 / (size of its lesion): with the counts
per distinct value (`ranking`) every threshold that the maps allow is used, and equal values are one step, joined by a
straight line.
"""
from __future__ import annotations

from typing import Tuple

import numpy as np

FPR_LIMIT = 0.3


def label_regions(mask: np.ndarray) -> np.ndarray:
    """int32 labels 1, 2, ... of the connected regions (by faces, edges and corners) of a 2D or 3D mask."""
    import SimpleITK as sitk

    labelled = sitk.ConnectedComponent(sitk.GetImageFromArray(np.ascontiguousarray(mask, dtype=np.uint8)), True)
    return sitk.GetArrayFromImage(labelled).astype(np.int32)


def region_weights(labels: np.ndarray) -> Tuple[np.ndarray, int]:
    """(weights that sum to 1 within each labelled region and are 0 outside, number of regions)."""
    sizes = np.bincount(labels.ravel())
    shares = np.zeros(len(sizes))
    shares[1:] = 1.0 / np.maximum(sizes[1:], 1)
    return shares[labels], int(np.count_nonzero(sizes[1:]))


def aupro(negatives: np.ndarray, overlaps: np.ndarray, limit: float = FPR_LIMIT) -> float:
    """Normalised area in [0, 1]; NaN without negatives or without lesions.

    Args:
        negatives: (K,) pixels outside of all lesions at each distinct value, values in descending order.
        overlaps: (K,) sum of `region_weights` at each value.
        limit: false-positive rate up to which the curve is integrated, in (0, 1].
    """
    if negatives.sum() <= 0 or overlaps.sum() <= 0:
        return float("nan")
    rates = np.concatenate([[0.0], np.cumsum(negatives) / negatives.sum()])
    pro = np.concatenate([[0.0], np.cumsum(overlaps) / overlaps.sum()])
    inside = rates <= limit
    at_limit = float(np.interp(limit, rates, pro))
    x = np.append(rates[inside], limit)
    y = np.append(pro[inside], at_limit if x[-2] < limit else pro[inside][-1])
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2.0))
    return min(max(area / limit, 0.0), 1.0)
