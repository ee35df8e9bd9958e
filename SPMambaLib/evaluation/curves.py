"""Metrics of a ranking, from how many negatives and positives share each score.

Every function takes `negatives` and `positives`, (..., K) weights at the K distinct scores *in descending order of
score*, and works along the last axis; leading axes are resamples.  Equal scores are one step, so ties are judged as
Mann and Whitney do and no order of the images matters.  Where a class is missing the result is NaN.
"""
from __future__ import annotations

from typing import Tuple

import numpy as np


def grouped(scores: np.ndarray, abnormal: np.ndarray, weights: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(distinct scores descending (K,), negatives (..., K), positives (..., K)) of scored items.

    Args:
        scores: (N,).
        abnormal: (N,) bool.
        weights: (..., N), how often each item counts.
    """
    values, place = np.unique(-np.asarray(scores, dtype=np.float64), return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(values)))
    weights = np.asarray(weights, dtype=np.float64)
    negatives, positives = (np.add.reduceat((weights * keep)[..., order], starts, axis=-1)
                            for keep in (~np.asarray(abnormal, dtype=bool), np.asarray(abnormal, dtype=bool)))
    return -values, negatives, positives


def auroc(negatives: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Area under the ROC curve: share of (positive, negative) pairs ranked right, ties half (Hanley, McNeil 1982)."""
    below = negatives.sum(axis=-1, keepdims=True) - np.cumsum(negatives, axis=-1) + 0.5 * negatives
    return _divided((positives * below).sum(axis=-1), positives.sum(axis=-1) * negatives.sum(axis=-1))


def average_precision(negatives: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Mean precision at the positives, step-wise without interpolation (as scikit-learn's average_precision_score)."""
    hits = np.cumsum(positives, axis=-1)
    precision = _divided(hits, hits + np.cumsum(negatives, axis=-1), empty=0.0)
    value = _divided((precision * positives).sum(axis=-1), positives.sum(axis=-1))
    return np.where(negatives.sum(axis=-1) > 0, value, np.nan)


def best_f1(scores: np.ndarray, negatives: np.ndarray, positives: np.ndarray) -> Tuple[float, float]:
    """(highest F1 of all thresholds, that threshold): an oracle, chosen on the labels; F1 of pixels is Dice.

    `negatives` and `positives` are (K,) here.  Of several best thresholds the highest.
    """
    hits = np.cumsum(positives)
    f1 = _divided(2.0 * hits, hits + np.cumsum(negatives) + positives.sum())
    if not np.isfinite(f1).any():
        return float("nan"), float("nan")
    best = int(np.nanargmax(f1))
    return float(f1[best]), float(scores[best])


def roc_points(negatives: np.ndarray, positives: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """(false-positive rate, true-positive rate), each (K + 1,), from (0, 0) to (1, 1)."""
    rates = []
    for counts in (negatives, positives):
        rates.append(np.concatenate([[0.0], _divided(np.cumsum(counts), counts.sum())]))
    return rates[0], rates[1]


def precision_recall_points(negatives: np.ndarray, positives: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """(recall, precision), each (K,), by falling threshold."""
    hits = np.cumsum(positives)
    return _divided(hits, positives.sum()), _divided(hits, hits + np.cumsum(negatives), empty=1.0)


def _divided(top: np.ndarray, bottom: np.ndarray, empty: float = np.nan) -> np.ndarray:
    """top / bottom, `empty` where there is nothing to divide by."""
    top, bottom = np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64)
    shape = np.broadcast_shapes(top.shape, bottom.shape)
    return np.divide(top, bottom, out=np.full(shape, empty), where=np.broadcast_to(bottom > 0, shape))
