"""Findings as surfaces in the 3D view: made one by one when they are asked for, never for a film."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

from ..scene.result import Result
from ..scene.steps import Steps, Work
from ..scene.volumeinfo import kindOf

MANY = 50  # findings from which on surfaces are shown only after the reader has asked for them
SMOOTHING = "0.0"  # thin findings vanish when they are smoothed

Extent = Tuple[int, int, int, int, int, int]


def canBeShown(result: Optional[Result]) -> bool:
    """Whether a result has surfaces at all: those of a film would be plates without thickness."""
    return result is not None and result.complete and (result.input is None or kindOf(result.input) != "image")


class Solids:
    """The surfaces of the result being read."""

    def __init__(self) -> None:
        self._onShown: Optional[Callable[[], None]] = None
        self._steps: Optional[Steps] = None
        self._key: Any = None  # what the work under way is about

    @property
    def working(self) -> bool:
        return self._steps is not None

    def whenShown(self, call: Callable[[], None]) -> None:
        """Call once they are all in the view: now, or after the work under way."""
        if self.working:
            self._onShown = call
        else:
            call()

    def stop(self) -> None:
        """What is made so far stays, unseen."""
        if self._steps is not None:
            self._steps.stop()
        self._steps = self._key = self._onShown = None

    def follow(self, result: Optional[Result], shown: bool) -> None:
        """Show or hide the surfaces of a result; missing ones are made, one in each turn of the event loop."""
        if result is None or not result.complete:
            self.stop()
            return
        display = result.segmentation.GetDisplayNode()
        if display is None:
            return
        if not (shown and canBeShown(result)):
            self.stop()
            display.SetVisibility3D(False)
            return
        missing = withoutSurface(result.segmentation)
        if not missing:
            self.stop()
            display.SetVisibility3D(True)
            return
        key = (result.node.GetID(), tuple(missing))
        if self.working and key[0] == self._key[0] and set(missing) <= set(self._key[1]):
            return  # under way
        self.stop()
        display.SetVisibility3D(False)  # not half of them
        self._key = key
        self._steps = Steps(makeSurfaces(result.segmentation), lambda made: self._onMade(result), self._onFailed)

    def _onMade(self, result: Result) -> None:
        tell, self._onShown = self._onShown, None
        self._steps = self._key = None
        if result.complete and result.segmentation.GetDisplayNode() is not None:
            result.segmentation.GetDisplayNode().SetVisibility3D(True)
            if tell is not None:
                tell()

    def _onFailed(self, error: Exception) -> None:
        self._steps = self._key = self._onShown = None
        raise error


def withoutSurface(segmentationNode: Any) -> List[str]:
    """IDs of the segments with voxels that have no surface."""
    segmentation = segmentationNode.GetSegmentation()
    names = [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
    rule = slicer.vtkSegmentationConverter
    return [name for name in names
            if segmentation.GetSegment(name).GetRepresentation(
                rule.GetSegmentationClosedSurfaceRepresentationName()) is None
            and segmentation.GetSegment(name).GetRepresentation(
                rule.GetSegmentationBinaryLabelmapRepresentationName()) is not None]


def makeSurfaces(segmentationNode: Any) -> Work:
    """Give every segment its surface, cut out of the label image around it: the time goes with the size of the finding,
    not with that of the scan."""
    segmentation = segmentationNode.GetSegmentation()
    segmentation.SetConversionParameter("Smoothing factor", SMOOTHING)  # a loaded scene makes them again by it
    surface = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    binary = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    extents: Dict[Any, Dict[int, Extent]] = {}
    for name in withoutSurface(segmentationNode):
        segment = segmentation.GetSegment(name)
        image = segment.GetRepresentation(binary) if segment is not None else None
        if image is None:
            continue
        if image not in extents:
            extents[image] = extentsOf(image)
            yield
        extent = extents[image].get(segment.GetLabelValue())
        if extent is not None:
            segment.AddRepresentation(surface, _surface(image, segment.GetLabelValue(), extent, binary, surface))
        yield
    segmentationNode.Modified()


def extentsOf(image: Any) -> Dict[int, Extent]:
    """Smallest extent (I, J, K, inclusive, of the whole grid) of every label of a vtkOrientedImageData."""
    labels = _labels(image)
    if labels is None:
        return {}
    where = np.flatnonzero(labels)
    if not len(where):
        return {}
    values = labels.reshape(-1)[where]
    order = np.argsort(values, kind="stable")
    found, starts = np.unique(values[order], return_index=True)
    corner = image.GetExtent()[::2]
    sides = []
    for axis, index in enumerate(reversed(np.unravel_index(where[order], labels.shape))):  # I, J, K
        sides += [np.minimum.reduceat(index, starts) + corner[axis], np.maximum.reduceat(index, starts) + corner[axis]]
    return {int(label): (int(i0), int(i1), int(j0), int(j1), int(k0), int(k1))
            for label, i0, i1, j0, j1, k0, k1 in zip(found, *sides)}


def _surface(image: Any, label: int, extent: Extent, binary: str, surface: str) -> Any:
    """vtkPolyData around the voxels of a label, in the coordinates of its segmentation."""
    i0, i1, j0, j1, k0, k1 = extent
    i, j, k = image.GetExtent()[::2]
    labels = _labels(image)
    assert labels is not None, "it has an extent"
    part = labels[k0 - k:k1 - k + 1, j0 - j:j1 - j + 1, i0 - i:i1 - i + 1] == label
    cut = slicer.vtkOrientedImageData()
    cut.SetExtent(i0, i1, j0, j1, k0, k1)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    cut.SetImageToWorldMatrix(matrix)
    cut.AllocateScalars(numpy_support.get_vtk_array_type(np.uint8), 1)
    numpy_support.vtk_to_numpy(cut.GetPointData().GetScalars())[:] = part.reshape(-1)
    alone = slicer.vtkSegmentation()
    alone.SetConversionParameter("Smoothing factor", SMOOTHING)
    single = slicer.vtkSegment()
    single.AddRepresentation(binary, cut)
    alone.AddSegment(single, "finding")
    alone.CreateRepresentation(surface)
    return single.GetRepresentation(surface)


def _labels(image: Any) -> Optional[np.ndarray]:
    """(K, J, I); None without voxels."""
    scalars = image.GetPointData().GetScalars() if image.GetNumberOfPoints() else None
    return None if scalars is None else numpy_support.vtk_to_numpy(scalars).reshape(image.GetDimensions()[::-1])
