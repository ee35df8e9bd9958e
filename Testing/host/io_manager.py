"""Stand-in of the file readers and writers of the application, over the real storage nodes."""

from __future__ import annotations

import os

import slicer
import vtk
from PySide6 import QtCore

# Longest suffixes first: ".seg.nrrd" is a segmentation although it ends in ".nrrd".
FILE_TYPES = (
    ("SceneFile", (".mrb", ".mrml")),
    ("SegmentationFile", (".seg.nrrd", ".seg.nhdr", ".seg.nii.gz", ".seg.nii")),
    ("VolumeFile", (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".png", ".jpg", ".jpeg", ".tif", ".dcm")),
    ("TransformFile", (".tfm", ".h5", ".txt")),
    ("MarkupsFile", (".mrk.json", ".fcsv")),
    ("ColorTableFile", (".ctbl", ".cxml")),
    ("TableFile", (".csv", ".tsv")),
    ("ModelFile", (".stl", ".obj", ".ply", ".vtk", ".vtp")),
)

# Class of a node and the type of the file it is saved to.
WRITERS = (
    ("vtkMRMLSegmentationNode", "SegmentationFile"),
    ("vtkMRMLVolumeNode", "VolumeFile"),
    ("vtkMRMLTableNode", "TableFile"),
    ("vtkMRMLColorNode", "ColorTableFile"),
    ("vtkMRMLMarkupsNode", "MarkupsFile"),
    ("vtkMRMLModelNode", "ModelFile"),
    ("vtkMRMLTransformNode", "TransformFile"),
)

_NODE_CLASSES = {
    "SegmentationFile": "vtkMRMLSegmentationNode",
    "TableFile": "vtkMRMLTableNode",
    "ColorTableFile": "vtkMRMLColorTableNode",
    "ModelFile": "vtkMRMLModelNode",
    "TransformFile": "vtkMRMLLinearTransformNode",
}


class qSlicerCoreIOManager(QtCore.QObject):
    """Loads and saves nodes and scenes. Failures are answered by False, as in the application."""

    newFileLoaded = QtCore.Signal(object)
    fileSaved = QtCore.Signal(object)

    def _open(self, scene, applicationLogic):
        self._scene, self._applicationLogic = scene, applicationLogic

    def fileType(self, fileName):
        for fileType, suffixes in FILE_TYPES:
            if str(fileName).lower().endswith(suffixes):
                return fileType
        return "NoFile"

    def fileWriterFileType(self, node, fileName=""):
        for className, fileType in WRITERS:
            if node.IsA(className):
                return fileType
        return "NoFile"

    # loading
    def loadNodes(self, fileType, properties, loadedNodes=None, messages=None):
        fileName = properties["fileName"]
        if not os.path.exists(fileName):
            return _fail(messages, f"File does not exist: {fileName}")
        if fileType == "SceneFile":
            return self.loadScene(fileName, bool(properties.get("clear", False)), messages)
        load = self._loadVolume if fileType == "VolumeFile" else self._loadByStorage
        node = load(fileType, fileName, properties)
        if node is None:
            return _fail(messages, f"{fileType}: cannot read {fileName}")
        if loadedNodes is not None:
            loadedNodes.AddItem(node)
        self.newFileLoaded.emit(dict(properties))
        return True

    def _loadVolume(self, fileType, fileName, properties):
        logic = slicer.modules.volumes.logic()
        options = 1 if properties.get("labelmap") else 0
        options |= 2 if properties.get("center") else 0
        options |= 4 if properties.get("singleFile") else 0
        options |= 8 if properties.get("autoWindowLevel", True) else 0
        options |= 16 if properties.get("discardOrientation") else 0
        name = properties.get("name") or _baseName(fileName)
        node = logic.AddArchetypeVolume(fileName, name, options)
        if node is None or not properties.get("show", True):
            return node
        selection = self._applicationLogic.GetSelectionNode()
        if properties.get("labelmap"):
            selection.SetActiveLabelVolumeID(node.GetID())
        else:
            selection.SetActiveVolumeID(node.GetID())
        self._applicationLogic.PropagateVolumeSelection()
        return node

    def _loadByStorage(self, fileType, fileName, properties):
        if fileType == "MarkupsFile":
            return self._scene.GetNodeByID(slicer.modules.markups.logic().LoadMarkups(fileName) or "")
        if fileType not in _NODE_CLASSES:
            return None
        name = self._scene.GenerateUniqueName(properties.get("name") or _baseName(fileName))
        node = self._scene.AddNewNodeByClass(_NODE_CLASSES[fileType], name)
        node.AddDefaultStorageNode(fileName)
        if not node.GetStorageNode().ReadData(node):
            self._scene.RemoveNode(node.GetStorageNode())
            self._scene.RemoveNode(node)
            return None
        if node.IsA("vtkMRMLDisplayableNode"):
            node.CreateDefaultDisplayNodes()
        return node

    def loadScene(self, fileName, clear=True, messages=None):
        """Read a .mrb or .mrml file; `clear` closes the scene first, otherwise the nodes are added to it."""
        if fileName.lower().endswith(".mrb"):
            done = self._scene.ReadFromMRB(fileName, clear, messages)
        else:
            self._scene.SetURL(fileName)
            done = self._scene.Connect(messages) if clear else self._scene.Import(messages)
        if done:
            self.newFileLoaded.emit({"fileName": fileName})
        return bool(done)

    # saving
    def saveNodes(self, fileType, properties, messages=None, scene=None):
        fileName = str(properties["fileName"])
        if fileType == "SceneFile":
            return self._saveScene(fileName, messages)
        node = self._scene.GetNodeByID(properties["nodeID"])
        if node is None:
            return _fail(messages, f"No node {properties['nodeID']}")
        storage = node.GetStorageNode() or self.createAndAddDefaultStorageNode(node)
        storage.SetFileName(fileName)
        if "useCompression" in properties:
            storage.SetUseCompression(int(properties["useCompression"]))
        done = bool(storage.WriteData(node))
        if done:
            self.fileSaved.emit(dict(properties))
        return done

    def createAndAddDefaultStorageNode(self, node):
        node.AddDefaultStorageNode()
        return node.GetStorageNode()

    def saveScene(self, fileName, screenShot, messages=None):
        return self._saveScene(fileName, messages)

    def _saveScene(self, fileName, messages):
        lower = fileName.lower()
        if lower.endswith(".mrb"):
            return bool(self._scene.WriteToMRB(fileName, None, messages))
        if lower.endswith(".mrml"):
            self._scene.SetURL(fileName)
            return bool(self._scene.Commit(fileName, messages))
        return bool(self._scene.SaveSceneToSlicerDataBundleDirectory(fileName, None, messages))


class qSlicerIOManager(qSlicerCoreIOManager):
    """The readers and writers with their dialogs; the dialogs are not imitated."""


def _baseName(fileName):
    name = os.path.basename(fileName)
    for _, suffixes in FILE_TYPES:
        for suffix in suffixes:
            if name.lower().endswith(suffix):
                return name[: -len(suffix)]
    return name


def _fail(messages, text):
    if messages is not None:
        messages.AddMessage(vtk.vtkCommand.ErrorEvent, text)
    return False
