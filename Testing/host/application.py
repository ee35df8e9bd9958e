"""Stand-in of ``slicer.app``."""

from __future__ import annotations

import os
import tempfile

import slicer
from PySide6 import QtCore, QtWidgets

from host import rendered_view
from host.io_manager import qSlicerIOManager

Property = QtCore.Property


class qSlicerCoreApplication(QtWidgets.QApplication):
    """The part of the application that needs no window."""

    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, arguments, testing):
        self._temporaryFolder = tempfile.TemporaryDirectory(prefix="slicer-host-")
        self._temporaryPath = self._temporaryFolder.name
        self._testing = testing
        # Settings of their own: a test must not read or change those of the user's Slicer.
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.IniFormat)
        QtCore.QSettings.setPath(QtCore.QSettings.IniFormat, QtCore.QSettings.UserScope, self._temporaryPath)
        super().__init__(arguments)
        self.setOrganizationName("NA-MIC")
        self.setApplicationName("SlicerTestHost")
        self.setApplicationVersion("5.12.0")
        self._settings = QtCore.QSettings()
        self._ioManager = self._moduleManager = self._core = None

    def _open(self, core, moduleManager):
        self._core = core
        self._moduleManager = moduleManager
        self._ioManager = qSlicerIOManager(self)
        self._ioManager._open(core.scene, core.applicationLogic)

    def testingEnabled(self):
        return self._testing

    def mrmlScene(self):
        return slicer.mrmlScene

    def applicationLogic(self):
        return self._core.applicationLogic

    def moduleLogic(self, name):
        return self._core.logics.get(name)

    def moduleManager(self):
        return self._moduleManager

    def coreIOManager(self):
        return self._ioManager

    def settings(self):
        return self._settings

    def userSettings(self):
        return self._settings

    def revisionUserSettings(self):
        return self._settings

    def startupEnvironment(self):
        return QtCore.QProcessEnvironment.systemEnvironment()

    def environment(self):
        return QtCore.QProcessEnvironment.systemEnvironment()

    def moduleDocumentationUrl(self, moduleName):
        return f"{self.documentationBaseUrl}/user_guide/modules/{moduleName.lower()}.html"

    def toSlicerHomeAbsolutePath(self, path):
        return path if os.path.isabs(path) else os.path.join(self.slicerHome, path)

    def _setTemporaryPath(self, path):
        self._temporaryPath = path

    temporaryPath = Property(str, lambda self: self._temporaryPath, _setTemporaryPath)
    cachePath = Property(str, lambda self: os.path.join(self._temporaryPath, "cache"))
    slicerHome = Property(str, lambda self: self._temporaryPath)
    slicerUserSettingsFilePath = Property(str, lambda self: self._settings.fileName())
    documentationBaseUrl = Property(str, lambda self: "https://slicer.readthedocs.io/en/latest")
    majorVersion = Property(int, lambda self: 5)
    minorVersion = Property(int, lambda self: 12)
    revision = Property(str, lambda self: "host")
    releaseType = Property(str, lambda self: "Experimental")


class qSlicerApplication(qSlicerCoreApplication):
    """The application with its views."""

    startupCompleted = QtCore.Signal()
    renderPaused = QtCore.Signal(bool)

    def __init__(self, arguments, testing):
        super().__init__(arguments, testing)
        self._layoutManager = None
        self._openedModule = None

    def layoutManager(self):
        return self._layoutManager

    def setLayoutManager(self, layoutManager):
        self._layoutManager = layoutManager

    def ioManager(self):
        return self._ioManager

    def pauseRender(self):
        rendered_view.pauseRender()
        self.renderPaused.emit(True)

    def resumeRender(self):
        rendered_view.resumeRender(self._layoutManager._views())
        self.renderPaused.emit(False)

    def setRenderPaused(self, paused):
        self.pauseRender() if paused else self.resumeRender()

    def openNodeModule(self, node, *roleAndContext):
        """Slicer switches to the module that edits `node`: Segmentations, not the Segment Editor, which no node type
        leads to.  Here there is no other module to switch to; its name is kept."""
        self._openedModule = "Segmentations" if node.IsA("vtkMRMLSegmentationNode") else "Data"
