"""Real files from scanners and from other programs; they skip where SPMAMBA_DATA is not set."""
from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from image_references import assert_same_in_patient, itk_geometry, mrml_volume

from SPMambaLib.errors import SPMambaError
from SPMambaLib.io.image import finite_voxels, read_image, write_image


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
        assert caught.value.code in ("several-patients", "not-an-image")
