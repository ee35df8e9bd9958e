"""The bytes of a file, packed with gzip or not: as many as its header says, and not more than there are.

A header may promise more than any memory holds; what is read grows with what is there.  Light: standard library only.
"""
from __future__ import annotations

import zlib
from pathlib import Path
from typing import Iterator

from ..errors import UnreadableFileError

CHUNK = 1 << 22  # bytes read at once
PACKED = b"\x1f\x8b"


class Content:
    """A file that is read as far as it is asked for.

    Attributes:
        data: what has been read.
        foreign: whether something that belongs to nothing follows what is packed; known after `whole`.

    Raises (all methods):
        UnreadableFileError: ``"damaged-file"``: too few bytes are there, or what is packed does not unpack.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._packed, self._pieces = path, _packed(path), _pieces(path)
        self.data, self.foreign = bytearray(), False

    def start(self, count: int) -> bytes:
        """The first bytes; fewer if there are fewer."""
        try:
            while len(self.data) < count:
                self.data += next(self._pieces)
        except StopIteration:
            pass
        except _Foreign:
            self.foreign = True
        except (EOFError, zlib.error) as error:
            raise damaged(self._path, str(error)) from error
        return bytes(self.data[:count])

    def whole(self, count: int) -> bytearray:
        """As many bytes as there must be."""
        self.start(count)
        if len(self.data) < count:
            raise damaged(self._path, "{} of {} bytes".format(len(self.data), count))
        if self._packed and not self.foreign:  # to its end, where its checksum is
            try:
                for _ in self._pieces:
                    pass
            except _Foreign:
                self.foreign = True
            except (EOFError, zlib.error) as error:
                raise damaged(self._path, str(error)) from error
        return self.data[:count]


def damaged(path: Path, detail: str) -> UnreadableFileError:
    return UnreadableFileError("The file {} is incomplete or damaged; copy or download it again.".format(path.name),
                               detail, code="damaged-file")


class _Foreign(Exception):
    """What follows the packed content is something else."""


def _packed(path: Path) -> bool:
    with open(path, "rb") as stream:
        return stream.read(2) == PACKED


def _pieces(path: Path) -> Iterator[bytes]:
    """The unpacked content; a packed file may be of several parts, each of which is checked at its end."""
    if not _packed(path):
        with open(path, "rb") as stream:
            while True:
                piece = stream.read(CHUNK)
                if not piece:
                    return
                yield piece
    with open(path, "rb") as stream:
        unpacker, rest = zlib.decompressobj(31), b""
        while True:
            data = rest or stream.read(CHUNK)
            if not data:
                if not unpacker.eof:
                    raise EOFError("the packed file ends too soon")
                return
            if unpacker.eof:
                data = data.lstrip(b"\0")  # tapes and some programs fill up the last block
                if not data:
                    rest = b""
                    continue
                if not data.startswith(PACKED):
                    raise _Foreign
                unpacker = zlib.decompressobj(31)
            piece = unpacker.decompress(data, CHUNK)
            rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if piece:
                yield piece
