"""The running host: application, scene and views made once per process, and one loaded module."""

from __future__ import annotations

import os
import sys
import traceback
import types
from collections import namedtuple

import slicer
from PySide6 import QtCore

from host import gaps
from host.application import qSlicerApplication
from host.layout import qSlicerLayoutManager, qSlicerMainWindow
from host.module_widgets import qSlicerLoadableModule, qSlicerModuleManager, qSlicerScriptedLoadableModule
from host.scene import SlicerCore
from host.segment_editor import _SegmentEditorModule

SlotException = namedtuple("SlotException", "type value text")


class Environment:
    """What all modules share. One per process: Qt allows one application and VTK's factories are global."""

    current = None

    def __init__(self, display):
        self.app = qSlicerApplication(["SlicerTestHost"], testing=not display)
        self.exceptions = []
        sys.excepthook = self._onException
        slicer.app = self.app
        slicer.modules = types.SimpleNamespace()
        core = SlicerCore(self.app.temporaryPath)
        self.core = core
        self.moduleManager = qSlicerModuleManager()
        for name, logic in core.logics.items():
            self.moduleManager._add(qSlicerLoadableModule(name, logic))
        self.moduleManager._add(_SegmentEditorModule())
        self.app._open(core, self.moduleManager)
        self.layoutManager = qSlicerLayoutManager()
        self.app.setLayoutManager(self.layoutManager)
        # The views before any scene is loaded: a view made later gets a slice node outside the scene.
        self.layoutManager._open(core.scene, core.applicationLogic)
        self.mainWindow = qSlicerMainWindow()
        self.mainWindow._showViews(self.layoutManager)
        self.mainWindow.resize(1400, 900)
        self.mainWindow.show()

    def _onException(self, type_, value, trace):
        """Exceptions of slots and of VTK observers end here: Slicer prints and swallows them, a test must not."""
        text = "".join(traceback.format_exception(type_, value, trace))
        self.exceptions.append(SlotException(type_, value, text))
        sys.stderr.write(text)


class Host:
    """A module running in the host. Made by `host.start`.

    widget: the module's Python widget (``.ui``, ``.logic``); panel: the Qt widget it fills; mainWindow; app; scene;
    exceptions: list of SlotException(type, value, text) raised in slots and observers so far.
    """

    def __init__(self, modulePath, display=False):
        if Environment.current is None:
            Environment.current = Environment(display)
        environment = Environment.current
        self.app, self.mainWindow = environment.app, environment.mainWindow
        self.exceptions = environment.exceptions
        self.layoutManager, self.scene = environment.layoutManager, environment.core.scene
        module = qSlicerScriptedLoadableModule(modulePath)
        environment.moduleManager._add(module)
        module._load()
        environment.moduleManager.moduleLoaded.emit(module.name)
        self.module = module
        self.panel = module.widgetRepresentation()
        self.mainWindow.moduleSelector()._selected = module.name
        self.show()
        self.panel.enter()
        self.processEvents()

    def show(self):
        """The panel in its place, which another module's may have taken."""
        self.mainWindow._showPanel(self.panel)
        self.mainWindow.setWindowTitle(f"{self.module.title or self.module.name} - 3D Slicer test host")

    @property
    def widget(self):
        return self.panel.self()

    # event loop
    def processEvents(self, ms=0):
        """Run the event loop for `ms` milliseconds (0: until nothing is waiting, with one turn for renders)."""
        if ms:
            loop = QtCore.QEventLoop()
            QtCore.QTimer.singleShot(ms, loop.quit)
            loop.exec()
        else:
            for _ in range(3):
                self.app.processEvents()
        self.app.sendPostedEvents(None, QtCore.QEvent.DeferredDelete)

    def waitFor(self, predicate, timeoutMs=10000):
        """Run the event loop until ``predicate()`` is true. Raises TimeoutError, with the slot exceptions so far."""
        loop = QtCore.QEventLoop()
        poll = QtCore.QTimer()
        elapsed = QtCore.QElapsedTimer()
        failure = []

        def check():
            try:
                if predicate() or elapsed.elapsed() > timeoutMs:
                    loop.quit()
            except BaseException as error:  # to be raised in the caller, not in this slot
                failure.append(error)
                loop.quit()

        poll.timeout.connect(check)
        elapsed.start()
        poll.start(5)
        loop.exec()
        poll.stop()
        if failure:
            raise failure[0]
        if not predicate():
            raise TimeoutError(f"not true within {timeoutMs} ms" + "".join("\n" + e.text for e in self.exceptions))

    def gaps(self):
        """Context manager that measures how long the event loop stands still: ``g.largestMs`` of ``as g``."""
        return gaps.GapMonitor()

    # files
    def loadVolume(self, path, **properties):
        node = slicer.util.loadVolume(os.path.abspath(path), dict(properties))
        slicer.util.setSliceViewerLayers(background=node, fit=True)
        self.processEvents()
        return node

    def saveScene(self, path):
        """Save a .mrb (or .mrml) file. Raises RuntimeError when it fails."""
        if not slicer.util.saveScene(str(path), {}):
            raise RuntimeError(f"scene not saved to {path}")

    def loadScene(self, path, clear=True):
        """Load a scene, after closing the present one unless `clear` is False (then nodes are added)."""
        if clear:
            self.closeScene()
        slicer.util.loadScene(os.path.abspath(path), {})
        self.processEvents()

    def closeScene(self):
        self.scene.Clear(0)
        self.processEvents()

    # pictures
    def viewImage(self, viewName):
        """Picture of "Red", "Yellow", "Green", "1" (3D) or "Plot", as it is now: (H, W, 3) uint8 RGB, top row first."""
        view = self._view(viewName)
        view._forceRender()
        return view._image.copy()

    def pixelOf(self, viewName, ras):
        """(column, row) of an RAS point (mm) in `viewImage` of slice view `viewName`, as floats."""
        view = self._view(viewName)
        x, y, _ = view.convertRASToXYZ(ras)
        return x, view._image.shape[0] - 1 - y

    def _view(self, viewName):
        if viewName == "1":
            return self.layoutManager.threeDWidget(0).threeDView()
        if viewName == "Plot":
            return self.layoutManager.plotWidget(0).plotView()
        return self.layoutManager.sliceWidget(viewName).sliceView()

    def screenshot(self, path):
        """Save one picture of panel and views."""
        self.processEvents()
        for view in self.layoutManager._views():
            view._forceRender()
        if not self.mainWindow.grab().save(str(path)):
            raise OSError(f"cannot write {path}")

    def unload(self):
        """Leave and clean up the module, as Slicer does when it ends."""
        self.panel.exit()
        Environment.current.moduleManager.moduleAboutToBeUnloaded.emit(self.module.name)
        self.processEvents()
