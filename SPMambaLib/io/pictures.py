"""Single pictures: PNG, JPEG, BMP (read by Pillow), TIFF (by ITK), upright and with what is transparent left out.

A picture's resolution (dots per inch) is that of paper, not of the patient: spacing stays unknown.
"""
from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, List, Tuple

import numpy as np

from ..detection import Notice
from ..errors import UnreadableFileError, UnsupportedImageError
from .content import damaged
from .names import utf8_path

ORIENTATION = 0x0112  # tag of EXIF and TIFF: how the stored picture must be turned to stand upright
TURNS = {  # (rows and columns exchanged first, then rows, then columns reversed) of what is stored
    2: (False, False, True), 3: (False, True, True), 4: (False, True, False), 5: (True, False, False),
    6: (True, False, True), 7: (True, True, True), 8: (True, True, False)}
TIFF_READER = {2: (False, True), 3: (True, True), 4: (True, False), 6: (False, True), 7: (True, True), 8: (True, False)}
"""Which of rows and columns the readers of TIFF reverse, which do not exchange them; others reverse neither."""
LARGEST, MOST_PAGES = 1 << 28, 10000  # pixels
DEEP = ("I;16", "I;16L", "I;16B", "I;16N")


def read_picture(path: Path) -> Tuple[np.ndarray, np.ndarray, List[Notice]]:
    """(voxels (pages, rows, columns) or with channels last, ijk_to_lps, notices).

    The picture is turned upright, and its geometry with it: each pixel lies where 3D Slicer, which does not turn it,
    shows it.

    Raises:
        UnreadableFileError: incomplete, damaged, or not such a picture.
        UnsupportedImageError: pages of different sizes, or too many pixels.
    """
    from PIL import Image, UnidentifiedImageError

    _require_complete(path)
    notices: List[Notice] = []
    try:
        with warnings.catch_warnings(), Image.open(path) as picture:
            warnings.simplefilter("ignore")
            pages = getattr(picture, "n_frames", 1)
            _check_pages(picture, pages, path)
            stated = picture.getexif().get(ORIENTATION, 1) if pages == 1 else 1
            tiff = picture.format == "TIFF"
            voxels = _tiff(path, pages) if tiff else _pixels(picture)[None]
            fewer = _bits(path) == 16 and picture.mode in ("RGB", "RGBA", "LA")
    except (Image.DecompressionBombError, UnidentifiedImageError, SyntaxError, ValueError, EOFError) as error:
        raise UnreadableFileError("{} could not be read; it may be damaged, or not be what its name says.".format(
            path.name), str(error)) from error
    ijk_to_lps = np.eye(4)
    if fewer:
        notices.append(Notice("fewer-levels", "The picture has 16 bits in colour or with transparency; 8 of them are "
                                              "read."))
    if stated in TURNS:
        shown = TIFF_READER.get(stated, (False, False)) if tiff else (False, False)
        voxels, ijk_to_lps = turned(voxels, TURNS[stated], shown)
        notices.append(Notice("turned", "The file says that the picture must be turned to stand upright; it was."))
    if len(voxels) > 1:
        notices.append(Notice("no-spacing", "The file does not say how large its voxels are: all sizes and volumes are "
                                            "in voxels, not in mm or ml."))
    return np.ascontiguousarray(voxels), ijk_to_lps, notices


def _check_pages(picture: Any, pages: int, path: Path) -> None:
    sizes = []
    for page in range(min(pages, MOST_PAGES)):
        picture.seek(page)
        sizes.append(picture.size)
    picture.seek(0)
    if len(set(sizes)) > 1:
        raise UnsupportedImageError("{} holds several pictures of different sizes; extract one of them first.".format(
            path.name), "{} pages".format(pages), code="several-images")
    if pages > MOST_PAGES or picture.width * picture.height * pages > LARGEST:
        raise UnsupportedImageError("{} is too large to be read; extract a part of it first.".format(path.name),
                                    "{} x {} x {}".format(pages, *picture.size), code="too-large")


def _tiff(path: Path, pages: int) -> np.ndarray:
    """All pages, by ITK: what Pillow makes of turned ones is not what they hold."""
    import SimpleITK

    sitk: Any = SimpleITK
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    with utf8_path(path) as place:
        image = sitk.ReadImage(str(place))
    array = sitk.GetArrayFromImage(image)
    array = array[None] if image.GetDimension() == 2 else array
    if len(array) != pages:
        raise damaged(path, "{} of {} pages".format(len(array), pages))
    return _without_transparent(array) if image.GetNumberOfComponentsPerPixel() in (2, 4) else array


def turned(voxels: np.ndarray, turn: Tuple[bool, bool, bool],
           shown: Tuple[bool, bool]) -> Tuple[np.ndarray, np.ndarray]:
    """(upright voxels, their ijk_to_lps): each pixel stays where it was shown.

    Args:
        shown: which of the stored rows and columns are shown, and given, reversed.
    """
    exchange, rows, columns = turn
    voxels = voxels[:, ::-1 if shown[0] else 1, ::-1 if shown[1] else 1]
    if exchange:
        voxels = voxels.swapaxes(1, 2)
    height, width = voxels.shape[1:3]
    index = np.eye(4)  # from the new (i, j, k) to the stored one
    if columns:
        index[0, 0], index[0, 3] = -1.0, width - 1.0
    if rows:
        index[1, 1], index[1, 3] = -1.0, height - 1.0
    if exchange:
        index[[0, 1]] = index[[1, 0]]
    for axis, reverse in zip((1, 0), shown):
        if reverse:
            side = (height, width)[axis if exchange else 1 - axis]
            index[axis] = [0.0, 0.0, 0.0, side - 1.0] - index[axis]
    return voxels[:, ::-1 if rows else 1, ::-1 if columns else 1], index


def _pixels(page: Any) -> np.ndarray:
    """Grey levels, or colours in the last axis; transparent parts are black, as they would be on a light box."""
    if page.mode in DEEP:
        array = np.asarray(page)
        return array.astype(array.dtype.newbyteorder("=")).copy()
    if page.mode in ("L", "F", "I", "RGB"):
        transparent = page.info.get("transparency")
        if transparent is None:
            return np.array(page)
        page = page.convert("RGBA" if page.mode == "RGB" else "LA") if page.mode in ("RGB", "L") else page
    if page.mode == "1":
        return np.array(page.convert("L"))
    if page.mode == "P":
        page = page.convert("RGBA")
    if page.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        page = page.convert("RGB")
    if page.mode in ("PA", "La", "RGBa"):
        page = page.convert("RGBA")
    array = np.array(page)
    if page.mode in ("LA", "RGBA"):
        array = _without_transparent(array)
    return array[..., 0].copy() if array.ndim == 3 and array.shape[2] == 1 else array


def _without_transparent(array: np.ndarray) -> np.ndarray:
    """Colours without their last channel, which says how opaque they are."""
    most = np.iinfo(array.dtype).max if array.dtype.kind in "iu" else 1.0
    opaque = array[..., -1:].astype(np.float32) / most
    if opaque.min() == 1.0:
        return array[..., :-1]
    shown = array[..., :-1] * opaque
    return (np.rint(shown) if array.dtype.kind in "iu" else shown).astype(array.dtype)


def _bits(path: Path) -> int:
    """Of each channel of a PNG; 8 for others."""
    with open(path, "rb") as file:
        start = file.read(26)
    return start[24] if start[:8] == b"\x89PNG\r\n\x1a\n" and len(start) == 26 else 8


def _require_complete(path: Path) -> None:
    """What is missing of a truncated JPEG or BMP would be filled with grey."""
    content = path.read_bytes()
    complete = True
    if content[:2] == b"\xff\xd8":  # JPEG: an end marker must follow the last start of scan
        complete = content.rfind(b"\xff\xd9") > content.rfind(b"\xff\xda")
    elif content[:2] == b"BM":
        complete = len(content) >= int.from_bytes(content[2:6], "little")
    if not complete:
        raise damaged(path, "{} bytes".format(len(content)))
