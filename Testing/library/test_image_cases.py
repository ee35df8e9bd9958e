"""Images that are not as the books have them: two-part and FreeSurfer files, odd headers, pictures with transparency or
turned, and values and sizes at the ends of the scale.  Places are compared with what 3D Slicer's own reader shows."""
from __future__ import annotations

import gzip
import re
import struct
import sys
import warnings
from pathlib import Path

import fake_detector
import numpy as np
import pytest
import SimpleITK as sitk
from geometries import GEOMETRIES
from image_references import LPS_TO_RAS, assert_same_in_patient, itk_geometry, mrml_volume, volume

from SPMambaLib.errors import SPMambaError
from SPMambaLib.io.image import Image, finite_voxels, read_image, write_image
from SPMambaLib.output.overview import draw_overview, gray_window

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import nifti_headers

nibabel = pytest.importorskip("nibabel")
GEOMETRY, SHAPE = GEOMETRIES["oblique anisotropic"]


def codes(image):
    return [notice.code for notice in image.notices]


def refused(path):
    with pytest.raises(SPMambaError) as caught:
        finite_voxels(read_image(path))
    assert caught.value.message.endswith(".") and caught.value.code != "internal"
    return caught.value.code


def saved(kind, path, array=None):
    """What nibabel writes of (K, J, I) voxels."""
    array = volume(SHAPE) if array is None else array
    nibabel.save(kind(array.T, GEOMETRY), str(path))
    return path


# -- I1: files in two parts, FreeSurfer ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, name, other", [
    ("Nifti1Pair", "pair.hdr", "pair.img"), ("Nifti1Pair", "pair.img", "pair.hdr"),
    ("Nifti2Pair", "pair.hdr", "pair.img"), ("Nifti1Pair", "pair.hdr.gz", "pair.img.gz")])
def test_two_part_nifti(kind, name, other, tmp_path):
    saved(getattr(nibabel, kind), tmp_path / name)
    image = read_image(tmp_path / name)
    assert np.array_equal(image.voxels, volume(SHAPE)) and np.allclose(image.ijk_to_ras, GEOMETRY, atol=1e-5)
    assert image.notices == []
    if kind == "Nifti1Pair" and ".gz" not in name:
        assert_same_in_patient(image, *mrml_volume(tmp_path / name.replace(".img", ".hdr")), tolerance=1e-4)
    (tmp_path / other).unlink()
    assert refused(tmp_path / name) in ("file-missing", "not-an-image")


def test_a_short_second_part(tmp_path):
    saved(nibabel.Nifti1Pair, tmp_path / "pair.hdr")
    data = (tmp_path / "pair.img").read_bytes()
    (tmp_path / "pair.img").write_bytes(data[:-2])
    assert refused(tmp_path / "pair.hdr") == "damaged-file"


def test_an_image_that_does_not_say_where_left_is(tmp_path):
    nibabel.save(nibabel.AnalyzeImage(volume(SHAPE).T, np.eye(4)), str(tmp_path / "old.hdr"))
    assert refused(tmp_path / "old.hdr") == "no-sides"


@pytest.mark.parametrize("name", ["brain.mgz", "brain.mgh"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
def test_freesurfer(name, dtype, tmp_path):
    array = volume(SHAPE, dtype)
    saved(nibabel.MGHImage, tmp_path / name, array)
    image = read_image(tmp_path / name)
    assert np.array_equal(image.voxels, array) and image.voxels.dtype == dtype and image.notices == []
    assert np.allclose(image.ijk_to_ras, GEOMETRY, atol=1e-4)
    assert np.allclose(image.ijk_to_ras, nibabel.load(tmp_path / name).affine, atol=1e-9)


def test_freesurfer_that_is_not_right(tmp_path):
    path = saved(nibabel.MGHImage, tmp_path / "a.mgh")
    data = bytearray(path.read_bytes())
    for change, code in (((4, ">i", 2000000000), "damaged-file"), ((16, ">i", 2), "four-dimensional"),
                         ((20, ">i", 9), "unsupported-numbers"), ((0, ">i", 7), "not-an-image")):
        changed = bytearray(data)
        struct.pack_into(change[1], changed, change[0], change[2])
        path.write_bytes(changed)
        assert refused(path) == code
    struct.pack_into(">h", data, 28, 0)
    path.write_bytes(data)
    assert codes(read_image(path)) == ["no-orientation"]
    path.write_bytes(data[:-len(data) // 2])
    assert refused(path) == "damaged-file"


@pytest.mark.parametrize("name", ["a.mnc", "a.PAR", "a.HEAD", "a.mif.gz"])
def test_formats_that_are_not_read_say_what_to_do(name, tmp_path):
    (tmp_path / name).write_bytes(b"content" * 100)
    assert refused(tmp_path / name) == "other-format"


# -- I2: headers of NIfTI --------------------------------------------------------------------------------------------


@pytest.fixture
def nifti(tmp_path):
    """``nifti(*changes, array=)``: the path of a NIfTI whose header fields (offset, layout, values) are changed."""
    def make(*changes, array=None):
        write_image(tmp_path / "h.nii", volume(SHAPE) if array is None else array, GEOMETRY)
        data = bytearray((tmp_path / "h.nii").read_bytes())
        for offset, layout, values in changes:
            struct.pack_into("<" + layout, data, offset, *values)
        (tmp_path / "h.nii").write_bytes(data)
        return tmp_path / "h.nii"

    return make


@pytest.mark.parametrize("offset", [0.0, 348.0, 100.0])
def test_voxels_that_begin_in_the_header(nifti, offset):
    """nibabel reads the header as voxels, ITK the four bytes after it: what was written is what is read."""
    image = read_image(nifti((108, "f", (offset,))))
    assert np.array_equal(image.voxels, volume(SHAPE)) and codes(image) == ["voxels-in-header"]


@pytest.mark.parametrize("rest, code", [(b"something else", ["foreign-bytes"]), (b"\0" * 512, []),
                                        (b"\0" * 100 + b"x", ["foreign-bytes"])])
def test_bytes_after_what_is_packed(nifti, tmp_path, rest, code):
    packed = gzip.compress(nifti().read_bytes())
    path = tmp_path / "packed.nii.gz"
    path.write_bytes(packed + rest)
    image = read_image(path)
    assert np.array_equal(image.voxels, volume(SHAPE)) and codes(image) == code
    damaged = bytearray(packed)
    damaged[-6] ^= 1
    path.write_bytes(bytes(damaged) + rest)
    assert refused(path) == "damaged-file", "the checksum still counts"


def test_packed_in_several_parts(nifti, tmp_path):
    data = nifti().read_bytes()
    path = tmp_path / "parts.nii.gz"
    path.write_bytes(b"".join(gzip.compress(data[n:n + 1000]) for n in range(0, len(data), 1000)))
    assert np.array_equal(read_image(path).voxels, volume(SHAPE)) and codes(read_image(path)) == []
    path.write_bytes(path.read_bytes()[:-5])
    assert refused(path) == "damaged-file"


@pytest.mark.parametrize("dimensions", [(2, 21, 19, 1, 1, 1, 1, 1), (3, 21, 19, 1, 1, 1, 1, 1)])
@pytest.mark.parametrize("forms", [(1, 0), (0, 0)])
def test_a_slice_without_thickness(nifti, dimensions, forms):
    path = nifti((40, "8h", dimensions), (88, "f", (0.0,)), (252, "2h", forms), array=volume((1, 19, 21)))
    image = read_image(path)
    assert image.voxels.shape == (1, 19, 21) and "no-thickness" in codes(image) and np.isclose(image.spacing[2], 1.0)
    try:
        assert_same_in_patient(image, *mrml_volume(path), tolerance=1e-3)
    except AssertionError:
        assert codes(image) == ["no-thickness", "tilted-slice"] and dimensions[0] == 2 and forms[0]


@pytest.mark.parametrize("forms", [(1, 1), (0, 1), (0, 2), (1, 2), (2, 1)])
@pytest.mark.parametrize("scale", [1.2, 0.5])
def test_an_sform_of_another_size(nifti, forms, scale):
    path = nifti((252, "2h", forms), (280, "12f", (GEOMETRY[:3] * ([scale] * 3 + [1.0])).ravel()))
    image = read_image(path)
    assert codes(image) == ["two-geometries"] and np.allclose(image.ijk_to_ras, GEOMETRY, atol=1e-4)
    assert_same_in_patient(image, *mrml_volume(path), tolerance=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not np.allclose(nibabel.load(path).affine, image.ijk_to_ras, atol=1e-2), "that is what is noticed"


def test_random_headers(monkeypatch):
    """Some of those of the page that `nifti_headers.py` writes."""
    assert nifti_headers.run(60)["wrong"] == []
    monkeypatch.setattr("SPMambaLib.io.nifti._of_two", lambda header, sform, qform, spacing: sform)
    assert len(nifti_headers.run(20)["wrong"]), "negative control: the sform alone, as nibabel has it"


def test_the_rounding_of_a_half_turn(nifti):
    """A rotation of 180 degrees in 32-bit numbers must not come out tilted."""
    path = nifti((252, "2h", (1, 0)), (256, "3f", (0.70710665, 0.0, 0.70710665)))
    assert_same_in_patient(read_image(path), *mrml_volume(path), tolerance=1e-4)


# -- I3: pictures ----------------------------------------------------------------------------------------------------


def ramp(rows=40, columns=30):
    return np.add.outer(np.arange(rows), 2 * np.arange(columns)).astype(np.uint8)


def test_what_is_transparent_is_not_read(tmp_path):
    from PIL import Image as Picture

    alpha = np.full((40, 30), 255, np.uint8)
    alpha[:, :6] = 0
    grey = ramp()
    grey[:, :6] = 250  # hidden
    expected = np.where(alpha == 0, 0, grey)
    Picture.fromarray(np.dstack([grey, grey, grey, alpha])).save(tmp_path / "rgba.png")
    Picture.fromarray(np.dstack([grey, alpha]), "LA").save(tmp_path / "la.png")
    Picture.fromarray(np.dstack([grey, grey, grey, alpha])).save(tmp_path / "rgba.tif")
    Picture.fromarray(np.where(alpha == 0, 255, np.minimum(grey, 254)).astype(np.uint8)).save(
        tmp_path / "key.png", transparency=255)
    for name in ("rgba.png", "la.png", "rgba.tif", "key.png"):
        assert np.array_equal(read_image(tmp_path / name).voxels[0], expected), name
    alpha[:] = 128
    Picture.fromarray(np.dstack([grey, alpha]), "LA").save(tmp_path / "half.png")
    assert np.abs(read_image(tmp_path / "half.png").voxels[0] - grey * (128 / 255)).max() <= 0.51


def test_pictures_with_a_palette_or_two_levels(tmp_path):
    from PIL import Image as Picture

    Picture.fromarray(ramp()).convert("P").save(tmp_path / "p.png")
    assert np.array_equal(read_image(tmp_path / "p.png").voxels[0], ramp())
    Picture.fromarray(ramp() > 40).save(tmp_path / "1.png")
    assert np.array_equal(read_image(tmp_path / "1.png").voxels[0], 255 * (ramp() > 40))


def upright_back(image, shape):
    """The voxels of an image, put where its geometry says, on a grid of `shape` (rows, columns)."""
    j, i = np.indices(image.voxels.shape[1:])
    x, y = ((LPS_TO_RAS @ image.ijk_to_ras)[:2] @ [i.ravel(), j.ravel(), 0 * i.ravel(), 0 * i.ravel() + 1]).astype(int)
    grid = np.zeros(shape, int)
    grid[y, x] = image.voxels[0].ravel()
    return grid


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_a_turned_picture_stands_upright_where_it_is_shown(orientation, suffix, tmp_path):
    from PIL import Image as Picture
    from PIL import ImageOps

    path = tmp_path / ("turned." + suffix)
    exif = Picture.Exif()
    exif[0x0112] = orientation
    Picture.fromarray(ramp()).save(path, exif=exif)
    image = read_image(path)
    if suffix != "tif":
        with Picture.open(path) as picture:
            upright = np.asarray(ImageOps.exif_transpose(picture))
    else:  # which Pillow garbles
        method = [None, 0, 3, 1, 5, 4, 6, 2][orientation - 1]
        upright = np.asarray(Picture.fromarray(ramp()) if method is None else Picture.fromarray(ramp()).transpose(
            Picture.Transpose(method)))
    assert np.array_equal(image.voxels[0], upright) and codes(image) == ["turned"] * (orientation > 1)
    shown = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))  # as ITK, and so 3D Slicer, shows it
    shown = shown[..., 0] if shown.ndim == 3 else shown
    if suffix == "jpg":  # two decoders, one grey level apart
        shown = np.where(np.abs(shown.astype(int) - upright_back(image, shown.shape)) <= 2,
                         upright_back(image, shown.shape), shown).astype(np.uint8)
    assert_same_in_patient(image, LPS_TO_RAS, shown[None], tolerance=1e-6)


def test_pages_have_no_physical_units(tmp_path):
    from PIL import Image as Picture

    pages = [Picture.fromarray(ramp() + n) for n in range(5)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:], dpi=(72, 72))
    image = read_image(tmp_path / "pages.tif")
    assert image.kind == "volume" and image.voxels.shape == (5, 40, 30) and not image.facts["has_spacing"]
    assert codes(image) == ["no-spacing"] and np.array_equal(image.voxels[3, :, :], ramp() + 3)
    other = [pages[0], Picture.fromarray(ramp(20, 20))]
    other[0].save(tmp_path / "sizes.tif", save_all=True, append_images=other[1:])
    assert refused(tmp_path / "sizes.tif") == "several-images"


def test_a_picture_of_16_bits_in_colour(tmp_path):
    grey = (ramp().astype(np.uint16) * 256) + 7
    sitk.WriteImage(sitk.GetImageFromArray(np.dstack([grey] * 3), isVector=True), str(tmp_path / "deep.png"))
    image = read_image(tmp_path / "deep.png")
    assert codes(image) == ["fewer-levels"] and np.array_equal(image.voxels[0], ramp())


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nii.gz", ".png", ".mgz"])
@pytest.mark.parametrize("inside", [False, True])
def test_names_that_are_not_utf8(suffix, inside, tmp_path):
    """As old systems write them; ITK's readers would end the process."""
    place = tmp_path / b"M\xfcller".decode("utf-8", "surrogateescape") if inside else tmp_path
    place.mkdir(exist_ok=True)
    path = place / (b"sch\xe4del".decode("utf-8", "surrogateescape") + suffix)
    if suffix == ".png":
        from PIL import Image as Picture

        Picture.fromarray(ramp()).save(path)
    elif suffix == ".mgz":
        saved(nibabel.MGHImage, tmp_path / "a.mgz").rename(path)
    else:
        write_image(path, volume(SHAPE), GEOMETRY)
    image = read_image(path)
    assert np.array_equal(image.voxels, ramp()[None] if suffix == ".png" else volume(SHAPE))
    assert [each.name for each in place.iterdir()] == [path.name] or not inside
    if suffix == ".nrrd":
        assert np.array_equal(image.voxels, itk_geometry(path.rename(tmp_path / "plain.nrrd"))[1])


# -- I4: the ends of the scale ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-12, 1e-30, 1e-300, 3e-7])
def test_tiny_values_keep_every_digit(size):
    voxels = volume().astype(np.float64) * size
    clean, notices = finite_voxels(Image(voxels, np.eye(4)))
    ratio = clean.astype(np.float64).ravel() / np.maximum(voxels.ravel(), size)
    assert notices == [] and clean.max() > 0.1 and np.allclose(ratio[voxels.ravel() > 0], ratio.max(), rtol=1e-6)
    low, high = gray_window(voxels.astype(np.float64) if size > 1e-30 else clean)
    assert low < high < 1.1 * max(voxels.max(), clean.max())


def test_a_spacing_that_makes_no_sense_is_named():
    for spacing in (1e-6, 1e5):
        with pytest.raises(SPMambaError, match=re.escape("{:.3g}".format(spacing))) as caught:
            finite_voxels(Image(volume().astype("f4"), np.diag([1.0, spacing, 1.0, 1.0])))
        assert caught.value.code == "bad-geometry"
    assert finite_voxels(Image(volume().astype("f4"), np.diag([0.005, 0.005, 0.005, 1.0])))[1] == []


@pytest.mark.parametrize("shape", [(1, 16, 3000), (1, 3000, 16), (4, 16, 3000)])
@pytest.mark.parametrize("size", [1.0, 1e-12])
def test_an_overview_of_strips_and_of_tiny_values(shape, size):
    voxels = np.random.default_rng(0).normal(100.0, 5.0, shape)
    voxels[0, 4:9, 4:9] = 400.0
    detection = fake_detector.detection_of(voxels, np.diag([-1.0, -1.0, 2.0, 1.0]), 0.05, {"name": "x"})
    picture = np.asarray(draw_overview(voxels * size, detection))
    plain = np.asarray(draw_overview(voxels, detection))
    assert picture.shape == plain.shape and np.abs(picture.astype(int) - plain).max() <= 1
