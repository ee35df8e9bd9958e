"""Saving, loading, closing and deleting; exported files; the module's own self-test."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
import slicer
from SPMambaPanel import export
from SPMambaPanel.model.state import State
from SPMambaPanel.scene import tables
from SPMambaPanel.scene.result import OWNED, Result
from SPMambaPanel.scene.volumeinfo import ijkToRas
from SPMambaPanel.selftests import selftest

# Oblique without shear, which NIfTI readers refuse: an orthonormal basis times spacing, left-handed.
ORTHOGONAL = np.eye(4)
ORTHOGONAL[:3, :3] = np.linalg.qr(selftest.OBLIQUE[:3, :3])[0] * [0.8, 1.2, 2.0]
ORTHOGONAL[:3, 3] = 30.0, 40.0, -50.0


def test_scene_round_trip(host: Any, ui: Any, workplace: Any, result: Result, tmp_path: Path) -> None:
    ui.operatingPointSlider.value = 150
    host.waitFor(lambda: result.summary["false_positive_rate"] == workplace.parameters.falsePositiveRate)
    workplace.parameters.overlayOpacity = 0.7
    workplace.parameters.outlineOnly = True
    rate = workplace.parameters.falsePositiveRate
    summary, rows = result.summary, tables.readFindings(result.get("findings"))
    values = slicer.util.arrayFromVolume(result.map).copy()
    severity = slicer.util.arrayFromVolume(result.severity).copy()
    threshold = result.map.GetDisplayNode().GetLowerThreshold()
    host.saveScene(tmp_path / "case.mrb")
    host.loadScene(tmp_path / "case.mrb")

    loaded = Result.of(slicer.util.getNode("Synthetic"))
    assert all(loaded.get(role) is not None for role in OWNED)
    assert loaded.summary == summary
    assert np.array_equal(slicer.util.arrayFromVolume(loaded.map), values)
    assert np.array_equal(slicer.util.arrayFromVolume(loaded.severity), severity)
    assert np.abs(ijkToRas(loaded.map) - selftest.OBLIQUE).max() < 1e-4
    for new, old in zip(tables.readFindings(loaded.get("findings")), rows):
        assert new.keys() == old.keys()
        for name, value in old.items():
            assert new[name] == (pytest.approx(value, rel=1e-5, nan_ok=True) if isinstance(value, float) else value)
    display = loaded.map.GetDisplayNode()
    assert display.GetLowerThreshold() == pytest.approx(threshold) and display.GetApplyThreshold()
    assert display.GetColorNode() is loaded.get("mapColors")
    assert loaded.severity.GetDisplayNode().GetColorNode() is loaded.get("bandColors")
    assert loaded.get("bandColors").GetColorName(3) == "extreme"
    assert loaded.segmentation.GetSegmentation().GetNthSegment(0).GetName() == "Anomaly 1"
    assert workplace.parameters.falsePositiveRate == pytest.approx(rate)
    assert (workplace.parameters.overlayOpacity, workplace.parameters.outlineOnly) == (0.7, True)
    assert workplace.machine.state is State.DONE and ui.findingsTable.rowCount == 1


def test_threshold_works_after_reload_without_the_worker(host: Any, ui: Any, workplace: Any, result: Result,
                                                         tmp_path: Path) -> None:
    host.saveScene(tmp_path / "case.mrb")
    host.loadScene(tmp_path / "case.mrb")
    ui.operatingPointSlider.value = 20
    loaded = workplace.review.result
    host.waitFor(lambda: loaded.summary["false_positive_rate"] == workplace.parameters.falsePositiveRate)
    assert len(tables.readFindings(loaded.get("findings"))) == 1 and not workplace.worker.running


def test_loading_over_an_open_case(host: Any, ui: Any, workplace: Any, result: Result, tmp_path: Path) -> None:
    """Slicer imports into the scene without closing it when asked to add."""
    host.saveScene(tmp_path / "case.mrb")
    host.loadScene(tmp_path / "case.mrb", clear=False)
    assert len(Result.all()) == 2
    assert workplace.parameters.inputVolume is not None
    ui.nextFindingButton.click()


def test_scene_closed_while_running(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    fakeWorker("patient")
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING)
    host.closeScene()
    assert workplace.run is None and workplace.machine.state is State.NO_VOLUME
    host.waitFor(lambda: not list(Path(slicer.app.temporaryPath).glob("SPMamba-*")))
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode") and not Result.all()
    volume = selftest.syntheticVolume("Next")
    workplace.parameters.inputVolume = volume
    fakeWorker("good", volume)
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.DONE)


@pytest.mark.parametrize("turns", range(0, 24, 3))
def test_scene_closed_while_the_result_is_made(host: Any, ui: Any, workplace: Any, fakeWorker: Callable,
                                               turns: int) -> None:
    from SPMambaPanel.detection import run

    fakeWorker("good")
    ui.detectButton.click()
    host.waitFor(lambda: workplace.run is None or isinstance(workplace.run._steps, run.Steps) and workplace.run._folder
                 and (workplace.run._folder / "result.json").exists())
    for _ in range(turns):
        host.app.processEvents()
    host.closeScene()
    host.processEvents(50)
    assert not workplace.machine.busy and not Result.all()
    left = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLVolumeNode")]
    assert not left and not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")


def test_volume_deleted_while_running(host: Any, ui: Any, workplace: Any, case: Any, fakeWorker: Callable) -> None:
    fakeWorker("patient")
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING)
    slicer.mrmlScene.RemoveNode(case.volume)
    assert workplace.run is None and "deleted during the analysis" in ui.logTextEdit.plainText
    host.processEvents(100)
    assert not workplace.machine.busy and not Result.all()


def test_volume_deleted_while_reading(host: Any, ui: Any, workplace: Any, case: Any, result: Result) -> None:
    slicer.mrmlScene.RemoveNode(case.volume)
    host.processEvents()
    assert workplace.machine.state is State.NO_VOLUME and ui.findingsTable.rowCount == 0
    assert result.map is not None, "the result itself is not the panel's to delete"


@pytest.mark.parametrize("role", ["mapColors", "bandColors"])
def test_colors_deleted_while_reading(host: Any, ui: Any, workplace: Any, case: Any, result: Result, role: str) -> None:
    """Made again at once, and when another volume was read meanwhile."""
    def look() -> None:
        assert result.get(role) is not None
        assert result.map.GetDisplayNode().GetColorNode() is result.get("mapColors")
        assert result.severity.GetDisplayNode().GetColorNode() is result.get("bandColors")
        assert result.get("bandColors").GetColorName(3) == "extreme"

    slicer.mrmlScene.RemoveNode(result.get(role))
    host.processEvents()
    look()
    workplace.parameters.inputVolume = selftest.syntheticVolume("Other")
    slicer.mrmlScene.RemoveNode(result.get(role))
    for legend in slicer.util.getNodesByClass("vtkMRMLColorLegendDisplayNode"):
        slicer.mrmlScene.RemoveNode(legend)
    workplace.parameters.inputVolume = case.volume
    host.processEvents()
    look()


def test_failed_second_run_keeps_the_first_result(host: Any, ui: Any, workplace: Any, case: Any, result: Result,
                                                  fakeWorker: Callable) -> None:
    fakeWorker("crash")
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.FAILED)
    assert Result.of(case.volume).node is result.node and ui.findingsTable.rowCount == 1
    assert ui.exportButton.enabled


def test_cancel_while_the_result_is_shown_keeps_the_first(host: Any, ui: Any, workplace: Any, case: Any,
                                                          result: Result, fakeWorker: Callable) -> None:
    fakeWorker("good")
    ui.detectButton.click()
    host.waitFor(lambda: len(slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeNode")) == 2)
    ui.detectButton.click()
    host.waitFor(lambda: not workplace.machine.busy)
    assert workplace.machine.state is State.DONE and Result.of(case.volume).node is result.node
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        assert composite.GetLabelVolumeID() == result.severity.GetID()
    assert len(slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeNode")) == 1


def test_module_unloaded_while_running(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    """What cleanup does, without unloading the module that the other tests use."""
    fakeWorker("patient")
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING)
    process = workplace.worker.processId
    workplace.close()
    assert not workplace.worker.running and not Path("/proc/{}/cmdline".format(process)).exists()
    assert not list(Path(slicer.app.temporaryPath).glob("SPMamba-*"))
    host.widget.initializeParameterNode()


def test_exported_files_are_read_back(host: Any, workplace: Any, tmp_path: Path) -> None:
    """By other readers: SimpleITK for voxels and geometry, VTK for the surface."""
    sitk = pytest.importorskip("SimpleITK")
    import vtk

    voxels = np.random.default_rng(0).normal(100, 10, selftest.SHAPE).astype(np.float32)
    volume = slicer.util.addVolumeFromArray(voxels, slicer.util.vtkMatrixFromArray(ORTHOGONAL), name="Orthogonal")
    result = selftest.addResult(volume)
    before = slicer.mrmlScene.GetNumberOfNodes()
    files = export.exportSegments(result, tmp_path, export.FORMATS)
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert sorted(files) == sorted(tmp_path.iterdir())
    truth = slicer.util.arrayFromVolume(result.severity) > 0

    labels = sitk.ReadImage(str(next(path for path in files if path.name.endswith(".nii.gz"))))
    assert np.array_equal(sitk.GetArrayFromImage(labels), truth.astype(int))
    lps = np.diag([-1.0, -1.0, 1.0])
    i, j, k = (int(values[0]) for values in reversed(np.nonzero(truth)))
    point = lps @ np.asarray(labels.TransformIndexToPhysicalPoint((i, j, k)))
    assert np.abs(point - (ORTHOGONAL @ [i, j, k, 1])[:3]).max() < 1e-3

    segmentation = sitk.ReadImage(str(next(path for path in files if path.name.endswith(".seg.nrrd"))))
    array = sitk.GetArrayFromImage(segmentation)
    assert array.sum() == truth.sum()
    inside = [int(values[0]) for values in reversed(np.nonzero(array))]
    point = lps @ np.asarray(segmentation.TransformIndexToPhysicalPoint(inside))
    assert np.abs(point - (ORTHOGONAL @ [i, j, k, 1])[:3]).max() < 1e-3
    assert segmentation.GetMetaData("Segment0_Name") == "Anomaly 1"

    reader = vtk.vtkSTLReader()
    reader.SetFileName(str(next(path for path in files if path.suffix == ".stl")))
    reader.Update()
    bounds = np.asarray(reader.GetOutput().GetBounds()).reshape(3, 2)
    k, j, i = np.nonzero(truth)
    points = lps @ (ORTHOGONAL @ np.stack([i, j, k, np.ones(len(i))]))[:3]
    assert np.abs(bounds - np.stack([points.min(axis=1), points.max(axis=1)], axis=1)).max() < 2.0


def test_label_map_of_a_sheared_volume_keeps_its_geometry(result: Result, tmp_path: Path) -> None:
    from SPMambaLib.io.image import read_image

    path, = export.exportSegments(result, tmp_path, [export.LABEL_MAP])
    image = read_image(path)
    assert np.abs(image.ijk_to_ras - selftest.OBLIQUE).max() < 1e-4
    assert np.array_equal(image.voxels > 0, slicer.util.arrayFromVolume(result.severity) > 0)


def test_export_that_cannot_work(host: Any, ui: Any, workplace: Any, result: Result, tmp_path: Path) -> None:
    assert workplace.exports.exportTo(tmp_path / "missing", export.FORMATS) == []
    assert "could not be written" in ui.statusLabel.text
    result.segmentation.GetSegmentation().RemoveAllSegments()
    assert workplace.exports.exportTo(tmp_path, export.FORMATS) == []
    assert "no segment" in ui.statusLabel.text


def test_self_test_of_the_module(host: Any) -> None:
    import SPMamba

    SPMamba.SPMambaTest().runTest()
