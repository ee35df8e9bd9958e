"""Names of exported files: no volume's files are ever written over by another's, and the reader can tell them apart."""
from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Dict, List

import pytest
import slicer
from SPMambaPanel import export
from SPMambaPanel.export import folders
from SPMambaPanel.export.report import exportReport
from SPMambaPanel.scene import auditlog, tables
from SPMambaPanel.scene.origin import originOf
from SPMambaPanel.scene.result import Result
from SPMambaPanel.sections import worklist
from SPMambaPanel.selftests import selftest

FORMATS = [export.LABEL_MAP, export.TABLE, export.SURFACES, "report"]


def twin(name: str = "T2") -> Result:
    return selftest.addResult(selftest.syntheticVolume(name))


def contents(folder: Path) -> Dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_all_volumes_of_the_scene(ui: Any, workplace: Any, case: Any, tmp_path: Path) -> None:
    for name in ("Synthetic", "Synthetic", "Second"):
        twin(name)
    files = workplace.exports.exportAll(tmp_path, [export.LABEL_MAP, export.TABLE, "report"])
    folders = sorted(path.name for path in tmp_path.iterdir())
    assert folders == ["Second_anomalies", "Synthetic_anomalies-2", "Synthetic_anomalies-3"], "one was not analysed"
    assert len({path.name for path in files}) == len(files) == 12, "the files may be put together"
    assert {path.parent.name for path in files} == set(folders) and all(
        path.name.startswith(path.parent.name) for path in files)
    assert "12 files of 3 volumes" in ui.statusLabel.text
    workplace.exports.exportAll(tmp_path, [export.TABLE])
    assert sorted(path.name for path in tmp_path.iterdir()) == folders, "its own folders again"
    workplace.exports.exportAll(tmp_path / "missing", [export.TABLE])
    assert "Second" in ui.statusLabel.text and not (tmp_path / "missing").exists()


def test_volumes_of_one_name_do_not_overwrite_each_other(ui: Any, workplace: Any, case: Any, tmp_path: Path) -> None:
    """Also where only the file system takes two names for one, and after a volume has gone."""
    results = [twin(name) for name in ("T2", "T2", "t2", "T 2", "T/2")]
    written = [workplace.exports._write(each, tmp_path, FORMATS) for each in results]
    names = [path.name for files in written for path in files]
    assert len(set(map(str.casefold, names))) == len(names) == 25
    assert [files[0].name for files in written] == [
        "T2_anomalies.nii.gz", "T2_anomalies-2.nii.gz", "t2_anomalies-3.nii.gz", "T_2_anomalies.nii.gz",
        "T_2_anomalies-2.nii.gz"]
    before = contents(tmp_path)
    slicer.mrmlScene.RemoveNode(results[0].input)
    stems = [export.fileStem(each) for each in results]
    assert len(set(map(str.casefold, stems))) == len(stems)
    assert stems[1:] == [files[0].name[:-len(".nii.gz")] for files in written[1:]], "numbers stay with the volumes"
    for each in (results[1], twin("T2")):  # the second one again, and one that comes where the first one was
        workplace.exports._write(each, tmp_path, FORMATS)
    after = contents(tmp_path)
    assert all(after[name] == before[name] for name in before if not name.startswith("T2_anomalies-2")), "unharmed"
    assert len(after) == 30


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("batch", [False, True])
def test_a_volume_that_is_gone_keeps_its_files(host: Any, workplace: Any, case: Any, tmp_path: Path, closed: bool,
                                              batch: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it was deleted with its result, or in a scene of another patient: what is on the disk stays."""
    def write(result: Result) -> None:
        if batch:
            workplace.exports.exportAll(tmp_path, FORMATS)
        else:
            workplace.exports._write(result, tmp_path, FORMATS)

    first = twin()
    write(first)
    before = contents(tmp_path)
    if closed:
        host.closeScene()
    else:
        slicer.mrmlScene.RemoveNode(first.input)
        first.remove()
    second = twin()
    assert export.fileStem(second) == "T2_anomalies", "in this scene the name is free"
    write(second)
    after = contents(tmp_path)
    assert len(after) == 2 * len(before) and all(after[name] == data for name, data in before.items())
    # Negative control: who takes all files there for its own writes over them.
    monkeypatch.setattr(folders, "_ownFiles", lambda result, folder: {
        path.name: [] for path in folder.glob("*") if path.is_file()})
    write(second)
    assert any(contents(tmp_path)[name] != data for name, data in before.items())


def test_its_own_files_are_replaced_and_none_of_a_former_finding_stays(
        host: Any, ui: Any, workplace: Any, case: Any, tmp_path: Path) -> None:
    from landscape import landscape

    result = landscape(case.volume)
    workplace.update()
    (tmp_path / "Synthetic_notes.txt").write_text("mine")
    names = {path.name for path in workplace.exports.exportTo(tmp_path, [export.SURFACES, export.TABLE])}
    assert names == {"Synthetic_anomalies.csv", *("Synthetic_anomalies_{}.stl".format(n) for n in (1, 2, 3))}
    workplace.rates._set(0.5)
    host.waitFor(lambda: result.summary["false_positive_rate"] == 0.5)
    count = len(workplace.review.findings)
    assert count == 2
    (tmp_path / "Synthetic_anomalies.csv").write_text("edited")  # by somebody: not its own any more
    files = workplace.exports.exportTo(tmp_path, [export.SURFACES])
    assert {path.name for path in files} == {"Synthetic_anomalies-2_{}.stl".format(n + 1) for n in range(count)}
    assert (tmp_path / "Synthetic_anomalies.csv").read_text() == "edited"
    assert (tmp_path / "Synthetic_anomalies_3.stl").exists()
    workplace.exports.exportTo(tmp_path, [export.TABLE])
    workplace.rates._set(0.05)
    host.waitFor(lambda: result.summary["false_positive_rate"] == 0.05)
    workplace.exports.exportTo(tmp_path, [export.SURFACES])
    workplace.rates._set(0.5)
    host.waitFor(lambda: result.summary["false_positive_rate"] == 0.5)
    workplace.exports.exportTo(tmp_path, [export.SURFACES])
    assert sorted(path.name for path in tmp_path.glob("Synthetic_anomalies-2*")) == [
        "Synthetic_anomalies-2.csv", *("Synthetic_anomalies-2_{}.stl".format(n + 1) for n in range(count))]
    selftest.addResult(case.volume)  # detected again: the files are this volume's, as before
    workplace.update()
    assert workplace.exports.exportTo(tmp_path, [export.TABLE])[0].name == "Synthetic_anomalies-2.csv"


def test_a_failed_export_leaves_the_former_one(workplace: Any, case: Any, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.export import findingstable

    result = twin()
    workplace.exports._write(result, tmp_path, [export.LABEL_MAP, export.TABLE])
    before = contents(tmp_path)
    result.decisions = result.decisions

    def fail(*given: Any) -> List[Path]:
        raise OSError("disk full")

    monkeypatch.setattr(findingstable, "writeTable", fail)
    with pytest.raises(Exception, match="could not be written"):
        workplace.exports._write(result, tmp_path, [export.LABEL_MAP, export.TABLE])
    assert contents(tmp_path) == before


def test_patient_and_study_are_told_but_name_no_file(ui: Any, workplace: Any, case: Any, tmp_path: Path) -> None:
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    results = []
    for patient in ("Doe", "Roe & <Son>"):
        volume = selftest.syntheticVolume("T2")
        subject = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), patient)
        folder = hierarchy.CreateFolderItem(hierarchy.CreateStudyItem(subject, "MR 2026"), "Folder")
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume) or hierarchy.CreateItem(folder, volume), folder)
        results.append(selftest.addResult(volume))
    assert [originOf(each.input) for each in results] == ["Doe, MR 2026", "Roe & <Son>, MR 2026"]
    assert originOf(case.volume) == ""
    stored = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    stored.SetFileName("/data/case-17/T2.nii.gz")
    case.volume.SetAndObserveStorageNodeID(stored.GetID())
    assert originOf(case.volume) == "case-17/T2.nii.gz"
    assert column(workplace, ui) == ["case-17/T2.nii.gz", "Doe, MR 2026", "Roe & <Son>, MR 2026"]
    texts = [exportReport(each, tmp_path, {})[0].read_text(encoding="utf-8") for each in results]
    assert "Doe, MR 2026" in texts[0] and "Roe" not in texts[0] and "Roe &amp; &lt;Son&gt;, MR 2026" in texts[1]
    workplace.exports.exportAll(tmp_path, list(export.FORMATS) + ["report"])
    names = [path.name for path in tmp_path.rglob("*")]
    assert len(names) > 12 and not any(patient in name for name in names for patient in ("Doe", "Roe", "MR"))


def column(workplace: Any, ui: Any) -> List[str]:
    """"From"."""
    workplace.worklist.refresh()
    table = ui.worklistTable
    return [table.item(line, 2).text() for line in range(table.rowCount)]


class FakeDatabase:
    """What Slicer's DICOM database says of an instance, whose ID is the series number here."""

    isOpen = True

    def instanceValue(self, instance: str, tag: str) -> str:
        return instance if tag == "0020,0011" else ""


@pytest.mark.parametrize("known", [True, False])
def test_two_series_of_one_study_are_told_apart(ui: Any, workplace: Any, case: Any, tmp_path: Path, known: bool,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    """By their series number, or where the scene does not know it by one that stays."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    study = hierarchy.CreateStudyItem(hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Doe"), "MR 2026")
    monkeypatch.setattr(slicer, "dicomDatabase", FakeDatabase(), raising=False)
    results = []
    for number in ("3", "5"):
        volume = selftest.syntheticVolume("FLAIR")
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume) or hierarchy.CreateItem(study, volume), study)
        if known:
            volume.SetAttribute("DICOM.instanceUIDs", number)
        results.append(selftest.addResult(volume))
    expected = ["Doe, MR 2026, " + text for text in (("series 3", "series 5") if known else ("no. 1", "no. 2"))]
    assert column(workplace, ui)[1:] == expected
    files = [workplace.exports._write(each, tmp_path, [export.TABLE, "report"]) for each in results]
    texts = [paths[1].read_text(encoding="utf-8") for paths in files]
    assert [[text in page for text in expected] for page in texts] == [[True, False], [False, True]]
    rows = [list(csv.DictReader(paths[0].open(encoding="utf-8")))[0] for paths in files]
    assert [(row["volume"], row["volume_number"], row["series"]) for row in rows] == [
        ("FLAIR", "1", "3" if known else ""), ("FLAIR", "2", "5" if known else "")]
    slicer.mrmlScene.RemoveNode(results[0].input)
    results[0].remove()
    assert export.fileStem(results[1]) == "FLAIR_anomalies-2", "as before"
    assert len(worklist.volumes()) == 2 and tables.readFindings(results[1].get("findings"))


def test_the_log_of_another_scene_stays(host: Any, workplace: Any, case: Any, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    auditlog.appendDetection(twin(), 1)
    assert workplace.exports.exportLog(path) == [path]
    auditlog.appendDetection(twin(), 2)
    assert workplace.exports.exportLog(path) == [path], "the same log, which has grown"
    before = path.read_text()
    host.closeScene()
    auditlog.appendDetection(twin(), 7)
    assert workplace.exports.exportLog(path) == [tmp_path / "log-2.jsonl"] and path.read_text() == before
