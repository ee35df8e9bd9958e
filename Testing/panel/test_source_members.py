"""Every attribute of the panel's source and form against what Slicer has on Qt 5 and on Qt 6 alike."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("slicer", reason="the check looks into slicer-core")

import host
from host import source_check
from host.members import forms, walk

EXTENSION = Path(__file__).resolve().parents[2] / "SPMambaExtension"
FORMS = sorted(EXTENSION.glob("Resources/UI/*.ui"))
REVIEWED = Path(host.__file__).parent / "members" / "reviewed_types.txt"
WIDGETS = {name: kind for form in FORMS for name, kind in source_check.widgetsOf(form).items()}


def moduleName(path):
    return ".".join(path.relative_to(EXTENSION).with_suffix("").parts).replace(".__init__", "")


def sources():
    paths = [*EXTENSION.glob("*.py"), *EXTENSION.glob("SPMambaPanel/**/*.py")]
    return {moduleName(path): path.read_text(encoding="utf-8") for path in sorted(paths)}


@pytest.fixture(scope="module")
def reviewed():
    return walk.readReviewed(REVIEWED.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def walked(reviewed):
    return walk.walk(sources(), WIDGETS, reviewed)


def test_every_member_of_the_panel_exists(walked):
    assert not walked.problems, "\n".join(f"{module}:{line}: {text}" for module, line, text in walked.problems)


def test_nothing_is_skipped_in_silence(walked):
    assert not walked.untyped, f"what are these? say it in {REVIEWED.name}: {sorted(walked.untyped)}"
    assert walked.counts["untyped"] == 0


def test_the_reviewed_list_has_no_stale_line(walked):
    assert not walked.unused


def test_the_walk_reaches_qt_and_vtk(walked):
    """Floors, so that a walk that knows nothing does not pass."""
    assert walked.counts["qt"] > 250 and walked.counts["vtk"] > 400 and walked.counts["ui"] > 150


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.name)
def test_form_sets_what_slicer_has(form):
    assert not forms.formProblems(form)


# Negative controls: a line of the panel broken as it could be in truth ------------------------------------------------

BROKEN = [
    ("SPMambaPanel.sections.findingstable", "header.setSectionsClickable(True)", "header.sectionsClickable = True",
     "not a property in Slicer"),
    ("SPMambaPanel.sections.findingstable", "font.setStrikeOut(True)", "font.setStruck(True)", "QFont.setStruck"),
    ("SPMambaPanel.sections.findingstable", "table.blockSignals(wasBlocked)",
     "table.blockSignal(wasBlocked)", "blockSignal "),
    ("SPMambaPanel.sections.views", "widget.plotView()", "widget.plotViews()", "qMRMLPlotWidget.plotViews"),
    ("SPMambaPanel.sections.views", "button.enabled = left > 0", "button.isEnabled = left > 0", "call its setter"),
    ("SPMambaPanel.scene.sliceplot", "node.SetLineWidth(width)",
     "node.SetLineThick(width)", "SetLineThick does not exist"),
    ("SPMambaPanel.reading.display", "composite.SetLabelOpacity(0.0)",
     "composite.SetLabelOpaque(0.0)", "SetLabelOpaque"),
    ("SPMambaPanel.scene.volumeinfo", "database.isOpen", "database.isOpened", "ctkDICOMDatabase.isOpened"),
    ("SPMambaPanel.sections.export", "editor.setSegmentationNode(node)", "editor.setSegmentation(node)",
     "qMRMLSegmentEditorWidget.setSegmentation"),
    ("SPMambaPanel.scene.tables", "v.ToDouble()", "v.AsDouble()", "vtkVariant.AsDouble"),
    ("SPMamba", "self.workplace.guard.onViewsChanged()", "self.workplace.guard.onSightsChanged()",
     "has no onSightsChanged"),
    ("SPMambaPanel.casecontroller", "ui.detectButton.clicked.connect",
     "ui.detectButton.click.connect", "is not a signal"),
    ("SPMambaPanel.detection.workerclient", "process.started.connect", "process.started.connectTo", "has no connectTo"),
    ("SPMamba", "self.ui.inputSelector.setMRMLScene", "self.ui.inputSelektor.setMRMLScene", "no such name"),
]


@pytest.fixture(scope="module")
def walkedBroken(reviewed):
    """All lines broken at once: one walk for all."""
    texts = sources()
    for module, line, broken, _ in BROKEN:
        assert line in texts[module]
        texts[module] = texts[module].replace(line, broken)
    return walk.walk(texts, WIDGETS, reviewed)


@pytest.mark.parametrize("module, line, broken, expected", BROKEN, ids=[each[2] for each in BROKEN])
def test_a_broken_line_is_noticed(module, line, broken, expected, walkedBroken):
    assert any(name == module and expected in text for name, _, text in walkedBroken.problems), walkedBroken.problems


WAYS = {
    "an attribute": "class A:\n  def f(self):\n    self.t = qt.QTableWidget()\n  def g(self):\n    self.t.foo",
    "what a function gives": "def f():\n  return qt.QTableWidget()\ndef g():\n  f().foo",
    "what a function is given": "def f(t):\n  t.foo\ndef g():\n  f(qt.QTableWidget())",
    "each of a list": "def f():\n  for t in [qt.QTableWidget(), qt.QTableWidget()]:\n    t.foo",
    "a tuple": "def f():\n  n, t = 1, qt.QTableWidget()\n  t.foo",
    "a comprehension": "def f():\n  return [t.foo for t in (qt.QTableWidget(),)]",
    "what two have in common": "def f(x):\n  t = qt.QTableWidget() if x else qt.QLabel()\n  t.foo",
    "a node by its class": "import slicer\ndef f():\n  slicer.mrmlScene.AddNewNodeByClass('vtkMRMLTextNode').foo",
    "a signal": "def f():\n  qt.QPushButton().clicked.foo",
    "what VTK's documentation says": "import slicer\ndef f():\n  slicer.vtkMRMLTableNode().GetTable().foo",
}


@pytest.mark.parametrize("way", WAYS)
def test_an_object_is_followed_through(way):
    walked = walk.walk({"m": "import qt\n" + WAYS[way]}, {})
    assert len(walked.problems) == 1 and "foo" in walked.problems[0][2], walked


def test_what_cannot_be_typed_is_listed_and_checked_by_name():
    text = "def f(anything):\n  anything.foo\n  anything.sectionsClickable = True"
    walked = walk.walk({"m": text}, {})
    assert walked.untyped == {("m", "anything.foo"), ("m", "anything.sectionsClickable")}
    assert [problem[2] for problem in walked.problems] == ["sectionsClickable is a property in Qt 6 only"]


def test_a_reviewed_type_is_checked_and_a_stale_one_told():
    reviewed = walk.readReviewed("# why\nm  anything  QLabel\nm  gone  plain\n")
    walked = walk.walk({"m": "def f(anything):\n  anything.text\n  anything.foo"}, {}, reviewed)
    assert [problem[2] for problem in walked.problems] == ["QLabel.foo does not exist in Slicer"]
    assert walked.unused == {("m", "gone")} and not walked.untyped
    with pytest.raises(ValueError, match="not in the facts"):
        walk.readReviewed("m  anything  QNoSuchWidget")


def test_a_broken_form_is_noticed(tmp_path):
    form = tmp_path / "broken.ui"
    form.write_text("""<ui><widget class="QTableWidget" name="t"><property name="sortingEnabeld"><bool>true</bool>
        </property></widget>
        <widget class="QComboBox" name="b"><property name="count"><number>1</number></property></widget>
        <connections><connection><sender>b</sender><signal>clicked()</signal><receiver>t</receiver><slot>clear()</slot>
        </connection></connections></ui>""", encoding="utf-8")
    assert forms.formProblems(form) == [
        "t: QTableWidget.sortingEnabeld is not a property in Slicer",
        "b: QComboBox.count cannot be written in Slicer", "connection: b has no clicked"]
