"""From the worker's files to nodes in the scene.

Geometry is copied from the source volume, never derived again; every node gets its parent transform and its place in
the subject hierarchy.
"""
from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, Dict, Sequence

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util import numpy_support

from SPMambaLib.detection import RESULT_FORMAT, Finding
from SPMambaLib.errors import SPMambaError
from SPMambaLib.output.appearance import TERMINOLOGY, map_window
from SPMambaLib.scoring.calibration import Band
from SPMambaLib.worker import protocol

from ..model.applydecisions import Settled, settle
from ..model.decisions import REJECTED
from . import colors, evidencenode, hierarchy, scanstate, sliceplot, tables
from .naming import titleOf
from .origin import keepFile
from .result import ACCEPTED_REFERENCE, Result
from .steps import Work, copyArray
from .volumeinfo import ijkToRas

LABEL_TYPE = np.int16
DECISION_TAG = "SPMamba.Decision"
_FINDING_FIELDS = frozenset(field.name for field in fields(Finding))


def build(folder: Path, volumeNode: Any, voxels: str = "") -> Work:
    """Make the nodes of a finished job, in short steps; the generator's value is the `Result`, not yet to be found.

    Args:
        folder: job folder with ``result.json`` and the arrays, (K, J, I) on the grid of `volumeNode`.
        volumeNode: the analysed vtkMRMLScalarVolumeNode.
        voxels: `scanstate.fingerprint` of what was analysed, if it is known.

    Raises:
        SPMambaError: the files do not belong to this volume or to this version.
    """
    summary = json.loads((folder / protocol.RESULT_FILE).read_text(encoding="utf-8"))
    _checkFits(summary, volumeNode, voxels)
    result = Result.create(volumeNode, summary)
    keepFile(volumeNode)
    whole = False
    try:
        name = titleOf(volumeNode)
        calibration = result.calibration
        matrix = np.asarray(summary["ijk_to_ras"], dtype=np.float64)  # where it was when it was analysed
        findings = [findingFromDict(entry) for entry in summary["findings"]]
        _addColors(result)
        yield
        mapNode = _addVolume(result, "map", "vtkMRMLScalarVolumeNode", name + " anomaly map")
        yield from _fillVolume(mapNode, matrix, np.load(folder / "map.npy", mmap_mode="r"))
        severityNode = _addVolume(result, "severity", "vtkMRMLLabelMapVolumeNode", name + " severity")
        yield from _fillVolume(severityNode, matrix, np.load(folder / "severity.npy", mmap_mode="r"))
        segmentationNode = result.add("segmentation", "vtkMRMLSegmentationNode", name + " anomalies")
        hierarchy.putIntoFolder(result, [segmentationNode])  # before it has segments
        segmentationNode.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
        segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
        segmentationNode.CreateDefaultDisplayNodes()
        segmentationNode.GetDisplayNode().SetVisibility2DFill(False)
        segmentationNode.GetDisplayNode().SetVisibility(False)  # until the result is revealed
        segmentationNode.GetDisplayNode().SetVisibility3D(False)  # surfaces are made when they are asked for
        yield
        _carryDecisions(result)
        evidencenode.keep(result, folder, name + " evidence")
        settled = settle(result.decisions, slicer.util.arrayFromVolume(mapNode),
                         np.load(folder / "labels.npy", mmap_mode="r"), findings, ijkToRas=ijkToRas(mapNode),
                         threshold=summary["threshold"], calibration=calibration)
        settled = evidencenode.withTerms(result, settled)  # of findings that were joined
        yield
        fillSegmentation(result, settled)
        yield
        tables.writeFindings(result.add("findings", "vtkMRMLTableNode", name + " findings"), settled)
        slicesNode = result.add("slices", "vtkMRMLTableNode", name + " slice scores")
        tables.writeTable(slicesNode, tables.SLICE_COLUMNS, [tables.sliceRow(entry) for entry in summary["slices"]])
        sliceplot.fill(result, name)
        scanstate.remember(result)
        yield
        for node in (mapNode, severityNode, segmentationNode):
            node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
        hierarchy.arrange(result)
        whole = True
    finally:
        if not whole:
            result.remove()
    return result


def _addColors(result: Result) -> None:
    """Color tables that are not there."""
    if result.get("mapColors") is None:
        colors.fillMapColors(result.add("mapColors", "vtkMRMLColorTableNode", "SP-Mamba map colors"))
    if result.get("bandColors") is None:
        colors.fillBandColors(result.add("bandColors", "vtkMRMLColorTableNode", "SP-Mamba severity bands"),
                              result.calibration)


def mendColors(result: Result) -> None:
    """Map and bands say nothing without their color tables: one that was deleted is made again."""
    if None in (result.get("mapColors"), result.get("bandColors")):
        _addColors(result)
        for node, role in ((result.map, "mapColors"), (result.severity, "bandColors")):
            node.GetDisplayNode().SetAndObserveColorNodeID(result.get(role).GetID())


def replace(result: Result) -> Work:
    """Let `result` be found from now on, and take former results of the same volume out of the scene."""
    former = [each for each in Result.all() if each.input is result.input]
    result.finish()
    for each in former:
        each.remove()
        yield


def findingFromDict(entry: Dict[str, Any]) -> Finding:
    """Inverse of ``dataclasses.asdict``; fields of a newer library are ignored."""
    return Finding(**{name: value for name, value in entry.items() if name in _FINDING_FIELDS})


def _carryDecisions(result: Result) -> None:
    """The same model finds the same again: decisions about the former result of the volume stay.  Its files, of any
    model, are those of the new result."""
    for former in Result.all():
        if former.input is result.input:
            result.exported = former.exported
            accepted = former.node.GetNodeReferenceID(ACCEPTED_REFERENCE)
            if accepted:
                result.node.SetNodeReferenceID(ACCEPTED_REFERENCE, accepted)  # what the reader edits there goes on
            if former.summary.get("model") == result.summary["model"]:
                result.decisions = former.decisions


def fillSegmentation(result: Result, settled: Settled) -> None:
    """One segment per finding, all in one shared label image around the findings."""
    segmentationNode = result.segmentation
    segmentation = segmentationNode.GetSegmentation()
    with slicer.util.NodeModify(segmentationNode):
        for n in range(segmentation.GetNumberOfSegments()):
            # Otherwise each one is erased, voxel by voxel, from the image that they share: 7 ms a segment.
            segmentation.GetNthSegment(n).RemoveAllRepresentations()
        segmentation.RemoveAllSegments()
        if not settled.findings:
            return
        representation = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
        image = _orientedImage(result.map, settled.labels, _commonExtent(settled.findings))
        calibration = result.calibration
        for finding, verdict in zip(settled.findings, settled.verdicts):
            segment = slicer.vtkSegment()
            segment.SetName(tables.segmentName(finding.label))
            segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), TERMINOLOGY)
            segment.SetLabelValue(finding.label)
            segment.AddRepresentation(representation, image)
            _showVerdict(segment, calibration.band(finding.band), verdict.decision)
            segmentation.AddSegment(segment, tables.segmentId(finding.label))


def showDecision(result: Result, rank: int, band: int, decision: str) -> None:
    """Color and tag of a finding's segment: of its band, or gray once it was rejected."""
    segment = result.segmentation.GetSegmentation().GetSegment(tables.segmentId(rank))
    if segment is not None:  # the user may have removed it
        _showVerdict(segment, result.calibration.band(band), decision)


def _showVerdict(segment: Any, band: Band, decision: str) -> None:
    segment.SetColor(*(colors.REJECTED_COLOR if decision == REJECTED else band.color))
    segment.SetTag(DECISION_TAG, decision or "undecided")


def _checkFits(summary: Dict[str, Any], volumeNode: Any, voxels: str) -> None:
    if summary.get("format") != RESULT_FORMAT:
        raise SPMambaError(_("The analysis process is of another version than this module; install the extension "
                             "again."), "result format {!r}".format(summary.get("format")), code="version")
    image = volumeNode.GetImageData()
    shape = tuple(reversed(image.GetDimensions())) if image is not None else ()
    if tuple(summary["shape"]) != shape or (voxels and voxels != scanstate.fingerprint(volumeNode)):
        raise SPMambaError(_("The volume was changed during the analysis; its result was dropped."),
                           "{} is not {}".format(summary["shape"], shape), code="input-changed")


def _addVolume(result: Result, role: str, nodeClass: str, name: str) -> Any:
    """A volume without voxels, its display ready before they come (default display nodes scan all voxels)."""
    node = result.add(role, nodeClass, name)
    if role == "map":
        display = slicer.vtkMRMLScalarVolumeDisplayNode()
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(*map_window(result.calibration))
        display.SetAndObserveColorNodeID(result.get("mapColors").GetID())
        display.SetInterpolate(True)
        display.AutoThresholdOff()
        display.ApplyThresholdOn()
        display.SetLowerThreshold(result.summary["threshold"])
        display.SetUpperThreshold(float(np.finfo(np.float32).max))
    else:
        display = slicer.vtkMRMLLabelMapVolumeDisplayNode()
        display.SetAndObserveColorNodeID(result.get("bandColors").GetID())
    slicer.mrmlScene.AddNode(display)
    node.SetAndObserveDisplayNodeID(display.GetID())
    return node


def _fillVolume(node: Any, matrix: np.ndarray, array: np.ndarray) -> Work:
    image = vtk.vtkImageData()
    image.SetDimensions(*reversed(array.shape))
    yield from _copyVoxels(image, array)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    node.SetAndObserveImageData(image)
    yield


def _copyVoxels(image: Any, array: np.ndarray) -> Work:
    image.AllocateScalars(numpy_support.get_vtk_array_type(array.dtype), 1)
    yield from copyArray(array, numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(array.shape))


def _commonExtent(findings: Sequence[Finding]) -> np.ndarray:
    """Smallest (i_min, i_max, j_min, j_max, k_min, k_max) that holds all findings."""
    extents = np.array([finding.extent for finding in findings])
    common = extents.max(axis=0)
    common[0::2] = extents[:, 0::2].min(axis=0)
    return common


def _orientedImage(mapNode: Any, labels: np.ndarray, extent: np.ndarray) -> Any:
    """The part of (K, J, I) `labels` inside `extent` as vtkOrientedImageData on the grid of `mapNode`."""
    i0, i1, j0, j1, k0, k1 = extent.tolist()
    image = slicer.vtkOrientedImageData()
    image.SetExtent(i0, i1, j0, j1, k0, k1)
    for _step in _copyVoxels(image, labels[k0:k1 + 1, j0:j1 + 1, i0:i1 + 1].astype(LABEL_TYPE, copy=False)):
        pass
    matrix = vtk.vtkMatrix4x4()
    mapNode.GetIJKToRASMatrix(matrix)
    image.SetImageToWorldMatrix(matrix)
    return image
