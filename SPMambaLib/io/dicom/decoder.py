"""Compressed and coloured pixels, decoded by GDCM (in SimpleITK) in a process of its own.

Decoders are written in C and read what strangers made: what crashes, hangs or asks for too much memory there ends that
process and becomes a sentence here.  It is given copies that hold nothing but the pixels and how they are coded, no
names; the copies are gone afterwards.
"""
from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np

from ...errors import UnreadableFileError
from ..temporary import working_folder
from .frames import File
from .header import BIG_ENDIAN, NATIVE, number, text, value

START = 120.0  # s for the process to come up on a busy machine
PATIENCE, SPEED = 8.0, 2e6  # s for a file, and bytes a second beyond that
MEMORY = 1 << 30  # bytes for the process itself, beside what it decodes
EXPLICIT = "1.2.840.10008.1.2.1"
NUMBERS = ("SamplesPerPixel", "PlanarConfiguration", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
           "PixelRepresentation")
TABLES = ("RedPaletteColorLookupTable", "GreenPaletteColorLookupTable", "BluePaletteColorLookupTable")


def decoded(files: Sequence[File]) -> List[np.ndarray]:
    """Stored numbers of each file: (frames, rows, columns[, 3]); colours as RGB.

    Raises:
        UnreadableFileError: ``"damaged-file"``: a file does not decode, or its decoder crashed, hung or ran out of
            memory on it.
    """
    largest = max(file.frames * file.rows * file.columns * 4 for file in files)
    with working_folder() as folder:
        child = _Child(MEMORY + 6 * largest)
        try:
            return [child.decode(file, folder) for file in files]
        finally:
            child.end()


class _Child:
    """The process, and a watch that ends it when it takes too long."""

    def __init__(self, memory: int) -> None:
        root = str(Path(__file__).resolve().parents[3])
        program = "import sys; sys.path.insert(0, {!r}); from SPMambaLib.io.dicom import decoder; decoder.main({})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", program.format(root, memory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONIOENCODING": "utf-8"})
        self._answer(START)

    def decode(self, file: File, folder: Path) -> np.ndarray:
        source, result = folder / "in.dcm", folder / "out.npy"
        source.write_bytes(copy_of(file))
        size = file.frames * file.rows * file.columns * 2
        self._send({"source": str(source), "result": str(result)})
        answer = self._answer(PATIENCE + size / SPEED)
        if "error" in answer:
            raise _failed(file, "its pixels do not decode", answer["error"])
        if not answer:
            raise _failed(file, "its decoder crashed or took too long", "status {}".format(self._process.poll()))
        frames = np.load(result, allow_pickle=False)
        result.unlink()
        wanted = (file.frames, file.rows, file.columns)
        frames = frames.reshape(wanted + frames.shape[frames.ndim - 1:]) if frames.shape[-1:] in ((3,), (4,)) and \
            frames.size != int(np.prod(wanted)) else frames
        if frames.size == int(np.prod(wanted)):
            frames = frames.reshape(wanted)
        if frames.shape[:3] != wanted:
            raise _failed(file, "its pixels are not of the size that it says", str(frames.shape))
        return frames

    def _send(self, message: Dict[str, str]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended; the missing answer tells

    def _answer(self, seconds: float) -> Dict[str, Any]:
        """The next message of the process; empty if it ended or had to be ended."""
        assert self._process.stdout is not None
        watch = threading.Timer(seconds, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        try:
            return dict(json.loads(line)) if line else {}
        except ValueError:
            return {}

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def _failed(file: File, why: str, detail: str) -> UnreadableFileError:
    return UnreadableFileError("The file {} is damaged or of an unknown encoding ({}); export it again "
                               "uncompressed.".format(file.name, why), detail, code="damaged-file")


def copy_of(file: File) -> bytes:
    """A DICOM file with the pixels alone, without scale or inversion, so that what is decoded is what is stored."""
    from .pixels import fragments, raw

    native = file.syntax in NATIVE
    content = raw(file) if native else b""
    if file.syntax == BIG_ENDIAN and (number(file.header, "BitsAllocated") == 16 or file.pixels.word):
        content = np.frombuffer(content[:len(content) // 2 * 2], ">u2").astype("<u2").tobytes()
    photometric = text(file.header, "PhotometricInterpretation")
    photometric = "MONOCHROME2" if photometric in ("MONOCHROME1", "") else photometric
    elements = [(0x0008, 0x0016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"), (0x0008, 0x0018, "UI", b"1.2.3\0"),
                (0x0028, 0x0004, "CS", _even(photometric.encode("ascii", "replace"))),
                (0x0028, 0x0008, "IS", _even(str(file.frames).encode()))]
    for name in NUMBERS:
        found = number(file.header, name)
        if found is not None:
            elements.append((*_tag(name), "US", struct.pack("<H", int(found) & 0xFFFF)))
    for name in TABLES if photometric == "PALETTE COLOR" else ():
        descriptor, table = value(file.header, name + "Descriptor"), value(file.header, name + "Data")
        if descriptor is not None and isinstance(table, bytes):
            elements.append((*_tag(name + "Descriptor"), "US", struct.pack("<3H", *(int(v) & 0xFFFF
                                                                                   for v in descriptor))))
            elements.append((*_tag(name + "Data"), "OW", table))
    body = b"".join(_element(*element) for element in sorted(elements))
    if native:
        body += _element(0x7FE0, 0x0010, "OW", content + b"\0" * (len(content) % 2))
    else:
        body += struct.pack("<2H2s2xI", 0x7FE0, 0x0010, b"OB", 0xFFFFFFFF)
        body += b"".join(struct.pack("<2HI", 0xFFFE, 0xE000, len(piece)) + piece for piece in fragments(file))
        body += struct.pack("<2HI", 0xFFFE, 0xE0DD, 0)
    syntax = (EXPLICIT if native else file.syntax).encode("ascii", "replace")
    meta = _element(0x0002, 0x0002, "UI", b"1.2.840.10008.5.1.4.1.1.7\0") + _element(
        0x0002, 0x0003, "UI", b"1.2.3\0") + _element(0x0002, 0x0010, "UI", syntax + b"\0" * (len(syntax) % 2))
    return b"\0" * 128 + b"DICM" + _element(0x0002, 0x0000, "UL", struct.pack("<I", len(meta))) + meta + body


def _tag(name: str) -> Any:
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(name)
    assert tag is not None
    return int(tag) >> 16, int(tag) & 0xFFFF


def _even(content: bytes) -> bytes:
    return content + b" " * (len(content) % 2)


def _element(group: int, element: int, kind: str, content: bytes) -> bytes:
    if kind in ("OB", "OW"):
        return struct.pack("<2H2s2xI", group, element, kind.encode(), len(content)) + content
    return struct.pack("<2H2sH", group, element, kind.encode(), len(content)) + content


# -- in the process ----------------------------------------------------------------------------------------------------

def main(memory: int) -> None:
    """Decode file after file as asked on stdin, one answer a line."""
    import SimpleITK

    sitk: Any = SimpleITK
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    _limit(memory)
    print("{\"ready\": true}", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            image = sitk.ReadImage(asked["source"], imageIO="GDCMImageIO")
            frames = sitk.GetArrayFromImage(image)
            np.save(asked["result"], frames, allow_pickle=False)
            print(json.dumps({"shape": frames.shape}), flush=True)
        except (RuntimeError, MemoryError, OSError) as error:
            print(json.dumps({"error": str(error)[-2000:]}), flush=True)


def _limit(memory: int) -> None:
    """No more memory than a sound file needs, and no core dump with a patient's pixels; where the system can."""
    try:
        import resource
    except ModuleNotFoundError:
        return
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with open("/proc/self/statm") as file:
            memory += int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (memory, hard))
    except (OSError, ValueError):
        pass
