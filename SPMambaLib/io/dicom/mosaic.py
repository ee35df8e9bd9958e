"""Mosaics: all slices of a volume side by side in one picture, as Siemens and United Imaging write them.

Siemens: number of slices and their normal from the CSA header (read by nibabel); the position in the file is that of
the corner of a picture as large as the mosaic around the first slice's centre, so that it has to be moved by half of
what the tile is smaller (as nibabel's `MosaicWrapper`, and dcm2niix, have it).  United Imaging: a private sequence
holds the position of every tile.  What is named a mosaic and tells neither is refused by that name.
"""
from __future__ import annotations

import math
import warnings
from typing import Any, Dict, List, Tuple

import numpy as np

from ...errors import UnsupportedImageError
from .frames import File, Slice, Tile
from .header import number, numbers, text

MARKS = ("MOSAIC", "VFRAME")
UIH_COUNT, UIH_FRAMES, UIH_TILE = (0x0065, 0x1050), (0x0065, 0x1051), (0x0065, 0x1004)
CSA_IMAGE = (0x0029, 0x1010)


def is_mosaic(file: File) -> bool:
    """Whether the file calls itself a mosaic, or carries the private tags of one."""
    kinds = text(file.header, "ImageType").upper().split("\\")
    return any(mark in kinds for mark in MARKS) or UIH_FRAMES in file.header or bool(
        _csa(file).get("NumberOfImagesInMosaic"))


def tiles_of(file: File) -> List[Slice]:
    """The slices of a mosaic with their places.

    Raises:
        UnsupportedImageError: ``"mosaic"``: the file does not tell how it is made up.
    """
    places = _united_imaging(file) or _siemens(file)
    whole = file.slices[0]
    if not places or whole.spacing is None or whole.orientation is None:
        raise UnsupportedImageError("{} is a mosaic: it holds the slices of a volume side by side, and does not say "
                                    "where each lies; convert the series to NIfTI with dcm2niix first.".format(
                                        file.name), code="mosaic")
    return [Slice(file, 0, position, whole.orientation, whole.spacing, whole.thickness, whole.rescale, tile=tile,
                  moment=whole.moment) for position, tile in places]


def _grid(file: File, across: int, down: int, count: int) -> List[Tile]:
    """`count` tiles, row by row, of a picture that is `across` tiles wide and `down` high; none if it cannot be."""
    if min(across, down) < 1 or file.columns % across or file.rows % down or across * down < count:
        return []
    height, width = file.rows // down, file.columns // across
    return [(row * height, (row + 1) * height, column * width, (column + 1) * width)
            for row, column in (divmod(n, across) for n in range(count))]


def _united_imaging(file: File) -> List[Tuple[np.ndarray, Tile]]:
    try:
        positions = [numbers(item, "ImagePositionPatient", 3) for item in file.header[UIH_FRAMES].value]
        count = int(float(file.header[UIH_COUNT].value)) if UIH_COUNT in file.header else len(positions)
        height, width = (int(float(word)) for word in str(file.header[UIH_TILE].value).split("*"))
        tiles = _grid(file, file.columns // width, file.rows // height, count)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError):
        return []
    if len(tiles) != len(positions) or any(position is None for position in positions):
        return []
    return [(position, tile) for position, tile in zip(positions, tiles) if position is not None]


def _csa(file: File) -> Dict[str, List[Any]]:
    """The values of Siemens' private image header by name; none where there is no such header."""
    if CSA_IMAGE not in file.header or "SIEMENS" not in text(file.header, "Manufacturer").upper():
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nibabel's readers of DICOM are young
        from nibabel.nicom import csareader

        try:
            found = csareader.get_csa_header(file.header, "image")
        except Exception:  # a private block may hold anything
            found = None
    return {name: tag["items"] for name, tag in (found or {}).get("tags", {}).items()}


def _siemens(file: File) -> List[Tuple[np.ndarray, Tile]]:
    private, whole, step = _csa(file), file.slices[0], number(file.header, "SpacingBetweenSlices")
    try:
        count = int(private["NumberOfImagesInMosaic"][0])
        stated = np.array([float(v) for v in private["SliceNormalVector"]])
    except (KeyError, IndexError, TypeError, ValueError):
        return []
    side = math.ceil(math.sqrt(max(count, 0)))
    tiles = _grid(file, side, side, count)
    if not tiles or stated.shape != (3,) or whole.position is None or whole.orientation is None or \
            whole.spacing is None or not step:
        return []
    along_row, along_column = whole.orientation[:3], whole.orientation[3:]
    normal = np.cross(along_row, along_column)
    normal = normal if normal @ stated > 0.0 else -normal
    first = (whole.position + along_row * whole.spacing[1] * (file.columns - file.columns // side) / 2.0
             + along_column * whole.spacing[0] * (file.rows - file.rows // side) / 2.0)
    return [(first + n * step * normal, tile) for n, tile in enumerate(tiles)]
