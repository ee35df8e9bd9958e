"""Reading a result: walk from finding to finding and slice to slice, move the operating point."""
from __future__ import annotations

import time
from typing import Any, Callable, List, Optional, Sequence, Tuple

import qt
import slicer

from SPMambaLib.scoring import findings as regions

from . import overlay, tables
from .bands import LiveBands
from .facts import ijkToRas
from .planes import AnalysedPlane
from .result import Result
from .seen import SeenSlices
from .tables import Row

DEBOUNCE_MS = 100
LONGEST_WAIT_S = 0.3  # while the slider keeps moving, the findings are at most this old
DECISIONS = ("accepted", "rejected", "unsure")


class Review:
    """The result being read, and where the reader stands in it.

    Args:
        onFindings: called after the findings have changed.
        onSlices: called after the slices seen, the current slice or the operating point have changed.

    Attributes:
        result: None while there is nothing to read.
        findings: rows of the findings table by rank.
        finding: index of the current finding, -1 before the first step.
        threshold: map value of the operating point shown.
        seen: slices that the reader has looked at.
    """

    def __init__(self, onFindings: Callable[[], None], onSlices: Callable[[], None]) -> None:
        self.result: Optional[Result] = None
        self.findings: List[Row] = []
        self.finding = -1
        self._slices: List[Row] = []
        self._slice = -1
        self.threshold = 0.0
        self.seen = SeenSlices(onSlices)
        self._onFindings = onFindings
        self._onSlices = onSlices
        self._rate = 0.0
        self._bands: Optional[LiveBands] = None
        self._found: Optional[Tuple[Any, Any]] = None  # label array and findings that have no segments yet
        self._computed = 0.0
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE_MS)
        self._timer.timeout.connect(self.recompute)

    def open(self, result: Optional[Result]) -> None:
        self._timer.stop()
        self.result = result
        self._bands = self._found = None
        self._rate = float(result.summary["false_positive_rate"]) if result else 0.0
        self.threshold = float(result.summary["threshold"]) if result else 0.0
        self._read()
        self.seen.open(result)
        self._onSlices()

    def _read(self) -> None:
        """Take findings and slices from the tables in the scene."""
        self.finding = self._slice = -1
        self.findings = tables.readFindings(self.result.get("findings")) if self.result else []
        rows = tables.readSlices(self.result.get("slices")) if self.result else []
        self._slices = sorted((row for row in rows if row["analysed"]), key=lambda row: -row["score"])
        self._onFindings()

    # -- operating point ----------------------------------------------------------------------------------------------

    def setRate(self, rate: float) -> None:
        """Move the operating point: bands follow at once, findings while the slider moves, segments when it rests."""
        result = self.result
        if result is None or not result.complete:
            return
        self._rate = rate
        self.threshold = result.calibration.threshold(rate)
        if self._bands is None or not self._bands.fits(result):
            self._bands = LiveBands(result)
        self._bands.show(self.threshold)
        self._onSlices()
        if not self._timer.isActive():
            self._computed = time.monotonic()
        self._timer.start()
        if time.monotonic() - self._computed >= LONGEST_WAIT_S:
            self._find()

    def recompute(self) -> None:
        """Findings and segments at the operating point last set, from the map in the scene."""
        self._timer.stop()
        result = self.result
        if result is None or not result.complete:
            return
        if self._rate != result.summary["false_positive_rate"]:
            self._find()
        if self._found is not None:
            overlay.fillSegmentation(result, *self._found)
            self._found = None

    def _find(self) -> None:
        """The cheap half: findings without segments."""
        result = self.result
        calibration = result.calibration
        threshold = calibration.threshold(self._rate)
        labels, found = regions.find(slicer.util.arrayFromVolume(result.map), ijkToRas(result.map), threshold,
                                     calibration=calibration, slice_axis=int(result.summary["slice_axis"]))
        tables.writeFindings(result.get("findings"), found)
        result.setOperatingPoint(self._rate, threshold)
        self._found = (labels, found)
        self._computed = time.monotonic()
        self._read()

    def decide(self, decision: str) -> None:
        """Set the decision of the current finding, one of `DECISIONS`, in the table of findings."""
        if decision not in DECISIONS:
            raise ValueError("unknown decision {!r}".format(decision))
        if 0 <= self.finding < len(self.findings):
            self.findings[self.finding]["decision"] = decision
            tables.writeDecisions(self.result.get("findings"), self.findings)
            self._onFindings()

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
        """Next lower (+1) or next higher (-1) slice by score, beginning with the highest."""
        if not self._slices:
            return
        start = self._slice if self._slice >= 0 else (-1 if step > 0 else 0)
        self._slice = (start + step) % len(self._slices)
        self.showSlice(self._slices[self._slice])

    def stepUnseen(self, step: int) -> None:
        """Nearest slice above (+1) or below (-1) the current one that has a mark and was not seen yet; then from the
        other end."""
        rows = sorted(self.unseenHot, key=lambda row: step * row["slice"])
        current = self.seen.current if self.seen.current is not None else -1
        if rows:
            self.showSlice(next((row for row in rows if step * (row["slice"] - current) > 0), rows[0]))

    @property
    def unseenHot(self) -> List[Row]:
        """Slices with a mark at this operating point that no view has shown yet."""
        return [row for row in self._slices if row["peak"] >= self.threshold and row["slice"] not in self.seen]

    @property
    def slices(self) -> List[Row]:
        """Analysed slices by descending score."""
        return self._slices

    def showSlice(self, row: Row) -> None:
        """Jump to a slice.  Only views in the analysed plane move; without one, all do."""
        plane = AnalysedPlane(self.result)
        point = self._world(row)
        views = slicer.util.getNodesByClass("vtkMRMLSliceNode")
        for sliceNode in [view for view in views if plane.isShownBy(view)] or views:
            sliceNode.JumpSliceByOffsetting(*point)

    @property
    def slicePosition(self) -> Optional[Tuple[int, int, Row]]:
        """Place in the order of scores (from 1), number of slices, and the slice; None before the first step."""
        return (self._slice + 1, len(self._slices), self._slices[self._slice]) if self._slice >= 0 else None

    def _world(self, row: Row) -> Sequence[float]:
        """RAS of a row in the world: its parent transform applied."""
        return AnalysedPlane(self.result).world((row["right"], row["anterior"], row["superior"]))
