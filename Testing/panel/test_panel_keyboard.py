"""The panel by keyboard alone, and colors that can be read."""
from __future__ import annotations

from typing import Any, Iterator, List, Tuple

import pytest

pytest.importorskip("slicer", reason="runs in the test host")
from PySide6 import QtCore, QtTest, QtWidgets

SECTIONS = ("inputs", "worklist", "overlay", "findings", "slices", "export", "details")
SAME_ROW = 12  # pixels


@pytest.fixture
def opened(host: Any, ui: Any, workplace: Any, result: Any) -> Iterator[Any]:
    """The panel with a result and all sections open."""
    sections = [getattr(ui, name + "CollapsibleButton") for name in SECTIONS]
    before = [section.collapsed for section in sections]
    for section in sections:
        section.collapsed = False
    workplace.worklist.refresh()
    host.processEvents(100)
    host.panel.grab()  # lays everything out, shown or not
    yield ui
    for section, collapsed in zip(sections, before):
        section.collapsed = collapsed


def stops(panel: Any, first: Any) -> List[Tuple[str, int, int]]:
    """Name, y and x of the named widgets that Tab stops at, in its order."""
    found, widget = [], first
    while True:
        name = widget.objectName
        if (widget.focusPolicy & QtCore.Qt.TabFocus and panel.isAncestorOf(widget) and widget.isVisibleTo(panel)
                and name and not name.startswith("qt_")):
            place = widget.mapTo(panel, QtCore.QPoint(0, 0))
            found.append((name, place.y(), place.x()))
        widget = widget.nextInFocusChain()
        if widget is first:
            return found


def jumps(order: List[Tuple[str, int, int]]) -> List[Tuple[str, str]]:
    """Where Tab goes up, or to the left in a row."""
    return [(a[0], b[0]) for a, b in zip(order, order[1:])
            if b[1] < a[1] - SAME_ROW or (abs(b[1] - a[1]) <= SAME_ROW and b[2] < a[2])]


def test_tab_goes_from_top_to_bottom(host: Any, opened: Any) -> None:
    order = stops(host.panel, opened.inputsCollapsibleButton)
    assert len(order) > 40 and not jumps(order)
    wanted = {"worklistTable", "sortSelector", "sortDescendingCheckBox", "acceptButton", "noteEdit", "nextUnseenButton",
              "exportLogButton"}
    assert wanted <= {name for name, *_place in order}


def test_a_jump_is_noticed(host: Any, opened: Any) -> None:
    QtWidgets.QWidget.setTabOrder(opened.copyLogButton, opened.worklistTable)
    try:
        assert jumps(stops(host.panel, opened.inputsCollapsibleButton))
    finally:
        QtWidgets.QWidget.setTabOrder(opened.worklistCollapsibleButton, opened.worklistTable)


def test_tables_let_tab_out_and_take_enter(host: Any, opened: Any, workplace: Any, case: Any) -> None:
    from SPMambaPanel.selftests import selftest

    assert not opened.findingsTable.tabKeyNavigation and not opened.worklistTable.tabKeyNavigation
    second = selftest.syntheticVolume("Second")
    workplace.worklist.refresh()
    opened.worklistTable.selectRow(1)
    assert workplace.parameters.inputVolume is case.volume, "an arrow alone changes nothing"
    opened.worklistTable.setCurrentCell(1, 0)
    QtTest.QTest.keyClick(opened.worklistTable, QtCore.Qt.Key_Return)
    assert workplace.parameters.inputVolume is second


def test_findings_are_sorted_by_keys(host: Any, opened: Any, workplace: Any, result: Any,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """The same order as by a click on the header, which in turn shows in the choice."""
    from SPMambaPanel.sections import findingstable

    row = workplace.review.findings[0]
    smaller = dict(row, rank=2, volume_ml=row["volume_ml"] / 2)
    monkeypatch.setattr(workplace.review, "findings", [dict(smaller, rank=1), dict(row, rank=2)])
    workplace.findings.showFindings()
    choice, box, header = opened.sortSelector, opened.sortDescendingCheckBox, opened.findingsTable.horizontalHeader()
    assert choice.count == opened.findingsTable.columnCount and workplace.findings.table.shown == [0, 1]
    while choice.currentIndex != findingstable.VOLUME:
        QtTest.QTest.keyClick(choice, QtCore.Qt.Key_Down)
    assert workplace.findings.table.shown == workplace.review.order == [1, 0] and box.checked, "the largest first"
    QtTest.QTest.keyClick(box, QtCore.Qt.Key_Space)
    assert workplace.findings.table.shown == [0, 1] and not box.checked
    assert (header.sortIndicatorSection(), header.sortIndicatorOrder()) == (
        findingstable.VOLUME, QtCore.Qt.AscendingOrder)
    header.sectionClicked.emit(findingstable.VOLUME)
    assert workplace.findings.table.shown == [1, 0] and box.checked
    header.sectionClicked.emit(findingstable.RANK)
    assert workplace.findings.table.shown == [0, 1] and choice.currentIndex == findingstable.RANK and not box.checked


def contrast(first: Any, second: Any) -> float:
    """Ratio of luminances as WCAG 2.1 defines it, 1 to 21."""
    def luminance(color: Any) -> float:
        parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_names_of_bands_can_be_read(opened: Any, result: Any) -> None:
    """4.5 is the bound for text; black on yellow has it, white on yellow has not."""
    from SPMambaPanel.sections import findingstable

    item = opened.findingsTable.item(0, findingstable.BAND)
    ink, paper = (brush.color().getRgbF()[:3] for brush in (item.foreground(), item.background()))
    assert contrast(ink, paper) >= 4.5
    for band in result.calibration.bands:
        assert max(contrast((0, 0, 0), band.color), contrast((1, 1, 1), band.color)) >= 4.5
    assert contrast((1, 1, 1), (1, 1, 0)) < 4.5
