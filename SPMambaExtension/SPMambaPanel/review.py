"""Reading a result: walk from finding to finding and slice to slice, move the operating point."""
from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence, Tuple

import numpy as np
import qt
import slicer
import vtk

from SPMambaLib.scoring import findings as regions

from . import display, overlay, tables
from .decisions import Verdict
from .facts import ijkToRas
from .result import Result
from .settling import settle
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
        order: indices of the findings to walk, as the reader has sorted and filtered them; None means all by rank.
        onDecided: called with "decision" or "merge" and the rows that it is about.
    """

    def __init__(self, onFindings: Callable[[], None]) -> None:
        self.result: Optional[Result] = None
        self.findings: List[Row] = []
        self.finding = -1
        self.order: Optional[List[int]] = None
        self.onDecided: Callable[[str, List[Row]], None] = lambda event, rows: None
        self._slices: List[Row] = []
        self._slice = -1
        self._onFindings = onFindings
        self._rate = 0.0
        self._ijkToRas, self._axis = np.eye(4), 0
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
        if self.result:
            self._ijkToRas, self._axis = ijkToRas(self.result.map), int(self.result.summary["slice_axis"])
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
        self._find(self._rate)

    def _find(self, rate: float) -> None:
        """Bands, findings with what was decided, and segments at an operating point."""
        result = self.result
        calibration = result.calibration
        threshold = calibration.threshold(rate)
        values = slicer.util.arrayFromVolume(result.map)
        slicer.util.arrayFromVolume(result.severity)[:] = calibration.severity(values, threshold)
        slicer.util.arrayFromVolumeModified(result.severity)
        labels, found = regions.find(values, ijkToRas(result.map), threshold, calibration=calibration,
                                     slice_axis=int(result.summary["slice_axis"]))
        settled = settle(result.decisions, values, labels, found, ijkToRas=ijkToRas(result.map), threshold=threshold,
                         calibration=calibration)
        overlay.fillSegmentation(result, settled)
        tables.writeFindings(result.get("findings"), settled)
        result.setOperatingPoint(rate, threshold)
        self._read()

    # -- decisions ----------------------------------------------------------------------------------------------------

    def decide(self, decision: str, reason: str = "", note: Optional[str] = None) -> None:
        """Decide about the current finding: one of `decisions.DECISIONS`, or empty to take the decision back.

        Args:
            reason: of a rejection, one of `decisions.REASONS`.
            note: None keeps the one that is there.

        Raises:
            ValueError: unknown decision or reason.
        """
        row = self.current
        verdict = Verdict(decision, reason, _oneLine((row["note"] if row and note is None else note) or ""))
        if row is None or not self.result.complete:
            return
        places = tables.placesOf(row)
        if not places:  # of an older version, which did not say where its findings are
            self.refresh()
            row = self.current
            places = tables.placesOf(row) if row else []
        if not row or verdict == Verdict(row["decision"], row["reason"], row["note"]):
            return
        book = self.result.decisions
        book.add(places, verdict)
        self.result.decisions = book
        tables.writeVerdict(self.result.get("findings"), row, verdict)
        overlay.showDecision(self.result, row["rank"], row["band"], verdict.decision)
        self.onDecided("decision", [row])
        self._onFindings()

    def merge(self, indices: Sequence[int]) -> None:
        """Make one finding of several; the highest of them is the current one then."""
        rows = [self.findings[index] for index in sorted(indices)]
        if len(rows) < 2 or not self.result.complete:
            return
        book = self.result.decisions
        book.merge([place for row in rows for place in tables.placesOf(row)])
        self.result.decisions = book
        self.onDecided("merge", rows)
        self.refresh()
        peak = max(row["peak"] for row in rows)
        self.finding = next((n for n, row in enumerate(self.findings) if row["peak"] == peak), -1)
        self._onFindings()

    def refresh(self) -> None:
        """Findings anew at the operating point shown, from the map in the scene."""
        current = self.finding
        self._find(self.result.summary["false_positive_rate"])
        self.finding = current if current < len(self.findings) else -1

    @property
    def current(self) -> Optional[Row]:
        """Row of the current finding, or None."""
        return self.findings[self.finding] if 0 <= self.finding < len(self.findings) else None

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
        order = list(range(len(self.findings))) if self.order is None else self.order
        if order:
            start = order.index(self.finding) if self.finding in order else (-1 if step > 0 else 0)
            self.showFinding(order[(start + step) % len(order)])

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

    def sliceOf(self, row: Row) -> int:
        """Number of the slice that the peak of a finding lies in."""
        return _sliceNumber(row, self._ijkToRas, self._axis)

    def sideOf(self, row: Row) -> int:
        """1 if a finding lies in the right half of the volume (of the patient, as the file has it), -1 in the left."""
        middle = self._ijkToRas @ [*((n - 1) / 2 for n in self.result.map.GetImageData().GetDimensions()), 1.0]
        return 1 if row["right"] >= middle[0] else -1

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


def _oneLine(note: str) -> str:
    """Table files keep neither line breaks nor straight double quotes."""
    return " ".join(note.split()).replace('"', "\u201d")


def sliceOf(result: Result, row: Row) -> int:
    """Number of the slice that the peak of a finding lies in."""
    return _sliceNumber(row, ijkToRas(result.map), int(result.summary["slice_axis"]))


def _sliceNumber(row: Row, matrix: np.ndarray, axis: int) -> int:
    place = np.linalg.solve(matrix, [row["right"], row["anterior"], row["superior"], 1.0])
    return int(round(float(place[2 - axis])))
