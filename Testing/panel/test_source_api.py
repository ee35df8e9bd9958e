"""The module's source and the stand-ins against the facts about the real classes."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("slicer", reason="the check looks into slicer-core")
pytest.importorskip("PySide6", reason="the stand-ins need PySide6")

import host
from host import facts, source_check

EXTENSION = Path(__file__).resolve().parents[2] / "SPMambaExtension"
SOURCES = sorted(EXTENSION.glob("*.py")) + sorted(EXTENSION.glob("SPMambaPanel/**/*.py"))
WIDGETS = {}
for form in sorted(EXTENSION.glob("Resources/UI/*.ui")):
    WIDGETS.update(source_check.widgetsOf(form))

EXAMPLE_WIDGETS = {
    "selector": "qMRMLNodeComboBox", "slider": "ctkSliderWidget", "button": "QPushButton", "box": "QComboBox"
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_source_uses_what_slicer_has(path):
    problems = source_check.checkSource(path.read_text(encoding="utf-8"), WIDGETS)
    assert not problems, "\n".join(f"{path.name}:{line}: {text}" for line, text in problems)


@pytest.mark.parametrize("name", sorted(WIDGETS))
def test_form_uses_known_classes(name):
    assert facts.hasClass(WIDGETS[name])


# Each snippet breaks one rule; the text is part of the expected problem.
BAD = [
    ("import PySide6.QtCore", "import of PySide6"),
    ("from torch import nn", "import of torch"),
    ("qt.QNoSuchWidget()", "qt.QNoSuchWidget is not in the facts"),
    ("qt.QThread()", "qt.QThread is not in the facts"),
    ("qt.QMessageBox.Okay", "qt.QMessageBox.Okay does not exist"),
    ("qt.Qt.AlignmentFlag.AlignLeft", "scoped enum"),
    ("qt.QProcess.ProcessState.Running", "scoped enum"),
    ("ctk.ctkNoSuchButton()", "not in the facts"),
    ("slicer.util.loadVolumes()", "slicer.util.loadVolumes"),
    ("slicer.vtkMRMLNoSuchNode()", "not in the facts"),
    ("slicer.app.mainWindow()", "qSlicerApplication.mainWindow does not exist"),
    ("slicer.app.temporaryPath()", "is a property"),
    ("slicer.mrmlScene.GetNodeByNames('a')", "does not exist"),
    ("dialog.exec()", "exec_()"),
    ("button.connect('clicked()', f)", "by signal text"),
    ("qt.QLabel(text='a')", "keyword arguments"),
    ("ctk.ctkCollapsibleButton(parent=p)", "keyword arguments"),
    ("qt.QTimer.singleShot(msec=1)", "keyword arguments"),
    ("isinstance(w, qt.QWidget)", "isinstance"),
    ("self.ui.button.text()", "QPushButton.text is a property"),
    ("ui.box.currentData()", "QComboBox.currentData is a property"),
    ("ui.slider.setMaximum(3)", "ctkSliderWidget.setMaximum does not exist"),
    ("ui.selector.setNodeTypes([])", "qMRMLNodeComboBox.setNodeTypes does not exist"),
    ("ui.button.enabeld = True", "QPushButton.enabeld does not exist"),
    ("ui.buton.text = 'a'", "no such name in the .ui file"),
    ("b = ui.button\nb.text()", "is a property"),
    ("def f():\n    t = qt.QTimer()\n    t.strat()", "QTimer.strat does not exist"),
    ("class A:\n  def f(self):\n    self.t = qt.QTimer()\n  def g(self):\n    self.t.interval()", "is a property"),
    ("ui.slider.setValue(value=3)", "keyword arguments"),
    ("t = qt.QTableWidget()\nh = t.horizontalHeader()\nh.sectionsClickable = True", "not a property in Slicer"),
    ("qt.QTableWidget().horizontalHeader().sortIndicatorClearable", "does not exist"),
    ("c = qt.QCheckBox()\nc.checkStateChanged.connect(f)", "does not exist"),
    ("ui.box.count = 3", "cannot be written"),
    ("ui.button.click = f", "not a property in Slicer"),
]

GOOD = [
    "ui.button.text = 'a'\nui.button.setText('b')\nui.button.clicked.connect(f)\nui.button.isEnabled()",
    "ui.slider.minimum = 0\nui.slider.setValue(3)\nui.slider.valueChanged.connect(f)",
    "ui.selector.currentNode()\nui.selector.nodeTypes = ['vtkMRMLScalarVolumeNode']\nui.selector.toolTip = 'a'",
    "qt.QTimer.singleShot(0, f)\nt = qt.QTimer()\nt.setSingleShot(True)\nt.isActive()",
    "p = qt.QProcess()\np.state() == qt.QProcess.Running\np.start('a', ['b'])\np.finished.connect(f)",
    "slicer.util.getNode('a')\nslicer.app.temporaryPath\nslicer.app.processEvents()\nslicer.mrmlScene.Clear(0)",
    "slicer.vtkMRMLScene.EndCloseEvent\nqt.Qt.AlignLeft\nqt.QColor(1, 2, 3).name()\nslicer.modules.volumes.logic()",
    "h = qt.QTableWidget().horizontalHeader()\nh.setSectionsClickable(True)\nh.defaultSectionSize = 22",
    "item = qt.QTableWidgetItem('a')\nitem.text()\nitem.setFlags(item.flags() & ~qt.Qt.ItemIsEditable)",
]


@pytest.mark.parametrize("source, expected", BAD, ids=[text for text, _ in BAD])
def test_bad_source_is_reported(source, expected):
    problems = source_check.checkSource(source, EXAMPLE_WIDGETS)
    assert any(expected in text for _, text in problems), problems


@pytest.mark.parametrize("source", GOOD)
def test_good_source_passes(source):
    assert source_check.checkSource(source, EXAMPLE_WIDGETS) == []


# The stand-ins -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def standIns():
    host.start(str(Path(host.__file__).parent / "example" / "Example.py"))
    from host import namespaces

    return namespaces.standIns()


def publicMembers(cls):
    """Names that a stand-in class itself offers: its own and those of the helpers of this package."""
    names = set()
    for base in cls.__mro__:
        if base.__module__.startswith(("host.", __name__)):
            names.update(name for name in vars(base) if not name.startswith("_") and name != "staticMetaObject")
    return names - QT_VIRTUALS


# Protected virtual functions of QWidget: a subclass must name them so, no one calls them.
QT_VIRTUALS = {
    "showEvent", "paintEvent", "resizeEvent", "mousePressEvent", "mouseReleaseEvent", "mouseMoveEvent", "wheelEvent",
    "enterEvent", "leaveEvent",
}


def inventedMembers(cls):
    return publicMembers(cls) - facts.members(cls.__name__)


def test_stand_ins_offer_only_what_the_real_classes_offer(standIns):
    assert len(standIns) > 25
    invented = {name: sorted(inventedMembers(cls)) for name, cls in standIns.items() if inventedMembers(cls)}
    assert not invented


def test_stand_ins_inherit_as_the_real_classes_do(standIns):
    for name, cls in standIns.items():
        assert facts.hasClass(name), name
        isWidget = "QWidget" in facts.ancestors(name)
        assert isWidget == ("QWidget" in {base.__name__ for base in cls.__mro__}), name


def test_an_invented_member_is_noticed(standIns):
    class ctkSliderWidget(standIns["ctkSliderWidget"]):
        def setMaximum(self, value):
            """A C++ method that Python does not see in Slicer."""

    assert inventedMembers(ctkSliderWidget) == {"setMaximum"}


def test_python_stand_ins_offer_only_what_slicer_offers(standIns):
    import slicer.i18n
    import slicer.packaging
    import slicer.parameterNodeWrapper
    import slicer.ScriptedLoadableModule

    for module in (slicer.ScriptedLoadableModule, slicer.i18n, slicer.packaging):
        own = {n for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__ and n[0] != "_"}
        assert own and own <= set(facts.pythonModule(module.__name__)), module.__name__
    offered = set(slicer.parameterNodeWrapper.__all__)
    parts = [m for m in facts.pythonModules() if m.startswith("slicer.parameterNodeWrapper")]
    known = {name for part in parts for name in facts.pythonModule(part)}
    assert offered <= known


def test_every_property_of_a_qt_class_is_an_attribute(standIns):
    """What PythonQt shows as attributes must be attributes here too, or a test would accept what Slicer refuses."""
    import qt

    wrong = []
    for name in sorted(set(WIDGETS.values()) | {"QTimer", "QShortcut", "QTableWidget"}):
        cls = getattr(qt, name, None)
        if cls is None:
            continue
        for member in facts.properties(name) - facts.callableBesideProperty(name):
            if not hasattr(_lookUp(cls, member), "fget"):
                wrong.append(f"{name}.{member}")
    assert not wrong


def _lookUp(cls, name):
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
