"""The header of one DICOM file, read by pydicom with every size checked before anything is allocated.

A damaged or hostile file costs no more memory than the file itself is long, ends in a typed error and never in a
crash: values are read through a stream that gives no more than there is, sequences nested beyond the interpreter's
recursion limit are refused, and a deflated file is refused when it unpacks to more than `UNPACKED` bytes.
"""
from __future__ import annotations

import io
import logging
import os
import struct
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Iterator, List, Optional, Tuple

import numpy as np

from ...errors import UnreadableFileError

MAGIC = b"DICM"
FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08", b"\x00\x02")  # how a file without the 128 bytes before begins
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
IMPLICIT = "1.2.840.10008.1.2"
NATIVE = (IMPLICIT, "1.2.840.10008.1.2.1", BIG_ENDIAN, DEFLATED)
PIXELS = {(0x7FE0, 0x0010): "integer", (0x7FE0, 0x0008): "float", (0x7FE0, 0x0009): "double"}
UNDEFINED = 0xFFFFFFFF
UNPACKED = 1 << 29  # bytes that a deflated file may unpack to
LARGEST_VALUE = 1 << 26  # bytes of one value of a header

logging.getLogger("pydicom").addHandler(logging.NullHandler())  # what matters is raised or noticed, not printed


@dataclass(frozen=True)
class PixelElement:
    """Where the pixels of a file lie.

    Attributes:
        offset: first byte of the value in the file (for a deflated file: in its unpacked form).
        length: bytes of the value that are really there.
        declared: bytes that the element says it has; None for compressed pixels, whose length follows from them.
        kind: "integer", "float" or "double".
        word: whether the value is made of 16-bit words (VR OW).
        deflated: whether the file is, so that it has to be unpacked first.
    """

    offset: int
    length: int
    declared: Optional[int]
    kind: str
    word: bool
    deflated: bool = False


class Bounded(io.BufferedReader):
    """A file that never reserves memory for more bytes than are left in it."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(os.fspath(path), "rb"))
        self.size = os.fstat(self.fileno()).st_size

    def read(self, size: Optional[int] = -1, /) -> bytes:
        left = max(self.size - self.tell(), 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > LARGEST_VALUE:
            raise ValueError("a value of {} bytes in the header".format(wanted))
        return super().read(wanted)


def looks_like_dicom(path: Path) -> bool:
    """Whether the first bytes are those of a DICOM file, with or without the preamble; False if it cannot be read."""
    try:
        with open(path, "rb") as file:
            start = file.read(132)
    except OSError:
        return False
    return start[128:132] == MAGIC or (len(start) >= 8 and start[:2] in FIRST_GROUPS)


def read_header(path: Path, shown: str = "") -> Tuple[Any, Optional[PixelElement]]:
    """(data set without its pixels, where the pixels lie); the second is None for an object without pixels.

    Raises:
        UnreadableFileError: ``"not-an-image"`` if it is not DICOM, ``"damaged-file"`` if it is damaged.
        OSError: the file cannot be opened.
    """
    shown = shown or path.name
    if os.stat(path).st_size == 0:
        raise UnreadableFileError("The file {} is empty.".format(shown), code="damaged-file")
    if not looks_like_dicom(path):
        open(path, "rb").close()  # says why, if it cannot be read
        raise UnreadableFileError("{} is not an image that can be read; use NIfTI, NRRD, MetaImage, DICOM, PNG, JPEG, "
                                  "BMP or TIFF.".format(shown), code="not-an-image")
    try:
        with Bounded(path) as file:
            return _parsed(file)
    except RecursionError as error:
        raise UnreadableFileError("The file {} is damaged: its sequences are nested too deep.".format(shown),
                                  "RecursionError", code="damaged-file") from error
    except Exception as error:  # pydicom raises whatever the bytes lead it to
        raise UnreadableFileError("The file {} is damaged, or is not DICOM in spite of its name.".format(shown),
                                  "{}: {}".format(type(error).__name__, error), code="damaged-file") from error


def _parsed(file: Bounded) -> Tuple[Any, Optional[PixelElement]]:
    import pydicom

    stream: BinaryIO = file
    with lenient():
        packed = _deflated(file)
        if packed:
            stream = io.BytesIO(_inflated(file))
        data = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
        known = any(name in data for name in ("SOPClassUID", "Rows", "DirectoryRecordSequence", "PatientName"))
        if not known and "MediaStorageSOPClassUID" not in getattr(data, "file_meta", {}):
            raise ValueError("no element of a DICOM object")
        return data, _pixel_element(stream, data, packed)


@contextmanager
def lenient() -> Iterator[None]:
    """Values that break the standard's rules are taken as they are, and nothing is printed about them."""
    from pydicom import config

    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        yield


def transfer_syntax(data: Any) -> str:
    """UID of the transfer syntax; files that do not say it are implicit little endian, as the standard has it, unless
    pydicom found otherwise."""
    stated = str(getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", "") or "")
    if stated:
        return stated
    implicit, little = _encoding(data)
    return IMPLICIT if implicit else "1.2.840.10008.1.2.1" if little else BIG_ENDIAN


def _encoding(data: Any) -> Tuple[bool, bool]:
    """(implicit VR, little endian) in which the data set was found to be written."""
    found = getattr(data, "original_encoding", None) or (None, None)
    implicit, little = found
    return (True if implicit is None else bool(implicit)), (True if little is None else bool(little))


def _deflated(file: Bounded) -> bool:
    start = file.peek(2048)[:2048]
    return DEFLATED.encode() in start


def inflated(path: Path) -> bytes:
    """A deflated file as explicit little endian without deflation."""
    with Bounded(path) as file:
        return _inflated(file)


def _inflated(file: Bounded) -> bytes:
    """The file as explicit little endian without deflation."""
    start = file.read(144)
    if start[128:140] != MAGIC + b"\x02\0\0\0UL\x04\0":
        raise ValueError("deflated without the length of the meta elements")
    file.read(struct.unpack("<I", start[140:144])[0])
    body = bytearray()
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    while not unpacker.eof:
        piece = unpacker.unconsumed_tail or file.read(1 << 16)
        if not piece:
            raise ValueError("deflated data end in the middle")
        body += unpacker.decompress(piece, 1 << 22)
        if len(body) > UNPACKED:
            raise ValueError("deflated data unpack to more than {} bytes".format(UNPACKED))
    return b"\0" * 128 + MAGIC + b"\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0" + bytes(body)


def _pixel_element(stream: BinaryIO, data: Any, deflated: bool) -> Optional[PixelElement]:
    """The element at which the reading of the header stopped, if it holds pixels."""
    begin = stream.tell()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(begin)
    start = stream.read(12)
    if len(start) < 8:
        return None
    implicit, little = _encoding(data)
    order = "<" if little else ">"
    kind = PIXELS.get(struct.unpack(order + "2H", start[:4]))
    if kind is None:
        return None
    if implicit or not start[4:6].isalpha():  # some writers leave out the kind of the pixels alone
        length, offset, word = struct.unpack(order + "I", start[4:8])[0], begin + 8, True
    elif start[4:6] in (b"OW", b"OB", b"UN", b"OF", b"OD"):
        if len(start) < 12:
            return None
        length, offset, word = struct.unpack(order + "I", start[8:12])[0], begin + 12, start[4:6] == b"OW"
    else:
        raise ValueError("pixels of type {!r}".format(start[4:6]))
    there = max(size - offset, 0)
    return PixelElement(offset, there if length == UNDEFINED else min(length, there),
                        None if length == UNDEFINED else length, kind, word, deflated)


# -- values, or what stands for them when they are missing or make no sense --------------------------------------------

def value(data: Any, name: str) -> Any:
    """The value of an element by keyword; None if it is absent or not readable."""
    try:
        return data.get(name)
    except Exception:  # a value that its VR forbids raises when it is first looked at
        return None


def text(data: Any, name: str) -> str:
    """A value as one line of text that any encoding can hold; several values are joined by a backslash."""
    found = value(data, name)
    if found is None:
        return ""
    try:
        many = not isinstance(found, (str, bytes)) and hasattr(found, "__iter__") and not hasattr(found, "components")
        joined = "\\".join(str(part) for part in found) if many else str(found)
    except Exception:
        return ""
    return " ".join(joined.encode("utf-8", "replace").decode("utf-8").replace("\0", " ").split())


def numbers(data: Any, name: str, count: int) -> Optional[np.ndarray]:
    """`count` finite numbers, or None."""
    found = value(data, name)
    try:
        values = np.array([float(v) for v in (found if count > 1 or isinstance(found, (list, tuple)) else [found])])
    except (TypeError, ValueError, OverflowError):
        return None
    return values if len(values) == count and bool(np.isfinite(values).all()) else None


def number(data: Any, name: str) -> Optional[float]:
    """One finite number (the first of several), or None."""
    found = value(data, name)
    if found is not None and not isinstance(found, (str, bytes)) and hasattr(found, "__len__"):
        found = found[0] if len(found) else None
    try:
        one = float(found)
    except (TypeError, ValueError, OverflowError):
        return None
    return one if np.isfinite(one) else None


def items(data: Any, name: str) -> List[Any]:
    """The items of a sequence; none if it is absent or not one."""
    found = value(data, name)
    try:
        return [item for item in found if hasattr(item, "get")] if found is not None else []
    except TypeError:
        return []
