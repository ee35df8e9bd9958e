"""Which volume the slice views show, told whenever that changes: another module, or a loaded file, tells nobody."""
from __future__ import annotations

from typing import Any, Callable, List, Tuple

import qt
import slicer

SETTLE_MS = 20  # the views change one after the other


def viewedVolumes() -> List[Any]:
    """Different background volumes of the slice views of the present layout, in the order of the views; those that show
    nothing are left out.  Views of other layouts keep what they showed there, unseen."""
    shown: List[Any] = []
    seen = {node.GetLayoutName() for node in slicer.util.getNodesByClass("vtkMRMLSliceNode") if node.IsMappedInLayout()}
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        if seen and composite.GetLayoutName() not in seen:
            continue
        node = slicer.mrmlScene.GetNodeByID(composite.GetBackgroundVolumeID() or "")
        if node is not None and node not in shown:
            shown.append(node)
    return shown


class ViewedVolume:
    """Watches the slice views.

    Args:
        onChange: called once the views have come to rest at other volumes than before.
    """

    def __init__(self, onChange: Callable[[], None]) -> None:
        self._onChange = onChange
        self._watched: List[Tuple[Any, int]] = []
        self._known: List[Any] = []
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._settle)

    def watch(self) -> None:
        """The views that there are now."""
        nodes = [*slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"),
                 *slicer.util.getNodesByClass("vtkMRMLLayoutNode")]
        if [node for node, _tag in self._watched] == nodes:
            return
        self.close()
        for node in nodes:
            self._watched.append((node, node.AddObserver("ModifiedEvent", lambda *args: self._timer.start())))
        self._known = viewedVolumes()

    def close(self) -> None:
        self._timer.stop()
        for node, tag in self._watched:
            node.RemoveObserver(tag)
        self._watched = []

    def _settle(self) -> None:
        shown = viewedVolumes()
        if shown != self._known and not (slicer.mrmlScene.IsImporting() or slicer.mrmlScene.IsClosing()):
            self._known = shown
            self._onChange()
