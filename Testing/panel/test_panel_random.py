"""Two patients and a reader in a hurry: after every action the panel reads what the views show, where the scan lies."""
from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest

pytest.importorskip("slicer", reason="the test host needs slicer-core")
pytest.importorskip("PySide6", reason="the test host needs PySide6")

import slicer
from SPMambaPanel import export
from SPMambaPanel.reading.viewedvolume import viewedVolumes
from SPMambaPanel.scene import tables
from SPMambaPanel.scene.result import Result
from SPMambaPanel.selftests import selftest
from test_panel_scan import onLesion, together, transformed

ACTIONS, SEEDS = 100, (1, 2, 3)
NAMES = ("Patient A", "Patient B")


class Reader:
    """Does one careless thing at a time.

    Attributes:
        decided: what was decided about each patient's finding, as the reader believes.
    """

    def __init__(self, host: Any, seed: int, folder: Path) -> None:
        self.host, self.place = host, host.widget.workplace
        self.random = random.Random(seed)
        self.folder = folder
        self.decided: Dict[str, str] = dict.fromkeys(NAMES, "")
        for name in NAMES:
            selftest.syntheticVolume(name)

    def volumes(self) -> List[Any]:
        return [slicer.util.getNode(name) for name in NAMES]

    def volume(self) -> Any:
        return self.random.choice(self.volumes())

    # -- what a reader does --------------------------------------------------------------------------------------------

    def choose(self) -> None:
        self.place.onVolumeChosen(self.volume())

    def showElsewhere(self) -> None:
        slicer.util.setSliceViewerLayers(background=self.volume())

    def showInOneView(self) -> None:
        slicer.mrmlScene.GetNodeByID("vtkMRMLSliceCompositeNodeYellow").SetBackgroundVolumeID(self.volume().GetID())

    def detect(self) -> None:
        volume = self.volume()
        former = Result.of(volume)
        selftest.addResult(volume)
        self.decided[volume.GetName()] = self.decided[volume.GetName()] if former is not None else ""
        self.place.update()

    def transform(self) -> None:
        angle, shift = self.random.uniform(-1, 1), [self.random.uniform(-40, 40) for _ in range(3)]
        matrix = np.eye(4)
        matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        matrix[:3, 3] = shift
        transformed(self.volume(), matrix)

    def harden(self) -> None:
        self.volume().HardenTransform()

    def decide(self) -> None:
        decision = self.random.choice(("accepted", "rejected", "unsure"))
        seen = viewedVolumes()
        self.place.review.stepFinding(1)
        self.place.findings.onDecisionClicked(decision)
        if self.place.review.findings and not self.place.review.blocked:
            assert seen == [self.place.review.result.input], "decided about what is not seen"
            self.decided[seen[0].GetName()] = decision

    def slide(self) -> None:
        if self.place.review.result is not None:
            self.place.ui.operatingPointSlider.value = self.random.randrange(80, 200)

    def visitSegmentEditor(self) -> None:
        self.host.widget.exit()
        for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            composite.SetLabelVolumeID(None)
        self.host.widget.enter()

    def saveAndLoad(self) -> None:
        path = self.folder / "scene.mrb"
        self.host.processEvents(150)
        self.host.saveScene(path)
        self.host.loadScene(path)

    def act(self) -> str:
        name = self.random.choices(
            ("choose", "showElsewhere", "showInOneView", "detect", "transform", "harden", "decide", "slide",
             "visitSegmentEditor", "saveAndLoad"), (8, 8, 3, 4, 6, 4, 12, 4, 3, 1))[0]
        getattr(self, name)()
        self.host.processEvents(60)
        self.host.processEvents(130 if name == "slide" else 0)
        return name

    # -- what must hold ------------------------------------------------------------------------------------------------

    def check(self, log: List[str]) -> None:
        place, shown = self.place, viewedVolumes()
        volume = place.parameters.inputVolume
        if place.review.result is not None:
            assert place.review.result.input is volume, log
            if not place.review.blocked:
                assert shown == [volume], log
        if len(shown) == 1 and volume is not None:
            assert volume is shown[0], log
        for each in self.volumes():
            result = Result.of(each)
            if result is None:
                continue
            if tables.readFindings(result.get("findings")):
                together(result)
                decision = tables.readFindings(result.get("findings"))[0]["decision"]
                assert decision == self.decided[each.GetName()], log
            if result.segmentation.GetDisplayNode().GetVisibility():
                assert shown == [each], log


@pytest.mark.parametrize("seed", SEEDS)
def test_three_hundred_careless_actions(host: Any, tmp_path: Path, seed: int) -> None:
    reader, log = Reader(host, seed, tmp_path), []
    host.widget.workplace.onVolumeChosen(reader.volumes()[0])
    for _ in range(ACTIONS):
        log.append(reader.act())
        reader.check(log)
    assert {"detect", "decide", "transform", "harden", "showInOneView"} <= set(log)
    for volume in reader.volumes():
        result = Result.of(volume)
        if result is not None and tables.readFindings(result.get("findings")):
            (path,) = export.exportSegments(result, tmp_path, (export.LABEL_MAP,), export.EVERYTHING)
            assert onLesion(path, volume) > 0.99
