"""Whether a file can hold the image that its header promises, asked before anything is allocated for it."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Sequence

from ..errors import UnreadableFileError, UnsupportedImageError

EXPANSION = 2000  # times as large as its data no compressed image is
FREE = 1 << 26  # bytes that are always allowed
LARGEST = 1 << 33  # bytes of one volume
HEADER = 1 << 16  # bytes in which the header of a text format ends
DETACHED = re.compile(rb"^\s*(?:data ?file|ElementDataFile)\s*[:=]\s*(.*?)\s*$", re.IGNORECASE | re.MULTILINE)


def check_declared(path: Path, size: Sequence[int], voxel_bytes: int) -> None:
    """Refuse a file that promises more than it can hold.

    Args:
        path: NRRD or MetaImage file; its voxels may lie in files beside it.
        size: voxels along each axis, as the header says.
        voxel_bytes: bytes of one voxel, all its components together.

    Raises:
        UnreadableFileError: ``"damaged-file"``.
        UnsupportedImageError: ``"too-large"``.
    """
    needed = voxel_bytes
    for count in size:
        needed *= int(count)
    there = _bytes_there(path)
    if needed > max(FREE, EXPANSION * there):
        raise UnreadableFileError(
            "The file {} is incomplete or damaged: it promises an image of {} voxels and holds {} bytes; copy or "
            "download it again.".format(path.name, " x ".join(map(str, size)), there), code="damaged-file")
    if needed > LARGEST:
        raise UnsupportedImageError("{} is too large to be read ({:.1f} GB); extract a part of it first.".format(
            path.name, needed / 1e9), code="too-large")


def _bytes_there(path: Path) -> int:
    """Bytes of the file and of those beside it that may hold its voxels."""
    with open(path, "rb") as stream:
        named = DETACHED.search(stream.read(HEADER))
    own = path.stat().st_size
    name = named.group(1).decode("utf-8", "replace") if named else "LOCAL"
    if name.upper() == "LOCAL":
        return own
    try:
        other = path.parent / name
        if other.is_file():
            return own + other.stat().st_size
    except (OSError, ValueError):  # not a name at all
        pass
    return sum(each.stat().st_size for each in path.parent.iterdir() if each.is_file())  # a list, or a pattern
