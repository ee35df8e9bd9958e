"""Where the analysed slices lie in the world, and which of them a slice view shows."""
from __future__ import annotations

from typing import Any, Optional, Sequence

import numpy as np
import slicer
import vtk

from .facts import ijkToRas
from .result import Result

PARALLEL = 0.9  # cosine above which a view counts as lying in the analysed plane


class AnalysedPlane:
    """Slices of a result, in the world: the parent transform of the map is applied.

    Args:
        result: with a map.

    Attributes:
        axis: voxel axis along which slices are counted, 0 for I, 1 for J, 2 for K.
        count: number of slices.
    """

    def __init__(self, result: Result) -> None:
        self._map = result.map
        self.axis = 2 - int(result.summary["slice_axis"])  # array axes are (K, J, I), matrix columns (I, J, K)
        self.count = self._map.GetImageData().GetDimensions()[self.axis]
        self._rasToIjk = np.linalg.inv(ijkToRas(self._map))

    def world(self, ras: Sequence[float]) -> Sequence[float]:
        """RAS mm in the world of a point in the volume's own coordinates."""
        point = [0.0, 0.0, 0.0]
        self._transform(toWorld=True).TransformPoint(ras, point)
        return point

    def isShownBy(self, sliceNode: Any) -> bool:
        """Whether a view lies in the analysed plane, up to obliqueness."""
        direction = [0.0, 0.0, 0.0]
        matrix = ijkToRas(self._map)
        others = [matrix[:3, column] for column in range(3) if column != self.axis]
        self._transform(toWorld=True).TransformVectorAtPoint((0.0, 0.0, 0.0), np.cross(*others).tolist(), direction)
        normal = np.asarray(direction) / np.linalg.norm(direction)
        return bool(abs(_sliceToRas(sliceNode)[:3, 2] @ normal) > PARALLEL)

    def sliceOf(self, sliceNode: Any) -> Optional[int]:
        """Index of the slice at the center of a view; None if it shows another plane, or nothing of the volume."""
        if not self.isShownBy(sliceNode):
            return None
        point = [0.0, 0.0, 0.0]
        self._transform(toWorld=False).TransformPoint(_sliceToRas(sliceNode)[:3, 3].tolist(), point)
        index = int(np.floor((self._rasToIjk @ [*point, 1.0])[self.axis] + 0.5))
        return index if 0 <= index < self.count else None

    def _transform(self, toWorld: bool) -> Any:
        transform = vtk.vtkGeneralTransform()
        parent = self._map.GetParentTransformNode()
        ends = (parent, None) if toWorld else (None, parent)
        slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(*ends, transform)
        return transform


def _sliceToRas(sliceNode: Any) -> np.ndarray:
    return np.asarray(slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS()))
