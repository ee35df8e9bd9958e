"""What is kept of each judged image: a picture, a slice of a volume, or a whole volume."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence

import numpy as np


@dataclass(frozen=True)
class Row:
    """One judged image.

    Attributes:
        name: as the data set calls it, with ``#index`` for a slice of a volume.
        height: relative height in [0, 1] when it is a slice, else None.
        score: image score in normal spreads; NaN for a slice that the detector did not analyse (see `scores_of`).
        components: scores by component, and "peak", the highest map value.
        flagged: for each operating point whether it shows a finding.
        unusual: for each operating point whether it is unusual as a whole; empty where there is no scan verdict.
    """

    name: str
    patient: str
    abnormal: bool
    score: float
    slice_height: Optional[float] = None
    components: Dict[str, float] = field(default_factory=dict)
    flagged: Dict[float, bool] = field(default_factory=dict)
    unusual: Dict[float, bool] = field(default_factory=dict)

    def alarmed(self, rate: float) -> bool:
        """Whether it shows a finding or is unusual as a whole."""
        return self.flagged.get(rate, False) or self.unusual.get(rate, False)


def abnormal_of(rows: Sequence[Row]) -> np.ndarray:
    return np.array([row.abnormal for row in rows], dtype=bool)


def patients_of(rows: Sequence[Row]) -> List[str]:
    return [row.patient for row in rows]


def scores_of(rows: Sequence[Row]) -> np.ndarray:
    """Scores (N,); a lesion in a slice that was not analysed is missed, so such slices rank below all others."""
    scores = np.array([row.score for row in rows], dtype=np.float64)
    known = scores[np.isfinite(scores)]
    return np.where(np.isfinite(scores), scores, (known.min() if len(known) else 0.0) - 1.0)
