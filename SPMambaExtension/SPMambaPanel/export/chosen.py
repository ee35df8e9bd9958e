"""Which findings are exported, as a segmentation of the moment."""
from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util import numpy_support

from SPMambaLib.errors import UsageError

from ..model.decisions import ACCEPTED, REJECTED
from ..scene import tables
from ..scene.result import Result
from ..scene.volumeinfo import ijkToRas

PEAK_TAG = "SPMamba.Peak"
NOT_REJECTED, ACCEPTED_ONLY, EVERYTHING = CHOICES = ("not rejected", "accepted", "all")


def choiceTexts() -> Dict[str, str]:
    return {NOT_REJECTED: _("all but the rejected"), ACCEPTED_ONLY: _("accepted only"),
            EVERYTHING: _("all, rejected too")}


def fits(decision: str, choice: str) -> bool:
    return choice == EVERYTHING or decision == ACCEPTED or (choice == NOT_REJECTED and decision != REJECTED)


@dataclass
class Chosen:
    """Findings to be exported.

    Attributes:
        result: whose they are.
        node: vtkMRMLSegmentationNode with a copy of their segments, in order of rank.
        ranks: rank of each segment; segments that the user has added count on from the last rank.
    """

    result: Result
    node: Any
    ranks: List[int]


def ranksOf(result: Result, choice: str) -> Dict[str, int]:
    """Rank of each segment of a choice by its ID, in the order of the segmentation."""
    segmentation = result.segmentation.GetSegmentation()
    rows = tables.readFindings(result.get("findings"))
    known = {tables.segmentId(row["rank"]): row for row in rows}
    ranks, added = {}, len(rows)
    for n in range(segmentation.GetNumberOfSegments()):
        name = segmentation.GetNthSegmentID(n)
        row = known.get(name)
        if row is None:
            added += 1  # the user drew it: nothing to be decided about
        if row is None or fits(row["decision"], choice):
            ranks[name] = row["rank"] if row else added
    return ranks


def copySegments(result: Result, choice: str, target: Any) -> List[int]:
    """Copy the segments of a choice into a segmentation node, with transform and the scan's geometry; returns their
    ranks.  Empty segments are left out, and a finding that the target has already stays there as it is."""
    ranks = {name: rank for name, rank in ranksOf(result, choice).items() if not _isEmpty(result.segmentation, name)}
    target.SetAndObserveTransformNodeID(result.segmentation.GetTransformNodeID())
    scan = result.input
    sameGrid = scan is not None and scan.GetImageData() is not None and (
        scan.GetImageData().GetDimensions() == result.map.GetImageData().GetDimensions())
    target.SetReferenceImageGeometryParameterFromVolumeNode(scan if sameGrid else result.map)
    copies, peaks = target.GetSegmentation(), _peaks(result)
    there = {_tag(copies.GetNthSegment(n)) for n in range(copies.GetNumberOfSegments())}
    for name in ranks:
        if peaks.get(name) in there:
            continue
        segment = slicer.vtkSegment()
        segment.DeepCopy(result.segmentation.GetSegmentation().GetSegment(name))
        segment.RemoveRepresentation(slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName())
        segment.SetTag(PEAK_TAG, peaks.get(name, name))
        copies.AddSegment(segment, name if copies.GetSegment(name) is None else copies.GenerateUniqueSegmentID(name))
    return list(ranks.values())


def _peaks(result: Result) -> Dict[str, str]:
    """Highest voxel of each finding by the ID of its segment: ranks change with the operating point, this does not."""
    matrix = ijkToRas(result.map)
    return {tables.segmentId(row["rank"]): ",".join(str(int(round(n))) for n in tables.ijkOf(row, matrix))
            for row in tables.readFindings(result.get("findings"))}


def _tag(segment: Any) -> str:
    text = vtk.reference("")
    return str(text) if segment.GetTag(PEAK_TAG, text) else ""


def _isEmpty(segmentation: Any, name: str) -> bool:
    """Whether a segment has no voxel: the user may have erased it, or added one and drawn nothing."""
    image = slicer.vtkOrientedImageData()
    if not segmentation.GetBinaryLabelmapRepresentation(name, image):
        return True
    scalars = image.GetPointData().GetScalars() if image.GetNumberOfPoints() else None
    return scalars is None or not np.any(numpy_support.vtk_to_numpy(scalars))


@contextmanager
def chosenSegments(result: Result, choice: str) -> Iterator[Chosen]:
    """The findings of a choice (of `CHOICES`) in a node that leaves the scene again, in world coordinates (RAS).

    Raises:
        UsageError: the scan is under a transform that bends it, which no grid of voxels follows.
    """
    transform = result.segmentation.GetParentTransformNode()
    if transform is not None and not transform.IsTransformToWorldLinear():
        raise UsageError(_("The scan is under a transform that is not linear; harden the transform of the scan first."))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "SP-Mamba export")
    node.SetHideFromEditors(True)
    node.CreateDefaultDisplayNodes()  # otherwise a writer does, and removes it again
    try:
        ranks = copySegments(result, choice, node)
        if transform is not None:
            node.HardenTransform()
        yield Chosen(result, node, ranks)
    finally:
        display = [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
        for each in (node, *display):
            if each is not None and each.GetScene() is slicer.mrmlScene:
                slicer.mrmlScene.RemoveNode(each)
