"""Stand-ins of modules and their panels: what ``slicer.modules.<name>`` and the module manager are."""

from __future__ import annotations

import importlib.util
import os
import sys

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from host import pythonqt
from host.mrml_widgets import qSlicerWidget

Property = QtCore.Property


class qSlicerAbstractCoreModule(QtCore.QObject):
    """A module: its name and its logic."""

    def __init__(self, name, logic=None, path=""):
        super().__init__()
        self._name, self._logic, self._path = name, logic, path

    def logic(self):
        return self._logic

    def mrmlScene(self):
        return slicer.mrmlScene

    name = Property(str, lambda self: self._name)
    title = Property(str, lambda self: self._name)
    path = Property(str, lambda self: self._path)


class qSlicerAbstractModule(qSlicerAbstractCoreModule):
    """A module that may have a panel."""

    def widgetRepresentation(self):
        return None


class qSlicerLoadableModule(qSlicerAbstractModule):
    """A module that is written in C++ in Slicer; only its logic is here."""


def _described(name):
    """A property that the module's own Python class sets: ``parent.title = ...``."""
    return Property(object, lambda self: self._description[name], lambda self, v: self._description.update({name: v}))


class qSlicerScriptedLoadableModule(qSlicerLoadableModule):
    """A module written in Python: loads the script, makes its panel once."""

    def __init__(self, path):
        name = os.path.splitext(os.path.basename(path))[0]
        self._description = dict.fromkeys(("title", "helpText", "acknowledgementText"), "")
        self._description.update(categories=[], contributors=[], dependencies=[], associatedNodeTypes=[], extensions={})
        self._description.update(hidden=False, index=-1, icon=QtGui.QIcon())
        super().__init__(name, slicer.vtkSlicerScriptedLoadableModuleLogic(), path)
        self._logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        self._logic.SetMRMLScene(slicer.mrmlScene)
        self._representation = None

    def _load(self):
        """Import the script as Slicer does: its folder on sys.path, the module class called with this object."""
        folder = os.path.dirname(self._path)
        pythonqt.importHook.addFolder(folder)
        if folder not in sys.path:
            sys.path.insert(0, folder)
        spec = importlib.util.spec_from_file_location(self._name, self._path)
        script = importlib.util.module_from_spec(spec)
        pythonqt.speak(self._name)
        sys.modules[self._name] = script
        spec.loader.exec_module(script)
        instance = getattr(script, self._name)(self)
        setattr(slicer.modules, self._name + "Instance", instance)

    def widgetRepresentation(self):
        if self._representation is None:
            self._representation = qSlicerScriptedLoadableModuleWidget()
            self._representation._open(self._name)
        return self._representation

    def createNewWidgetRepresentation(self):
        representation = qSlicerScriptedLoadableModuleWidget()
        representation._open(self._name)
        return representation

    title = _described("title")
    categories = _described("categories")
    contributors = _described("contributors")
    dependencies = _described("dependencies")
    associatedNodeTypes = _described("associatedNodeTypes")
    helpText = _described("helpText")
    acknowledgementText = _described("acknowledgementText")
    extensions = _described("extensions")
    hidden = _described("hidden")
    index = _described("index")
    icon = _described("icon")


class qSlicerAbstractModuleWidget(qSlicerWidget):
    """A module panel that can be entered and left."""

    def __init__(self, *parent):
        super().__init__(*parent)
        self._entered = False

    def enter(self):
        self._entered = True

    def exit(self):
        self._entered = False

    isEntered = Property(bool, lambda self: self._entered)


class qSlicerScriptedLoadableModuleWidget(qSlicerAbstractModuleWidget):
    """The panel of a scripted module; the Python widget class fills it."""

    def _open(self, moduleName):
        self._moduleName = moduleName
        self.setObjectName(moduleName + "ModuleWidget")
        self.setLayout(QtWidgets.QVBoxLayout())
        self.setMRMLScene(slicer.mrmlScene)
        self.reload()

    def reload(self):
        self._python = getattr(sys.modules[self._moduleName], self._moduleName + "Widget")(self)
        setattr(slicer.modules, self._moduleName + "Widget", self._python)
        self._python.setup()

    def self(self):
        return self._python

    def enter(self):
        super().enter()
        if hasattr(self._python, "enter"):
            self._python.enter()

    def exit(self):
        super().exit()
        if hasattr(self._python, "exit"):
            self._python.exit()

    def setEditedNode(self, node, role="", context=""):
        if hasattr(self._python, "setEditedNode"):
            return self._python.setEditedNode(node, role, context)
        return False

    moduleName = Property(str, lambda self: self._moduleName)


class qSlicerModuleManager(QtCore.QObject):
    """The list of loaded modules."""

    moduleLoaded = QtCore.Signal(str)
    moduleAboutToBeUnloaded = QtCore.Signal(str)

    def __init__(self, *parent):
        super().__init__(*parent)
        self._modules = {}
        self._factoryManager = qSlicerModuleFactoryManager(self)
        self._factoryManager._modules = self._modules

    def disconnect(self, signal, slot):
        """By the text of a signal, as PythonQt has it on every object: `slicer.util.reloadScriptedModule` does so."""
        return getattr(self, signal.split("(")[0]).disconnect(slot)

    def _add(self, module):
        self._modules[module.name] = module
        setattr(slicer.modules, module.name.lower(), module)

    def module(self, name):
        return self._modules.get(name)

    def modulesNames(self):
        return tuple(self._modules)

    def factoryManager(self):
        return self._factoryManager


class qSlicerModuleFactoryManager(QtCore.QObject):
    """Says which modules are loaded."""

    def loadedModuleNames(self):
        return tuple(self._modules)

    def isLoaded(self, name):
        return name in self._modules

    def loadedModule(self, name):
        return self._modules.get(name)
