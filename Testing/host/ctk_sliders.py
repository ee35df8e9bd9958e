"""Stand-ins of the ctk widgets for floating point numbers; see `host.ctk_widgets`."""

from __future__ import annotations

import math

from PySide6 import QtCore, QtWidgets

Signal = QtCore.Signal
Property = QtCore.Property


def field(qtype, name, changed=None):
    """A Property kept in ``self.<name>``; `changed(self)` is called after a write that changed it."""

    def read(self):
        return getattr(self, name)

    def write(self, value):
        if value != getattr(self, name):
            setattr(self, name, value)
            if changed is not None:
                changed(self)

    return Property(qtype, read, write)


class ctkDoubleSlider(QtWidgets.QWidget):
    """A slider over floating point values."""

    valueChanged = Signal(float)
    sliderMoved = Signal(float)
    sliderPressed = Signal()
    sliderReleased = Signal()
    rangeChanged = Signal(float, float)

    def __init__(self, *arguments):
        super().__init__(*(a for a in arguments if isinstance(a, QtWidgets.QWidget)))
        self._minimum, self._maximum, self._singleStep, self._pageStep, self._value = 0.0, 99.0, 1.0, 10.0, 0.0
        self._slider = QtWidgets.QSlider(QtCore.Qt.Horizontal, self)
        box = QtWidgets.QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._slider)
        self._slider.valueChanged.connect(self._onSliderChanged)
        self._slider.sliderMoved.connect(lambda position: self.sliderMoved.emit(self._fromPosition(position)))
        self._slider.sliderPressed.connect(self.sliderPressed)
        self._slider.sliderReleased.connect(self.sliderReleased)
        self._updateRange()

    def _fromPosition(self, position):
        return min(self._minimum + position * self._singleStep, self._maximum)

    def _toPosition(self, value):
        return int(round((value - self._minimum) / self._singleStep))

    def _updateRange(self):
        before = self._value
        self._slider.blockSignals(True)
        steps = (self._maximum - self._minimum) / self._singleStep
        self._slider.setRange(0, min(max(0, math.ceil(steps - 1e-9)), 2**31 - 1))
        self._slider.setPageStep(max(1, int(round(self._pageStep / self._singleStep))))
        self._slider.blockSignals(False)
        self.setValue(before)
        self.rangeChanged.emit(self._minimum, self._maximum)

    def _onSliderChanged(self, position):
        value = self._fromPosition(position)
        if value != self._value:
            self._value = value
            self.valueChanged.emit(value)

    def setValue(self, value):
        value = min(max(float(value), self._minimum), max(self._maximum, self._minimum))
        changed = value != self._value
        self._value = value
        self._slider.blockSignals(True)
        self._slider.setValue(self._toPosition(value))
        self._slider.blockSignals(False)
        if changed:
            self.valueChanged.emit(value)

    def setOrientation(self, orientation):
        self._slider.setOrientation(orientation)

    value = Property(float, lambda self: self._value, setValue)
    minimum = field(float, "_minimum", _updateRange)
    maximum = field(float, "_maximum", _updateRange)
    singleStep = field(float, "_singleStep", _updateRange)
    pageStep = field(float, "_pageStep", _updateRange)
    tracking = Property(bool, lambda self: self._slider.hasTracking(), lambda self, on: self._slider.setTracking(on))
    orientation = Property(QtCore.Qt.Orientation, lambda self: self._slider.orientation, setOrientation)


class ctkSliderWidget(QtWidgets.QWidget):
    """A slider and a spin box that show the same floating point value."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    decimalsChanged = Signal(int)

    def __init__(self, *parent):
        super().__init__(*parent)
        self._slider = ctkDoubleSlider()
        self._spinBox = QtWidgets.QDoubleSpinBox()
        self._tracking = True
        box = QtWidgets.QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._slider, 1)
        box.addWidget(self._spinBox)
        self._spinBox.valueChanged.connect(self._onSpinBox)
        self._slider.valueChanged.connect(self._onSlider)
        self._slider.sliderReleased.connect(self._onReleased)

    def _onSpinBox(self, value):
        self._slider.blockSignals(True)
        self._slider.setValue(value)
        self._slider.blockSignals(False)
        self.valueChanged.emit(value)

    def _onSlider(self, value):
        if self._tracking or not self._slider._slider.isSliderDown():
            self._spinBox.setValue(value)
        else:
            self.valueIsChanging.emit(value)

    def _onReleased(self):
        self._spinBox.setValue(self._slider.value)

    def setValue(self, value):
        self._spinBox.setValue(float(value))

    def reset(self):
        self.setValue(self.minimum)

    def setDecimals(self, decimals):
        if decimals != self._spinBox.decimals:
            self._spinBox.setDecimals(decimals)
            self.decimalsChanged.emit(decimals)

    def setSpinBoxVisible(self, visible):
        self._spinBox.setVisible(visible)

    def _setLimit(self, name, value):
        setattr(self._slider, name, value)
        setattr(self._spinBox, name, value)

    value = Property(float, lambda self: self._spinBox.value, setValue)
    minimum = Property(float, lambda s: s._spinBox.minimum, lambda s, v: s._setLimit("minimum", v))
    maximum = Property(float, lambda s: s._spinBox.maximum, lambda s, v: s._setLimit("maximum", v))
    singleStep = Property(float, lambda s: s._spinBox.singleStep, lambda s, v: s._setLimit("singleStep", v))
    pageStep = Property(float, lambda s: s._slider.pageStep, lambda s, v: setattr(s._slider, "pageStep", v))
    decimals = Property(int, lambda s: s._spinBox.decimals, setDecimals)
    prefix = Property(str, lambda s: s._spinBox.prefix, lambda s, v: s._spinBox.setPrefix(v))
    suffix = Property(str, lambda s: s._spinBox.suffix, lambda s, v: s._spinBox.setSuffix(v))
    spinBoxVisible = Property(bool, lambda s: not s._spinBox.isHidden(), setSpinBoxVisible)
    tracking = field(bool, "_tracking")


class ctkDoubleSpinBox(QtWidgets.QWidget):
    """A spin box over floating point values."""

    valueChanged = Signal(float)
    decimalsChanged = Signal(int)
    editingFinished = Signal()

    def __init__(self, *parent):
        super().__init__(*parent)
        self._spinBox = QtWidgets.QDoubleSpinBox()
        box = QtWidgets.QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._spinBox)
        self._spinBox.valueChanged.connect(self.valueChanged)
        self._spinBox.editingFinished.connect(self.editingFinished)

    def setValue(self, value):
        self._spinBox.setValue(float(value))

    def stepUp(self):
        self._spinBox.stepUp()

    def stepDown(self):
        self._spinBox.stepDown()

    def setDecimals(self, decimals):
        if decimals != self._spinBox.decimals:
            self._spinBox.setDecimals(decimals)
            self.decimalsChanged.emit(decimals)

    value = Property(float, lambda s: s._spinBox.value, setValue)
    minimum = Property(float, lambda s: s._spinBox.minimum, lambda s, v: s._spinBox.setMinimum(v))
    maximum = Property(float, lambda s: s._spinBox.maximum, lambda s, v: s._spinBox.setMaximum(v))
    singleStep = Property(float, lambda s: s._spinBox.singleStep, lambda s, v: s._spinBox.setSingleStep(v))
    decimals = Property(int, lambda s: s._spinBox.decimals, setDecimals)
    prefix = Property(str, lambda s: s._spinBox.prefix, lambda s, v: s._spinBox.setPrefix(v))
    suffix = Property(str, lambda s: s._spinBox.suffix, lambda s, v: s._spinBox.setSuffix(v))
