"""PythonQt's manners in the test host: what would fail in Slicer must fail here."""

from __future__ import annotations

import os
import sys

import pytest

pytest.importorskip("slicer", reason="the test host needs slicer-core")
pytest.importorskip("PySide6", reason="the test host needs PySide6")

import host


@pytest.fixture(scope="module")
def running():
    return host.start(os.path.join(os.path.dirname(host.__file__), "example", "Example.py"))


@pytest.fixture
def qt(running):
    import qt as module

    running.exceptions.clear()
    yield module
    running.exceptions.clear()


def test_properties_are_attributes(qt):
    button = qt.QPushButton("a")
    assert button.text == "a"
    button.text = "b"
    button.setText(button.text + "c")
    assert button.text == "bc"
    assert button.isEnabled() is True and button.enabled is True
    with pytest.raises(TypeError):
        button.text()


def test_calls_do_not_use_up_none_and_true(qt):
    """PySide6 6.12 on Python before 3.12 takes a reference too many with every call that returns nothing."""
    button = qt.QPushButton("a")
    for _ in range(1000):
        button.text = "b"
    assert sys.version_info >= (3, 12) or min(sys.getrefcount(c) for c in (None, True, False)) > 1 << 30


def test_names_that_pythonqt_adds(qt):
    box = qt.QComboBox()
    box.name = "box"
    box.addItem("one", 1)
    assert (box.objectName, box.className(), box.currentData) == ("box", "QComboBox", 1)
    timer = qt.QTimer()
    timer.setSingleShot(True)
    assert timer.isSingleShot() and callable(qt.QTimer.singleShot)


def test_unknown_attribute_cannot_be_written(running, qt):
    import ctk

    for make, name in ((qt.QPushButton, "enabeld"), (qt.QTimer, "intervall"), (ctk.ctkSliderWidget, "minimun")):
        with pytest.raises(AttributeError, match=name):
            setattr(make(), name, 1)
    with pytest.raises(AttributeError, match="clicked"):
        qt.QPushButton().clicked = None
    with pytest.raises(AttributeError):
        running.widget.ui.thresholdSlider.setMaximum(3)

    class Own(qt.QLabel):
        """A Python subclass may have attributes of its own."""

    own = Own()
    own.remark = "kept"
    assert own.remark == "kept"


def test_finished_delivers_the_exit_code_only(running, qt):
    received = []
    process = qt.QProcess()
    process.finished.connect(lambda code, status="not delivered": received.append((code, status)))
    process.start(sys.executable, ["-c", "raise SystemExit(3)"])
    running.waitFor(lambda: received, 20000)
    assert received == [(3, "not delivered")]
    assert process.exitStatus() == qt.QProcess.NormalExit


def test_slot_that_wants_the_exit_status_fails(running, qt):
    process = qt.QProcess()
    process.finished.connect(lambda code, status: None)
    process.start(sys.executable, ["-c", "pass"])
    running.waitFor(lambda: running.exceptions, 20000)
    assert running.exceptions[0].type is TypeError


def test_form_with_an_unknown_class_is_refused(qt, tmp_path):
    import slicer

    path = tmp_path / "form.ui"
    form = '<ui version="4.0"><widget class="QWidget" name="F"><widget class="{}" name="child"/></widget></ui>'
    path.write_text(form.format("QSlider"))
    assert slicer.util.childWidgetVariables(slicer.util.loadUI(str(path))).child.className() == "QSlider"
    path.write_text(form.format("ctkNoSuchWidget"))
    with pytest.raises(RuntimeError, match="ctkNoSuchWidget|not load"):
        slicer.util.loadUI(str(path))


def test_settings_are_not_those_of_the_user(running, qt):
    import slicer

    settings = qt.QSettings()
    settings.setValue("SPMamba/test", True)
    assert settings.fileName().startswith(slicer.app.temporaryPath)
    assert slicer.util.settingsValue("SPMamba/test", False, converter=slicer.util.toBool) is True


def test_dialogs_are_skipped_in_testing_mode(running):
    import slicer

    assert slicer.app.testingEnabled()
    assert slicer.util.confirmOkCancelDisplay("really?") is False


def test_connect_gui_can_return_none_as_in_older_slicer(running, monkeypatch):
    import slicer
    from slicer.parameterNodeWrapper import wrapper

    parameters = running.widget.parameters
    empty = type("Ui", (), {})()
    assert parameters.connectGui(empty) is not None
    monkeypatch.setattr(wrapper, "connectGuiReturnsNone", True)
    assert parameters.connectGui(empty) is None
    parameters.disconnectGui(None)
    assert slicer.app.majorVersion == 5


def test_packaging_never_installs(running, monkeypatch):
    import slicer.packaging as packaging

    assert packaging.pip_check("numpy")
    assert not packaging.pip_check("no-such-package-here>=1")
    assert packaging.pip_ensure("no-such-package-here") is None
    with pytest.raises(RuntimeError):
        packaging.pip_ensure("no-such-package-here", skip_in_testing=False)


def test_what_is_a_property_in_qt_6_alone_cannot_be_assigned(qt):
    """Slicer 5.12 on Qt 5.15: the panel did not open because of the first of these lines."""
    table = qt.QTableWidget()
    header = table.horizontalHeader()
    with pytest.raises(AttributeError, match="Slot 'sectionsClickable' can not be overwritten on QHeaderView object"):
        header.sectionsClickable = True
    with pytest.raises(AttributeError):
        qt.QVBoxLayout().contentsMargins = None
    with pytest.raises(AttributeError):
        qt.QComboBox().labelDrawingMode = 0
    header.setSectionsClickable(False)
    assert callable(header.sectionsClickable) and header.sectionsClickable() is False
    assert not hasattr(qt.QWidget(), "accessibleIdentifier")


def test_properties_that_slicer_does_not_let_write(qt):
    for thing, name, value in (
        (qt.QComboBox(), "count", 3),
        (qt.QTimer(), "active", True),
        (qt.QWidget(), "width", 20),
    ):
        with pytest.raises(AttributeError, match="not writable"):
            setattr(thing, name, value)
    with pytest.raises(AttributeError, match="does not exist on QLabel"):
        qt.QLabel().colour = "red"
    with pytest.raises(AttributeError, match="Slot 'show' can not be overwritten"):
        qt.QLabel().show = None
