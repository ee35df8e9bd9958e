"""Segments as files that other programs read: .seg.nrrd, NIfTI label map, STL."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import slicer
from slicer.i18n import tr as _

from SPMambaLib.errors import OutputError, UsageError
from SPMambaLib.image import write_image

from .facts import ijkToRas
from .result import Result

SEGMENTATION, LABEL_MAP, SURFACES = FORMATS = ("seg.nrrd", "nii.gz", "stl")


def exportSegments(result: Result, folder: Path, formats: Sequence[str]) -> List[Path]:
    """Write the segments of `result` into an existing folder and return the files.

    Args:
        formats: of `FORMATS`; "nii.gz" is one label map on the grid of the source, "stl" one surface per segment in
            LPS mm, as other programs expect.

    Raises:
        UsageError: there is no segment to export.
        OutputError: the folder cannot be written.
    """
    segmentationNode = result.segmentation
    if not segmentationNode.GetSegmentation().GetNumberOfSegments():
        raise UsageError(_("There is no segment to export at this operating point."))
    name = re.sub(r"[^\w.-]+", "_", segmentationNode.GetName())
    files: List[Path] = []
    for each in formats:
        before = {path: path.stat().st_mtime_ns for path in folder.iterdir()} if folder.is_dir() else {}
        if not folder.is_dir() or not _WRITERS[each](result, folder, name):
            raise OutputError(_("The segments could not be written to {folder}.").format(folder=folder))
        written = [path for path in sorted(folder.iterdir()) if before.get(path) != path.stat().st_mtime_ns]
        if not written:
            raise OutputError(_("The segments could not be written to {folder}.").format(folder=folder))
        files += written
    return files


def _writeSegmentation(result: Result, folder: Path, name: str) -> bool:
    """Written through a storage node of its own: the scene's own file name stays."""
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(folder / (name + ".seg.nrrd")))
    return bool(storage.WriteData(result.segmentation))


def _writeLabelMap(result: Result, folder: Path, name: str) -> bool:
    """Through a label map node of the moment; written by the library, which keeps sheared geometry as it is."""
    scene = slicer.mrmlScene
    before = set(slicer.util.getNodesByClass("vtkMRMLNode"))
    labelNode = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    try:
        done = slicer.vtkSlicerSegmentationsModuleLogic.ExportAllSegmentsToLabelmapNode(
            result.segmentation, labelNode, slicer.vtkSegmentation.EXTENT_REFERENCE_GEOMETRY)
        if done:
            write_image(folder / (name + ".nii.gz"), slicer.util.arrayFromVolume(labelNode), ijkToRas(labelNode))
        return bool(done)
    finally:
        for node in set(slicer.util.getNodesByClass("vtkMRMLNode")) - before:
            scene.RemoveNode(node)  # the label map, its display node and color table


def _writeSurfaces(result: Result, folder: Path, name: str) -> bool:
    segmentationNode = result.segmentation
    representation = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    had = segmentationNode.GetSegmentation().ContainsRepresentation(representation)
    try:
        return bool(slicer.vtkSlicerSegmentationsModuleLogic.ExportSegmentsClosedSurfaceRepresentationToFiles(
            str(folder), segmentationNode, None, "STL", True, 1.0, False))
    finally:
        if not had:
            segmentationNode.RemoveClosedSurfaceRepresentation()


_WRITERS: Dict[str, Callable[[Any, Path, str], bool]] = {
    SEGMENTATION: _writeSegmentation, LABEL_MAP: _writeLabelMap, SURFACES: _writeSurfaces}
