"""Is the pixel part of a lesion?  Metrics of the anomaly map against masks, image after image in bounded memory.

Pixels of normal images count as negatives; an abnormal image without a mask tells nothing and is left out.  All pixels
are used, in the image's own resolution, also those outside of the anatomy, whose map value is 0.
"""
from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from .aupro import FPR_LIMIT, aupro, label_regions, region_weights
from .bootstrap import interval
from .curves import auroc, average_precision, best_f1
from .ranking import Ranking

COLUMNS = ("negatives", "positives", "overlaps")
INTERVAL_BITS = 16  # of a map value: 1 in 128, for the intervals only


class PixelView:
    """Add maps with their masks, then ask for `metrics`.

    Attributes:
        regions: lesions seen, connected by edges and corners.
        images: maps seen.
    """

    def __init__(self, by_patient: bool = True) -> None:
        self.ranking = Ranking(COLUMNS)
        self.regions = self.images = 0
        self._by_patient = by_patient
        self._patients: Dict[str, Ranking] = {}
        self._highlighted = np.zeros(2)  # pixels common to findings and lesions, sum of both sizes

    def add(
        self, anomaly_map: np.ndarray, mask: np.ndarray, patient: str, highlighted: Optional[np.ndarray] = None
    ) -> None:
        """Map, bool mask and, where `dice` is asked for, the bool pixels of findings, of one shape (2D or 3D)."""
        weights, count = region_weights(label_regions(mask)) if mask.any() else (np.zeros(mask.shape), 0)
        self.ranking.add(anomaly_map, negatives=~mask, positives=mask, overlaps=weights)
        self.regions += count
        self.images += 1
        if highlighted is not None:
            self._highlighted += (
                np.count_nonzero(highlighted & mask),
                np.count_nonzero(highlighted) + np.count_nonzero(mask),
            )
        if self._by_patient:
            own = self._patients.setdefault(patient, Ranking(COLUMNS[:2], capacity=1 << 16, bits=INTERVAL_BITS))
            own.add(anomaly_map, negatives=~mask, positives=mask)

    def dice(self) -> float:
        """2 |A and B| / (|A| + |B|) of highlighted and lesion pixels, pooled over all images."""
        common, sizes = self._highlighted
        return float(2.0 * common / sizes) if sizes else float("nan")

    def metrics(self) -> Dict[str, float]:
        """{"auroc", "ap", "best_dice" (an oracle: threshold chosen on these masks), "aupro"}."""
        values, counts = self.ranking.counts()
        negatives, positives = counts["negatives"], counts["positives"]
        return {"auroc": float(auroc(negatives, positives)), "ap": float(average_precision(negatives, positives)),
                "best_dice": best_f1(values, negatives, positives)[0],
                "aupro": aupro(negatives, counts["overlaps"])}

    def intervals(self, patients: Sequence[str], weights: np.ndarray) -> Dict[str, Any]:
        """Intervals of AUROC and AP; `patients` are the distinct ones behind the columns of `weights`, and those
        without a mask or a normal image have no pixels."""
        negatives, positives = self._patient_tables(patients)

        def auroc_of(drawn: np.ndarray) -> np.ndarray:
            return auroc(drawn @ negatives, drawn @ positives)

        def ap_of(drawn: np.ndarray) -> np.ndarray:
            return average_precision(drawn @ negatives, drawn @ positives)

        return {"auroc": interval(auroc_of, weights), "ap": interval(ap_of, weights)}

    def precision(self) -> Dict[str, Any]:
        """What the numbers rest on, for the reader."""
        return {"images": self.images, "pixels": self.ranking.total, "lesions": self.regions,
                "bits_of_map_value": self.ranking.bits, "bits_for_intervals": INTERVAL_BITS,
                "subsampling": "none", "aupro_fpr_limit": FPR_LIMIT}

    def _patient_tables(self, patients: Sequence[str]) -> Tuple[np.ndarray, np.ndarray]:
        """Counts of each patient over the union of their values, descending: two tables (P, K)."""
        known: List[Tuple[int, np.ndarray, Dict[str, np.ndarray]]] = [
            (row, *self._patients[patient].counts()) for row, patient in enumerate(patients)
            if patient in self._patients]
        values = np.unique(np.concatenate([-v for _, v, _ in known]))
        tables = np.zeros((2, len(patients), len(values)), dtype=np.float32)
        for row, own, counts in known:
            places = np.searchsorted(values, -own)
            for table, name in zip(tables, COLUMNS):
                table[row, places] = counts[name]
        return tables[0], tables[1]
