"""Reduce a folder of API facts (widgets.json, qt.json, python.json) to the classes that the module and the host use.

    python Testing/host/api/reduce_api.py FOLDER

The ancestors of a class are kept with it. Run again after adding a class to ``CLASSES``.
"""

from __future__ import annotations

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

def names(text):
    return text.split()


WIDGETS = names("""
ctkCheckBox ctkCollapsibleButton ctkCollapsibleGroupBox ctkComboBox ctkDirectoryButton ctkDoubleSlider
ctkDoubleSpinBox ctkMessageBox ctkPathLineEdit ctkPushButton ctkSliderWidget qMRMLAbstractViewWidget
qMRMLLayoutManager qMRMLNodeComboBox qMRMLPlotView qMRMLPlotViewControllerWidget qMRMLPlotWidget
qMRMLSliceControllerWidget qMRMLSliceView qMRMLSliceWidget
qMRMLThreeDView qMRMLThreeDViewControllerWidget qMRMLThreeDWidget qMRMLViewControllerBar qMRMLWidget
qSlicerAbstractCoreModule qSlicerAbstractModule qSlicerAbstractModuleWidget qSlicerApplication
qSlicerCoreApplication qSlicerCoreIOManager qSlicerIOManager qSlicerLayoutManager qSlicerLoadableModule
qSlicerModuleFactoryManager qSlicerModuleManager qSlicerScriptedLoadableModule
qSlicerScriptedLoadableModuleWidget qSlicerWidget qSlicerMainWindow
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


def main(folder):
    def load(name):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return json.load(file)

    python = load("python.json")
    widgets, qt = withAncestors(WIDGETS + QT, [{**load("widgets.json"), **BRIDGES}, load("qt.json")["classes"]])
    write("widgets.json", widgets)
    write("qt.json", qt)
    modules = {}
    for module in PYTHON_MODULES:
        modules[module] = sorted(name for name in python[module] if not name.startswith("_"))
    write("python.json", modules)
    missing = sorted(set(WIDGETS + QT) - set(widgets) - set(qt))
    print("not in the facts:", " ".join(missing) or "none")


if __name__ == "__main__":
    main(sys.argv[1])
