"""A radiologist's click through the real worker and a shipped model, on the sample volume."""
from __future__ import annotations

import importlib.util
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, List, Tuple

import numpy as np
import pytest
import slicer
from SPMambaPanel.model.state import State
from SPMambaPanel.scene import tables
from SPMambaPanel.scene.result import Result
from SPMambaPanel.scene.volumeinfo import ijkToRas
from SPMambaPanel.selftests import selftest

from SPMambaLib import bundle

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "Resources" / "SampleData"
MODEL = "brain-flair"
SLICES = 8  # of the sample, around its lesion; enough to see everything, few enough for a slow machine
TIMEOUT_MS = 240000

pytestmark = [
    pytest.mark.skipif(not (ROOT / "Resources" / "models" / MODEL / "card.json").is_file(),
                       reason="the shipped model {} is not here".format(MODEL)),
    pytest.mark.skipif(not (SAMPLE / "sample.json").is_file(), reason="the sample volume is not here"),
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the worker needs torch"),
]


@pytest.fixture
def head(host: Any, workplace: Any, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Some slices of the sample in the scene, and its implanted lesion as a mask on them."""
    card = {**bundle.read_card(ROOT / "Resources" / "models" / MODEL), "name": MODEL}
    monkeypatch.setattr(host.widget.logic, "_cards", [card])
    host.widget.initializeParameterNode()
    facts = json.loads((SAMPLE / "sample.json").read_text())
    whole = slicer.util.loadVolume(str(SAMPLE / facts["volume"]), {})
    mask = slicer.util.loadVolume(str(SAMPLE / facts["lesion"]["mask"]), {})
    lesion = slicer.util.arrayFromVolume(mask) > 0
    middle = int(np.median(np.nonzero(lesion)[0]))
    part = slice(middle - SLICES // 2, middle + SLICES // 2)
    matrix = ijkToRas(whole)
    matrix[:3, 3] += matrix[:3, 2] * part.start
    volume = slicer.util.addVolumeFromArray(slicer.util.arrayFromVolume(whole)[part].copy(),
                                            slicer.util.vtkMatrixFromArray(matrix), name="Head FLAIR")
    for node in (whole, mask):
        slicer.mrmlScene.RemoveNode(node)
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    workplace.parameters.inputVolume = volume
    host.processEvents(50)
    return SimpleNamespace(volume=volume, matrix=matrix, lesion=lesion[part])


@pytest.fixture
def texts(workplace: Any, monkeypatch: pytest.MonkeyPatch) -> List[Tuple[float, str]]:
    """What the worker reports, with the time of it."""
    seen: List[Tuple[float, str]] = []
    show = workplace.panel.showProgress
    monkeypatch.setattr(workplace.panel, "showProgress",
                        lambda fraction, text: (seen.append((time.monotonic(), text)), show(fraction, text)))
    return seen


def detect(host: Any, ui: Any, workplace: Any) -> None:
    ui.detectButton.click()
    host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)
    assert workplace.machine.state is State.DONE, ui.logTextEdit.plainText


def test_from_click_to_findings(host: Any, ui: Any, workplace: Any, head: SimpleNamespace,
                                texts: List[Tuple[float, str]]) -> None:
    """Result, geometry, live views; the second run pays for nothing that the first one did; findings are jumped to."""
    assert ui.modelSelector.currentText and ui.detectButton.enabled
    detect(host, ui, workplace)
    host.processEvents(200)
    first = [text for _, text in texts]
    process = workplace.worker.processId
    result = Result.of(head.volume)
    assert np.abs(ijkToRas(result.map) - head.matrix).max() < 1e-6
    assert result.summary["model"]["name"] == MODEL and result.summary["plane"] == "axial"
    assert len(tables.readSlices(result.get("slices"))) == SLICES
    values = slicer.util.arrayFromVolume(result.map).copy()
    assert values.std() > 0 and np.isfinite(values).all()

    texts.clear()
    detect(host, ui, workplace)
    second = [text for _, text in texts]
    assert workplace.worker.processId == process
    assert any("Loading the model" in text for text in first) and not any("Loading the model" in t for t in second)
    assert np.array_equal(slicer.util.arrayFromVolume(Result.of(head.volume).map), values), "same input, same map"

    ui.operatingPointSlider.value = ui.operatingPointSlider.maximum
    host.waitFor(lambda: workplace.review.result.summary["false_positive_rate"]
                 == workplace.parameters.falsePositiveRate)
    rows = tables.readFindings(workplace.review.result.get("findings"))
    assert len(rows) == ui.findingsTable.rowCount == workplace.review.result.segmentation.GetSegmentation() \
        .GetNumberOfSegments()
    if rows:  # how many there are is the model's matter; that they are where the map is high is the panel's
        ui.nextFindingButton.click()
        center = np.array([slicer.util.getNode("vtkMRMLSliceNodeRed").GetSliceToRAS().GetElement(row, 3)
                           for row in range(3)])
        i, j, k = np.round(np.linalg.inv(head.matrix) @ [*center, 1.0])[:3].astype(int)
        assert values[k, j, i] == pytest.approx(rows[0]["peak"], rel=1e-5)


def test_lesion_is_the_most_unusual_place(host: Any, ui: Any, workplace: Any, head: SimpleNamespace) -> None:
    """Inside the brain, away from the rim of the head, the map is highest in the implanted lesion."""
    detect(host, ui, workplace)
    values = slicer.util.arrayFromVolume(Result.of(head.volume).map)
    inside = values[head.lesion]
    assert np.median(inside) > np.percentile(values, 95)
    elsewhere = np.roll(head.lesion, 60, axis=2)  # the same shape at another place of the head
    assert np.median(inside) > np.median(values[elsewhere])


def test_cancel_is_answered(host: Any, ui: Any, workplace: Any, head: SimpleNamespace,
                                            texts: List[Tuple[float, str]]) -> None:
    before = slicer.mrmlScene.GetNumberOfNodes()
    ui.detectButton.click()
    host.waitFor(lambda: any("slice" in text for _, text in texts) or not workplace.machine.busy, TIMEOUT_MS)
    process = workplace.worker.processId
    ui.detectButton.click()
    host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)
    assert workplace.machine.state is State.READY
    assert workplace.worker.processId == process, "it answered before it would have been killed"
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_worker_killed_in_mid_run(host: Any, ui: Any, workplace: Any, head: SimpleNamespace,
                                  texts: List[Tuple[float, str]]) -> None:
    before = slicer.mrmlScene.GetNumberOfNodes()
    ui.detectButton.click()
    host.waitFor(lambda: any("slice" in text for _, text in texts) or not workplace.machine.busy, TIMEOUT_MS)
    os.kill(workplace.worker.processId, 9)
    host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)
    assert workplace.machine.state is State.FAILED and "unexpectedly" in ui.statusLabel.text
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    detect(host, ui, workplace)


@pytest.mark.parametrize("damage", ["constant", "nan", "tiny"])
def test_unfit_volume_is_refused_in_words(host: Any, ui: Any, workplace: Any, head: SimpleNamespace,
                                          damage: str) -> None:
    array = {"constant": np.full((6, 40, 40), 7.0, np.float32), "nan": np.full((6, 40, 40), np.nan, np.float32),
             "tiny": np.zeros((3, 3, 3), np.int16)}[damage]
    volume = slicer.util.addVolumeFromArray(array, slicer.util.vtkMatrixFromArray(selftest.OBLIQUE), name=damage)
    workplace.parameters.inputVolume = volume
    ui.detectButton.click()
    host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)
    assert workplace.machine.state is State.FAILED
    assert ui.statusLabel.text.endswith(".") and "Traceback" not in ui.statusLabel.text
    assert "unexpected" not in ui.statusLabel.text and Result.of(volume) is None
