"""NIfTI-1 and NIfTI-2 files, single or in pairs, read and written without ITK.

ITK refuses sheared geometry, fills a truncated file with zeros, replaces a zero spacing by one and reports no error
when the disk is full: each of these would be a silently wrong result.  Where a file holds two geometries, the choice
is ITK's all the same (see `_affine`), so that a volume lies here where 3D Slicer shows it.  The fields of a header are
read by nibabel; writing needs numpy only, as the panel writes too.

Source: the nifti1.h and nifti2.h definitions (nifti.nimh.nih.gov).
"""
from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np

from ..detection import Notice
from ..errors import UnreadableFileError, UnsupportedImageError
from ..geometry import is_orthogonal, spacing_of
from .content import Content, damaged

TYPES: Dict[int, str] = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4",
                         1024: "i8", 1280: "u8"}
COLOUR: Dict[int, int] = {128: 3, 2304: 4}  # RGB and RGBA, one byte each
MILLIMETRES: Dict[int, float] = {1: 1000.0, 2: 1.0, 3: 0.001}  # low three bits of xyzt_units: m, mm, um
TILT = 1e-4  # largest cosine between sform axes that still counts as orthogonal, as in ITK
SLICERS = "The file holds two different positions or sizes of the volume; the one that 3D Slicer shows is used."
ANOTHER = ("The file holds two different sizes of the volume, of which one is zero or negative; the other is used, and "
           "3D Slicer may show the volume elsewhere.")
FORM_TOLERANCE = 1e-4  # mm; qform and sform closer than this are one geometry


Header = Any  # of nibabel: a record whose fields are those of the definition


def read_nifti(path: Path) -> Tuple[np.ndarray, np.ndarray, List[Notice]]:
    """(voxels, ijk_to_ras, notices) of a .nii or .nii.gz file, or of a pair .hdr and .img, packed or not.

    Voxels are (K, J, I) in the stored type, or (K, J, I, 3 or 4) for colour; scaled values become float.

    Raises:
        UnreadableFileError: truncated, damaged or not NIfTI.
        UnsupportedImageError: more than three dimensions, complex numbers, other rare types.
    """
    described, stored = pair_of(path)
    content, single = Content(described), described == stored
    header = _parse(content.start(540), path, single)
    shape = _shape(header, path)
    dtype = np.dtype(header.endianness + TYPES.get(int(header["datatype"]), "u1"))
    offset, end = int(header["vox_offset"]), 352 if int(header["sizeof_hdr"]) == 348 else 544
    notices: List[Notice] = []
    if single and offset < end:  # programs that write 0 mean the first byte after the header
        notices.append(Notice("voxels-in-header", "The file says that its voxels begin inside its header; they are "
                                                  "read from where the header ends."))
        offset = end
    if not single:
        content = Content(stored)
    data = content.whole(offset + int(np.prod(shape, dtype=object)) * dtype.itemsize)
    if content.foreign:
        notices.append(Notice("foreign-bytes", "Something that is not part of the image follows it in the file; it is "
                                               "left out."))
    voxels = np.frombuffer(data, dtype, int(np.prod(shape)), offset).reshape(shape)
    with np.errstate(all="ignore"):  # a header of nonsense gives no geometry, which `check_geometry` refuses
        affine, more = _affine(header)
        return _scaled(voxels, header), affine, notices + more


def pair_of(path: Path) -> Tuple[Path, Path]:
    """(file of the header, file of the voxels): the same for .nii.

    Raises:
        UnreadableFileError: the other file of a pair is not there.
    """
    base = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    suffix = base[-4:].lower()
    if suffix not in (".hdr", ".img"):
        return path, path
    wanted = ".img" if suffix == ".hdr" else ".hdr"
    names = [base[:-4] + wanted, base[:-4] + wanted + ".gz"]
    there = {each.name.lower(): each for each in path.parent.iterdir()}
    other = next((there[name.lower()] for name in names if name.lower() in there), None)
    if other is None:
        raise UnreadableFileError("{} is one half of an image; {} must lie beside it.".format(path.name, names[0]),
                                  code="file-missing")
    return (path, other) if suffix == ".hdr" else (other, path)


def write_nifti(path: Path, array: np.ndarray, ijk_to_ras: np.ndarray) -> None:
    """Write (K, J, I) voxels as NIfTI-1, compressed when the name ends in .gz.

    The geometry is kept as float32 (the format's own precision, 6e-8 relative).  The sform is always right; the qform
    is written too unless the geometry is sheared, which a qform cannot hold.

    Raises:
        OSError: the file cannot be written.
    """
    codes = {name: code for code, name in TYPES.items()}
    data = np.ascontiguousarray(array)
    code = codes[data.dtype.str[1:]]
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *data.shape[::-1], 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, code, 8 * data.dtype.itemsize)
    quaternion, qfac = _quaternion(ijk_to_ras)
    struct.pack_into("<8f", header, 76, qfac, *spacing_of(ijk_to_ras), 0, 0, 0, 0)
    struct.pack_into("<3f", header, 108, 352.0, 1.0, 0.0)
    header[123] = 2  # mm
    struct.pack_into("<2h", header, 252, 1 if is_orthogonal(ijk_to_ras, TILT) else 0, 1)
    struct.pack_into("<6f", header, 256, *quaternion, *ijk_to_ras[:3, 3])
    struct.pack_into("<12f", header, 280, *np.asarray(ijk_to_ras)[:3].ravel())
    header[344:348] = b"n+1\x00"
    packed = path.suffix == ".gz"
    with (gzip.open(path, "wb", compresslevel=6) if packed else open(path, "wb")) as stream:
        stream.write(header)
        stream.write(data.astype(data.dtype.newbyteorder("<"), copy=False).tobytes())


def _parse(start: bytes, path: Path, single: bool) -> Header:
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    for order in "<>":
        if len(start) >= 348 and struct.unpack_from(order + "i", start)[0] == 348:
            if start[344:348] == (b"n+1\x00" if single else b"ni1\x00"):
                return Nifti1Header(start[:348], order, check=False)
            if start[344:347] not in (b"n+1", b"ni1") and not single:
                raise UnreadableFileError("{} is an ANALYZE image, which does not say which side is left; save it as "
                                          "NIfTI (.nii.gz) with a program that knows.".format(path.name),
                                          code="no-sides")
        if len(start) >= 540 and struct.unpack_from(order + "i", start)[0] == 540 and (
                start[4:7] == (b"n+2" if single else b"ni2")):
            return Nifti2Header(start[:540], order, check=False)
    if start[344:348] == b"ni1\x00":
        raise UnreadableFileError("{} is only the header of a two-part NIfTI; give the file .hdr beside its .img, or "
                                  "save it as one .nii.gz file.".format(path.name), code="not-an-image")
    raise UnreadableFileError("{} is not a NIfTI image, although its name says so.".format(path.name),
                              "no NIfTI header in {} bytes".format(len(start)), code="not-an-image")


def _shape(header: Header, path: Path) -> Tuple[int, ...]:
    dim, kind = [int(size) for size in header["dim"]], int(header["datatype"])
    count, offset = dim[0], float(header["vox_offset"])
    if not 1 <= count <= 7 or min(dim[1:count + 1]) < 1 or not 0 <= offset < 2**31:
        raise damaged(path, "dimensions {}, voxels at {}".format(dim, offset))
    sizes = dim[1:count + 1] + [1] * (3 - count)
    if max(sizes[3:], default=1) > 1:
        raise UnsupportedImageError("The image has more than three dimensions (a time series or several contrasts); "
                                    "extract one volume first.", "size {}".format(sizes), code="four-dimensional")
    if kind in COLOUR:
        return (*sizes[2::-1], COLOUR[kind])
    if kind not in TYPES:
        raise UnsupportedImageError("The image holds a kind of number that cannot be analysed, such as complex "
                                    "values; save its magnitude.", "NIfTI datatype {}".format(kind),
                                    code="unsupported-numbers")
    return tuple(sizes[2::-1])


def _scaled(voxels: np.ndarray, header: Header) -> np.ndarray:
    native = voxels.astype(voxels.dtype.newbyteorder("="))
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    scales = np.isfinite([slope, intercept]).all() and slope != 0.0 and (slope, intercept) != (1.0, 0.0)
    if not scales or int(header["datatype"]) in COLOUR:
        return native
    narrow = native.dtype.itemsize <= 2 or native.dtype == np.float32
    scaled = native.astype(np.float32 if narrow else np.float64)
    scaled *= slope
    scaled += intercept
    return scaled


def _affine(header: Header) -> Tuple[np.ndarray, List[Notice]]:
    """ijk_to_ras, by ITK's rule: the sform if it is the scanner's or agrees with the qform, otherwise the qform; of
    the sform the directions, with the spacing that stands beside it.  Where nibabel lays it elsewhere, a notice."""
    pixdim = np.asarray(header["pixdim"], dtype=np.float64)
    notices: List[Notice] = []
    if (int(header["dim"][0]) < 3 or int(header["dim"][3]) == 1) and pixdim[3] == 0.0:
        pixdim[3] = 1.0
        notices.append(Notice("no-thickness", "The file does not say how thick its slice is; volumes in ml are as of "
                                              "1 mm."))
    sform = np.vstack([[header[row] for row in ("srow_x", "srow_y", "srow_z")], [0, 0, 0, 1]]).astype(np.float64)
    coded, spacing = int(header["sform_code"]) > 0, pixdim[1:4]
    spaced = bool(np.isfinite(spacing).all() and spacing.min() > 0.0)
    qform = _qform(header, pixdim) if spaced else sform
    used = sform
    if not coded and not spaced:
        raise UnsupportedImageError("The image does not say where its voxels lie: its spacing is zero or negative.",
                                    "pixdim {}".format(header["pixdim"]), code="bad-geometry")
    if not coded and int(header["qform_code"]) > 0:
        used = qform
    elif not coded:
        used = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
        notices.append(Notice("no-orientation", "The file does not say how the volume lies in the patient; left and "
                                                "right may be exchanged."))
    elif np.isfinite(sform).all() and min(spacing_of(sform)) > 0.0:
        used = _of_two(header, sform, qform, spacing if spaced else np.zeros(3))
        if np.abs(used - sform).max() > FORM_TOLERANCE or not spaced or (
                int(header["qform_code"]) > 0 and np.abs(qform - sform).max() > FORM_TOLERANCE):
            notices.append(Notice("two-geometries", SLICERS if spaced else ANOTHER))
    if int(header["dim"][0]) < 3:
        flat = used * np.array([[1, 1, 0, 1], [1, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]])
        if np.abs(flat - used).max() > FORM_TOLERANCE:
            notices.append(Notice("tilted-slice", "The file holds one tilted slice; 3D Slicer leaves the tilt out, and "
                                                  "may show it elsewhere."))
    scale = MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    return np.diag([scale, scale, scale, 1.0]) @ used, notices


def _of_two(header: Header, sform: np.ndarray, qform: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """What ITK makes of a sform; `spacing` is zero where the file has none."""
    if not spacing.any():
        return sform
    straight, among = is_orthogonal(sform, TILT), int(header["qform_code"]) > 0
    sized = sform.copy()
    sized[:3, :3] *= spacing / spacing_of(sform)
    if not among:
        return sized if straight else sform
    agree = bool(np.allclose(sform, qform, rtol=0.0, atol=FORM_TOLERANCE))
    return sized if straight and (int(header["sform_code"]) == 1 or agree) else qform


def _qform(header: Header, pixdim: np.ndarray) -> np.ndarray:
    b, c, d = (float(header[name]) for name in ("quatern_b", "quatern_c", "quatern_d"))
    rest = 1.0 - (b * b + c * c + d * d)
    a = np.sqrt(rest) if rest > 1e-7 else 0.0  # less is rounding of 32-bit numbers, also to the NIfTI library
    length = np.sqrt(a * a + b * b + c * c + d * d)
    a, b, c, d = a / length, b / length, c / length, d / length
    rotation = np.array([[a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
                         [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
                         [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b]])
    qfac = -1.0 if pixdim[0] < 0 else 1.0
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * (pixdim[1:4] * (1.0, 1.0, qfac))
    matrix[:3, 3] = [header[name] for name in ("qoffset_x", "qoffset_y", "qoffset_z")]
    return matrix


def _quaternion(ijk_to_ras: np.ndarray) -> Tuple[Tuple[float, float, float], float]:
    """((b, c, d), qfac) of the rotation nearest to the directions; the eigenvector form is stable for all angles."""
    directions = np.asarray(ijk_to_ras, dtype=np.float64)[:3, :3] / spacing_of(ijk_to_ras)
    qfac = 1.0 if np.linalg.det(directions) > 0 else -1.0
    r = directions * (1.0, 1.0, qfac)
    k = np.array([
        [r[0, 0] - r[1, 1] - r[2, 2], 0.0, 0.0, 0.0],
        [r[0, 1] + r[1, 0], r[1, 1] - r[0, 0] - r[2, 2], 0.0, 0.0],
        [r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], r[2, 2] - r[0, 0] - r[1, 1], 0.0],
        [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], r[0, 0] + r[1, 1] + r[2, 2]]]) / 3.0
    values, vectors = np.linalg.eigh(k)  # of the lower triangle
    b, c, d, a = vectors[:, values.argmax()]
    sign = -1.0 if a < 0 else 1.0
    return (float(sign * b), float(sign * c), float(sign * d)), qfac
