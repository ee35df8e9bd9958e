"""Pictures of the worst mistakes, collected while the images pass by."""
from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import List, Optional

import numpy as np

from ..data.samples import Sample
from ..detection import Detection
from ..io.image import Image
from .rows import Row

COUNT = 6  # of each kind
SIDE = 300  # px, longer side of a tile


@dataclass(frozen=True)
class Exhibit:
    """One picture: `png` as a data URL, and what to write below."""

    row: Row
    png: str


class Gallery:
    """Keeps the `COUNT` misses of lowest score and the false alarms of highest score at an operating point.

    Attributes:
        misses: abnormal images without a finding or a scan verdict, the least unusual first.
        alarms: normal images with one of them, the most unusual first.
        missed, alarmed: how many there were in all.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.misses: List[Exhibit] = []
        self.alarms: List[Exhibit] = []
        self.missed = self.alarmed = 0

    def __call__(self, sample: Sample, image: Image, detection: Detection, mask: Optional[np.ndarray],
                 rows: List[Row]) -> None:
        """As `evaluate.Watcher`."""
        for row in rows:
            if row.alarmed(self.rate) == row.abnormal or not np.isfinite(row.score):
                continue
            self.missed += row.abnormal
            self.alarmed += not row.abnormal
            shelf, sign = (self.misses, 1.0) if row.abnormal else (self.alarms, -1.0)
            if len(shelf) == COUNT and sign * row.score >= sign * shelf[-1].row.score:
                continue
            shelf.append(Exhibit(row, picture(image, detection, mask, row)))
            shelf.sort(key=lambda exhibit: (sign * exhibit.row.score, exhibit.row.name))
            del shelf[COUNT:]


def picture(image: Image, detection: Detection, mask: Optional[np.ndarray], row: Row) -> str:
    """Data URL of a PNG: the slice of `row` with the truth, and with the map and findings."""
    from ..output.overview import draw_slice

    index = row.name.rsplit("#", 1)[-1]
    if index.isdigit() and "#" in row.name:
        number = int(index)
    else:
        number = max((s for s in detection.slices if s.analysed), key=lambda s: s.score).index
    stream = io.BytesIO()
    draw_slice(image.voxels, detection, number, truth=mask, side=SIDE).save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
