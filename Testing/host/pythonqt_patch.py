"""The patches of `host.pythonqt`, in a module of its own: the class dictionaries that PySide6 shows here are those of
the ``true_property`` feature, which is chosen by the name of the module that runs the code."""

from __future__ import annotations

from PySide6 import QtCore, QtGui

from host import facts

# Properties that PythonQt hides in favour of a method of the same name.
_METHOD_WINS = {("QTimer", "singleShot")}

# Set while a form is loaded: PySide6's QUiLoader stores the children as attributes of the root, PythonQt's does not.
ignoreUnknownAttributes = False


def giveBackMethods(plain):
    """Add the getters and setters that ``true_property`` removed, unless the name is a property now.

    plain: {class: {name: method}} as seen without the feature.
    """
    for cls, methods in plain.items():
        present = vars(cls)
        for name, method in methods.items():
            if name not in present:
                setattr(cls, name, method)


def addProperties(classes):
    """Make every property of the real class an attribute, where PySide6 declares no Python property for it."""
    for className, cls in classes.items():
        for name in facts.qtClass(className).get("properties", []):
            if (className, name) in _METHOD_WINS:
                continue
            present = _lookUp(cls, name)
            if isinstance(present, QtCore.Signal) or hasattr(type(present), "__set__"):
                continue
            setattr(cls, name, _metaProperty(name))


def takeAwayProperties(classes, plain):
    """What is a property in Qt 6 alone is a method in Slicer's Qt 5.15, or nothing at all."""
    for className, cls in classes.items():
        for name, kind in facts.qtClass(className).get("only_qt6", {}).items():
            method = plain.get(cls, {}).get(name)
            setattr(cls, name, method if kind == "method" and method is not None else _absent(className, name))


def _absent(className, name):
    def read(self):
        raise AttributeError(f"{className} has no attribute named '{name}'")

    return property(read)


def _metaProperty(name):
    def read(self):
        return self.property(name)

    def write(self, value):
        if not self.setProperty(name, value):
            raise AttributeError(f"{type(self).__name__}.{name} cannot be set to {value!r}")

    return property(read, write)


def addDecorators(QObject):
    """What PythonQt adds to every QObject: ``name`` (the object name) and ``className()``; and methods that have their
    C++ name there, but not in PySide6."""
    QObject.name = property(lambda self: self.objectName, lambda self, value: self.setObjectName(value))
    QObject.className = lambda self: self.metaObject().className()
    QtGui.QTextDocument.print = QtGui.QTextDocument.print_


def refuseUnknownAttributes(classes):
    """Raise AttributeError when an attribute is written that the class lacks, as PythonQt does.

    Python subclasses may get new attributes, except the stand-ins of this package, which play wrapped classes: those
    keep their own state in names that start with an underscore.
    """
    wrapped = frozenset(classes)

    def __setattr__(self, name, value):
        cls = type(self)
        attribute = _lookUp(cls, name)
        if isinstance(attribute, QtCore.Property) and attribute.fset is not None:
            attribute.fset(self, value)
            return
        if hasattr(type(attribute), "__set__"):
            if getattr(attribute, "fset", True) is None or name in facts.readonly(cls.__name__):
                raise AttributeError(f"Property '{name}' of {cls.__name__} object is not writable")
            attribute.__set__(self, value)
            return
        isWrapped = cls in wrapped or (cls.__module__.startswith("host.") and not name.startswith("_"))
        if isWrapped and isinstance(value, QtCore.SignalInstance):
            # PySide6 itself, which keeps the signals of an object in its dictionary.
            self.__dict__[name] = value
            return
        if isWrapped and ignoreUnknownAttributes:
            return
        if isWrapped:
            if attribute is not None:
                raise AttributeError(f"Slot '{name}' can not be overwritten on {cls.__name__} object")
            raise AttributeError(f"'{name}' does not exist on {cls.__name__} and creating new attributes on C++ "
                                 "objects is not allowed")
        self.__dict__[name] = value

    for cls in classes:
        cls.__setattr__ = __setattr__


def _lookUp(cls, name):
    """The class attribute `name` itself (no descriptor call), or None."""
    for base in cls.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return None


class QProcess(QtCore.QProcess):
    """QProcess whose ``finished`` carries the exit code alone.

    In PythonQt ``process.finished.connect(f)`` takes the first overload, finished(int): a slot that needs the exit
    status too is never run.  Such a slot raises TypeError here.
    """

    finished = QtCore.Signal(int)

    def __init__(self, *parent):
        super().__init__(*parent)
        QtCore.QProcess.finished.__get__(self).connect(self._forwardExitCode)

    def _forwardExitCode(self, exitCode, *exitStatus):
        if exitStatus:  # not the echo of our own signal, which has the same name
            self.finished.emit(exitCode)
