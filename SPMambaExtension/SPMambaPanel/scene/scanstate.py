"""The scan as it is now: its result goes where it goes, and is known to be of other voxels once they were replaced.

A result belongs to the voxels of its scan.  Where those lie may change at any time (a transform, soft or hardened, a
volume that was centered or given another spacing): geometry is copied again, never derived.
"""
from __future__ import annotations

import json
import zlib
from typing import Any, Dict, List, Tuple

import numpy as np
import slicer
from vtk.util import numpy_support

from . import tables
from .result import Result
from .volumeinfo import ijkToRas

NEAR_MM = 1e-3  # displacement of a corner that a file's rounding explains
VOXELS_PARAMETER = "SPMamba.Voxels"
GEOMETRY_PARAMETER = "SPMamba.Geometry"

_known: Dict[str, Tuple[Tuple[int, ...], str]] = {}  # by node ID: when the voxels were changed, and their fingerprint


def fingerprint(volumeNode: Any) -> str:
    """Of shape, type and values of a volume's voxels; "" without voxels.  Computed again only after a change."""
    image = volumeNode.GetImageData() if volumeNode is not None else None
    scalars = image.GetPointData().GetScalars() if image is not None else None
    if image is None or scalars is None:
        return ""
    changed = (image.GetMTime(), scalars.GetMTime())  # VTK counts all changes of a process in one row
    if volumeNode.GetID() not in _known or _known[volumeNode.GetID()][0] != changed:
        values = np.ascontiguousarray(numpy_support.vtk_to_numpy(scalars))
        text = "{}:{}:{:08x}".format(",".join(map(str, image.GetDimensions())), values.dtype.str[1:],
                                     zlib.crc32(values.data))
        _known[volumeNode.GetID()] = (changed, text)
    return _known[volumeNode.GetID()][1]


def remember(result: Result) -> None:
    """The voxels that a result belongs to are those that its scan has now; where they lay is kept for its evidence."""
    result.node.SetParameter(VOXELS_PARAMETER, fingerprint(result.input))
    result.node.SetParameter(GEOMETRY_PARAMETER, json.dumps(ijkToRas(result.map).tolist()))


def analysedGeometry(result: Result) -> np.ndarray:
    """4x4, IJK to RAS mm of the scan when it was analysed, without its parent transform."""
    kept = result.node.GetParameter(GEOMETRY_PARAMETER)
    return np.asarray(json.loads(kept), dtype=np.float64) if kept else ijkToRas(result.map)


def isOfOtherVoxels(result: Result) -> bool:
    """Whether the scan's voxels were changed or replaced since; a result of an older version does not know."""
    kept = result.node.GetParameter(VOXELS_PARAMETER) or ""
    return bool(kept) and result.input is not None and kept != fingerprint(result.input)


def follow(result: Result) -> bool:
    """Bring the nodes of a complete result to where its scan is.

    Returns:
        Whether the scan's own geometry was another: segments and findings have to be made again then.
    """
    scan = result.input
    if scan is None or not result.complete:
        return False
    for node in (result.map, result.severity, result.segmentation):
        if node.GetTransformNodeID() != scan.GetTransformNodeID():
            node.SetAndObserveTransformNodeID(scan.GetTransformNodeID())
    before, now = ijkToRas(result.map), ijkToRas(scan)
    if not isElsewhere(before, now, result.map.GetImageData().GetDimensions()) or isOfOtherVoxels(result):
        return False
    for node in (result.map, result.severity):
        node.CopyOrientation(scan)
    result.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(scan)
    move = now @ np.linalg.inv(before)
    for role, columns in (("slices", tables.SLICE_COLUMNS), ("findings", tables.FINDING_COLUMNS)):
        node = result.get(role)
        rows = tables.readTable(node, columns)
        present = [column for column in columns if rows and column[0] in rows[0]]
        tables.writeTable(node, present, [{**row, **_moved(row, move)} for row in rows])
    return True


def isElsewhere(before: np.ndarray, now: np.ndarray, size: Tuple[int, int, int]) -> bool:
    """Whether a corner of a grid of `size` voxels lies elsewhere by one matrix (4x4, mm) than by the other."""
    if not (np.isfinite(now).all() and np.isfinite(before).all()) or np.linalg.matrix_rank(before[:3, :3]) < 3:
        return False
    ends = [(0.0, float(n - 1)) for n in size]
    corners = np.array([[i, j, k, 1.0] for i in ends[0] for j in ends[1] for k in ends[2]])
    return bool(np.abs(corners @ (now - before).T).max() > NEAR_MM)


def _moved(row: tables.Row, move: np.ndarray) -> Dict[str, float]:
    right, anterior, superior = (move @ [*tables.rasOf(row), 1.0])[:3].tolist()
    return {"right": right, "anterior": anterior, "superior": superior}


class ScanWatch:
    """Tells when a scan of the scene was moved, or its voxels replaced.

    Args:
        onChange: called after any of them; several changes at once are told once each.
    """

    def __init__(self, onChange: Any) -> None:
        self._onChange = onChange
        self._watched: List[Tuple[Any, List[int]]] = []

    def watch(self, scans: List[Any]) -> None:
        """These and no others."""
        if [node for node, _tags in self._watched] == scans:
            return
        self.close()
        for node in scans:
            events = (slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
                      slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent, "ModifiedEvent")
            self._watched.append((node, [node.AddObserver(event, lambda *args: self._onChange()) for event in events]))

    def close(self) -> None:
        for node, tags in self._watched:
            for tag in tags:
                node.RemoveObserver(tag)
        self._watched = []
