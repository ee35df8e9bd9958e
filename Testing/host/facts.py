"""Names of the real classes: what `reduce_api.py` kept of the API listing of Slicer, CTK and PythonQt.

``api/widgets.json``: ctk, qMRML and qSlicer classes with properties, signals, slots, invokables, decorators.
``api/qt.json``: Qt classes with constructors, properties, signals, slots, wrapped and static methods.
``api/python.json``: names of the modules slicer.util, slicer.ScriptedLoadableModule, ...
"""

from __future__ import annotations

import functools
import json
import os

_FOLDER = os.path.join(os.path.dirname(__file__), "api")

MEMBER_KINDS = (
    "signals", "slots", "invokables", "decorators", "static_decorators", "wrapped_methods", "static_methods"
)


@functools.cache
def _load(name):
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
        return json.load(file)


def widgetClassNames():
    return list(_load("widgets.json"))


def qtClassNames():
    return list(_load("qt.json"))


def classNames():
    return [*widgetClassNames(), *qtClassNames()]


def qtClass(name):
    return _load("qt.json")[name]


def pythonModule(name):
    """Public names of Python module `name` (e.g. ``slicer.util``), or None if it is not in the facts."""
    return _load("python.json").get(name)


def hasClass(name):
    return name in _load("widgets.json") or name in _load("qt.json")


def _record(name):
    return _load("widgets.json").get(name) or _load("qt.json").get(name)


@functools.cache
def ancestors(name):
    """`name` and the classes it derives from, nearest first; only classes that the facts hold."""
    record = _record(name)
    if record is None:
        return []
    lineage = [name]
    for base in record.get("inherits", []):
        for ancestor in ancestors(base):
            if ancestor not in lineage:
                lineage.append(ancestor)
    return lineage


@functools.cache
def properties(name):
    """Names of the properties of class `name`, inherited ones included."""
    return {p for cls in ancestors(name) for p in _record(cls).get("properties", ())}


@functools.cache
def readonly(name):
    """Properties of class `name` that a running Slicer refuses to write, inherited ones included."""
    refused, decided = set(), set()
    for cls in ancestors(name):  # the nearest class that has the property decides: QDialog.modal is writable
        record = _record(cls)
        refused.update(set(record.get("readonly", ())) - decided)
        decided.update(record.get("properties", ()))
    return refused


def onlyQt6(name):
    """Properties of class `name` itself that Qt 6 alone has: {name: "method" or "absent"} in a Slicer on Qt 5."""
    return _record(name).get("only_qt6", {})


def signals(name):
    """Names of the signals of class `name`, inherited ones included."""
    return {signal.split("(")[0] for cls in ancestors(name) for signal in _record(cls).get("signals", ())}


# What methods give, where the facts do not say it: {method: class}, by the class that has it; "[X]" is a list of X.
_RETURNED = {
    "QTableView": {"horizontalHeader": "QHeaderView", "verticalHeader": "QHeaderView"},
    "QAbstractItemView": {"selectionModel": "QItemSelectionModel", "model": "QAbstractItemModel"},
    "QTableWidget": {"item": "QTableWidgetItem"},
    "QWidget": {"layout": "QLayout"},
    "QMenu": {"addAction": "QAction"},
    "QTableWidgetItem": {"font": "QFont"},
    "QItemSelectionModel": {"selectedRows": "[QModelIndex]", "selectedIndexes": "[QModelIndex]"},
    "QProcess": {"readAllStandardOutput": "QByteArray", "readAllStandardError": "QByteArray",
                 "processEnvironment": "QProcessEnvironment"},
    "qSlicerCoreApplication": {"applicationLogic": "vtkSlicerApplicationLogic",
                               "extensionsManagerModel": "qSlicerExtensionsManagerModel"},
    "qSlicerApplication": {"layoutManager": "qSlicerLayoutManager"},
    "qMRMLLayoutManager": {"layoutLogic": "vtkMRMLLayoutLogic",
                           "plotWidget": "qMRMLPlotWidget", "sliceWidget": "qMRMLSliceWidget",
                           "threeDWidget": "qMRMLThreeDWidget"},
    "qMRMLPlotWidget": {"plotView": "qMRMLPlotView"},
    "qMRMLSliceWidget": {"sliceView": "qMRMLSliceView"},
}


def returned(name, method):
    """Class of what `method` of class `name` gives; None where that is not known."""
    for cls in ancestors(name) if name else ():
        if method in _RETURNED.get(cls, {}):
            return _RETURNED[cls][method]
    return None


def callableBesideProperty(name):
    """Properties of `name` that PythonQt hides behind a method of the same name: QTimer.singleShot."""
    return {"singleShot"} if "QTimer" in ancestors(name) else set()


@functools.cache
def members(name):
    """All names that Python can use on class `name`: properties, signals, slots, methods, enums and their values."""
    names = set(properties(name))
    for cls in ancestors(name):
        record = _record(cls)
        for kind in MEMBER_KINDS:
            names.update(signature.split("(")[0] for signature in record.get(kind, ()))
        for enum, values in record.get("enums", {}).items():
            names.add(enum)
            names.update(values)
    if "QObject" in ancestors(name):
        # PythonQt adds these to every wrapped QObject.
        names.update(("name", "className", "delete", "connect", "disconnect", "help", "parent", "setParent"))
    return names


def pythonModules():
    return list(_load("python.json"))
