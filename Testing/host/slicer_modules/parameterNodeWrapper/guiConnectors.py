"""Which widget can show which parameter. As in Slicer, the exact class of the widget decides."""

from __future__ import annotations

import dataclasses
import enum

import ctk
import qt
import slicer

from .validators import Choice, Maximum, Minimum, WithinRange


@dataclasses.dataclass
class Decimals:
    value: int


@dataclasses.dataclass
class SingleStep:
    value: float


class GuiConnector:
    """Reads a widget, writes it, and calls back when the user changed it."""

    def __init__(self, widget, signal, read, write):
        self._widget, self._signal, self._read, self._write = widget, signal, read, write
        self._callback = None

    def onChanged(self, callback):
        """Connect `callback`, or disconnect with None."""
        if callback is not None and self._callback is None:
            self._signal.connect(self.changed)
        elif callback is None and self._callback is not None:
            self._signal.disconnect(self.changed)
        self._callback = callback

    def changed(self, *args):
        if self._callback:
            self._callback()

    def widget(self):
        return self._widget

    def read(self):
        return self._read()

    def write(self, value):
        self._write(value)


def createGuiConnector(widget, datatype, annotations=()):
    """Connector between `widget` and a parameter. Raises RuntimeError when the two do not fit."""
    for widgetTypes, fits, make in _CONNECTORS:
        if type(widget) in widgetTypes and fits(datatype, annotations):
            return make(widget, datatype, annotations)
    raise RuntimeError(f"Unable to create GUI connector from datatype '{datatype}' to widget type '{type(widget)}'")


def _first(annotations, kind):
    return next((a for a in annotations if isinstance(a, kind)), None)


def _property(widget, signal, name):
    def read():
        return getattr(widget, name)

    def write(value):
        if getattr(widget, name) != value:
            setattr(widget, name, value)

    return GuiConnector(widget, signal, read, write)


def _toBool(widget, datatype, annotations):
    if not widget.checkable:
        widget.checkable = True
    return _property(widget, widget.toggled, "checked")


def _toNumber(widget, datatype, annotations):
    within = _first(annotations, WithinRange)
    minimum, maximum = _first(annotations, Minimum), _first(annotations, Maximum)
    low = within.minimum if within else minimum.minimum if minimum else None
    high = within.maximum if within else maximum.maximum if maximum else None
    if type(widget) in (qt.QSlider, ctk.ctkSliderWidget) and (low is None or high is None):
        raise RuntimeError(f"{type(widget).__name__} needs a parameter with bounds")
    for kind, name in ((Decimals, "decimals"), (SingleStep, "singleStep")):
        annotation = _first(annotations, kind)
        if annotation is not None:
            setattr(widget, name, annotation.value)
    if low is not None:
        widget.minimum = low
    if high is not None:
        widget.maximum = high
    return _property(widget, widget.valueChanged, "value")


def _toList(widget, entries):
    """`entries`: (label, value) pairs. The combo box is cleared and filled, as in Slicer."""
    widget.clear()
    for label, _ in entries:
        widget.addItem(label)
    values = [value for _, value in entries]

    def write(value):
        if value not in values:
            raise ValueError(f"Unable to find value {value} in choices {values}")
        widget.currentIndex = values.index(value)

    return GuiConnector(widget, widget.currentIndexChanged, lambda: values[widget.currentIndex], write)


def _toChoice(widget, datatype, annotations):
    choice = _first(annotations, Choice)
    if choice is None:
        raise RuntimeError("A combo box needs a parameter with the Choice annotation.")
    return _toList(widget, [(str(c), c) for c in choice.choices])


def _toEnum(widget, datatype, annotations):
    label = getattr(datatype, "label", lambda value: value.name)
    return _toList(widget, [(label(value), value) for value in datatype])


def _toNode(widget, datatype, annotations):
    widget.nodeTypes = [datatype.__name__]
    return GuiConnector(widget, widget.currentNodeChanged, widget.currentNode, widget.setCurrentNode)


def _isNode(datatype, annotations):
    return isinstance(datatype, type) and issubclass(datatype, slicer.vtkMRMLNode)


def _isEnum(datatype, annotations):
    return isinstance(datatype, type) and issubclass(datatype, enum.Enum)


def _is(*types):
    return lambda datatype, annotations: datatype in types


# Widget classes, test of the parameter, factory. The order matters: an Enum combo box comes before a Choice.
_CONNECTORS = (
    ((qt.QCheckBox, qt.QPushButton, ctk.ctkCheckBox), _is(bool), _toBool),
    ((qt.QSlider, qt.QSpinBox), _is(int), _toNumber),
    ((qt.QDoubleSpinBox, ctk.ctkSliderWidget, ctk.ctkDoubleSlider, ctk.ctkDoubleSpinBox), _is(int, float), _toNumber),
    ((qt.QComboBox, ctk.ctkComboBox), _isEnum, _toEnum),
    ((qt.QComboBox, ctk.ctkComboBox), _is(int, float, str, bool), _toChoice),
    ((qt.QLineEdit,), _is(str), lambda widget, d, a: _property(widget, widget.textChanged, "text")),
    ((slicer.qMRMLNodeComboBox,), _isNode, _toNode),
)
