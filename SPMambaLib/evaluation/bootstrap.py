"""95 % intervals by resampling patients, not images: slices of one patient are not independent.

Percentile intervals (Efron, Tibshirani 1993, chapter 13) over `RESAMPLES` draws with replacement from a fixed seed.  A
draw in which a class is missing gives no value and is left out.
"""
from __future__ import annotations

from typing import Callable, List, Optional, Sequence

import numpy as np

RESAMPLES, SEED, CONFIDENCE = 1000, 20260101, 0.95
PART = 50  # resamples at once: bounds the memory


def patient_weights(patients: Sequence[str], resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """(resamples, P) how often each of the distinct, sorted patients is drawn; each row sums to P."""
    count = len(set(patients))
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), size=resamples)


def patient_index(patients: Sequence[str]) -> np.ndarray:
    """(N,) place of each item's patient among the distinct, sorted patients."""
    return np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1]


def interval(metric: Callable[[np.ndarray], np.ndarray], weights: np.ndarray,
             confidence: float = CONFIDENCE) -> Optional[List[float]]:
    """[low, high] of `metric`, which takes weights of patients (n, P) and gives one value per row.

    None where no value is finite, or with a single patient, who cannot vary.
    """
    if weights.shape[1] < 2:
        return None
    values = np.concatenate([metric(weights[start:start + PART]) for start in range(0, len(weights), PART)])
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return [float(low), float(high)]
