"""The data room: every source is read, and everything that is wrong with it is said at once."""
from __future__ import annotations

import json
import shutil

import dicom_files
import numpy as np
import pytest
import SimpleITK as sitk
import tiny
import torch
from pictures import noise, picture, table

from SPMambaLib.data.examine import examine
from SPMambaLib.data.reading import read_data
from SPMambaLib.data.samples import Sample, chosen
from SPMambaLib.data.stacks import slices_of
from SPMambaLib.errors import DataError, UnreadableFileError, UsageError
from SPMambaLib.io.image import read_image, write_image
from SPMambaLib.preprocessing.prepare import Preprocessing
from SPMambaLib.training.data import load_slices

SMALL = Preprocessing(size=32)


# -- choosing ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("select, expected", [
    ("a/*", ["a/1.png", "a/2.png"]), (["a/*", "b/1.*"], ["a/1.png", "a/2.png", "b/1.png"]),
    (["!*/2.png"], ["a/1.png", "b/1.png"]), (["a/*", "!*2*"], ["a/1.png"]), ((), ["a/1.png", "a/2.png", "b/1.png"])])
def test_patterns_choose_and_exclude(select, expected):
    names = ["a/1.png", "a/2.png", "b/1.png"]
    if not select:
        assert all(chosen(name, select) for name in names)
    else:
        assert [name for name in names if chosen(name, select)] == expected


@pytest.mark.parametrize("label, abnormal", [("normal", False), ("NORMAL", False), (" Good", False), ("lesion", True),
                                             ("No Finding", False), ("PNEUMONIA", True)])
def test_what_is_not_called_normal_is_abnormal(label, abnormal):
    assert Sample(tiny.Path("x"), label, "p").abnormal is abnormal


# -- sources -----------------------------------------------------------------------------------------------------------

def test_a_manifest_with_all_its_columns(tmp_path):
    rows = [{"path": "t/1.png", "label": "lesion", "patient": "p1", "mask_path": "m/1.png", "split": "test",
             "fold": "public", "note": "FLAIR; slice 3/5; more"}, {"path": "t/2.png", "label": "normal"}]
    first, second = read_data(manifest=table(tmp_path / "m.csv", rows)).samples
    assert first == Sample(tmp_path / "t/1.png", "lesion", "p1", 0.5, tmp_path / "m/1.png", "test", "public",
                           name="t/1.png")
    assert (second.patient, second.slice_height, second.mask_path, second.split) == ("2", None, None, "")


def test_a_folder_of_normals_names_its_patients(tmp_path):
    for name in ("anna/day1/a.png", "anna/b.png", "carl.png", ".hidden/x.png", "notes.txt"):
        picture(tmp_path / name, noise(1)) if name.endswith("png") else (tmp_path / name).write_text("x")
    (tmp_path / "eve").mkdir()
    write_image(tmp_path / "eve" / "v.nii.gz", noise(2, (4, 20, 20)), np.eye(4))
    write_image(tmp_path / "dora.nii.gz", noise(3, (4, 20, 20)), np.eye(4))
    data = read_data(folder=tmp_path)
    assert data.normals_only and data.kind == "folder of normals"
    assert {s.name: s.patient for s in data.samples} == {
        "anna/b.png": "anna", "anna/day1/a.png": "anna", "carl.png": "carl", "dora.nii.gz": "dora",
        "eve/v.nii.gz": "eve"}
    assert all(not s.abnormal for s in data.samples)
    assert [s.name for s in read_data(folder=tmp_path, select=["*.png", "!carl*"]).samples] == [
        "anna/b.png", "anna/day1/a.png"]


def test_a_dicom_series_is_one_sample(tmp_path):
    (tmp_path / "eve").mkdir()
    positions = np.array([[0.0, 0.0, 2.0 * n] for n in range(5)])
    dicom_files.write_series(tmp_path / "eve" / "series", noise(1, (5, 20, 20)), positions)
    (sample,) = read_data(folder=tmp_path).samples
    assert sample.path == tmp_path / "eve" / "series" and sample.patient == "eve"
    assert read_image(sample.path).kind == "volume"


def test_series_of_one_patient_in_a_flat_folder_are_one_patients(tmp_path):
    """Two series of 22 slices were 44 patients once."""
    positions = np.array([[0.0, 0.0, 2.0 * n] for n in range(6)])
    for number in (1, 2):
        dicom_files.write_series(tmp_path, noise(number, (6, 20, 20)), positions, series="1.2.{}".format(number),
                                 SeriesNumber=number)
    samples = read_data(folder=tmp_path).samples
    assert [(s.path, s.series) for s in samples] == [(tmp_path, "1.2.1"), (tmp_path, "1.2.2")]
    assert len({s.patient for s in samples}) == 1 and "SECRET" not in samples[0].patient.upper()
    assert len({s.name for s in samples}) == 2
    assert examine(samples, classes=("normal",)).problems == [], "two series are not copies of one another"
    assert [read_image(s.path, series=s.series).facts["dicom_series_uid"] for s in samples] == ["1.2.1", "1.2.2"]


@pytest.mark.parametrize("ids, patients", [(("A", "A", "B"), 2), (("A", "A", "A"), 3), (("", "", ""), 3)])
def test_what_files_say_of_their_patient_counts_for_more_than_folders(tmp_path, ids, patients):
    positions = np.array([[0.0, 0.0, 2.0 * n] for n in range(5)])
    for n, patient in enumerate(ids):
        (tmp_path / "f{}".format(n)).mkdir()
        dicom_files.write_series(tmp_path / "f{}".format(n) / "s", noise(n, (5, 20, 20)), positions,
                                 series="1.2.{}".format(n), PatientID=patient, PatientName="")
    assert len({s.patient for s in read_data(folder=tmp_path).samples}) == patients


@pytest.mark.parametrize("train, test, normal, pneumonia", [("train", "test", "NORMAL", "PNEUMONIA"),
                                                            ("Train", "TEST", "normal", "Pneumonia")])
def test_zhanglab(tmp_path, train, test, normal, pneumonia):
    names = ("{}/{}/IM-0115-0001.jpeg".format(train, normal), "{}/{}/NORMAL2-IM-1427-0001.jpeg".format(test, normal),
             "{}/{}/person54_virus_109.jpeg".format(test, pneumonia), "{}/{}/person1_virus_6.jpeg".format(train,
                                                                                                         pneumonia))
    for n, name in enumerate(names):
        picture(tmp_path / name, noise(n))
    data = read_data(folder=tmp_path)
    assert data.kind == "ZhangLab"
    assert [(s.name, s.patient, s.split, s.abnormal) for s in data.samples] == [
        (names[0], "IM-0115", "train", False), (names[1], "NORMAL2-IM-1427", "test", False),
        (names[2], "person54", "test", True)]
    assert [s.split for s in data.for_evaluation()] == ["test", "test"]


@pytest.mark.parametrize("kept", ["CheXpert-v1.0-small", "renamed"])
def test_chexpert(tmp_path, kept):
    folder = tmp_path / kept
    rows = [("train", 1, "1.0"), ("train", 2, ""), ("valid", 3, "0.0"), ("valid", 4, "1.0")]
    for split in ("train", "valid"):
        names = [{"Path": "CheXpert-v1.0-small/{}/patient{:05d}/study1/view1_frontal.jpg".format(split, n),
                  "Sex": "Female", "No Finding": value} for s, n, value in rows if s == split]
        for row in names:
            picture(folder / row["Path"].split("/", 1)[1], noise(len(row["Path"])))
        table(folder / "{}.csv".format(split), names)
    data = read_data(folder=folder)
    assert data.kind == "CheXpert" and all(s.path.is_file() for s in data.samples)
    assert [(s.patient, s.split, s.abnormal) for s in data.samples] == [
        ("patient00001", "train", False), ("patient00002", "train", True), ("patient00003", "valid", True),
        ("patient00004", "valid", False)]
    assert [s.patient for s in data.for_evaluation()] == ["patient00003", "patient00004"]


def test_uni_medical(tmp_path):
    def row(name, anomaly):
        return {"img_path": name, "mask_path": name.replace("/test/", "/mask/") if anomaly else "",
                "cls_name": "brain", "anomaly": anomaly}

    meta = {"train": {"brain": [row("brain/train/good/00001_60.png", 0)]},
            "test": {"brain": [row("brain/test/good/00002_61.png", 0), row("brain/test/Ungood/00003_70.png", 1)]}}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    data = read_data(folder=tmp_path)
    assert data.kind == "Uni-Medical"
    assert [(s.patient, s.split, s.abnormal, s.fold) for s in data.samples] == [
        ("brain/00001", "train", False, "brain"), ("brain/00002", "test", False, "brain"),
        ("brain/00003", "test", True, "brain")]
    assert data.samples[2].mask_path == tmp_path / "brain/mask/Ungood/00003_70.png"
    assert data.samples[1].mask_path is None and len(data.for_evaluation()) == 2
    (tmp_path / "meta.json").write_text('{"train": [1]}')
    with pytest.raises(UnreadableFileError, match="Uni-Medical"):
        read_data(folder=tmp_path)


@pytest.mark.parametrize("source, error", [
    ({}, UsageError), ({"manifest": tiny.Path("none.csv")}, UnreadableFileError),
    ({"folder": tiny.Path("none")}, UnreadableFileError)])
def test_a_source_is_needed(source, error):
    with pytest.raises(error):
        read_data(**source)


def test_nothing_chosen_is_said(tmp_path):
    manifest = table(tmp_path / "m.csv", [{"path": "a.png", "label": "normal"}])
    with pytest.raises(UsageError, match="matches 'b"):
        read_data(manifest=manifest, select="b*")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="was found"):
        read_data(folder=tmp_path / "empty")


# -- volumes -----------------------------------------------------------------------------------------------------------

def test_a_volume_becomes_slices_with_levels(tmp_path):
    image = tiny.brain_image(3)
    turned = np.ascontiguousarray(image.voxels[::-1])  # stored from the top down
    geometry = image.ijk_to_ras.copy()
    geometry[:3, 3] = (geometry @ [0, 0, tiny.SLICES - 1, 1])[:3]
    geometry[:3, 2] *= -1
    write_image(tmp_path / "up.nii.gz", image.voxels, image.ijk_to_ras)
    write_image(tmp_path / "down.nii.gz", turned, geometry)
    preprocessing = tiny.TINY_RECIPES["tiny-brain"].preprocessing
    up, pixels, masks = slices_of(Sample(tmp_path / "up.nii.gz", "normal", "p"), preprocessing, "axial")
    down, same, _ = slices_of(Sample(tmp_path / "down.nii.gz", "normal", "p"), preprocessing, "axial")
    assert [s.slice_index for s in up] == list(range(tiny.SLICES)) == [s.slice_index for s in down][::-1]
    assert (
        [s.slice_height for s in up] == pytest.approx(np.linspace(0, 1, tiny.SLICES)) == [s.slice_height for s in down]
    )
    assert {s.patient for s in up} == {"p"} and torch.allclose(pixels, same, atol=1e-5)
    assert pixels.shape[0] == masks.shape[0] == tiny.SLICES


def test_pictures_and_volumes_side_by_side(tmp_path):
    image = tiny.brain_image(4)
    write_image(tmp_path / "v.nii.gz", image.voxels, image.ijk_to_ras)
    picture(tmp_path / "s.png", tiny.head(0.5, 2))
    samples = [Sample(tmp_path / "s.png", "normal", "a", 0.5), Sample(tmp_path / "v.nii.gz", "normal", "b")]
    slices, pixels, _ = load_slices(samples, tiny.TINY_RECIPES["tiny-brain"].preprocessing, "axial")
    assert len(slices) == len(pixels) == 1 + tiny.SLICES
    assert [s.patient for s in slices] == ["a"] + ["b"] * tiny.SLICES and slices[0].slice_index is None


# -- examination -------------------------------------------------------------------------------------------------------

@pytest.fixture
def sound(tmp_path):
    """Four good rows, two of them with masks, of four patients."""
    rows = []
    for n in range(4):
        picture(tmp_path / "{}.png".format(n), noise(n))
        rows.append({"path": "{}.png".format(n), "label": "lesion" if n % 2 else "normal", "patient": "p{}".format(n),
                     "mask_path": "m{}.png".format(n) if n % 2 else "", "split": "test"})
        if n % 2:
            picture(tmp_path / "m{}.png".format(n), 255 * (noise(n) > 250))
    return rows


def examined(folder, rows, **options):
    return examine(read_data(manifest=table(folder / "m.csv", rows)).samples, **options)


def test_sound_images_have_no_problem(tmp_path, sound):
    found = examined(tmp_path, sound)
    assert not found.problems and len(found.sound) == 4
    found.require()


def missing(folder, rows):
    (folder / "2.png").unlink()


def broken(folder, rows):
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])


def colour(folder, rows):
    pixels = noise(9, (32, 32, 3)).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(pixels, isVector=True), str(folder / "2.png"))


def empty(folder, rows):
    rows[:] = [row for row in rows if row["label"] == "normal"]


def leak(folder, rows):
    rows[0].update(split="train", patient="p1")


def twice(folder, rows):
    shutil.copy(folder / "0.png", folder / "2.png")


def across(folder, rows):
    twice(folder, rows)
    rows[0]["split"] = "train"


def conflict(folder, rows):
    shutil.copy(folder / "0.png", folder / "1.png")


def mask_size(folder, rows):
    picture(folder / "m1.png", noise(1, (16, 32)))


def mask_missing(folder, rows):
    (folder / "m3.png").unlink()


def mask_broken(folder, rows):
    (folder / "m3.png").write_text("no picture")


def unlabelled(folder, rows):
    rows[2]["label"] = " "


@pytest.mark.parametrize("spoil, code, sentence", [
    (missing, "file-missing", "2.png does not exist"), (broken, "image-unreadable", "2.png cannot be used"),
    (colour, "image-unreadable", "only grey images"), (empty, "empty-class", "no abnormal image among the 2"),
    (leak, "patient-leak", r"p1 has images in more than one split \(test, train\)"),
    (twice, "duplicate-image", "0.png and 2.png are the same file"),
    (across, "duplicate-across-splits", "0.png and 2.png are the same file in more than one split"),
    (conflict, "label-conflict", "once normal and once abnormal"),
    (mask_size, "mask-size", r"of 1.png is of another size \(32 x 16\) than the image \(32 x 32\)"),
    (mask_missing, "mask-missing", "m3.png of 3.png does not exist"),
    (mask_broken, "mask-unreadable", "mask of 3.png cannot be used"), (unlabelled, "label-missing", "2.png is normal")])
def test_each_problem_is_caught_with_its_sentence(tmp_path, sound, spoil, code, sentence):
    spoil(tmp_path, sound)
    found = examined(tmp_path, sound)
    assert [problem.code for problem in found.problems] == [code]
    if code == "duplicate-image":
        found.require()
        return
    with pytest.raises(DataError, match=sentence) as error:
        found.require()
    assert error.value.code == code and "1 problem" in error.value.message and error.value.exit_code == 3
    found.require(tolerated=[code])


def test_a_mask_that_lies_elsewhere_is_caught(tmp_path):
    image = tiny.brain_image(5)
    moved = image.ijk_to_ras.copy()
    moved[2, 3] += 4.0
    write_image(tmp_path / "v.nii.gz", image.voxels, image.ijk_to_ras)
    for name, geometry, codes in (("same", image.ijk_to_ras, []), ("moved", moved, ["mask-place"]),
                                  ("turned", image.ijk_to_ras @ np.diag([-1.0, 1, 1, 1]), ["mask-place"])):
        write_image(tmp_path / (name + ".nrrd"), (image.voxels > 200).astype(np.uint8), geometry)
        sample = Sample(tmp_path / "v.nii.gz", "lesion", "p", mask_path=tmp_path / (name + ".nrrd"))
        assert [problem.code for problem in examine([sample]).problems] == codes, "its other slices are normal"


def test_all_problems_are_told_at_once(tmp_path, sound):
    for n in range(10, 18):
        sound.append({"path": "{}.png".format(n), "label": "normal", "split": "test"})
    mask_size(tmp_path, sound)
    found = examined(tmp_path, sound)
    assert len(found.problems) == 9 and len(found.sound) == 3
    with pytest.raises(DataError, match="9 problems: 1 mask-size, 8 file-missing") as error:
        found.require()
    assert error.value.code == "unsound-data" and "(and 4 more)" in error.value.message
    assert "17.png" in error.value.detail and "17.png" not in error.value.message


def test_images_the_model_was_made_from_are_compared_with(tmp_path, sound):
    shutil.copy(tmp_path / "0.png", tmp_path / "train.png")
    against = [Sample(tmp_path / "train.png", "normal", "p3", name="train.png")]
    codes = sorted(problem.code for problem in examined(tmp_path, sound, against=against).problems)
    assert codes == ["duplicate-across-splits", "patient-leak"]


def test_training_wants_normals_only(tmp_path, sound):
    codes = [problem.code for problem in examined(tmp_path, sound, classes=("normal",)).problems]
    assert codes == ["abnormal-image", "abnormal-image"]


# -- real data ---------------------------------------------------------------------------------------------------------

def test_the_real_chest_films_have_the_layout_of_zhanglab(data):
    samples = read_data(folder=data / "cxr_kermany224").samples
    assert len(samples) == 1199 + 234 + 390
    known = {s.path: s.patient for s in read_data(manifest=data / "MANIFEST.csv", select="cxr_kermany224/*").samples}
    assert {s.path: s.patient for s in samples} == known


def test_the_real_slices_are_sound_and_no_patient_leaks(data):
    chosen_ones = read_data(manifest=data / "MANIFEST.csv", select=["brain_lgg_flair256/*"]).samples
    ours = [s for s in chosen_ones if s.split == "test"]
    found = examine(ours[::9], against=[s for s in chosen_ones if s.split == "train"])
    assert not found.problems and all(s.slice_height is not None for s in ours)


def test_a_real_series_is_cut_lazily(data):
    (sample,) = read_data(folder=data / "dicom" / "CTHeadAxial64").samples
    slices, pixels, _ = slices_of(sample, SMALL, "axial")
    assert len(slices) == len(pixels) > 50 and slices[0].slice_height == 0.0 and slices[-1].slice_height == 1.0
