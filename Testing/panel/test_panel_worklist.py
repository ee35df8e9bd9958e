"""Several volumes: their list, and detection on all of them."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, List

import slicer
from listed import states
from SPMambaPanel.model.state import State
from SPMambaPanel.scene import auditlog
from SPMambaPanel.scene.result import Result
from SPMambaPanel.selftests import selftest

TIMEOUT_MS = 120000


def test_list_follows_the_scene(host: Any, ui: Any, workplace: Any, three: List[Any]) -> None:
    colored = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    assert states(ui, workplace) == {"Synthetic": "not run", "Second": "not run", "Third": "not run",
                                     "Empty": "The volume has no voxels."}
    slicer.mrmlScene.RemoveNode(colored)
    selftest.addResult(three[1])
    host.processEvents(300)
    assert states(ui, workplace) == {"Synthetic": "not run", "Second": "found 1", "Third": "not run"}, "no map in it"
    ui.worklistTable.cellClicked.emit(1, 0)
    assert workplace.parameters.inputVolume is three[1] and ui.findingsTable.rowCount == 1
    workplace.review.showFinding(0)
    workplace.review.decide("unsure")
    assert states(ui, workplace)["Second"] == "reviewed, 1 finding"
    ui.worklistTable.cellClicked.emit(0, 0)
    assert ui.findingsTable.rowCount == 0
    ui.worklistTable.cellClicked.emit(1, 0)
    assert workplace.review.findings[0]["decision"] == "unsure", "kept per volume"


def test_the_volume_loaded_beside_an_open_panel_is_read(host: Any, ui: Any, workplace: Any) -> None:
    """What the views show is what is read, whatever was chosen or has a result; chosen by hand, the views follow."""
    def load(name: str) -> Any:
        volume = selftest.syntheticVolume(name)
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        host.processEvents(400)
        return volume

    assert workplace.parameters.inputVolume is None
    first = load("First")
    assert workplace.parameters.inputVolume is first and ui.detectButton.enabled
    second = load("Second")
    assert workplace.parameters.inputVolume is second
    selftest.addResult(second)
    third = load("Third")
    assert workplace.parameters.inputVolume is third and workplace.review.result is None
    workplace.parameters.inputVolume = first
    host.processEvents(100)
    shown = {node.GetBackgroundVolumeID() for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")}
    assert shown == {first.GetID()}


def test_what_must_be_known_of_a_result_is_said_whenever_it_is_read(host: Any, ui: Any, workplace: Any,
                                                                    three: List[Any]) -> None:
    """A scan that was analysed although it is foreign to the model is not read as any other."""
    foreign, plain = selftest.addResult(three[1]), selftest.addResult(three[2])
    foreign.summary = dict(foreign.summary, notices=[{"message": "Its marks could not be trusted."}])
    for _time in range(2):
        workplace.onVolumeChosen(three[1])
        assert "could not be trusted" in ui.statusLabel.text
        workplace.review.showFinding(0)
        workplace.update()
        assert "could not be trusted" in ui.statusLabel.text, "it stays"
        workplace.onVolumeChosen(three[2])
        assert workplace.review.result.node is plain.node and "trusted" not in ui.statusLabel.text


def test_a_volume_without_findings_is_reviewed_by_a_word(host: Any, ui: Any, workplace: Any, three: List[Any]) -> None:
    result = selftest.addResult(three[0])
    workplace.update()
    assert states(ui, workplace)["Synthetic"] == "found 1" and not ui.reviewedButton.enabled
    slicer.util.arrayFromVolume(result.map)[:] = 0.0
    workplace.review.refresh()
    assert states(ui, workplace)["Synthetic"] == "nothing found" and ui.reviewedButton.enabled
    ui.reviewedButton.click()
    assert states(ui, workplace)["Synthetic"] == "reviewed, nothing found" and not ui.reviewedButton.enabled
    assert auditlog.lines()[-1]["event"] == "reviewed"
    selftest.addResult(three[0])
    workplace.update()
    assert states(ui, workplace)["Synthetic"] == "found 1", "detected again, to be reviewed again"


def test_detect_on_all(host: Any, ui: Any, workplace: Any, three: List[Any], fakeWorker: Callable) -> None:
    fractions = []
    fakeWorker("good")
    show = workplace.panel.showProgress
    workplace.panel.showProgress = lambda fraction, text: (fractions.append((fraction, text)), show(fraction, text))
    try:
        ui.detectAllButton.click()
        assert states(ui, workplace) == {"Synthetic": "running", "Second": "waiting", "Third": "waiting"}
        assert not ui.detectAllButton.enabled and ui.detectButton.text == "Cancel"
        host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)
    finally:
        del workplace.panel.showProgress
    assert states(ui, workplace) == {"Synthetic": "found 1", "Second": "found 1", "Third": "found 1"}
    assert workplace.machine.state is State.DONE and "3 of 3 volumes" in ui.statusLabel.text
    values = [fraction for fraction, _text in fractions]
    assert values == sorted(values) and values[-1] == 1.0, "one progress for all"
    assert any(text.startswith("2 of 3, Second: ") for _fraction, text in fractions)
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        assert composite.GetLabelVolumeID() == Result.of(three[0]).severity.GetID(), "the reader stays where he is"
    assert [entry["volume"] for entry in auditlog.lines()] == ["Synthetic", "Second", "Third"]
    ui.detectAllButton.click()
    assert not workplace.machine.busy and "has been analysed" in ui.statusLabel.text


def test_cancel_stops_the_whole_queue(host: Any, ui: Any, workplace: Any, three: List[Any],
                                      fakeWorker: Callable) -> None:
    fakeWorker("patient")
    ui.detectAllButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING, TIMEOUT_MS)
    ui.detectButton.click()
    host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)
    host.processEvents(200)
    assert workplace.run is None and not Result.all() and workplace.machine.state is State.READY
    assert set(states(ui, workplace).values()) == {"not run"}


def test_one_failure_does_not_stop_the_others(host: Any, ui: Any, workplace: Any, three: List[Any],
                                              fakeWorker: Callable) -> None:
    fakeWorker("once")  # the process dies in the first run
    ui.detectAllButton.click()
    host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)
    found = states(ui, workplace)
    assert found["Synthetic"].startswith("failed: ") and found["Second"] == found["Third"] == "found 1"
    assert "2 of 3 volumes" in ui.statusLabel.text
    ui.detectAllButton.click()
    host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)
    assert states(ui, workplace)["Synthetic"] == "found 1"


def test_all_fail(host: Any, ui: Any, workplace: Any, three: List[Any], fakeWorker: Callable) -> None:
    fakeWorker("error")
    ui.detectAllButton.click()
    host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)
    assert workplace.machine.state is State.FAILED and "not enough memory" in ui.statusLabel.text
    assert set(states(ui, workplace).values()) == {"failed: There is not enough memory."}


def test_volumes_that_go_while_they_wait(host: Any, ui: Any, workplace: Any, three: List[Any],
                                         fakeWorker: Callable) -> None:
    fakeWorker("good")
    ui.detectAllButton.click()
    slicer.mrmlScene.RemoveNode(three[1])
    slicer.mrmlScene.RemoveNode(three[0])
    host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)
    assert states(ui, workplace) == {"Third": "found 1"}
    assert not list(Path(slicer.app.temporaryPath).glob("SPMamba-*"))


def test_scene_closed_with_a_queue(host: Any, ui: Any, workplace: Any, three: List[Any], fakeWorker: Callable) -> None:
    fakeWorker("patient")
    ui.detectAllButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING, TIMEOUT_MS)
    host.closeScene()
    host.processEvents(200)
    assert workplace.run is None and not workplace.detection.queue.active and states(ui, workplace) == {}
    assert workplace.machine.state is State.NO_VOLUME


def test_reading_another_volume_while_one_is_analysed(host: Any, ui: Any, workplace: Any, three: List[Any],
                                                      fakeWorker: Callable) -> None:
    selftest.addResult(three[1])
    fakeWorker("good")
    ui.detectButton.click()
    workplace.onVolumeChosen(three[1])
    host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)
    assert workplace.review.result.input is three[1] and Result.of(three[0]) is not None
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        assert composite.GetLabelVolumeID() == Result.of(three[1]).severity.GetID()
