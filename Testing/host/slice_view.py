"""Stand-ins of the slice view widgets: real slice logic, displayable managers and rendering behind a picture."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from host.ctk_sliders import ctkSliderWidget
from host.mrml_widgets import qMRMLWidget
from host.rendered_view import AbstractView, displayableManagers

Property = QtCore.Property

MANAGERS = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
    "vtkMRMLTransformsDisplayableManager2D",
)
_COLORS = {"Red": (243, 74, 51), "Yellow": (237, 213, 76), "Green": (110, 176, 75)}


class qMRMLSliceView(AbstractView):
    """The picture of one slice view."""

    resized = QtCore.Signal(QtCore.QSize)

    def __init__(self, *parent):
        super().__init__(*parent)
        self._logic = None

    def _connectToLogic(self, logic, applicationLogic):
        """Show the image of slice `logic` and what the displayable managers draw over it."""
        self._logic = logic
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(self._mapper)
        self._actor.GetProperty().SetDisplayLocationToBackground()
        self._renderer.AddViewProp(self._actor)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        self._group = displayableManagers(factory, applicationLogic, MANAGERS, self._renderer)
        self._group.SetMRMLDisplayableNode(logic.GetSliceNode())
        self._style = slicer.vtkMRMLSliceViewInteractorStyle()
        self._style.SetSliceLogic(logic)
        self._style.SetDisplayableManagers(self._group)
        self._style.SetInteractor(self._interactor)
        logic.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._onLogicModified())
        self._group.AddObserver(vtk.vtkCommand.UpdateEvent, lambda caller, event: self.scheduleRender())
        self._onLogicModified()

    def _onLogicModified(self):
        connection = self._logic.GetImageDataConnection()
        self._actor.SetVisibility(connection is not None)
        self._mapper.SetInputConnection(connection)
        self.scheduleRender()

    def _onResized(self, width, height):
        if self._logic is not None:
            self._logic.ResizeSliceNode(width, height)
        self.resized.emit(QtCore.QSize(width, height))

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def sliceViewInteractorStyle(self):
        return self._style

    def convertRASToXYZ(self, ras):
        """View coordinates of an RAS point: x to the right, y up, z the slice of a light box (0 in the plane)."""
        return tuple(np.linalg.solve(self._xyToRas(), [*ras, 1.0])[:3])

    def convertXYZToRAS(self, xyz):
        return tuple((self._xyToRas() @ [*xyz, 1.0])[:3])

    def _xyToRas(self):
        return slicer.util.arrayFromVTKMatrix(self.mrmlSliceNode().GetXYToRAS())


class qMRMLSliceControllerWidget(qMRMLWidget):
    """The bar over a slice view: its name and the offset slider."""

    def __init__(self, *parent):
        super().__init__(*parent)
        self._logic = None
        self._label = QtWidgets.QLabel()
        self._slider = ctkSliderWidget()
        self._slider.setDecimals(1)
        box = QtWidgets.QHBoxLayout(self)
        box.setContentsMargins(4, 0, 4, 0)
        box.addWidget(self._label)
        box.addWidget(self._slider, 1)
        self._slider.valueChanged.connect(self.setSliceOffsetValue)

    def setSliceLogic(self, logic):
        self._logic = logic
        name = logic.GetSliceNode().GetLayoutName()
        self._label.setText(f" {name} ")
        color = QtGui.QColor(*_COLORS.get(name, (140, 140, 140))).name()
        self._label.setStyleSheet(f"background: {color}; color: black; font-weight: bold")
        logic.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._update())
        logic.GetSliceNode().AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._update())
        self._update()

    def _update(self):
        low, high, spacing = _offsetRange(self._logic)
        self._slider.blockSignals(True)
        self._slider.minimum, self._slider.maximum = low, high
        self._slider.singleStep = spacing
        self._slider.setValue(self._logic.GetSliceOffset())
        self._slider.blockSignals(False)

    def setSliceOffsetValue(self, offset):
        self._logic.StartSliceOffsetInteraction()
        self._logic.SetSliceOffset(offset)
        self._logic.EndSliceOffsetInteraction()

    def fitSliceToBackground(self):
        self._logic.FitSliceToBackground()
        self._logic.GetSliceNode().UpdateMatrices()

    def setSliceVisible(self, visible):
        self._logic.GetSliceNode().SetSliceVisible(int(visible))

    def setSliceLink(self, linked):
        self.mrmlSliceCompositeNode().SetLinkedControl(int(linked))

    def setForegroundOpacity(self, opacity):
        self.mrmlSliceCompositeNode().SetForegroundOpacity(opacity)

    def setLabelMapOpacity(self, opacity):
        self.mrmlSliceCompositeNode().SetLabelOpacity(opacity)

    def showLabelOutline(self, shown):
        self._logic.GetSliceNode().SetUseLabelOutline(shown)

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def sliceLogic(self):
        return self._logic

    def sliceOffsetSlider(self):
        return self._slider


def _offsetRange(logic):
    """Lowest and highest slice offset of the shown volume and the slice spacing, in mm; 0, 100, 1 without one."""
    bounds = [0.0] * 6
    if logic.GetBackgroundLayer() is None or logic.GetBackgroundLayer().GetVolumeNode() is None:
        return 0.0, 100.0, 1.0
    logic.GetLowestVolumeSliceBounds(bounds)
    spacing = logic.GetLowestVolumeSliceSpacing()[2] or 1.0
    return bounds[4], max(bounds[5], bounds[4] + spacing), spacing


class qMRMLSliceWidget(qMRMLWidget):
    """Controller bar and view of one slice."""

    def __init__(self, *parent):
        super().__init__(*parent)
        self._controller = qMRMLSliceControllerWidget()
        self._view = qMRMLSliceView()
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self._controller)
        box.addWidget(self._view, 1)

    def _open(self, name, orientation, scene, applicationLogic):
        """Make slice view `name` of the scene, with its logic registered in the application."""
        self._logic = slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(applicationLogic)
        applicationLogic.GetSliceLogics().AddItem(self._logic)
        self._logic.SetMRMLScene(scene)
        sliceNode = self._logic.AddSliceNode(name)
        sliceNode.SetOrientation(orientation)
        sliceNode.SetMappedInLayout(1)
        self.setMRMLScene(scene)
        self._controller.setSliceLogic(self._logic)
        self._view._connectToLogic(self._logic, applicationLogic)

    def sliceController(self):
        return self._controller

    def sliceView(self):
        return self._view

    def sliceLogic(self):
        return self._logic

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def interactorStyle(self):
        return self._view.sliceViewInteractorStyle()

    def setSliceOrientation(self, orientation):
        self.mrmlSliceNode().SetOrientation(orientation)

    def fitSliceToBackground(self):
        self._controller.fitSliceToBackground()

    sliceViewName = Property(str, lambda self: self.mrmlSliceNode().GetLayoutName())
    sliceOrientation = Property(str, lambda self: self.mrmlSliceNode().GetOrientation(), setSliceOrientation)
