"""Reading a result: walk from finding to finding and slice to slice, move the operating point."""
from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import qt
import slicer

from ..model.applydecisions import Settled
from ..model.decisions import Verdict, oneLine
from ..scene import overlay, rejectedlayer, tables
from ..scene.findagain import findAgain
from ..scene.planes import AnalysedPlane, sliceNumber
from ..scene.result import Result
from ..scene.tables import Row, ijkOf, rasOf
from ..scene.volumeinfo import ijkToRas
from .history import DecisionHistory
from .livebands import LiveBands
from .seenslices import SeenSlices

DEBOUNCE_MS = 100
LONGEST_WAIT_S = 0.3  # while the slider keeps moving, the findings are at most this old


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
        order: indices of the findings to walk, as the reader has sorted and filtered them; None means all by rank.
        blocked: nothing may be decided now: what is read is not what is seen.
        onDecided: called with "decision" or "merge" and the rows that it is about.
        onSegments: called once the segments were made anew.
        onMoved: called once the operating point rests and other findings are there, with what there was before.
    """

    def __init__(self, onFindings: Callable[[], None], onSlices: Callable[[], None]) -> None:
        self.result: Optional[Result] = None
        self.findings: List[Row] = []
        self.finding = -1
        self.order: Optional[List[int]] = None
        self.onDecided: Callable[[str, List[Row]], None] = lambda event, rows: None
        self.onMoved: Callable[[Dict[str, Any]], None] = lambda before: None
        self.onSegments: Callable[[], None] = lambda: None
        self._slices: List[Row] = []
        self._slice = -1
        self._left: Dict[str, int] = {}  # finding by the ID of the result's node
        self.history = DecisionHistory()
        self.blocked = False
        self.threshold = 0.0
        self._before: Tuple[float, float, List[str]] = (0.0, 0.0, [])  # rate, threshold and findings that were told
        self.seen = SeenSlices(onSlices)
        self._onFindings = onFindings
        self._onSlices = onSlices
        self._rate = 0.0
        self._bands: Optional[LiveBands] = None
        self._found: Optional[Settled] = None  # findings that have no segments yet
        self._computed = 0.0
        self._ijkToRas, self._axis = np.eye(4), 0
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE_MS)
        self._timer.timeout.connect(self.recompute)

    def open(self, result: Optional[Result]) -> None:
        """Read a result from now on, from the finding at which it was left; None is the end of reading.  What the
        former one waits for is done first."""
        if self._timer.isActive():
            self.recompute()
        if self.result is not None:
            self._left[self.result.node.GetID()] = self.finding
        self.result = result
        self._bands = self._found = None
        self._rate = float(result.summary["false_positive_rate"]) if result else 0.0
        self.threshold = float(result.summary["threshold"]) if result else 0.0
        self._read(self._left.get(result.node.GetID(), -1) if result else -1)
        self._before = self._point()
        if result is not None and result.complete:
            rejectedlayer.paint(result, self.findings, self.threshold)
        self.seen.open(result)
        self._onSlices()

    def forget(self) -> None:
        """Where the results of this scene were left."""
        self._left = {}
        self.history.forget()

    def reread(self) -> None:
        """The tables in the scene were written anew; the current finding stays."""
        self._read(self.finding)

    def _read(self, finding: int = -1) -> None:
        """Take findings and slices from the tables in the scene; `finding` is the current one then."""
        self.finding, self._slice = finding, -1
        if self.result:
            self._ijkToRas, self._axis = ijkToRas(self.result.map), int(self.result.summary["slice_axis"])
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
        rejectedlayer.paint(result, self.findings, self.threshold)
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
            overlay.fillSegmentation(result, self._found)
            self._found = None
            self.onSegments()
        rate, threshold, findings = self._before
        self._before = self._point()
        if rate != self._before[0] and findings != self._before[2]:
            self.onMoved({"false_positive_rate": rate, "threshold": threshold, "findings": len(findings)})

    def _point(self) -> Tuple[float, float, List[str]]:
        return self._rate, self.threshold, [row["region"] for row in self.findings]

    def _find(self) -> None:
        """The cheap half: findings with what was decided, without segments.  The current finding stays the current one
        as long as its highest voxel is in a finding."""
        result, current = self.opened, self.current
        matrix = ijkToRas(result.map)
        self._found = findAgain(result, self._rate)
        self._computed = time.monotonic()
        self._read(self._found.at(ijkOf(current, matrix)) if current else -1)
        rejectedlayer.paint(result, self.findings, self.threshold)

    # -- decisions ----------------------------------------------------------------------------------------------------

    def decide(self, decision: str, reason: str = "", note: Optional[str] = None) -> None:
        """Decide about the current finding: one of `decisions.DECISIONS`, or empty to take the decision back.

        Args:
            reason: of a rejection, one of `decisions.REASONS`.
            note: None keeps the one that is there.

        Raises:
            ValueError: unknown decision or reason.
        """
        if self.blocked:
            return
        self.recompute()  # if the slider has just been moved; what is decided about must be there
        row = self.current
        verdict = Verdict(decision, reason, oneLine((row["note"] if row and note is None else note) or ""))
        result = self.result
        if row is None or result is None or not result.complete:
            return
        places = tables.placesOf(row)
        if not places:  # of an older version, which did not say where its findings are
            self.refresh()
            row = self.current
            places = tables.placesOf(row) if row else []
        if not row or verdict == Verdict(row["decision"], row["reason"], row["note"]):
            return
        book = result.decisions
        self.history.remember(result.node.GetID(), places, Verdict(row["decision"], row["reason"], row["note"]))
        book.add(places, verdict)
        result.decisions = book
        tables.writeVerdict(result.get("findings"), row, verdict)
        overlay.showDecision(result, row["rank"], row["band"], verdict.decision)
        rejectedlayer.paint(result, self.findings, self.threshold)
        self.onDecided("decision", [row])
        self._onFindings()

    def merge(self, indices: Sequence[int]) -> None:
        """Make one finding of several; the highest of them is the current one then."""
        if self.blocked:
            return
        rows = [self.findings[index] for index in sorted(indices) if index < len(self.findings)]
        result = self.result
        if len(rows) < 2 or result is None or not result.complete:
            return
        book = result.decisions
        book.merge([place for row in rows for place in tables.placesOf(row)])
        result.decisions = book
        self.history.forget(result.node.GetID())
        self.onDecided("merge", rows)
        self.refresh()
        peak = max(row["peak"] for row in rows)
        self.finding = next((n for n, row in enumerate(self.findings) if row["peak"] == peak), -1)
        self._onFindings()

    def refresh(self) -> None:
        """Findings anew at the operating point shown, from the map in the scene."""
        self.recompute()
        self._find()
        self.recompute()

    @property
    def opened(self) -> Result:
        """The result being read, where there must be one; otherwise RuntimeError."""
        if self.result is None:
            raise RuntimeError("no result is being read")
        return self.result

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
            self.seen.look(asked=True)

    def stepFinding(self, step: int) -> None:
        """Next (+1) or previous (-1) finding, from the last around to the first."""
        order = list(range(len(self.findings))) if self.order is None else self.order
        if order:
            start = order.index(self.finding) if self.finding in order else (-1 if step > 0 else 0)
            self.showFinding(order[(start + step) % len(order)])

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
        plane = AnalysedPlane(self.opened)
        point = self._world(row)
        views = slicer.util.getNodesByClass("vtkMRMLSliceNode")
        for sliceNode in [view for view in views if plane.isShownBy(view)] or views:
            sliceNode.JumpSliceByOffsetting(*point)
        self.seen.look(asked=True)

    def sliceOf(self, row: Row) -> int:
        """Number of the slice that the peak of a finding lies in."""
        return sliceNumber(row, self._ijkToRas, self._axis)

    @property
    def slicePosition(self) -> Optional[Tuple[int, int, Row]]:
        """Place in the order of scores (from 1), number of slices, and the slice; None before the first step."""
        return (self._slice + 1, len(self._slices), self._slices[self._slice]) if self._slice >= 0 else None

    def _world(self, row: Row) -> Sequence[float]:
        """RAS of a row in the world: its parent transform applied."""
        return AnalysedPlane(self.opened).world(rasOf(row))
