"""Reading and writing images: every voxel and its place in the patient, as the file says."""
from __future__ import annotations

import gzip
import os
import resource
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import CR, CT, ENHANCED_MR, SEGMENTATION, frames_in_space, write_dicom, write_series
from geometries import GEOMETRIES, SHEAR, rotation

from SPMambaLib.errors import OutputError, SPMambaError, UnsupportedImageError, UsageError
from SPMambaLib.image import Image, finite_voxels, read_image, write_image

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
suffixes = pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])


def volume(shape=(17, 19, 21), dtype="int16"):
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def itk_geometry(path):
    """ijk_to_ras as SimpleITK reads it."""
    image = sitk.ReadImage([str(p) for p in path] if isinstance(path, list) else str(path))
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return LPS_TO_RAS @ matrix, sitk.GetArrayFromImage(image)


def mrml_volume(path):
    """(ijk_to_ras, voxels) of the volume node that 3D Slicer's own storage node reads."""
    slicer = pytest.importorskip("slicer")
    vtk = pytest.importorskip("vtk")
    from vtk.util.numpy_support import vtk_to_numpy

    scene = slicer.vtkMRMLScene()
    node, storage = slicer.vtkMRMLScalarVolumeNode(), slicer.vtkMRMLVolumeArchetypeStorageNode()
    scene.AddNode(node)
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    assert storage.ReadData(node) == 1
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    data = node.GetImageData()
    voxels = vtk_to_numpy(data.GetPointData().GetScalars()).reshape(data.GetDimensions()[::-1]).copy()
    return np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)]), voxels


def assert_same_in_patient(image, ijk_to_ras, voxels, tolerance):
    """Both show the same value at each point; the axes may be stored in another order and direction."""
    turn = np.rint(np.linalg.inv(ijk_to_ras) @ image.ijk_to_ras)
    corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) \
        * [*np.array(image.voxels.shape[::-1]) - 1, 1]
    assert np.abs((image.ijk_to_ras - ijk_to_ras @ turn) @ corners.T).max() < tolerance
    other = np.abs(turn[:3, :3]).argmax(axis=0)  # which of the other's axes each of ours runs along
    assert sorted(other) == [0, 1, 2]
    signs = turn[other, [0, 1, 2]]
    ends = [0 if sign > 0 else voxels.shape[2 - axis] - 1 for axis, sign in zip(other, signs)]
    assert np.array_equal(turn[other, 3], ends)
    turned = voxels.transpose([2 - axis for axis in other[::-1]])[tuple(slice(None, None, int(s)) for s in signs[::-1])]
    assert np.array_equal(image.voxels, turned)


# -- files of volumes -----------------------------------------------------------------------------------------------


@suffixes
@pytest.mark.parametrize("name", GEOMETRIES)
def test_geometry_survives_writing_and_reading(name, suffix, tmp_path):
    ijk_to_ras, shape = GEOMETRIES[name]
    path = tmp_path / ("volume" + suffix)
    write_image(path, volume(shape), ijk_to_ras)
    image = read_image(path)
    assert np.array_equal(image.voxels, volume(shape)) and image.voxels.dtype == np.int16
    # NIfTI-1 holds single precision numbers: 6e-8 of the largest.
    tolerance = 1e-6 * np.abs(ijk_to_ras).max() if "nii" in suffix else 1e-9
    assert np.abs(image.ijk_to_ras - ijk_to_ras).max() < tolerance
    again = tmp_path / ("again" + suffix)
    write_image(again, image.voxels, image.ijk_to_ras)
    assert np.abs(read_image(again).ijk_to_ras - image.ijk_to_ras).max() < 1e-6, "what was read is kept"
    assert list(tmp_path.glob("*.part*")) == []
    assert image.kind == "volume" and image.facts["has_spacing"] and image.facts["path"] == str(path)


@suffixes
@pytest.mark.parametrize("name", [name for name in GEOMETRIES if "sheared" not in name])
def test_simpleitk_and_slicer_see_the_same(name, suffix, tmp_path):
    ijk_to_ras, shape = GEOMETRIES[name]
    path = tmp_path / ("volume" + suffix)
    write_image(path, volume(shape), ijk_to_ras)
    image = read_image(path)
    for other in (itk_geometry(path), mrml_volume(path)):
        assert_same_in_patient(image, *other, tolerance=1e-4)
    with pytest.raises(AssertionError):  # negative control: mirrored, as a forgotten LPS would do
        assert_same_in_patient(image, LPS_TO_RAS @ ijk_to_ras, volume(shape), tolerance=1e-4)
    with pytest.raises(AssertionError):
        assert_same_in_patient(image, ijk_to_ras, volume(shape)[:, ::-1], tolerance=1e-4)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_sheared_geometry_as_simpleitk_reads_it(suffix, tmp_path):
    ijk_to_ras, shape = GEOMETRIES["sheared oblique left-handed"]
    write_image(tmp_path / ("volume" + suffix), volume(shape), ijk_to_ras)
    other, voxels = itk_geometry(tmp_path / ("volume" + suffix))
    assert np.allclose(other, ijk_to_ras, atol=1e-9) and np.array_equal(voxels, volume(shape))


@suffixes
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32",
                                   "float64", "bool", "float16"])
def test_kinds_of_numbers(dtype, suffix, tmp_path):
    array = volume(dtype="float64").astype(dtype)
    write_image(tmp_path / ("volume" + suffix), array, np.eye(4))
    image = read_image(tmp_path / ("volume" + suffix))
    assert np.array_equal(image.voxels, array)
    assert image.voxels.dtype == {"bool": "uint8", "float16": "float32"}.get(dtype, dtype)
    assert image.voxels.flags.writeable


@suffixes
def test_what_slicer_writes_is_read(suffix, tmp_path):
    image = sitk.GetImageFromArray(volume(dtype="float32"))
    image.SetDirection(rotation(8, 33).ravel().tolist())
    image.SetSpacing((0.7, 0.9, 2.5))
    image.SetOrigin((12.5, -100.25, 33.0))
    path = tmp_path / ("volume" + suffix)
    sitk.WriteImage(image, str(path))
    other, voxels = itk_geometry(path)
    mine = read_image(path)
    assert np.allclose(mine.ijk_to_ras, other, atol=1e-5) and np.array_equal(mine.voxels, voxels)


def test_nrrd_in_ras(tmp_path):
    header = ("NRRD0004\ntype: short\ndimension: 3\nspace: right-anterior-superior\nsizes: 21 19 17\n"
              "space directions: (0,2,0) (1,0,0) (0,0,-3)\nspace origin: (1,2,3)\nencoding: raw\nendian: little\n\n")
    (tmp_path / "ras.nrrd").write_bytes(header.encode() + volume().tobytes())
    image = read_image(tmp_path / "ras.nrrd")
    assert np.array_equal(image.ijk_to_ras, [[0, 1, 0, 1], [2, 0, 0, 2], [0, 0, -3, 3], [0, 0, 0, 1]])


# -- NIfTI headers --------------------------------------------------------------------------------------------------


@pytest.fixture
def header(tmp_path):
    """Write a NIfTI with changed header fields [(offset, layout, values)] and read it."""
    def make(*changes, geometry="oblique anisotropic"):
        ijk_to_ras, shape = GEOMETRIES[geometry]
        write_image(tmp_path / "h.nii", volume(shape), ijk_to_ras)
        data = bytearray((tmp_path / "h.nii").read_bytes())
        for offset, layout, values in changes:
            struct.pack_into("<" + layout, data, offset, *values)
        (tmp_path / "h.nii").write_bytes(data)
        return read_image(tmp_path / "h.nii"), ijk_to_ras

    return make


CODES = 252
SFORM = 280


@pytest.mark.parametrize("geometry", [name for name in GEOMETRIES if "sheared" not in name])
def test_qform_alone_gives_the_same_geometry(header, geometry, tmp_path):
    image, ijk_to_ras = header((CODES, "2h", (1, 0)), (SFORM, "12f", (0,) * 12), geometry=geometry)
    assert np.abs(image.ijk_to_ras - ijk_to_ras).max() < 1e-6 * np.abs(ijk_to_ras).max()
    assert np.allclose(itk_geometry(tmp_path / "h.nii")[0], ijk_to_ras, atol=1e-4)


@pytest.mark.parametrize("qform_code", [0, 1, 2])
@pytest.mark.parametrize("sform_code", [0, 1, 2, 4])
@pytest.mark.parametrize("shear", [0.0, 0.5])
def test_two_geometries_in_one_file(header, qform_code, sform_code, shear, tmp_path):
    """The choice is the one that ITK makes; where ITK refuses (a sheared sform alone), the sform is right."""
    other = (0.0, -2.0, 0.0, 50.0, 1.0, shear, 0.0, 60.0, 0.0, 0.0, 3.0, 70.0)
    image, _ = header((CODES, "2h", (qform_code, sform_code)), (80, "3f", (1, 2, 3)), (SFORM, "12f", other))
    expected = np.vstack([np.reshape(other, (3, 4)), [0, 0, 0, 1]])
    try:
        expected = itk_geometry(tmp_path / "h.nii")[0]
    except RuntimeError:
        assert shear and sform_code and not qform_code
    assert np.allclose(image.ijk_to_ras, expected, atol=1e-4)
    assert any(n.code == "two-geometries" for n in image.notices) == bool(qform_code and sform_code)
    assert any(n.code == "no-orientation" for n in image.notices) == (not qform_code and not sform_code)


def test_units_are_converted_to_millimetres(header, tmp_path):
    image, ijk_to_ras = header((123, "B", (3,)))
    assert np.allclose(image.ijk_to_ras[:3], ijk_to_ras[:3] / 1000.0)
    assert np.allclose(itk_geometry(tmp_path / "h.nii")[0], image.ijk_to_ras, atol=1e-6)


@pytest.mark.parametrize("slope, intercept", [(2.5, -10.0), (1.0, 3.0), (0.0, 7.0), (np.nan, 1.0)])
def test_scaled_values(header, slope, intercept, tmp_path):
    image, _ = header((112, "2f", (slope, intercept)))
    stored = volume(GEOMETRIES["oblique anisotropic"][1])
    expected = stored * slope + intercept if slope and np.isfinite(slope) else stored
    assert np.array_equal(image.voxels, expected)


def test_big_endian_and_nifti_2(tmp_path):
    ijk_to_ras, shape = GEOMETRIES["sagittal oblique"]
    data = volume(shape)
    big = bytearray(352)
    for offset, layout, values in ((0, "i", (348,)), (40, "8h", (3, *shape[::-1], 1, 1, 1, 1)), (70, "2h", (4, 16)),
                                   (76, "4f", (1, 1, 1, 1)), (108, "3f", (352, 1, 0)), (252, "2h", (0, 1)),
                                   (280, "12f", ijk_to_ras[:3].ravel())):
        struct.pack_into(">" + layout, big, offset, *values)
    big[344:348] = b"n+1\0"
    (tmp_path / "big.nii.gz").write_bytes(gzip.compress(bytes(big) + data.astype(">i2").tobytes()))
    two = bytearray(544)
    for offset, layout, values in ((0, "i", (540,)), (12, "2h", (4, 16)), (16, "8q", (3, *shape[::-1], 1, 1, 1, 1)),
                                   (104, "4d", (1, 1, 1, 1)), (168, "q", (544,)), (176, "2d", (1, 0)),
                                   (344, "2i", (0, 1)), (400, "12d", ijk_to_ras[:3].ravel()), (500, "i", (2,))):
        struct.pack_into("<" + layout, two, offset, *values)
    two[4:12] = b"n+2\0\r\n\x1a\n"
    (tmp_path / "two.nii").write_bytes(bytes(two) + data.tobytes())
    for name, tolerance in (("big.nii.gz", 1e-5), ("two.nii", 1e-12)):
        image = read_image(tmp_path / name)
        assert np.array_equal(image.voxels, data) and image.voxels.dtype == np.int16
        assert np.abs(image.ijk_to_ras - ijk_to_ras).max() < tolerance


# -- DICOM ----------------------------------------------------------------------------------------------------------

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
    assert len(largest.voxels) == 18 and [n.code for n in largest.notices] == ["several-series"]
    assert "localizer" in largest.notices[0].message and "SEG" not in largest.notices[0].message
    for chosen in ("1.2.2", "7", "localizer"):
        image = read_image(folder, series=chosen)
        assert len(image.voxels) == 5 and image.notices == [] and image.facts["dicom_series_uid"] == "1.2.2"
    with pytest.raises(UsageError, match="FLAIR.*localizer"):
        read_image(folder, series="T1")


def test_views_of_one_series_are_kept_apart(tmp_path):
    """Localizers hold three views under one series: never one stack."""
    write_series(tmp_path / "s", volume((6, 20, 24)), positions(6), ORIENTATION, order=[3, 0, 5, 1, 4, 2])
    for n in range(3):
        write_dicom(tmp_path / "s" / "view{}.dcm".format(n), volume((20, 24)), ImagePositionPatient=list(positions(6)[n]),
                    ImageOrientationPatient=[0, 1, 0, 0, 0, -1], PixelSpacing=[0.5, 0.25])
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


# -- pictures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "jpg"])
def test_pictures(suffix, tmp_path):
    from PIL import Image as Picture

    pixels = np.add.outer(np.arange(40), 2 * np.arange(30)).astype(np.uint8)
    Picture.fromarray(pixels).save(tmp_path / ("grey." + suffix), dpi=(72, 72))
    image = read_image(tmp_path / ("grey." + suffix))
    assert image.kind == "image" and image.voxels.shape == (1, 40, 30)
    assert np.abs(image.voxels[0].astype(int) - pixels).max() <= (3 if suffix == "jpg" else 0)
    assert not image.facts["has_spacing"] and np.array_equal(image.ijk_to_ras, LPS_TO_RAS), "72 dpi is of no patient"
    assert image.plane("axial").name == "native" and np.array_equal(image.plane("axial").to_slices(image.voxels),
                                                                   image.voxels)


def test_16_bit_picture(tmp_path):
    pixels = (np.arange(1200).reshape(40, 30) * 50).astype(np.uint16)
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(tmp_path / "deep.png"))
    image = read_image(tmp_path / "deep.png")
    assert image.voxels.dtype == np.uint16 and np.array_equal(image.voxels[0], pixels)


# -- writing --------------------------------------------------------------------------------------------------------


def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for folder in (tmp_path / "nowhere", tmp_path / "file", Path("/proc")):
        for suffix in (".nrrd", ".nii.gz", ".mha"):
            with pytest.raises(OutputError) as caught:
                write_image(folder / ("map" + suffix), volume(), np.eye(4))
            assert caught.value.code == "cannot-write" and caught.value.message.endswith(".")


@suffixes
def test_a_full_disk_leaves_the_old_file(suffix, tmp_path):
    path = tmp_path / ("map" + suffix)
    write_image(path, volume((2, 19, 21)), np.eye(4))
    before = path.read_bytes()
    noise = np.random.default_rng(0).normal(size=(40, 50, 60)).astype(np.float32)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, hard))  # as if the disk ended there
    try:
        with pytest.raises(OutputError):
            write_image(path, noise, np.eye(4))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(UsageError):
        write_image(tmp_path / "map.png", volume(), np.eye(4))
    with pytest.raises(UnsupportedImageError):
        write_image(tmp_path / "map.nrrd", volume(), np.zeros((4, 4)))


def test_nothing_is_printed(tmp_path):
    """ITK's warnings about files go to the log or nowhere, not into the terminal of the user."""
    folder = write_series(tmp_path / "s", volume((17, 20, 24)), np.delete(positions(18), 5, axis=0), ORIENTATION)
    (tmp_path / "text.nrrd").write_text("these are my notes")
    code = ("from SPMambaLib.image import read_image\nread_image({!r})\ntry:\n    read_image({!r})\nexcept Exception "
            "as error:\n    print(type(error).__name__)").format(str(folder), str(tmp_path / "text.nrrd"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
                          cwd=Path(__file__).parents[2])
    assert (done.stdout, done.stderr) == ("UnreadableFileError\n", "")


# -- real files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ms_patient07/FLAIR.nii.gz", "ms_patient07/T1.nii.gz", "MNI152_2009_template.nii.gz",
                                  "ms_long_patient01/FLAIR.nii.gz", "ms_long_patient04/FLAIR.nii.gz"])
def test_real_nifti_lies_where_itk_and_slicer_show_it(data, name, tmp_path):
    path = data / "brain_volumes" / name
    image = read_image(path)
    assert_same_in_patient(image, *itk_geometry(path), tolerance=1e-4)
    assert_same_in_patient(image, *mrml_volume(path), tolerance=1e-4)
    for suffix in (".nrrd", ".nii.gz"):
        write_image(tmp_path / ("copy" + suffix), image.voxels, image.ijk_to_ras)
        copy = read_image(tmp_path / ("copy" + suffix))
        assert np.abs(copy.ijk_to_ras - image.ijk_to_ras).max() < 1e-6 and np.array_equal(copy.voxels, image.voxels)


def test_real_lesion_mask_lies_on_bright_flair(data):
    """Axial slices of image and mask, cut by the geometry: lesions are brighter than the brain around them."""
    flair, mask = (read_image(data / "brain_volumes" / "ms_patient07" / name) for name in ("FLAIR.nii.gz",
                                                                                         "lesion_mask.nii.gz"))
    image, lesions = (x.plane("axial").to_slices(x.voxels) for x in (flair, mask))
    brain = image[image > 0]
    assert image[lesions > 0].mean() > np.quantile(brain, 0.95)
    assert image[lesions[:, :, ::-1] > 0].mean() < image[lesions > 0].mean(), "mirrored, they are not"


@pytest.mark.parametrize("name, shape, plane", [("adi_brain_T1_memprage", (56, 192, 192), "sagittal"),
                                                ("CTHeadAxial64", (93, 64, 64), "axial")])
def test_real_series_lies_where_itk_shows_it(data, name, shape, plane):
    folder = data / "dicom" / name
    image = read_image(folder)
    assert image.voxels.shape == shape and image.notices == [] and image.facts["has_spacing"]
    assert image.plane(plane).axis == 0, "slices are cut along the acquired ones"
    uid = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))[0]
    names = list(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid))
    assert_same_in_patient(image, *itk_geometry(names), tolerance=1e-3)


def test_real_oblique_series_is_cut_axially(data):
    """The sagittal T1 series: in axial slices the face is up; the skull's front is farther from the middle."""
    image = read_image(data / "dicom" / "adi_brain_T1_memprage")
    plane = image.plane("axial")
    columns, rows, slices = plane.stack_to_ras[:3, :3].T
    assert slices[2] > 0.99 * np.linalg.norm(slices) and rows[1] < 0 and columns[0] < 0
    assert image.facts["scanning_sequence"] == "GR\\IR" and "inversion_time" not in image.facts


def test_real_chest_radiograph(data):
    image = read_image(data / "dicom" / "chest_cr" / "RG1_J2KI.dcm")
    assert image.kind == "image" and image.voxels.shape == (1, 1955, 1841) and not image.facts["has_spacing"]
    assert (image.facts["modality"], image.facts["body_part"], image.facts["view"]) == ("CR", "CHEST", "PA")
    picture = image.voxels[0].astype(float)
    lungs = np.median(picture[600:1000, 350:600]), np.median(picture[600:1000, 1250:1500])
    spine = np.median(picture[1300:1600, 850:1000])
    assert spine > max(lungs), "bone is brighter than air"
    finite_voxels(image)


def test_real_pictures(data):
    for folder, shape in (("cxr_kermany224/test/PNEUMONIA", (1, 224, 224)), ("oct_kermany/val/DME", None)):
        path = sorted((data / folder).glob("*.jp*g"))[0]
        image = read_image(path)
        assert image.kind == "image" and image.voxels.dtype == np.uint8 and shape in (None, image.voxels.shape)
        assert finite_voxels(image)[1] == []


def test_real_multi_frame_files(data):
    image = read_image(data / "dicom" / "enhanced_mr" / "enh.dcm")
    assert np.allclose(image.ijk_to_ras[:3, :3], np.diag([-3.375, -3.375, 2.4]), atol=1e-3)
    assert np.allclose(image.ijk_to_ras[:3, 3], (109.79, 58.4773, -5.40356)) and image.voxels.shape == (6, 64, 64)
    plain, packed, lossless = (read_image(data / "dicom" / "pydicom_misc" / name) for name in (
        "emri_small.dcm", "emri_small_RLE.dcm", "emri_small_jpeg_ls_lossless.dcm"))
    assert np.array_equal(plain.voxels, packed.voxels) and np.array_equal(plain.voxels, lossless.voxels)
    assert [n.code for n in plain.notices] == ["no-orientation"] and not plain.facts["has_spacing"]


def test_real_codecs(data):
    folder = data / "dicom" / "pydicom_misc"
    plain = read_image(folder / "MR_small.dcm").voxels
    for name in ("MR_small_RLE.dcm", "MR_small_bigendian.dcm"):
        assert np.array_equal(read_image(folder / name).voxels, plain)
    assert np.array_equal(read_image(folder / "693_UNCR.dcm").voxels, read_image(folder / "693_J2KR.dcm").voxels)
    ct = read_image(folder / "CT_small.dcm")
    assert np.allclose(ct.ijk_to_ras, itk_geometry(folder / "CT_small.dcm")[0], atol=1e-6)
    assert ct.voxels.min() < -500, "Hounsfield units"


def test_real_folders_of_mixed_content(data):
    liver = read_image(data / "dicom" / "dcmqi_ct_liver_seg")
    assert liver.voxels.shape == (3, 512, 512) and liver.facts["modality"] == "CT"
    for path in (data / "dicom" / "pydicom_misc", data / "dicom" / "dcmqi_ct_liver_seg" / "liver.dcm"):
        with pytest.raises(SPMambaError) as caught:
            read_image(path)
        assert caught.value.code in ("several-images", "not-an-image")


def test_an_image_says_how_it_is_cut():
    image = Image(np.zeros((4, 5, 6)), np.diag([-1.0, -1.0, 3.0, 1.0]))
    assert image.spacing == (1.0, 1.0, 3.0) and image.plane("axial").stack_shape == (4, 5, 6)
    assert image.plane("sagittal").stack_shape == (6, 4, 5)
