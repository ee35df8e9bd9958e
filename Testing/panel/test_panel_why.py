"""Why a finding was marked: terms at every operating point, pictures the right way round, kept with the scene."""
from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, List, Tuple

import numpy as np
import pytest

pytest.importorskip("slicer", reason="runs in the test host")
import slicer
import vtk
from SPMambaPanel import export
from SPMambaPanel.export.report import exportReport
from SPMambaPanel.reading import scorebars, why
from SPMambaPanel.scene import evidencenode, overlay
from SPMambaPanel.scene.result import Result
from SPMambaPanel.selftests import selftest
from vtk.util import numpy_support

from SPMambaLib.evidence.record import Evidence


def pictures(text: str) -> List[np.ndarray]:
    """PNGs of a rich text, (H, W, 3), row 0 on top."""
    found = []
    for data in re.findall("data:image/png;base64,([^']*)'", text):
        content = base64.b64decode(data)
        reader = vtk.vtkPNGReader()
        reader.SetMemoryBuffer(content)
        reader.SetMemoryBufferLength(len(content))
        reader.Update()
        image = reader.GetOutput()
        width, height, _ = image.GetDimensions()
        found.append(numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[::-1])
    return found


def keep(result: Result, evidence: Evidence) -> None:
    result.get("evidence").SetText(base64.b64encode(evidence.to_bytes()).decode("ascii"))


@pytest.fixture
def opened(host: Any, ui: Any, result: Any) -> Any:
    """The first finding chosen."""
    ui.nextFindingButton.click()
    host.processEvents()
    return result


def test_the_finding_is_shown_beside_what_is_normal(ui: Any, opened: Result) -> None:
    scan, tile = pictures(ui.whyLabel.text)
    assert scan.shape == tile.shape == (why.SIDE, why.SIDE, 3)
    # The synthetic lesion has 180 among 100, the tile is 100 all over; strokes are colored.
    gray = [(image.max(axis=2) == image.min(axis=2)) for image in (scan, tile)]
    assert set(tile[gray[1]].ravel()) == {100} and scan[gray[0]].max() > 160
    assert 20 < (~gray[0]).sum() < 200 and (~gray[1]).sum() == (~gray[0]).sum()
    assert "mean of 7 patients" in ui.whyLabel.text and "This scan" in ui.whyLabel.text


def test_the_lesion_is_where_it_is_in_the_slice_view(workplace: Any, opened: Result, case: Any) -> None:
    """Radiological: what lies to the right and in front of the middle of the picture is to the left and on top."""
    evidence, plane = evidencenode.evidenceOf(opened), evidencenode.planeOf(opened)
    place = why.placeOf(opened, workplace.review.current)
    picture = pictures(why.picturesHtml(opened, workplace.review.current))[0].max(axis=2)
    bright = np.argwhere(picture > 150).mean(axis=0)
    (rows, _, top), (_, columns, left) = place.view
    stack = plane.to_slices(slicer.util.arrayFromVolume(case.volume))[place.number]
    lesion = np.argwhere(stack > 150).mean(axis=0)
    expected = (lesion + 0.5 - [top, left]) / [rows, columns] * why.SIDE
    assert np.abs(bright - expected).max() < 0.06 * why.SIDE
    assert np.abs(why.SIDE - bright - expected).max() > 0.1 * why.SIDE, "the same upside down: the test shows nothing"
    right, anterior, _ = (plane.stack_to_ras[:3, :3] @ [1, 0, 0]), (plane.stack_to_ras[:3, :3] @ [0, 1, 0]), None
    assert right[0] < 0 and anterior[1] < 0
    assert len(evidence.slices) == selftest.SHAPE[0]


def test_terms_follow_the_operating_point(host: Any, ui: Any, workplace: Any, opened: Result) -> None:
    before = workplace.review.findings[0]["residual"]
    workplace.rates._set(0.3)
    host.waitFor(lambda: opened.summary["false_positive_rate"] == pytest.approx(0.3))
    row = workplace.review.findings[0]
    assert row["residual"] == pytest.approx(before, abs=0.01) and "Residual" in ui.scoreLabel.text
    assert "<b>above all normals (3.0)</b>" in ui.scoreLabel.text
    opened.node.SetNodeReferenceID("spmambaevidence", None)  # a result of an older version
    workplace.rates._set(0.2)
    host.waitFor(lambda: opened.summary["false_positive_rate"] == pytest.approx(0.2))
    assert "residual" not in workplace.review.findings[0] and "older version" in ui.scoreLabel.text
    assert "older version" in ui.whyLabel.text


def test_it_comes_back_with_the_scene(host: Any, ui: Any, workplace: Any, opened: Result, tmp_path: Path) -> None:
    text = ui.whyLabel.text
    host.saveScene(tmp_path / "case.mrb")
    host.closeScene()
    host.loadScene(tmp_path / "case.mrb")
    ui.nextFindingButton.click()
    assert ui.whyLabel.text == text and len(pictures(text)) == 2
    workplace.rates._set(0.3)
    host.waitFor(lambda: workplace.review.result.summary["false_positive_rate"] == pytest.approx(0.3))
    assert "residual" in workplace.review.findings[0]


def test_a_key_opens_and_closes_it(host: Any, ui: Any, opened: Result) -> None:
    shortcut, = (each for each in host.widget.shortcuts._installed if each.key.toString() == "Alt+W")
    for shown in (False, True):
        shortcut.activated.emit()
        assert ui.whyCollapsibleButton.collapsed != shown and bool(pictures(ui.whyLabel.text)) == shown


def test_damaged_evidence_is_one_sentence(host: Any, ui: Any, opened: Result) -> None:
    node = opened.get("evidence")
    for text in ("no base64 \u00e9", base64.b64encode(b"no evidence").decode(), node.GetText()[:-40]):
        node.SetText(text)
        ui.nextFindingButton.click()
        assert ui.whyLabel.text == "The evidence of this result is damaged; detect again to see it."
        assert "Residual" in ui.scoreLabel.text, "what the table knows stays"


def test_a_model_without_pictures_says_so(ui: Any, opened: Result) -> None:
    evidence = evidencenode.evidenceOf(opened)
    keep(opened, replace(evidence, slices=evidence.slices + 100))
    ui.nextFindingButton.click()
    assert ui.whyLabel.text == "No evidence was kept for this place."
    places = evidence.blocks.copy()
    places[:, 2] = -1
    keep(opened, replace(evidence, blocks=places))
    ui.nextFindingButton.click()
    assert "Too few normal patients" in ui.whyLabel.text and len(pictures(ui.whyLabel.text)) == 1
    keep(opened, replace(evidence, blocks=places, tiles=evidence.tiles[:0], patients=evidence.patients[:0],
                         cells=evidence.cells[:0]))
    ui.nextFindingButton.click()
    assert "holds no pictures of what is normal" in ui.whyLabel.text and len(pictures(ui.whyLabel.text)) == 1


def test_the_volume_may_be_gone(workplace: Any, opened: Result, case: Any) -> None:
    row = workplace.review.current
    slicer.util.updateVolumeFromArray(case.volume, np.zeros((3, 4, 5), np.float32))
    assert len(pictures(why.picturesHtml(opened, row))) == 1, "that of what is normal"


def test_accepted_findings_have_it_in_the_report(workplace: Any, opened: Result, tmp_path: Path) -> None:
    plain = exportReport(opened, tmp_path, {}, export.chosen.EVERYTHING)[0].read_text(encoding="utf-8")
    assert "Small pictures" not in plain
    workplace.review.decide("accepted")
    found = exportReport(opened, tmp_path, {}, export.chosen.EVERYTHING)[0].read_text(encoding="utf-8")
    assert "Small pictures: this scan" in found and len(pictures(found)) == len(pictures(plain)) + 2


def test_a_detection_replaces_it(case: Any, opened: Result) -> None:
    count = len(slicer.util.getNodesByClass("vtkMRMLTextNode"))
    selftest.addResult(case.volume)
    assert len(slicer.util.getNodesByClass("vtkMRMLTextNode")) == count
    assert evidencenode.evidenceOf(Result.of(case.volume)) is not None and overlay is not None


def test_a_bar_stands_against_the_normals() -> None:
    """Blue up to the line of the highest normal in the middle, another color beyond."""
    def widths(value: float) -> List[Tuple[int, str]]:
        cells = re.findall("width='(.*?)' bgcolor='(.*?)'", scorebars.bar(value / 8.0, 35))
        return [(int(width), color) for width, color in cells]

    bar, beyond, rest, line = (scorebars.BAR_COLOR, scorebars.BEYOND_COLOR, scorebars.REST_COLOR,
                               scorebars.LINE_COLOR)
    assert widths(2.0) == [(18, bar), (17, rest), (1, line), (34, rest)]
    assert widths(6.0) == [(35, bar), (1, line), (16, beyond), (18, rest)]
    assert widths(99.0) == [(35, bar), (1, line), (34, beyond)] and widths(4.0)[0] == (35, bar)
    assert scorebars.standing(2.0, 3.0, 4.0) == "as in normals (up to 4.0)"
    assert scorebars.standing(3.5, 3.0, 4.0) == "rare in normals (up to 4.0)"
    assert scorebars.standing(4.5, 3.0, 4.0) == "<b>above all normals (4.0)</b>"
