"""From stored numbers to values: decode, modality LUT or rescale of each frame, and dark made bright.

Plain and run-length encoded pixels are decoded here, with their size checked first; every other encoding is decoded
by GDCM in a process of its own (see `decoder`), whose crash is a sentence.
"""
from __future__ import annotations

import io
import struct
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

from ...detection import Notice
from ...errors import UnreadableFileError, UnsupportedImageError
from .frames import File, Slice
from .header import BIG_ENDIAN, NATIVE, inflated, items, number, text, value

RLE = "1.2.840.10008.1.2.5"
JPEG = tuple("1.2.840.10008.1.2.4." + end for end in ("50", "51", "57", "70", "80", "81", "90", "91"))
GREY = ("MONOCHROME1", "MONOCHROME2", "")
LARGEST = 1 << 31  # bytes of the decoded frames of one file
FREE = 1 << 26  # bytes that a compressed file may decode to, however small it is
PADDING = 4  # bytes at the end of a code stream in which its end mark is looked for
EXPANSION = 2000  # more than that a codec does not make of its data


def stored(files: Sequence[File]) -> List[np.ndarray]:
    """The stored numbers of each file: (frames, rows, columns), or (frames, rows, columns, 3) in colour.

    Raises:
        UnreadableFileError: ``"damaged-file"``: pixels are missing or do not decode, naming the file.
        UnsupportedImageError: a size or an encoding that cannot be read.
    """
    from .decoder import decoded

    for file in files:
        check_size(file)
    result: List[Optional[np.ndarray]] = [None if _foreign(file) else _plain(file) for file in files]
    foreign = [n for n, file in enumerate(files) if _foreign(file)]
    if foreign:
        for n, frames in zip(foreign, decoded([files[n] for n in foreign])):
            result[n] = frames
    return [frames for frames in result if frames is not None]


def damaged(file: File, why: str) -> UnreadableFileError:
    return UnreadableFileError("The file {} is incomplete or damaged ({}); copy or export it again.".format(
        file.name, why), code="damaged-file")


def check_size(file: File) -> None:
    """Whether the file can hold what its header says, before anything is allocated for it.

    Raises:
        UnreadableFileError, UnsupportedImageError: as `stored`.
    """
    bits, samples = int(number(file.header, "BitsAllocated") or 0), _samples(file)
    if file.rows < 1 or file.columns < 1 or samples not in (1, 3, 4) or bits not in (8, 16, 32):
        raise UnsupportedImageError("{} holds no picture of a known kind.".format(file.name), "{} x {}, {} samples of "
                                    "{} bits".format(file.rows, file.columns, samples, bits), code="not-an-image")
    if file.syntax not in (*NATIVE, RLE, *JPEG):
        raise UnsupportedImageError("{} is coded as {}, which cannot be read here; export it again "
                                    "uncompressed.".format(file.name, coding(file.syntax)), code="unknown-encoding")
    needed = file.frames * file.rows * file.columns * samples * bits // 8
    there = file.pixels.length
    if file.syntax in NATIVE:
        if "422" in text(file.header, "PhotometricInterpretation"):
            needed = needed * 2 // 3
        if there < needed:
            raise damaged(file, "{} of {} bytes of its pixels are there".format(there, needed))
    elif needed > max(FREE, EXPANSION * there):
        raise damaged(file, "it claims {} x {} x {} pixels, and holds {} bytes".format(
            file.frames, file.rows, file.columns, there))
    if needed > LARGEST:
        raise UnsupportedImageError("{} is too large to be read ({:.1f} GB); extract a part of it first.".format(
            file.name, needed / 1e9), code="too-large")
    if file.syntax not in NATIVE:
        check_codec(file, fragments(file)[1:])


def coding(syntax: str) -> str:
    """The name of a transfer syntax, or its number where it has none."""
    from pydicom.uid import UID

    return str(UID(syntax).name)


def fragments(file: File) -> List[bytes]:
    """The compressed pieces of the pixels, the first of which is the offset table; what follows their end is left out.

    Raises:
        UnreadableFileError: ``"damaged-file"``: a piece is cut short.
    """
    content = raw(file)
    found, at = [], 0
    while at + 8 <= len(content):
        group, element, length = struct.unpack_from("<2HI", content, at)
        if (group, element) == (0xFFFE, 0xE0DD):
            break
        if (group, element) != (0xFFFE, 0xE000) or at + 8 + length > len(content):
            raise damaged(file, "its compressed pixels are cut short")
        found.append(content[at + 8:at + 8 + length])
        at += 8 + length
    if len(found) < 2:
        raise damaged(file, "its compressed pixels are missing")
    return found


def check_codec(file: File, pieces: List[bytes]) -> None:
    """Whether the compressed data are of the size that the header says, and end as they should.

    Raises:
        UnreadableFileError: they do not.
    """
    whole = len(pieces) == file.frames
    for first, last in zip(pieces, pieces) if whole else [(pieces[0], pieces[-1])]:
        size = codec_size(first)
        if size is not None and size != (file.rows, file.columns):
            raise damaged(file, "its header says {} x {}, its pixels {} x {}".format(file.rows, file.columns, *size))
        if first[:2] in (b"\xff\xd8", b"\xff\x4f") and b"\xff\xd9" not in last[-PADDING:]:
            raise damaged(file, "its compressed pixels are cut short")
    if file.syntax == RLE and len(pieces) != file.frames:
        raise damaged(file, "{} of {} frames are there".format(len(pieces), file.frames))


def codec_size(data: bytes) -> Optional[Tuple[int, int]]:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 stream itself says; None if it says none."""
    if data[:4] == b"\xff\x4f\xff\x51" and len(data) >= 24:
        width, height, left, top = struct.unpack_from(">4I", data, 8)
        return height - top, width - left
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 <= len(data) and data[at] == 0xFF:
        mark = data[at + 1]
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC) or mark == 0xF7:
            height, width = struct.unpack_from(">2H", data, at + 5)
            return (height, width) if height else None  # 0: told later in the stream
        at += 1 if mark == 0xFF else 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None


def raw(file: File) -> bytes:
    """The value of the pixel element, as far as it is there."""
    with io.BytesIO(inflated(file.path)) if file.pixels.deflated else open(file.path, "rb") as stream:
        stream.seek(file.pixels.offset)
        content = bytes(stream.read(file.pixels.length))
    if len(content) < file.pixels.length:
        raise damaged(file, "it has become shorter while it was read")
    return content


def _samples(file: File) -> int:
    return int(number(file.header, "SamplesPerPixel") or 1)


def _foreign(file: File) -> bool:
    """Whether GDCM has to decode it: compressed, or in colour."""
    grey = text(file.header, "PhotometricInterpretation") in GREY and _samples(file) == 1
    return not (grey and file.syntax in (*NATIVE, RLE))


def _plain(file: File) -> np.ndarray:
    bits = int(number(file.header, "BitsAllocated") or 16)
    shape = (file.frames, file.rows, file.columns)
    if file.syntax == RLE:
        content = b"".join(_run_lengths(file, piece, bits // 8) for piece in fragments(file)[1:])
        order = "<"
    else:
        content, order = raw(file), ">" if file.syntax == BIG_ENDIAN else "<"
    if bits == 8 and order == ">" and file.pixels.word:  # bytes travel in pairs
        content = np.frombuffer(content[:len(content) // 2 * 2], ">u2").astype("<u2").tobytes()
    signed = bool(number(file.header, "PixelRepresentation"))
    numbers = np.frombuffer(content, "{}u{}".format(order, bits // 8), int(np.prod(shape))).reshape(shape)
    return _cleaned(numbers.astype(numbers.dtype.newbyteorder("=")), file, bits, signed)


def _cleaned(numbers: np.ndarray, file: File, bits: int, signed: bool) -> np.ndarray:
    """Without what old files keep in the unused bits (overlays); signed where the file says so."""
    used = int(number(file.header, "BitsStored") or bits)
    high = number(file.header, "HighBit")
    shift = 0 if high is None else int(high) + 1 - used
    if not 1 <= used <= bits or not 0 <= shift <= bits - used:
        used, shift = bits, 0
    if shift:
        numbers = numbers >> numbers.dtype.type(shift)
    if used < bits:
        numbers = numbers & numbers.dtype.type((1 << used) - 1)
        if signed:
            sign = numbers.dtype.type(1 << (used - 1))
            numbers = (numbers ^ sign) - sign  # wraps around, as two's complement does
    return numbers.view(numbers.dtype.str.replace("u", "i")) if signed else numbers


def _run_lengths(file: File, piece: bytes, width: int) -> bytes:
    """One frame of run-length encoded grey pixels of `width` bytes, most significant byte first, as little endian.

    Raises:
        UnreadableFileError: it does not decode to exactly one frame.
    """
    count = file.rows * file.columns
    if len(piece) < 64 or struct.unpack_from("<I", piece)[0] != width:
        raise damaged(file, "its run lengths make no sense")
    starts = [*struct.unpack_from("<{}I".format(width), piece, 4), len(piece)]
    planes = np.empty((width, count), dtype=np.uint8)
    for n in range(width):
        segment, out, at = piece[starts[n]:starts[n + 1]], bytearray(), 0
        while at < len(segment) and len(out) < count:
            head = segment[at]
            if head < 128:
                out += segment[at + 1:at + 2 + head]
                at += 2 + head
            else:
                if head > 128:
                    out += segment[at + 1:at + 2] * (257 - head)
                at += 2 if head > 128 else 1
        if len(out) < count:
            raise damaged(file, "its run lengths end early")
        planes[width - 1 - n] = np.frombuffer(bytes(out[:count]), np.uint8)
    return planes.T.tobytes()


# -- values ------------------------------------------------------------------------------------------------------------

def values(slices: Sequence[Slice], frames: Sequence[np.ndarray]) -> Tuple[np.ndarray, List[Notice]]:
    """(n, rows, columns[, 3]) in the unit of the modality, bright where dense; and what there is to say about it.

    Each frame has its own slope and intercept.  Whole numbers stay whole when all slopes and intercepts are; otherwise
    they become float32 (float64 from 32-bit numbers).  MONOCHROME1 is inverted within the range of the stored bits.
    """
    notices: List[Notice] = []
    tables = [_table(each.file) for each in slices]
    frames = [_bright(frame, each.file) if table is None else frame
              for frame, each, table in zip(frames, slices, tables)]
    if any(table is not None for table in tables):
        return np.stack([_looked_up(frame, each.file, table) for frame, each, table in zip(frames, slices, tables)]), []
    rescales = [each.rescale for each in slices]
    if any(slope == 0.0 for slope, _ in rescales):
        notices.append(Notice("no-scale", "The file states a scale of zero for its values; they are read as they are "
                                          "stored."))
        rescales = [(slope, intercept) if slope else (1.0, 0.0) for slope, intercept in rescales]
    if all(rescale == (1.0, 0.0) for rescale in rescales):
        return np.stack(frames), notices
    if len(set(rescales)) > 1:
        notices.append(Notice("scale-changes", "The scale of the values changes from slice to slice; each was read "
                                               "with its own."))
    whole = all(float(v).is_integer() and abs(v) < 1e6 for rescale in rescales for v in rescale)
    wide = frames[0].dtype.itemsize > 2
    kind: Any = (np.int64 if wide else np.int32) if whole else np.float64 if wide else np.float32
    scaled = np.stack([frame.astype(kind) * kind(slope) + kind(intercept)
                       for frame, (slope, intercept) in zip(frames, rescales)])
    if whole:
        narrow = next((t for t in (np.int16, np.uint16, np.int32) if np.iinfo(t).min <= scaled.min()
                       and scaled.max() <= np.iinfo(t).max), np.int64)
        scaled = scaled.astype(narrow)
    return scaled, notices


def dark_is_dense(file: File) -> bool:
    """Whether the picture is stored as a negative: MONOCHROME1, or an inverse presentation."""
    return (text(file.header, "PhotometricInterpretation") == "MONOCHROME1"
            or text(file.header, "PresentationLUTShape").upper() == "INVERSE")


def _bright(frame: np.ndarray, file: File) -> np.ndarray:
    if not dark_is_dense(file) or frame.ndim > 2:
        return frame
    used = int(number(file.header, "BitsStored") or 8 * frame.dtype.itemsize)
    used = used if 1 <= used <= 8 * frame.dtype.itemsize else 8 * frame.dtype.itemsize
    if frame.dtype.kind == "i":
        return ~frame  # -1 - n: the range of two's complement upside down
    return frame.dtype.type((1 << used) - 1) - frame


def _table(file: File) -> Optional[Tuple[int, np.ndarray]]:
    """(first stored number, values) of the modality LUT; None if there is none.

    Raises:
        UnreadableFileError: it is there and makes no sense.
    """
    found = items(file.header, "ModalityLUTSequence")
    if not found:
        return None
    try:
        count, first, bits = (int(v) for v in value(found[0], "LUTDescriptor"))
        data = value(found[0], "LUTData")
        if isinstance(data, bytes):
            wide = len(data) >= 2 * (count or 65536)
            data = np.frombuffer(data, "<u2" if wide else "u1")
        entries = np.asarray(data).astype(np.int64) & ((1 << max(bits, 8)) - 1)
        count = count or 65536
        if first > 32767 and number(file.header, "PixelRepresentation"):
            first -= 65536
        if len(entries) < count:
            raise ValueError("{} of {} entries".format(len(entries), count))
    except (TypeError, ValueError) as error:
        raise damaged(file, "its table of values makes no sense") from error
    return first, entries[:count].astype(np.uint8 if bits <= 8 else np.uint16)


def _looked_up(frame: np.ndarray, file: File, table: Optional[Tuple[int, np.ndarray]]) -> np.ndarray:
    if table is None:
        raise damaged(file, "others of its series have a table of values, it has none")
    first, entries = table
    found = entries[np.clip(frame.astype(np.int64) - first, 0, len(entries) - 1)]
    return entries.dtype.type(entries.max()) + entries.dtype.type(entries.min()) - found if dark_is_dense(
        file) else found
