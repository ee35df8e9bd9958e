"""The plain image beside the marked one: two linked views of the same plane."""
from __future__ import annotations

import json
from typing import Any, Optional

import numpy as np
import qt
import slicer

from .display import MARKED_VIEW, PLAIN_VIEW


class Compare:
    """Makes the right view of the side-by-side layout a twin of the left one, and undoes it.

    What the views were before is kept in the parameter node, so that it can be undone after a reload too.

    Args:
        onLeft: called when the reader has left the comparison by choosing another layout.
    """

    def __init__(self, onLeft: Any) -> None:
        self._onLeft = onLeft
        manager = slicer.app.layoutManager()
        if manager is not None:
            manager.layoutChanged.connect(self._onLayout)
        self._parameters: Optional[Any] = None

    def close(self) -> None:
        manager = slicer.app.layoutManager()
        if manager is not None:
            manager.layoutChanged.disconnect(self._onLayout)

    def follow(self, parameters: Any, wanted: bool) -> None:
        """Compare or stop comparing."""
        self._parameters = parameters
        layout = slicer.app.layoutManager().layoutLogic().GetLayoutNode() if slicer.app.layoutManager() else None
        if layout is None or wanted == bool(parameters.beforeCompare):
            return
        plain, marked = (slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNode" + name) for name in (PLAIN_VIEW, MARKED_VIEW))
        if plain is None or marked is None:
            return
        if wanted:
            matrix = np.asarray(slicer.util.arrayFromVTKMatrix(marked.GetSliceToRAS()))
            parameters.beforeCompare = json.dumps({"layout": layout.GetViewArrangement(), "plane": matrix.tolist(),
                                                   "fields": [each.GetFieldOfView() for each in (plain, marked)],
                                                   "linked": [each.GetLinkedControl() for each in _composites()]})
            layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView)
            _twin(plain, marked)
            qt.QTimer.singleShot(0, lambda: _fit(plain, marked))  # once the views have the sizes of the new layout
            for each in _composites():
                each.SetLinkedControl(1)
                each.SetHotLinkedControl(1)
        else:
            before = json.loads(parameters.beforeCompare)
            parameters.beforeCompare = ""
            for each, linked in zip(_composites(), before["linked"]):
                each.SetLinkedControl(linked)
            center = [marked.GetSliceToRAS().GetElement(row, 3) for row in range(3)]
            marked.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(np.asarray(before["plane"])))
            marked.UpdateMatrices()
            marked.JumpSliceByCentering(*center)
            if layout.GetViewArrangement() == slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView:
                layout.SetViewArrangement(before["layout"])
            qt.QTimer.singleShot(0, lambda: [each.SetFieldOfView(*field) for each, field in
                                             zip((plain, marked), before["fields"])])

    def _onLayout(self, layout: int) -> None:
        parameters = self._parameters
        if slicer.mrmlScene.IsImporting():
            return  # the layout of a scene, not a choice
        if (parameters is not None and parameters.beforeCompare
                and layout != slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView):
            self._onLeft()


def _composites() -> Any:
    nodes = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return [node for node in nodes if node.GetLayoutName() in (PLAIN_VIEW, MARKED_VIEW)]


def _fit(plain: Any, marked: Any) -> None:
    """The whole of the current slice in both."""
    logic = slicer.app.applicationLogic().GetSliceLogic(plain)
    if logic is not None:
        offset = plain.GetSliceOffset()
        logic.FitSliceToBackground()  # goes to the middle slice
        plain.SetSliceOffset(offset)
        plain.UpdateMatrices()
        _twin(plain, marked)


def _twin(plain: Any, marked: Any) -> None:
    """Same plane, center and zoom."""
    marked.GetSliceToRAS().DeepCopy(plain.GetSliceToRAS())
    width, height, depth = plain.GetFieldOfView()
    size, own = plain.GetDimensions(), marked.GetDimensions()
    marked.SetFieldOfView(width * own[0] / max(1, size[0]), height * own[1] / max(1, size[1]), depth)
    marked.UpdateMatrices()
