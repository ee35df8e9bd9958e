"""NIfTI-1 and NIfTI-2 files, read and written without ITK.

ITK refuses sheared geometry, fills a truncated file with zeros, replaces a zero spacing by one and reports no error
when the disk is full: each of these would be a silently wrong result.  Where a file holds two geometries, the choice
is ITK's all the same (see `_affine`), so that a volume lies here where 3D Slicer shows it.

Source: the nifti1.h and nifti2.h definitions (nifti.nimh.nih.gov).  Light: numpy only.
"""
from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np

from ..detection import Notice
from ..errors import UnreadableFileError, UnsupportedImageError
from ..geometry import is_orthogonal, spacing_of

TYPES: Dict[int, str] = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4",
                         1024: "i8", 1280: "u8"}
COLOUR: Dict[int, int] = {128: 3, 2304: 4}  # RGB and RGBA, one byte each
MILLIMETRES: Dict[int, float] = {1: 1000.0, 2: 1.0, 3: 0.001}  # low three bits of xyzt_units: m, mm, um
TILT = 1e-4  # largest cosine between sform axes that still counts as orthogonal, as in ITK
CHUNK = 1 << 24  # bytes read at once
FORM_TOLERANCE = 1e-4  # mm; qform and sform closer than this are one geometry


@dataclass(frozen=True)
class Header:
    """The fields that matter; `order` is the byte order ("<" or ">"), `offset` where the voxels start."""

    order: str
    dim: Tuple[int, ...]
    datatype: int
    pixdim: Tuple[float, ...]
    offset: float
    slope: float
    intercept: float
    units: int
    qform_code: int
    sform_code: int
    quaternion: Tuple[float, ...]
    qoffset: Tuple[float, ...]
    sform: Tuple[float, ...]


def read_nifti(path: Path) -> Tuple[np.ndarray, np.ndarray, List[Notice]]:
    """(voxels, ijk_to_ras, notices) of a .nii or .nii.gz file.

    Voxels are (K, J, I) in the stored type, or (K, J, I, 3 or 4) for colour; scaled values become float.

    Raises:
        UnreadableFileError: truncated, damaged or not NIfTI.
        UnsupportedImageError: more than three dimensions, complex numbers, other rare types.
    """
    with open(path, "rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    try:
        with (gzip.open(path, "rb") if packed else open(path, "rb")) as stream:
            start = stream.read(540)
            header = _parse(start, path)
            shape = _shape(header, path)
            dtype = np.dtype(header.order + TYPES.get(header.datatype, "u1"))
            offset = int(header.offset)
            needed = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
            content = bytearray(start)
            while len(content) < needed:  # in pieces: a damaged header may promise more than any memory holds
                piece = stream.read(min(CHUNK, needed - len(content)))
                if not piece:
                    break
                content += piece
            stream.read(1)  # at the end of a packed file its checksum is verified
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _truncated(path, str(error)) from error
    if len(content) < needed:
        raise _truncated(path, "{} of {} bytes".format(len(content), needed))
    voxels = np.frombuffer(content, dtype, int(np.prod(shape)), offset).reshape(shape)
    with np.errstate(all="ignore"):  # a header of nonsense gives no geometry, which `check_geometry` refuses
        affine, notices = _affine(header)
        return _scaled(voxels, header), affine, notices


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


def _truncated(path: Path, detail: str) -> UnreadableFileError:
    return UnreadableFileError("The file {} is incomplete or damaged; copy or download it again.".format(path.name),
                               detail, code="damaged-file")


def _parse(start: bytes, path: Path) -> Header:
    for order in "<>":
        if len(start) >= 348 and struct.unpack_from(order + "i", start)[0] == 348 and start[344:348] == b"n+1\x00":
            return _version_1(start, order)
        if len(start) >= 540 and struct.unpack_from(order + "i", start)[0] == 540 and start[4:7] == b"n+2":
            return _version_2(start, order)
    if start[344:348] == b"ni1\x00":
        raise UnreadableFileError("{} is only the header of a two-part NIfTI; save it as one .nii.gz file.".format(
            path.name), code="not-an-image")
    raise UnreadableFileError("{} is not a NIfTI image, although its name says so.".format(path.name),
                              "no NIfTI header in {} bytes".format(len(start)), code="not-an-image")


def _version_1(start: bytes, order: str) -> Header:
    def get(kind: str, at: int) -> Tuple[Any, ...]:
        return struct.unpack_from(order + kind, start, at)

    return Header(order, dim=get("8h", 40), datatype=get("h", 70)[0], pixdim=get("8f", 76),
                  offset=get("f", 108)[0], slope=get("f", 112)[0], intercept=get("f", 116)[0], units=start[123],
                  qform_code=get("h", 252)[0], sform_code=get("h", 254)[0], quaternion=get("3f", 256),
                  qoffset=get("3f", 268), sform=get("12f", 280))


def _version_2(start: bytes, order: str) -> Header:
    def get(kind: str, at: int) -> Tuple[Any, ...]:
        return struct.unpack_from(order + kind, start, at)

    return Header(order, dim=get("8q", 16), datatype=get("h", 12)[0], pixdim=get("8d", 104), offset=get("q", 168)[0],
                  slope=get("d", 176)[0], intercept=get("d", 184)[0], units=get("i", 500)[0],
                  qform_code=get("i", 344)[0], sform_code=get("i", 348)[0], quaternion=get("3d", 352),
                  qoffset=get("3d", 376), sform=get("12d", 400))


def _shape(header: Header, path: Path) -> Tuple[int, ...]:
    count = header.dim[0]
    if not 1 <= count <= 7 or min(header.dim[1:count + 1]) < 1 or not 0 <= header.offset < 2**31:
        raise _truncated(path, "dimensions {}, voxels at {}".format(header.dim, header.offset))
    sizes = list(header.dim[1:count + 1]) + [1] * (3 - count)
    if max(sizes[3:], default=1) > 1:
        raise UnsupportedImageError("The image has more than three dimensions (a time series or several contrasts); "
                                    "extract one volume first.", "size {}".format(sizes), code="four-dimensional")
    if header.datatype in COLOUR:
        return (*sizes[2::-1], COLOUR[header.datatype])
    if header.datatype not in TYPES:
        raise UnsupportedImageError("The image holds a kind of number that cannot be analysed, such as complex "
                                    "values; save its magnitude.", "NIfTI datatype {}".format(header.datatype),
                                    code="unsupported-numbers")
    return tuple(sizes[2::-1])


def _scaled(voxels: np.ndarray, header: Header) -> np.ndarray:
    native = voxels.astype(voxels.dtype.newbyteorder("="))
    slope, intercept = header.slope, header.intercept
    scales = np.isfinite([slope, intercept]).all() and slope != 0.0 and (slope, intercept) != (1.0, 0.0)
    if not scales or header.datatype in COLOUR:
        return native
    narrow = native.dtype.itemsize <= 2 or native.dtype == np.float32
    scaled = native.astype(np.float32 if narrow else np.float64)
    scaled *= slope
    scaled += intercept
    return scaled


def _affine(header: Header) -> Tuple[np.ndarray, List[Notice]]:
    """ijk_to_ras, by ITK's rule: the sform if it is the scanner's or agrees with the qform, otherwise the qform."""
    qform, sform = _qform(header), np.vstack([np.reshape(header.sform, (3, 4)), [0.0, 0.0, 0.0, 1.0]])
    spacing = np.asarray(header.pixdim[1:4])
    spaced = bool(np.isfinite(spacing).all() and spacing.min() > 0.0)
    notices: List[Notice] = []
    if header.sform_code > 0 and header.qform_code > 0 and spaced:
        straight = np.isfinite(sform).all() and min(spacing_of(sform)) > 0 and is_orthogonal(sform, TILT)
        agree = bool(np.allclose(sform, qform, rtol=0.0, atol=FORM_TOLERANCE))
        affine = sform if straight and (header.sform_code == 1 or agree) else qform
        if not agree:
            notices.append(Notice("two-geometries", "The file holds two different positions of the volume; the one "
                                                    "that 3D Slicer shows is used."))
    elif header.sform_code > 0:
        affine = sform
    elif not spaced:
        raise UnsupportedImageError("The image does not say where its voxels lie: its spacing is zero or negative.",
                                    "pixdim {}".format(header.pixdim), code="bad-geometry")
    elif header.qform_code > 0:
        affine = qform
    else:
        affine = np.diag([-header.pixdim[1], -header.pixdim[2], header.pixdim[3], 1.0])
        notices.append(Notice("no-orientation", "The file does not say how the volume lies in the patient; left and "
                                                "right may be exchanged."))
    scale = MILLIMETRES.get(header.units & 7, 1.0)
    return np.diag([scale, scale, scale, 1.0]) @ affine.astype(np.float64), notices


def _qform(header: Header) -> np.ndarray:
    b, c, d = (float(v) for v in header.quaternion)
    a = np.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
    length = np.sqrt(a * a + b * b + c * c + d * d)
    a, b, c, d = a / length, b / length, c / length, d / length
    rotation = np.array([[a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
                         [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
                         [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b]])
    qfac = -1.0 if header.pixdim[0] < 0 else 1.0
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * np.array([header.pixdim[1], header.pixdim[2], qfac * header.pixdim[3]])
    matrix[:3, 3] = header.qoffset
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
