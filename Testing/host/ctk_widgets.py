"""Stand-ins of the ctk widgets that a module panel uses. Each offers a subset of the real class's Python interface.

C++ methods that PythonQt does not wrap (``setCollapsed``, ``setRange``, ``setDirectory``, ...) are left out on purpose:
in Slicer those are reached by assigning the property.
"""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from host.ctk_sliders import field

Signal = QtCore.Signal
Property = QtCore.Property


class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A titled section that can be folded; its content is whatever layout the user gives it."""

    contentsCollapsed = Signal(bool)
    _headerHeight = 22

    def __init__(self, *parent):
        # PythonQt also accepts a title alone; the C++ constructor takes (title, parent).
        super().__init__(*(p for p in parent if not isinstance(p, str)))
        self._collapsed = False
        self._hiddenByFold = []
        self.setText(next((p for p in parent if isinstance(p, str)), ""))
        self.setCheckable(False)
        self.setContentsMargins(2, self._headerHeight + 2, 2, 2)
        self.clicked.connect(self._toggle)

    def _toggle(self):
        self._setCollapsed(not self._collapsed)

    def _setCollapsed(self, collapsed):
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        self._applyFold()
        self.contentsCollapsed.emit(collapsed)

    def _applyFold(self):
        if self._collapsed:
            self._hiddenByFold = [w for w in self.children() if isinstance(w, QtWidgets.QWidget) and not w.isHidden()]
            for widget in self._hiddenByFold:
                widget.hide()
        else:
            for widget in self._hiddenByFold:
                widget.show()
            self._hiddenByFold = []
        self.setMaximumHeight(self._headerHeight if self._collapsed else 16777215)
        self.updateGeometry()
        self.update()

    def showEvent(self, event):
        # A section may be folded (by the .ui) before its children exist.
        if self._collapsed and not self._hiddenByFold:
            self._applyFold()
        super().showEvent(event)

    collapsed = Property(bool, lambda self: self._collapsed, _setCollapsed)

    def paintEvent(self, event):
        painter = QtWidgets.QStylePainter(self)
        header = QtCore.QRect(0, 0, self.rect.width(), self._headerHeight)
        painter.fillRect(header, self.palette.button().color().darker(108))
        painter.setPen(self.palette.buttonText().color())
        sign = "\u25b8" if self._collapsed else "\u25be"
        painter.drawText(header.adjusted(6, 0, 0, 0), QtCore.Qt.AlignVCenter, f"{sign}  {self.text}")
        if not self._collapsed:
            painter.setPen(self.palette.mid().color())
            painter.drawRect(self.rect.adjusted(0, 0, -1, -1))

    def mousePressEvent(self, event):
        if event.position().y() <= self._headerHeight:
            super().mousePressEvent(event)


class ctkCollapsibleGroupBox(QtWidgets.QGroupBox):
    """A group box that folds with its check mark."""

    def __init__(self, *parent):
        super().__init__(*parent)
        self.setCheckable(True)
        self.toggled.connect(self._showContents)

    def _showContents(self, shown):
        self.setMaximumHeight(16777215 if shown else 22)

    collapsed = Property(bool, lambda self: not self.isChecked(), lambda self, value: self.setChecked(not value))


class ctkComboBox(QtWidgets.QComboBox):
    """A combo box with a default text, shown while nothing is selected."""

    def __init__(self, *parent):
        super().__init__(*parent)
        self._forceDefault = False

    def setCurrentUserDataAsString(self, data):
        self.setCurrentIndex(self.findData(data))

    def _currentUserDataAsString(self):
        data = self.itemData(self.currentIndex)
        return "" if data is None else str(data)

    defaultText = Property(str, lambda self: self.placeholderText, lambda self, text: self.setPlaceholderText(text))
    forceDefault = field(bool, "_forceDefault")
    currentUserDataAsString = Property(str, _currentUserDataAsString, setCurrentUserDataAsString)


class ctkCheckBox(QtWidgets.QCheckBox):
    """A check box; the icons of the real class are not drawn."""


class ctkPushButton(QtWidgets.QPushButton):
    """A push button; the icon placement of the real class is not imitated."""


class ctkPathLineEdit(QtWidgets.QWidget):
    """A line edit for a path, with a browse button."""

    currentPathChanged = Signal(str)
    validInputChanged = Signal(bool)

    Files, Dirs, Readable, Writable = 0x002, 0x001, 0x010, 0x020

    def __init__(self, *parent):
        super().__init__(*parent)
        self._nameFilters, self._settingKey, self._filters = [], "", self.Files
        self._edit = QtWidgets.QComboBox()
        self._edit.setEditable(True)
        self._browseButton = QtWidgets.QToolButton()
        self._browseButton.setText("...")
        box = QtWidgets.QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._edit, 1)
        box.addWidget(self._browseButton)
        self._edit.editTextChanged.connect(self.currentPathChanged)
        self._browseButton.clicked.connect(self.browse)

    def setCurrentPath(self, path):
        self._edit.setEditText(path)

    def browse(self):
        if self._filters & self.Dirs:
            path = QtWidgets.QFileDialog.getExistingDirectory(self, "Select a folder", self.currentPath)
        elif self._filters & self.Writable:
            path, _ = QtWidgets.QFileDialog.getSaveFileName(self, "Select a file", self.currentPath)
        else:
            path, _ = QtWidgets.QFileDialog.getOpenFileName(self, "Select a file", self.currentPath)
        if path:
            self.setCurrentPath(path)

    def addCurrentPathToHistory(self):
        if self.currentPath and self._edit.findText(self.currentPath) < 0:
            self._edit.addItem(self.currentPath)

    def comboBox(self):
        return self._edit

    currentPath = Property(str, lambda self: self._edit.currentText, setCurrentPath)
    nameFilters = field("QStringList", "_nameFilters")
    settingKey = field(str, "_settingKey")
    filters = field(int, "_filters")
    showBrowseButton = Property(
        bool, lambda self: not self._browseButton.isHidden(), lambda self, on: self._browseButton.setVisible(on)
    )


class ctkDirectoryButton(QtWidgets.QWidget):
    """A button that shows a folder and lets the user choose another."""

    directoryChanged = Signal(str)
    directorySelected = Signal(str)

    def __init__(self, *arguments):
        super().__init__(*(a for a in arguments if isinstance(a, QtWidgets.QWidget)))
        self._directory, self._caption = QtCore.QDir.currentPath(), ""
        self._button = QtWidgets.QPushButton(self._directory)
        box = QtWidgets.QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._button)
        self._button.clicked.connect(self.browse)

    def _setDirectory(self, directory):
        if directory != self._directory:
            self._directory = directory
            self._button.setText(directory)
            self.directoryChanged.emit(directory)

    def browse(self):
        directory = QtWidgets.QFileDialog.getExistingDirectory(self, self._caption, self._directory)
        if directory:
            self._setDirectory(directory)
            self.directorySelected.emit(directory)

    directory = Property(str, lambda self: self._directory, _setDirectory)
    caption = field(str, "_caption")
    text = Property(str, lambda self: self._button.text, lambda self, text: self._button.setText(text))


class ctkMessageBox(QtWidgets.QMessageBox):
    """A message box that can remember not to be shown again."""

    def __init__(self, *parent):
        super().__init__(*parent)
        self._dontShowAgainSettingsKey = ""
        self._roles = []

    def setDontShowAgain(self, on):
        if self.checkBox() is None:
            self.setCheckBox(QtWidgets.QCheckBox("Don't show this message again"))
        self.checkBox().setChecked(on)

    def addDontShowAgainButtonRole(self, role):
        self._roles.append(role)

    dontShowAgain = Property(bool, lambda s: bool(s.checkBox() and s.checkBox().isChecked()), setDontShowAgain)
    dontShowAgainSettingsKey = field(str, "_dontShowAgainSettingsKey")
    dontShowAgainVisible = Property(
        bool, lambda s: s.checkBox() is not None, lambda s, on: s.setDontShowAgain(False) if on else s.setCheckBox(None)
    )
