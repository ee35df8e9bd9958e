"""Behaviour of Slicer that once hid a defect, copied by the host: a panel that ignored it would fail here."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterator, List

import numpy as np
import pytest

pytest.importorskip("slicer", reason="the test host needs slicer-core")
pytest.importorskip("PySide6", reason="the test host needs PySide6")

import qt
import slicer
import vtk
from host import dicom
from SPMambaPanel import export
from SPMambaPanel.model.decisions import ACCEPTED
from SPMambaPanel.scene import volumeinfo
from SPMambaPanel.scene.result import Result
from SPMambaPanel.sections import shortcuts
from SPMambaPanel.selftests import selftest
from test_panel_scan import film


def layers() -> List[set]:
    """IDs of background, foreground and label volumes of the slice views."""
    nodes = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return [{node.GetBackgroundVolumeID() for node in nodes}, {node.GetForegroundVolumeID() for node in nodes},
            {node.GetLabelVolumeID() for node in nodes}]


# -- the Segment Editor ----------------------------------------------------------------------------------------------


@pytest.fixture
def selector(host: Any) -> Iterator[Any]:
    selector = host.mainWindow.moduleSelector()
    yield selector
    selector.selectModule("SPMamba")


def test_accepted_findings_open_in_the_editor_over_the_scan_and_back(host: Any, ui: Any, workplace: Any, case: Any,
                                                                    result: Any, selector: Any) -> None:
    """`openNodeModule` would open Segmentations; the editor takes the label layer away, and for its source what the
    reference geometry comes from."""
    workplace.review.showFinding(0)
    workplace.review.decide(ACCEPTED)
    ui.editButton.click()
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    assert selector.selectedModule == "SegmentEditor"
    assert editor.segmentationNode() is workplace.exports.acceptedSegmentation()
    assert editor.sourceVolumeNode() is case.volume
    role = editor.segmentationNode().GetReferenceImageGeometryReferenceRole()
    assert editor.segmentationNode().GetNodeReference(role) is case.volume
    assert layers()[2] == {None}
    selector.selectModule("SPMamba")
    host.processEvents(50)
    assert layers() == [{case.volume.GetID()}, {result.map.GetID()}, {result.severity.GetID()}]
    assert workplace.review.findings[0]["decision"] == ACCEPTED


def test_a_panel_that_does_not_put_the_layer_back_is_noticed(host: Any, workplace: Any, result: Any, selector: Any,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(type(workplace), "restoreViews", lambda self: None)
    selector.selectModule("SegmentEditor")
    selector.selectModule("SPMamba")
    assert layers()[2] == {None}


def test_the_editor_offers_nothing_of_ours(host: Any, workplace: Any, result: Any, selector: Any) -> None:
    selector.selectModule("SegmentEditor")
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSegmentationNode(result.segmentation)
    assert editor.segmentationNode() is None
    result.segmentation.SetHideFromEditors(False)
    editor.setSegmentationNode(result.segmentation)
    assert editor.segmentationNode() is result.segmentation, "negative control"


# -- films -----------------------------------------------------------------------------------------------------------


def dicomFilm(path: Path, photometric: str, bits: int) -> np.ndarray:
    """Write a film with a bright disc on air; returns it with bright as dense, whatever the file has."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

    rows, columns = np.mgrid[0:64, 0:80]
    top = 2**bits - 1
    shown = np.where((rows - 30)**2 + (columns - 40)**2 < 400, 0.8 * top, 0.1 * top + 0.5 * columns)
    stored = top - shown if photometric == "MONOCHROME1" else shown
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    file.Modality, file.SeriesDescription = "DX", "Chest"
    file.Rows, file.Columns, file.SamplesPerPixel, file.PixelRepresentation = 64, 80, 1, 0
    file.PhotometricInterpretation = photometric
    file.BitsAllocated, file.BitsStored, file.HighBit = (8 if bits == 8 else 16), bits, bits - 1
    file.PixelData = np.rint(stored).astype(np.uint8 if bits == 8 else "<u2").tobytes()
    file.save_as(path, enforce_file_format=True)
    assert pydicom.dcmread(path).PhotometricInterpretation == photometric
    return shown


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("database", ["none", "closed", "open"])
def test_a_film_goes_to_the_model_as_it_is_shown(host: Any, workplace: Any, tmp_path: Path, photometric: str, bits: int,
                                                 database: str, monkeypatch: pytest.MonkeyPatch,
                                                 capfd: pytest.CaptureFixture) -> None:
    """Slicer's reader has turned MONOCHROME1 round; a closed database answers with SQL errors."""
    monkeypatch.delattr(slicer, "dicomDatabase", raising=False)
    if database != "none":
        monkeypatch.setattr(slicer, "dicomDatabase", dicom.ctkDICOMDatabase(), raising=False)
        slicer.dicomDatabase._open = database == "open"
    shown = dicomFilm(tmp_path / "film.dcm", photometric, bits)
    volume = dicom.loadFilm(tmp_path / "film.dcm")
    host.processEvents(60)
    assert workplace.parameters.inputVolume is volume
    sent = volumeinfo.voxelsOf(volume)
    assert np.corrcoef(sent.ravel().astype(float), shown.ravel())[0, 1] > 0.999
    facts = volumeinfo.sourceFacts(volume)
    assert volumeinfo.kindOf(volume) == "image" and "photometric" not in facts
    assert (facts.get("modality") == "DX") == (database == "open")
    assert "database not open" not in capfd.readouterr().err


def test_a_closed_database_would_be_noticed(host: Any, capfd: pytest.CaptureFixture) -> None:
    """Negative control."""
    assert dicom.ctkDICOMDatabase().instanceValue("1.2.3", "0008,0060") == ""
    assert capfd.readouterr().err.count("database not open") == 3


def test_a_film_is_not_turned(host: Any, workplace: Any, case: Any) -> None:
    """`setSliceViewerLayers` with `rotateToVolumePlane` turns all views into the plane of a film."""
    picture = film()
    slicer.util.setSliceViewerLayers(background=picture, fit=True, rotateToVolumePlane=True)
    turned = [node.GetOrientation() for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")]
    assert len(set(turned)) < 3 or "Reformat" in turned, "negative control: the host does, too"
    workplace.onVolumeChosen(case.volume)
    workplace.onVolumeChosen(picture)
    red = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed")
    toRas = np.asarray(slicer.util.arrayFromVTKMatrix(red.GetSliceToRAS()))[:3, :3]
    assert np.allclose(toRas, np.diag([-1.0, 1.0, 1.0])), "upright, as the picture lies"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_color_film_converted_as_advised_is_a_film(host: Any, ui: Any, workplace: Any, tmp_path: Path,
                                                    suffix: str) -> None:
    """Color files are refused with the advice to convert them; what Vector to Scalar Volume makes has no file."""
    image = pytest.importorskip("PIL.Image")
    rows, columns = np.mgrid[0:60, 0:80]
    image.fromarray(np.stack([rows * 3, rows * 2, columns], axis=2).astype(np.uint8)).save(tmp_path / ("film" + suffix))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "film")
    reader = {".png": vtk.vtkPNGReader, ".jpg": vtk.vtkJPEGReader, ".bmp": vtk.vtkBMPReader}[suffix]()
    reader.SetFileName(str(tmp_path / ("film" + suffix)))
    reader.Update()
    node.SetAndObserveImageData(reader.GetOutput())
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.diag([-1.0, -1.0, 1.0, 1.0])))
    assert "Vector to Scalar Volume" in volumeinfo.problemOf(node)
    gray = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "film gray")
    gray.CopyOrientation(node)
    luminance = vtk.vtkImageLuminance()
    luminance.SetInputData(node.GetImageData())
    luminance.Update()
    gray.SetAndObserveImageData(luminance.GetOutput())
    assert volumeinfo.problemOf(gray) == "" and volumeinfo.kindOf(gray) == "image"
    gray.SetOrigin(40.0, 30.0, 0.0)
    assert volumeinfo.kindOf(gray) == "image", "centered, too"
    assert not volumeinfo.hasSpacing(gray)


# -- views, keys, panel ----------------------------------------------------------------------------------------------


def test_a_volume_loaded_from_a_file_is_read_and_the_marks_of_the_former_go(host: Any, workplace: Any, case: Any,
                                                                           result: Any, tmp_path: Path) -> None:
    """Loading takes all views, empties the other layers, and tells no module."""
    slicer.util.saveNode(selftest.syntheticVolume("Next"), str(tmp_path / "Next.nrrd"))
    slicer.mrmlScene.RemoveNode(slicer.util.getNode("Next"))
    volume = slicer.util.loadVolume(str(tmp_path / "Next.nrrd"))
    host.processEvents(100)
    assert layers()[0] == {volume.GetID()}
    assert workplace.parameters.inputVolume is volume and workplace.review.result is None
    assert not result.segmentation.GetDisplayNode().GetVisibility()


def test_no_key_is_ambiguous(host: Any) -> None:
    own = {text: qt.QKeySequence(text).toString() for text in (*shortcuts.KEYS, "Alt+Left")}
    mine = host.widget.shortcuts
    mine.remove()
    try:
        taken = {each.key.toString() for each in host.mainWindow.findChildren(qt.QShortcut)}
    finally:
        mine.install()
    assert [key for key in shortcuts.KEYS if own[key] in taken] == []
    assert own["Alt+Left"] in taken, "negative control"


LONG = "Written to /mnt/archive/department/radiology/studies/{}/results/with/a/very/long/path.".format("x" * 90)


def test_long_texts_do_not_widen_the_panel(host: Any, ui: Any, workplace: Any, result: Any) -> None:
    area = host.mainWindow._panelArea
    labels = ("statusLabel", "warningLabel", "findingsLabel", "operatingPointLabel", "scoreLabel", "seenLabel",
              "modelPurposeLabel", "legendLabel", "whyLabel")
    ui.warningLabel.visible = True
    host.processEvents(50)
    before = area.minimumWidth
    for name in labels:
        getattr(ui, name).text = LONG
        host.processEvents(20)
        assert area.minimumWidth == before, name
    policy, least = ui.statusLabel.sizePolicy, ui.statusLabel.minimumSize
    try:
        ui.statusLabel.setMinimumSize(0, 0)
        ui.statusLabel.setSizePolicy(qt.QSizePolicy.Preferred, qt.QSizePolicy.Preferred)
        host.processEvents(50)
        assert area.minimumWidth > before, "negative control: a word-wrapped label widens the dock"
    finally:
        ui.statusLabel.setSizePolicy(policy)
        ui.statusLabel.minimumSize = least
        workplace.update()
        workplace.machine.say("")
        host.processEvents(50)


def test_an_export_makes_no_complaint(host: Any, workplace: Any, result: Any, tmp_path: Path,
                                      capfd: pytest.CaptureFixture) -> None:
    """Removing a displayable node removes its display nodes; to remove one without a scene prints a critical line."""
    host.processEvents(50)
    capfd.readouterr()
    assert len(export.exportSegments(result, tmp_path, tuple(export.FORMATS), export.EVERYTHING)) == 5
    workplace.review.showFinding(0)
    workplace.review.decide(ACCEPTED)
    workplace.exports.acceptedSegmentation()
    result.remove()
    assert not [line for line in capfd.readouterr().err.splitlines() if "propagateSizeHints" not in line]
    vtk.vtkOutputWindow.GetInstance().DisplayErrorText("RemoveNode: not in the scene")
    assert "RemoveNode" in capfd.readouterr().err, "negative control"


# -- from the click to the decision ----------------------------------------------------------------------------------


def insight(host: Any, ui: Any, name: str) -> bool:
    """Whether a widget can be seen without scrolling."""
    widget, area = getattr(ui, name), host.mainWindow._panelArea
    corner = widget.mapTo(area.widget(), qt.QPoint(0, 0))
    return bool(widget.visible and corner.y() + widget.height <= area.viewport().height
                and corner.x() + widget.width <= area.viewport().width)


NEAR = ("detectButton", "statusLabel", "operatingPointSlider", "operatingPointLabel", "previousFindingButton",
        "nextFindingButton", "acceptButton", "rejectButton", "unsureButton", "undoButton")


def test_from_detect_to_the_first_accept_in_one_key_without_scrolling(host: Any, ui: Any, workplace: Any, case: Any,
                                                                     fakeWorker: Callable[..., Path]) -> None:
    fakeWorker("good")
    window, size = host.mainWindow, host.mainWindow.size
    window._panelWidth = 427
    try:
        window.resize(1366, 768)
        window._widen()
        window.centralWidget().setSizes([427, 939])
        host.processEvents(50)
        assert all(insight(host, ui, name) for name in ("detectButton", "statusLabel", "operatingPointSlider"))
        ui.detectButton.click()
        host.waitFor(lambda: not workplace.machine.busy)
        host.processEvents(50)
        assert window._panelArea.width <= 460 and [name for name in NEAR if not insight(host, ui, name)] == []
        assert not insight(host, ui, "exportButton"), "negative control: what lies below is not in sight"
        workplace.views.actions[shortcuts.ACCEPT]()
        assert [row["decision"] for row in workplace.review.findings] == [ACCEPTED]
    finally:
        window.resize(size)
        window._panelWidth = 460
        host.processEvents(20)


def test_a_list_of_fourteen_is_decided_with_fourteen_keys(host: Any, ui: Any, workplace: Any, case: Any) -> None:
    result = manyFindings(case.volume, 14)
    workplace.update()
    workplace.readFirst(result)
    assert len(workplace.review.findings) == 14
    for n in range(14):
        assert sum(bool(row["decision"]) for row in workplace.review.findings) == n
        workplace.views.actions[(shortcuts.ACCEPT, shortcuts.REJECT, shortcuts.UNSURE)[n % 3]]()
    assert all(row["decision"] for row in workplace.review.findings)
    assert len(result.decisions.entries) == 14


def manyFindings(volume: Any, count: int) -> Result:
    """A result whose map has `count` separate places."""
    result = selftest.addResult(volume)
    values = slicer.util.arrayFromVolume(result.map)
    values[:] = 0.1
    for n in range(count):
        k, j, i = 2 + 4 * (n % 4), 2 + 5 * (n // 4 % 5), 3 + 6 * (n % 6)
        values[k:k + 2, j:j + 2, i:i + 2] = 4.0 + 0.1 * n
    slicer.util.arrayFromVolumeModified(result.map)
    from SPMambaPanel.scene import overlay
    from SPMambaPanel.scene.findagain import findAgain

    overlay.fillSegmentation(result, findAgain(result, 0.05))
    return result


# -- a run that cannot start -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["run", "start", "process", "views", "packages", "end"])
def test_whatever_fails_at_a_start_the_panel_can_be_used_again(host: Any, ui: Any, workplace: Any, case: Any,
                                                              fakeWorker: Callable[..., Path], where: str,
                                                              tmp_path: Path,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.detection import dependencies, run
    from SPMambaPanel.scene import auditlog

    fakeWorker("good")
    working = tmp_path / "working"  # a run that has no folder yet once took Slicer's own away
    working.mkdir()
    (working / "mine.txt").write_text("keep")
    monkeypatch.chdir(working)

    def fail(*args: Any, **more: Any) -> None:
        raise RuntimeError("broken on purpose")

    with monkeypatch.context() as broken:
        owner, name = {"run": (run.DetectionRun, "__init__"), "start": (run.DetectionRun, "start"),
                       "process": (workplace.worker, "detect"), "views": (workplace, "onVolumeChosen"),
                       "packages": (dependencies, "missing"), "end": (auditlog, "appendDetection")}[where]
        broken.setattr(owner, name, fail)
        ui.detectButton.click()
        host.waitFor(lambda: not workplace.machine.busy)
        assert ui.detectButton.enabled and workplace.run is None and ui.statusLabel.text
        assert "broken on purpose" in ui.logTextEdit.plainText
        ui.detectAllButton.click()
        host.waitFor(lambda: not workplace.machine.busy)
        assert (working / "mine.txt").is_file()
    ui.detectButton.click()
    host.waitFor(lambda: not workplace.machine.busy)
    assert Result.of(case.volume) is not None and workplace.review.findings


def test_fifty_results_are_parsed_once(host: Any, workplace: Any, case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at every update: what the summaries say is kept beside their texts."""
    from SPMambaPanel.model import summaryfacts

    made = [selftest.addResult(selftest.syntheticVolume("Volume {}".format(n))) for n in range(6)]
    workplace.update()
    workplace.worklist.refresh()
    texts: List[str] = []
    read = summaryfacts._parse
    monkeypatch.setattr(summaryfacts, "_parse", lambda text: texts.append(text) or read(text))
    for _time in range(5):
        workplace.update()
        workplace.worklist.refresh()
    assert not texts
    made[0].setOperatingPoint(0.1, 2.0)
    assert made[0].calibration is not None and made[0].summary["threshold"] == 2.0 and len(texts) == 1


# -- scenes of the version before ------------------------------------------------------------------------------------


def test_a_scene_of_the_version_before_opens_with_all_decisions(host: Any, ui: Any, workplace: Any) -> None:
    """Saved by version 0.1.0 before results knew the voxels that they belong to."""
    from SPMambaPanel.scene import auditlog, tables
    from SPMambaPanel.scene.evidencenode import evidenceOf

    host.loadScene(Path(__file__).parent / "data" / "version_before.mrb")
    host.processEvents(200)
    found = {result.inputName: [(row["decision"], row["reason"], row["note"]) for row in
                                tables.readFindings(result.get("findings"))] for result in Result.all()}
    assert found == {"One": [("accepted", "", "note One")], "Two": [("rejected", "artefact", "note Two")]}
    assert all(result.complete for result in Result.all()) and workplace.review.result is not None
    assert not workplace.review.blocked, ui.warningLabel.text
    assert len(auditlog.lines()) == 2 and evidenceOf(workplace.review.result) is not None
    rejected = Result.of(slicer.util.getNode("Two"))
    workplace.onVolumeChosen(rejected.input)
    host.processEvents(60)
    assert (slicer.util.arrayFromVolume(rejected.severity) == len(rejected.calibration.bands) + 1).any(), "gray"
    workplace.review.showFinding(0)
    workplace.review.decide(ACCEPTED)
    assert tables.readFindings(rejected.get("findings"))[0]["decision"] == ACCEPTED
    assert rejected.segmentation.GetHideFromEditors()


def test_the_script_for_a_real_slicer_runs_here(host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make slicer CHECK=1` runs it in Slicer; what it asks of the panel is true in the host, too."""
    import real_slicer
    from SPMambaPanel.detection import dependencies

    monkeypatch.setattr(dependencies, "missing", lambda: ["torch"])
    run = real_slicer.Run(tmp_path)
    monkeypatch.setattr(run, "selfTest", lambda: None)  # a test of its own
    size, width = host.mainWindow.size, host.mainWindow._panelWidth
    host.mainWindow.resize(1366, 768)
    try:
        run.run()
    finally:
        host.mainWindow.resize(size)
    assert not run.failed, "\n".join(run.lines)
    assert len(list(tmp_path.glob("*.png"))) == 10 and width == host.mainWindow._panelWidth
    monkeypatch.setattr(type(host.widget.workplace), "restoreViews", lambda self: None)
    run.step("again", run.editor)
    assert run.failed, "negative control"
