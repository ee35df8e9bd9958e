"""The list of findings on the screen: sorted, filtered, with what was decided.  Decides nothing itself."""
from __future__ import annotations

from typing import Any, Callable, List, Sequence, Tuple

import qt
from slicer.i18n import tr as _

from ..model.decisions import DECISIONS, REJECTED, UNDECIDED
from ..reading.findingscolumns import BAND, DECISION, MEAN, PEAK, RANK, SIZE, VOLUME, cellTexts, headers, summaryText
from ..reading.review import Review
from ..reading.whereabouts import Whereabouts
from ..scene.tables import Row
from ..scene.texts import decisionText, reasonText

ROW_HEIGHT = 22  # pixels
ALL = "all"
GRAY = "#808080"
WIDTHS = (26, 74, 42, 48, 84, 118, 84, 46, 46)  # pixels, at least
HIGHEST_FIRST = (SIZE, VOLUME, PEAK, MEAN, BAND)
SORT_KEYS: Tuple[Callable[[Row], Any], ...] = (
    lambda row: row["rank"], lambda row: (*DECISIONS, UNDECIDED).index(row["decision"]),
    lambda row: row["superior"], lambda row: row["volume_ml"], lambda row: row["band"],
    lambda row: (row["superior"], row["anterior"], row["right"]),
    lambda row: max(row["size_i_mm"], row["size_j_mm"], row["size_k_mm"]),
    lambda row: row["peak"], lambda row: row["mean"])


class FindingsTable:
    """Rows of the findings table on the screen, in the reader's order.

    Args:
        ui: widgets by name.

    Attributes:
        shown: indices into `Review.findings`, from top to bottom.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self.shown: List[int] = []
        table = ui.findingsTable
        table.setColumnCount(len(headers()))
        table.setHorizontalHeaderLabels(headers())
        table.verticalHeader().hide()
        table.verticalHeader().defaultSectionSize = ROW_HEIGHT
        header = table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.Interactive)  # measuring all cells of a long list takes too long
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        for column, width in enumerate(WIDTHS):
            header.resizeSection(column, max(width, header.sectionSizeHint(column)))  # headers of any language
        for title in (_("rank"), *headers()[DECISION:]):
            ui.sortSelector.addItem(title)
        self.sort(RANK, False)
        ui.decisionFilter.addItem(_("all findings"), ALL)
        for decision in (UNDECIDED, *DECISIONS):
            ui.decisionFilter.addItem(decisionText(decision), decision)

    def sortBy(self, column: int) -> None:
        """By a column; a second time the other way round.  Sizes and peaks begin with the highest."""
        self.sort(column, not self._descending if column == self._column else column in HIGHEST_FIRST)

    def sort(self, column: int, descending: bool) -> None:
        """Order of the lines from the next `show` on; header, choice and box say it."""
        self._column, self._descending = column, descending
        ui = self._ui
        order = qt.Qt.DescendingOrder if descending else qt.Qt.AscendingOrder
        ui.findingsTable.horizontalHeader().setSortIndicator(column, order)
        wasBlocked = [each.blockSignals(True) for each in (ui.sortSelector, ui.sortDescendingCheckBox)]
        ui.sortSelector.setCurrentIndex(column)
        ui.sortDescendingCheckBox.checked = descending
        for each, blocked in zip((ui.sortSelector, ui.sortDescendingCheckBox), wasBlocked):
            each.blockSignals(blocked)

    def _chosen(self, findings: Sequence[Row]) -> List[int]:
        """Indices of what the filters let through, sorted; equal ones by rank."""
        box = self._ui.decisionFilter
        wanted = box.itemData(box.currentIndex)
        smallest = self._ui.sizeFilter.value
        chosen = [index for index, row in enumerate(findings)
                  if row["volume_ml"] >= smallest and wanted in (ALL, row["decision"])]
        return sorted(chosen, key=lambda index: SORT_KEYS[self._column](findings[index]), reverse=self._descending)

    def show(self, review: Review) -> None:
        """Fill the table and give the review the order in which the reader walks."""
        table = self._ui.findingsTable
        result = review.result
        self.shown = review.order = self._chosen(review.findings)
        words = Whereabouts(result) if result is not None and result.complete else None
        table.setHorizontalHeaderLabels(headers(words))
        wasBlocked = table.blockSignals(True)
        table.setRowCount(len(self.shown))
        if result is not None and words is not None:
            calibration = result.calibration
            for line, index in enumerate(self.shown):
                row = review.findings[index]
                band = calibration.band(row["band"])
                self._fillLine(line, row, cellTexts(row, review.sliceOf(row), band.name, words), band)
        table.blockSignals(wasBlocked)
        self._ui.findingsLabel.text = (summaryText(review.findings, len(self.shown)) if review.result
                                       else _("No result yet. What Detect anomalies finds is listed here."))

    def _fillLine(self, line: int, row: Row, texts: Sequence[str], band: Any) -> None:
        table = self._ui.findingsTable
        tip = "\n".join(text for text in (reasonText(row["reason"]), row["note"]) if text)
        for column, text in enumerate(texts):
            item = qt.QTableWidgetItem(text)
            if row["decision"] == REJECTED:
                font = item.font()
                font.setStrikeOut(True)
                item.setFont(font)
                item.setForeground(qt.QBrush(qt.QColor(GRAY)))
            elif column == BAND:
                item.setBackground(qt.QBrush(qt.QColor.fromRgbF(*band.color)))
                item.setForeground(qt.QBrush(qt.QColor("black" if _luminance(band.color) > 0.35 else "white")))
            if tip:
                item.setToolTip(tip)
            table.setItem(line, column, item)

    def select(self, index: int) -> None:
        """Mark the line of a finding, or none; tells nobody."""
        table = self._ui.findingsTable
        wasBlocked = table.blockSignals(True)
        if index in self.shown:
            table.selectRow(self.shown.index(index))
        else:
            table.clearSelection()
        table.blockSignals(wasBlocked)

    def selected(self) -> List[int]:
        """Indices of the findings whose lines are marked."""
        rows = {each.row() for each in self._ui.findingsTable.selectionModel().selectedRows()}
        return [self.shown[row] for row in sorted(rows) if row < len(self.shown)]

    @property
    def current(self) -> int:
        """Index of the finding that was clicked last; -1 if none."""
        line = self._ui.findingsTable.currentRow()
        return self.shown[line] if 0 <= line < len(self.shown) else -1


def _luminance(color: Sequence[float]) -> float:
    return 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2]
