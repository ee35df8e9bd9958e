"""Which slices the reader has had before the eyes, kept in the table of slice scores and so in the scene."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Set, Tuple

import qt
import slicer
import vtk

from ..scene import tables
from ..scene.planes import AnalysedPlane
from ..scene.result import Result

WRITE_MS = 40  # the scene is told at most this late; views stay fluent while the reader scrolls


class SeenSlices:
    """Watches the slice views in the analysed plane.

    A slice is seen once the reader has moved to it in a view of the layout with the analysed volume as its image.  What
    is there when a result or a scene is opened, or when a view is fitted to another image, was not moved to.

    Args:
        onChange: called a moment after the current slice or the slices seen have changed.

    Attributes:
        current: index of the slice shown last, or None.
    """

    def __init__(self, onChange: Callable[[], None]) -> None:
        self.current: Optional[int] = None
        self._onChange = onChange
        self._result: Optional[Result] = None
        self._plane: Optional[AnalysedPlane] = None
        self._seen: Set[int] = set()
        self._shown: Dict[str, Tuple[Optional[int], Tuple[float, ...]]] = {}  # slice and field of view by view
        self._fitted: Set[str] = set()  # views whose field of view has just changed: fitting moves them as well
        self._observations: List[Tuple[Any, int]] = []
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(WRITE_MS)
        self._timer.timeout.connect(self.write)

    def __contains__(self, index: int) -> bool:
        return index in self._seen

    def __len__(self) -> int:
        return len(self._seen)

    def open(self, result: Optional[Result]) -> None:
        """Watch for `result` from now on, beginning with what is shown; None ends watching."""
        self.write()
        for node, tag in self._observations:
            node.RemoveObserver(tag)
        self._observations = []
        self._result, self._plane, self.current, self._seen, self._shown = result, None, None, set(), {}
        if result is None:
            return
        self._plane = AnalysedPlane(result)
        self._seen = {row["slice"] for row in tables.readSlices(result.get("slices")) if row.get("seen")}
        views = slicer.util.getNodesByClass("vtkMRMLSliceNode")
        for node in views + slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            self._observations.append((node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onView)))
        self.look()

    def look(self, asked: bool = False) -> None:
        """Take note of all views as they are; `asked` if the reader wanted what they show."""
        for sliceNode in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            self._note(sliceNode, asked)

    def _onView(self, caller: Any, event: Any) -> None:
        if caller.IsA("vtkMRMLSliceNode"):
            self._note(caller)
        else:
            self.look()

    def _note(self, sliceNode: Any, asked: bool = False) -> None:
        if self._plane is None or self._result is None or not self._result.complete:
            return
        view, field = sliceNode.GetID(), sliceNode.GetFieldOfView()
        before, formerField = self._shown.get(view, (None, field))
        watched = sliceNode.IsMappedInLayout() and _shows(sliceNode, self._result.input)
        index = self._plane.sliceOf(sliceNode) if watched else None
        self._shown[view] = (-1 if watched and index is None else index), field
        if field != formerField or slicer.mrmlScene.IsBatchProcessing():
            self._fitted.add(view)
            self._timer.start()
        if index is None or (index == before and not asked):
            return
        moved = asked or (before is not None and view not in self._fitted)
        if index != self.current or (moved and index not in self._seen):
            self.current = index
            self._timer.start()
        if moved:
            self._seen.add(index)

    def write(self) -> None:
        """Bring the table of slice scores up to date and tell of the change."""
        self._timer.stop()
        self._fitted = set()
        if self._result is not None and self._result.complete:
            tables.writeSeen(self._result.get("slices"), self._seen)
            self._onChange()


def _shows(sliceNode: Any, volumeNode: Any) -> bool:
    if volumeNode is None:
        return False
    logic = slicer.app.applicationLogic().GetSliceLogic(sliceNode)
    composite = logic.GetSliceCompositeNode() if logic is not None else None
    return composite is not None and composite.GetBackgroundVolumeID() == volumeNode.GetID()
