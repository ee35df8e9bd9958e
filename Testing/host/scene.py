"""The real parts: the MRML scene, the application logic and the module logics of slicer-core."""

from __future__ import annotations

import os

import slicer
import vtk

# Module name in Slicer: class of its logic. Colors has its logic inside the application logic.
MODULE_LOGICS = {
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
}


class SlicerCore:
    """Scene and logics, set up in the order of the application.

    scene: vtkMRMLScene. applicationLogic: vtkSlicerApplicationLogic. logics: {module name: logic}.
    """

    def __init__(self, temporaryPath):
        self.scene = slicer.vtkMRMLScene()
        self.scene.SetRootDirectory(temporaryPath)
        self.applicationLogic = slicer.vtkSlicerApplicationLogic()
        self.applicationLogic.SetTemporaryPath(temporaryPath)
        self.applicationLogic.SetMRMLScene(self.scene)
        self.applicationLogic.SetSliceLogics(vtk.vtkCollection())
        self.applicationLogic.SetViewLogics(vtk.vtkCollection())
        for className in ("vtkMRMLSelectionNode", "vtkMRMLInteractionNode", "vtkMRMLCrosshairNode"):
            self._addSingleton(className)
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        self._colorLogic = self.applicationLogic.GetColorLogic()
        self._colorLogic.SetMRMLScene(self.scene)
        self._colorLogic.AddDefaultColorNodes()
        self._addGenericColors()
        self._addBundleReader(temporaryPath)
        self.logics = {"Colors": self._makeColorsLogic()}
        for name, className in MODULE_LOGICS.items():
            self.logics[name] = self._makeLogic(name, className)
        slicer.mrmlScene = self.scene

    def _makeLogic(self, name, className):
        logic = getattr(slicer, className)()
        logic.SetMRMLApplicationLogic(self.applicationLogic)
        # The files with the default terminologies belong to the application; without them it complains, but works.
        vtk.vtkObject.SetGlobalWarningDisplay(name != "Terminologies")
        logic.SetMRMLScene(self.scene)
        vtk.vtkObject.SetGlobalWarningDisplay(True)
        self.applicationLogic.SetModuleLogic(name, logic)
        return logic

    def _addSingleton(self, className):
        """The nodes that every scene of the application has, under the tags it gives them."""
        if self.scene.GetFirstNodeByClass(className) is None:
            node = self.scene.CreateNodeByClass(className)
            node.UnRegister(None)
            node.SetSingletonTag("default" if className == "vtkMRMLCrosshairNode" else "Singleton")
            self.scene.AddNode(node)

    def _makeColorsLogic(self):
        """The Colors module's logic, which knows color legends.  Its default color files belong to the application."""
        logic = slicer.vtkSlicerColorLogic()
        logic.SetMRMLApplicationLogic(self.applicationLogic)
        vtk.vtkObject.SetGlobalWarningDisplay(False)
        logic.SetMRMLScene(self.scene)
        vtk.vtkObject.SetGlobalWarningDisplay(True)
        self.applicationLogic.SetModuleLogic("Colors", logic)
        return logic

    def _addGenericColors(self):
        """The default table of label maps; the application reads it from a file that the wheel does not have."""
        if self.scene.GetNodeByID("vtkMRMLColorTableNodeFileGenericColors.txt"):
            return
        node = slicer.vtkMRMLColorTableNode()
        node.SetTypeToFile()
        node.SetName("GenericColors")
        node.SetNumberOfColors(256)
        node.SetColor(0, "background", 0, 0, 0, 0)
        for i in range(1, 256):
            # The golden ratio spreads the hues of neighbouring labels.
            rgb = [0.0, 0.0, 0.0]
            vtk.vtkMath.HSVToRGB([(i * 0.618034) % 1.0, 0.6, 0.9], rgb)
            node.SetColor(i, f"label {i}", *rgb, 1)
        node.SetSingletonTag("FileGenericColors.txt")
        node.SetSaveWithScene(False)
        node.SetAttribute("Category", "Default Labels from File")
        self.scene.AddNode(node)

    def _addBundleReader(self, temporaryPath):
        """ReadFromMRB unpacks into the cache folder of a remote IO logic; without one it returns False."""
        cache = os.path.join(temporaryPath, "cache")
        os.makedirs(cache, exist_ok=True)
        self._remoteIO = slicer.vtkMRMLRemoteIOLogic()
        self._remoteIO.SetMRMLScene(self.scene)
        self._remoteIO.GetCacheManager().SetRemoteCacheDirectory(cache)
        self._dataIO = slicer.vtkDataIOManagerLogic()
        self._dataIO.SetMRMLScene(self.scene)
        self._dataIO.SetMRMLApplicationLogic(self.applicationLogic)
        self._dataIO.SetAndObserveDataIOManager(self._remoteIO.GetDataIOManager())
        self._remoteIO.AddDataIOToScene()
