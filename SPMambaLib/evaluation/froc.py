"""Lesion-wise FROC: which share of the lesions is pointed at, for how many false marks per image.

Marks are the peaks of the anomaly map, as in the CAMELYON16 challenge (Ehteshami Bejnordi et al. 2017, JAMA 318:2199):
a pixel that is the highest within `RADIUS_MM` and above 0, the average of normal scans, is a mark of that value.  A
lesion (connected by edges and corners) is found at a threshold when a mark of at least that value lies inside of it;
a mark outside of all lesions is a false positive.  Peaks, unlike regions, do not grow together when the threshold
falls.  Without known spacing mm means pixels.
"""
from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from .aupro import label_regions

RADIUS_MM = 5.0
RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # false positives per image
CURVE_POINTS = 64


def peaks(anomaly_map: np.ndarray, spacing: Sequence[float]) -> Tuple[np.ndarray, np.ndarray]:
    """(values (n,), indices into the flat map (n,)) of the marks of one map (K, J, I).

    `spacing` is that of (k, j, i) in mm.  Of equal neighbours the first counts.
    """
    highest = anomaly_map
    for axis, (step, size) in enumerate(zip(spacing, anomaly_map.shape)):
        if size > 1:
            highest = running_maximum(highest, axis, min(max(1, round(RADIUS_MM / step)), size - 1))
    candidates = (anomaly_map >= highest) & (anomaly_map > 0)
    labels = label_regions(candidates).ravel()
    inside = np.flatnonzero(labels)
    _, first = np.unique(labels[inside], return_index=True)
    places = inside[first]
    return anomaly_map.ravel()[places], places


def running_maximum(array: np.ndarray, axis: int, radius: int) -> np.ndarray:
    """The highest of the 2 radius + 1 neighbours along an axis, cut at the ends."""
    wide = np.moveaxis(array, axis, 0)
    out = wide.copy()
    for shift in range(1, radius + 1):
        np.maximum(out[shift:], wide[:-shift], out=out[shift:])
        np.maximum(out[:-shift], wide[shift:], out=out[:-shift])
    return np.moveaxis(out, 0, axis)


class FrocView:
    """Add maps with their masks, then ask for `result`."""

    def __init__(self) -> None:
        self.images = 0
        self._lesions: List[float] = []  # value of the highest mark inside, -inf without one
        self._false: List[np.ndarray] = []

    def add(self, anomaly_map: np.ndarray, mask: np.ndarray, spacing: Sequence[float]) -> None:
        """Map (K, J, I), bool mask of that shape, spacing of (k, j, i) in mm."""
        values, places = peaks(anomaly_map, spacing)
        self.images += 1
        if not mask.any():
            self._false.append(values)
            return
        lesions = label_regions(mask)
        owner = lesions.ravel()[places]
        self._false.append(values[owner == 0])
        best = np.full(int(lesions.max()) + 1, -np.inf)
        np.maximum.at(best, owner, values)
        self._lesions += best[1:].tolist()

    def result(self) -> Dict[str, Any]:
        """Sensitivity at each of `RATES`, their mean, and the curve."""
        lesions, false = np.array(self._lesions), np.sort(np.concatenate([np.zeros(0), *self._false]))[::-1]
        sensitivity = [self._sensitivity(lesions, false, rate) for rate in RATES]
        most = max(min(len(false) / max(self.images, 1), RATES[-1]), RATES[0])
        steps = np.geomspace(RATES[0] / 8, most, CURVE_POINTS)
        return {"sensitivity": {"{:g}".format(rate): value for rate, value in zip(RATES, sensitivity)},
                "mean": float(np.mean(sensitivity)) if len(lesions) else float("nan"),
                "lesions": len(lesions), "images": self.images, "marks_outside_lesions": len(false),
                "curve": {"false_positives_per_image": steps.tolist(),
                          "sensitivity": [self._sensitivity(lesions, false, step) for step in steps]}}

    def _sensitivity(self, lesions: np.ndarray, false: np.ndarray, rate: float) -> float:
        """At the lowest threshold that leaves at most `rate` false marks per image."""
        if not len(lesions):
            return float("nan")
        allowed = int(np.floor(rate * self.images + 1e-9))
        limit = false[allowed] if allowed < len(false) else -np.inf
        return float(np.mean(lesions > limit))
