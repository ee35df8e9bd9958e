"""The log of a review: everything that was done, once, with who, when, which model and which operating point."""
from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import slicer
from landscape import landscape
from SPMambaPanel import export
from SPMambaPanel.scene import auditlog
from SPMambaPanel.scene.result import Result
from SPMambaPanel.selftests import selftest

NOTE = "50 % & <more>; \u00e4\u65e5\u672c"


def events() -> List[str]:
    return [entry["event"] for entry in auditlog.lines()]


def strictly(path: Path) -> List[Dict[str, Any]]:
    """JSON as its standard has it: without NaN."""
    def refuse(word: str) -> None:
        raise ValueError(word)

    return [json.loads(line, parse_constant=refuse) for line in path.read_text(encoding="utf-8").splitlines()]


def test_everything_is_logged(host: Any, ui: Any, workplace: Any, case: Any, fakeWorker: Any, tmp_path: Path) -> None:
    assert workplace.exports.exportLog(tmp_path / "none.jsonl") == []
    assert "Nothing was detected" in ui.statusLabel.text
    information = slicer.app.applicationLogic().GetUserInformation()
    information.SetName("Dr. Example")
    try:
        fakeWorker("good")
        ui.detectButton.click()
        host.waitFor(lambda: not workplace.machine.busy, 60000)
        ui.nextFindingButton.click()
        workplace.review.decide("rejected", "artefact", NOTE)
        workplace.review.decide("rejected", "artefact", NOTE)
    finally:
        information.SetName("")
    path, = workplace.exports.exportLog(tmp_path / "log.jsonl")
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [entry["event"] for entry in entries] == ["detection", "decision"], "saying it twice is one decision"
    for entry in entries:
        assert entry["user"] == "Dr. Example" and entry["model"]["name"] == "synthetic"
        assert entry["time"].endswith("+00:00")
        assert 0.0 < entry["operating_point"]["false_positive_rate"] < 1.0
    assert entries[0]["findings"] == 1
    decision = entries[1]
    assert (decision["decision"], decision["reason"], decision["note"]) == ("rejected", "artefact", NOTE)
    assert np.abs(np.asarray(decision["finding"]["peak_ras"]) - selftest.lesionRas()).max() < 1e-4
    assert decision["finding"]["components"]["contrast"] > 0.0


def test_log_that_was_edited_by_hand(host: Any, workplace: Any, result: Result, tmp_path: Path) -> None:
    auditlog.appendDetection(result, 1)
    node, = auditlog.logNodes()
    node.SetText("{broken\n[]\n" + node.GetText())
    auditlog.appendDetection(result, 2)
    assert [entry["findings"] for entry in auditlog.lines()] == [1, 2] and len(auditlog.logNodes()) == 1
    assert workplace.exports.exportLog(tmp_path / "missing" / "log.jsonl") == []

@pytest.fixture
def hills(host: Any, case: Any, workplace: Any) -> Result:
    """Three findings, open for reading."""
    result = landscape(case.volume)
    workplace.update()
    host.processEvents(200)
    return result


def test_a_whole_review_step_by_step(host: Any, ui: Any, workplace: Any, hills: Result, tmp_path: Path,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """By clicks and keys as a reader does it; each step is one line or none, never two."""
    information = slicer.app.applicationLogic().GetUserInformation()
    information.SetName("Dr. Example")
    hills.summary = dict(hills.summary, model=dict(hills.summary["model"], sha256="ab" * 32))
    actions = workplace.views.actions
    told: List[str] = []

    def step(name: str, expected: List[str]) -> None:
        host.processEvents(250)
        told.extend(expected)
        assert events() == told, name

    try:
        actions["Alt+Down"]()
        step("looking", [])
        actions["Alt+A"]()
        step("accept", ["decision"])
        workplace.review.showFinding(0)
        actions["Alt+A"]()
        step("accept what is accepted", [])
        workplace.review.showFinding(0)
        workplace.findings.showCurrent()
        ui.noteEdit.text = NOTE
        step("a note being written", [])
        actions["Alt+Down"]()
        step("a note left by walking on", ["decision"])
        ui.reasonSelector.setCurrentIndex(ui.reasonSelector.findData("artefact"))
        step("reject with a reason", ["decision"])
        ui.noteEdit.text = "seen"
        ui.noteEdit.editingFinished.emit()
        ui.noteEdit.editingFinished.emit()
        step("a note", ["decision"])
        ui.undoButton.click()
        step("taken back", ["decision"])
        position = ui.operatingPointSlider.value
        for move in (1, 2, 1, 0):
            ui.operatingPointSlider.value = position + move
        step("the slider, and back", [])
        workplace.rates._set(0.5)
        step("the slider, to other findings", ["operating-point"])
        workplace.rates._set(0.49)
        step("the slider, to the same findings", [])
        ui.defaultRateButton.click()
        step("back", ["operating-point"])
        review = workplace.review
        review.merge([0, 1])
        step("merge", ["merge"])
        ui.opacitySlider.value = 0.3
        ui.overlaySelector.setCurrentIndex(1)
        actions["Alt+W"]()
        actions["Alt+W"]()
        step("looks", [])
        ui.noteEdit.text = "other volume"
        second = selftest.syntheticVolume("Second")
        workplace.parameters.inputVolume = second
        step("a note left by choosing another volume", ["decision"])
        workplace.parameters.inputVolume = hills.input
        workplace.exports.exportTo(tmp_path, [export.TABLE, "report"])
        step("export", ["export"])
        workplace.exports.exportAll(tmp_path, [export.TABLE])
        step("batch export", ["export"])
        review.showFinding(0)
        actions["Alt+A"]()
        step("accepted, for the editor", ["decision"])
        ui.editButton.click()
        step("to the editor", ["editor"])
        workplace.rates._set(0.5)
        workplace.parameters.inputVolume = second  # before the slider has come to rest
        step("slider and another volume at once", ["operating-point"])
        workplace.parameters.inputVolume = hills.input
        step("back again", [])
        assert hills.summary["false_positive_rate"] == 0.5 and workplace.review.threshold == hills.summary["threshold"]
    finally:
        information.SetName("")
    entries = strictly(workplace.exports.exportLog(tmp_path / "log.jsonl")[0])
    assert [entry["event"] for entry in entries] == told
    assert {entry["user"] for entry in entries} == {"Dr. Example"}
    assert {entry["result"] for entry in entries} == {hills.identity} and len(hills.identity) == 32
    assert {entry["model"]["sha256"] for entry in entries} == {"ab" * 32}
    assert all(entry["time"] for entry in entries) and sorted(
        entries, key=lambda entry: entry["time"]) == entries
    moves = [entry for entry in entries if entry["event"] == "operating-point"]
    assert [(each["before"]["findings"], each["findings"]) for each in moves] == [(3, 2), (2, 3), (2, 2)]
    assert moves[0]["before"]["false_positive_rate"] == pytest.approx(0.05, rel=0.01)
    assert [each["operating_point"]["false_positive_rate"] for each in moves][::2] == [0.5, 0.5]
    notes = [entry["note"] for entry in entries if entry["event"] == "decision"]
    assert notes[1] == NOTE and "seen" in notes and "other volume" in notes
    exported = [entry for entry in entries if entry["event"] == "export"]
    assert [len(entry["files"]) for entry in exported] == [3, 1]
    # Negative control: without the panel's ear nothing is told.
    monkeypatch.setattr(workplace.review, "onDecided", lambda event, rows: None)
    workplace.review.showFinding(0)
    workplace.review.decide("unsure")
    assert len(events()) == len(told)


def test_numbers_that_json_does_not_know(workplace: Any, hills: Result, tmp_path: Path) -> None:
    row = dict(workplace.review.findings[0], mean=math.nan, peak=math.inf)
    auditlog.appendDecision("decision", hills, [row])
    entry, = strictly(workplace.exports.exportLog(tmp_path / "log.jsonl")[0])
    assert entry["finding"]["mean"] is None and entry["finding"]["peak"] is None and entry["finding"]["rank"] == 1


def test_the_first_half_of_a_failed_export_is_told(workplace: Any, hills: Result, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.export import report

    def fail(*given: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(report, "_writePdf", fail)
    assert workplace.exports.exportTo(tmp_path, [export.TABLE, "report"]) == []
    entry, = auditlog.lines()
    assert entry["event"] == "export" and entry["files"] == [path.name for path in tmp_path.iterdir()]
