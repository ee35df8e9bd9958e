"""Stand-ins of the 3D view widgets: real displayable managers and rendering behind a picture."""

from __future__ import annotations

import slicer
import vtk
from PySide6 import QtWidgets

from host.mrml_widgets import qMRMLWidget
from host.rendered_view import AbstractView, displayableManagers

MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager3D",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLVolumeRenderingDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)


class qMRMLThreeDView(AbstractView):
    """The picture of one 3D view."""

    def _connectToNode(self, viewNode, applicationLogic):
        self._viewNode = viewNode
        self._renderer.SetGradientBackground(True)
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        self._group = displayableManagers(factory, applicationLogic, MANAGERS, self._renderer)
        self._group.SetMRMLDisplayableNode(viewNode)
        self._style = slicer.vtkMRMLThreeDViewInteractorStyle()
        self._style.SetDisplayableManagers(self._group)
        self._style.SetInteractor(self._interactor)
        self._group.AddObserver(vtk.vtkCommand.UpdateEvent, lambda caller, event: self.scheduleRender())
        self.scheduleRender()

    def mrmlViewNode(self):
        return self._viewNode

    def resetCamera(self, *options):
        self._renderer.ResetCamera()
        self.scheduleRender()

    def resetFocalPoint(self):
        """Look at the centre of what is shown, from the same direction."""
        bounds = self._renderer.ComputeVisiblePropBounds()
        if not vtk.vtkMath.AreBoundsInitialized(bounds):
            return
        camera = self._renderer.GetActiveCamera()
        centre = [(bounds[2 * i] + bounds[2 * i + 1]) / 2 for i in range(3)]
        position, focus = camera.GetPosition(), camera.GetFocalPoint()
        camera.SetPosition(*(position[i] + centre[i] - focus[i] for i in range(3)))
        camera.SetFocalPoint(*centre)
        self._renderer.ResetCameraClippingRange()
        self.scheduleRender()


class qMRMLThreeDViewControllerWidget(qMRMLWidget):
    """The bar over a 3D view."""

    def __init__(self, *parent):
        super().__init__(*parent)
        label = QtWidgets.QLabel(" 1 ")
        label.setStyleSheet("background: #8c8ce5; color: black; font-weight: bold")
        box = QtWidgets.QHBoxLayout(self)
        box.setContentsMargins(4, 0, 4, 0)
        box.addWidget(label)
        box.addStretch(1)


class qMRMLThreeDWidget(qMRMLWidget):
    """Controller bar and view of the 3D scene."""

    def __init__(self, *parent):
        super().__init__(*parent)
        self._controller = qMRMLThreeDViewControllerWidget()
        self._view = qMRMLThreeDView()
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self._controller)
        box.addWidget(self._view, 1)

    def _open(self, scene, applicationLogic):
        viewLogic = slicer.vtkMRMLViewLogic()
        viewLogic.SetMRMLApplicationLogic(applicationLogic)
        applicationLogic.GetViewLogics().AddItem(viewLogic)
        viewLogic.SetMRMLScene(scene)
        self._logic = viewLogic
        viewNode = viewLogic.AddViewNode("1")
        viewNode.SetMappedInLayout(1)
        self.setMRMLScene(scene)
        self._view._connectToNode(viewNode, applicationLogic)

    def threeDController(self):
        return self._controller

    def threeDView(self):
        return self._view

    def viewLogic(self):
        return self._logic

    def mrmlViewNode(self):
        return self._view.mrmlViewNode()
