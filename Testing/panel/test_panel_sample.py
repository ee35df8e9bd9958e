"""The empty panel offers the sample."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import slicer


def test_the_empty_panel_loads_the_sample(host: Any, ui: Any, workplace: Any) -> None:
    assert workplace.parameters.inputVolume is None
    assert not (ui.loadSampleButton.isHidden() or ui.detectButton.enabled) and "load the sample" in ui.statusLabel.text
    ui.loadSampleButton.click()
    host.processEvents()
    assert workplace.parameters.inputVolume.GetName() == "FLAIR-sample" and ui.detectButton.enabled
    assert ui.loadSampleButton.isHidden()
    view = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0]
    assert view.GetBackgroundVolumeID() == workplace.parameters.inputVolume.GetID()
    slicer.mrmlScene.RemoveNode(workplace.parameters.inputVolume)
    host.processEvents()
    assert not ui.loadSampleButton.isHidden()


def test_a_missing_sample_is_said(host: Any, ui: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.scene import sample

    monkeypatch.setattr(sample, "FILE", Path("Resources", "gone.nii.gz"))
    ui.loadSampleButton.click()
    assert "sample is missing" in ui.statusLabel.text and not slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
