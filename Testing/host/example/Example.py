"""A small scripted module to test the host with: thresholds a volume and shows the result as a label layer."""

from __future__ import annotations

from typing import Annotated

import qt
import slicer
import vtk
from slicer.parameterNodeWrapper import Default, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class Example(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Example"
        parent.categories = ["Testing"]


@parameterNodeWrapper
class ExampleParameterNode:
    """The choices of one case."""

    inputVolume: slicer.vtkMRMLScalarVolumeNode
    threshold: Annotated[float, WithinRange(0, 200)] = 50.0
    note: str = ""
    inverted: bool = False
    rounds: Annotated[int, Default(3)]


class ExampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.parameters = None
        self._guiTag = None

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/Example.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = ExampleLogic()
        self.ui.applyButton.clicked.connect(self.onApply)
        self.ui.failButton.clicked.connect(self.onFail)
        self.ui.table.cellClicked.connect(self.onCellClicked)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndClose)
        self.connectParameters()

    def connectParameters(self):
        if self.parameters is not None:
            self.parameters.disconnectGui(self._guiTag)
        self.parameters = ExampleParameterNode(self.logic.getParameterNode())
        self._guiTag = self.parameters.connectParametersToGui(
            {"inputVolume": self.ui.inputSelector, "threshold": self.ui.thresholdSlider, "inverted": self.ui.invertBox}
        )

    def cleanup(self):
        self.removeObservers()

    def onSceneEndClose(self, caller, event):
        self.connectParameters()

    def onApply(self, checked=False):
        labels = self.logic.process(self.parameters.inputVolume, self.parameters.threshold)
        slicer.util.setSliceViewerLayers(label=labels, labelOpacity=1.0)
        self.ui.table.rowCount = 1
        self.ui.table.setItem(0, 0, qt.QTableWidgetItem("1"))
        self.ui.statusLabel.text = "done"

    def onCellClicked(self, row, column):
        labels = slicer.util.getNode("Example labels")
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *self.logic.centre(labels))

    def onFail(self, checked=False):
        raise ValueError("a slot that fails")


class ExampleLogic(ScriptedLoadableModuleLogic):
    def process(self, volume, threshold):
        labels = slicer.modules.volumes.logic().CreateAndAddLabelVolume(slicer.mrmlScene, volume, "Example labels")
        slicer.util.updateVolumeFromArray(labels, (slicer.util.arrayFromVolume(volume) > threshold).astype("uint8"))
        return labels

    def centre(self, labels):
        """RAS centre of the labelled voxels, in mm."""
        kji = [float(index.mean()) for index in slicer.util.arrayFromVolume(labels).nonzero()]
        matrix = vtk.vtkMatrix4x4()
        labels.GetIJKToRASMatrix(matrix)
        return matrix.MultiplyPoint([*kji[::-1], 1.0])[:3]


class ExampleTest(ScriptedLoadableModuleTest):
    def runTest(self):
        self.assertIsNotNone(slicer.mrmlScene)
