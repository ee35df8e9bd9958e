"""Stand-ins of the Segment Editor and of the module selector, as far as another module depends on them."""

from __future__ import annotations

import types

import slicer
from PySide6 import QtCore, QtWidgets

from host.module_widgets import qSlicerAbstractModule, qSlicerAbstractModuleWidget
from host.mrml_widgets import qMRMLWidget

Property = QtCore.Property


class qMRMLSegmentEditorWidget(qMRMLWidget):
    """The editor itself. As seen in Slicer 5.12: it takes the label layer out of the views when it is opened, and
    its source volume is what the reference geometry of the segmentation comes from."""

    def __init__(self, *parent):
        super().__init__(*parent)
        self._segmentation = self._source = None

    def segmentationNode(self):
        return self._segmentation

    def setSegmentationNode(self, node):
        """What is hidden from editors cannot be chosen, as in the node selector."""
        self._segmentation = None if node is None or node.GetHideFromEditors() else node
        if self._segmentation is not None:
            role = self._segmentation.GetReferenceImageGeometryReferenceRole()
            self._source = self._segmentation.GetNodeReference(role)

    def sourceVolumeNode(self):
        return self._source

    def setSourceVolumeNode(self, node):
        self._source = node

    def hideLabelLayer(self):
        for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            composite.SetLabelVolumeID(None)


class _SegmentEditorPanel(qSlicerAbstractModuleWidget):
    """Its panel; `self().editor` is the editor, as in the scripted module of Slicer."""

    def __init__(self):
        super().__init__()
        self._python = types.SimpleNamespace(editor=qMRMLSegmentEditorWidget())

    def self(self):
        return self._python

    def enter(self):
        super().enter()
        editor = self._python.editor
        editor.hideLabelLayer()
        if editor.segmentationNode() is None:  # it offers the first that can be edited
            nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
            editor.setSegmentationNode(next((each for each in nodes if not each.GetHideFromEditors()), None))


class _SegmentEditorModule(qSlicerAbstractModule):
    """The module "SegmentEditor"."""

    def __init__(self):
        super().__init__("SegmentEditor")
        self._representation = None

    def widgetRepresentation(self):
        if self._representation is None:
            self._representation = _SegmentEditorPanel()
        return self._representation


class qSlicerModuleSelectorToolBar(QtWidgets.QToolBar):
    """Leaves one module and enters another."""

    moduleSelected = QtCore.Signal(str)

    def __init__(self, *parent):
        super().__init__(*parent)
        self._selected = ""

    def selectModule(self, name):
        if name == self._selected:
            return
        manager = slicer.app.moduleManager()
        for each, act in ((self._selected, "exit"), (name, "enter")):
            module = manager.module(each)
            if module is not None:
                getattr(module.widgetRepresentation(), act)()
        self._selected = name
        self.moduleSelected.emit(name)

    selectedModule = Property(str, lambda self: self._selected, selectModule)
