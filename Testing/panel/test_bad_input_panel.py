"""Bad volumes, models and disks in the panel: one sentence says why, the scene stays as it was, an earlier result stays
in the views, and the next Detect works.

What the worker process itself can do wrong is in test_panel_jobs.py, a scene that is closed meanwhile in
test_panel_scene.py.  Volumes of 64 bit integers do not occur here: Slicer reads such files as floats.
"""
from __future__ import annotations

import importlib.util
import resource
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import numpy as np
import pytest
import slicer
from SPMambaPanel.model.state import State
from SPMambaPanel.scene.result import Result
from SPMambaPanel.scene.volumeinfo import ijkToRas
from SPMambaPanel.selftests import selftest

from SPMambaLib import bundle

MODEL = Path(__file__).resolve().parents[2] / "Resources" / "models" / "brain-flair"
TIMEOUT_MS = 120000
PLACED = np.array([[-1.0, 0, 0, 60], [0, -1.0, 0, 70], [0, 0, 4.0, -20], [0, 0, 0, 1]])
LEFT_HANDED = PLACED @ np.diag([-1.0, 1, 1, 1])


def head(slices: int = 2, dtype: str = "float32") -> np.ndarray:
    """Bright ellipses with a darker middle, (slices, 64, 64)."""
    j, i = np.mgrid[:64, :64]
    radius = np.hypot((j - 32) / 28.0, (i - 32) / 24.0)
    plane = np.where(radius < 0.3, 40.0, 100.0) * (radius < 1) + np.random.default_rng(0).normal(10, 2, (64, 64))
    return np.stack([plane] * slices).astype(dtype)


def holed() -> np.ndarray:
    voxels = head()
    voxels[:, 30:34, 30:34] = np.nan
    return voxels


VOLUMES: Dict[str, Tuple[np.ndarray, np.ndarray, str]] = {
    # voxels, ijk_to_ras, part of the sentence that refuses it; empty where the result must be right
    "all NaN": (np.full((6, 40, 40), np.nan, np.float32), PLACED, "no valid voxel"),
    "constant": (np.full((6, 40, 40), 7, np.int16), PLACED, "same value"),
    "3 voxels": (np.array([[[1, 2, 3]]], np.int16), PLACED, "too small"),
    "3 x 3 x 3 voxels": (np.arange(27, dtype=np.int16).reshape(3, 3, 3), PLACED, "too small"),
    "zero spacing": (head(), PLACED @ np.diag([1.0, 0, 1, 1]), "where its voxels lie"),
    "parallel axes": (head(), PLACED[:, [0, 0, 2, 3]], "where its voxels lie"),
    "some NaN": (holed(), PLACED, ""),
    "float64": (head(dtype="float64"), PLACED, ""),
    "one slice": (head(1), PLACED, ""),
    "left-handed": (head(), LEFT_HANDED, ""),
    "non-orthogonal axes": (head(), selftest.OBLIQUE, ""),
}


def addVolume(name: str) -> Any:
    voxels, matrix, _ = VOLUMES[name]
    return slicer.util.addVolumeFromArray(voxels, slicer.util.vtkMatrixFromArray(matrix), name=name)


@pytest.fixture
def earlier(result: Result) -> Result:
    """The result that is being read when something goes wrong."""
    return result


def scene() -> Tuple[set, list]:
    """All nodes, and what the slice views show over the image."""
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return ({node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLNode")},
            [(each.GetForegroundVolumeID(), each.GetLabelVolumeID()) for each in composites])


def detect(host: Any, ui: Any, workplace: Any) -> None:
    ui.detectButton.click()
    host.waitFor(lambda: not workplace.machine.busy, TIMEOUT_MS)


def assertSentence(text: str, part: str) -> None:
    assert part in text and text.endswith(".") and "\n" not in text
    assert not any(word in text for word in ("Traceback", "Error", "unexpected", "None"))


def jobFolders() -> list:
    return list(Path(slicer.app.temporaryPath).glob("SPMamba-*"))


# -- what goes wrong around the volume ---------------------------------------------------------------------------------

def programMissing(workplace: Any, prepared: Path, stack: ExitStack) -> None:
    workplace.worker.command = ["/does/not/exist"]


def temporaryFolderMissing(workplace: Any, prepared: Path, stack: ExitStack) -> None:
    stack.callback(setattr, slicer.app, "temporaryPath", slicer.app.temporaryPath)
    slicer.app.temporaryPath = str(prepared / "result.json" / "below a file")


def temporaryFolderFull(workplace: Any, prepared: Path, stack: ExitStack) -> None:
    """The write that reaches the limit fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    stack.callback(resource.setrlimit, resource.RLIMIT_FSIZE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, hard))


def resultCutShort(workplace: Any, prepared: Path, stack: ExitStack) -> None:
    data = (prepared / "severity.npy").read_bytes()
    (prepared / "severity.npy").write_bytes(data[:len(data) // 2])


@pytest.mark.parametrize("happens, part", [
    (programMissing, "could not be started"), (temporaryFolderMissing, "temporary folder"),
    (temporaryFolderFull, "temporary folder is full"), (resultCutShort, "scene is unchanged")])
def test_failure_leaves_everything_as_it_was(host: Any, ui: Any, workplace: Any, case: Any, earlier: Result,
                                             fakeWorker: Callable, happens: Callable, part: str) -> None:
    before = scene()
    prepared = fakeWorker("good")
    with ExitStack() as stack:
        happens(workplace, prepared, stack)
        detect(host, ui, workplace)
    assert workplace.machine.state is State.FAILED, ui.logTextEdit.plainText
    assertSentence(ui.statusLabel.text, part)
    assert scene() == before and not jobFolders()
    assert Result.of(case.volume).node is earlier.node and ui.findingsTable.rowCount == 1 and ui.exportButton.enabled
    fakeWorker("good")
    detect(host, ui, workplace)
    assert workplace.machine.state is State.DONE and Result.of(case.volume).node is not earlier.node


def test_input_deleted_while_running_is_said(host: Any, ui: Any, workplace: Any, case: Any, earlier: Result,
                                             fakeWorker: Callable) -> None:
    fakeWorker("patient")
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING)
    before, _ = scene()
    deleted = case.volume.GetID()
    slicer.mrmlScene.RemoveNode(case.volume)
    host.processEvents(100)
    assertSentence(ui.statusLabel.text, "deleted during the analysis")
    assert not ui.detectButton.enabled and before - scene()[0] == {deleted} and not jobFolders()
    assert earlier.map is not None
    volume = selftest.syntheticVolume("Next")
    workplace.parameters.inputVolume = volume
    assert "deleted" not in ui.statusLabel.text
    fakeWorker("good", volume)
    detect(host, ui, workplace)
    assert workplace.machine.state is State.DONE


def test_voxels_taken_away_while_running(host: Any, ui: Any, workplace: Any, case: Any, earlier: Result,
                                         fakeWorker: Callable) -> None:
    """The volume stays, another module empties it."""
    before = scene()
    fakeWorker("good")
    ui.detectButton.click()
    host.waitFor(lambda: workplace.machine.state is State.RUNNING)
    case.volume.SetAndObserveImageData(None)
    host.waitFor(lambda: not workplace.machine.busy)
    assertSentence(ui.statusLabel.text, "changed during the analysis")
    assert scene() == before and not jobFolders()
    ui.detectButton.click()
    assertSentence(ui.detectButton.toolTip, "no voxels")
    assert workplace.machine.state is State.NO_VOLUME and not ui.detectButton.enabled


# -- volumes ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("nodeClass, channels", [("vtkMRMLVectorVolumeNode", 3), ("vtkMRMLLabelMapVolumeNode", 0)])
def test_color_and_labels_cannot_be_chosen(host: Any, ui: Any, workplace: Any, case: Any, nodeClass: str,
                                           channels: int) -> None:
    shape = (4, 40, 40, channels) if channels else (4, 40, 40)
    volume = slicer.util.addVolumeFromArray(np.zeros(shape, np.uint8), nodeClassName=nodeClass, name="Not an image")
    host.processEvents()
    selector = ui.inputSelector
    offered = [selector.nodeFromIndex(index) for index in range(selector.nodeCount())]
    assert case.volume in offered and volume not in offered
    workplace.parameters.inputVolume = volume  # as a scene made elsewhere may have it
    assert not ui.detectButton.enabled and workplace.machine.state is State.NO_VOLUME
    assert ui.detectButton.toolTip == ui.statusLabel.text == workplace.machine.facts.problem != ""
    workplace.parameters.inputVolume = case.volume
    assert ui.detectButton.enabled


@pytest.fixture
def realModel(host: Any, workplace: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Dict[str, str]:
    """The worker with the shipped model, a copy of it in which one byte is wrong, and one that is not there."""
    if not (MODEL / bundle.CARD).is_file() or importlib.util.find_spec("torch") is None:
        pytest.skip("the shipped model {} or torch is not here".format(MODEL.name))
    shutil.copytree(MODEL, tmp_path / "tampered")
    weights = tmp_path / "tampered" / bundle.WEIGHTS
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    models = {"whole": str(MODEL), "tampered": str(tmp_path / "tampered"), "gone": str(tmp_path / "gone")}
    card = bundle.read_card(MODEL)
    cards = [{**card, "name": path, "title": name} for name, path in models.items()]
    monkeypatch.setattr(host.widget.logic, "_cards", cards)
    host.widget.initializeParameterNode()
    return models


def test_bad_volumes_and_models_one_after_the_other(host: Any, ui: Any, workplace: Any, realModel: Dict[str, str],
                                                    case: Any, earlier: Result) -> None:
    """One worker answers all of them, and an earlier result of another volume is never touched."""
    process = 0
    for name, (voxels, matrix, part) in VOLUMES.items():
        volume = addVolume(name)
        workplace.parameters.inputVolume = volume
        before = scene()
        detect(host, ui, workplace)
        assert process in (0, workplace.worker.processId), "the worker had to be started again"
        process = workplace.worker.processId
        if part:
            assert workplace.machine.state is State.FAILED, name
            assertSentence(ui.statusLabel.text, part)
            assert scene() == before and Result.of(volume) is None and not jobFolders(), name
        else:
            if workplace.machine.refused:  # scraps of a head; the reader may insist, and nothing was lost
                assert scene() == before and Result.of(volume) is None and not jobFolders(), name
                detect(host, ui, workplace)
            assert workplace.machine.state is State.DONE, ui.logTextEdit.plainText
            result = Result.of(volume)
            values = slicer.util.arrayFromVolume(result.map)
            assert np.abs(ijkToRas(result.map) - matrix).max() < 1e-6 and values.shape == voxels.shape, name
            assert np.isfinite(values).all() and values.any(), name
            assert np.abs(ijkToRas(result.severity) - matrix).max() < 1e-6, name
    last = Result.of(volume)
    for name in ("tampered", "gone"):
        ui.modelSelector.setCurrentIndex(ui.modelSelector.findData(realModel[name]))
        before = scene()
        detect(host, ui, workplace)
        assert workplace.machine.state is State.FAILED
        assertSentence(ui.statusLabel.text, {"tampered": "is damaged", "gone": "There is no model"}[name])
        assert scene() == before and Result.of(volume).node is last.node and not jobFolders()
    ui.modelSelector.setCurrentIndex(ui.modelSelector.findData(realModel["whole"]))
    detect(host, ui, workplace)
    if workplace.machine.refused:
        detect(host, ui, workplace)
    assert workplace.machine.state is State.DONE and workplace.worker.processId == process
    assert Result.of(case.volume).node is earlier.node and earlier.complete


@pytest.mark.parametrize("damage", ["{", '{"format": 1}', None])
def test_model_with_a_damaged_card_is_not_offered(host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                  damage: Any) -> None:
    if not (MODEL / bundle.CARD).is_file():
        pytest.skip("the shipped model {} is not here".format(MODEL.name))
    text = (MODEL / bundle.CARD).read_text(encoding="utf-8")
    for name, content in (("whole", text), ("broken", damage or text.replace('"axial"', '"diagonal"'))):
        (tmp_path / name).mkdir()
        (tmp_path / name / bundle.CARD).write_text(content, encoding="utf-8")
    monkeypatch.setattr(bundle, "search_folders", lambda: [tmp_path])
    monkeypatch.setattr(host.widget.logic, "_cards", None)
    assert [card["name"] for card in host.widget.logic.cards()] == ["whole"]
