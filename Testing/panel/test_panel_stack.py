"""A stack of volumes: a cancelled queue, refused scans, views that follow, and what is kept on the way back."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Callable, List

import numpy as np
import pytest
import slicer
from listed import states
from SPMambaPanel.model.state import State
from SPMambaPanel.scene.result import Result
from SPMambaPanel.selftests import selftest

TIMEOUT_MS = 120000
VIEWS = ("Red", "Green", "Yellow")


def idle(host: Any, workplace: Any) -> None:
    host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)
    host.processEvents(200)


def images() -> List[str]:
    """IDs of the volumes that the slice views show as their image."""
    return [node.GetBackgroundVolumeID() for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")]


def view(name: str) -> Any:
    return slicer.util.getNode("vtkMRMLSliceNode" + name)


def plane(name: str) -> List[float]:
    matrix = view(name).GetSliceToRAS()
    return [round(matrix.GetElement(row, column), 3) for row in range(3) for column in range(4)]


def test_a_cancelled_queue_says_what_is_left_and_goes_on(host: Any, ui: Any, workplace: Any, three: List[Any],
                                                         fakeWorker: Callable) -> None:
    fakeWorker("tired")
    host.processEvents(200)  # the list follows the scene in a moment
    assert ui.detectAllButton.text == "Detect on all"
    ui.detectAllButton.click()
    host.waitFor(lambda: ui.statusLabel.text.startswith("2 of 3"), TIMEOUT_MS)
    ui.detectButton.click()
    idle(host, workplace)
    assert states(ui, workplace) == {"Synthetic": "found 1", "Second": "not run", "Third": "not run"}
    assert ui.statusLabel.text == ("Cancelled. Done: 1 of 3 volumes. Not run: 2; the button below the list of volumes "
                                   "goes on with them.")
    assert ui.detectAllButton.text == "Detect on all not run yet (2)"
    fakeWorker("good")
    ui.detectAllButton.click()
    assert states(ui, workplace) == {"Synthetic": "found 1", "Second": "running", "Third": "waiting"}
    idle(host, workplace)
    assert ui.statusLabel.text == "Done: 2 of 2 volumes." and ui.detectAllButton.text == "Detect on all"


def test_a_single_detection_cancelled_speaks_of_no_queue(host: Any, ui: Any, workplace: Any, three: List[Any],
                                                         fakeWorker: Callable) -> None:
    fakeWorker("patient")
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING, TIMEOUT_MS)
    ui.detectButton.click()
    idle(host, workplace)
    assert ui.statusLabel.text == "Cancelled. The scene is unchanged."


def test_refused_scans_say_why_and_take_one_click(host: Any, ui: Any, workplace: Any, three: List[Any],
                                                  fakeWorker: Callable) -> None:
    fakeWorker("misfit")
    ui.detectAllButton.click()
    idle(host, workplace)
    assert set(states(ui, workplace).values()) == {"refused: This scan is foreign."}
    assert ui.worklistTable.item(1, 1).toolTip() == "refused: This scan is foreign."
    assert ui.detectAllButton.text == "Try the failed ones again (3)"
    for line in (1, 2, 1):
        ui.worklistTable.cellClicked.emit(line, 0)
        assert workplace.machine.state is State.FAILED and ui.detectButton.text == "Detect anyway"
        assert ui.statusLabel.text == "This scan is foreign."
    ui.detectButton.click()
    idle(host, workplace)
    assert states(ui, workplace) == {"Synthetic": "refused: This scan is foreign.", "Second": "found 1",
                                     "Third": "refused: This scan is foreign."}
    ui.worklistTable.cellClicked.emit(0, 0)
    assert ui.detectButton.text == "Detect anyway"
    ui.worklistTable.cellClicked.emit(1, 0)
    assert ui.detectButton.text == "Detect anomalies" and workplace.machine.state is State.DONE


def test_a_refusal_is_of_one_model_and_one_scene(host: Any, ui: Any, workplace: Any, three: List[Any],
                                                 fakeWorker: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    card = host.widget.logic.cards()[0]
    monkeypatch.setattr(host.widget.logic, "_cards", [card, dict(card, name="another")])
    workplace.panel.fillModels(host.widget.logic.cards())
    fakeWorker("misfit")
    ui.detectButton.click()
    idle(host, workplace)
    assert workplace.machine.refused
    ui.modelSelector.setCurrentIndex(1)
    assert workplace.machine.state is State.READY and ui.detectButton.text == "Detect anomalies"
    ui.modelSelector.setCurrentIndex(0)
    assert workplace.machine.state is State.FAILED and workplace.machine.refused
    host.closeScene()
    volume = selftest.syntheticVolume()
    assert volume.GetID() == three[0].GetID() or not workplace.detection.queue.failures
    workplace.onVolumeChosen(volume)
    assert states(ui, workplace) == {"Synthetic": "not run"} and workplace.machine.state is State.READY


def test_one_that_failed_waits_until_the_others_were_run(host: Any, ui: Any, workplace: Any, three: List[Any],
                                                         fakeWorker: Callable) -> None:
    fakeWorker("error")
    ui.detectButton.click()
    idle(host, workplace)
    assert states(ui, workplace)["Synthetic"] == "failed: There is not enough memory."
    fakeWorker("good")
    ui.detectAllButton.click()
    idle(host, workplace)
    assert [Result.of(volume) is None for volume in three] == [True, False, False]
    assert ui.detectAllButton.text == "Try the failed ones again (1)"
    ui.detectAllButton.click()
    idle(host, workplace)
    assert Result.of(three[0]) is not None


@pytest.fixture
def apart(host: Any, workplace: Any, case: Any) -> SimpleNamespace:
    """Two volumes that share no point, both with a result; the first is being read."""
    far = selftest.syntheticVolume("Far")
    matrix = slicer.util.vtkMatrixFromArray(selftest.OBLIQUE)
    for row in range(3):
        matrix.SetElement(row, 3, matrix.GetElement(row, 3) + 500.0)
    far.SetIJKToRASMatrix(matrix)
    results = [selftest.addResult(volume) for volume in (case.volume, far)]
    workplace.update()
    host.processEvents(200)
    return SimpleNamespace(near=case.volume, far=far, results=results)


def test_views_follow_the_volume_and_come_back(host: Any, ui: Any, workplace: Any, apart: SimpleNamespace) -> None:
    review = workplace.review
    review.showFinding(0)
    workplace.findings.decide("accepted")
    ui.operatingPointSlider.value = 150
    host.processEvents(500)
    view("Red").SetFieldOfView(20.0, 20.0, 1.0)
    host.processEvents(100)
    left = ([plane(name) for name in VIEWS], view("Red").GetFieldOfView()[0], review.finding, review.threshold,
            {row["slice"] for row in review.slices if row["slice"] in review.seen})
    ui.worklistTable.cellClicked.emit(1, 0)
    host.processEvents(200)
    assert set(images()) == {apart.far.GetID()} and review.finding == -1
    bounds = [0.0] * 6
    apart.far.GetRASBounds(bounds)
    for name in VIEWS:
        center = [view(name).GetSliceToRAS().GetElement(row, 3) for row in range(3)]
        assert all(low <= at <= high for low, at, high in zip(bounds[::2], center, bounds[1::2])), name
    assert not any(row["slice"] in review.seen for row in review.slices), "nobody has moved there"
    ui.worklistTable.cellClicked.emit(0, 0)
    host.processEvents(200)
    assert set(images()) == {apart.near.GetID()} and review.findings[0]["decision"] == "accepted"
    assert left == ([plane(name) for name in VIEWS], view("Red").GetFieldOfView()[0], review.finding, review.threshold,
                    {row["slice"] for row in review.slices if row["slice"] in review.seen})


def test_views_turn_to_the_planes_of_a_volume(host: Any, workplace: Any, case: Any) -> None:
    """An oblique one; a sheared one (`case`) would shear the views, which stay upright then."""
    turned = slicer.util.vtkMatrixFromArray(np.array([[-0.9, 0.3, 0.3, 0], [-0.3, -0.95, 0.05, 0],
                                                      [0.3, -0.05, 0.95, 0], [0, 0, 0, 1.0]]))
    for _round in range(2):
        matrix = slicer.util.arrayFromVTKMatrix(turned)
        axes, _triangle = np.linalg.qr(matrix[:3, :3])
        matrix[:3, :3] = axes * np.sign(np.diag(axes.T @ matrix[:3, :3]))
        oblique = slicer.util.addVolumeFromArray(slicer.util.arrayFromVolume(case.volume),
                                                 slicer.util.vtkMatrixFromArray(matrix), name="Oblique")
        workplace.onVolumeChosen(oblique)
        normal = [view("Red").GetSliceToRAS().GetElement(row, 2) for row in range(3)]
        assert abs(np.dot(normal, matrix[:3, 2])) > 0.999
        workplace.onVolumeChosen(case.volume)
        for name in VIEWS:
            columns = slicer.util.arrayFromVTKMatrix(view(name).GetSliceToRAS())[:3, :3]
            assert np.abs(columns.T @ columns - np.eye(3)).max() < 1e-6, name


def test_a_volume_not_run_is_shown_without_the_marks_of_another(host: Any, ui: Any, workplace: Any,
                                                                result: Result) -> None:
    plain = selftest.syntheticVolume("Plain")
    workplace.worklist.refresh()
    workplace.parameters.inputVolume = plain  # as the selector does
    assert set(images()) == {plain.GetID()}
    for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        assert not node.GetLabelVolumeID() and not node.GetForegroundVolumeID()
    assert not legends(), "nor with its legend"
    slicer.util.setSliceViewerLayers(background=result.input)  # another module
    ui.worklistTable.cellClicked.emit(1, 0)
    assert set(images()) == {plain.GetID()}, "a click on the line shows it again"
    ui.worklistTable.cellClicked.emit(0, 0)
    slicer.util.setSliceViewerLayers(background=plain)
    ui.worklistTable.cellClicked.emit(0, 0)
    assert set(images()) == {result.input.GetID()} and legends() == ["Severity"]
    for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        assert node.GetLabelVolumeID() == result.severity.GetID()


def legends() -> List[str]:
    """Titles of the legends that are shown."""
    return [node.GetTitleText() for node in slicer.util.getNodesByClass("vtkMRMLColorLegendDisplayNode")
            if node.GetVisibility()]


def test_one_legend_whichever_volume_is_read(host: Any, ui: Any, workplace: Any, apart: SimpleNamespace) -> None:
    for line in (0, 1, 0):
        ui.worklistTable.cellClicked.emit(line, 0)
        host.processEvents(100)
        assert legends() == ["Severity"]


def test_what_the_reader_looks_at_is_not_moved_by_entering(host: Any, workplace: Any) -> None:
    """Two volumes in the views, one of them chosen: both stay."""
    first, second = selftest.syntheticVolume("First"), selftest.syntheticVolume("Second")
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    for composite, volume in zip(composites, (first, second, second)):
        composite.SetBackgroundVolumeID(volume.GetID())
    before = [plane(name) for name in VIEWS]
    host.widget.exit()
    host.widget.enter()
    assert workplace.parameters.inputVolume is first
    assert images() == [first.GetID(), second.GetID(), second.GetID()] and before == [plane(name) for name in VIEWS]


def test_two_series_of_a_study_are_told_apart(host: Any, workplace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.scene.origin import originOf

    tags = {"a": {"0020,0011": "5", "0008,103E": "T1 sag"}, "b": {"0020,0011": "6"}}
    monkeypatch.setattr(slicer, "dicomDatabase", SimpleNamespace(
        isOpen=True, instanceValue=lambda instance, tag: tags[instance].get(tag, "")), raising=False)
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    study = hierarchy.CreateStudyItem(hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Doe"), "MR 2026")
    origins = []
    for instance in tags:
        volume = selftest.syntheticVolume("Head")
        volume.SetAttribute("DICOM.instanceUIDs", instance)
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume) or hierarchy.CreateItem(study, volume), study)
        origins.append(originOf(volume))
    assert origins == ["Doe, MR 2026, series 5 T1 sag", "Doe, MR 2026, series 6"]
