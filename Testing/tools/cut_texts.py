"""Which texts of a panel do not fit their widgets, at the width that the panel has."""
from __future__ import annotations

from typing import Any, Iterator, List

from PySide6 import QtGui, QtWidgets

MARGIN = 2  # pixels; a frame counts as one


def cutTexts(panel: Any, width: int) -> List[str]:
    """Name and text of every named widget whose caption is cut off in a panel so many pixels wide.

    Needs the host.  Cells of tables are not meant, which elide and have a tooltip; their headers are.
    """
    panel.grab()  # lays everything out
    found: List[str] = []
    if panel.minimumSizeHint.width() > width:
        found.append("{}: it is {} pixels wide".format(panel.property("objectName"), panel.minimumSizeHint.width()))
    for widget in panel.findChildren(QtWidgets.QWidget):
        name = str(widget.property("objectName"))
        if widget.isVisibleTo(panel) and name and not name.startswith("qt_"):
            found += ["{}: {}".format(name, text) for text in _cut(widget)]
    return found


def _cut(widget: Any) -> Iterator[str]:
    if isinstance(widget, QtWidgets.QLabel):
        text = widget.text
        if not widget.wordWrap:
            if widget.sizeHint.width() > widget.width + MARGIN:
                yield text
        elif widget.heightForWidth(widget.width) > widget.height + MARGIN or _widestWord(widget) > widget.width:
            yield text
    elif isinstance(widget, QtWidgets.QAbstractButton):
        if widget.text and widget.sizeHint.width() > widget.width + MARGIN:
            yield widget.text
    elif isinstance(widget, QtWidgets.QComboBox):
        option = QtWidgets.QStyleOptionComboBox()
        widget.initStyleOption(option)
        room = widget.style().subControlRect(QtWidgets.QStyle.CC_ComboBox, option,
                                             QtWidgets.QStyle.SC_ComboBoxEditField, widget)
        for index in range(widget.count):
            if widget.fontMetrics().horizontalAdvance(widget.itemText(index)) > room.width() + MARGIN:
                yield widget.itemText(index)
    elif isinstance(widget, QtWidgets.QTableWidget):
        header = widget.horizontalHeader()
        for column in range(widget.columnCount):
            if header.sectionSizeHint(column) > header.sectionSize(column) + MARGIN:
                yield widget.horizontalHeaderItem(column).text()


def _widestWord(label: Any) -> int:
    """In pixels; of plain text only, tables have widths of their own."""
    words = [] if QtGui.Qt.mightBeRichText(label.text) else label.text.split()
    return max(map(label.fontMetrics().horizontalAdvance, words), default=0)
