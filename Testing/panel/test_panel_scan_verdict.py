"""The verdict on the whole scan: the line above the findings, the list of volumes, CSV and report."""
from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any, List

import numpy as np
from SPMambaPanel import export
from SPMambaPanel.export.report import reportHtml
from SPMambaPanel.reading.operatingpoint import meaningOfRate
from SPMambaPanel.scene import tables
from SPMambaPanel.scene.result import Result
from SPMambaPanel.sections.panel import doneText
from SPMambaPanel.selftests import selftest

from SPMambaLib.scoring.budget import budget_of
from SPMambaLib.scoring.scan_verdict import KEY, ScanNormals, ScanVerdict, scan_normals_card

PEAKS, SCORES = np.linspace(1.0, 3.0, 400), np.roll(np.linspace(-2.0, 2.0, 400), 150)


def verdictOf(score: float, rate: float = 0.05) -> ScanVerdict:
    known = ScanNormals.of({KEY: scan_normals_card(PEAKS, SCORES, [str(n) for n in range(400)], unit="image")})
    assert known is not None
    return known.picture(score, rate)


def judge(result: Result, score: float) -> None:
    """Give a result a verdict, as a model that has one does."""
    budget = budget_of(PEAKS, SCORES, 0.5)
    calibration = selftest.syntheticCalibration().shared(budget.rates, budget.peaks)
    result.summary = dict(result.summary, scan_verdict=verdictOf(score).to_dict(), no_scan_verdict="",
                          calibration=calibration.to_dict())


def said(ui: Any) -> str:
    return re.sub(r"(<[^>]+>|&nbsp;)+", " ", ui.scanVerdictLabel.text).strip() if ui.scanVerdictLabel.visible else ""


def test_the_line_follows_the_operating_point(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    assert said(ui) == "", "a result of an older version has none"
    assert ui.operatingPointLabel.text == "1 in 20 normal slices would show a finding"
    judge(result, 1.92)
    workplace.update()
    assert said(ui) == "Whole scan unusual 1 in 45 normal images would score this high"
    assert "<b>" in ui.scanVerdictLabel.text
    assert ui.operatingPointLabel.text.endswith("would show a finding or be unusual as a whole")
    workplace.rates._set(0.02)
    assert said(ui) == "Whole scan not unusual 1 in 45 normal images would score this high"
    assert "<b>" not in ui.scanVerdictLabel.text
    host.waitFor(lambda: result.summary["false_positive_rate"] == 0.02)
    assert result.scanVerdict is not None and not result.scanVerdict.unusual
    workplace.rates._set(0.3)
    assert said(ui).startswith("Whole scan unusual")
    host.waitFor(lambda: result.summary["false_positive_rate"] == 0.3)
    assert Result(result.node).scanVerdict == verdictOf(1.92, 0.3), "kept with the scene"

    judge(result, -1.0)
    workplace.update()
    assert said(ui) == "Whole scan not unusual half or more of normal images would score this high"
    judge(result, 5.0)
    workplace.update()
    assert said(ui) == "Whole scan unusual above all 400 normal images"
    result.summary = dict(result.summary, scan_verdict=None, no_scan_verdict="Too few normal volumes.")
    workplace.update()
    assert said(ui) == "Whole scan: this model has no verdict on it."
    result.summary = dict(result.summary, scan_verdict={"score": "?"}, no_scan_verdict="")
    workplace.update()
    assert said(ui) == "" and result.complete, "damaged: as if there were none"


def test_the_bar_is_filled_as_far_as_the_scan_is_rare(ui: Any, workplace: Any, result: Result) -> None:
    beyond = []
    for score in (-1.0, 1.0, 1.6, 1.975, 5.0):
        judge(result, score)
        workplace.update()
        cells = [(int(width), color) for width, color in re.findall(
            r"<td width='(\d+)' bgcolor='(#\w+)'", ui.scanVerdictLabel.text)]
        assert sum(width for width, _color in cells) == 70
        beyond.append(sum(width for width, color in cells if color == "#d2691e"))
    assert beyond[0] == beyond[1] == 0 < beyond[3] < beyond[4], "colored beyond the operating point only"


def test_the_list_shows_verdicts_and_sorts_by_them(host: Any, ui: Any, workplace: Any, three: List[Any]) -> None:
    def names() -> List[str]:
        return [ui.worklistTable.item(line, 0).text() for line in range(ui.worklistTable.rowCount)]

    results = [selftest.addResult(volume) for volume in three[:2]]
    workplace.worklist.refresh()
    assert ui.worklistTable.isColumnHidden(3), "no verdict, no column"
    for result, score in zip(results, (0.5, 5.0)):
        judge(result, score)
    workplace.worklist.refresh()
    assert not ui.worklistTable.isColumnHidden(3)
    assert [ui.worklistTable.item(line, 3).text() for line in range(3)] == ["1 in 3", "above all", ""]
    assert ui.worklistTable.item(1, 3).toolTip() == "unusual: above all 400 normal images"
    ui.worklistTable.horizontalHeader().sectionClicked.emit(3)
    assert names() == ["Second", "Synthetic", "Third"]
    ui.worklistTable.cellClicked.emit(0, 0)
    assert workplace.parameters.inputVolume is three[1], "the line that is seen is the one that is opened"
    ui.worklistTable.horizontalHeader().sectionClicked.emit(0)
    assert names() == ["Synthetic", "Second", "Third"]


def test_exports_tell_the_verdict(host: Any, workplace: Any, result: Result, tmp_path: Path) -> None:
    def rows(name: str) -> List[Any]:
        (tmp_path / name).mkdir()
        (path,) = export.exportSegments(result, tmp_path / name, [export.TABLE])
        with open(path, encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    assert {row["scan_unusual"] for row in rows("older")} == {""} and "Whole scan" not in reportHtml(result, {}, "")
    judge(result, 1.92)
    (row,) = rows("judged")
    assert (row["scan_unusual"], row["scan_unit"], row["scan_normals"]) == ("1", "image", "400")
    assert float(row["scan_score"]) == 1.92 and float(row["scan_rate"]) == verdictOf(1.92).rate
    assert "unusual: 1 in 45 normal images would score this high" in reportHtml(result, {}, "")
    tables.writeTable(result.get("findings"), tables.FINDING_COLUMNS, [])
    (row,) = rows("nothing")
    assert (row["rank"], row["scan_unusual"], row["exported"]) == ("", "1", "0"), "without findings it is still said"


def test_no_finding_is_not_all_that_is_said() -> None:
    assert doneText((), 0, True) == "Done: no finding, but the scan as a whole is unusual."
    assert doneText((), 0) == "Done: no finding." and doneText((), 1, True) == "Done: 1 finding."
    assert meaningOfRate(0.05, selftest.syntheticCalibration()) == "1 in 20 normal slices would show a finding"
