"""Reading a result: navigation, operating point, overlay choices, keys, texts of the panel."""
from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, Tuple

import numpy as np
import pytest
import qt
import slicer
from SPMambaPanel.model.state import State
from SPMambaPanel.scene import tables
from SPMambaPanel.scene.result import Result
from SPMambaPanel.sections import findingstable, shortcuts
from SPMambaPanel.selftests import selftest


def sliceNodes() -> list:
    return slicer.util.getNodesByClass("vtkMRMLSliceNode")


def centers() -> np.ndarray:
    return np.array([[node.GetSliceToRAS().GetElement(row, 3) for row in range(3)] for node in sliceNodes()])


def test_click_on_a_finding_jumps_all_views(host: Any, ui: Any, result: Result) -> None:
    assert np.abs(centers() - selftest.lesionRas()).max() > 1.0
    fieldOfView = [node.GetFieldOfView() for node in sliceNodes()]
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    ui.findingsTable.cellClicked.emit(0, 1)
    ui.findingsTable.selectRow(0)
    host.processEvents()
    assert np.abs(centers() - selftest.lesionRas()).max() < 1e-4
    assert [node.GetFieldOfView() for node in sliceNodes()] == fieldOfView, "zoom stays"
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes


def test_refilling_the_table_jumps_nowhere(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    before = centers()
    workplace.findings.showFindings()
    workplace.update()
    assert np.array_equal(centers(), before)


def test_finding_under_a_transform(host: Any, ui: Any, case: Any, workplace: Any) -> None:
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    moved = np.array([[0.0, -1, 0, 11], [1, 0, 0, -5], [0, 0, 1, 7], [0, 0, 0, 1]])
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(moved))
    case.volume.SetAndObserveTransformNodeID(transform.GetID())
    selftest.addResult(case.volume)
    workplace.update()
    ui.nextFindingButton.click()
    expected = (moved @ [*selftest.lesionRas(), 1.0])[:3]
    assert np.abs(centers() - expected).max() < 1e-4


def test_slices_by_score(ui: Any, result: Result) -> None:
    """The analysed plane is axial up to the obliqueness: only views that lie in it move."""
    rows = sorted(tables.readSlices(result.get("slices")), key=lambda row: -row["score"])
    axial = [node for node in sliceNodes() if node.GetName() == "Red"]
    others = {node.GetID(): node.GetSliceOffset() for node in sliceNodes() if node not in axial}
    for step, row in ((ui.nextSliceButton, rows[0]), (ui.nextSliceButton, rows[1]), (ui.previousSliceButton, rows[0])):
        step.click()
        toRas = np.asarray(slicer.util.arrayFromVTKMatrix(axial[0].GetSliceToRAS()))
        point = np.array([row["right"], row["anterior"], row["superior"]])
        assert abs(toRas[:3, 2] @ (point - toRas[:3, 3])) < 1e-3, "the view's plane goes through the slice"
        assert "Slice {}".format(row["slice"]) in ui.slicePositionLabel.text
    assert {node.GetID(): node.GetSliceOffset() for node in sliceNodes() if node not in axial} == others


def test_operating_point_moves_everything(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    calibration = selftest.syntheticCalibration()
    ui.operatingPointSlider.value = 200
    rate = workplace.parameters.falsePositiveRate
    assert rate == pytest.approx(0.5)
    threshold = calibration.threshold(rate)
    assert result.map.GetDisplayNode().GetLowerThreshold() == pytest.approx(threshold, abs=1e-5), "at once"
    assert ui.operatingPointLabel.text == "50 % of normal slices would show a finding"
    assert "{:.2f}".format(threshold) in ui.thresholdLabel.text
    host.waitFor(lambda: result.summary["false_positive_rate"] == rate)
    values = slicer.util.arrayFromVolume(result.map)
    assert np.array_equal(slicer.util.arrayFromVolume(result.severity), calibration.severity(values, threshold))
    row = tables.readFindings(result.get("findings"))[0]
    assert row["voxels"] == slicer.util.arrayFromVolume(result.severity)[selftest.LESION].size
    segment = slicer.util.arrayFromSegmentInternalBinaryLabelmap(result.segmentation, "Anomaly_1")
    assert (segment == 1).sum() == row["voxels"]


def test_terms_that_are_gone_have_no_column(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    """A result of an older version has no evidence in the scene: after a move the table is without the terms behind the
    map, and without "nan"."""
    result.node.SetNodeReferenceID("spmambaevidence", None)
    table = result.get("findings")

    def columns() -> set:
        return {table.GetColumnName(index) for index in range(table.GetNumberOfColumns())} & set(tables.COMPONENTS)

    assert columns() == {"residual", "contrast"}
    ui.operatingPointSlider.value = 20
    host.waitFor(lambda: result.summary["false_positive_rate"] == workplace.parameters.falsePositiveRate)
    assert len(workplace.review.findings) == 1 and columns() == {"contrast", "concentration"}
    texts = {table.GetColumnName(column): table.GetCellText(0, column)
             for column in range(table.GetNumberOfColumns())}
    assert {name for name, text in texts.items() if not text} == {"decision", "reason", "note"}
    assert "nan" not in texts.values()


def test_higher_threshold_shrinks_the_finding(host: Any, ui: Any, workplace: Any, case: Any, result: Result) -> None:
    """Where the map is cut: voxels, box and peak are those of the map above the threshold."""
    values = slicer.util.arrayFromVolume(result.map)
    values[selftest.LESION] = np.linspace(2.0, 6.0, values[selftest.LESION].size).reshape(values[selftest.LESION].shape)
    slicer.util.arrayFromVolumeModified(result.map)
    ui.operatingPointSlider.value = 0
    host.waitFor(lambda: result.summary["false_positive_rate"] == workplace.parameters.falsePositiveRate)
    threshold = selftest.syntheticCalibration().threshold(workplace.parameters.falsePositiveRate)
    row = tables.readFindings(result.get("findings"))[0]
    assert 0 < row["voxels"] == (values >= threshold).sum() < values[selftest.LESION].size
    assert ui.findingsTable.item(0, findingstable.PEAK).text() == "6.00"


def test_few_recomputations_while_the_slider_moves(host: Any, ui: Any, workplace: Any, result: Result,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings follow a moving slider, but not every move; bands follow every one."""
    from SPMambaPanel.reading import review
    from SPMambaPanel.scene import findagain

    calls, bands = [], []
    find = findagain.regions.find
    monkeypatch.setattr(findagain.regions, "find", lambda *a, **k: calls.append(1) or find(*a, **k))
    severity = slicer.util.arrayFromVolume(result.severity)
    start = time.monotonic()
    for value in range(60, 180, 5):
        ui.operatingPointSlider.value = value
        threshold = workplace.rates.calibration().threshold(workplace.parameters.falsePositiveRate)
        bands.append(np.array_equal(severity > 0, slicer.util.arrayFromVolume(result.map) >= threshold))
        host.processEvents(20)
    lasted = time.monotonic() - start
    host.waitFor(lambda: result.summary["false_positive_rate"] == workplace.parameters.falsePositiveRate)
    assert all(bands) and 1 <= len(calls) <= 2 + lasted / review.LONGEST_WAIT_S < 24


def test_overlay_choices(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")

    def opacities() -> set:
        return {(round(each.GetForegroundOpacity(), 3), round(each.GetLabelOpacity(), 3)) for each in composites}

    assert opacities() == {(0.0, 0.5)}
    ui.opacitySlider.value = 0.8
    assert opacities() == {(0.0, 0.8)}
    ui.overlaySelector.setCurrentIndex(1)
    assert opacities() == {(0.8, 0.0)} and workplace.parameters.overlay == "map"
    ui.overlaySelector.setCurrentIndex(2)
    assert opacities() == {(0.8, 0.8)}
    ui.overlayVisibleCheckBox.click()
    assert opacities() == {(0.0, 0.0)} and not result.segmentation.GetDisplayNode().GetVisibility()
    ui.overlayVisibleCheckBox.click()
    ui.outlineCheckBox.click()
    assert all(node.GetUseLabelOutline() for node in sliceNodes())
    ui.outlineCheckBox.click()
    assert not any(node.GetUseLabelOutline() for node in sliceNodes())


def test_legend_follows_the_overlay(host: Any, ui: Any, result: Result) -> None:
    def visible(node: Any) -> bool:
        legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(node)
        return legend is not None and bool(legend.GetVisibility())

    assert visible(result.severity) and not visible(result.map)
    ui.legendCheckBox.click()
    assert not visible(result.severity) and not visible(result.map)
    ui.legendCheckBox.click()
    assert visible(result.severity)
    ui.overlaySelector.setCurrentIndex(1)
    assert visible(result.map) and not visible(result.severity)
    ui.overlayVisibleCheckBox.click()
    assert not visible(result.map) and not visible(result.severity)


def test_another_volume_takes_its_own_result(host: Any, ui: Any, workplace: Any, case: Any, result: Result) -> None:
    other = selftest.syntheticVolume("Other")
    workplace.parameters.inputVolume = other
    assert ui.findingsTable.rowCount == 0 and workplace.machine.state is State.READY
    assert not result.segmentation.GetDisplayNode().GetVisibility()
    assert not ui.exportButton.enabled and not ui.nextFindingButton.enabled
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        assert composite.GetLabelVolumeID() in (None, "")
    workplace.parameters.inputVolume = case.volume
    assert ui.findingsTable.rowCount == 1 and workplace.machine.state is State.DONE
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        assert composite.GetLabelVolumeID() == result.severity.GetID()


def test_why_detect_is_disabled(host: Any, ui: Any, workplace: Any, case: Any) -> None:
    workplace.parameters.inputVolume = None
    assert not ui.detectButton.enabled and "Select the volume" in ui.detectButton.toolTip
    workplace.parameters.inputVolume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    assert not ui.detectButton.enabled and "no voxels" in ui.detectButton.toolTip
    workplace.parameters.inputVolume = case.volume
    assert ui.detectButton.enabled


def test_no_model(host: Any, ui: Any, workplace: Any, case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workplace.models, "_cards", lambda: [])
    workplace.setParameters(workplace.parameters)
    assert workplace.machine.state is State.NO_MODEL
    assert not ui.detectButton.enabled and "No model is installed" in ui.detectButton.toolTip
    monkeypatch.undo()
    host.widget.initializeParameterNode()
    assert ui.detectButton.enabled


def test_model_says_what_it_is_for(ui: Any, case: Any) -> None:
    assert ui.modelSelector.currentText == "Synthetic model"
    assert "Boxes in noise." in ui.modelPurposeLabel.text and "Not for: anything else" in ui.modelPurposeLabel.text


def test_research_use_is_always_said(host: Any, ui: Any, result: Result) -> None:
    assert "not for diagnosis" in ui.researchUseLabel.text and not ui.researchUseLabel.isHidden()


def test_keys_come_and_go_with_the_module(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    def keys() -> list:
        return list(slicer.util.mainWindow().findChildren(qt.QShortcut))

    widget = host.widget
    widget.exit()
    host.processEvents()
    before = len(keys())
    widget.enter()
    widget.enter()
    assert len(keys()) - before == len(shortcuts.KEYS)
    installed = {each.key.toString(): each for each in keys() if each.key.toString() in shortcuts.KEYS}
    installed[shortcuts.TOGGLE_OVERLAY].activated.emit()
    assert not workplace.parameters.overlayVisible
    installed[shortcuts.NEXT_FINDING].activated.emit()
    assert workplace.review.finding == 0
    widget.exit()
    host.processEvents()
    assert len(keys()) == before
    widget.enter()


def test_deleted_nodes_close_the_review(host: Any, ui: Any, workplace: Any, case: Any) -> None:
    for role in ("map", "severity", "segmentation", "findings", "slices"):
        result = selftest.addResult(case.volume)
        workplace.update()
        assert workplace.machine.state is State.DONE
        slicer.mrmlScene.RemoveNode(result.get(role))
        host.processEvents()
        assert workplace.machine.state is State.READY and ui.findingsTable.rowCount == 0
        ui.operatingPointSlider.value = 30
        host.processEvents(200)
        result.remove()


def test_packages_are_installed_only_after_consent(host: Any, ui: Any, workplace: Any, case: Any,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.detection import dependencies

    from SPMambaLib.errors import SPMambaError

    asked, installed = [], []
    monkeypatch.setattr(dependencies, "missing", lambda: ["torch", "safetensors"])
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text, **options: asked.append(text))
    monkeypatch.setattr(dependencies, "install", installed.append)
    ui.detectButton.click()
    assert "torch" in asked[0] and "GB" in asked[0] and not installed
    assert workplace.machine.state is State.READY and workplace.run is None

    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text, **options: True)

    def refuse(packages: list) -> None:
        installed.append(packages)
        raise SPMambaError("Restart Slicer.", code="restart-needed")

    monkeypatch.setattr(dependencies, "install", refuse)
    ui.detectButton.click()
    assert installed == [["torch", "safetensors"]]
    assert workplace.machine.state is State.FAILED and ui.statusLabel.text == "Restart Slicer."


def test_scene_closed_while_packages_are_installed(host: Any, ui: Any, workplace: Any, case: Any,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.detection import dependencies

    monkeypatch.setattr(dependencies, "missing", lambda: ["safetensors"])
    monkeypatch.setattr(dependencies, "consent", lambda packages: True)
    monkeypatch.setattr(dependencies, "install", lambda packages: host.closeScene())
    ui.detectButton.click()
    assert workplace.run is None and workplace.machine.state is State.NO_VOLUME


def test_extension_is_installed_without_a_restart(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not asked, Slicer restarts at once after an installation, and an unsaved scene would be lost."""
    from SPMambaPanel.detection import dependencies

    from SPMambaLib.errors import SPMambaError

    class Model:
        interactive = True
        calls: list = []

        def isExtensionInstalled(self, name: str) -> bool:
            return False

        def installExtensionFromServer(self, name: str, restart: bool = True) -> bool:
            self.calls.append((name, restart, self.interactive))
            return True

    model = Model()
    asked = []
    monkeypatch.setattr(dependencies, "slicer", SimpleNamespace(
        app=SimpleNamespace(extensionsManagerModel=lambda: model),
        util=SimpleNamespace(confirmOkCancelDisplay=lambda text, **options: asked.append(text))))
    dependencies.consent(["torch"])
    assert "extension PyTorch" in asked[0]
    with pytest.raises(SPMambaError) as raised:
        dependencies.install(["torch"])
    assert raised.value.code == "restart-needed"
    assert model.calls == [("PyTorch", False, False)] and model.interactive


def test_missing_packages_are_found_without_importing_them(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    from SPMambaPanel.detection import dependencies

    version = importlib.metadata.version

    def without(name: str) -> str:
        if name == "torch":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.undo()
    monkeypatch.setattr(importlib.metadata, "version", without)
    assert dependencies.missing() == ["torch"]
    assert set(dependencies.requirements()) == set(dependencies.DOWNLOAD_SIZE)


def test_legend_is_drawn(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    """At the right edge of the pictures, where this volume leaves room."""

    def bright() -> int:
        host.processEvents(50)
        image = host.viewImage("Red")
        height, width, _ = image.shape
        return int((image[:height // 2, int(0.8 * width):].min(axis=2) > 120).sum())

    shown = bright()
    ui.overlayVisibleCheckBox.click()
    assert shown > bright() + 10


def test_legend_keeps_to_the_corner(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    """In the pictures, where a head is not."""
    ui.opacitySlider.value = 0.0  # leaves the legend alone
    result.segmentation.GetDisplayNode().SetOpacity(0.0)

    def legendBox() -> Tuple[float, float]:
        """Left and lower edge, as fractions of the view from its left and upper edge."""
        pictures = []
        for shown in (True, False):
            slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(result.severity).SetVisibility(shown)
            host.processEvents(50)
            pictures.append(host.viewImage("Red").astype(int))
        rows, columns, _ = np.nonzero(np.abs(pictures[0] - pictures[1]) > 60)
        height, width, _ = pictures[0].shape
        return columns.min() / width, rows.max() / height

    left, lower = legendBox()
    assert left > 0.75 and lower < 0.35
    slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(result.severity).SetPosition(0.5, 0.5)
    left, lower = legendBox()
    assert left < 0.75 and lower > 0.35, "negative control"


def test_an_empty_list_says_why(host: Any, ui: Any, workplace: Any, case: Any) -> None:
    assert ui.findingsLabel.text.startswith("No result yet.") and not ui.scoreLabel.text
    result = selftest.addResult(case.volume)
    workplace.update()
    assert ui.findingsLabel.text == "1 finding." and "Select a finding" in ui.scoreLabel.text
    ui.sizeFilter.value = 900.0
    try:
        assert ui.findingsTable.rowCount == 0 and not ui.scoreLabel.text
        assert ui.findingsLabel.text == "1 finding. None is listed: the choices below leave all of them out."
    finally:
        ui.sizeFilter.value = 0.0
    slicer.util.arrayFromVolume(result.map)[:] = 0.0
    workplace.review.refresh()
    assert ui.findingsLabel.text.startswith("No finding at this operating point") and not ui.scoreLabel.text


def test_nothing_to_detect_on_says_so(host: Any, ui: Any, workplace: Any) -> None:
    ui.detectAllButton.click()
    assert ui.statusLabel.text == "The scene has no volume that can be analysed." and not workplace.machine.busy
