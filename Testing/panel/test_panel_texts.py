"""No text of the panel is cut off, in no language; every widget that can be used says what it does."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest
import slicer
from PySide6 import QtWidgets
from tools import cut_texts, speaking, translations

WIDTH = 425  # pixels, with the fonts of the test host; Slicer's panel is wider
USED = (QtWidgets.QAbstractButton, QtWidgets.QComboBox, QtWidgets.QAbstractSlider, QtWidgets.QLineEdit,
        QtWidgets.QPlainTextEdit, QtWidgets.QTableWidget, QtWidgets.QDoubleSpinBox)


@pytest.fixture(params=["en", *translations.LANGUAGES])
def panel(request: Any, host: Any, case: Any, tmp_path: Path) -> Iterator[Any]:
    """A panel in one language with a result, a rejected finding and all sections open, as wide as `WIDTH`."""
    from PySide6 import QtCore
    from SPMambaPanel.selftests import selftest

    translator = None
    if request.param != "en":
        try:
            translator = speaking.speak(request.param, tmp_path)
        except FileNotFoundError:
            pytest.skip("needs pyside6-lrelease")
    selftest.addResult(case.volume)
    representation = host.module.createNewWidgetRepresentation()
    widget = representation.self()
    try:
        representation.enter()
        widget.workplace.parameters.inputVolume = case.volume
        widget.workplace.review.showFinding(0)
        widget.workplace.findings.decide("rejected")
        widget.workplace.worklist.refresh()
        for name in [name for name in vars(widget.ui) if name.endswith("CollapsibleButton")]:
            getattr(widget.ui, name).collapsed = False
        representation.resize(max(WIDTH, representation.minimumSizeHint.width()), 2400)
        yield representation
    finally:
        representation.exit()
        widget.cleanup()
        widget.ui.inputSelector.setMRMLScene(None)  # the stand-in would go on listening after its panel is gone
        if translator is not None:
            QtCore.QCoreApplication.removeTranslator(translator)
        host.widget.enter()


def test_no_text_is_cut_off(panel: Any) -> None:
    assert not cut_texts.cutTexts(panel, WIDTH)


def test_vtk_is_given_what_it_can_draw(panel: Any, request: pytest.FixtureRequest) -> None:
    """German where its letters are known; Japanese would leave a legend and a plot without words."""
    from SPMambaPanel.export import EVERYTHING
    from SPMambaPanel.export.report import reportHtml
    from SPMambaPanel.scene.colors import bandText

    result = panel.self().workplace.review.result
    legend, = (node for node in slicer.util.getNodesByClass("vtkMRMLColorLegendDisplayNode") if node.GetVisibility())
    words = [legend.GetTitleText(), result.get("chart").GetTitle(), result.get("chart").GetXAxisTitle(),
             result.get("series").GetName(), *(result.get("bandColors").GetColorName(n) for n in (1, 2, 3))]
    assert all(words) and all(ord(letter) < 0x250 for word in words for letter in word)
    language = request.node.callspec.params["panel"]
    assert words[-1] == {"en": "extreme", "de": "extrem", "ja": "extreme"}[language]
    word = {"en": "extreme", "de": "extrem", "ja": "\u6975\u7aef"}[language]
    assert bandText("extreme") == word
    assert ">{}</td>".format(word) in reportHtml(result, {}, EVERYTHING), "the report is drawn by Qt"


def test_a_cut_text_is_noticed(panel: Any) -> None:
    """Negative control: of a button, a choice, a line, a column and the whole panel."""
    ui = panel.self().ui
    ui.blinkButton.maximumWidth = 20
    ui.overlaySelector.addItem("a choice much longer than there is room for, even in a wide panel")
    ui.overlaySelector.maximumWidth = 90
    ui.seenLabel.maximumHeight = 4
    ui.findingsTable.horizontalHeader().resizeSection(2, 10)
    found = " ".join(cut_texts.cutTexts(panel, WIDTH - 150))
    for name in ("ModuleWidget:", "blinkButton:", "overlaySelector:", "seenLabel:", "findingsTable:"):
        assert name in found


def test_everything_to_be_used_says_what_it_does(panel: Any) -> None:
    """Buttons with a short caption above all; the sections' own headers say it themselves."""
    ui = panel.self().ui
    silent = [name for name, widget in vars(ui).items() if isinstance(widget, USED) and not widget.toolTip
              and not name.startswith("qt_") and not name.endswith("CollapsibleButton")]
    assert not silent
