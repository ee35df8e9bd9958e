"""Pictures for the report: the slice through a finding's highest point, its outline beside the plain image."""
from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np
import slicer

from ..model.decisions import REJECTED
from ..scene.evidencenode import planeOf
from ..scene.pictures import OUTLINE, cross, png, write
from ..scene.result import Result
from ..scene.tables import Row, ijkOf, segmentId
from ..scene.volumeinfo import ijkToRas, kindOf

REJECTED_OUTLINE = (225, 225, 225)
OTHER_OUTLINE = (40, 130, 150)  # of other findings in the slice
SIDE = 300  # longer side of one tile in pixels
GAP = 4
AIR = 20  # grey up to which a pixel shows nothing
FULL = 0.005  # share of a row of the volume that shows something, where the picture begins
MARGIN = 0.04  # around that, of the longer side
LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))  # towards which an axis grows, and away from which


class KeyImages:
    """Tiles of one result, all cut to what the volume shows, in one scale.

    Args:
        result: its volume is in the scene.
    """

    def __init__(self, result: Result) -> None:
        self._result = result
        self._plane = planeOf(result)
        self._values = self._plane.to_slices(slicer.util.arrayFromVolume(result.input))
        self._marks = self._plane.to_slices(slicer.util.arrayFromVolume(result.severity)) > 0
        self._letters = "" if kindOf(result.input) == "image" else _directions(self._plane.stack_to_ras)
        self._box = self._content()

    def _content(self) -> Tuple[slice, slice]:
        """Rows and columns that show more than air, of all slices."""
        shown = self._gray(self._values[::max(1, len(self._values) // 32)]) > AIR
        shape = shown.shape[1:]
        margin = MARGIN * max(length * step for length, step in zip(shape, self._plane.spacing[1:]))
        sides = []
        for axis in (0, 1):
            full = np.flatnonzero(shown.mean(axis=(0, 2 - axis)) > FULL)
            marked = np.flatnonzero(self._marks.any(axis=(0, 2 - axis)))
            known = np.concatenate([full, marked]) if len(full) else np.array([0, shape[axis] - 1])
            more = int(round(margin / self._plane.spacing[1 + axis]))
            sides.append(slice(max(0, int(known.min()) - more), min(shape[axis], int(known.max()) + 1 + more)))
        return sides[0], sides[1]

    def png(self, sliceNumber: int, row: Optional[Row] = None) -> bytes:
        """Two tiles in radiological view: the image as its display window has it, and with the finding outlined.

        Args:
            sliceNumber: index along the analysed axis.
            row: of the findings table; None for a slice without a finding, which is one tile.
        """
        number = self._plane.slice_index(sliceNumber)
        gray, others = self._gray(self._values[number][self._box]), self._marks[number][self._box]
        rows, columns = _pixels(gray.shape, self._plane.spacing[1:])
        pixels = np.ix_(rows, columns)
        plain = np.repeat(gray[pixels][:, :, None], 3, axis=2)
        outlined = plain.copy()
        if self._letters:
            write(plain, self._letters[0], (len(plain) // 2, 12))
            write(plain, self._letters[1], (16, len(columns) // 2))
        if row is None:
            return png(plain)
        others, finding = others[pixels], self._finding(row)[number][self._box][pixels]
        outlined[_border(others & ~finding)] = OTHER_OUTLINE
        border = _border(finding)
        outlined[border | _border(finding | border)] = REJECTED_OUTLINE if row["decision"] == REJECTED else OUTLINE
        cross(outlined, self._place(row, rows, columns))
        return png(np.concatenate([plain, np.full((len(rows), GAP, 3), 255, np.uint8), outlined], axis=1))

    def _finding(self, row: Row) -> np.ndarray:
        """Voxels of a finding's segment, as a stack; none if the reader has removed it."""
        node, name = self._result.segmentation, segmentId(row["rank"])
        if node.GetSegmentation().GetSegment(name) is None:
            return np.zeros(self._plane.stack_shape, dtype=bool)
        return self._plane.to_slices(slicer.util.arrayFromSegmentBinaryLabelmap(node, name, self._result.map)) > 0

    def _gray(self, image: np.ndarray) -> np.ndarray:
        display = self._result.input.GetDisplayNode()
        low, high = display.GetWindowLevelMin(), display.GetWindowLevelMax()
        scaled = (image.astype(np.float32) - low) / max(high - low, 1e-6)
        return (np.clip(np.nan_to_num(scaled), 0.0, 1.0) * 255.0).astype(np.uint8)

    def _place(self, row: Row, rows: np.ndarray, columns: np.ndarray) -> Tuple[int, int]:
        """Pixel (row, column) of the highest point."""
        ijk = ijkOf(row, ijkToRas(self._result.map))  # the plane is where the scan lay when it was analysed
        point = np.linalg.solve(self._plane.stack_to_ras, self._plane.ijk_to_ras @ [*ijk, 1.0])
        top, left = (each.start for each in self._box)
        return int(np.abs(rows + top - point[1]).argmin()), int(np.abs(columns + left - point[0]).argmin())


def _directions(stackToRas: np.ndarray) -> str:
    """What lies on the left and on top of a slice, as two letters."""
    text = ""
    for axis in (0, 1):  # to the right, and down
        toSide = int(np.abs(stackToRas[:3, axis]).argmax())
        text += LETTERS[toSide][int(stackToRas[toSide, axis] > 0)]
    return text


def _pixels(shape: Tuple[int, ...], spacing: Any) -> Tuple[np.ndarray, np.ndarray]:
    """Which row and column each pixel of a tile takes, so that the tile has the proportions of the patient."""
    lengths = [count * step for count, step in zip(shape, spacing)]
    sizes = [max(8, int(round(SIDE * length / max(lengths)))) for length in lengths]
    return (np.arange(sizes[0]) * shape[0] // sizes[0], np.arange(sizes[1]) * shape[1] // sizes[1])


def _border(mask: np.ndarray) -> np.ndarray:
    """Pixels outside of a mask that touch it, so that the marked tissue itself stays visible."""
    padded = np.pad(mask, 1)
    near = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return near & ~mask
