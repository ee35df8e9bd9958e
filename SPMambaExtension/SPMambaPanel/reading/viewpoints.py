"""Where the reader stood in each volume, so that the views follow the volume chosen and come back to the same place."""
from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import slicer

from ..scene.volumeinfo import ijkToRas, kindOf

View = Tuple[List[float], Tuple[float, ...], Tuple[int, ...]]  # slice to RAS by rows, field of view, size in pixels

ORIENTATIONS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


class Viewpoints:
    """Plane and zoom of the slice views by volume, for as long as the scene is open."""

    def __init__(self) -> None:
        self._left: Dict[str, Dict[str, View]] = {}
        self._layout: Optional[int] = None  # before a picture took one view

    def forget(self) -> None:
        self._left = {}
        self._layout = None

    def change(self, formerId: str, volumeNode: Any, fresh: bool) -> None:
        """From one volume to another: show its image as it was left, otherwise (or `fresh`) all of it in its own
        planes."""
        composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        shown = {node.GetBackgroundVolumeID() for node in composites}
        views = slicer.util.getNodesByClass("vtkMRMLSliceNode")
        if volumeNode.GetImageData() is None or not _hasRoom(volumeNode):
            return
        if kindOf(volumeNode) == "image":
            if self._layout is None or shown != {volumeNode.GetID()}:
                self._showPicture(volumeNode)
            return
        if self._layout is not None:
            self._leavePicture(views)
            shown = set()  # the views have other planes now
        if shown == {volumeNode.GetID()}:
            return
        if not formerId and volumeNode.GetID() in shown:
            return  # the first choice is what the reader looks at, perhaps beside others
        if shown == {formerId} and not fresh:
            self._left[formerId] = {view.GetID(): _viewOf(view) for view in views}
        known = {} if fresh else self._left.get(volumeNode.GetID(), {})
        whole = any(known.get(view.GetID(), _viewOf(view))[2] != _viewOf(view)[2] for view in views)  # another layout
        for view in views:
            view.SetOrientation(_nearestOrientation(view))  # an oblique one cannot be turned to a volume
        # Without the layers of the former volume, which would be fitted as well.
        slicer.util.setSliceViewerLayers(volumeNode, None, None, None, None, True, _rightAngled(volumeNode))
        for view in views:
            if view.GetID() in known and not whole:
                matrix, field, _size = known[view.GetID()]
                view.GetSliceToRAS().DeepCopy(matrix)
                view.SetFieldOfView(*field)
                view.UpdateMatrices()

    def _showPicture(self, volumeNode: Any) -> None:
        """A film, upright in one view: it has no other planes, and views turned to it would be upside down."""
        manager, layouts = slicer.app.layoutManager(), slicer.vtkMRMLLayoutNode
        if manager is not None and self._layout is None:
            self._layout = manager.layout
            manager.setLayout(layouts.SlicerLayoutOneUpRedSliceView)
        red = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed")
        if red is not None:
            red.SetOrientation("Axial")
        slicer.util.setSliceViewerLayers(volumeNode, None, None, None, None, True, False)

    def _leavePicture(self, views: List[Any]) -> None:
        """The views as they were before the picture, if the reader has not chosen another layout meanwhile."""
        manager, layouts = slicer.app.layoutManager(), slicer.vtkMRMLLayoutNode
        if manager is not None and manager.layout == layouts.SlicerLayoutOneUpRedSliceView:
            manager.setLayout(self._layout)
        self._layout = None
        for view in views:
            if view.GetLayoutName() in ORIENTATIONS:
                view.SetOrientation(ORIENTATIONS[view.GetLayoutName()])


def _hasRoom(volumeNode: Any) -> bool:
    """False for a file whose geometry is nonsense: no view can be turned to it."""
    matrix = ijkToRas(volumeNode)
    return bool(np.isfinite(matrix).all() and abs(np.linalg.det(matrix)) > 0.0)


def _rightAngled(volumeNode: Any) -> bool:
    """Whether a view can be turned to a volume; one that is sheared, as of a tilted gantry, would shear the view."""
    axes = ijkToRas(volumeNode)[:3, :3]
    axes = axes / np.linalg.norm(axes, axis=0)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() < 0.01)


def _nearestOrientation(view: Any) -> str:
    normal = [abs(view.GetSliceToRAS().GetElement(row, 2)) for row in range(3)]
    return ("Sagittal", "Coronal", "Axial")[normal.index(max(normal))]


def _viewOf(view: Any) -> View:
    matrix = view.GetSliceToRAS()
    return ([matrix.GetElement(row, column) for row in range(4) for column in range(4)], tuple(view.GetFieldOfView()),
            tuple(view.GetDimensions()))
