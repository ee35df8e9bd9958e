"""``qt.QUiLoader`` that knows the ctk and qMRML stand-ins."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from PySide6 import QtCore, QtUiTools, QtWidgets

from host import ctk_sliders, ctk_widgets, mrml_widgets, pythonqt_patch


class QUiLoader(QtUiTools.QUiLoader):
    """Loads a .ui file as Slicer does: custom widgets by class name, scene connections included."""

    def load(self, device, *parent):
        """Load the widget described in QFile `device`.

        Raises RuntimeError when the file uses a class that has no stand-in, or whose stand-in could not be made
        (Qt would silently put a plain QWidget there).
        """
        tree = ElementTree.parse(device.fileName())
        for name in {element.get("class") for element in tree.iter("widget")}:
            for library in (ctk_sliders, ctk_widgets, mrml_widgets):
                cls = vars(library).get(name)
                if isinstance(cls, type) and issubclass(cls, QtWidgets.QWidget) and cls.__module__ == library.__name__:
                    self.registerCustomWidget(cls)
        sceneConnections = _takeVtkConnections(tree.getroot())
        if sceneConnections:
            buffer = QtCore.QBuffer()
            buffer.setData(ElementTree.tostring(tree.getroot()))
            buffer.open(QtCore.QIODevice.ReadOnly)
            device = buffer
        pythonqt_patch.ignoreUnknownAttributes = True
        try:
            widget = super().load(device, *parent)
        finally:
            pythonqt_patch.ignoreUnknownAttributes = False
        if widget is None:
            return None
        children = {child.objectName: child for child in [widget, *widget.findChildren(QtCore.QObject)]}
        # Without a reference PySide6 forgets the Python half of the stand-ins.
        widget.__dict__["_wrappers"] = children
        _checkClasses(tree.getroot(), children)
        for sender, signal, receiver, slot in sceneConnections:
            getattr(children[sender], signal).connect(getattr(children[receiver], slot))
        return widget


def _takeVtkConnections(root):
    """Remove the connections that carry VTK objects, which PySide6 cannot make, and return them as name tuples."""
    taken = []
    for connections in root.iter("connections"):
        for connection in list(connections):
            text = {tag: connection.findtext(tag) for tag in ("sender", "signal", "receiver", "slot")}
            if "(vtk" in text["signal"]:
                connections.remove(connection)
                taken.append(
                    (text["sender"], text["signal"].split("(")[0], text["receiver"], text["slot"].split("(")[0])
                )
    return taken


def _checkClasses(root, children):
    for element in root.iter("widget"):
        name, className = element.get("name"), element.get("class")
        made = children.get(name)
        if className not in {cls.__name__ for cls in type(made).__mro__}:
            raise RuntimeError(f"{name}: wanted a {className}, got a {type(made).__name__}")
