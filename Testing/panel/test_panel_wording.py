"""What is marked is unusual, not diagnosed: in every text of the panel, in terminology codes, in every export."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any, List

import pytest
from tools import translations

pytest.importorskip("slicer", reason="runs in the test host")
import slicer
from landscape import landscape
from SPMambaPanel import export
from SPMambaPanel.export.report import exportReport
from SPMambaPanel.scene import tables

from SPMambaLib.output.appearance import TERMINOLOGY

CLAIMS = re.compile(r"lesion|disease|tumou?r|diagnos|patholog|cancer|abnormal|malign|benign|healthy|suspicious",
                    re.IGNORECASE)
# Texts with such a word that claim nothing: what is denied, and what the sample was made with.
DENIALS = ("not for diagnosis", "A scan without marks is not a normal scan", "the scan may be abnormal all the same",
           "a scan that is not unusual may be abnormal all the same",
           "one implanted lesion")
CODES = ("SCT^49755003^Morphologically Altered Structure", "99SPMAMBA^anomaly-candidate^Anomaly candidate")


def claims(text: str) -> List[str]:
    for denial in DENIALS:
        text = text.replace(denial, "")
    return CLAIMS.findall(text)


def test_no_text_of_the_panel_claims_a_diagnosis() -> None:
    texts = [text for _context, text in translations.texts()]
    assert len(texts) > 250 and not [text for text in texts if claims(text)]
    assert any(CLAIMS.search(text) for text in texts), "the denials are there"
    for text in ("Lesion 1", "Tumor, 3 ml", "This scan is not for diagnosis of disease.", "abnormal region"):
        assert claims(text), "negative control"


def test_accepted_findings_have_neutral_codes_wherever_they_go(host: Any, ui: Any, workplace: Any, case: Any,
                                                              tmp_path: Path) -> None:
    """In the result, after a moved operating point and a merge, in the segmentation for the editor, in files."""
    result = landscape(case.volume)
    workplace.update()
    workplace.rates._set(0.1)
    host.waitFor(lambda: result.summary["false_positive_rate"] == 0.1)
    host.processEvents(200)
    workplace.review.merge([0, 1])
    for finding in (0, 1):
        workplace.review.showFinding(finding)
        workplace.review.decide("accepted")
    ui.editButton.click()
    edited = workplace.exports.acceptedSegmentation()
    assert edited.GetParentTransformNode() is result.segmentation.GetParentTransformNode()
    for node in (result.segmentation, edited):
        segmentation = node.GetSegmentation()
        assert segmentation.GetNumberOfSegments() == 2
        for n in range(2):
            segment = segmentation.GetNthSegment(n)
            assert terminologyOf(segment) == TERMINOLOGY and segment.GetName() == tables.segmentName(n + 1)
    assert all(code in TERMINOLOGY for code in CODES) and not claims(TERMINOLOGY)
    path, = export.exportSegments(result, tmp_path, [export.SEGMENTATION])
    header = path.read_bytes().split(b"\n\n", 1)[0].decode("utf-8")
    assert header.count(CODES[0]) == header.count(CODES[1]) == 2
    text = exportReport(result, tmp_path, {})[0].read_text(encoding="utf-8")
    assert not claims(re.sub("base64,[^']*", "", text)), "without a model card"
    # Negative control: a segment without codes is noticed.
    edited.GetSegmentation().GetNthSegment(0).RemoveTag(slicer.vtkSegment.GetTerminologyEntryTagName())
    assert terminologyOf(edited.GetSegmentation().GetNthSegment(0)) != TERMINOLOGY


def terminologyOf(segment: Any) -> str:
    import vtk

    value = vtk.reference("")
    return str(value) if segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), value) else ""
