"""The volumes of the scene and how far each one is: not run, waiting, running, found n, reviewed; and how unusual as a
whole."""
from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

import qt
import slicer
from slicer.i18n import tr as _

from SPMambaLib.scoring.scan_verdict import ScanVerdict

from ..model.detectionqueue import DetectionQueue
from ..reading.scanverdict import briefText, verdictText
from ..scene import auditlog, tables
from ..scene.origin import originsOf
from ..scene.result import Result
from ..scene.volumeinfo import problemOf

REFRESH_MS = 50  # a result brings many nodes at once
ROW_HEIGHT, FRAME = 22, 8  # pixels
VERDICT = 3  # the column; hidden while no scan has one
WIDTH_OF_NAME, WIDTH_OF_ORIGIN, WIDTH_OF_VERDICT = 90, 115, 70
FEWEST_LINES, MOST_LINES = 3, 10  # that are seen without scrolling


def volumes() -> List[Any]:
    """Images of the scene: not the maps that a detection made, nor what the user does not see."""
    records = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
    maps = [Result(record).map for record in records]
    return [node for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            if node.GetClassName() == "vtkMRMLScalarVolumeNode" and node not in maps and not node.GetHideFromEditors()]


def untried(queue: DetectionQueue) -> List[Any]:
    """Volumes that can be analysed, were not, and did not fail."""
    return [volume for volume in _notRun() if volume.GetID() not in queue.failures]


def pending(queue: DetectionQueue) -> List[Any]:
    """What "Detect on all" takes: what was not tried yet, or else what failed."""
    return untried(queue) or _notRun()


def _notRun() -> List[Any]:
    analysed = Result.byVolume()
    return [volume for volume in volumes() if not problemOf(volume) and volume.GetID() not in analysed]


def resultText(result: Result) -> str:
    rows = tables.readFindings(result.get("findings"))
    if not rows:
        return _("reviewed, nothing found") if result.reviewed else _("nothing found")
    decided = sum(bool(row["decision"]) for row in rows)
    if decided == len(rows):
        return _("reviewed, {count} findings").format(count=len(rows)) if len(rows) > 1 else _("reviewed, 1 finding")
    text = _("found {count}").format(count=len(rows))
    return text + (_(", {decided} decided").format(decided=decided) if decided else "")


def verdictOf(volume: Any) -> Optional[ScanVerdict]:
    result = Result.of(volume)
    return result.scanVerdict if result is not None else None


def unusualFirst(verdict: Optional[ScanVerdict]) -> Tuple[bool, float, float]:
    """Key of a sort: the rarest among normals first, then the highest score; scans without a verdict last."""
    return (True, 0.0, 0.0) if verdict is None else (False, verdict.rate, -verdict.score)


class Worklist:
    """The table of volumes.

    Args:
        ui: widgets by name.
        queue: what waits and what failed.
        running: gives the volume under way, or None.
        shown: gives the volume being read, or None.
        onChosen: called with the volume that was clicked.

    Attributes:
        onMore: called when there are volumes that were not there before.
    """

    def __init__(self, ui: Any, queue: DetectionQueue, running: Callable[[], Any], shown: Callable[[], Any],
                 onChosen: Callable[[Any], None]) -> None:
        self._ui = ui
        self._queue = queue
        self._running = running
        self._shown = shown
        self._onChosen = onChosen
        self.onMore: Callable[[], None] = lambda: None
        self._ids: List[str] = []
        self._byVerdict = False
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        table = ui.worklistTable
        table.setColumnCount(4)
        table.setHorizontalHeaderLabels([_("Volume"), _("State"), _("From"), _("Whole scan")])
        table.verticalHeader().hide()
        table.verticalHeader().defaultSectionSize = ROW_HEIGHT
        table.wordWrap = False
        header = table.horizontalHeader()
        header.resizeSection(0, WIDTH_OF_NAME)
        header.resizeSection(2, WIDTH_OF_ORIGIN)
        header.setSectionResizeMode(1, qt.QHeaderView.Stretch)  # a reason is the longest text
        header.resizeSection(VERDICT, WIDTH_OF_VERDICT)
        header.sectionClicked.connect(self.onSortedBy)
        table.cellClicked.connect(self.onClicked)
        table.cellActivated.connect(self.onClicked)
        ui.reviewedButton.clicked.connect(self.onReviewedButton)

    def later(self) -> None:
        """Refresh in a moment."""
        self._timer.start()

    def close(self) -> None:
        self._timer.stop()

    def forget(self) -> None:
        """The volumes of this scene."""
        self._ids = []

    def textOf(self, volume: Any, result: Optional[Result]) -> str:
        """State of a volume, whose newest result is `result`, in a few words."""
        if volume is self._running():
            return _("running")
        if self._queue.waits(volume):
            return _("waiting")
        failure = self._queue.failures.get(volume.GetID())
        if result is not None:
            return resultText(result)
        if failure is None:
            return problemOf(volume) or _("not run")
        text = _("refused: {reason}") if failure.refused else _("failed: {reason}")
        return text.format(reason=failure.message)

    def refresh(self) -> None:
        self._timer.stop()
        table, found, analysed = self._ui.worklistTable, volumes(), Result.byVolume()
        verdicts = {volume.GetID(): verdictOf(volume) for volume in found}
        if self._byVerdict:
            found.sort(key=lambda volume: unusualFirst(verdicts[volume.GetID()]))
        origins = originsOf(found)
        known, self._ids = self._ids, [volume.GetID() for volume in found]
        if set(self._ids) - set(known):
            self.onMore()
        wasBlocked = table.blockSignals(True)
        table.setRowCount(len(found))
        lines = min(max(len(found), FEWEST_LINES), MOST_LINES) + 1  # with the header
        table.minimumHeight = table.maximumHeight = lines * ROW_HEIGHT + FRAME
        for line, volume in enumerate(found):
            verdict = verdicts[volume.GetID()]
            texts = [volume.GetName(), self.textOf(volume, analysed.get(volume.GetID())), origins[line],
                     briefText(verdict) if verdict else ""]
            for column, text in enumerate(texts):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(verdictText(verdict) if verdict and column == VERDICT else text)
                table.setItem(line, column, item)
        table.setColumnHidden(VERDICT, not any(verdicts.values()))
        shown: Optional[Any] = self._shown()
        if shown in found:
            table.selectRow(found.index(shown))
        else:
            table.clearSelection()
        table.blockSignals(wasBlocked)
        left, failed = len(untried(self._queue)), len(self._queue.failures)
        self._ui.detectAllButton.text = (
            _("Try the failed ones again ({count})").format(count=failed) if failed and not left else
            _("Detect on all not run yet ({count})").format(count=left) if 0 < left < len(found) else
            _("Detect on all"))
        self._ui.reviewedButton.enabled = self._toReview is not None
        self._ui.worklistCollapsibleButton.text = (
            _("Volumes of the scene") if len(found) < 2 else
            _("Volumes of the scene ({count})").format(count=len(found)))

    @property
    def _toReview(self) -> Optional[Result]:
        """Result of the volume being read, if it has no finding and was not marked as reviewed yet."""
        result = Result.of(self._shown())
        open_ = result is not None and not result.reviewed and not tables.readFindings(result.get("findings"))
        return result if open_ else None

    def onReviewedButton(self, *args: Any) -> None:
        result = self._toReview
        if result is not None:
            result.reviewed = True
            auditlog.append("reviewed", result)
        self.refresh()

    def onSortedBy(self, column: int) -> None:
        """By the verdict on the whole scan, the most unusual first; by any other column as in the scene."""
        self._byVerdict = column == VERDICT
        self.refresh()

    def onClicked(self, line: int, column: int) -> None:
        volume = slicer.mrmlScene.GetNodeByID(self._ids[line]) if line < len(self._ids) else None
        if volume is not None:
            self._onChosen(volume)
