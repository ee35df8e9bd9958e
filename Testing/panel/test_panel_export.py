"""Exported files, read back by other people's readers."""
from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
import slicer
from landscape import HIGH, MIDDLE, SMALL, landscape
from SPMambaPanel import export
from SPMambaPanel.export.report import exportReport
from SPMambaPanel.scene import tables
from SPMambaPanel.scene.result import Result
from SPMambaPanel.scene.volumeinfo import ijkToRas
from SPMambaPanel.selftests import selftest

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Oblique without shear, which NIfTI readers refuse: an orthonormal basis times spacing, left-handed.
ORTHOGONAL = np.eye(4)
ORTHOGONAL[:3, :3] = np.linalg.qr(selftest.OBLIQUE[:3, :3])[0] * [0.8, 1.2, 2.0]
ORTHOGONAL[:3, 3] = 30.0, 40.0, -50.0
CARD = {"name": "synthetic", "version": "1", "purpose": "Boxes in <noise>.", "not_for": "anything else",
        "limits": "It is " + "very " * 100 + "limited.", "data": "Boxes and " + "more " * 100 + "boxes."}


@pytest.fixture
def decided(host: Any, workplace: Any) -> Result:
    """HIGH accepted, MIDDLE rejected, SMALL undecided, on an oblique grid."""
    voxels = np.random.default_rng(0).normal(100, 10, selftest.SHAPE).astype(np.float32)
    volume = slicer.util.addVolumeFromArray(voxels, slicer.util.vtkMatrixFromArray(ORTHOGONAL), name="Case/1: \u00e4")
    volume.CreateDefaultDisplayNodes()
    result = landscape(volume)
    workplace.parameters.inputVolume = volume
    workplace.review.showFinding(0)
    workplace.review.decide("accepted")
    workplace.review.showFinding(1)
    workplace.review.decide("rejected", "artefact", "=SUM(A1)")
    return result


def named(files: List[Path], suffix: str) -> Path:
    path, = (path for path in files if path.name.endswith(suffix))
    return path


def truth(*boxes: Any) -> np.ndarray:
    """Ranks on the grid of the source."""
    values = np.zeros(selftest.SHAPE, dtype=int)
    for rank, box in boxes:
        values[box] = rank
    return values


@pytest.mark.parametrize("choice, expected", [
    (export.NOT_REJECTED, [(1, HIGH), (3, SMALL)]), (export.ACCEPTED_ONLY, [(1, HIGH)]),
    (export.EVERYTHING, [(1, HIGH), (2, MIDDLE), (3, SMALL)])])
def test_label_maps(decided: Result, tmp_path: Path, choice: str, expected: Any) -> None:
    """Voxels and geometry, by nibabel and SimpleITK; the value is the rank also where findings are left out."""
    nibabel, sitk = pytest.importorskip("nibabel"), pytest.importorskip("SimpleITK")
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    files = export.exportSegments(decided, tmp_path, [export.LABEL_MAP, export.SEGMENTATION], choice)
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes and sorted(files) == sorted(tmp_path.iterdir())
    image = nibabel.load(str(named(files, ".nii.gz")))
    assert np.array_equal(np.asarray(image.dataobj).T, truth(*expected))
    assert np.abs(image.affine - ijkToRas(decided.input)).max() < 1e-4
    segmentation = sitk.ReadImage(str(named(files, ".seg.nrrd")))
    names = {segmentation.GetMetaData(key) for key in segmentation.GetMetaDataKeys()
             if key.startswith("Segment") and key.endswith("_Name")}
    assert names == {"Anomaly {}".format(rank) for rank, _box in expected}
    assert np.count_nonzero(sitk.GetArrayFromImage(segmentation)) == np.count_nonzero(truth(*expected))
    codes = segmentation.GetMetaData("Segment0_Tags")
    assert "Morphologically Altered Structure" in codes and "anomaly-candidate" in codes


@pytest.mark.parametrize("kind", [export.SURFACES, export.OBJECTS])
def test_surfaces(decided: Result, tmp_path: Path, kind: str) -> None:
    """Closed, outwards, in the right place, and of the volume of the voxels within 2 %; by trimesh."""
    trimesh = pytest.importorskip("trimesh")
    files = export.exportSegments(decided, tmp_path, [kind], export.EVERYTHING)
    assert [path.stem[-1] for path in files] == ["1", "2", "3"]
    rows = tables.readFindings(decided.get("findings"))
    for path, row, box in zip(files, rows, (HIGH, MIDDLE, SMALL)):
        mesh = trimesh.load(str(path))
        mesh.merge_vertices()
        assert mesh.is_watertight
        assert mesh.volume == pytest.approx(1000.0 * row["volume_ml"], rel=0.02), "positive: it looks outwards"
        k, j, i = np.nonzero(truth((1, box)))
        middle = LPS @ ORTHOGONAL @ [i.mean(), j.mean(), k.mean(), 1.0]
        assert np.abs(mesh.center_mass - middle[:3]).max() < 0.2


def test_table(decided: Result, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path, = export.exportSegments(decided, tmp_path, [export.TABLE], export.ACCEPTED_ONLY)
    table = pandas.read_csv(path, keep_default_na=False)
    assert list(table["rank"]) == [1, 2, 3] and list(table["exported"]) == [1, 0, 0]
    assert list(table["decision"]) == ["accepted", "rejected", "undecided"]
    assert list(table["reason"]) == ["", "artefact", ""] and table["note"][1] == "'=SUM(A1)", "no formula"
    assert set(table["volume"]) == {"Case/1: \u00e4"} and set(table["model"]) == {"synthetic"}
    spacing = abs(np.linalg.det(ORTHOGONAL[:3, :3]))
    assert list(table["volume_ml"] * 1000 / spacing) == pytest.approx(
        [np.count_nonzero(truth((1, box))) for box in (HIGH, MIDDLE, SMALL)])
    assert set(table["operating_point"]) == {decided.summary["false_positive_rate"]}


def pages(pdf: Path, folder: Path) -> List[Path]:
    subprocess.run(["pdftoppm", "-r", "90", "-png", str(pdf), str(folder / "page")], check=True, timeout=120)
    return sorted(folder.glob("page*.png"))


def test_report(decided: Result, tmp_path: Path) -> None:
    html, pdf = exportReport(decided, tmp_path, CARD)
    text = html.read_text(encoding="utf-8")
    for words in ("Research use only, not for diagnosis", "1 in 20 normal slices", "Boxes in &lt;noise&gt;.",
                  "1 accepted, 1 rejected", "synthetic 1", "3D Slicer", "data:image/png;base64,", "accepted",
                  "Case/1: \u00e4"):
        assert words in text, words
    assert text.count("&#9632;") == 3 and text.count("Outlined:") == 1, "a legend of bands, one of pictures"
    assert "SUM(A1)" not in text and "1 with other decisions" in text, "the rejected one is not listed unless asked"
    assert "SUM(A1)" in exportReport(decided, tmp_path, CARD, export.EVERYTHING)[0].read_text(encoding="utf-8")
    assert "Boxes" not in exportReport(decided, tmp_path, {**CARD, "version": "2"})[0].read_text(encoding="utf-8")
    assert pdf.read_bytes()[:5] == b"%PDF-"


def test_report_is_one_page_with_pictures(decided: Result, workplace: Any, tmp_path: Path) -> None:
    """By pdftoppm, at its longest: every row, note and notice."""
    import shutil

    picture = pytest.importorskip("PIL.Image")
    if shutil.which("pdftoppm") is None:
        pytest.skip("needs pdftoppm (poppler-utils)")
    table = decided.get("findings")
    rows = tables.readFindings(table)
    many = [dict(rows[n % 3], rank=n + 1, note="A long note on this finding. " * 8) for n in range(40)]
    tables.writeTable(table, [each for each in tables.FINDING_COLUMNS if each[0] in rows[0]], many)
    _html, pdf = exportReport(decided, tmp_path, CARD, export.EVERYTHING)
    page, = pages(pdf, tmp_path)
    pixels = np.asarray(picture.open(page).convert("RGB")).astype(int)
    cyan = (pixels[..., 0] < 120) & (pixels[..., 1] > 150) & (pixels[..., 2] > 180)
    assert cyan.sum() > 30, "the outlines of the key images"
    assert (pixels.min(axis=2) < 100).mean() > 0.02, "text and pictures"


def tiles(text: str) -> List[np.ndarray]:
    """Of the key images, (H, W, 3): the plain and the outlined one of each finding."""
    import base64
    import io
    import re

    image = pytest.importorskip("PIL.Image")
    pairs = [np.asarray(image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
             for data in re.findall("width='(?:230|437)' src='data:image/png;base64,([^']*)'", text)]
    return [pair[:, :pair.shape[1] // 2 - 2] for pair in pairs] + [pair[:, pair.shape[1] // 2 + 2:] for pair in pairs]


def painted(tile: np.ndarray, color: Any) -> np.ndarray:
    return (tile == color).all(axis=2)


def test_key_images_outline_the_finding_itself(decided: Result, workplace: Any, tmp_path: Path) -> None:
    """The segment, which a model may draw wider than the threshold of the map; others in the slice in another color."""
    from SPMambaPanel.export import keyimages

    def outlined() -> Any:
        text = exportReport(decided, tmp_path, CARD, export.EVERYTHING)[0].read_text(encoding="utf-8")
        first = tiles(text)[3]
        return painted(first, keyimages.OUTLINE).sum(), painted(first, keyimages.OTHER_OUTLINE).sum()

    workplace.review.setRate(0.05)  # the bands of this map
    own, others = outlined()
    assert own > 100 and others > 20, "HIGH, and MIDDLE in the same slice"
    slicer.util.arrayFromVolume(decided.map)[HIGH] = 0.0
    assert outlined() == (own, others), "the map's threshold has no say"
    grown = np.zeros(selftest.SHAPE, dtype=np.uint8)
    grown[3:7, 3:13, 2:16] = 1  # two voxels wider
    slicer.util.updateSegmentBinaryLabelmapFromArray(grown, decided.segmentation, "Anomaly_1", decided.map)
    assert outlined()[0] > 1.2 * own, "negative control"
    decided.segmentation.GetSegmentation().RemoveSegment("Anomaly_1")
    assert outlined()[0] < 0.5 * own, "strokes alone"


def test_key_images_say_where_right_is(host: Any, decided: Result, tmp_path: Path) -> None:
    """Letters on the plain tile, unless it is a film, which has no place in a patient."""
    from SPMambaPanel.export.keyimages import KeyImages, _directions

    text = exportReport(decided, tmp_path, CARD)[0].read_text(encoding="utf-8")
    white = painted(tiles(text)[0], (255, 255, 255))
    edge = white[white.shape[0] // 2 - 10:white.shape[0] // 2 + 10, 6:18]
    assert 0.3 < edge.mean() < 0.9
    axial, coronal = np.eye(4), np.eye(4)
    axial[:3, :2] = [[-1, 0], [0, -1], [0, 0]]  # columns to the left, rows to the back
    coronal[:3, :2] = [[-1, 0], [0, 0], [0, -1]]
    assert (_directions(axial), _directions(coronal), _directions(np.eye(4))) == ("RA", "RS", "LP")
    assert KeyImages(decided)._letters == "RA"


def test_decided_findings_come_first(decided: Result, tmp_path: Path) -> None:
    """However many others a page cannot hold; a note is read in full, below its finding."""
    table = decided.get("findings")
    rows = tables.readFindings(table)
    note = "A note on this finding, " * 8
    many = [dict(rows[2], rank=n + 1, decision="accepted" if n == 35 else "") for n in range(40)]
    many[35]["note"] = note.strip()
    tables.writeTable(table, [each for each in tables.FINDING_COLUMNS if each[0] in rows[0]], many)
    text = exportReport(decided, tmp_path, CARD)[0].read_text(encoding="utf-8")
    assert text.index(">36</td>") < text.index(">1</td>") and note.strip() in text and "0 of them accepted" in text
    assert "<p class='warning'>" not in text[text.index(">Findings</p>"):]
    tables.writeTable(table, [each for each in tables.FINDING_COLUMNS if each[0] in rows[0]],
                      [dict(row, decision="accepted") for row in many])
    text = exportReport(decided, tmp_path, CARD)[0].read_text(encoding="utf-8")
    assert "<p class='warning'>" in text[text.index(">Findings</p>"):], "accepted ones are not on the page"


def test_report_without_findings_says_whether_it_was_reviewed(decided: Result, tmp_path: Path) -> None:
    table = decided.get("findings")
    columns = [each for each in tables.FINDING_COLUMNS if each[0] in tables.readFindings(table)[0]]
    tables.writeTable(table, columns, [])
    text = exportReport(decided, tmp_path, CARD)[0].read_text(encoding="utf-8")
    assert "none; not marked as reviewed" in text and "may be abnormal all the same" in text
    assert "the highest of the map" in text and text.count("data:image/png") == 1
    decided.reviewed = True
    assert "none; marked as reviewed" in exportReport(decided, tmp_path, CARD)[0].read_text(encoding="utf-8")


def test_a_volume_without_findings_still_has_table_and_report(ui: Any, workplace: Any, decided: Result,
                                                               tmp_path: Path) -> None:
    slicer.util.arrayFromVolume(decided.map)[:] = 0.0
    workplace.review.refresh()
    files = workplace.exports.exportTo(tmp_path, [export.LABEL_MAP, export.TABLE, "report"])
    assert sorted(path.suffix for path in files) == [".csv", ".html", ".pdf"]
    assert not workplace.exports.exportTo(tmp_path, [export.LABEL_MAP]) and "no segment" in ui.statusLabel.text


def test_a_warning_of_the_detection_stands_out(decided: Result, tmp_path: Path) -> None:
    assert "class='warning'>Not to be trusted" not in exportReport(decided, tmp_path, CARD)[0].read_text("utf-8")
    decided.summary = {**decided.summary, "notices": [{"code": "x", "message": "Not to be trusted."}]}
    assert "class='warning'>Not to be trusted" in exportReport(decided, tmp_path, CARD)[0].read_text("utf-8")


def test_report_of_a_result_whose_volume_is_gone(decided: Result, tmp_path: Path) -> None:
    slicer.mrmlScene.RemoveNode(decided.input)
    html, _pdf = exportReport(decided, tmp_path, {})
    assert "data:image" not in html.read_text(encoding="utf-8")


def test_what_cannot_be_exported(ui: Any, workplace: Any, decided: Result, tmp_path: Path) -> None:
    workplace.review.showFinding(0)
    workplace.review.decide("unsure")
    ui.exportChoiceSelector.setCurrentIndex(ui.exportChoiceSelector.findData(export.ACCEPTED_ONLY))
    assert workplace.exports.exportTo(tmp_path, [export.SEGMENTATION]) == [] and "no segment" in ui.statusLabel.text
    assert workplace.exports.exportTo(tmp_path / "missing", [export.TABLE]) == []
    assert "could not be written" in ui.statusLabel.text and not list(tmp_path.iterdir())
    assert workplace.exports.acceptedSegmentation() is None and "No finding is accepted" in ui.statusLabel.text
    ui.exportChoiceSelector.setCurrentIndex(0)


def test_table_and_report_say_that_nothing_fits(ui: Any, workplace: Any, decided: Result, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    asked: List[List[str]] = []
    exportSegments = export.exportSegments
    monkeypatch.setattr(export, "exportSegments", lambda *given: asked.append(given[2]) or exportSegments(*given))
    workplace.review.showFinding(0)
    workplace.review.decide("unsure")
    ui.exportChoiceSelector.setCurrentIndex(ui.exportChoiceSelector.findData(export.ACCEPTED_ONLY))
    formats = [export.SEGMENTATION, export.TABLE, "report"]
    files = workplace.exports.exportTo(tmp_path, formats)
    assert {path.suffix for path in files} == {".csv", ".html", ".pdf"} and asked == [[export.TABLE]]
    ui.exportChoiceSelector.setCurrentIndex(ui.exportChoiceSelector.findData(export.EVERYTHING))
    assert len(workplace.exports.exportTo(tmp_path, formats)) == 4 and asked[1:] == [formats[:2]]
    ui.exportChoiceSelector.setCurrentIndex(0)


def test_accepted_findings_go_to_the_editor(ui: Any, workplace: Any, decided: Result) -> None:
    ui.editButton.click()
    node, = (node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if "accepted" in node.GetName())
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 1 and segmentation.GetNthSegment(0).GetName() == "Anomaly 1"
    array = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentation.GetNthSegmentID(0), decided.map)
    assert np.array_equal(array > 0, truth((1, HIGH)) > 0)
    array = slicer.util.arrayFromSegmentBinaryLabelmap(decided.segmentation, "Anomaly_1", decided.map)
    assert np.array_equal(array > 0, truth((1, HIGH)) > 0), "the result's own is another"


def test_segments_that_the_reader_drew_are_exported(decided: Result, tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    name = decided.segmentation.GetSegmentation().AddEmptySegment("mine", "mine")
    drawn = np.zeros(selftest.SHAPE, dtype=np.uint8)
    drawn[0, 0, :5] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, decided.segmentation, name, decided.map)
    path, = export.exportSegments(decided, tmp_path, [export.LABEL_MAP])
    values = np.asarray(nibabel.load(str(path)).dataobj).T
    assert (values[0, 0, :5] == 4).all() and (values[HIGH] == 1).all()
