"""FreeSurfer volumes (.mgh, .mgz), read through nibabel."""
from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np

from ..detection import Notice
from ..errors import UnreadableFileError, UnsupportedImageError
from .content import Content, damaged

HEADER = 284  # bytes before the voxels
TYPES: Dict[int, str] = {0: ">u1", 1: ">i4", 3: ">f4", 4: ">i2"}


def read_freesurfer(path: Path) -> Tuple[np.ndarray, np.ndarray, List[Notice]]:
    """(voxels (K, J, I), ijk_to_ras of the scanner, notices).

    Raises:
        UnreadableFileError: truncated, damaged or of another kind.
        UnsupportedImageError: several frames, or numbers that cannot be analysed.
    """
    from nibabel.freesurfer.mghformat import MGHHeader

    content = Content(path)
    start = content.start(HEADER)
    version, *sizes, kind, _, placed = struct.unpack(">7ih", start[:30]) if len(start) == HEADER else (0,) * 8
    if version != 1:
        raise UnreadableFileError("{} is not a FreeSurfer volume, although its name says so.".format(path.name),
                                  "version {}".format(version), code="not-an-image")
    if min(sizes) < 1:
        raise damaged(path, "dimensions {}".format(sizes))
    if sizes[3] > 1:
        raise UnsupportedImageError("The image has more than three dimensions (a time series or several contrasts); "
                                    "extract one volume first.", "size {}".format(sizes), code="four-dimensional")
    if kind not in TYPES:
        raise UnsupportedImageError("The image holds a kind of number that cannot be analysed.",
                                    "FreeSurfer type {}".format(kind), code="unsupported-numbers")
    dtype = np.dtype(TYPES[kind])
    shape = (sizes[2], sizes[1], sizes[0])
    data = content.whole(HEADER + int(np.prod(shape, dtype=object)) * dtype.itemsize)
    voxels = np.frombuffer(data, dtype, int(np.prod(shape)), HEADER).reshape(shape)
    notices = [] if placed == 1 else [Notice(
        "no-orientation", "The file does not say how the volume lies in the patient; left and right may be exchanged.")]
    affine = MGHHeader.from_fileobj(io.BytesIO(bytes(content.data))).get_affine()
    return voxels.astype(dtype.newbyteorder("=")), np.asarray(affine, dtype=np.float64), notices
