"""Where the analysed slices lie in the world, and which of them a slice view shows."""
from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

import numpy as np
import slicer
import vtk

from .result import Result
from .tables import Row, ijkOf, rasOf
from .volumeinfo import ijkToRas

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
        size = self._map.GetImageData().GetDimensions()
        self.count = size[self.axis]
        matrix = ijkToRas(self._map)
        middle = np.append((np.asarray(size) - 1) / 2.0, 1.0)
        middle[self.axis] = 0.0
        self._first = (matrix @ middle)[:3]
        self._step = matrix[:3, self.axis]
        first, second = (matrix[:3, column] for column in range(3) if column != self.axis)
        self._across = np.cross(first, second)

    def world(self, ras: Sequence[float]) -> Sequence[float]:
        """RAS mm in the world of a point in the volume's own coordinates."""
        point = [0.0, 0.0, 0.0]
        self._toWorld().TransformPoint(ras, point)
        return point

    def isShownBy(self, sliceNode: Any) -> bool:
        """Whether a view lies in the analysed plane, up to obliqueness."""
        normal = [0.0, 0.0, 0.0]
        self._toWorld().TransformVectorAtPoint((0.0, 0.0, 0.0), self._across.tolist(), normal)
        return bool(abs(_sliceToRas(sliceNode)[:3, 2] @ normal) > PARALLEL * np.linalg.norm(normal))

    def sliceOf(self, sliceNode: Any) -> Optional[int]:
        """Index of the slice whose center is nearest to the plane of a view; None if the view shows another plane, or
        nothing of the volume."""
        if not self.isShownBy(sliceNode):
            return None
        view = _sliceToRas(sliceNode)
        first, second = (np.asarray(self.world((self._first + n * self._step).tolist())) for n in (0, 1))
        distance = view[:3, 2] @ (view[:3, 3] - first)
        index = int(np.floor(distance / (view[:3, 2] @ (second - first)) + 0.5))
        return index if 0 <= index < self.count else None

    def _toWorld(self) -> Any:
        transform = vtk.vtkGeneralTransform()
        slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(self._map.GetParentTransformNode(), None, transform)
        return transform


def inWorld(row: Dict[str, Any], plane: AnalysedPlane) -> Dict[str, Any]:
    """A row of findings or slices with its place in the world, RAS mm."""
    right, anterior, superior = plane.world(rasOf(row))
    return {**row, "right": right, "anterior": anterior, "superior": superior}


def sliceOf(result: Result, row: Row) -> int:
    """Number of the slice that the peak of a finding lies in."""
    return sliceNumber(row, ijkToRas(result.map), int(result.summary["slice_axis"]))


def sliceNumber(row: Row, matrix: np.ndarray, axis: int) -> int:
    """The same, of slices across `axis` of a (K, J, I) array whose voxels lie by `matrix` (IJK to RAS)."""
    return int(round(ijkOf(row, matrix)[2 - axis]))


def _sliceToRas(sliceNode: Any) -> np.ndarray:
    return np.asarray(slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS()))
