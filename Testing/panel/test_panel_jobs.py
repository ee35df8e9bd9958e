"""Detect, progress, cancel, and everything that can happen to the worker process."""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
import slicer
from SPMambaPanel.model.state import State
from SPMambaPanel.scene.result import Result
from turns import Turns


def jobFolders() -> list:
    return list(Path(slicer.app.temporaryPath).glob("SPMamba-*"))


def detect(host: Any, ui: Any, workplace: Any) -> None:
    """Click Detect and wait for the end."""
    ui.detectButton.click()
    host.waitFor(lambda: not workplace.machine.busy)


def nodeIds() -> set:
    return {node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLNode")}


def test_detect_shows_the_result(host: Any, ui: Any, workplace: Any, case: Any, fakeWorker: Callable) -> None:
    fakeWorker("good")
    assert ui.detectButton.enabled and ui.detectButton.text == "Detect anomalies"
    ui.detectButton.click()
    assert ui.detectButton.text == "Cancel"
    assert not ui.inputSelector.enabled and not ui.modelSelector.enabled
    host.waitFor(lambda: workplace.machine.state is State.DONE)
    result = Result.of(case.volume)
    assert ui.findingsTable.rowCount == 1
    assert ui.findingsLabel.text == "1 finding." and "This result is synthetic." in ui.statusLabel.text
    assert ui.detectButton.text == "Detect anomalies" and ui.inputSelector.enabled
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        assert composite.GetForegroundVolumeID() == result.map.GetID()
        assert composite.GetLabelVolumeID() == result.severity.GetID()
    assert not jobFolders()


def test_worker_stays_warm(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    fakeWorker("good")
    detect(host, ui, workplace)
    first = workplace.worker.processId
    detect(host, ui, workplace)
    assert workplace.worker.processId == first != 0


def test_progress_and_time_left(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    fakeWorker("patient")
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING)
    assert not ui.progressBar.isHidden() and ui.progressBar.value == 100
    assert "Reading slices" in ui.statusLabel.text and "left" in ui.statusLabel.text


def test_cancel_that_is_answered(host: Any, ui: Any, workplace: Any, case: Any, fakeWorker: Callable) -> None:
    fakeWorker("patient")
    before = nodeIds()
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING)
    process = workplace.worker.processId
    ui.detectButton.click()
    assert workplace.machine.state is State.CANCELLING and not ui.detectButton.enabled
    host.waitFor(lambda: workplace.machine.state is State.READY)
    assert workplace.worker.processId == process, "a worker that answers is kept"
    assert nodeIds() == before and not jobFolders()


@pytest.mark.parametrize("behaviour", ["stuck", "deaf"])
def test_cancel_that_is_not_answered(host: Any, ui: Any, workplace: Any, fakeWorker: Callable, behaviour: str,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.detection import workerclient

    monkeypatch.setattr(workerclient, "CANCEL_GRACE_MS", 200)
    fakeWorker(behaviour)
    ui.detectButton.click()
    host.waitFor(lambda: workplace.worker.processId != 0)
    process = workplace.worker.processId
    host.processEvents(300)
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.READY)
    host.waitFor(lambda: not Path("/proc/{}".format(process)).exists() or not workplace.worker.running)
    assert not jobFolders()
    fakeWorker("good")
    detect(host, ui, workplace)
    assert workplace.machine.state is State.DONE


def test_cancel_before_the_request_is_sent(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    fakeWorker("good")
    ui.detectButton.click()
    ui.detectButton.click()
    host.processEvents(100)
    assert workplace.machine.state is State.READY and not workplace.worker.running and not jobFolders()


def test_crash_says_what_happened_and_the_next_detect_works(host: Any, ui: Any, workplace: Any, case: Any,
                                                            fakeWorker: Callable) -> None:
    fakeWorker("once")
    before = nodeIds()
    detect(host, ui, workplace)
    assert workplace.machine.state is State.FAILED
    assert "unexpectedly" in ui.statusLabel.text and "Traceback" not in ui.statusLabel.text
    assert "worker-died" in ui.logTextEdit.plainText and "fell off the bus" in ui.logTextEdit.plainText
    assert nodeIds() == before and not jobFolders()
    assert ui.detectButton.enabled
    detect(host, ui, workplace)
    assert workplace.machine.state is State.DONE


def test_killed_in_mid_run(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    fakeWorker("patient")
    before = nodeIds()
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING)
    os.kill(workplace.worker.processId, 9)
    host.waitFor(lambda: workplace.machine.state is State.FAILED)
    assert nodeIds() == before


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_launcher_killed(host: Any, ui: Any, workplace: Any, fakeWorker: Callable, tmp_path: Path) -> None:
    """PythonSlicer is a launcher: what is killed is not the worker, which must end with its standard input."""
    fakeWorker("patient")
    launcher = tmp_path / "launcher.sh"
    launcher.write_text('exec 3<&0\n"$@" <&3 &\necho $! > "{}"\nwait\n'.format(tmp_path / "pid"))
    workplace.worker.command = ["/bin/sh", str(launcher), *workplace.worker.command]
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING)
    commandLine = Path("/proc/{}/cmdline".format((tmp_path / "pid").read_text().strip()))
    assert b"fake_worker" in commandLine.read_bytes()
    os.kill(workplace.worker.processId, 9)
    host.waitFor(lambda: workplace.machine.state is State.FAILED)
    host.waitFor(lambda: not commandLine.exists() or not commandLine.read_bytes())


def test_program_that_does_not_exist(host: Any, ui: Any, workplace: Any, case: Any) -> None:
    workplace.worker.command = ["/does/not/exist"]
    detect(host, ui, workplace)
    assert workplace.machine.state is State.FAILED
    assert "could not be started" in ui.statusLabel.text and not jobFolders()


def test_typed_error_is_shown(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    fakeWorker("error")
    detect(host, ui, workplace)
    assert ui.statusLabel.text == "There is not enough memory."
    assert "[out-of-memory]" in ui.logTextEdit.plainText and "tried 8, 4, 1" in ui.logTextEdit.plainText


def test_a_refused_scan_can_be_analysed_anyway(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    fakeWorker("misfit")
    before = nodeIds()
    detect(host, ui, workplace)
    assert workplace.machine.state is State.FAILED and ui.statusLabel.text == "This scan is foreign."
    assert ui.detectButton.text == "Detect anyway" and ui.detectButton.enabled
    assert nodeIds() == before and not jobFolders()
    detect(host, ui, workplace)
    assert workplace.machine.state is State.DONE and ui.detectButton.text == "Detect anomalies"


def test_anyway_is_offered_after_a_refusal_only(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    """Negative control."""
    fakeWorker("error")
    detect(host, ui, workplace)
    assert ui.detectButton.text == "Detect anomalies"


def test_garbage_goes_to_the_log(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    fakeWorker("garbage")
    detect(host, ui, workplace)
    assert workplace.machine.state is State.DONE
    assert "a library printed this \u00e9" in ui.logTextEdit.plainText and "{not json}" in ui.logTextEdit.plainText


def test_result_of_another_volume_is_refused(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    fakeWorker("other")
    before = nodeIds()
    detect(host, ui, workplace)
    assert workplace.machine.state is State.FAILED and "changed during the analysis" in ui.statusLabel.text
    assert nodeIds() == before


def test_devices_of_the_worker_are_offered(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    fakeWorker("status")
    detect(host, ui, workplace)
    texts = [ui.deviceSelector.itemText(index) for index in range(ui.deviceSelector.count)]
    assert texts == ["Auto", "cuda:0", "cuda:1", "CPU"]
    ui.deviceSelector.setCurrentIndex(2)
    assert workplace.settings.device == "cuda:1"
    ui.deviceSelector.setCurrentIndex(0)


def test_device_that_is_gone_is_not_asked_for(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    """The panel then shows "Auto"; the worker must get what is shown."""
    workplace.settings.device = "cuda:7"
    workplace.panel.fillDevices(["cpu"], workplace.settings.device)
    assert ui.deviceSelector.currentText == "Auto"
    fakeWorker("patient")
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING)
    assert json.loads((jobFolders()[0] / "job.json").read_text())["device"] == "auto"
    workplace.settings.device = "auto"


def test_job_holds_what_the_worker_needs(host: Any, ui: Any, workplace: Any, case: Any, fakeWorker: Callable) -> None:
    from SPMambaLib.worker.protocol import Job

    fakeWorker("patient")
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING)
    job = Job.read(jobFolders()[0])
    assert np.array_equal(job.voxels, slicer.util.arrayFromVolume(case.volume))
    assert np.abs(job.ijk_to_ras - case.matrix).max() < 1e-12
    assert (job.model, job.kind, job.facts["name"]) == ("synthetic", "volume", "Synthetic")


def test_full_disk(host: Any, ui: Any, workplace: Any, case: Any, fakeWorker: Callable,
                   monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.detection import run

    def full(path: Any, array: Any) -> Any:
        yield
        raise OSError(28, "No space left on device")

    fakeWorker("good")
    monkeypatch.setattr(run, "saveArray", full)
    detect(host, ui, workplace)
    assert workplace.machine.state is State.FAILED and "temporary folder" in ui.statusLabel.text
    assert not jobFolders()


@pytest.fixture
def head(host: Any, workplace: Any, case: Any) -> Any:
    """A volume of the size of a real head at 1 mm."""
    from SPMambaPanel.selftests import selftest

    volume = selftest.syntheticVolume("Head", (182, 218, 182))
    workplace.parameters.inputVolume = volume
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    host.processEvents(100)
    return volume


def test_one_piece_of_work_per_turn_of_the_event_loop(host: Any, ui: Any, workplace: Any, head: Any,
                                                      fakeWorker: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the click to the result in the views, the first time and when it replaces a former one."""
    fakeWorker("good", head)
    for _ in range(2):
        with monkeypatch.context() as patch:
            turns = Turns(patch)
            detect(host, ui, workplace)
        assert workplace.machine.state is State.DONE, ui.logTextEdit.plainText
        assert not turns.crowded
        assert turns.pieces.count("slab") >= 6 and {"fillSegmentation", "_putInto"} <= set(turns.pieces)


def test_work_in_one_go_is_noticed(host: Any, ui: Any, workplace: Any, head: Any, fakeWorker: Callable,
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.reading import display

    reveal = display.reveal

    def inOneGo(result: Any, parameters: Any) -> Any:
        for _step in reveal(result, parameters):
            pass
        yield

    fakeWorker("good", head)
    turns = Turns(monkeypatch)
    monkeypatch.setattr(display, "reveal", inOneGo)
    detect(host, ui, workplace)
    assert turns.crowded == [["_putInto"] * 3]
