"""A whole review, saved and found again in a fresh process: field by field, nothing lost; other versions' scenes."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import slicer
from digest import differences, digest, nodes, sceneDigest, standBy
from landscape import landscape
from SPMambaPanel.scene import auditlog, evidencenode, tables
from SPMambaPanel.scene.result import DECISIONS_PARAMETER, FORMAT_PARAMETER, VERSION_PARAMETER, Result
from SPMambaPanel.selftests import selftest

REOPEN = Path(__file__).resolve().parent / "reopen.py"
TYPED = 'seen "twice",\n50 % & <more>; \u00e4\u65e5\u672c'
NOTE = TYPED.replace("\n", " ").replace('"', "\u201d")  # table files keep neither


class Reopened:
    """A scene as a fresh process finds it.

    Attributes:
        loaded: its digest.
        again: after the findings were found again from the map.
        status: what the panel says.
        scene: saved again from there.
    """

    def __init__(self, host: Any, scene: Path) -> None:
        output = scene.with_suffix(".json")
        self.scene = scene.with_name(scene.stem + "-again.mrb")
        done = subprocess.run([sys.executable, str(REOPEN), str(scene), str(output), str(self.scene),
                               json.dumps(host.widget.logic.cards())], capture_output=True, text=True, timeout=400)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        self.loaded, self.again, self.status = json.loads(output.read_text(encoding="utf-8"))
        assert self.again.pop("exceptions") == "[]"


@pytest.fixture
def reviewed(host: Any, ui: Any, workplace: Any, case: Any) -> Result:
    """Two volumes, one of them read in every way: decided, merged, noted, moved, looked at."""
    other = selftest.syntheticVolume("Second")
    landscape(other)
    result = landscape(case.volume)
    workplace.update()
    host.processEvents(200)
    workplace.rates._set(0.1)
    host.waitFor(lambda: result.summary["false_positive_rate"] == 0.1)
    host.processEvents(200)
    review = workplace.review
    review.showFinding(0)
    review.decide("rejected", "other", TYPED)
    review.showFinding(2)
    review.decide("accepted")
    review.merge([1, 2])
    review.showFinding(1)
    review.decide("unsure", note="merged")
    ui.opacitySlider.value = 0.7
    ui.outlineCheckBox.click()
    ui.wholeMapCheckBox.click()
    ui.overlaySelector.setCurrentIndex(2)
    ui.legendCheckBox.click()
    host.layoutManager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalPlotView)
    host.processEvents(300)
    review.seen.write()
    return result


@pytest.mark.parametrize("compare", [False, True])
def test_a_review_survives_in_a_fresh_process(host: Any, ui: Any, workplace: Any, reviewed: Result, tmp_path: Path,
                                              compare: bool) -> None:
    if compare:
        ui.compareCheckBox.click()
    standBy(host)
    expected = digest(host)
    assert len(expected) > 1500
    # There is something to come back.
    assert [row["decision"] for row in workplace.review.findings] == ["rejected", "unsure"]
    assert workplace.review.findings[0]["note"] == NOTE and evidencenode.evidenceOf(reviewed) is not None
    assert [entry["event"] for entry in auditlog.lines()] == [
        "decision", "decision", "merge", "decision"]
    assert 1 < sum(row["seen"] for row in tables.readSlices(reviewed.get("slices"))) < selftest.SHAPE[0]
    host.saveScene(tmp_path / "case.mrb")
    fresh = Reopened(host, tmp_path / "case.mrb")
    assert differences(expected, fresh.loaded) == []
    assert differences(expected, fresh.again) == [], "the same findings, found again"


MUTATIONS: Dict[str, Callable[[Any, Result], Any]] = {
    "decision": lambda place, result: place.review.decide("accepted"),
    "note": lambda place, result: place.review.decide("rejected", "other", NOTE + "."),
    "reason": lambda place, result: place.review.decide("rejected", "artefact", NOTE),
    "log": lambda place, result: auditlog.logNodes()[0].SetText(auditlog.logNodes()[0].GetText()[:-1]),
    "seen": lambda place, result: tables.writeSeen(result.get("slices"), {1}),
    "voxel of the map": lambda place, result: slicer.util.arrayFromVolume(result.map).flat.__setitem__(
        500, 0.125),
    "voxel of the bands": lambda place, result: slicer.util.arrayFromVolume(
        result.severity).flat.__setitem__(500, 2),
    "opacity": lambda place, result: setattr(place.parameters, "overlayOpacity", 0.71),
    "overlay": lambda place, result: setattr(place.parameters, "overlay", "map"),
    "outline": lambda place, result: setattr(place.parameters, "outlineOnly", False),
    "operating point": lambda place, result: result.setOperatingPoint(0.1001, result.summary["threshold"]),
    "color of a band": lambda place, result: result.get("bandColors").SetColor(2, 0.0, 0.5, 0.5, 1.0),
    "color of a segment": lambda place, result: result.segmentation.GetSegmentation().GetNthSegment(0).SetColor(
        0, 1, 0),
    "segment": lambda place, result: result.segmentation.GetSegmentation().RemoveSegment("Anomaly_2"),
    "plot": lambda place, result: result.get("chart").SetTitle("another"),
    "evidence": lambda place, result: result.get("evidence").SetText(result.get("evidence").GetText()[:-4]),
    "layout": lambda place, result: slicer.app.layoutManager().setLayout(3),
    "threshold of the map": lambda place, result: result.map.GetDisplayNode().SetLowerThreshold(2.5),
    "merge": lambda place, result: result.node.SetParameter(DECISIONS_PARAMETER, "[]"),
    "place in the hierarchy": lambda place, result: slicer.mrmlScene.GetSubjectHierarchyNode().SetItemParent(
        slicer.mrmlScene.GetSubjectHierarchyNode().GetItemByDataNode(result.map),
        slicer.mrmlScene.GetSubjectHierarchyNode().CreateFolderItem(
            slicer.mrmlScene.GetSubjectHierarchyNode().GetSceneItemID(), "elsewhere"))}


def test_whatever_is_lost_is_noticed(host: Any, workplace: Any, reviewed: Result) -> None:
    """The control of the test above: each thing that changes, changes the digest of the scene."""
    standBy(host)
    before = sceneDigest(host)
    assert differences(before, sceneDigest(host)) == [], "saving changes nothing"
    blind: List[str] = []
    for name, change in MUTATIONS.items():
        change(workplace, reviewed)
        after = sceneDigest(host)
        blind += [name] if not differences(before, after) else []
        before = after
    assert not blind


def test_nodes_of_a_scene_file_are_read() -> None:
    text = b'<MRML><Volume id="v1" name="a"/><ScriptedModule id="s" parameter0="b 1"/></MRML>'
    assert nodes(text) == {"Volume v1 id": "v1", "Volume v1 name": "a", "ScriptedModule s id": "s",
                           "ScriptedModule s b": "b 1"}


# Other versions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form, version", [("2", "9.8.7"), ("0", "0.0.1"), ("1", "9.8.7"), ("1", "0.0.1")])
def test_scene_of_another_version(host: Any, ui: Any, workplace: Any, reviewed: Result, tmp_path: Path, form: str,
                                 version: str) -> None:
    """Of another format: said, not read, and all of it there when it is saved again.  Of the same format: read."""
    for each in Result.all():
        each.node.SetParameter(VERSION_PARAMETER, version)
        each.node.SetParameter(FORMAT_PARAMETER, form)
        each.node.SetParameter("SPMamba.Novelty", "of that version")
        each.node.SetNodeReferenceID("spmambaNovelty", each.map.GetID())
    host.saveScene(tmp_path / "other.mrb")
    fresh = Reopened(host, tmp_path / "other.mrb")
    foreign = form != "1"
    assert (version in fresh.status and "another version" in fresh.status) == foreign, fresh.status
    assert fresh.loaded["panel exportButton enabled"] == str(not foreign)
    assert ("panel findingsTable row 0" in fresh.loaded) == (not foreign)
    own = {name: value for name, value in fresh.loaded.items() if name.startswith("ScriptedModule")}
    assert sum("Novelty" in name + value for name, value in own.items()) == 4, "parameter and reference of both results"
    again = Reopened(host, fresh.scene)
    assert differences(fresh.loaded, again.loaded) == []
    if foreign:  # detecting again does not take what it does not know
        host.loadScene(fresh.scene)
        before = {node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLNode")}
        selftest.addResult(slicer.util.getNode("Synthetic"))
        workplace.update()
        host.processEvents(300)
        assert before <= {node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLNode")}
        assert len(Result.all()) == 1 and ui.exportButton.enabled


def test_the_message_of_another_version_goes_with_its_scene(host: Any, ui: Any, reviewed: Result,
                                                            tmp_path: Path) -> None:
    host.saveScene(tmp_path / "same.mrb")
    reviewed.node.SetParameter(FORMAT_PARAMETER, "2")
    reviewed.node.SetParameter(VERSION_PARAMETER, "9.8.7")
    host.saveScene(tmp_path / "later.mrb")
    host.loadScene(tmp_path / "later.mrb")
    assert "9.8.7" in ui.statusLabel.text and "another version" in ui.statusLabel.text and len(Result.all()) == 1
    host.loadScene(tmp_path / "same.mrb")
    assert "another version" not in ui.statusLabel.text and len(Result.all()) == 2

def test_a_scene_saved_while_a_result_is_made(host: Any, workplace: Any, case: Any, tmp_path: Path) -> None:
    """The half that it holds goes when it is loaded; a result of another version is none."""
    from SPMambaPanel.scene import overlay

    folder = tmp_path / "job"
    folder.mkdir()
    selftest.writeResult(folder, case.volume)
    work = overlay.build(folder, case.volume)
    for _step in range(6):
        next(work)
    host.saveScene(tmp_path / "half.mrb")
    work.close()
    assert not Result.all()
    host.loadScene(tmp_path / "half.mrb")
    assert not slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeNode")
    assert not [node for node in slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode") if Result(node).summary]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_scene_that_was_being_compared(host: Any, ui: Any, workplace: Any, result: Result, tmp_path: Path,
                                         wanted: bool) -> None:
    """Whatever the views were before it is loaded, and whatever they are when it is closed."""
    layouts, sideBySide = host.layoutManager, slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView
    ui.compareCheckBox.checked = wanted
    host.processEvents(100)
    before = workplace.parameters.beforeCompare
    host.saveScene(tmp_path / "case.mrb")
    ui.compareCheckBox.checked = not wanted
    host.processEvents(100)
    for layout in (slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView, sideBySide):
        layouts.setLayout(layout)
        host.loadScene(tmp_path / "case.mrb")
        host.processEvents(200)
        assert bool(workplace.parameters.compare) == ui.compareCheckBox.checked == wanted
        assert (layouts.layout == sideBySide) == wanted and workplace.parameters.beforeCompare == before
