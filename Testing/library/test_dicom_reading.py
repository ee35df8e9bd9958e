"""DICOM files and series: the right slices, in the right order, where they were measured."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import CR, CT, ENHANCED_MR, SEGMENTATION, frames_in_space, write_dicom, write_series
from geometries import SHEAR, rotation
from image_references import LPS_TO_RAS, itk_geometry, volume

from SPMambaLib.errors import UnsupportedImageError, UsageError
from SPMambaLib.io.image import read_image

TURNED = rotation(6, 20)
ORIENTATION = (*TURNED[:, 0], *TURNED[:, 1])


def positions(count, step=3.0, origin=(10.0, -20.0, 30.0)):
    """LPS positions along the normal of the turned slices."""
    return np.outer(np.arange(count) * step, TURNED[:, 2]) + origin


def test_a_series_is_sorted_by_position(tmp_path):
    voxels = volume((18, 20, 24))
    places = positions(18)
    order = np.random.default_rng(1).permutation(18)
    image = read_image(write_series(tmp_path / "s", voxels, places, ORIENTATION, order=order, EchoTime=90.0,
                                    SeriesDescription="T2 FLAIR", RepetitionTime=9000.0, InversionTime=2500.0))
    expected = np.eye(4)
    expected[:3, :3] = TURNED * [0.25, 0.5, 3.0]  # PixelSpacing is (between rows, between columns)
    expected[:3, 3] = places[0]
    assert np.array_equal(image.voxels, voxels) and image.notices == []
    assert np.abs(image.ijk_to_ras - LPS_TO_RAS @ expected).max() < 1e-6
    assert [image.facts[n] for n in ("format", "modality", "description")] == ["DICOM", "MR", "T2 FLAIR"]
    assert [image.facts[n] for n in ("echo_time", "repetition_time", "inversion_time")] == [90.0, 9000.0, 2500.0]


def test_a_tilted_gantry_gives_a_sheared_volume(tmp_path):
    """Each voxel must lie where its slice was measured; ITK's straight volume would be off by centimetres."""
    places = np.outer(np.arange(18) * 5.0, SHEAR[:, 2]) + (10.0, -20.0, 30.0)
    image = read_image(write_series(tmp_path / "s", volume((18, 20, 24)), places, modality="CT", sop_class=CT))
    for k, place in enumerate(places):
        assert np.allclose((image.ijk_to_ras @ [0, 0, k, 1])[:3], LPS_TO_RAS[:3, :3] @ place, atol=1e-6)
    straight = sitk.ReadImage([str(p) for p in sorted((tmp_path / "s").iterdir())])
    assert np.abs(straight.TransformIndexToPhysicalPoint((0, 0, 17)) - places[17]).max() > 10.0, "negative control"


def test_a_missing_slice_is_noticed(tmp_path):
    places = np.delete(positions(18), 9, axis=0)
    image = read_image(write_series(tmp_path / "s", volume((17, 20, 24)), places, ORIENTATION))
    assert [n.code for n in image.notices] == ["unequal-slices"] and "mm" in image.notices[0].message
    rounded = np.round(positions(18), 2)
    assert read_image(write_series(tmp_path / "r", volume((18, 20, 24)), rounded, ORIENTATION)).notices == []


def test_several_series_in_one_folder(tmp_path):
    folder = tmp_path / "study"
    write_series(folder, volume((18, 20, 24)), positions(18), ORIENTATION, series="1.2.1", SeriesNumber=4,
                 SeriesDescription="FLAIR")
    write_series(folder, volume((5, 20, 24)), positions(5), ORIENTATION, series="1.2.2", SeriesNumber=7,
                 SeriesDescription="localizer")
    write_dicom(folder / "seg.dcm", volume((40, 20, 24)), sop_class=SEGMENTATION, modality="SEG", series="1.2.9")
    (folder / "readme.txt").write_text("no image")
    largest = read_image(folder)
    assert len(largest.voxels) == 18 and [n.code for n in largest.notices] == ["several-series", "other-objects"]
    assert "localizer" in largest.notices[0].message and "SEG" not in largest.notices[0].message
    assert "seg.dcm" in largest.notices[1].message and "readme.txt" in largest.notices[1].message
    for chosen in ("1.2.2", "7", "localizer"):
        image = read_image(folder, series=chosen)
        assert len(image.voxels) == 5 and [n.code for n in image.notices] == ["other-objects"]
        assert image.facts["dicom_series_uid"] == "1.2.2"
    with pytest.raises(UsageError, match="FLAIR.*localizer"):
        read_image(folder, series="T1")


def test_views_of_one_series_are_kept_apart(tmp_path):
    """Localizers hold three views under one series: never one stack."""
    write_series(tmp_path / "s", volume((6, 20, 24)), positions(6), ORIENTATION, order=[3, 0, 5, 1, 4, 2])
    for n in range(3):
        write_dicom(tmp_path / "s" / "view{}.dcm".format(n), volume((20, 24)), PixelSpacing=[0.5, 0.25],
                    ImagePositionPatient=list(positions(6)[n]), ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    image = read_image(tmp_path / "s")
    assert np.array_equal(image.voxels, volume((6, 20, 24))) and [n.code for n in image.notices] == ["several-series"]


def test_nothing_tells_who_the_patient_is(tmp_path):
    image = read_image(write_series(tmp_path / "s", volume((18, 20, 24)), positions(18), ORIENTATION))
    text = repr({**image.facts, "path": ""}).upper()
    assert "SECRET" not in text and "19011111" not in text and "MR" in text


def test_text_in_other_alphabets(tmp_path):
    path = write_dicom(tmp_path / "s.dcm", volume((20, 24)), SpecificCharacterSet="ISO_IR 100",
                       SeriesDescription="Sch\u00e4del T2")
    read_image(path).facts["description"].encode("utf-8")


def test_bright_means_dense_on_every_radiograph(tmp_path):
    pixels = volume((40, 48), "uint16") + 100
    bright = read_image(write_dicom(tmp_path / "2.dcm", pixels, sop_class=CR, modality="CR"))
    dark = read_image(write_dicom(tmp_path / "1.dcm", pixels, sop_class=CR, modality="CR", BodyPartExamined="CHEST",
                                  PhotometricInterpretation="MONOCHROME1", ImagerPixelSpacing=[0.2, 0.1]))
    assert np.array_equal(bright.voxels[0], pixels)
    assert np.array_equal(dark.voxels[0], 65535 - pixels), "inverted, and inverted once"
    assert dark.voxels.dtype == bright.voxels.dtype and dark.facts["body_part"] == "CHEST"
    assert dark.kind == bright.kind == "image"
    assert dark.facts["has_spacing"] and dark.spacing == (0.1, 0.2, 1.0)
    assert not bright.facts["has_spacing"] and np.array_equal(bright.ijk_to_ras, LPS_TO_RAS)


def test_a_zero_pixel_spacing_is_no_spacing(tmp_path):
    image = read_image(write_dicom(tmp_path / "x.dcm", volume((40, 48)), sop_class=CR, modality="CR",
                                   PixelSpacing=[0.0, 0.0], ImagerPixelSpacing=[0.15, 0.15]))
    assert image.facts["has_spacing"] and image.spacing == (0.15, 0.15, 1.0)


def test_one_slice_of_a_series(tmp_path):
    folder = write_series(tmp_path / "s", volume((3, 20, 24)), positions(3), ORIENTATION)
    path = sorted(folder.iterdir())[1]
    image = read_image(path)
    assert image.kind == "volume" and image.voxels.shape == (1, 20, 24)
    assert np.allclose(image.ijk_to_ras, itk_geometry(path)[0], atol=1e-5)
    assert np.allclose(image.ijk_to_ras[:3, 3], LPS_TO_RAS[:3, :3] @ positions(3)[1], atol=1e-6)


def test_frames_of_an_enhanced_file_are_sorted(tmp_path):
    voxels, places = volume((18, 20, 24)), positions(18)
    order = np.random.default_rng(2).permutation(18)
    path = write_dicom(tmp_path / "e.dcm", voxels[order], sop_class=ENHANCED_MR,
                       PerFrameFunctionalGroupsSequence=frames_in_space(places[order], ORIENTATION))
    image = read_image(path)
    assert np.array_equal(image.voxels, voxels)
    for k, place in enumerate(places):
        assert np.allclose((image.ijk_to_ras @ [0, 0, k, 1])[:3], LPS_TO_RAS[:3, :3] @ place, atol=1e-6)
    repeated = frames_in_space(np.repeat(places[:9], 2, axis=0), ORIENTATION)
    with pytest.raises(UnsupportedImageError) as caught:
        read_image(write_dicom(tmp_path / "t.dcm", voxels, sop_class=ENHANCED_MR,
                               PerFrameFunctionalGroupsSequence=repeated))
    assert caught.value.code == "four-dimensional"
    views = frames_in_space(places[:9], ORIENTATION) + frames_in_space(places[9:], (0, 1, 0, 0, 0, -1))
    with pytest.raises(UnsupportedImageError) as caught:
        read_image(write_dicom(tmp_path / "v.dcm", voxels, sop_class=ENHANCED_MR,
                               PerFrameFunctionalGroupsSequence=views))
    assert caught.value.code == "several-images"


def test_nothing_is_printed(tmp_path):
    """ITK's warnings about files go to the log or nowhere, not into the terminal of the user."""
    folder = write_series(tmp_path / "s", volume((17, 20, 24)), np.delete(positions(18), 5, axis=0), ORIENTATION)
    (tmp_path / "text.nrrd").write_text("these are my notes")
    code = ("from SPMambaLib import read_image\nread_image({!r})\ntry:\n    read_image({!r})\nexcept Exception "
            "as error:\n    print(type(error).__name__)").format(str(folder), str(tmp_path / "text.nrrd"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
                          cwd=Path(__file__).parents[2])
    assert (done.stdout, done.stderr) == ("UnreadableFileError\n", "")
