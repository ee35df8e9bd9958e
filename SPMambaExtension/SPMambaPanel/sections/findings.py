"""The reader's hand on the findings: list, decision, reason, note, merging."""
from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from SPMambaLib.errors import UnreadableFileError

from ..model.decisions import ACCEPTED, REASONS, REJECTED, UNDECIDED, UNSURE
from ..reading.review import Review
from ..reading.scorebars import barsHtml
from ..reading.whereabouts import Whereabouts
from ..reading.why import picturesHtml
from ..scene.evidencenode import evidenceOf
from ..scene.texts import reasonText
from .findingstable import FindingsTable


class FindingsSection:
    """Widgets of the findings section and what they do.

    Args:
        ui: widgets by name.
        review: what is being read.
    """

    def __init__(self, ui: Any, review: Review) -> None:
        self.ui = ui
        self.review = review
        self.table = FindingsTable(ui)
        ui.reasonSelector.addItem(_("no reason given"), "")
        for reason in REASONS:
            ui.reasonSelector.addItem(reasonText(reason), reason)
        self._buttons = ((ui.acceptButton, ACCEPTED), (ui.rejectButton, REJECTED), (ui.unsureButton, UNSURE))
        ui.acceptButton.clicked.connect(lambda *args: self.onDecisionClicked(ACCEPTED))
        ui.rejectButton.clicked.connect(lambda *args: self.onDecisionClicked(REJECTED))
        ui.unsureButton.clicked.connect(lambda *args: self.onDecisionClicked(UNSURE))
        ui.undoButton.clicked.connect(lambda *args: self.onUndo())
        ui.mergeButton.clicked.connect(lambda *args: review.merge(self.table.selected()))
        ui.reasonSelector.currentIndexChanged.connect(self.onReasonChosen)
        ui.noteEdit.editingFinished.connect(self.onNoteEdited)
        ui.decisionFilter.currentIndexChanged.connect(lambda *args: self.showFindings())
        ui.sizeFilter.valueChanged.connect(lambda *args: self.showFindings())
        ui.whyCollapsibleButton.contentsCollapsed.connect(self.showWhy)
        ui.findingsTable.horizontalHeader().sectionClicked.connect(self.onSortedBy)
        ui.sortSelector.currentIndexChanged.connect(self.onSortedBy)
        ui.sortDescendingCheckBox.toggled.connect(self.onDescending)

    # -- clicks -------------------------------------------------------------------------------------------------------

    def decide(self, decision: str) -> None:
        """About the current finding, with the note being written: a key leaves its field without a word."""
        self.onNoteEdited()
        self.review.decide(decision)

    def onDecisionClicked(self, decision: str) -> None:
        """Decide and go on to the next finding without a decision; the same decision again changes nothing."""
        if self.review.current is not None:
            self.decide(decision)
            if not self.review.blocked:
                self._goOn()
        self.showFindings()  # the button has toggled itself

    def _goOn(self) -> None:
        """To the next finding without a decision, in the reader's order; none left: stay."""
        review = self.review
        order = list(range(len(review.findings))) if review.order is None else review.order
        start = order.index(review.finding) + 1 if review.finding in order else 0
        left = [index for index in order[start:] + order[:start] if not review.findings[index]["decision"]]
        if left:
            review.showFinding(left[0])

    def onUndo(self) -> None:
        """Take the last decision back."""
        self.review.history.takeBack(self.review)
        self.showFindings()

    def onReasonChosen(self, *args: Any) -> None:
        """A reason rejects a finding about which nothing was decided."""
        row, reason = self.review.current, self.ui.reasonSelector.itemData(self.ui.reasonSelector.currentIndex)
        if row is not None and (row["decision"] == REJECTED or reason and not row["decision"]):
            self.review.decide(REJECTED, reason)
            self.showFindings()

    def onNoteEdited(self) -> None:
        row = self.review.current
        if row is not None and self.ui.noteEdit.text != row["note"]:
            self.review.decide(row["decision"], row["reason"], self.ui.noteEdit.text)

    def onSortedBy(self, column: int) -> None:
        """By the header or by the choice above it."""
        self.table.sortBy(column)
        self.showFindings()

    def onDescending(self, descending: bool) -> None:
        self.table.sort(self.ui.sortSelector.currentIndex, descending)
        self.showFindings()

    @property
    def _undoable(self) -> bool:
        review = self.review
        return review.result is not None and not review.blocked and review.history.has(review.result.node.GetID())

    # -- what is shown ------------------------------------------------------------------------------------------------

    def showFindings(self) -> None:
        self.table.show(self.review)
        self.showCurrent()

    def showCurrent(self) -> None:
        """Line, decision, reason, note and score of the current finding."""
        ui, row = self.ui, self.review.current
        if len(self.table.selected()) < 2 or self.review.finding not in self.table.selected():
            self.table.select(self.review.finding)
        for button, decision in self._buttons:
            button.enabled = row is not None and not self.review.blocked
            button.checked = row is not None and row["decision"] == decision
        ui.undoButton.enabled = self._undoable
        ui.mergeButton.enabled = len(self.table.selected()) > 1 and not self.review.blocked
        rejected = row if row is not None and row["decision"] == REJECTED else None
        undecided = row is not None and row["decision"] == UNDECIDED
        ui.reasonSelector.enabled = rejected is not None or undecided and not self.review.blocked
        wasBlocked = ui.reasonSelector.blockSignals(True)
        reason = rejected["reason"] if rejected is not None else ""
        ui.reasonSelector.setCurrentIndex(ui.reasonSelector.findData(reason))
        ui.reasonSelector.blockSignals(wasBlocked)
        ui.noteEdit.enabled = row is not None
        if ui.noteEdit.text != (row["note"] if row else ""):
            ui.noteEdit.text = row["note"] if row else ""
        ui.scoreLabel.text = self._scoreText()
        self.showWhy()

    def showWhy(self, *args: Any) -> None:
        """Pictures of the current finding and of what is normal there, while their section is open."""
        row = self.review.current
        shown = not self.ui.whyCollapsibleButton.collapsed
        self.ui.whyLabel.text = picturesHtml(self.review.opened, row) if row is not None and shown else ""

    def toggleWhy(self) -> None:
        """Open the section of pictures, or close it."""
        button = self.ui.whyCollapsibleButton
        button.collapsed = not button.collapsed
        if not button.collapsed:
            self.ui.findingsCollapsibleButton.collapsed = False

    def _scoreText(self) -> str:
        row, review = self.review.current, self.review
        if row is None:
            return _("Select a finding to see what its score is made of.") if self.table.shown else ""
        result = review.opened
        words = Whereabouts(result)
        text = _("<b>Finding {rank}</b>, {place}, {side}").format(
            rank=row["rank"], place=words.place(row), side=words.side(row))
        try:
            evidence = evidenceOf(result)
        except UnreadableFileError:
            evidence = None  # the pictures say so
        return text + barsHtml(row, result.calibration, evidence)
