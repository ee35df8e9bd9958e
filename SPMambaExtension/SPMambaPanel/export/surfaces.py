"""Closed surfaces, one file per finding, STL or OBJ, in LPS mm.

Marching cubes cuts the corners of a voxel region, a tenth and more of the volume of a small one.  Each surface is
enlarged around its middle until it encloses the volume of its voxels.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, List

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

from ..scene import tables
from ..scene.naming import plain
from .chosen import Chosen

SMOOTHING = "0.0"  # thin findings vanish when they are smoothed


def writeSurfaces(chosen: Chosen, folder: Path, stem: str) -> List[Path]:
    def makeWriter() -> Any:
        writer = vtk.vtkSTLWriter()
        writer.SetFileTypeToBinary()
        return writer

    return _write(chosen, folder, stem, ".stl", makeWriter)


def writeObjects(chosen: Chosen, folder: Path, stem: str) -> List[Path]:
    return _write(chosen, folder, stem, ".obj", vtk.vtkOBJWriter)


def _write(chosen: Chosen, folder: Path, stem: str, suffix: str, makeWriter: Callable[[], Any]) -> List[Path]:
    segmentation = chosen.node.GetSegmentation()
    segmentation.SetConversionParameter("Smoothing factor", SMOOTHING)
    if not chosen.node.CreateClosedSurfaceRepresentation():
        return []
    toWorld = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(chosen.node.GetParentTransformNode(), None, toWorld)
    files = []
    for n, rank in enumerate(chosen.ranks):
        name = segmentation.GetNthSegmentID(n)
        surface = vtk.vtkPolyData()
        if not chosen.node.GetClosedSurfaceRepresentation(name, surface) or not surface.GetNumberOfCells():
            return []
        drawn = "" if name == tables.segmentId(rank) else "_" + plain(segmentation.GetNthSegment(n).GetName())
        path = folder / "{}_{}{}{}".format(stem, rank, drawn, suffix)
        writer = makeWriter()
        writer.SetFileName(str(path))
        writer.SetInputData(_placed(surface, _volume(chosen, name), toWorld))
        if not writer.Write():
            return []
        files.append(path)
    return files


def _volume(chosen: Chosen, name: str) -> float:
    """mm3 of a segment's voxels."""
    image = slicer.vtkOrientedImageData()
    chosen.node.GetBinaryLabelmapRepresentation(name, image)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    scalars = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
    return float(np.count_nonzero(scalars)) * abs(matrix.Determinant())


def _placed(surface: Any, volume: float, toWorld: Any) -> Any:
    """Triangles with `volume` mm3 inside, looking outwards, in world LPS mm."""
    triangles = vtk.vtkTriangleFilter()
    triangles.SetInputData(surface)
    clean = vtk.vtkCleanPolyData()
    clean.SetInputConnection(triangles.GetOutputPort())
    clean.Update()
    mass = vtk.vtkMassProperties()
    mass.SetInputConnection(clean.GetOutputPort())
    scale = float(np.cbrt(volume / mass.GetVolume())) if mass.GetVolume() > 0 else 1.0
    middle = np.asarray(clean.GetOutput().GetCenter())
    resize = vtk.vtkTransform()
    resize.Translate(*middle)
    resize.Scale(scale, scale, scale)
    resize.Translate(*-middle)
    lps = vtk.vtkTransform()
    lps.Scale(-1.0, -1.0, 1.0)
    placed = clean.GetOutput()
    for transform in (resize, toWorld, lps):
        moved = vtk.vtkTransformPolyDataFilter()
        moved.SetTransform(transform)
        moved.SetInputData(placed)
        moved.Update()
        placed = moved.GetOutput()
    outwards = vtk.vtkPolyDataNormals()
    outwards.SetInputData(placed)
    outwards.AutoOrientNormalsOn()
    outwards.ConsistencyOn()
    outwards.SplittingOff()
    outwards.Update()
    return outwards.GetOutput()
