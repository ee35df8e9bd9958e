"""What is read is what is seen, and lies where the scan lies: other patients, transforms, replaced voxels, films."""
from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, List

import numpy as np
import pytest

pytest.importorskip("slicer", reason="the test host needs slicer-core")
pytest.importorskip("PySide6", reason="the test host needs PySide6")

import nibabel
import slicer
import vtk
from SPMambaPanel import export
from SPMambaPanel.model.decisions import ACCEPTED
from SPMambaPanel.reading.whereabouts import Whereabouts
from SPMambaPanel.scene import scanstate, tables, volumeinfo
from SPMambaPanel.scene.planes import AnalysedPlane
from SPMambaPanel.scene.result import Result
from SPMambaPanel.sections import shortcuts
from SPMambaPanel.selftests import selftest
from vtk.util import numpy_support

TURN = np.array([[0.8, -0.6, 0.0, 12.0], [0.6, 0.8, 0.0, -50.0], [0.0, 0.0, 1.0, 7.0], [0.0, 0.0, 0.0, 1.0]])
SHIFT = np.array([[1.0, 0.0, 0.0, 3.0], [0.0, 1.0, 0.0, 10.0], [0.0, 0.0, 1.0, 50.0], [0.0, 0.0, 0.0, 1.0]])
SCALE = np.diag([1.5, 0.8, 1.2, 1.0])
SHEAR = np.array([[1.0, 0.3, 0.0, 5.0], [0.0, 1.0, -0.2, -8.0], [0.1, 0.0, 1.0, 3.0], [0.0, 0.0, 0.0, 1.0]])
MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


def transformed(volume: Any, matrix: np.ndarray) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    volume.SetAndObserveTransformNodeID(node.GetID())
    return node


def worldMatrix(node: Any) -> np.ndarray:
    """IJK to world RAS of a volume."""
    toWorld = vtk.vtkMatrix4x4()
    if node.GetParentTransformNode() is not None:
        node.GetParentTransformNode().GetMatrixTransformToWorld(toWorld)
    return np.asarray(slicer.util.arrayFromVTKMatrix(toWorld)) @ volumeinfo.ijkToRas(node)


def lesionInWorld(volume: Any) -> np.ndarray:
    """World RAS (n, 3) of the voxels of the lesion."""
    kji = np.argwhere(np.isin(np.arange(np.prod(selftest.SHAPE)).reshape(selftest.SHAPE),
                              np.arange(np.prod(selftest.SHAPE)).reshape(selftest.SHAPE)[selftest.LESION]))
    return (np.c_[kji[:, ::-1], np.ones(len(kji))] @ worldMatrix(volume).T)[:, :3]


def onLesion(path: Path, volume: Any) -> float:
    """Share of the lesion's voxels, by their place in the world, on which a written label map or segmentation lies."""
    if path.name.endswith(".nii.gz"):
        image = nibabel.load(path)
        found, matrix = np.asarray(image.dataobj).T, image.affine
    else:
        node, storage = slicer.vtkMRMLSegmentationNode(), slicer.vtkMRMLSegmentationStorageNode()
        storage.SetFileName(str(path))
        assert storage.ReadData(node)
        segment, ownMatrix = slicer.vtkOrientedImageData(), vtk.vtkMatrix4x4()
        node.GetBinaryLabelmapRepresentation(node.GetSegmentation().GetNthSegmentID(0), segment)
        segment.GetImageToWorldMatrix(ownMatrix)
        matrix = np.asarray(slicer.util.arrayFromVTKMatrix(ownMatrix)) @ _from(segment.GetExtent()[::2])
        found = numpy_support.vtk_to_numpy(segment.GetPointData().GetScalars()).reshape(
            segment.GetDimensions()[::-1])
    points = lesionInWorld(volume)
    ijk = np.rint((np.c_[points, np.ones(len(points))] @ np.linalg.inv(matrix).T)[:, :3]).astype(int)
    inside = ((ijk >= 0) & (ijk < found.shape[::-1])).all(axis=1)
    i, j, k = ijk[inside].T
    return float((found[k, j, i] > 0).sum() / len(points))


def _from(start: Any) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = start
    return matrix


def together(result: Result) -> None:
    """Scan, map, label layer and segmentation are in one place: three voxels, in world coordinates."""
    scan = worldMatrix(result.input)
    for node in (result.map, result.severity):
        assert worldMatrix(node) == pytest.approx(scan, abs=1e-3)
    segment = slicer.vtkOrientedImageData()
    name = result.segmentation.GetSegmentation().GetNthSegmentID(0)
    result.segmentation.GetBinaryLabelmapRepresentation(name, segment)
    own, toWorld = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    segment.GetImageToWorldMatrix(own)
    if result.segmentation.GetParentTransformNode() is not None:
        result.segmentation.GetParentTransformNode().GetMatrixTransformToWorld(toWorld)
    there = np.asarray(slicer.util.arrayFromVTKMatrix(toWorld)) @ np.asarray(slicer.util.arrayFromVTKMatrix(own))
    for voxel in ((0, 0, 0), (5, 9, 3), (39, 31, 19)):
        assert (there @ [*voxel, 1.0])[:3] == pytest.approx((scan @ [*voxel, 1.0])[:3], abs=1e-3)
    row = tables.readFindings(result.get("findings"))[0]
    peak = AnalysedPlane(result).world((row["right"], row["anterior"], row["superior"]))
    assert np.abs(lesionInWorld(result.input) - peak).max(axis=1).min() < 1e-3, "the table, too"


# -- the wrong place -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("matrix", [SHIFT, TURN, SCALE, SHEAR, MIRROR],
                         ids=["shift", "rotation", "scaling", "shear", "mirror"])
@pytest.mark.parametrize("when", ["before", "after", "hardened before", "hardened after"])
def test_everything_goes_where_the_scan_goes(host: Any, workplace: Any, case: Any, tmp_path: Path, matrix: np.ndarray,
                                            when: str) -> None:
    if "before" in when:
        transformed(case.volume, matrix)
        if "hardened" in when:
            case.volume.HardenTransform()
    result = selftest.addResult(case.volume)
    workplace.update()
    host.processEvents(50)
    if "after" in when:
        transformed(case.volume, matrix)
        if "hardened" in when:
            case.volume.HardenTransform()
        host.processEvents(80)
    together(result)
    workplace.review.showFinding(0)
    workplace.review.decide(ACCEPTED)
    files = export.exportSegments(result, tmp_path, (export.LABEL_MAP, export.SEGMENTATION, export.TABLE,
                                                    export.SURFACES), export.EVERYTHING)
    assert onLesion(files[0], case.volume) == 1.0
    assert onLesion(files[1], case.volume) == 1.0
    row = next(csv.DictReader(files[2].read_text(encoding="utf-8").splitlines()))
    peak = [float(row[name]) for name in ("right", "anterior", "superior")]
    assert np.abs(lesionInWorld(case.volume) - peak).max(axis=1).min() < 0.01
    reader = vtk.vtkSTLReader()
    reader.SetFileName(str(files[3]))
    reader.Update()
    middle = np.asarray(reader.GetOutput().GetCenter()) * [-1, -1, 1]
    assert np.linalg.norm(middle - lesionInWorld(case.volume).mean(axis=0)) < 2.0
    assert row["decision"] == "accepted"


def test_a_label_map_that_ignores_the_transform_is_noticed(
    host: Any, workplace: Any, case: Any, tmp_path: Path
) -> None:
    """Negative control of the test above."""
    result = selftest.addResult(case.volume)
    files = export.exportSegments(result, tmp_path, (export.LABEL_MAP,), export.EVERYTHING)
    assert onLesion(files[0], case.volume) == 1.0
    transformed(case.volume, SHIFT)
    assert onLesion(files[0], case.volume) == 0.0


def test_a_centered_volume_takes_its_findings_along(host: Any, ui: Any, workplace: Any, case: Any, result: Any) -> None:
    workplace.review.showFinding(0)
    workplace.review.decide(ACCEPTED)
    before = ui.findingsTable.item(0, 5).text()
    matrix = volumeinfo.ijkToRas(case.volume)
    matrix[:3, 3] += (40.0, -25.0, 60.0)
    case.volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    host.processEvents(80)
    together(result)
    assert ui.findingsTable.item(0, 5).text() != before
    assert [row["decision"] for row in workplace.review.findings] == ["accepted"] and not workplace.review.blocked


def test_replaced_voxels_are_noticed(host: Any, ui: Any, workplace: Any, case: Any, result: Any) -> None:
    assert not workplace.review.blocked and not ui.warningLabel.visible
    workplace.review.showFinding(0)
    voxels = slicer.util.arrayFromVolume(case.volume)
    kept = voxels.copy()
    voxels[:] = voxels[::-1].copy()
    slicer.util.arrayFromVolumeModified(case.volume)
    host.processEvents(80)
    assert workplace.review.blocked and "Detect again" in ui.warningLabel.text and not ui.acceptButton.enabled
    workplace.review.decide(ACCEPTED)
    assert workplace.review.findings[0]["decision"] == ""
    slicer.util.updateVolumeFromArray(case.volume, kept)
    host.processEvents(80)
    assert not workplace.review.blocked and ui.warningLabel.text == ""


def test_voxels_replaced_during_a_detection_drop_its_result(host: Any, ui: Any, workplace: Any, case: Any,
                                                           fakeWorker: Callable[..., Any]) -> None:
    fakeWorker("good")
    ui.detectButton.click()
    slicer.util.arrayFromVolume(case.volume)[0] += 1
    slicer.util.arrayFromVolumeModified(case.volume)
    host.waitFor(lambda: not workplace.machine.busy)
    assert Result.of(case.volume) is None and "changed during the analysis" in ui.statusLabel.text


def test_moved_during_a_detection(
    host: Any, ui: Any, workplace: Any, case: Any, fakeWorker: Callable[..., Any]
) -> None:
    fakeWorker("good")
    ui.detectButton.click()
    transformed(case.volume, TURN)
    case.volume.HardenTransform()
    host.waitFor(lambda: not workplace.machine.busy)
    host.processEvents(80)
    together(Result.of(case.volume))


def test_the_scan_is_the_reference_of_every_segmentation(host: Any, workplace: Any, case: Any, result: Any) -> None:
    transformed(case.volume, TURN)
    host.processEvents(50)
    workplace.review.showFinding(0)
    workplace.review.decide(ACCEPTED)
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    first = workplace.exports.acceptedSegmentation()
    for node in (result.segmentation, first):
        assert node.GetNodeReference(role) is case.volume
    assert workplace.exports.acceptedSegmentation() is first, "one copy, not one per click"
    assert first.GetSegmentation().GetNumberOfSegments() == 1
    assert onLesionOfNode(first, case.volume) > 0.99


def onLesionOfNode(segmentation: Any, volume: Any) -> float:
    array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segmentation.GetSegmentation().GetNthSegmentID(0),
                                                       volume)
    return float((array[selftest.LESION] > 0).mean())


def test_a_bent_scan_is_refused_in_words(host: Any, workplace: Any, case: Any, result: Any, tmp_path: Path) -> None:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    spline = vtk.vtkThinPlateSplineTransform()
    node.SetAndObserveTransformToParent(spline)
    case.volume.SetAndObserveTransformNodeID(node.GetID())
    host.processEvents(50)
    assert workplace.exports.exportTo(tmp_path, (export.LABEL_MAP,)) == [] and not list(tmp_path.iterdir())
    assert "not linear" in workplace.machine.message


def test_empty_segments_are_left_out(host: Any, workplace: Any, result: Any, tmp_path: Path) -> None:
    result.segmentation.GetSegmentation().AddEmptySegment("mine", "mine")
    every = tuple(export.FORMATS)
    files = export.exportSegments(result, tmp_path, every, export.EVERYTHING)
    assert len(files) == 5 and all(path.stat().st_size for path in files)


def test_very_long_names_export(host: Any, workplace: Any, case: Any, result: Any, tmp_path: Path) -> None:
    case.volume.SetName("Kopf " * 80)
    assert len(export.exportSegments(result, tmp_path, tuple(export.FORMATS), export.EVERYTHING)) == 5


# -- the wrong patient -----------------------------------------------------------------------------------------------


def show(volume: Any) -> None:
    """As another module does it: without a word to this one."""
    slicer.util.setSliceViewerLayers(background=volume)


def test_the_panel_follows_the_views(host: Any, ui: Any, workplace: Any, three: List[Any]) -> None:
    selftest.addResult(three[0])
    selftest.addResult(three[1])
    workplace.update()
    show(three[1])
    host.processEvents(80)
    assert workplace.parameters.inputVolume is three[1] and workplace.review.result.input is three[1]
    visible = [result.input for result in Result.all() if result.segmentation.GetDisplayNode().GetVisibility()]
    assert visible == [three[1]], "outlines of another patient are not shown"


def test_views_that_show_several_forbid_decisions(host: Any, ui: Any, workplace: Any, three: List[Any]) -> None:
    result = selftest.addResult(three[0])
    workplace.update()
    workplace.review.showFinding(0)
    yellow = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceCompositeNodeYellow")
    yellow.SetBackgroundVolumeID(three[1].GetID())
    host.processEvents(80)
    assert workplace.review.blocked and "Second" in ui.warningLabel.text and not ui.acceptButton.enabled
    assert not result.segmentation.GetDisplayNode().GetVisibility() and yellow.GetLabelOpacity() == 0.0
    workplace.views.actions[shortcuts.ACCEPT]()
    assert tables.readFindings(result.get("findings"))[0]["decision"] == ""
    show(three[0])
    host.processEvents(80)
    assert not workplace.review.blocked
    assert result.segmentation.GetDisplayNode().GetVisibility() and yellow.GetLabelOpacity() > 0.0
    workplace.review.showFinding(0)
    workplace.findings.showCurrent()
    assert ui.acceptButton.enabled


def test_views_of_another_layout_do_not_count(host: Any, ui: Any, workplace: Any, three: List[Any]) -> None:
    """They keep what they showed there; nobody sees it."""
    selftest.addResult(three[0])
    workplace.update()
    slicer.mrmlScene.GetNodeByID("vtkMRMLSliceCompositeNodeYellow").SetBackgroundVolumeID(three[1].GetID())
    host.processEvents(80)
    assert workplace.review.blocked
    manager, before = host.layoutManager, host.layoutManager.layout
    try:
        manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
        host.processEvents(80)
        assert not workplace.review.blocked and workplace.parameters.inputVolume is three[0]
    finally:
        manager.setLayout(before)
    host.processEvents(80)
    assert workplace.review.blocked


def test_detect_shows_what_it_analyses(host: Any, ui: Any, workplace: Any, three: List[Any],
                                       fakeWorker: Callable[..., Any]) -> None:
    fakeWorker("good")
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        composite.SetBackgroundVolumeID(None)
    host.processEvents(80)
    ui.detectButton.click()
    shown = {node.GetBackgroundVolumeID() for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")}
    assert shown == {three[0].GetID()}
    host.waitFor(lambda: not workplace.machine.busy)
    assert workplace.review.finding == 0 and "1 finding" in ui.statusLabel.text, "the first finding is in view"


def test_the_operating_point_of_one_patient_is_not_the_next_ones(host: Any, ui: Any, workplace: Any, case: Any,
                                                                 result: Any) -> None:
    ui.operatingPointSlider.value = 60
    host.processEvents(300)
    assert workplace.parameters.falsePositiveRate not in (0.0, 0.05)
    other = selftest.syntheticVolume("Second")
    workplace.onVolumeChosen(other)
    assert workplace.rates.rate() == 0.0, "the model's own"
    workplace.onVolumeChosen(case.volume)
    assert result.summary["false_positive_rate"] == pytest.approx(workplace.parameters.falsePositiveRate)


def test_back_from_the_segment_editor_the_bands_are_there(host: Any, workplace: Any, result: Any) -> None:
    host.widget.exit()
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        composite.SetLabelVolumeID(None)  # Segment Editor does so when it is entered
    host.widget.enter()
    labels = {node.GetLabelVolumeID() for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")}
    assert labels == {result.severity.GetID()}


def test_the_segment_editor_is_opened_on_the_scan(host: Any, ui: Any, workplace: Any, case: Any, result: Any,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    told: List[Any] = []
    editor = SimpleNamespace(setSegmentationNode=told.append, setSourceVolumeNode=told.append)
    module = SimpleNamespace(widgetRepresentation=lambda: SimpleNamespace(self=lambda: SimpleNamespace(editor=editor)))
    monkeypatch.setattr(slicer.modules, "segmenteditor", module, raising=False)
    monkeypatch.setattr(slicer.util, "selectModule", told.append)
    workplace.review.showFinding(0)
    workplace.review.decide(ACCEPTED)
    ui.editButton.click()
    assert told[0] == "SegmentEditor" and told[1].IsA("vtkMRMLSegmentationNode") and told[2] is case.volume


def test_blink_and_compare_end_when_the_module_is_left(host: Any, ui: Any, workplace: Any, result: Any) -> None:
    ui.blinkButton.checked = True
    workplace.parameters.compare = True
    host.processEvents(20)
    host.widget.exit()
    assert not ui.blinkButton.checked and not workplace.parameters.compare
    host.widget.enter()


def test_no_key_belongs_to_slicer() -> None:
    """Alt+Left and Alt+Right walk through Slicer's module history: Qt would call them ambiguous and do nothing."""
    assert not {"Alt+Left", "Alt+Right", "Alt+F", "Alt+E", "Alt+V", "Alt+H"} & set(shortcuts.KEYS)
    assert len(set(shortcuts.KEYS)) == len(shortcuts.KEYS)


# -- films -----------------------------------------------------------------------------------------------------------


def film(name: str = "film", dtype: Any = np.uint8, spacing: float = 1.0) -> Any:
    """One gray picture as Slicer loads it: pixels, no place in a patient."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    rows, columns = np.mgrid[0:60, 0:80]
    slicer.util.updateVolumeFromArray(node, ((rows + columns) % 255).astype(dtype)[None])
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.diag([-spacing, -spacing, 1.0, 1.0])))
    node.CreateDefaultDisplayNodes()
    return node


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("database", [None, False, True])
def test_a_monochrome1_film_is_not_turned_round_again(host: Any, monkeypatch: pytest.MonkeyPatch, database: Any,
                                                     dtype: Any) -> None:
    volume = film(dtype=dtype)
    volume.SetAttribute("DICOM.instanceUIDs", "1.2.3")
    complaints: List[str] = []

    def instanceValue(instance: str, tag: str) -> str:
        if not database:
            complaints.append("SQL error")
        return {"0028,0004": "MONOCHROME1", "0008,0060": "CR"}.get(tag, "") if database else ""

    if database is not None:
        monkeypatch.setattr(slicer, "dicomDatabase", SimpleNamespace(isOpen=database, instanceValue=instanceValue),
                            raising=False)
    assert np.array_equal(volumeinfo.voxelsOf(volume), slicer.util.arrayFromVolume(volume))
    assert "photometric" not in volumeinfo.sourceFacts(volume) and volumeinfo.kindOf(volume) == "image"
    assert not complaints, "a closed database is not asked"


def test_what_is_a_film(host: Any) -> None:
    plain, dotted, centered = film(), film(spacing=0.3528), film()
    matrix = volumeinfo.ijkToRas(centered)
    matrix[:3, 3] = (40.0, 30.0, 0.0)
    centered.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    assert [volumeinfo.kindOf(each) for each in (plain, dotted, centered)] == ["image"] * 3
    assert [volumeinfo.hasSpacing(each) for each in (plain, dotted, centered)] == [False, True, False]
    oblique = film()
    oblique.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(TURN))
    assert volumeinfo.kindOf(oblique) == "volume", "negative control"
    assert volumeinfo.kindOf(selftest.syntheticVolume()) == "volume"


def filmResult(host: Any, workplace: Any, spacing: float = 1.0) -> Result:
    volume = film(spacing=spacing)
    matrix = volumeinfo.ijkToRas(volume)
    noise = np.zeros((1, 60, 80), np.float32)
    noise[0, 20:30, 60:70] = 5.0
    slicer.util.updateVolumeFromArray(volume, noise)
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    workplace.onVolumeChosen(volume)
    result = selftest.addResult(volume, lesion=(slice(0, 1), slice(20, 30), slice(60, 70)))
    workplace.update()
    host.processEvents(60)
    return result


def test_a_film_is_told_in_pixels_and_shown_once(host: Any, ui: Any, workplace: Any, tmp_path: Path) -> None:
    before = host.layoutManager.layout
    result = filmResult(host, workplace)
    words = Whereabouts(result)
    row = workplace.review.findings[0]
    assert words.isPicture and words.side(row) == "right half of the image" and words.extent(row) == "100"
    assert words.size(row) == "10 x 10" and words.headers() == ["Place (px)", "Size (px)", "px"]
    ui.nextFindingButton.click()
    texts = ui.scoreLabel.text + " ".join(ui.findingsTable.horizontalHeaderItem(n).text() for n in range(9))
    assert "RAS" not in texts and "ml" not in [ui.findingsTable.horizontalHeaderItem(n).text() for n in range(9)]
    assert host.layoutManager.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    assert slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed").GetOrientation() == "Axial"
    (path,) = export.exportSegments(result, tmp_path, (export.TABLE,), export.EVERYTHING)
    line = next(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert line["volume_ml"] == line["right"] == line["size_i_mm"] == "" and 60 <= int(line["column_px"]) < 70
    head = selftest.syntheticVolume("Head")
    workplace.onVolumeChosen(head)
    host.processEvents(60)
    assert host.layoutManager.layout == before, "a volume has its views back"
    orientations = [slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNode" + name).GetOrientation()
                    for name in ("Red", "Yellow", "Green")]
    assert orientations == ["Axial", "Sagittal", "Coronal"] or "Reformat" in orientations  # turned to an oblique head


def test_a_spacing_that_dicom_states_is_used(host: Any, workplace: Any) -> None:
    words = Whereabouts(filmResult(host, workplace, spacing=0.5))
    assert words.headers() == ["Place (px)", "Size (mm)", "px"]


def test_fingerprints_tell_voxels_apart(host: Any) -> None:
    first, second = film(), film()
    assert scanstate.fingerprint(first) == scanstate.fingerprint(second)
    slicer.util.arrayFromVolume(second)[0, 0, 0] += 1
    slicer.util.arrayFromVolumeModified(second)
    assert scanstate.fingerprint(first) != scanstate.fingerprint(second) and scanstate.fingerprint(None) == ""


def test_the_self_test_builds_and_walks_the_panel(host: Any) -> None:
    """What *Reload and Test* runs in a user's Slicer."""
    import unittest

    from SPMambaPanel.selftests import panelselftest

    panelselftest.walkThrough(host.widget, unittest.TestCase())


@pytest.mark.parametrize("damage", [
    lambda result: result.node.SetParameter("SPMamba.Summary", "{broken"),
    lambda result: result.node.SetParameter("SPMamba.Summary", "[1, 2]"),
    lambda result: result.node.SetParameter("SPMamba.Summary", '{"calibration": {"rates": "x"}}'),
    lambda result: result.node.SetParameter("SPMamba.Decisions", "garbage"),
    lambda result: result.node.SetParameter("SPMamba.Decisions", '{"a": 1}'),
    lambda result: result.node.SetParameter("SPMamba.Exported", "]"),
    lambda result: result.node.SetParameter("SPMamba.Voxels", "nonsense"),
    lambda result: result.get("findings").RemoveColumn(0),
    lambda result: result.get("slices").RemoveAllColumns(),
], ids=["broken", "list", "calibration", "decisions", "decisions of another kind", "exported", "voxels", "findings",
        "slices"])
def test_a_scene_that_holds_nonsense_does_not_lock_the_panel(host: Any, ui: Any, workplace: Any, result: Any,
                                                            damage: Callable[[Any], Any]) -> None:
    damage(result)
    host.widget.exit()
    host.widget.enter()
    workplace.update()
    host.processEvents(50)
    assert ui.detectButton.enabled
    selftest.addResult(workplace.parameters.inputVolume)
    workplace.update()
    assert [row["rank"] for row in workplace.review.findings] == [1]


def test_settings_that_hold_nonsense_do_not_lock_the_panel(host: Any, ui: Any, workplace: Any, case: Any) -> None:
    import qt

    for key in ("Device", "Devices", "ExportFolder", "OperatingPoint/synthetic"):
        qt.QSettings().setValue("SPMamba/" + key, "garbage,,\0 ü")
    try:
        host.widget.exit()
        host.widget.enter()
        workplace.panel.fillDevices(workplace.settings.devices, workplace.settings.device)
        assert ui.detectButton.enabled and workplace.device == "auto" and workplace.rates.rate() == 0.0
    finally:
        for key in ("Device", "Devices", "ExportFolder", "OperatingPoint"):
            qt.QSettings().remove("SPMamba/" + key)
