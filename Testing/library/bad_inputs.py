"""Inputs that go wrong in hospitals and on disks, and what must become of each: one table for library, command line and
worker.

A case is right when the input is refused with the typed error it names, or is read correctly and `verify` is content.
"""
from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Optional, Tuple, Type

import numpy as np
from dicom_files import CR, SEGMENTATION, ULTRASOUND_FILM, write_dicom, write_series
from geometries import GEOMETRIES

from SPMambaLib.detection import Notice
from SPMambaLib.errors import SPMambaError, UnreadableFileError, UnsupportedImageError
from SPMambaLib.io.image import Image, write_image

SHAPE = (18, 20, 24)
LPS = np.diag([-1.0, -1.0, 2.0, 1.0])
Verify = Callable[[Image, np.ndarray, List[Notice]], None]


@dataclass(frozen=True)
class Case:
    """`make(folder)` writes the input and returns its path; either `error` with `code`, or `verify`, is expected."""

    name: str
    make: Callable[[Path], Path]
    error: Optional[Type[SPMambaError]] = None
    code: str = ""
    verify: Optional[Verify] = None


def voxels(dtype: str = "int16") -> np.ndarray:
    """A bright ball in noise, (K, J, I)."""
    k, j, i = np.indices(SHAPE)
    ball = (k - 8.0) ** 2 + (j - 9.0) ** 2 + (i - 12.0) ** 2 < 40.0
    return (np.random.default_rng(0).integers(0, 20, SHAPE) + 100 * ball).astype(dtype)


def written(name: str, array: np.ndarray, ijk_to_ras: np.ndarray = LPS) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_image(folder / name, array, ijk_to_ras)
        return folder / name

    return make


def content(name: str, data: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def shortened(name: str, part: float) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = written(name, voxels())(folder)
        data = path.read_bytes()
        path.write_bytes(data[:int(part * len(data))])
        return path

    return make


def wrong_checksum(folder: Path) -> Path:
    """All bytes are there, but one of them is not what was written."""
    path = written("volume.nii.gz", voxels())(folder)
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # gzip ends with the checksum and the length, four bytes each
    path.write_bytes(data)
    return path


def patched(*changes: Tuple[int, str, Tuple[float, ...]]) -> Callable[[Path], Path]:
    """A NIfTI whose header fields (offset, struct format, values) are overwritten."""
    def make(folder: Path) -> Path:
        path = written("patched.nii", voxels())(folder)
        data = bytearray(path.read_bytes())
        for offset, layout, values in changes:
            struct.pack_into("<" + layout, data, offset, *values)
        path.write_bytes(data)
        return path

    return make


def picture(name: str, pixels: np.ndarray, part: float = 1.0) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        from PIL import Image as Picture

        path = folder / name
        Picture.fromarray(pixels).save(path)
        data = path.read_bytes()
        path.write_bytes(data[:int(part * len(data))])
        return path

    return make


def nrrd(fields: str) -> Callable[[Path], Path]:
    header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 24 20 18\nencoding: raw\nendian: little\n" + fields
    return content("volume.nrrd", header.encode() + b"\n\n" + voxels().tobytes())


def metaimage(fields: str) -> Callable[[Path], Path]:
    header = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nDimSize = 24 20 18\n" \
             + fields + "\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    return content("volume.mha", header.encode() + voxels().tobytes())


def with_nan(share: float, value: float = np.nan) -> np.ndarray:
    array = voxels("float32") + 5.0
    array[np.random.default_rng(1).random(SHAPE) < share] = value
    return array


def grey_ramp(rows: int = 64, columns: int = 48) -> np.ndarray:
    return np.add.outer(np.arange(rows), np.arange(columns)).astype(np.uint8)


def four_dimensional_nrrd(folder: Path) -> Path:
    import SimpleITK as sitk

    sitk.WriteImage(sitk.JoinSeries([sitk.GetImageFromArray(voxels())] * 2), str(folder / "time.nrrd"))
    return folder / "time.nrrd"


def vector_nrrd(folder: Path) -> Path:
    import SimpleITK as sitk

    array = np.stack([voxels("float32"), -voxels("float32"), 2 * voxels("float32")], axis=-1)
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=True), str(folder / "vectors.nrrd"))
    return folder / "vectors.nrrd"


def stack(positions: np.ndarray) -> Callable[[Path], Path]:
    return lambda folder: write_series(folder / "series", voxels()[:len(positions)], positions)


def equal_steps(count: int = 18) -> np.ndarray:
    return np.outer(np.arange(count), (0.0, 0.0, 2.0))


def radiographs(folder: Path) -> Path:
    for n in range(2):
        write_dicom(folder / "{}.dcm".format(n), grey_ramp() * (n + 1), sop_class=CR, modality="CR")
    return folder


def as_written(dtype: str, ijk_to_ras: np.ndarray = LPS) -> Verify:
    def verify(image: Image, clean: np.ndarray, notices: List[Notice]) -> None:
        assert image.voxels.dtype == dtype and np.array_equal(image.voxels, voxels(dtype)[:len(clean)])
        assert clean.dtype == np.float32 and np.array_equal(clean, image.voxels.astype(np.float32))
        scale = max(1.0, np.abs(ijk_to_ras).max())
        assert np.abs(image.ijk_to_ras - ijk_to_ras).max() < 1e-6 * scale and notices == []

    return verify


def noticed(code: str) -> Verify:
    def verify(image: Image, clean: np.ndarray, notices: List[Notice]) -> None:
        assert [n.code for n in notices] == [code] and np.isfinite(clean).all()

    return verify


def replaced(image: Image, clean: np.ndarray, notices: List[Notice]) -> None:
    """What was there stays; what was missing is background."""
    finite = np.isfinite(image.voxels)
    assert not finite.all() and [n.code for n in notices] == ["nan-replaced"]
    assert np.array_equal(clean[finite], image.voxels[finite]) and (clean[~finite] == image.voxels[finite].min()).all()


def mirrored(image: Image, clean: np.ndarray, notices: List[Notice]) -> None:
    """A negative spacing runs the axis backwards."""
    assert np.allclose(image.ijk_to_ras, np.diag([-1.0, 2.0, 3.0, 1.0])) and image.spacing == (1.0, 2.0, 3.0)


def grey_picture(image: Image, clean: np.ndarray, notices: List[Notice]) -> None:
    assert image.kind == "image" and np.abs(clean[0] - grey_ramp()).max() <= 2


UNREADABLE, UNSUPPORTED = UnreadableFileError, UnsupportedImageError
SFORM_ONLY, QFORM_ONLY = (252, "2h", (0, 1)), (252, "2h", (1, 0))
LEFT_HANDED, SHEARED = GEOMETRIES["left-handed"][0], GEOMETRIES["sheared"][0]
COLOURS = np.stack([grey_ramp(), grey_ramp()[::-1], grey_ramp()[:, ::-1]], axis=-1)
ONE_ROW = np.arange(24, dtype=np.int16).reshape(1, 1, 24)

CASES: List[Case] = [
    # Files that are not there, or not whole, or not what their name says.
    Case("missing file", lambda folder: folder / "nowhere.nii.gz", UNREADABLE, "file-missing"),
    Case("missing folder", lambda folder: folder / "no" / "series", UNREADABLE, "file-missing"),
    Case("empty file", content("empty.nii.gz", b""), UNREADABLE, "damaged-file"),
    Case("text named .nii.gz", content("text.nii.gz", b"these are my notes\n" * 40), UNREADABLE, "not-an-image"),
    Case("packed text named .nii.gz", content("text.nii.gz", gzip.compress(b"notes\n" * 400)), UNREADABLE,
         "not-an-image"),
    Case("text named .nrrd", content("text.nrrd", b"these are my notes\n"), UNREADABLE, "unreadable-file"),
    Case("text named .mha", content("text.mha", b"these are my notes\n"), UNREADABLE, "unreadable-file"),
    Case("text named .png", content("text.png", b"these are my notes\n"), UNREADABLE, "unreadable-file"),
    Case("text named .dcm", content("text.dcm", b"these are my notes\n"), UNREADABLE, "not-an-image"),
    Case("unknown kind of file", content("notes.txt", b"these are my notes\n"), UNREADABLE, "not-an-image"),
    Case("folder without images", lambda folder: content("notes.txt", b"text")(folder).parent, UNREADABLE,
         "no-image-in-folder"),
    Case("truncated .nii.gz", shortened("volume.nii.gz", 0.6), UNREADABLE, "damaged-file"),
    Case("truncated .nii", shortened("volume.nii", 0.6), UNREADABLE, "damaged-file"),
    Case("wrong checksum", wrong_checksum, UNREADABLE, "damaged-file"),
    Case("NIfTI header only", shortened("volume.nii", 0.02), UNREADABLE, "damaged-file"),
    Case("truncated .nrrd", shortened("volume.nrrd", 0.6), UNREADABLE, "unreadable-file"),
    Case("truncated .mha", shortened("volume.mha", 0.6), UNREADABLE, "unreadable-file"),
    Case("truncated PNG", picture("grey.png", grey_ramp(), 0.6), UNREADABLE, "unreadable-file"),
    Case("truncated JPEG", picture("grey.jpg", grey_ramp(), 0.8), UNREADABLE, "damaged-file"),
    Case("truncated BMP", picture("grey.bmp", grey_ramp(), 0.6), UNREADABLE, "damaged-file"),
    Case("impossible dimensions", patched((40, "8h", (3, 24, -20, 18, 1, 1, 1, 1))), UNREADABLE, "damaged-file"),
    Case("dimensions beyond the file", patched((40, "8h", (3, 32000, 32000, 32000, 1, 1, 1, 1))), UNREADABLE,
         "damaged-file"),
    # Images that were read but cannot be analysed.
    Case("colour PNG", picture("colour.png", COLOURS), UNSUPPORTED, "colour-image"),
    Case("colour NIfTI", patched((70, "2h", (128, 24)), (40, "8h", (3, 24, 20, 4, 1, 1, 1, 1))), UNSUPPORTED,
         "colour-image"),
    Case("colour DICOM", lambda folder: write_dicom(folder / "rgb.dcm", COLOURS, modality="OT"), UNSUPPORTED,
         "colour-image"),
    Case("vector NRRD", vector_nrrd, UNSUPPORTED, "colour-image"),
    Case("complex NIfTI", patched((70, "2h", (32, 64)), (40, "8h", (3, 24, 20, 4, 1, 1, 1, 1))), UNSUPPORTED,
         "unsupported-numbers"),
    Case("4D NIfTI", patched((40, "8h", (4, 24, 20, 9, 2, 1, 1, 1))), UNSUPPORTED, "four-dimensional"),
    Case("4D NRRD", four_dimensional_nrrd, UNSUPPORTED, "four-dimensional"),
    Case("DICOM time series", stack(np.repeat(equal_steps(9), 2, axis=0)), UNSUPPORTED, "four-dimensional"),
    Case("DICOM film", lambda folder: write_dicom(folder / "us.dcm", voxels(), sop_class=ULTRASOUND_FILM,
                                                  modality="US"), UNSUPPORTED, "four-dimensional"),
    Case("DICOM segmentation", lambda folder: write_dicom(folder / "seg.dcm", voxels(), sop_class=SEGMENTATION,
                                                          modality="SEG"), UNSUPPORTED, "not-an-image"),
    Case("folder of radiographs", radiographs, UNSUPPORTED, "several-images"),
    Case("all NaN", written("nan.nii.gz", with_nan(1.1)), UNSUPPORTED, "no-finite-voxels"),
    Case("all infinite", written("inf.nrrd", with_nan(1.1, np.inf)), UNSUPPORTED, "no-finite-voxels"),
    Case("constant", written("constant.nii.gz", np.full(SHAPE, 7, np.int16)), UNSUPPORTED, "constant-image"),
    Case("constant but for NaN", written("constant.nrrd", np.where(np.isnan(with_nan(0.2)), np.nan, 7.0)), UNSUPPORTED,
         "constant-image"),
    Case("3 voxels", written("tiny.nii.gz", np.array([[[1, 2, 3]]], np.int16)), UNSUPPORTED, "too-small"),
    Case("one row of voxels", written("row.nrrd", ONE_ROW), UNSUPPORTED, "too-small"),
    # Geometry that makes no sense.
    Case("NIfTI spacing zero", patched(QFORM_ONLY, (80, "3f", (1, 0, 2))), UNSUPPORTED, "bad-geometry"),
    Case("NIfTI spacing negative", patched(QFORM_ONLY, (80, "3f", (1, -2, 2))), UNSUPPORTED, "bad-geometry"),
    Case("NIfTI spacing NaN", patched((252, "2h", (0, 0)), (80, "3f", (1, np.nan, 2))), UNSUPPORTED, "bad-geometry"),
    Case("NIfTI directions zero", patched(SFORM_ONLY, (280, "12f", (0,) * 12)), UNSUPPORTED, "bad-geometry"),
    Case("NIfTI directions NaN", patched(SFORM_ONLY, (280, "12f", (np.nan,) * 12)), UNSUPPORTED, "bad-geometry"),
    Case("NRRD directions zero", nrrd("space: right-anterior-superior\nspace directions: (1,0,0) (0,0,0) (0,0,2)\n"
                                      "space origin: (0,0,0)"), UNREADABLE, "unreadable-file"),
    Case("NRRD axes parallel", nrrd("space: right-anterior-superior\nspace directions: (1,0,0) (1,0,0) (0,0,2)\n"
                                    "space origin: (0,0,0)"), UNREADABLE, "unreadable-file"),
    Case("MetaImage spacing zero", metaimage("ElementSpacing = 1 0 3"), UNREADABLE, "unreadable-file"),
    # Unusual, and still read right.
    Case("int64", written("int64.nii.gz", voxels("int64")), verify=as_written("int64")),
    Case("uint64 NRRD", written("uint64.nrrd", voxels("uint64")), verify=as_written("uint64")),
    Case("float64", written("float64.nii", voxels("float64")), verify=as_written("float64")),
    Case("one slice", written("slice.nii.gz", voxels()[:1]), verify=as_written("int16")),
    Case("one slice NRRD", written("slice.nrrd", voxels()[:1]), verify=as_written("int16")),
    Case("left-handed", written("left.nii.gz", voxels(), LEFT_HANDED), verify=as_written("int16", LEFT_HANDED)),
    Case("left-handed NRRD", written("left.nrrd", voxels(), LEFT_HANDED), verify=as_written("int16", LEFT_HANDED)),
    Case("non-orthogonal axes", written("shear.nii.gz", voxels(), SHEARED), verify=as_written("int16", SHEARED)),
    Case("non-orthogonal NRRD", written("shear.nrrd", voxels(), SHEARED), verify=as_written("int16", SHEARED)),
    Case("non-orthogonal MetaImage", written("shear.mha", voxels(), SHEARED), verify=as_written("int16", SHEARED)),
    Case("zero spacing beside a good sform", patched((80, "3f", (0, 0, 0))), verify=noticed("two-geometries")),
    Case("negative spacing NRRD", nrrd("spacings: 1 -2 3"), verify=mirrored),
    Case("negative spacing MetaImage", metaimage("ElementSpacing = 1 -2 3"), verify=mirrored),
    Case("some NaN", written("some.nii.gz", with_nan(0.3)), verify=replaced),
    Case("some infinite", written("some.nrrd", with_nan(0.3, -np.inf)), verify=replaced),
    Case("no orientation", patched((252, "2h", (0, 0))), verify=noticed("no-orientation")),
    Case("a slice is missing", stack(np.delete(equal_steps(), 7, axis=0)), verify=noticed("unequal-slices")),
    Case("grey stored as colour", picture("grey.jpg", np.stack([grey_ramp()] * 3, axis=-1)), verify=grey_picture),
    Case("not packed in spite of its name", lambda folder: written("plain.nii", voxels())(folder).rename(
        folder / "plain.nii.gz"), verify=as_written("int16")),
]
