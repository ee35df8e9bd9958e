"""Reading a result: walk from finding to finding and slice to slice, move the operating point."""
from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence, Tuple

import numpy as np
import qt
import slicer
import vtk

from SPMambaLib.scoring import findings as regions

from . import display, overlay, tables
from .facts import ijkToRas
from .result import Result
from .tables import Row

DEBOUNCE_MS = 150
PARALLEL = 0.9  # cosine above which a view counts as lying in the analysed plane


class Review:
    """The result being read, and where the reader stands in it.

    Args:
        onFindings: called after the findings have changed.

    Attributes:
        result: None while there is nothing to read.
        findings: rows of the findings table by rank.
        finding: index of the current finding, -1 before the first step.
    """

    def __init__(self, onFindings: Callable[[], None]) -> None:
        self.result: Optional[Result] = None
        self.findings: List[Row] = []
        self.finding = -1
        self._slices: List[Row] = []
        self._slice = -1
        self._onFindings = onFindings
        self._rate = 0.0
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE_MS)
        self._timer.timeout.connect(self.recompute)

    def open(self, result: Optional[Result]) -> None:
        self._timer.stop()
        self.result = result
        self._read()

    def _read(self) -> None:
        """Take findings and slices from the tables in the scene."""
        self.finding = self._slice = -1
        self.findings = tables.readFindings(self.result.get("findings")) if self.result else []
        rows = tables.readSlices(self.result.get("slices")) if self.result else []
        self._slices = sorted((row for row in rows if row["analysed"]), key=lambda row: -row["score"])
        self._onFindings()

    # -- operating point ----------------------------------------------------------------------------------------------

    def setRate(self, rate: float) -> None:
        """Move the operating point: the map follows at once, bands and findings a moment after the last move."""
        if self.result is None or not self.result.complete:
            return
        display.showThreshold(self.result, self.result.calibration.threshold(rate))
        self._rate = rate
        self._timer.start()

    def recompute(self) -> None:
        """Bands, findings and segments at the operating point last set, from the map in the scene."""
        self._timer.stop()
        result = self.result
        if result is None or not result.complete or self._rate == result.summary["false_positive_rate"]:
            return
        calibration = result.calibration
        threshold = calibration.threshold(self._rate)
        values = slicer.util.arrayFromVolume(result.map)
        slicer.util.arrayFromVolume(result.severity)[:] = calibration.severity(values, threshold)
        slicer.util.arrayFromVolumeModified(result.severity)
        labels, found = regions.find(values, ijkToRas(result.map), threshold, calibration=calibration,
                                     slice_axis=int(result.summary["slice_axis"]))
        overlay.fillSegmentation(result, labels, found)
        tables.writeFindings(result.get("findings"), found)
        result.setOperatingPoint(self._rate, threshold)
        self._read()

    # -- navigation ---------------------------------------------------------------------------------------------------

    def showFinding(self, index: int) -> None:
        """Center all slice views on the highest point of a finding; zoom and layout stay."""
        if 0 <= index < len(self.findings):
            self.finding = index
            point = self._world(self.findings[index])
            for sliceNode in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
                sliceNode.JumpSliceByCentering(*point)

    def stepFinding(self, step: int) -> None:
        """Next (+1) or previous (-1) finding, from the last around to the first."""
        if self.findings:
            start = self.finding if self.finding >= 0 else (-1 if step > 0 else 0)
            self.showFinding((start + step) % len(self.findings))

    def stepSlice(self, step: int) -> None:
        """Next lower (+1) or next higher (-1) slice by score, beginning with the highest.  Only views in the analysed
        plane move; without one, all do."""
        if not self._slices:
            return
        start = self._slice if self._slice >= 0 else (-1 if step > 0 else 0)
        self._slice = (start + step) % len(self._slices)
        point = self._world(self._slices[self._slice])
        views = slicer.util.getNodesByClass("vtkMRMLSliceNode")
        normal = self._normal()
        parallel = [view for view in views if abs(np.dot(_viewNormal(view), normal)) > PARALLEL]
        for sliceNode in parallel or views:
            sliceNode.JumpSliceByOffsetting(*point)

    @property
    def slicePosition(self) -> Optional[Tuple[int, int, Row]]:
        """Place in the order of scores (from 1), number of slices, and the slice; None before the first step."""
        return (self._slice + 1, len(self._slices), self._slices[self._slice]) if self._slice >= 0 else None

    def _world(self, row: Row) -> Sequence[float]:
        """RAS of a row in the world: its parent transform applied."""
        point = [0.0, 0.0, 0.0]
        self._toWorld().TransformPoint((row["right"], row["anterior"], row["superior"]), point)
        return point

    def _normal(self) -> np.ndarray:
        """Unit vector in the world along which the analysed slices are stacked."""
        axis = 2 - int(self.result.summary["slice_axis"])  # array axes are (K, J, I), matrix columns (I, J, K)
        direction = [0.0, 0.0, 0.0]
        matrix = ijkToRas(self.result.map)
        others = [matrix[:3, column] for column in range(3) if column != axis]
        self._toWorld().TransformVectorAtPoint((0.0, 0.0, 0.0), np.cross(*others).tolist(), direction)
        return np.asarray(direction) / np.linalg.norm(direction)

    def _toWorld(self) -> Any:
        transform = vtk.vtkGeneralTransform()
        slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(self.result.map.GetParentTransformNode(), None, transform)
        return transform


def _viewNormal(sliceNode: Any) -> np.ndarray:
    matrix = slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())
    return np.asarray(matrix)[:3, 2]
