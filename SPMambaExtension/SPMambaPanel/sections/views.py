"""Ways of looking at a result: blink, side by side, slices seen, slice plot, keys.  Nothing here computes a map."""
from __future__ import annotations

from typing import Any, Callable, Dict, Optional

import qt
import slicer
from slicer.i18n import tr as _

from ..model.decisions import ACCEPTED, REJECTED, UNSURE
from ..reading import display
from ..reading.compare import Compare
from ..reading.review import Review
from ..reading.solids import MANY, Solids, canBeShown
from ..scene import sliceplot
from ..scene.parameters import BANDS, MAP
from . import shortcuts

BLINK_MS = 500


class ViewSection:
    """The part of the panel that decides how a result is looked at.

    Args:
        ui: widgets by name.
        review: what is being read.
        choices: gives the case's parameter node, or None.
        decide: called with the decision of a key.
        why: called by the key that asks why a finding was marked.
    """

    def __init__(self, ui: Any, review: Review, choices: Callable[[], Any], decide: Callable[[str], None],
                 why: Callable[[], None]) -> None:
        self.ui = ui
        self._review = review
        self._choices = choices
        self._decide = decide
        self._why = why
        self._lit = True
        self._menu: Any = None
        self._plotView: Any = None
        self._clicked: Any = None  # selection of the plot that was told last
        self._clickTimer = qt.QTimer()
        self._clickTimer.setSingleShot(True)
        self._clickTimer.setInterval(0)
        self._clickTimer.timeout.connect(self.onPlotSettled)
        self._blinker = qt.QTimer()
        self._blinker.setInterval(BLINK_MS)
        self._blinker.timeout.connect(self.onBeat)
        self._compare = Compare(self.onCompareLeft)
        self._solids = Solids()
        self._many = False  # findings, more than are shown in 3D without being asked for
        ui.show3DCheckBox.clicked.connect(self.onShow3D)
        ui.blinkButton.toggled.connect(self.onBlink)
        ui.nextUnseenButton.clicked.connect(lambda *args: review.stepUnseen(1))
        ui.previousUnseenButton.clicked.connect(lambda *args: review.stepUnseen(-1))
        ui.plotButton.clicked.connect(self.onPlotButton)
        ui.keysButton.clicked.connect(self.onKeysButton)
        self.actions = self._keyActions()

    def close(self) -> None:
        self._blinker.stop()
        self._clickTimer.stop()
        self._compare.close()
        self._solids.stop()
        if self._plotView is not None:
            self._plotView.dataSelected.disconnect(self.onPlotClicked)
            self._plotView = None

    def follow(self) -> None:
        """The parameter node or the result has changed."""
        parameters, result = self._choices(), self._review.result
        if parameters is not None:
            self._compare.follow(parameters, bool(parameters.compare) and result is not None)
        if result is None and self.ui.blinkButton.checked:
            self.ui.blinkButton.checked = False
        self.showSolids()

    def leave(self) -> None:
        """Another module is opened: what moves by itself or rearranges the views ends."""
        self.ui.blinkButton.checked = False
        if self._choices() is not None:
            self._choices().compare = False
            self.follow()

    def layDown(self, parameters: Any) -> None:
        """The case goes: give the views back as they were."""
        self.ui.blinkButton.checked = False
        self._compare.follow(parameters, False)

    # -- blink, compare, map or bands ---------------------------------------------------------------------------------

    def onBlink(self, on: bool) -> None:
        if on:
            self._blinker.start()
        else:
            self._blinker.stop()
            self._show(True)

    def onBeat(self) -> None:
        self._show(not self._lit)

    def _show(self, lit: bool) -> None:
        self._lit = lit
        result, parameters = self._review.result, self._choices()
        if result is not None and result.complete and parameters is not None:
            display.flash(result, parameters, lit)

    def onCompareLeft(self) -> None:
        if self._choices() is not None:
            self._choices().compare = False

    def toggleMap(self) -> None:
        """From bands to the continuous map and back."""
        parameters = self._choices()
        if self._review.result is not None and parameters is not None:
            parameters.overlay = BANDS if parameters.overlay == MAP else MAP
            self.ui.overlaySelector.setCurrentIndex(self.ui.overlaySelector.findData(parameters.overlay))

    # -- in 3D ---------------------------------------------------------------------------------------------------------

    def showSolids(self) -> None:
        """Surfaces as the box says.  It goes off by itself when a list becomes long: it would take minutes."""
        parameters, review = self._choices(), self._review
        self.ui.show3DCheckBox.enabled = canBeShown(review.result)
        if parameters is None:
            self._solids.stop()
            return
        many = len(review.findings) > MANY
        if many and not self._many and parameters.show3D:
            self._many = many
            parameters.show3D = False  # comes back to this function
        self._many = many
        self._solids.follow(review.result, bool(parameters.show3D) and not review.blocked)

    def onShow3D(self, *args: Any) -> None:
        """The reader has clicked the box: the view turns to what it shows."""
        manager = slicer.app.layoutManager()
        if self.ui.show3DCheckBox.checked and manager is not None:
            self._solids.whenShown(manager.resetThreeDViews)

    # -- slices -------------------------------------------------------------------------------------------------------

    def showSlices(self) -> None:
        """How much was looked at, in words and in the plot."""
        review, ui = self._review, self.ui
        result = review.result
        if result is None or not result.complete:
            ui.seenLabel.text = ""
            return
        rows = review.slices
        seen = sum(row["slice"] in review.seen for row in rows)
        left = len(review.unseenHot)
        marked = (_("All slices with a mark were seen.") if not left else
                  _("1 slice with a mark was not seen yet.") if left == 1 else
                  _("{count} slices with a mark were not seen yet.").format(count=left))
        ui.seenLabel.text = _("Seen {seen} of {count} slices. {marked}").format(
            seen=seen, count=len(rows), marked=marked)
        for button in (ui.nextUnseenButton, ui.previousUnseenButton):
            button.enabled = left > 0
        sliceplot.mark(result, review.seen, review.seen.current, review.threshold)

    def onPlotButton(self, *args: Any) -> None:
        result = self._review.opened
        slicer.modules.plots.logic().ShowChartInLayout(result.get("chart"))
        manager = slicer.app.layoutManager()
        widget = manager.plotWidget(0) if manager is not None and manager.plotViewCount else None
        if widget is not None and self._plotView is None:
            self._plotView = widget.plotView()
            self._plotView.dataSelected.connect(self.onPlotClicked)

    def onPlotClicked(self, ids: Any, selection: Any) -> None:
        """Slicer tells a click twice, first with what was selected before: the last one counts."""
        names = [ids.GetValue(n) for n in range(ids.GetNumberOfValues())]
        arrays = [selection.GetItemAsObject(n) for n in range(selection.GetNumberOfItems())]
        self._clicked = [(name, array.GetValue(array.GetNumberOfValues() - 1))
                         for name, array in zip(names, arrays) if array.GetNumberOfValues()]
        self._clickTimer.start()

    def onPlotSettled(self) -> None:
        """Jump to the slice that was clicked, and let the plot forget the click: it would come again with the next."""
        result, clicked = self._review.result, self._clicked or []
        self._clicked = None
        if result is None or not result.complete or not clicked:
            return
        chosen = sliceplot.sliceOfSelection(result, [name for name, _row in clicked], [row for _name, row in clicked])
        wasBlocked = self._plotView.blockSignals(True) if self._plotView is not None else False
        if self._plotView is not None:
            self._plotView.RemovePlotSelections()
            self._plotView.blockSignals(wasBlocked)
        if chosen:
            self._review.showSlice(chosen[0])

    # -- keys ---------------------------------------------------------------------------------------------------------

    def _keyActions(self) -> Dict[str, Callable[[], None]]:
        ui = self.ui
        return {
            shortcuts.NEXT_FINDING: ui.nextFindingButton.click,
            shortcuts.PREVIOUS_FINDING: ui.previousFindingButton.click,
            shortcuts.NEXT_SLICE: ui.nextSliceButton.click, shortcuts.PREVIOUS_SLICE: ui.previousSliceButton.click,
            shortcuts.NEXT_UNSEEN: ui.nextUnseenButton.click,
            shortcuts.PREVIOUS_UNSEEN: ui.previousUnseenButton.click,
            shortcuts.ACCEPT: lambda: self._decide(ACCEPTED), shortcuts.REJECT: lambda: self._decide(REJECTED),
            shortcuts.UNSURE: lambda: self._decide(UNSURE), shortcuts.UNDO: ui.undoButton.click,
            shortcuts.WHY: self._why,
            shortcuts.TOGGLE_OVERLAY: ui.overlayVisibleCheckBox.click, shortcuts.TOGGLE_MAP: self.toggleMap,
            shortcuts.BLINK: ui.blinkButton.click, shortcuts.COMPARE: ui.compareCheckBox.click,
            shortcuts.HELP: ui.keysButton.click}

    def onKeysButton(self, *args: Any) -> None:
        """The keys and what they do, as a menu: a line may also be clicked."""
        self._menu = qt.QMenu(self.ui.keysButton)
        for key, text in shortcuts.descriptions():
            action = self._menu.addAction("{}\t{}".format(text[:1].upper() + text[1:], key))
            action.triggered.connect(_runner(self.actions[key]))
        self._menu.popup(self.ui.keysButton.mapToGlobal(qt.QPoint(0, 0)))

    @property
    def keysMenu(self) -> Optional[Any]:
        """The menu shown last."""
        return self._menu


def _runner(action: Callable[[], None]) -> Callable[..., None]:
    """A slot without named parameters: a default one would get the signal's value."""
    return lambda *args: action()
