"""A VTK render window drawn offscreen and shown as a picture: common part of the slice, 3D and plot views.

Renders are coalesced: however many changes arrive, one render follows in the next turn of the event loop; one view per
turn, so that drawing all of them on a slow machine does not hold up everything else.
"""

from __future__ import annotations

import numpy as np
import vtk
from PySide6 import QtCore, QtGui, QtWidgets
from vtkmodules.util.numpy_support import vtk_to_numpy

_BUTTONS = {
    QtCore.Qt.LeftButton: "LeftButton",
    QtCore.Qt.RightButton: "RightButton",
    QtCore.Qt.MiddleButton: "MiddleButton",
}


class RenderedView(QtWidgets.QWidget):
    """Base of the view stand-ins. A subclass fills `_renderer` and may override `_onResized`."""

    _pauses = 0  # of all views together: slicer.app.pauseRender()
    _turnIsTaken = False  # a view was rendered in this turn of the event loop

    def __init__(self, *parent):
        super().__init__(*parent)
        self._image = np.zeros((1, 1, 3), np.uint8)
        self._dirty = True
        self._renderer = vtk.vtkRenderer()
        self._window = vtk.vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._window.SetNumberOfLayers(2)
        self._window.AddRenderer(self._renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        # No style of VTK's own: the qMRML interactor style of the subclass observes the interactor.
        self._interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        self._interactor.Initialize()
        self._renderTimer = QtCore.QTimer(self)
        self._renderTimer.setSingleShot(True)
        self._renderTimer.setInterval(0)
        self._renderTimer.timeout.connect(self._onRenderTimer)
        self.setMinimumSize(80, 80)
        self.setFocusPolicy(QtCore.Qt.WheelFocus)

    def renderWindow(self):
        return self._window

    # inside
    def _scheduleRender(self):
        self._dirty = True
        if not RenderedView._pauses:
            self._renderTimer.start()

    def _forceRender(self):
        self._dirty = True
        self._renderIfNeeded()

    def _onRenderTimer(self):
        if RenderedView._turnIsTaken:
            self._renderTimer.start()
            return
        RenderedView._turnIsTaken = True
        QtCore.QTimer.singleShot(0, RenderedView._endTurn)
        self._renderIfNeeded()

    @staticmethod
    def _endTurn():
        RenderedView._turnIsTaken = False

    def _renderIfNeeded(self):
        if not self._dirty or RenderedView._pauses:
            return
        self._dirty = False
        self._renderTimer.stop()
        self._window.Render()
        self._image = self._grabPixels()
        self.update()

    def _grabPixels(self):
        width, height = self._window.GetSize()
        pixels = vtk.vtkUnsignedCharArray()
        self._window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, pixels)
        rgba = vtk_to_numpy(pixels).reshape(height, width, 4)
        return np.ascontiguousarray(rgba[::-1, :, :3])

    def _onResized(self, width, height):
        pass

    def resizeEvent(self, event):
        size = event.size()
        width, height = max(1, size.width()), max(1, size.height())
        self._window.SetSize(width, height)
        self._interactor.SetSize(width, height)
        self._onResized(width, height)
        self._scheduleRender()

    def paintEvent(self, event):
        height, width, _ = self._image.shape
        image = QtGui.QImage(self._image.data, width, height, 3 * width, QtGui.QImage.Format_RGB888)
        QtGui.QPainter(self).drawImage(self.rect, image)

    # mouse and keyboard go to the VTK interactor, which drives the real interaction of Slicer
    def _tellPosition(self, event):
        position = event.position()
        modifiers = event.modifiers()
        self._interactor.SetEventInformationFlipY(
            int(position.x()),
            int(position.y()),
            bool(modifiers & QtCore.Qt.ControlModifier),
            bool(modifiers & QtCore.Qt.ShiftModifier),
        )

    def mousePressEvent(self, event):
        self._tellPosition(event)
        self._interactor.InvokeEvent(_BUTTONS.get(event.button(), "LeftButton") + "PressEvent")

    def mouseReleaseEvent(self, event):
        self._tellPosition(event)
        self._interactor.InvokeEvent(_BUTTONS.get(event.button(), "LeftButton") + "ReleaseEvent")

    def mouseMoveEvent(self, event):
        self._tellPosition(event)
        self._interactor.InvokeEvent("MouseMoveEvent")

    def wheelEvent(self, event):
        self._tellPosition(event)
        direction = "Forward" if event.angleDelta().y() > 0 else "Backward"
        self._interactor.InvokeEvent(f"MouseWheel{direction}Event")

    def enterEvent(self, event):
        self._interactor.InvokeEvent("EnterEvent")

    def leaveEvent(self, event):
        self._interactor.InvokeEvent("LeaveEvent")


class AbstractView(RenderedView):
    """What the slice and 3D views offer besides."""

    def interactor(self):
        return self._interactor

    def scheduleRender(self):
        self._scheduleRender()

    def forceRender(self):
        self._forceRender()


def pauseRender():
    RenderedView._pauses += 1


def resumeRender(views):
    """Undo one `pauseRender`; the last one renders those of `views` that changed meanwhile."""
    RenderedView._pauses = max(0, RenderedView._pauses - 1)
    if not RenderedView._pauses:
        for view in views:
            if view._dirty:
                view._scheduleRender()


def displayableManagers(factory, applicationLogic, names, renderer):
    """Instantiate the displayable managers `names` (vtkMRML... class names) for one view; returns their group."""
    if factory.GetMRMLApplicationLogic() is None:
        factory.SetMRMLApplicationLogic(applicationLogic)
    for name in names:
        if not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    return factory.InstantiateDisplayableManagers(renderer)
