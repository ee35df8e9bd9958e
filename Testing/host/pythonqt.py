"""Let PySide6 behave like PythonQt, the Qt binding of Slicer.

Differences that matter to a scripted module, and what is done here:

- Properties are attributes (``widget.text``): PySide6's ``true_property`` feature, which is chosen by the *name of the
  calling module*.  `speak` switches it on for a module, `ImportHook` for all modules of a folder.
- ``setX()`` and ``isX()`` stay callable beside the property: PySide6 drops them, `install` gives them back.
- Writing an attribute that the class does not have raises AttributeError; plain PySide6 silently stores it.
- ``QProcess.finished`` delivers the exit code only (`QProcess`).
- ``w.name`` is ``objectName``, ``w.className()`` exists, ``QComboBox.currentData`` is a property.

Not imitated: ``isinstance(w, qt.QWidget)`` (False in Slicer for derived classes), tuples instead of lists, enums that
are integers, string connects.  The source check (`host.source_check`) forbids code that depends on these.
"""

from __future__ import annotations

import ctypes
import importlib.abc
import os
import sys

from PySide6 import QtCore, QtGui, QtNetwork, QtPrintSupport, QtUiTools, QtWidgets
from shibokensupport import feature

from host import facts

TRUE_PROPERTY = 0x02
# The tests of the panel use widgets as the module does.
TEST_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "panel")
QT_LIBRARIES = (QtCore, QtGui, QtWidgets, QtNetwork, QtUiTools, QtPrintSupport)


def speak(moduleName):
    """Make attribute access in module `moduleName` follow PythonQt, whether it is imported already or not yet."""
    feature.set_selection(TRUE_PROPERTY, moduleName)


class ImportHook(importlib.abc.MetaPathFinder):
    """Calls `speak` for every module that is imported from one of its folders. Finds nothing itself."""

    def __init__(self):
        self._names = set()

    def addFolder(self, folder):
        for entry in os.listdir(folder):
            name, extension = os.path.splitext(entry)
            if extension == ".py" or (not extension and os.path.isdir(os.path.join(folder, entry))):
                self.addPackage(name)

    def addPackage(self, name):
        self._names.add(name)
        self._speakNow(name)

    @staticmethod
    def _speakNow(name):
        for imported in list(sys.modules):
            if imported.split(".")[0] == name:
                speak(imported)

    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] in self._names:
            speak(fullname)
        return None


importHook = ImportHook()


def qtClasses():
    """All Qt classes that PythonQt offers and PySide6 has: {name: class}."""
    found = {}
    for name in facts.qtClassNames():
        for library in QT_LIBRARIES:
            if hasattr(library, name):
                found[name] = getattr(library, name)
                break
    return found


def _allObjectClasses():
    """Every PySide6 class derived from QObject: a method may be inherited from a class that no one names."""
    classes = set()
    for library in QT_LIBRARIES:
        # dir(), not vars(): PySide6 makes a class when it is first asked for.
        for value in (getattr(library, name) for name in dir(library)):
            if isinstance(value, type) and issubclass(value, QtCore.QObject):
                classes.add(value)
    return classes


def _keepConstantsAlive():
    """Give None, True and False references to spare where they can be used up.

    PySide6 6.12 returns them without counting the reference. From Python 3.12 on they are immortal; an older one aborts
    after some ten thousand calls.
    """
    if sys.version_info < (3, 12):
        for constant in (None, True, False, NotImplemented):
            ctypes.c_ssize_t.from_address(id(constant)).value += 1 << 40


def install():
    """Patch the PySide6 classes, once per process. Returns the namespace of module ``qt``: {name: object}."""
    _keepConstantsAlive()
    classes = _allObjectClasses()
    # Read here, in a module without the feature: these dictionaries hold the C++ getters and setters.
    plain = {cls: {k: v for k, v in vars(cls).items() if not k.startswith("_")} for cls in classes}
    for name in ("host", "slicer", "conftest", "__main__"):
        importHook.addPackage(name)
    if os.path.isdir(TEST_FOLDER):
        importHook.addFolder(TEST_FOLDER)
    if importHook not in sys.meta_path:
        sys.meta_path.insert(0, importHook)
    speak("host.pythonqt_patch")
    from host import pythonqt_patch

    pythonqt_patch.giveBackMethods(plain)
    pythonqt_patch.addProperties(qtClasses())
    pythonqt_patch.takeAwayProperties(qtClasses(), plain)
    pythonqt_patch.addDecorators(QtCore.QObject)
    pythonqt_patch.refuseUnknownAttributes(classes)
    names = dict(qtClasses())
    names.update(Signal=QtCore.Signal, Slot=QtCore.Slot, Property=QtCore.Property, Qt=QtCore.Qt)
    names["QProcess"] = pythonqt_patch.QProcess
    return names
