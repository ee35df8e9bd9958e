"""Nodes of a result: geometry, colors, place in the scene, and where the marks are drawn."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
import vtk
from SPMambaPanel.reading import operatingpoint
from SPMambaPanel.scene import overlay, sliceplot, tables
from SPMambaPanel.scene.result import FOLDER, OWNED, Result
from SPMambaPanel.scene.steps import copyArray, saveArray
from SPMambaPanel.scene.volumeinfo import ijkToRas, kindOf, problemOf
from SPMambaPanel.selftests import selftest

from SPMambaLib.output.appearance import map_window


@pytest.fixture
def result(host: Any, case: Any) -> Result:
    result = selftest.addResult(case.volume)
    host.widget.workplace.update()
    host.processEvents()
    return result


def test_geometry_is_the_volumes(case: Any, result: Result) -> None:
    for node in (result.map, result.severity):
        assert np.abs(ijkToRas(node) - case.matrix).max() < 1e-6
        assert node.GetImageData().GetDimensions() == case.volume.GetImageData().GetDimensions()


def test_voxels_are_the_workers(case: Any, result: Result, tmp_path: Path) -> None:
    detection = selftest.writeResult(tmp_path, case.volume)
    assert np.array_equal(slicer.util.arrayFromVolume(result.map), detection.map)
    assert np.array_equal(slicer.util.arrayFromVolume(result.severity), detection.severity)


def test_segment_lies_on_the_lesion(case: Any, result: Result) -> None:
    """RAS of the segment's voxels, through its own geometry, against RAS of the lesion's voxels."""
    image = result.segmentation.GetSegmentation().GetSegment("Anomaly_1").GetRepresentation("Binary labelmap")
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    own = np.asarray(slicer.util.arrayFromVTKMatrix(matrix))
    i0, _, j0, _, k0, _ = image.GetExtent()
    array = slicer.util.arrayFromSegmentInternalBinaryLabelmap(result.segmentation, "Anomaly_1")
    k, j, i = np.nonzero(array == 1)
    drawn = (own @ np.stack([i + i0, j + j0, k + k0, np.ones(len(i))]))[:3]
    k, j, i = np.nonzero(slicer.util.arrayFromVolume(result.severity))
    true = (case.matrix @ np.stack([i, j, k, np.ones(len(i))]))[:3]
    assert drawn.shape == true.shape and np.abs(drawn - true).max() < 1e-6


def test_segment_says_nothing_that_is_a_diagnosis(result: Result) -> None:
    segment = result.segmentation.GetSegmentation().GetSegment("Anomaly_1")
    entry = vtk.reference("")
    segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), entry)
    assert segment.GetName() == "Anomaly 1"
    assert "49755003^Morphologically Altered Structure" in str(entry) and "Anomaly candidate" in str(entry)


def test_many_findings_share_one_label_image(host: Any, case: Any, tmp_path: Path) -> None:
    """Also where their boxes overlap; each segment holds its own voxels."""
    detection = selftest.writeResult(tmp_path, case.volume)
    labels = np.zeros(selftest.SHAPE, dtype=np.int16)
    labels[2:9, 3, 4:9], labels[4, 1:8, 6], labels[15, 20, 30:33] = 1, 2, 3
    template = json.loads((tmp_path / "result.json").read_text())
    entries = []
    for label in (1, 2, 3):
        k, j, i = np.nonzero(labels == label)
        extent = [int(v) for axis in (i, j, k) for v in (axis.min(), axis.max())]
        entries.append(dict(template["findings"][0], label=label, extent=extent, newer_field=1))
    template["findings"] = entries
    np.save(tmp_path / "labels.npy", labels)
    (tmp_path / "result.json").write_text(json.dumps(template))
    result = selftest.finish(overlay.build(tmp_path, case.volume))
    segmentation = result.segmentation.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 3 and segmentation.GetNumberOfLayers() == 1
    for label in (1, 2, 3):
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentation, "Anomaly_{}".format(label), case.volume)
        assert np.array_equal(mask > 0, labels == label)
    assert detection.findings[0].label == 1


def test_map_scale_is_fixed_by_the_calibration(result: Result) -> None:
    display = result.map.GetDisplayNode()
    low, high = map_window(selftest.syntheticCalibration())
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == pytest.approx((low, high))
    assert display.GetApplyThreshold() and not display.GetAutoThreshold() and not display.GetAutoWindowLevel()
    assert display.GetLowerThreshold() == pytest.approx(selftest.syntheticCalibration().threshold(0.05), abs=1e-5)


def test_map_colors_rise_in_lightness(result: Result) -> None:
    node = result.get("mapColors")
    rgba = np.zeros((node.GetNumberOfColors(), 4))
    for index in range(len(rgba)):
        node.GetColor(index, rgba[index])
    lightness = rgba[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert len(rgba) == 256 and (np.diff(lightness) > -1.0 / 255).all() and lightness[0] > 0.1


def test_band_colors(result: Result) -> None:
    node = result.get("bandColors")
    bands = selftest.syntheticCalibration().bands
    assert [node.GetColorName(index) for index in range(1, 4)] == [band.name for band in bands]
    rgba = [0.0] * 4
    node.GetColor(0, rgba)
    assert rgba[3] == 0.0
    defined = [node.GetColorDefined(index) for index in range(node.GetNumberOfColors())]
    assert defined == [False, True, True, True], "the legend lists what is marked"
    for index, band in enumerate(bands, 1):
        node.GetColor(index, rgba)
        assert rgba == pytest.approx([*band.color, 1.0], abs=1e-2)


def test_marks_are_drawn_on_the_lesion(host: Any, case: Any, ui: Any, workplace: Any, result: Result) -> None:
    """In rendered pictures of three planes the lesion turns from gray to red, and nothing does without the overlay."""
    workplace.parameters.overlayOpacity = 1.0
    center = [(side.start + side.stop - 1) / 2 for side in reversed(case.lesion)]
    ras = (case.matrix @ [*center, 1.0])[:3]
    for sliceNode in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        sliceNode.JumpSliceByCentering(*ras)
    for visible in (True, False):
        workplace.parameters.overlayVisible = visible
        host.processEvents(50)
        for view in ("Red", "Green", "Yellow"):
            image = host.viewImage(view).astype(int)
            column, row = (int(round(value)) for value in host.pixelOf(view, ras))
            red, green, blue = image[row, column]
            assert (red - blue > 80 and red - green > 60) == visible, (view, image[row, column])


def test_everything_is_under_the_study(host: Any, case: Any) -> None:
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    subject = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Subject")
    study = hierarchy.CreateStudyItem(subject, "Study")
    item = hierarchy.GetItemByDataNode(case.volume) or hierarchy.CreateItem(study, case.volume)
    hierarchy.SetItemParent(item, study)
    result = selftest.addResult(case.volume)
    for node in (result.map, result.severity, result.segmentation, result.get("findings"), result.get("slices")):
        item = hierarchy.GetItemByDataNode(node)
        folder = hierarchy.GetItemParent(item)
        assert not item or (hierarchy.GetItemAttribute(folder, FOLDER) and hierarchy.GetItemParent(folder) == study)
    assert hierarchy.GetNumberOfItemChildren(study) == 2, "the volume and one folder"
    result.remove()
    assert hierarchy.GetNumberOfItemChildren(study) == 1


def test_remove_leaves_nothing(host: Any, case: Any) -> None:
    slicer.mrmlScene.GetSubjectHierarchyNode()  # every scene of Slicer has one; made here when it is first asked for
    before = {node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLNode")}
    result = selftest.addResult(case.volume)
    host.widget.workplace.update()
    assert all(result.get(role) is not None for role in OWNED)
    result.remove()
    host.processEvents()
    after = {node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLNode")}
    assert after == before, after - before


def test_stopped_build_leaves_nothing(host: Any, case: Any, tmp_path: Path) -> None:
    selftest.writeResult(tmp_path, case.volume)
    slicer.mrmlScene.GetSubjectHierarchyNode()
    before = slicer.mrmlScene.GetNumberOfNodes()
    steps = sum(1 for _ in overlay.build(tmp_path, case.volume))
    for result in list(slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")):
        if result.GetNodeReference("spmambamap"):
            Result(result).remove()
    assert slicer.mrmlScene.GetNumberOfNodes() == before and steps > 5
    for count in range(1, steps):
        work = overlay.build(tmp_path, case.volume)
        for _ in range(count):
            next(work)
        work.close()
        assert slicer.mrmlScene.GetNumberOfNodes() == before, count


@pytest.mark.parametrize("damage", ["map.npy", "labels.npy", "result.json"])
def test_damaged_files_leave_nothing(host: Any, case: Any, tmp_path: Path, damage: str) -> None:
    selftest.writeResult(tmp_path, case.volume)
    (tmp_path / damage).write_bytes(b"not what it should be")
    before = slicer.mrmlScene.GetNumberOfNodes()
    with pytest.raises(ValueError):
        selftest.finish(overlay.build(tmp_path, case.volume))
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_no_findings(host: Any, case: Any, ui: Any, tmp_path: Path) -> None:
    selftest.writeResult(tmp_path, case.volume)
    summary = json.loads((tmp_path / "result.json").read_text())
    summary["findings"] = []
    (tmp_path / "result.json").write_text(json.dumps(summary))
    result = selftest.finish(overlay.build(tmp_path, case.volume))
    selftest.finish(overlay.replace(result))
    host.widget.workplace.update()
    assert result.segmentation.GetSegmentation().GetNumberOfSegments() == 0
    assert ui.findingsTable.rowCount == 0 and "No finding" in ui.findingsLabel.text
    ui.nextFindingButton.click()


def test_plot_has_every_slice(result: Result) -> None:
    rows = tables.readSlices(result.get("slices"))
    assert [row["slice"] for row in rows] == list(range(selftest.SHAPE[0]))
    assert result.get("chart").GetNumberOfPlotSeriesNodes() == len(sliceplot.SERIES)
    assert result.get("series").GetTableNode() is result.get("slices")


@pytest.mark.parametrize("array", [np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.zeros((1, 5, 7), np.float64),
                                   np.asfortranarray(np.random.default_rng(0).random((6, 5, 4)).astype(np.float32)),
                                   np.random.default_rng(0).random((9, 8, 7))[::2, :, ::-1]])
def test_arrays_in_slabs(tmp_path: Path, array: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.scene import steps

    monkeypatch.setattr(steps, "SLAB_BYTES", 100)
    selftest.finish(saveArray(tmp_path / "a.npy", array))
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
    loaded = np.load(tmp_path / "a.npy")
    assert loaded.dtype == array.dtype and np.array_equal(loaded, array)
    target = np.full_like(loaded, 7)
    selftest.finish(copyArray(array, target))
    assert np.array_equal(target, array)


def test_unsuitable_volumes(host: Any) -> None:
    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    assert "no voxels" in problemOf(empty)
    labels = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode")
    assert "label map" in problemOf(labels)
    color = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5, 3), np.uint8), nodeClassName="vtkMRMLVectorVolumeNode")
    assert "color" in problemOf(color)
    assert problemOf(None) == "" and problemOf(selftest.syntheticVolume()) == ""


def test_kind(host: Any) -> None:
    picture = slicer.util.addVolumeFromArray(np.zeros((1, 40, 50), np.uint8), ijkToRAS=np.diag([-1.0, -1, 1, 1]))
    slab = slicer.util.addVolumeFromArray(np.zeros((1, 40, 50), np.uint8), ijkToRAS=np.diag([-0.5, -0.5, 4.0, 1]))
    assert (kindOf(picture), kindOf(slab), kindOf(selftest.syntheticVolume())) == ("image", "volume", "volume")


@pytest.mark.parametrize("rate, text", [(0.05, "1 in 20 normal slices would show a finding"),
                                        (0.0026, "1 in 380 normal slices would show a finding"),
                                        (0.2, "1 in 5 normal slices would show a finding"),
                                        (0.4, "40 % of normal slices would show a finding")])
def test_rate_in_words(rate: float, text: str) -> None:
    assert operatingpoint.meaningOfRate(rate, selftest.syntheticCalibration()) == text


def test_slider_covers_the_table_evenly_in_the_logarithm() -> None:
    calibration = selftest.syntheticCalibration()
    rates = [operatingpoint.rateOfPosition(position, calibration) for position in range(201)]
    assert rates[0] == pytest.approx(calibration.lowest_rate) and rates[-1] == pytest.approx(calibration.rates[0])
    assert np.allclose(np.diff(np.log(rates)), np.log(rates[-1] / rates[0]) / 200)
    assert [operatingpoint.positionOfRate(rate, calibration) for rate in rates] == list(range(201))
    assert operatingpoint.positionOfRate(1e-9, calibration) == 0


def test_bands_above_the_operating_point_only() -> None:
    calibration = selftest.syntheticCalibration()
    assert len(operatingpoint.meaningOfBands(calibration, calibration.threshold(0.05))) == 3
    names = [row[0] for row in operatingpoint.meaningOfBands(calibration, calibration.bands[2].threshold + 1.0)]
    assert names == ["extreme"]
