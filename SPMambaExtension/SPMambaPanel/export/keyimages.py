"""Pictures for the report: the slice through a finding's highest point, its outline beside the plain image."""
from __future__ import annotations

from typing import Any, Tuple

import numpy as np
import slicer

from SPMambaLib.geometry import plane_of

from ..facts import ijkToRas
from ..pictures import OUTLINE, cross, png
from ..result import Result
from ..tables import Row

REJECTED_OUTLINE = (170, 170, 170)
SIDE = 260  # longer side of one tile in pixels
GAP = 3


def keyImage(result: Result, row: Row, sliceNumber: int, rejected: bool) -> bytes:
    """PNG of two tiles in radiological view: the image as its display window has it, and with the finding outlined.

    Args:
        row: of the findings table.
        sliceNumber: index along the analysed axis.
    """
    volume = result.input
    values = slicer.util.arrayFromVolume(volume)
    plane = plane_of(ijkToRas(volume), values.shape, str(result.summary["plane"]))
    gray = _gray(plane.to_slices(values)[plane.slice_index(sliceNumber)], volume)
    marked = plane.to_slices(slicer.util.arrayFromVolume(result.map))[plane.slice_index(sliceNumber)] >= float(
        result.summary["threshold"])
    rows, columns = _pixels(gray.shape, plane.spacing[1:])
    gray, marked = gray[np.ix_(rows, columns)], marked[np.ix_(rows, columns)]
    plain = np.repeat(gray[:, :, None], 3, axis=2)
    outlined = plain.copy()
    outlined[_border(marked)] = REJECTED_OUTLINE if rejected else OUTLINE
    cross(outlined, _place(plane, row, rows, columns))
    return png(np.concatenate([plain, np.full((len(rows), GAP, 3), 255, np.uint8), outlined], axis=1))


def _gray(image: np.ndarray, volume: Any) -> np.ndarray:
    display = volume.GetDisplayNode()
    low, high = display.GetWindowLevelMin(), display.GetWindowLevelMax()
    scaled = (image.astype(np.float32) - low) / max(high - low, 1e-6)
    return (np.clip(np.nan_to_num(scaled), 0.0, 1.0) * 255.0).astype(np.uint8)


def _pixels(shape: Tuple[int, ...], spacing: Tuple[float, ...]) -> Tuple[np.ndarray, np.ndarray]:
    """Which row and column each pixel of a tile takes, so that the tile has the proportions of the patient."""
    lengths = [count * step for count, step in zip(shape, spacing)]
    sizes = [max(8, int(round(SIDE * length / max(lengths)))) for length in lengths]
    return (np.arange(sizes[0]) * shape[0] // sizes[0], np.arange(sizes[1]) * shape[1] // sizes[1])


def _border(mask: np.ndarray) -> np.ndarray:
    """Pixels outside of a mask that touch it, so that the marked tissue itself stays visible."""
    padded = np.pad(mask, 1)
    near = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return near & ~mask


def _place(plane: Any, row: Row, rows: np.ndarray, columns: np.ndarray) -> Tuple[int, int]:
    """Pixel (row, column) of the highest point."""
    point = np.linalg.solve(plane.stack_to_ras, [row["right"], row["anterior"], row["superior"], 1.0])
    return int(np.abs(rows - point[1]).argmin()), int(np.abs(columns - point[0]).argmin())
