"""The reader's hand on the findings: list, decision, reason, note, merging."""
from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from SPMambaLib.errors import UnreadableFileError

from .decisions import ACCEPTED, REASONS, REJECTED, UNDECIDED, UNSURE, reasonText
from .findingstable import FindingsTable, placeText
from .keptevidence import evidenceOf
from .review import Review
from .scorebars import barsHtml
from .why import picturesHtml


class Deciding:
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
        """Decide; a second click on the same button takes it back."""
        row = self.review.current
        if row is not None:
            self.decide(UNDECIDED if row["decision"] == decision else decision)
        self.showCurrent()  # the button has toggled itself

    def onReasonChosen(self, *args: Any) -> None:
        row = self.review.current
        if row is not None and row["decision"] == REJECTED:
            self.review.decide(REJECTED, self.ui.reasonSelector.itemData(self.ui.reasonSelector.currentIndex))

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
            button.enabled = row is not None
            button.checked = row is not None and row["decision"] == decision
        ui.mergeButton.enabled = len(self.table.selected()) > 1
        rejected = row is not None and row["decision"] == REJECTED
        ui.reasonSelector.enabled = rejected
        wasBlocked = ui.reasonSelector.blockSignals(True)
        ui.reasonSelector.setCurrentIndex(ui.reasonSelector.findData(row["reason"] if rejected else ""))
        ui.reasonSelector.blockSignals(wasBlocked)
        ui.noteEdit.enabled = row is not None
        if ui.noteEdit.text != (row["note"] if row else ""):
            ui.noteEdit.text = row["note"] if row else ""
        ui.scoreLabel.text = self._scoreText()
        self.showWhy()

    def showWhy(self, *args: Any) -> None:
        """Pictures of the current finding and of what is normal there, while their section is open."""
        row = self.review.current
        shown = row is not None and not self.ui.whyCollapsibleButton.collapsed
        self.ui.whyLabel.text = picturesHtml(self.review.result, row) if shown else ""

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
        side = {1: _("right half of the image"), -1: _("left half of the image")}[review.sideOf(row)]
        text = _("<b>Finding {rank}</b>, {place}, {side}").format(rank=row["rank"], place=placeText(row), side=side)
        try:
            evidence = evidenceOf(review.result)
        except UnreadableFileError:
            evidence = None  # the pictures say so
        return text + barsHtml(row, review.findings, review.result.calibration, evidence)
