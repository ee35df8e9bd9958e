"""Findings in the 3D view, in the fill, in the Data module: what a reader sees of a result beside the list."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, List

import numpy as np
import pytest

pytest.importorskip("slicer", reason="the test host needs slicer-core")
pytest.importorskip("PySide6", reason="the test host needs PySide6")

import slicer
from SPMambaPanel.model.decisions import ACCEPTED, REJECTED
from SPMambaPanel.reading import solids
from SPMambaPanel.scene import tables
from SPMambaPanel.scene.result import FOLDER, OWNED, VISIBLE, Result
from SPMambaPanel.selftests import selftest
from test_panel_scan import TURN, filmResult, lesionInWorld, transformed


def surfacesOf(result: Result) -> List[Any]:
    segmentation = result.segmentation.GetSegmentation()
    found = [segmentation.GetNthSegment(n).GetRepresentation("Closed surface")
             for n in range(segmentation.GetNumberOfSegments())]
    return [surface for surface in found if surface is not None and surface.GetNumberOfCells()]


def in3D(result: Result) -> bool:
    display = result.segmentation.GetDisplayNode()
    return bool(surfacesOf(result) and display.GetVisibility() and display.GetVisibility3D())


def middleInWorld(result: Result) -> np.ndarray:
    bounds = [0.0] * 6
    result.segmentation.GetRASBounds(bounds)
    return np.array(bounds).reshape(3, 2).mean(axis=1)


def drawn(host: Any) -> bool:
    """Whether the 3D view shows more than its own background and letters."""
    view = host.layoutManager.threeDWidget(0).threeDView()
    host.layoutManager.resetThreeDViews()
    picture = host.viewImage("1").astype(int)
    middle = picture[picture.shape[0] // 3:2 * picture.shape[0] // 3, picture.shape[1] // 3:2 * picture.shape[1] // 3]
    del view
    return bool((np.ptp(middle, axis=2) > 90).sum() > 100)  # the red of the highest band


# -- in 3D -----------------------------------------------------------------------------------------------------------


def test_findings_are_shown_in_3d_and_hidden_again(host: Any, ui: Any, workplace: Any, case: Any, result: Any) -> None:
    host.waitFor(lambda: in3D(result))
    boundary = np.abs(middleInWorld(result) - lesionInWorld(case.volume).mean(axis=0)).max()
    assert boundary < 2.0, "the surface lies on the lesion"
    assert drawn(host)
    ui.show3DCheckBox.click()
    host.processEvents(20)
    assert not in3D(result) and not drawn(host), "negative control"
    ui.show3DCheckBox.click()
    host.waitFor(lambda: in3D(result))


def test_surfaces_are_made_when_they_are_asked_for(host: Any, ui: Any, workplace: Any, case: Any) -> None:
    workplace.parameters.show3D = False
    result = selftest.addResult(case.volume)
    workplace.update()
    host.processEvents(100)
    assert not surfacesOf(result)
    workplace.parameters.show3D = True
    host.waitFor(lambda: in3D(result))


def test_surfaces_follow_transform_slider_and_file(host: Any, ui: Any, workplace: Any, case: Any, result: Any,
                                                  tmp_path: Path) -> None:
    host.waitFor(lambda: in3D(result))
    transformed(case.volume, TURN)
    host.processEvents(80)
    assert np.abs(middleInWorld(result) - lesionInWorld(case.volume).mean(axis=0)).max() < 3.0
    case.volume.HardenTransform()
    host.processEvents(80)
    host.waitFor(lambda: in3D(result))
    assert np.abs(middleInWorld(result) - lesionInWorld(case.volume).mean(axis=0)).max() < 3.0
    ui.operatingPointSlider.value = ui.operatingPointSlider.value + 20
    host.processEvents(250)
    host.waitFor(lambda: in3D(result))
    host.saveScene(tmp_path / "scene.mrb")
    host.loadScene(tmp_path / "scene.mrb")
    host.waitFor(lambda: workplace.review.result is not None and in3D(workplace.review.result))
    assert workplace.parameters.show3D


def test_only_the_volume_that_is_read_has_surfaces(host: Any, ui: Any, workplace: Any, three: List[Any]) -> None:
    first, second = selftest.addResult(three[0]), selftest.addResult(three[1])
    workplace.update()
    workplace.onVolumeChosen(three[0])
    host.waitFor(lambda: in3D(first))
    workplace.onVolumeChosen(three[1])
    host.waitFor(lambda: in3D(second))
    assert not in3D(first)


def test_a_film_has_no_surfaces(host: Any, ui: Any, workplace: Any, case: Any) -> None:
    result = filmResult(host, workplace)
    host.processEvents(100)
    assert not ui.show3DCheckBox.enabled and not surfacesOf(result)


def test_a_long_list_is_not_shown_in_3d_unless_asked_for(host: Any, ui: Any, workplace: Any, case: Any,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.sections import views

    monkeypatch.setattr(views, "MANY", 0)
    result = selftest.addResult(case.volume)
    workplace.update()
    host.processEvents(100)
    assert not ui.show3DCheckBox.checked and not surfacesOf(result)
    ui.show3DCheckBox.click()
    host.waitFor(lambda: in3D(result))
    assert ui.show3DCheckBox.checked


def test_one_surface_in_each_turn(host: Any, case: Any, result: Any) -> None:
    """A surface is cut out around its finding; the whole label image would take its time for each of them."""
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    labels = np.zeros((20, 32, 40), np.int16)
    boxes = {1: (slice(0, 2), slice(0, 5), slice(0, 4)), 2: (slice(9, 10), slice(9, 10), slice(5, 9)),
             3: (slice(18, 20), slice(20, 32), slice(30, 40))}
    for label, box in boxes.items():
        labels[box] = label
    node = slicer.util.addVolumeFromArray(labels, nodeClassName="vtkMRMLLabelMapVolumeNode")
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(node, segmentation)
    work, turns = solids.makeSurfaces(segmentation), 0
    for _turn in work:
        turns += 1
    assert turns >= len(boxes) and not solids.withoutSurface(segmentation)
    for n, (k, j, i) in enumerate(boxes.values()):
        surface = segmentation.GetSegmentation().GetNthSegment(n).GetRepresentation("Closed surface")
        found = np.array(surface.GetBounds()).reshape(3, 2)
        wanted = np.array([[side.start - 0.5, side.stop - 0.5] for side in (i, j, k)])
        assert np.abs(found - wanted).max() < 0.6, "thin ones, and those at the border, are whole"


# -- rejected is gray ------------------------------------------------------------------------------------------------


def bands(result: Result) -> np.ndarray:
    return slicer.util.arrayFromVolume(result.severity)


def test_a_rejected_finding_is_gray_in_the_fill(host: Any, ui: Any, workplace: Any, result: Any,
                                                tmp_path: Path) -> None:
    before = bands(result).copy()
    gray = len(result.calibration.bands) + 1
    workplace.review.showFinding(0)
    workplace.review.decide(REJECTED)
    assert (bands(result)[selftest.LESION] == gray).all() and (bands(result) > 0).sum() == (before > 0).sum()
    color = [0.0] * 4
    result.get("bandColors").GetColor(gray, color)
    assert color[0] == color[1] == color[2] and color[3] == 1.0
    segment = result.segmentation.GetSegmentation().GetSegment("Anomaly_1")
    assert segment.GetColor() == pytest.approx(color[:3], abs=0.01)
    host.saveScene(tmp_path / "scene.mrb")
    workplace.review.decide("")
    assert np.array_equal(bands(result), before), "taken back"
    host.loadScene(tmp_path / "scene.mrb")
    host.processEvents(80)
    assert (bands(workplace.review.result)[selftest.LESION] == gray).all()


def test_gray_stays_while_the_slider_moves(host: Any, ui: Any, workplace: Any, result: Any) -> None:
    gray = len(result.calibration.bands) + 1
    workplace.review.showFinding(0)
    workplace.review.decide(REJECTED)
    slider = ui.operatingPointSlider
    for value in (slider.value + 15, slider.value + 30, slider.value - 10):
        slider.value = value
        assert (bands(result)[selftest.LESION] == gray).all(), "without waiting for the findings"
        host.processEvents(150)
        assert (bands(result)[selftest.LESION] == gray).all()
    workplace.review.decide(ACCEPTED)
    wanted = result.calibration.severity(slicer.util.arrayFromVolume(result.map), workplace.review.threshold)
    assert np.array_equal(bands(result), wanted)


# -- in the Data module ----------------------------------------------------------------------------------------------


def hierarchy() -> Any:
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)


def linesOf(item: int) -> List[str]:
    import vtk

    children = vtk.vtkIdList()
    hierarchy().GetItemChildren(item, children)
    return [hierarchy().GetItemName(children.GetId(n)) for n in range(children.GetNumberOfIds())]


def test_one_line_per_volume_in_the_data_module(host: Any, workplace: Any, case: Any,
                                               fakeWorker: Callable[..., Path]) -> None:
    tree = hierarchy()
    tree.CreateItem(tree.GetSceneItemID(), case.volume)  # Slicer does
    for _time in range(2):
        result = selftest.addResult(case.volume)
        workplace.update()
        host.processEvents(50)
    assert linesOf(tree.GetSceneItemID()) == ["Synthetic", "SP-Mamba: Synthetic"]
    folder = tree.GetItemParent(tree.GetItemByDataNode(result.map))
    assert tree.GetItemAttribute(folder, FOLDER) and not tree.GetItemExpanded(folder)
    assert sorted(linesOf(folder)) == sorted(result.get(role).GetName() for role in (*VISIBLE, "segmentation"))
    own = [result.get(role) for role in OWNED if result.get(role) is not None]
    assert len(own) > 12 and {bool(node.GetHideFromEditors()) for node in own if node not in [
        result.get(role) for role in VISIBLE]} == {True}
    assert not [node.GetName() for node in own if node.GetName().endswith(("_1", "_2"))]
    result.remove()
    workplace.update()
    assert linesOf(tree.GetSceneItemID()) == ["Synthetic"], "an empty folder goes"


def test_a_scene_of_an_older_version_is_put_in_order(host: Any, workplace: Any, case: Any, result: Any) -> None:
    tree = hierarchy()
    folder = tree.GetItemParent(tree.GetItemByDataNode(result.map))
    for role in OWNED:
        if result.get(role) is not None:
            result.get(role).SetHideFromEditors(False)
            tree.SetItemParent(tree.GetItemByDataNode(result.get(role)) or
                               tree.CreateItem(tree.GetSceneItemID(), result.get(role)), tree.GetSceneItemID())
    tree.RemoveItem(folder, False, False)
    assert len(linesOf(tree.GetSceneItemID())) > 10
    workplace.update()
    assert [name for name in linesOf(tree.GetSceneItemID()) if name != "Synthetic"] == ["SP-Mamba: Synthetic"]
    assert result.segmentation.GetHideFromEditors()


def test_two_volumes_of_one_name_have_nodes_of_two_names(host: Any, workplace: Any, case: Any) -> None:
    results = [selftest.addResult(volume) for volume in (case.volume, selftest.syntheticVolume(case.volume.GetName()))]
    names = [result.map.GetName() for result in results]
    assert names == ["Synthetic anomaly map", "Synthetic (2) anomaly map"]


# -- the Segment Editor ----------------------------------------------------------------------------------------------


def offered() -> List[Any]:
    """Segmentations that Slicer's editors let one choose: their selectors leave out what is hidden."""
    return [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if not node.GetHideFromEditors()]


def test_our_own_segmentation_cannot_be_edited_the_readers_copy_stays(host: Any, ui: Any, workplace: Any, case: Any,
                                                                     result: Any) -> None:
    assert not offered()
    workplace.review.showFinding(0)
    workplace.review.decide(ACCEPTED)
    copy = workplace.exports.acceptedSegmentation()
    assert offered() == [copy] and copy.GetName() == "Synthetic accepted"
    name = copy.GetSegmentation().GetNthSegmentID(0)
    edited = slicer.util.arrayFromSegmentBinaryLabelmap(copy, name, case.volume)
    edited[:] = 0
    edited[2:4, 2:4, 2:4] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(edited, copy, name, case.volume)
    ui.operatingPointSlider.value = ui.operatingPointSlider.value + 20
    host.processEvents(250)
    again = selftest.addResult(case.volume)
    workplace.update()
    assert workplace.exports.acceptedSegmentation() is copy and again.node is not result.node
    assert copy.GetSegmentation().GetNumberOfSegments() == 1
    assert slicer.util.arrayFromSegmentBinaryLabelmap(copy, name, case.volume).sum() == 8, "the edit has survived"
    assert [row["decision"] for row in tables.readFindings(again.get("findings"))] == [ACCEPTED]
