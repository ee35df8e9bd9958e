"""The reader decides: list, keys' hook, merging, log, save and load."""
from __future__ import annotations

from pathlib import Path
from typing import Any, List

import pytest
import slicer
from landscape import HIGH, MIDDLE, landscape
from SPMambaPanel.scene import colors, tables
from SPMambaPanel.scene.result import Result
from SPMambaPanel.sections import findingstable, shortcuts
from SPMambaPanel.selftests import selftest

TESTING = Path(__file__).resolve().parents[1]
TYPED = 'seen "twice",\n50 % & <more>; \u00e4\u65e5\u672c'
NOTE = TYPED.replace("\n", " ").replace('"', "\u201d")  # table files keep neither


@pytest.fixture
def hills(host: Any, case: Any, workplace: Any) -> Result:
    """Three findings, open for reading."""
    result = landscape(case.volume)
    workplace.update()
    host.processEvents()
    assert len(workplace.review.findings) == 3
    return result


def column(ui: Any, number: int) -> List[str]:
    return [ui.findingsTable.item(line, number).text() for line in range(ui.findingsTable.rowCount)]


def segmentColor(result: Result, rank: int) -> List[float]:
    return list(result.segmentation.GetSegmentation().GetSegment(tables.segmentId(rank)).GetColor())


def moveTo(host: Any, ui: Any, result: Result, position: int) -> None:
    ui.operatingPointSlider.value = position
    host.waitFor(lambda: result.summary["false_positive_rate"] == host.widget.workplace.parameters.falsePositiveRate,
                 60000)
    host.widget.workplace.review.recompute()


def test_buttons_decide_about_the_selected_finding(host: Any, ui: Any, workplace: Any, hills: Result) -> None:
    assert not ui.acceptButton.enabled and not ui.noteEdit.enabled
    ui.acceptButton.click()
    assert column(ui, findingstable.DECISION) == ["", "", ""], "nothing is selected"
    ui.findingsTable.selectRow(1)
    color = segmentColor(hills, 2)
    ui.rejectButton.click()
    assert column(ui, findingstable.DECISION) == ["", "rejected", ""]
    assert segmentColor(hills, 2) == pytest.approx(colors.REJECTED_COLOR), "still there, in gray"
    assert ui.findingsTable.item(1, 0).font().strikeOut() and not ui.findingsTable.item(0, 0).font().strikeOut()
    ui.findingsTable.selectRow(1)
    ui.reasonSelector.setCurrentIndex(ui.reasonSelector.findData("positioning"))
    ui.noteEdit.text = TYPED
    ui.noteEdit.editingFinished.emit()
    row = tables.readFindings(hills.get("findings"))[1]
    assert (row["decision"], row["reason"], row["note"]) == ("rejected", "positioning", NOTE)
    ui.rejectButton.click()
    assert column(ui, findingstable.DECISION) == ["", "rejected", ""], "a second click takes nothing back"
    while ui.undoButton.enabled:  # note, reason, decision, and that of the second click
        ui.undoButton.click()
    assert column(ui, findingstable.DECISION) == ["", "", ""] and not ui.undoButton.enabled
    assert segmentColor(hills, 2) == pytest.approx(color)


def test_fourteen_findings_take_fourteen_keys(ui: Any, workplace: Any, hills: Result) -> None:
    """A decision goes on to the next finding without one, around the end; the last one stays where it is."""
    review, accept, reject = workplace.review, shortcuts.ACCEPT, shortcuts.REJECT
    review.showFinding(1)
    for key, finding in ((accept, 2), (reject, 0), (accept, 0)):
        workplace.views.actions[key]()
        assert review.finding == finding
    assert [row["decision"] for row in review.findings] == ["accepted", "accepted", "rejected"]
    assert ui.findingsTable.currentRow() == 0
    workplace.views.actions[shortcuts.UNDO]()
    assert [row["decision"] for row in review.findings] == ["", "accepted", "rejected"] and review.finding == 0


def test_a_reason_rejects(ui: Any, workplace: Any, hills: Result) -> None:
    ui.findingsTable.selectRow(1)
    ui.reasonSelector.setCurrentIndex(ui.reasonSelector.findData("positioning"))
    row = workplace.review.findings[1]
    assert (row["decision"], row["reason"]) == ("rejected", "positioning") and workplace.review.finding == 1


def test_the_hook_of_the_keys(ui: Any, workplace: Any, hills: Result) -> None:
    review = workplace.review
    review.decide("accepted")
    assert not any(row["decision"] for row in review.findings), "nothing is selected"
    ui.nextFindingButton.click()
    for decision in ("accepted", "rejected", "unsure"):
        review.decide(decision)
        assert tables.readFindings(hills.get("findings"))[0]["decision"] == decision
    with pytest.raises(ValueError):
        review.decide("maybe")


def test_a_note_is_not_lost_by_walking_on(ui: Any, workplace: Any, hills: Result) -> None:
    ui.nextFindingButton.click()
    ui.noteEdit.text = "left\tby a\nkey"
    ui.nextFindingButton.click()
    assert [row["note"] for row in workplace.review.findings] == ["left by a key", "", ""]
    assert ui.noteEdit.text == ""


def test_a_note_is_not_lost_by_a_key_that_decides(ui: Any, workplace: Any, hills: Result) -> None:
    ui.nextFindingButton.click()
    for decide, decision in ((workplace.views.actions[shortcuts.ACCEPT], "accepted"), (ui.rejectButton.click,
                                                                                         "rejected")):
        workplace.review.showFinding(0)
        workplace.findings.showCurrent()
        ui.noteEdit.text = "being written, " + decision
        decide()
        row = tables.readFindings(hills.get("findings"))[0]
        assert (row["decision"], row["note"]) == (decision, "being written, " + decision)


def test_merging_while_the_slider_still_moves(host: Any, ui: Any, workplace: Any, hills: Result) -> None:
    """The operating point just chosen stays, and bands and findings are of the same one."""
    review = workplace.review
    before = review.threshold
    ui.operatingPointSlider.value += 10
    review.merge([0, 1])
    host.processEvents(300)
    assert review.threshold != before
    assert review.threshold == hills.summary["threshold"] == hills.calibration.threshold(
        workplace.parameters.falsePositiveRate)


def test_sort_and_filter(host: Any, ui: Any, workplace: Any, hills: Result) -> None:
    header = ui.findingsTable.horizontalHeader()
    assert column(ui, 0) == ["1", "2", "3"]
    header.sectionClicked.emit(findingstable.VOLUME)
    assert column(ui, 0) == ["1", "2", "3"], "the largest first"
    header.sectionClicked.emit(findingstable.VOLUME)
    assert column(ui, 0) == ["3", "2", "1"]
    ui.nextFindingButton.click()
    assert workplace.review.finding == 2, "walking follows the list"
    ui.findingsTable.selectRow(2)
    assert workplace.review.finding == 0
    workplace.review.decide("accepted")
    ui.decisionFilter.setCurrentIndex(ui.decisionFilter.findData("accepted"))
    assert column(ui, 0) == ["1"] and "1 listed" in ui.findingsLabel.text
    ui.decisionFilter.setCurrentIndex(ui.decisionFilter.findData(""))
    assert column(ui, 0) == ["3", "2"]
    ui.sizeFilter.value = 0.2
    assert column(ui, 0) == ["2"] and workplace.review.findings[2]["volume_ml"] < 0.2
    ui.sizeFilter.value = 0.0
    ui.decisionFilter.setCurrentIndex(0)
    header.sectionClicked.emit(findingstable.RANK)
    assert column(ui, 0) == ["1", "2", "3"]


def test_merging_two(host: Any, ui: Any, workplace: Any, hills: Result) -> None:
    import qt

    before = tables.readFindings(hills.get("findings"))
    assert not ui.mergeButton.enabled
    ui.findingsTable.selectRow(0)
    model = ui.findingsTable.selectionModel()
    model.select(ui.findingsTable.model().index(1, 0),
                 qt.QItemSelectionModel.Select | qt.QItemSelectionModel.Rows)
    assert ui.mergeButton.enabled
    ui.mergeButton.click()
    after = tables.readFindings(hills.get("findings"))
    assert len(after) == 2 and after[0]["voxels"] == before[0]["voxels"] + before[1]["voxels"]
    segment = slicer.util.arrayFromSegmentBinaryLabelmap(hills.segmentation, "Anomaly_1", hills.map)
    assert segment[HIGH].all() and segment[MIDDLE].all() and segment.sum() == after[0]["voxels"]
    assert workplace.review.finding == 0
    ui.acceptButton.click()
    moveTo(host, ui, hills, 20)
    assert tables.readFindings(hills.get("findings"))[0]["decision"] == "accepted"


def test_decisions_follow_the_operating_point(host: Any, ui: Any, workplace: Any, hills: Result) -> None:
    position = ui.operatingPointSlider.value
    for line, button in ((0, ui.acceptButton), (1, ui.rejectButton)):
        ui.findingsTable.selectRow(line)
        button.click()
    moveTo(host, ui, hills, 200)
    assert [row["decision"] for row in workplace.review.findings] == ["", ""], "grown together: decide again"
    moveTo(host, ui, hills, position)
    assert [row["decision"] for row in workplace.review.findings] == ["accepted", "rejected", ""]
    assert segmentColor(hills, 2) == pytest.approx(colors.REJECTED_COLOR)


def test_score_bars_say_what_they_mean(ui: Any, workplace: Any, result: Result) -> None:
    assert "Select a finding" in ui.scoreLabel.text
    ui.nextFindingButton.click()
    assert "could not be reproduced from normal anatomy" in ui.scoreLabel.text
    assert " half of the scan" in ui.scoreLabel.text
    assert "looks like no normal example" not in ui.scoreLabel.text, "this model has no such term"


def test_the_selected_finding_stays_selected(host: Any, ui: Any, workplace: Any, hills: Result) -> None:
    """While the operating point moves, and ranks with it, until its highest voxel is below the threshold."""
    review = workplace.review
    ui.nextFindingButton.click()
    ui.nextFindingButton.click()
    peak, left = review.current["peak"], 0
    for position in (120, 100, 60, 100, 200):
        moveTo(host, ui, hills, position)
        assert (review.current is not None) == (peak >= review.threshold), position
        left += review.current is None
        if review.current is not None:
            assert review.current["peak"] >= peak
            assert ui.findingsTable.currentRow() == workplace.findings.table.shown.index(review.finding)
    assert left < 5


def test_a_long_list_is_shown(ui: Any, workplace: Any, hills: Result) -> None:
    """200 findings, as many as a result lists; without measuring every cell of them, which takes seconds."""
    import qt

    review = workplace.review
    review.findings = [dict(review.findings[0], rank=n) for n in range(1, 201)]
    workplace.findings.showFindings()
    header = ui.findingsTable.horizontalHeader()
    assert ui.findingsTable.rowCount == 200
    assert {header.sectionResizeMode(n) for n in range(header.count())} == {qt.QHeaderView.Interactive}


def test_same_model_again_keeps_the_decisions(host: Any, ui: Any, workplace: Any, case: Any, result: Result) -> None:
    ui.nextFindingButton.click()
    ui.acceptButton.click()
    selftest.addResult(case.volume)
    workplace.update()
    assert [row["decision"] for row in workplace.review.findings] == ["accepted"]
    # Negative control: another model's findings are others.
    workplace.review.result.summary = dict(workplace.review.result.summary, model={"name": "another"})
    selftest.addResult(case.volume)
    workplace.update()
    assert [row["decision"] for row in workplace.review.findings] == [""]


def test_result_of_an_older_version_can_be_decided(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    table = result.get("findings")
    for name in ("decision", "reason", "note", "region"):
        table.GetTable().RemoveColumnByName(name)
    workplace.review.open(result)
    ui.nextFindingButton.click()
    ui.acceptButton.click()
    assert tables.readFindings(table)[0]["decision"] == "accepted"
