"""What hospitals really have: kinds of DICOM that were read wrongly once, each with the right outcome.

Made with pydicom; the real files of each kind are read where SPMAMBA_DATA leads to them.
"""
from __future__ import annotations

import json
import os
import shutil
import struct
import sys

import numpy as np
import pydicom
import pytest
from dicom_checks import changed, codes, files, refused, steps
from dicom_files import CR, CT, ENHANCED_MR, SEGMENTATION, ULTRASOUND_FILM, frames_in_space, write_dicom, write_series
from image_references import LPS_TO_RAS, volume

from SPMambaLib import cli
from SPMambaLib.errors import UnreadableFileError, UnsupportedImageError
from SPMambaLib.io.image import read_image

SHAPE = (12, 20, 24)
RTDOSE = "1.2.840.10008.5.1.4.1.1.481.2"


@pytest.fixture
def series(tmp_path):
    return write_series(tmp_path / "s", volume(SHAPE), steps(np.arange(12) * 3.0), SeriesDescription="good",
                        SeriesNumber=4)


def case(data, name):
    path = data / "cases" / name
    if not path.exists():
        pytest.skip("SPMAMBA_DATA holds no cases")
    return path


# -- D1: mosaics -------------------------------------------------------------------------------------------------------

def test_a_siemens_mosaic_is_unpacked(data):
    image = read_image(case(data, "mosaic_one_file.dcm"))
    assert image.voxels.shape == (35, 64, 64) and np.allclose(image.spacing, (3.25, 3.25, 3.6), atol=1e-4)
    middle = LPS_TO_RAS @ image.ijk_to_ras @ [32, 32, 0, 1]  # where the protocol has the centre of its first slice
    assert np.allclose(middle[:3], (0.0, -41.47638866, -73.91709953), atol=1e-3)
    second = LPS_TO_RAS @ image.ijk_to_ras @ [32, 32, 1, 1]
    assert np.allclose(second[:3], (0.0, -41.08759098, -70.33815606), atol=1e-3)


def test_a_united_imaging_grid_is_unpacked(data):
    path = case(data, "uih_grid.dcm")
    image, stored = read_image(path), pydicom.dcmread(path)
    tiles = stored.pixel_array.reshape(4, 64, 5, 64).swapaxes(1, 2).reshape(20, 64, 64)
    assert np.array_equal(image.voxels, tiles)
    last = stored[0x0065, 0x1051].value[-1].ImagePositionPatient
    assert np.allclose((LPS_TO_RAS @ image.ijk_to_ras @ [0, 0, 19, 1])[:3], last, atol=0.01)


def test_a_mosaic_that_does_not_say_how_it_is_made_up_is_refused_by_name(tmp_path):
    path = write_dicom(tmp_path / "m.dcm", volume((60, 72)), ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"],
                       ImagePositionPatient=[0, 0, 0], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[1, 1])
    assert "mosaic" in refused(path, "mosaic")


# -- D2: enhanced objects of one frame ---------------------------------------------------------------------------------

def test_one_enhanced_frame_keeps_its_place(tmp_path, data):
    image = read_image(case(data, "enhanced_one_frame.dcm"))
    assert image.kind == "volume" and abs(image.spacing[0] - 1.0156) < 1e-3
    folder = read_image(case(data, "enhanced_one_frame_per_file"))
    assert folder.voxels.shape == (10, 80, 80) and np.allclose(folder.spacing, (1.912, 1.912, 10.0), atol=0.01)


def test_enhanced_files_of_one_frame_are_a_volume(tmp_path):
    places = steps(np.arange(5) * 4.0)
    for n in (3, 0, 4, 1, 2):
        write_dicom(tmp_path / "{}.dcm".format(9 - n), volume((5, 20, 24))[n], sop_class=ENHANCED_MR, NumberOfFrames=1,
                    PerFrameFunctionalGroupsSequence=frames_in_space(places[n:n + 1]))
    image = read_image(tmp_path)
    assert np.array_equal(image.voxels, volume((5, 20, 24))) and image.spacing == (0.25, 0.5, 4.0)


# -- D3: pixels that are not there -------------------------------------------------------------------------------------

def halved(data):
    data.PixelData = data.PixelData[:len(data.PixelData) // 4 * 2]


def test_missing_pixels_are_refused_and_the_file_named(series):
    changed(files(series)[5], halved)
    assert files(series)[5].name in refused(series, "damaged-file")
    assert files(series)[5].name in refused(files(series)[5], "damaged-file")


def test_real_files_with_missing_pixels(data):
    for name in ("short_MR_50.dcm", "short_CT_explicit_50.dcm"):
        assert name in refused(case(data, name), "damaged-file")


def test_run_lengths_that_end_early(tmp_path):
    path = write_dicom(tmp_path / "r.dcm", volume((20, 24)))
    changed(path, lambda data: data.compress(pydicom.uid.RLELossless))
    assert np.array_equal(read_image(path).voxels[0], volume((20, 24)))

    def cut(data):
        frame = next(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=1))
        data.PixelData = pydicom.encaps.encapsulate([frame[:len(frame) // 2 * 2 - 40]])

    changed(path, cut)
    refused(path, "damaged-file")


# -- D4: the scale of each frame ---------------------------------------------------------------------------------------

def test_each_slice_has_its_own_scale(series):
    for path in files(series)[1:]:
        changed(path, lambda data: setattr(data, "RescaleSlope", "1.37") or setattr(data, "RescaleIntercept", "0"))
    image = read_image(series)
    expected = volume(SHAPE).astype(np.float32)
    expected[1:] *= np.float32(1.37)
    assert image.voxels.dtype == np.float32 and np.allclose(image.voxels, expected, rtol=1e-6)
    assert "scale-changes" in codes(image)


def test_each_frame_of_an_enhanced_file_has_its_own_scale(tmp_path, data):
    frames = frames_in_space(steps(np.arange(5) * 4.0))
    for n, frame in enumerate(frames):
        scale = pydicom.Dataset()
        scale.RescaleSlope, scale.RescaleIntercept = 1 + (n == 3), -10
        frame.PixelValueTransformationSequence = [scale]
    path = write_dicom(tmp_path / "e.dcm", volume((5, 20, 24)), sop_class=ENHANCED_MR,
                       PerFrameFunctionalGroupsSequence=frames)
    expected = volume((5, 20, 24)).astype(int) - 10
    expected[3] += volume((5, 20, 24))[3]
    assert np.array_equal(read_image(path).voxels, expected)
    real = read_image(case(data, "enhanced_slope_per_frame.dcm"))
    stored = pydicom.dcmread(case(data, "enhanced_slope_per_frame.dcm"))
    scale = [f.PixelValueTransformationSequence[0] for f in stored.PerFrameFunctionalGroupsSequence]
    places = [f.PlanePositionSequence[0].ImagePositionPatient for f in stored.PerFrameFunctionalGroupsSequence]
    for frame, values, place in zip(stored.pixel_array, scale, places):
        depth = [k for k in range(10) if np.allclose((LPS_TO_RAS @ real.ijk_to_ras @ [0, 0, k, 1])[:3], place, atol=.1)]
        wanted = frame * float(values.RescaleSlope) + float(values.RescaleIntercept)
        assert len(depth) == 1 and np.allclose(real.voxels[depth[0]], wanted, rtol=1e-5)


# -- D5, D6: files that are left out -----------------------------------------------------------------------------------

@pytest.mark.parametrize("which", [0, 5, 11])
@pytest.mark.parametrize("damage", ["empty", "cut", "text"])
def test_every_file_that_is_left_out_is_named(series, which, damage):
    path = files(series)[which]
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": content[:600], "text": b"these are my notes"}[damage])
    image = read_image(series)
    assert any(path.name in notice.message for notice in image.notices), codes(image)
    if which == 5:
        assert "unequal-slices" in codes(image) and len(image.voxels) == 12, "the hole is filled, and said in mm"
    else:
        assert len(image.voxels) == 11


def test_a_hole_is_refused(tmp_path):
    folder = write_series(tmp_path / "s", volume((8, 20, 24)), steps([0, 5, 10, 15, 60, 65, 70, 75]))
    assert "45.0 mm" in refused(folder, "incomplete-volume")


@pytest.mark.parametrize("copies", [[3], range(12)], ids=["one", "all"])
def test_copies_count_once(series, copies):
    for n in copies:
        shutil.copy(files(series)[n], series / "zcopy{}.dcm".format(n))
    image = read_image(series)
    assert np.array_equal(image.voxels, volume(SHAPE)) and codes(image) == ["copies"]


def test_one_identifier_for_all_slices_makes_no_copies(series):
    """Some programs that take names away give every slice the same identifier."""
    for path in files(series):
        changed(path, lambda data: setattr(data, "SOPInstanceUID", "1.2.3.4.5"))
    assert np.array_equal(read_image(series).voxels, volume(SHAPE))


# -- D7: what lies beside a series -------------------------------------------------------------------------------------

@pytest.mark.parametrize("beside", ["dose", "segmentation", "film"])
def test_what_lies_beside_a_series_is_named_and_not_read(series, beside):
    kind = {"dose": (RTDOSE, "RTDOSE"), "segmentation": (SEGMENTATION, "SEG"), "film": (ULTRASOUND_FILM, "US")}[beside]
    write_dicom(series / "beside.dcm", volume((25, 20, 24)), sop_class=kind[0], modality=kind[1], series="1.9")
    image = read_image(series)
    assert np.array_equal(image.voxels, volume(SHAPE)) and len(image.notices) == 1
    assert ("beside.dcm" if beside != "film" else "US (25 images, film)") in image.notices[0].message
    assert read_image(series, series="4").voxels.shape == SHAPE


def test_two_patients_in_a_folder_are_refused(series, capsys):
    other = write_series(series.parent / "o", volume((9, 20, 24)), steps(np.arange(9) * 3.0), series="1.9",
                         SeriesNumber=5)
    for path in files(other):
        changed(path, lambda data: setattr(data, "PatientID", "ANOTHER-SECRET"))
        path.rename(series / ("other" + path.name))
    message = refused(series, "several-patients")
    assert "SECRET" not in message.upper()
    assert read_image(series, series="1.9").voxels.shape == (9, 20, 24)
    assert cli.main(["series", str(series), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(row["uid"], row["patient"], row["images"]) for row in listed["series"]] == [("1.2.3.4", 1, 12),
                                                                                        ("1.9", 2, 9)]
    assert cli.main(["series", str(series)]) == 0
    out = capsys.readouterr().out
    assert "good" in out and "SECRET" not in out.upper()


# -- D8, D11: places ---------------------------------------------------------------------------------------------------

def test_unequal_steps_are_resampled_by_the_true_positions(tmp_path):
    depths = np.concatenate([np.arange(10) * 4.2, 9 * 4.2 + np.arange(1, 11) * 7.4])
    voxels = np.repeat(np.round(depths * 10)[:, None, None], 20, 1).repeat(24, 2)  # the value is the place
    image = read_image(write_series(tmp_path / "s", voxels, steps(depths), modality="CT", sop_class=CT))
    assert "unequal-slices" in codes(image)
    for k in range(len(image.voxels)):
        place = (image.ijk_to_ras @ [3, 3, k, 1])[2] - 10.0
        assert abs(image.voxels[k, 3, 3] / 10.0 - place) < 0.1
    assert abs((len(image.voxels) - 1) * image.spacing[2] - depths[-1]) < 1e-6


def test_a_changing_pixel_spacing_is_noticed_and_the_slices_lie_right(tmp_path):
    folder, ramp = tmp_path / "s", np.arange(40) * 100.0
    folder.mkdir()
    for n in range(6):
        spacing = 0.5 if n < 3 else 0.6
        pixels = np.tile(np.round(ramp * spacing), (40, 1))  # the value is 100 times the place along a row in mm
        write_dicom(folder / "{}.dcm".format(n), pixels, ImagePositionPatient=[0, 0, 3.0 * n],
                    PixelSpacing=[spacing] * 2, ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    image = read_image(folder)
    assert "spacing-changes" in codes(image) and np.allclose(image.spacing, (0.5, 0.5, 3.0))
    assert np.allclose(image.voxels[:, 20, :], ramp * 0.5, atol=2)


def test_one_slice_is_as_thick_as_it_says(tmp_path):
    path = write_dicom(tmp_path / "x.dcm", volume((20, 24)), ImagePositionPatient=[0, 0, 0], SliceThickness=7.5,
                       ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[1, 1])
    assert read_image(path).spacing[2] == 7.5


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_table_of_values_is_applied(tmp_path, inverse, photometric):
    pixels = volume((40, 48), "uint16") % 256
    table = pydicom.Dataset()
    entries = np.arange(256)[::-1] * 3 if inverse else np.arange(256) * 3
    table.LUTDescriptor, table.LUTData, table.ModalityLUTType = [256, 0, 16], entries.astype("<u2").tobytes(), "US"
    path = write_dicom(tmp_path / "x.dcm", pixels, sop_class=CR, modality="CR", PhotometricInterpretation=photometric,
                       ModalityLUTSequence=[table])
    expected = entries[pixels]
    assert np.array_equal(read_image(path).voxels[0], 765 - expected if photometric == "MONOCHROME1" else expected)


# -- D9: time ----------------------------------------------------------------------------------------------------------

def test_a_time_series_is_refused_and_says_in_what_its_images_differ(tmp_path, data):
    folder = write_series(tmp_path / "s", volume((12, 20, 24)), steps(np.repeat(np.arange(6) * 3.0, 2)))
    for n, path in enumerate(files(folder)):
        changed(path, lambda data, n=n: setattr(data, "EchoTime", [12.0, 90.0][n % 2]))
    assert "2 echo times: 12.0, 90.0 ms" in refused(folder, "four-dimensional")
    path = write_dicom(tmp_path / "cine.dcm", volume((9, 20, 24)), FrameTime=40.0)
    changed(path, lambda data: setattr(data, "FrameIncrementPointer", 0x00181063))
    refused(path, "four-dimensional")
    refused(case(data, "heart_phases.dcm"), "four-dimensional")


# -- D10: sizes and nesting --------------------------------------------------------------------------------------------

def nested(depth, length=0xFFFFFFFF):
    item = b"\xfe\xff\x00\xe0" + struct.pack("<I", length)
    return (b"\0" * 128 + b"DICM" + b"\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0"
            + (b"\x08\x00\x40\x11SQ\0\0" + struct.pack("<I", length) + item) * depth)


def test_what_is_nested_too_deep_does_no_harm(series, tmp_path):
    (tmp_path / "deep.dcm").write_bytes(nested(10000))
    refused(tmp_path / "deep.dcm", "damaged-file")
    (series / "deep.dcm").write_bytes(nested(10000))
    image = read_image(series)
    assert np.array_equal(image.voxels, volume(SHAPE)) and "deep.dcm" in image.notices[0].message


@pytest.mark.parametrize("rows", [65535, 46341])
def test_a_claimed_size_is_held_against_the_file(series, tmp_path, rows, data):
    path = write_dicom(tmp_path / "huge.dcm", volume((20, 24)), NumberOfFrames=1)
    changed(path, lambda data: setattr(data, "Rows", rows) or setattr(data, "Columns", rows))
    assert "of its pixels are there" in refused(path, "damaged-file")
    refused(case(data, "declared_{}.dcm".format(rows)), "damaged-file")
    shutil.copy(path, series / "huge.dcm")
    image = read_image(series)  # of another size: a series of its own, which nobody asked for
    assert np.array_equal(image.voxels, volume(SHAPE)) and "several-series" in codes(image)


def test_a_decoder_that_ends_badly_is_a_sentence(tmp_path, monkeypatch):
    from SPMambaLib.io.dicom import decoder

    path = write_dicom(tmp_path / "c.dcm", np.zeros((20, 24, 3), np.uint8) + np.arange(24, dtype=np.uint8)[:, None],
                       modality="OT")
    assert read_image(path).voxels.shape == (1, 20, 24)
    real = decoder.subprocess.Popen

    def crashing(command, **options):
        crash = "; import os; print(1, flush=True) if 0 else None; print('{}', flush=True); import sys; " \
                "sys.stdin.readline(); os.abort()"
        return real([command[0], "-c", "pass" + crash], **options)

    monkeypatch.setattr(decoder.subprocess, "Popen", crashing)
    assert "crashed" in refused(path, "damaged-file")


# -- D12: where files lie ----------------------------------------------------------------------------------------------

def test_an_export_with_sub_folders_is_read(series, tmp_path):
    medium = tmp_path / "medium" / "DICOM" / "ST000000"
    medium.mkdir(parents=True)
    series.rename(medium / "SE000000")
    assert np.array_equal(read_image(tmp_path / "medium").voxels, volume(SHAPE))


def test_two_multi_frame_files_are_two_series(tmp_path):
    for name, count in (("a", 6), ("b", 5)):
        write_dicom(tmp_path / (name + ".dcm"), volume((count, 20, 24)), sop_class=ENHANCED_MR,
                    PerFrameFunctionalGroupsSequence=frames_in_space(steps(np.arange(count) * 4.0)))
    image = read_image(tmp_path)
    assert len(image.voxels) == 6 and codes(image) == ["several-series"]


@pytest.mark.skipif(sys.platform != "linux", reason="names of bytes that are not text")
def test_a_name_that_is_not_utf_8(series, tmp_path):
    place = os.fsencode(tmp_path) + b"/Sch\xe4del"
    os.rename(series, place)
    path = type(tmp_path)(os.fsdecode(place))
    image = read_image(path)
    assert np.array_equal(image.voxels, volume(SHAPE))
    (path / "notes\udce4.txt").write_text("text")
    assert codes(read_image(path)) == ["other-objects"]


def test_nothing_says_who_the_patient_is(series, tmp_path):
    changed(files(series)[5], halved)
    message = refused(series, "damaged-file")
    assert "SECRET" not in message.upper()
    with pytest.raises((UnreadableFileError, UnsupportedImageError)) as caught:
        read_image(series)
    assert "SECRET" not in (caught.value.detail + message).upper()


# -- codes -------------------------------------------------------------------------------------------------------------

def shipped(name):
    from pydicom.data import get_testdata_file

    return get_testdata_file(name, download=False) or pytest.skip("this pydicom comes without {}".format(name))


@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_what_follows_the_compressed_pixels_is_left_alone(name):
    plain = pydicom.dcmread(shipped("MR_small.dcm")).pixel_array
    assert np.array_equal(read_image(shipped(name)).voxels[0], plain)


def test_a_deflated_file_is_read():
    path = shipped("image_dfl.dcm")
    assert np.array_equal(read_image(path).voxels[0], pydicom.dcmread(path).pixel_array)


def test_bytes_that_fill_up_a_code_stream_are_not_missing_pixels():
    """Some writers make the length even with 0xFF after the end mark."""
    assert read_image(shipped("JPGExtended.dcm")).voxels.shape == (1, 1024, 256)
    refused(shipped("examples_jpeg2k.dcm"), "colour-image")


def test_pixels_whose_kind_alone_is_left_out():
    refused(shipped("SC_rgb_jpeg.dcm"), "colour-image")
