"""Other members of the kinds of `test_dicom_cases`: other makers, codes, counts and places, all made here."""
from __future__ import annotations

import struct
import zlib

import numpy as np
import pydicom
import pytest
from dicom_checks import changed, codes, files, refused, steps
from dicom_files import CR, CT, ENHANCED_MR, MR, csa_header, frames_in_space, write_dicom, write_series
from geometries import rotation
from image_references import LPS_TO_RAS, volume

from SPMambaLib.io.dicom import header
from SPMambaLib.io.image import read_image

SHAPE = (12, 20, 24)
TURNED = rotation(6, 20)


def at(image, k, i=0, j=0):
    """LPS of voxel (i, j, k)."""
    return (LPS_TO_RAS @ image.ijk_to_ras @ [i, j, k, 1])[:3]


# -- D1: mosaics of other sizes and directions -------------------------------------------------------------------------

def mosaic(path, slices, side, normal=1.0, **tags):
    """A Siemens mosaic of `side` x `side` tiles; the first slice's centre is at the origin."""
    count, rows, columns = slices.shape
    picture = np.zeros((side * rows, side * columns), slices.dtype)
    for n, one in enumerate(slices):
        row, column = divmod(n, side)
        picture[row * rows:(row + 1) * rows, column * columns:(column + 1) * columns] = one
    corner = -TURNED[:, 0] * 0.25 * side * columns / 2 - TURNED[:, 1] * 0.5 * side * rows / 2
    write_dicom(path, picture, ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"], Manufacturer="SIEMENS",
                ImagePositionPatient=list(corner), ImageOrientationPatient=[*TURNED[:, 0], *TURNED[:, 1]],
                PixelSpacing=[0.5, 0.25], SliceThickness=4.0, SpacingBetweenSlices=5.0, **tags)

    def add(data):
        data.add_new((0x0029, 0x0010), "LO", "SIEMENS CSA HEADER")
        data.add_new((0x0029, 0x1010), "OB", csa_header(
            NumberOfImagesInMosaic=[str(count)], SliceNormalVector=[str(normal * v) for v in TURNED[:, 2]]))

    return changed(path, add)


@pytest.mark.parametrize("normal", [1.0, -1.0], ids=["up", "down"])
@pytest.mark.parametrize("count, side", [(4, 2), (7, 3), (9, 3), (17, 5)])
def test_mosaics_of_any_number_of_slices(tmp_path, count, side, normal):
    slices = volume((count, 20, 24))
    image = read_image(mosaic(tmp_path / "m.dcm", slices, side, normal))
    assert image.voxels.shape == slices.shape
    for n in range(count):
        k = n if normal > 0 else count - 1 - n
        assert np.array_equal(image.voxels[k], slices[n])
        centre = at(image, k, 12, 10)
        assert np.allclose(centre, normal * n * 5.0 * TURNED[:, 2], atol=1e-4)


def test_a_series_of_mosaics_is_a_time_series(tmp_path):
    for n in range(3):
        mosaic(tmp_path / "{}.dcm".format(n), volume((7, 20, 24)) + n, 3, AcquisitionNumber=n + 1)
    assert "3 acquisitions" in refused(tmp_path, "four-dimensional")


# -- D2: enhanced objects ----------------------------------------------------------------------------------------------

def test_an_enhanced_file_of_two_stacks_is_refused(tmp_path):
    frames = frames_in_space(steps(np.tile(np.arange(6) * 3.0, 2)))
    for n, frame in enumerate(frames):
        content = pydicom.Dataset()
        content.StackID = str(1 + n // 6)
        frame.FrameContentSequence = [content]
    path = write_dicom(tmp_path / "e.dcm", volume(SHAPE), sop_class=ENHANCED_MR,
                       PerFrameFunctionalGroupsSequence=frames)
    assert "(6 images)" in refused(path, "several-images")


def test_an_enhanced_file_that_was_cut_into_several_is_one_volume(tmp_path):
    voxels, places = volume(SHAPE), steps(np.arange(12) * 3.0)
    for n, part in enumerate((slice(0, 5), slice(5, 12))):
        write_dicom(tmp_path / "{}.dcm".format(n), voxels[part], sop_class=ENHANCED_MR, ConcatenationUID="1.2.3.9",
                    InConcatenationNumber=n + 1, PerFrameFunctionalGroupsSequence=frames_in_space(places[part]))
    image = read_image(tmp_path)
    assert np.array_equal(image.voxels, voxels) and image.notices == []


def test_what_all_frames_share_is_said_once(tmp_path):
    shared, frames = frames_in_space([(0, 0, 0)])[0], frames_in_space(steps(np.arange(12) * 3.0))
    for frame in frames:
        del frame.PlaneOrientationSequence, frame.PixelMeasuresSequence
    del shared.PlanePositionSequence
    path = write_dicom(tmp_path / "e.dcm", volume(SHAPE), sop_class=ENHANCED_MR,
                       SharedFunctionalGroupsSequence=[shared], PerFrameFunctionalGroupsSequence=frames)
    image = read_image(path)
    assert np.array_equal(image.voxels, volume(SHAPE)) and image.spacing == (0.25, 0.5, 3.0)


# -- D3: missing pixels in other codes ---------------------------------------------------------------------------------

@pytest.mark.parametrize("frames", [1, 12])
@pytest.mark.parametrize("syntax", [pydicom.uid.ImplicitVRLittleEndian, pydicom.uid.ExplicitVRBigEndian,
                                    pydicom.uid.DeflatedExplicitVRLittleEndian], ids=["implicit", "big", "deflated"])
def test_missing_pixels_in_other_transfer_syntaxes(tmp_path, syntax, frames):
    path = write_dicom(tmp_path / "x.dcm", volume((frames, 20, 24)) if frames > 1 else volume((20, 24)))
    data = pydicom.dcmread(path)
    whole = data.pixel_array
    data.PixelData = whole.astype(">u2").tobytes() if syntax.is_little_endian is False else data.PixelData
    data.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(path, data, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    image = read_image(path)
    assert np.array_equal(image.voxels.reshape(whole.shape), whole)
    data.PixelData = data.PixelData[:-40]
    pydicom.dcmwrite(path, data, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    assert "x.dcm" in refused(path, "damaged-file")


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.102"])
def test_a_code_that_nothing_here_reads_is_named(tmp_path, syntax):
    path = write_dicom(tmp_path / "x.dcm", volume((20, 24)))

    def recode(data):
        data.file_meta.TransferSyntaxUID = syntax
        data.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f" * 40])

    changed(path, recode)
    assert pydicom.uid.UID(syntax).name in refused(path, "unknown-encoding")


# -- D4: scales --------------------------------------------------------------------------------------------------------

def test_a_scale_for_every_slice_of_a_pet_series(tmp_path):
    folder = write_series(tmp_path / "s", volume(SHAPE), steps(np.arange(12) * 3.0), modality="PT",
                          sop_class="1.2.840.10008.5.1.4.1.1.128")
    for n, path in enumerate(files(folder)):
        changed(path, lambda data, n=n: setattr(data, "RescaleSlope", str(0.37 + n)) or setattr(
            data, "RescaleIntercept", str(-n)))
    expected = [volume(SHAPE)[n] * (0.37 + n) - n for n in range(12)]
    assert np.allclose(read_image(folder).voxels, expected, rtol=1e-6)


# -- D6: the same picture under two identifiers ------------------------------------------------------------------------

def test_the_same_picture_under_another_identifier_counts_once(tmp_path):
    for n, order in enumerate((np.arange(12), np.arange(12)[::-1])):
        write_series(tmp_path / str(n), volume(SHAPE), steps(np.arange(12) * 3.0), order=order)
    for path in files(tmp_path / "1"):
        path.rename(tmp_path / "0" / ("again-" + path.name))
    image = read_image(tmp_path / "0")
    assert np.array_equal(image.voxels, volume(SHAPE)) and codes(image) == ["copies"]
    assert image.notices[0].message.count("again-") + image.notices[0].message.count("a-0") >= 12

    def other(data):
        data.PixelData = bytes(len(data.PixelData))

    changed(files(tmp_path / "0")[3], other)  # negative control: at the same place, but another picture
    refused(tmp_path / "0", "four-dimensional")


def test_of_a_damaged_and_a_whole_copy_the_whole_one_is_read(tmp_path):
    folder = write_series(tmp_path / "s", volume(SHAPE), steps(np.arange(12) * 3.0))
    first = files(folder)[4]
    (folder / "zz.dcm").write_bytes(first.read_bytes())
    changed(first, lambda data: setattr(data, "PixelData", data.PixelData[:400]))
    first.write_bytes((folder / "zz.dcm").read_bytes()[:-400])
    image = read_image(folder)
    assert np.array_equal(image.voxels, volume(SHAPE)) and codes(image) == ["copies"]
    assert first.name in image.notices[0].message.split("(")[0]


# -- D7: what lies beside a series -------------------------------------------------------------------------------------

BESIDE = {"SR": "1.2.840.10008.5.1.4.1.1.88.33", "RTSTRUCT": "1.2.840.10008.5.1.4.1.1.481.3",
          "PR": "1.2.840.10008.5.1.4.1.1.11.1", "DOC": "1.2.840.10008.5.1.4.1.1.104.1"}


@pytest.mark.parametrize("modality", BESIDE)
def test_objects_without_pixels_are_named(tmp_path, modality):
    folder = write_series(tmp_path / "s", volume(SHAPE), steps(np.arange(12) * 3.0))
    path = write_dicom(folder / "beside.dcm", volume((20, 24)), sop_class=BESIDE[modality], modality=modality)

    def without(data):
        del data.PixelData, data.Rows, data.Columns

    changed(path, without)
    image = read_image(folder)
    assert np.array_equal(image.voxels, volume(SHAPE)) and codes(image) == ["other-objects"]
    assert "beside.dcm" in image.notices[0].message and modality in image.notices[0].message


def test_screenshots_beside_a_series_are_not_taken_for_it(tmp_path):
    folder = write_series(tmp_path / "s", volume(SHAPE), steps(np.arange(12) * 3.0), SeriesNumber=2)
    for n in range(15):
        write_dicom(folder / "shot{}.dcm".format(n), np.full((40, 48, 3), n, np.uint8), modality="OT", series="1.9",
                    SeriesDescription="dose report", sop_class="1.2.840.10008.5.1.4.1.1.7")
    image = read_image(folder)
    assert np.array_equal(image.voxels, volume(SHAPE)) and "dose report" in image.notices[0].message


# -- D8, D11: places and numbers ---------------------------------------------------------------------------------------

def test_unequal_steps_of_turned_slices_with_one_missing(tmp_path):
    depths = np.delete(np.concatenate([np.arange(8) * 2.0, 14.0 + np.arange(1, 9) * 3.5]), 11)
    places = np.outer(depths, TURNED[:, 2]) + [5.0, -7.0, 11.0]
    voxels = np.repeat(np.round(depths * 10)[:, None, None], 20, 1).repeat(24, 2)
    image = read_image(write_series(tmp_path / "s", voxels, places, [*TURNED[:, 0], *TURNED[:, 1]], modality="CT",
                                    sop_class=CT, order=np.arange(15)[::-1]))
    assert codes(image) == ["unequal-slices"] and "one may be missing" in image.notices[0].message
    for k in range(len(image.voxels)):
        depth = (at(image, k) - [5.0, -7.0, 11.0]) @ TURNED[:, 2]
        assert abs(image.voxels[k, 3, 3] / 10.0 - depth) < 0.1


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("high", [11, 15])
def test_twelve_bits_in_sixteen(tmp_path, signed, high):
    """Old files keep the bits of overlays beside those of the picture."""
    values = volume((20, 24), "int16") % 4096 - (2048 if signed else 0)
    stored = ((values.astype(np.int64) & 0xFFF) << (high - 11)) | (0xF000 if high == 11 else 0x000F)
    path = write_dicom(tmp_path / "x.dcm", stored.astype(np.uint16))
    changed(path, lambda data: data.update({"BitsStored": 12, "HighBit": high, "PixelRepresentation": int(signed)}))
    assert np.array_equal(read_image(path).voxels[0], values)


def test_an_inverse_presentation_is_a_negative(tmp_path):
    pixels = volume((40, 48), "uint16")
    path = write_dicom(tmp_path / "x.dcm", pixels, sop_class=CR, modality="DX", PresentationLUTShape="INVERSE")
    assert np.array_equal(read_image(path).voxels[0], 65535 - pixels)


@pytest.mark.parametrize("coloured", [False, True])
def test_a_palette_of_greys_is_read_and_one_of_colours_refused(tmp_path, coloured):
    pixels = volume((40, 48), "uint16") % 256
    path = write_dicom(tmp_path / "x.dcm", pixels, modality="US", PhotometricInterpretation="PALETTE COLOR")

    def palette(data):
        data.BitsAllocated = data.BitsStored = 8
        data.HighBit, data.PixelData = 7, pixels.astype(np.uint8).tobytes()
        for n, name in enumerate(("Red", "Green", "Blue")):
            ramp = (np.arange(256)[::-1] * 256 // (1 + (coloured and n))).astype("<u2")
            data.add_new(name + "PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
            data.add_new(name + "PaletteColorLookupTableData", "OW", ramp.tobytes())

    changed(path, palette)
    if coloured:
        refused(path, "colour-image")
    else:
        shown = np.unique([pixels.ravel(), read_image(path).voxels[0].ravel()], axis=1).astype(int)
        assert (np.diff(shown[0]) == 1).all() and (np.diff(shown[1]) < 0).all(), "one grey each, in falling order"


# -- D9: what tells the images of one place apart ----------------------------------------------------------------------

@pytest.mark.parametrize("tag, values, words", [
    ("AcquisitionNumber", [1, 2], "2 acquisitions"), ("TemporalPositionIdentifier", [1, 2, 3], "3 time points"),
    ("TriggerTime", [0.0, 40.0], "2 phases of a cycle: 0.0, 40.0 ms"), ("DiffusionBValue", [0.0, 1000.0], "s/mm2"),
    ("InversionTime", [30.0, 900.0], "2 inversion times"),
    ("ImageType", [["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"]], "2 kinds of image")])
def test_time_series_say_in_what_their_images_differ(tmp_path, tag, values, words):
    count = len(values)
    folder = write_series(tmp_path / "s", volume((4 * count, 20, 24)), steps(np.repeat(np.arange(4) * 3.0, count)))
    for n, path in enumerate(files(folder)):
        changed(path, lambda data, n=n: setattr(data, tag, values[n % count]))
    assert words in refused(folder, "four-dimensional")


# -- D10: sizes --------------------------------------------------------------------------------------------------------

def test_a_deflated_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(header, "UNPACKED", 1 << 24)
    maker = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = maker.compress(bytes(1 << 25)) + maker.flush()
    meta = b"\x02\x00\x10\x00UI\x16\x001.2.840.10008.1.2.1.99"
    (tmp_path / "bomb.dcm").write_bytes(
        b"\0" * 128 + b"DICM\x02\0\0\0UL\x04\0" + struct.pack("<I", len(meta)) + meta + body)
    refused(tmp_path / "bomb.dcm", "damaged-file")


@pytest.mark.parametrize("frames", ["99999999", "2147483647"])
def test_frames_that_are_not_there(tmp_path, frames):
    path = write_dicom(tmp_path / "x.dcm", volume((20, 24)), sop_class=MR)
    changed(path, lambda data: setattr(data, "NumberOfFrames", frames))
    refused(path, "damaged-file")


# -- D12: media --------------------------------------------------------------------------------------------------------

def medium(place, patients):
    """A folder with a DICOMDIR and one series of each patient, all names in capitals."""
    from pydicom.fileset import FileSet

    found = FileSet()
    for patient in patients:
        folder = write_series(place / patient, volume(SHAPE), steps(np.arange(12) * 3.0), series="1.2.3." + str(
            len(patient)), PatientID=patient, SeriesNumber=len(patient), StudyDate="20200101", StudyTime="10",
            StudyID="1", SeriesDescription="series of " + str(len(patient)))
        for path in files(folder):
            changed(path, lambda data, patient=patient: data.update({"PatientID": patient, "PatientName": patient,
                                                                     "StudyInstanceUID": "1.2.9." + str(len(patient))}))
            found.add(path)
    found.write(place / "medium")
    return place / "medium"


def test_a_medium_with_one_patient_is_read_also_where_its_names_are_in_small_letters(tmp_path):
    place = medium(tmp_path, ["AB"])
    assert np.array_equal(read_image(place / "DICOMDIR").voxels, volume(SHAPE))
    for path in sorted(place.rglob("*"), key=lambda each: -len(each.parts)):
        path.rename(path.with_name(path.name.lower()))
    image = read_image(place / "dicomdir")
    assert np.array_equal(image.voxels, volume(SHAPE)) and image.notices == []


def test_a_medium_with_two_patients_is_refused_and_a_series_of_it_read(tmp_path):
    place = medium(tmp_path, ["AB", "CDE"])
    for source in (place, place / "DICOMDIR"):
        message = refused(source, "several-patients")
        assert "2 patients" in message and "CDE" not in message
        assert np.array_equal(read_image(source, series="3").voxels, volume(SHAPE))


def test_a_table_of_contents_that_names_missing_files_and_files_elsewhere(tmp_path):
    place = medium(tmp_path, ["AB"])
    gone = next(path for path in sorted(place.rglob("*")) if path.is_file() and path.name != "DICOMDIR")
    gone.unlink()
    image = read_image(place / "DICOMDIR")
    assert "damaged-files" in codes(image) and "missing, although" in " ".join(n.message for n in image.notices)

    def lead_out(data):
        for record in data.DirectoryRecordSequence:
            if "ReferencedFileID" in record:
                record.ReferencedFileID = ["..", "AB", "X"]

    with pytest.warns(UserWarning):  # pydicom's, of the name that is not one
        changed(place / "DICOMDIR", lead_out)
    refused(place / "DICOMDIR", "no-image-in-folder")
