"""Reading and writing images: every voxel and its place in the patient, as the file says."""
from __future__ import annotations

import gzip
import os
import resource
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from geometries import GEOMETRIES, rotation
from image_references import LPS_TO_RAS, assert_same_in_patient, itk_geometry, mrml_volume, volume

from SPMambaLib.errors import OutputError, UnsupportedImageError, UsageError
from SPMambaLib.geometry import spacing_of
from SPMambaLib.io.image import Image, read_image, write_image

suffixes = pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])


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
                                   (76, "4f", (1, *spacing_of(ijk_to_ras))), (108, "3f", (352, 1, 0)),
                                   (252, "2h", (0, 1)), (280, "12f", ijk_to_ras[:3].ravel())):
        struct.pack_into(">" + layout, big, offset, *values)
    big[344:348] = b"n+1\0"
    (tmp_path / "big.nii.gz").write_bytes(gzip.compress(bytes(big) + data.astype(">i2").tobytes()))
    two = bytearray(544)
    for offset, layout, values in ((0, "i", (540,)), (12, "2h", (4, 16)), (16, "8q", (3, *shape[::-1], 1, 1, 1, 1)),
                                   (104, "4d", (1, *spacing_of(ijk_to_ras))), (168, "q", (544,)), (176, "2d", (1, 0)),
                                   (344, "2i", (0, 1)), (400, "12d", ijk_to_ras[:3].ravel()), (500, "i", (2,))):
        struct.pack_into("<" + layout, two, offset, *values)
    two[4:12] = b"n+2\0\r\n\x1a\n"
    (tmp_path / "two.nii").write_bytes(bytes(two) + data.tobytes())
    for name, tolerance in (("big.nii.gz", 1e-5), ("two.nii", 1e-12)):
        image = read_image(tmp_path / name)
        assert np.array_equal(image.voxels, data) and image.voxels.dtype == np.int16
        assert np.abs(image.ijk_to_ras - ijk_to_ras).max() < tolerance


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


def test_an_image_says_how_it_is_cut():
    image = Image(np.zeros((4, 5, 6)), np.diag([-1.0, -1.0, 3.0, 1.0]))
    assert image.spacing == (1.0, 1.0, 3.0) and image.plane("axial").stack_shape == (4, 5, 6)
    assert image.plane("sagittal").stack_shape == (6, 4, 5)
