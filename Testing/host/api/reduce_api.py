"""Reduce a folder of API facts (widgets.json, qt.json, python.json) to the classes that the module and the host use.

    python Testing/host/api/reduce_api.py FOLDER [RUNTIME.json]

The ancestors of a class are kept with it. Run again after adding a class to ``CLASSES``. RUNTIME.json (by default
``runtime_5.12.json`` in the folder) lists what a running Slicer on Qt 5.15 has: what is a property, signal or slot
of Qt 6 alone is left out, and properties that cannot be written are told from the others.
"""

from __future__ import annotations

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

def names(text):
    return text.split()


WIDGETS = names("""
ctkCheckBox ctkCollapsibleButton ctkCollapsibleGroupBox ctkComboBox ctkDICOMDatabase ctkDirectoryButton ctkDoubleSlider
ctkDoubleSpinBox ctkMessageBox ctkPathLineEdit ctkPushButton ctkSliderWidget qMRMLAbstractViewWidget
qMRMLLayoutManager qMRMLNodeComboBox qMRMLPlotView qMRMLPlotViewControllerWidget qMRMLPlotWidget
qMRMLSegmentEditorWidget qSlicerExtensionsManagerModel
qMRMLSliceControllerWidget qMRMLSliceView qMRMLSliceWidget
qMRMLThreeDView qMRMLThreeDViewControllerWidget qMRMLThreeDWidget qMRMLViewControllerBar qMRMLWidget
qSlicerAbstractCoreModule qSlicerAbstractModule qSlicerAbstractModuleWidget qSlicerApplication
qSlicerCoreApplication qSlicerCoreIOManager qSlicerIOManager qSlicerLayoutManager qSlicerLoadableModule
qSlicerModuleFactoryManager qSlicerModuleManager qSlicerScriptedLoadableModule
qSlicerScriptedLoadableModuleWidget qSlicerWidget qSlicerMainWindow qSlicerModuleSelectorToolBar
""")

QT = names("""
Qt QAbstractButton QAbstractItemModel QAbstractItemView QAbstractScrollArea QAbstractSlider QAbstractSpinBox
QAction QApplication QBoxLayout QBrush QByteArray QCheckBox QColor QComboBox QCoreApplication QCursor
QDateTime QDesktopServices QDialog QDialogButtonBox QDir QDockWidget QDoubleSpinBox QEvent QEventLoop QFile
QFileDialog QFileInfo QFont QFontMetrics QFormLayout QFrame QGridLayout QGroupBox QGuiApplication QHBoxLayout
QHeaderView QIcon QImage QItemSelectionModel QKeySequence QLabel QLayout QLineEdit QLocale QMainWindow QMenu
QMessageBox QModelIndex QObject QPainter QPen QPixmap QPlainTextEdit QPoint QPointF QProcess
QProcessEnvironment QProgressBar QProgressDialog QPushButton QRadioButton QRect QRectF QScrollArea QSettings
QShortcut QSize QSizePolicy QSlider QSpacerItem QSpinBox QSplitter QStandardPaths QStatusBar QStyle
QStyledItemDelegate QSysInfo QTabWidget QTableView QTableWidget QTableWidgetItem QTextBrowser QTextEdit QTimer
QToolBar QToolButton QUiLoader QUrl QVBoxLayout QWidget QIODevice QAbstractTableModel QTextDocument QPrinter
QPdfWriter
""")

# Known at run time by their class alone: what an object of them has was not seen.
NOT_PROBED = {"QApplication", "QGuiApplication", "QCoreApplication", "QAbstractItemModel"}

# Classes whose base the facts lack: ctkVTKOpenGLNativeWidget derives from a QWidget by way of QVTKOpenGLNativeWidget.
BRIDGES = {"ctkVTKOpenGLNativeWidget": {"inherits": ["QWidget"]}}

PYTHON_MODULES = names("""
slicer slicer.ScriptedLoadableModule slicer.i18n slicer.packaging slicer.util slicer.testing
slicer.parameterNodeWrapper slicer.parameterNodeWrapper.default slicer.parameterNodeWrapper.guiConnectors
slicer.parameterNodeWrapper.parameterPack slicer.parameterNodeWrapper.serializers
slicer.parameterNodeWrapper.types slicer.parameterNodeWrapper.util slicer.parameterNodeWrapper.validators
slicer.parameterNodeWrapper.wrapper
""")

KEPT = ("signals", "slots", "invokables", "decorators", "static_decorators", "enums", "wrapped_methods",
        "static_methods", "constructors", "python_constructors", "not_callable_because_property", "cpp_only",
        "absent_in")


def reduced(record):
    kept = {key: record[key] for key in KEPT if record.get(key)}
    bases = record.get("inherits") or record.get("base") or []
    kept["inherits"] = [bases] if isinstance(bases, str) else bases
    kept["properties"] = sorted(record.get("properties") or [])
    return kept


def _isReadonly(name, lineage):
    """A class may make writable what its base shows only: the nearest one that has the property decides."""
    nearest = next((one for one in lineage if name in (*one.get("writable", ()), *one.get("readonly", ()))), {})
    return name in nearest.get("readonly", ())


def onlyOfBoth(name, record, runtime):
    """`record` without the properties, signals and slots that Qt 5 does not have in the same role."""
    real = runtime.get(name)
    if real is None or name in NOT_PROBED or real.get("made") is None:
        return record
    lineage = [real]
    while lineage[-1].get("base") in runtime:
        lineage.append(runtime[lineage[-1]["base"]])
    properties = {each for one in lineage for kind in ("writable", "readonly") for each in one.get(kind, ())}
    signals = {each.split("(")[0] for one in lineage for each in one.get("signals", ())}
    methods = {each for one in lineage for each in one.get("methods", ())}
    both = dict(record, properties=[each for each in record["properties"] if each in properties])
    both["readonly"] = [each for each in both["properties"] if _isReadonly(each, lineage)]
    both["only_qt6"] = {each: "method" if each in methods else "absent"
                        for each in sorted(set(record["properties"]) - set(both["properties"]))}
    for kind, known in (("signals", signals), ("slots", methods | properties)):
        if record.get(kind):
            both[kind] = [each for each in record[kind] if each.split("(")[0] in known]
    return both


def withAncestors(names, catalogues):
    """`names` and all their ancestors, as {name: reduced record}, split by the catalogue that holds them."""
    chosen = [{} for _ in catalogues]
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        for catalogue, kept in zip(catalogues, chosen):
            if name in catalogue and name not in kept:
                kept[name] = reduced(catalogue[name])
                waiting.extend(kept[name]["inherits"])
    return chosen


def write(name, records):
    """One class a line: small, and a change shows up as a changed line."""
    lines = [f"{json.dumps(key)}: {json.dumps(records[key], sort_keys=True)}" for key in sorted(records)]
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


def main(folder, runtime=""):
    def load(name):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return json.load(file)

    python = load("python.json")
    with open(runtime or os.path.join(folder, "runtime_5.12.json"), encoding="utf-8") as file:
        real = json.load(file)
    widgets, qt = withAncestors(WIDGETS + QT, [{**load("widgets.json"), **BRIDGES}, load("qt.json")["classes"]])
    write("widgets.json", {name: onlyOfBoth(name, record, real) for name, record in widgets.items()})
    write("qt.json", {name: onlyOfBoth(name, record, real) for name, record in qt.items()})
    modules = {}
    for module in PYTHON_MODULES:
        modules[module] = sorted(name for name in python[module] if not name.startswith("_"))
    write("python.json", modules)
    missing = sorted(set(WIDGETS + QT) - set(widgets) - set(qt))
    print("not in the facts:", " ".join(missing) or "none")


if __name__ == "__main__":
    main(*sys.argv[1:])
