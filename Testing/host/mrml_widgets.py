"""Stand-ins of the qMRML widgets of a module panel, over the real scene."""

from __future__ import annotations

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

Signal = QtCore.Signal
Property = QtCore.Property


class _SceneHolder:
    """``setMRMLScene()``; a mixin of the widgets that hold a scene."""

    _scene = None

    def setMRMLScene(self, scene):
        if scene is self._scene:
            return
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


class qMRMLWidget(_SceneHolder, QtWidgets.QWidget):
    """A widget that passes its scene on to the widgets connected to ``mrmlSceneChanged``."""

    mrmlSceneChanged = Signal(object)

    def mrmlScene(self):
        return self._scene


class qSlicerWidget(_SceneHolder, QtWidgets.QWidget):
    """As qMRMLWidget, for modules that follow the older templates."""

    mrmlSceneChanged = Signal(object)


class qMRMLNodeComboBox(QtWidgets.QWidget):
    """Selector of a node of the scene, kept up to date by the scene's events.

    As in Slicer, a selector with ``noneEnabled`` starts at None even if a fitting node is there; without it the first
    fitting node is taken.
    """

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)
    nodeActivated = Signal(object)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)
    nodeAboutToBeRemoved = Signal(object)
    currentNodeRenamed = Signal(str)

    def __init__(self, *parent):
        super().__init__(*parent)
        self._scene, self._nodes, self._current = None, [], None
        self._observers, self._nameObserver = [], None
        self._nodeTypes, self._hideChildNodeTypes, self._attributes = [], [], []
        self._noneEnabled = self._addEnabled = self._removeEnabled = False
        self._editEnabled = self._renameEnabled = self._showHidden = self._selectNodeUponCreation = False
        self._showChildNodeTypes = True
        self._noneDisplay, self._baseName = "None", ""
        self._combo = QtWidgets.QComboBox()
        box = QtWidgets.QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._combo)
        self._combo.currentIndexChanged.connect(self._onIndexChanged)
        self._combo.activated.connect(lambda index: self.nodeActivated.emit(self._current))

    # scene
    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        if scene is self._scene:
            return
        for tag in self._observers:
            self._scene.RemoveObserver(tag)
        self._observers, self._scene = [], scene
        if scene is not None:
            events = slicer.vtkMRMLScene
            self._observe(events.NodeAddedEvent, self._onNodeAdded)
            self._observe(events.NodeAboutToBeRemovedEvent, self._onNodeAboutToBeRemoved)
            ends = (events.EndCloseEvent, events.EndImportEvent, events.EndBatchProcessEvent)
            for event in (events.NodeRemovedEvent, *ends):
                self._observers.append(scene.AddObserver(event, lambda caller, event: self._refresh()))
        self._refresh()

    def _observe(self, event, callback):
        def call(caller, event, node):
            callback(node)

        call.CallDataType = vtk.VTK_OBJECT
        self._observers.append(self._scene.AddObserver(event, call))

    def _onNodeAdded(self, node):
        if self._scene.IsBatchProcessing() or not self._fits(node):
            return
        self._refresh()
        self.nodeAdded.emit(node)
        if self._selectNodeUponCreation and self._current is None:
            self.setCurrentNode(node)

    def _onNodeAboutToBeRemoved(self, node):
        if node in self._nodes:
            self.nodeAboutToBeRemoved.emit(node)

    def _fits(self, node):
        if not any(node.IsA(nodeType) for nodeType in self._nodeTypes):
            return False
        if not self._showChildNodeTypes and node.GetClassName() not in self._nodeTypes:
            return False
        if any(node.IsA(hidden) for hidden in self._hideChildNodeTypes):
            return False
        if node.GetHideFromEditors() and not self._showHidden:
            return False
        return all(self._hasAttribute(node, *attribute) for attribute in self._attributes)

    @staticmethod
    def _hasAttribute(node, nodeType, name, value):
        if not node.IsA(nodeType):
            return True
        present = node.GetAttribute(name)
        return present is not None and (value is None or present == str(value))

    def _refresh(self):
        """List the fitting nodes again and keep the selection when its node is still there."""
        before = self._current
        if self._scene is None:
            self._nodes = []
        else:
            nodes = (self._scene.GetNthNode(i) for i in range(self._scene.GetNumberOfNodes()))
            self._nodes = [node for node in nodes if self._fits(node)]
        self._combo.blockSignals(True)
        self._combo.clear()
        if self._noneEnabled:
            self._combo.addItem(self._noneDisplay)
        self._combo.addItems([node.GetName() for node in self._nodes])
        self._combo.blockSignals(False)
        if before in self._nodes:
            self._select(before)
        else:
            self._select(None if self._noneEnabled or not self._nodes else self._nodes[0])

    # selection
    def _onIndexChanged(self, index):
        index -= 1 if self._noneEnabled else 0
        self._select(self._nodes[index] if 0 <= index < len(self._nodes) else None)

    def _select(self, node):
        self._combo.blockSignals(True)
        offset = 1 if self._noneEnabled else 0
        index = self._nodes.index(node) + offset if node in self._nodes else (0 if self._noneEnabled else -1)
        self._combo.setCurrentIndex(index)
        self._combo.blockSignals(False)
        if node is self._current:
            return
        if self._current is not None and self._nameObserver is not None:
            self._current.RemoveObserver(self._nameObserver)
        self._nameObserver = None
        self._current = node
        if node is not None:
            self._nameObserver = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._onRenamed())
        self.currentNodeChanged.emit(node)
        self.currentNodeIDChanged.emit(self._currentNodeID())

    def _onRenamed(self):
        index = self._combo.currentIndex
        if self._current is not None and self._combo.itemText(index) != self._current.GetName():
            self._combo.setItemText(index, self._current.GetName())
            self.currentNodeRenamed.emit(self._current.GetName())

    def currentNode(self):
        return self._current

    def setCurrentNode(self, node):
        if isinstance(node, str):
            node = self._scene.GetNodeByID(node) if self._scene else None
        if node is not None and node not in self._nodes:
            # Hidden or of another type: the real selector shows nothing then.
            node = None
        self._select(node)

    def setCurrentNodeID(self, nodeID):
        self.setCurrentNode(nodeID or None)

    def setCurrentNodeIndex(self, index):
        self._select(self.nodeFromIndex(index))

    def _currentNodeID(self):
        return self._current.GetID() or "" if self._current is not None else ""

    # nodes
    def nodeCount(self):
        return len(self._nodes)

    def nodeFromIndex(self, index):
        return self._nodes[index] if 0 <= index < len(self._nodes) else None

    def addNode(self, nodeType=None):
        node = self._scene.AddNewNodeByClass(nodeType or self._nodeTypes[0], self._baseName)
        self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self):
        if self._current is not None:
            self._scene.RemoveNode(self._current)

    def addAttribute(self, nodeType, name, value=None):
        self._attributes.append((nodeType, name, value))
        self._refresh()

    def removeAttribute(self, nodeType, name):
        self._attributes = [a for a in self._attributes if a[:2] != (nodeType, name)]
        self._refresh()

    def _listing(name):
        def write(self, value):
            setattr(self, name, list(value) if isinstance(value, (list, tuple)) else value)
            self._refresh()

        return (lambda self: getattr(self, name)), write

    nodeTypes = Property("QStringList", *_listing("_nodeTypes"))
    hideChildNodeTypes = Property("QStringList", *_listing("_hideChildNodeTypes"))
    noneEnabled = Property(bool, *_listing("_noneEnabled"))
    noneDisplay = Property(str, *_listing("_noneDisplay"))
    showHidden = Property(bool, *_listing("_showHidden"))
    showChildNodeTypes = Property(bool, *_listing("_showChildNodeTypes"))
    addEnabled = Property(bool, *_listing("_addEnabled"))
    removeEnabled = Property(bool, *_listing("_removeEnabled"))
    editEnabled = Property(bool, *_listing("_editEnabled"))
    renameEnabled = Property(bool, *_listing("_renameEnabled"))
    selectNodeUponCreation = Property(bool, *_listing("_selectNodeUponCreation"))
    baseName = Property(str, *_listing("_baseName"))
    currentNodeID = Property(str, _currentNodeID, setCurrentNodeID)
    del _listing
