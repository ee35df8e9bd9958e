"""What is collected image by image, and how one detection becomes rows and counts."""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..data.samples import Sample
from ..detection import Detection
from ..input_check.record import STATES
from ..io.image import Image
from ..scoring import findings
from ..scoring.calibration import Calibration
from .aupro import label_regions
from .froc import FrocView
from .pixel_metrics import PixelView
from .rows import Row


@dataclass
class Tally:
    """Everything that the result is made of.

    Attributes:
        slices, wholes: rows with volumes as their slices, and as one.
        by_slice: every abnormal volume says where, so that its slices can be judged.
        masks: some lesion was given pixel by pixel.
        found: lesions, those that a finding touches, findings that touch no lesion; at the default operating point.
        input_check: number of files in each state of the input check; of a model without one, none in any.
        errors: {"name", "code", "message"} of what could not be judged.
    """

    pixels: PixelView
    froc: FrocView = field(default_factory=FrocView)
    slices: List[Row] = field(default_factory=list)
    wholes: List[Row] = field(default_factory=list)
    by_slice: bool = True
    masks: bool = False
    input_check: Dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    files: int = 0
    found: np.ndarray = field(default_factory=lambda: np.zeros(3))
    errors: List[Dict[str, str]] = field(default_factory=list)

    def add(self, sample: Sample, image: Image, detection: Detection, mask: Optional[np.ndarray], slices: List[Row],
            whole: List[Row]) -> None:
        """One judged image; `mask` is None where the truth is not known pixel by pixel."""
        if mask is not None:
            self.pixels.add(detection.map, mask, sample.patient, detection.labels > 0)
            self.froc.add(detection.map, mask, image.spacing[::-1])
            self.found += lesions_found(detection.labels, mask)
            self.masks |= bool(mask.any())
        else:
            self.by_slice &= detection.map.shape[detection.slice_axis] == 1
        self.files += 1
        self.slices += slices
        self.wholes += whole
        if detection.input_check is not None:
            self.input_check[detection.input_check.state] += 1

    @property
    def rows(self) -> List[Row]:
        """What counts as an image."""
        return self.slices if self.by_slice else self.wholes


def rows_of(sample: Sample, detection: Detection, mask: Optional[np.ndarray],
            rates: Sequence[float]) -> Tuple[List[Row], List[Row]]:
    """(rows of the slices, the row of the whole) of one image at each operating point; a single picture is the same in
    both."""
    axis = detection.slice_axis
    others = tuple(n for n in range(3) if n != axis)
    calibration, slices_with_finding = Calibration.from_dict(detection.calibration), {}
    for rate in rates:
        threshold = calibration.threshold(calibration.known(rate))
        labels, _ = findings.find(detection.map, detection.ijk_to_ras, threshold, calibration=calibration,
                                  slice_axis=axis)
        slices_with_finding[rate] = np.asarray(labels.any(axis=others))
    name = sample.name or sample.path.name
    flagged = {rate: bool(slices.any()) for rate, slices in slices_with_finding.items()}
    components = dict(detection.components, peak=float(detection.map.max()))
    verdict = detection.scan_verdict
    unusual = {} if verdict is None else {rate: verdict.at(rate).unusual for rate in rates}
    whole = Row(name, sample.patient, sample.abnormal, detection.score, sample.slice_height, components, flagged,
                unusual)
    if detection.map.shape[axis] == 1:
        return [whole], [whole]
    abnormal = np.zeros(detection.map.shape[axis], dtype=bool) if mask is None else np.asarray(mask.any(axis=others))
    analysed = [s.index for s in detection.slices if s.analysed]  # in the order of their height
    heights = dict(zip(analysed, np.linspace(0.0, 1.0, max(len(analysed), 2))))
    rows = []
    for score in detection.slices:
        if not score.analysed and not abnormal[score.index]:
            continue
        values = dict(score.components, peak=score.peak) if score.analysed else {}
        rows.append(Row("{}#{}".format(name, score.index), sample.patient, bool(abnormal[score.index]),
                        score.score if score.analysed else math.nan,
                        None if not score.analysed else float(heights[score.index]), values,
                        {rate: bool(slices[score.index]) for rate, slices in slices_with_finding.items()}))
    return rows, [whole]


def lesions_found(labels: np.ndarray, mask: np.ndarray) -> Tuple[int, int, int]:
    """(lesions, lesions that a finding touches, findings that touch no lesion) of one image at its operating point."""
    lesions = label_regions(mask) if mask.any() else np.zeros(mask.shape, dtype=np.int32)
    touched = np.unique(lesions[(labels > 0) & mask])
    true = np.unique(labels[(labels > 0) & mask])
    return int(lesions.max()), len(touched), int(labels.max()) - len(true)
