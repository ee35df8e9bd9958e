"""From the places of slices to one volume: their order, where it lies, and what must be moved to make it regular.

Slices that stand at equal steps are taken as they are; a stack that drifts sideways (tilted gantry) becomes a sheared
volume, with every voxel where it was measured.  Slices at unequal steps, moved sideways one against the other, or of
changing pixel spacing are resampled linearly to a regular grid by their true positions, so that places in mm and
volumes in ml are right; the notice says so.  Works in LPS mm.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import List, Optional, Sequence, Tuple

import numpy as np

from ...detection import Notice
from ...errors import UnsupportedImageError

SAME_POSITION = 1e-3  # mm between slices
UNEQUAL = 0.05  # of the slice distance
ROUNDING = 0.01  # mm; sideways drift of a whole stack that comes from rounded positions, not from a tilted gantry
SAME_SPACING = 1e-3  # of the pixel spacing
HOLE_STEPS, HOLE_MM = 4.0, 15.0  # a gap beyond both is a hole that nothing can fill
MOST_SLICES = 4  # times as many after resampling, at most


@dataclass
class Layout:
    """How slices become a volume.

    Attributes:
        order: of the slices as given.
        ijk_to_lps: 4x4 of the volume.
        depths: where each slice of the volume lies among the ordered ones, e.g. 2.5 halfway between 2 and 3; None if
            they are taken as they are.
        shifts: (n, 2) where pixel (0, 0) of the volume lies in each ordered slice, in its (rows, columns); None if all
            lie straight.
        zooms: (n, 2) pixels of each ordered slice per pixel of the volume; with `shifts`.
    """

    order: np.ndarray
    ijk_to_lps: np.ndarray
    depths: Optional[np.ndarray] = None
    shifts: Optional[np.ndarray] = None
    zooms: Optional[np.ndarray] = None
    notices: List[Notice] = field(default_factory=list)

    def apply(self, slices: np.ndarray) -> np.ndarray:
        """The volume (K, J, I) from slices (n, rows, columns) in their order; whole numbers stay whole."""
        dtype = slices.dtype
        if self.shifts is not None and self.zooms is not None:
            slices = np.stack([_moved(one, shift, zoom) for one, shift, zoom in zip(slices, self.shifts, self.zooms)])
        if self.depths is not None:
            below = np.clip(np.floor(self.depths).astype(int), 0, len(slices) - 2)
            part = (self.depths - below).astype(np.float32)[:, None, None]
            slices = np.stack([(1.0 - w) * slices[n] + w * slices[n + 1] for n, w in zip(below, part)])
        if slices.dtype == dtype:
            return slices
        return np.rint(slices).astype(dtype) if dtype.kind in "iu" else slices.astype(dtype)


def directions(orientation: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors along a row, along a column, and along the normal; files round the six numbers they hold."""
    with np.errstate(invalid="ignore", divide="ignore"):  # a zero vector becomes NaN, which `check_geometry` refuses
        rows = orientation[:3] / np.linalg.norm(orientation[:3])
        columns = orientation[3:] - rows * (rows @ orientation[3:])
        columns = columns / np.linalg.norm(columns)
    return rows, columns, np.cross(rows, columns)


def repeated(positions: np.ndarray, orientation: np.ndarray) -> bool:
    """Whether several slices (n, 3) lie at one position."""
    depth = np.sort(positions @ directions(orientation)[2])
    return len(depth) > 1 and bool(np.diff(depth).min() < SAME_POSITION)


def single(position: np.ndarray, orientation: np.ndarray, spacing: np.ndarray, thickness: float) -> Layout:
    """One slice as a volume."""
    rows, columns, normal = directions(orientation)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([rows * spacing[1], columns * spacing[0], normal * thickness], axis=1)
    matrix[:3, 3] = position
    return Layout(np.zeros(1, dtype=int), matrix)


def layout(positions: np.ndarray, orientation: np.ndarray, spacings: Sequence[np.ndarray]) -> Layout:
    """How a stack becomes a volume.

    Args:
        positions: (n, 3) mm, centre of each slice's first pixel; n >= 2.
        orientation: (6,) direction of a row (along i), then of a column (along j).
        spacings: of each slice, mm between rows, between columns.

    Raises:
        UnsupportedImageError: ``"four-dimensional"``: several slices at one position; ``"incomplete-volume"``: a hole
            that cannot be filled; ``"bad-geometry"``: directions that make no sense.
    """
    rows, columns, normal = directions(orientation)
    if not np.isfinite(normal).all():
        raise UnsupportedImageError("The slices do not say how they lie in the patient: their directions make no "
                                    "sense.", str(orientation), code="bad-geometry")
    depth = positions @ normal
    order = np.argsort(depth, kind="stable")
    positions, depth, spacing = positions[order], depth[order], np.array(spacings)[order]
    steps = np.diff(depth)
    if steps.min() < SAME_POSITION:
        raise UnsupportedImageError("The series holds several images of the same slice (time points, echoes or "
                                    "phases); extract one volume first.", code="four-dimensional")
    first, span, count = positions[0], positions[-1] - positions[0], len(positions)
    zoomed = bool(np.ptp(spacing, axis=0).max() > SAME_SPACING * spacing.min())
    along = normal * (span @ normal)
    if zoomed or np.linalg.norm(span - along) < ROUNDING:
        span = along
    result = Layout(order, np.eye(4))
    away = positions - (first + np.outer(np.arange(count), span / (count - 1)))
    if np.linalg.norm(away, axis=1).max() > UNEQUAL * np.linalg.norm(span) / (count - 1):
        height = (depth - depth[0]) / (depth[-1] - depth[0])
        _level(result, height, steps, float(np.abs(away @ normal).max()))
        _straighten(result, positions - (first + np.outer(height, span)), rows, columns, spacing)
        count = count if result.depths is None else len(result.depths)
    if zoomed:
        result.notices.append(Notice(
            "spacing-changes", "The pixel spacing changes within the series, from {:g} to {:g} mm; all slices were "
            "resampled to that of the first, {:g} x {:g} mm.".format(spacing.min(), spacing.max(), *spacing[0])))
        result.zooms = spacing[0] / spacing
        if result.shifts is None:
            result.shifts = np.zeros((len(order), 2))
    result.ijk_to_lps[:3, :3] = np.stack([rows * spacing[0, 1], columns * spacing[0, 0], span / (count - 1)], axis=1)
    result.ijk_to_lps[:3, 3] = first
    return result


def _level(result: Layout, height: np.ndarray, steps: np.ndarray, away: float) -> None:
    """Resample along the stack where steps are unequal; `height` of the slices is in [0, 1], `away` mm how far the
    worst would lie from its place."""
    usual, largest, count = float(np.median(steps)), float(steps.max()), len(height)
    if largest > HOLE_STEPS * usual and largest > HOLE_MM:
        raise UnsupportedImageError("Slices are missing: there is a hole of {:.1f} mm in the series, whose slices are "
                                    "{:.1f} mm apart; look for the missing files.".format(largest, usual),
                                    code="incomplete-volume")
    if np.ptp(steps) <= UNEQUAL * usual:
        return
    step = max(float(np.quantile(steps, 0.25)), float(steps.sum()) / (MOST_SLICES * count))
    wanted = int(round(float(steps.sum()) / step)) + 1
    result.depths = np.interp(np.linspace(0.0, 1.0, max(wanted, 2)), height, np.arange(count))
    result.notices.append(Notice(
        "unequal-slices", "The slices are not equally spaced ({:.1f} to {:.1f} mm apart; one may be missing): they "
        "were resampled to equal steps by their true positions, from which they would otherwise be off by up to {:.1f} "
        "mm.".format(float(steps.min()), largest, away)))


def _straighten(result: Layout, sideways: np.ndarray, rows: np.ndarray, columns: np.ndarray,
                spacing: np.ndarray) -> None:
    """Move slices that stand beside the line from the first to the last; `sideways` (n, 3) mm."""
    pixels = np.stack([sideways @ columns, sideways @ rows], axis=1) / spacing
    if np.abs(pixels).max() > UNEQUAL:
        result.shifts, result.zooms = -pixels, np.ones_like(pixels)
        result.notices.append(Notice("slices-shifted", "The slices do not stand in one line, but up to {:.1f} mm "
                                     "beside it: they were resampled by their true positions.".format(
                                         float(np.linalg.norm(sideways, axis=1).max()))))


def _moved(one: np.ndarray, shift: np.ndarray, zoom: np.ndarray) -> np.ndarray:
    """A slice at ``shift + zoom * index`` of its rows and columns, linearly; outside of it the lowest value."""
    if not shift.any() and np.allclose(zoom, 1.0, atol=SAME_SPACING):
        return one
    image, outside = one.astype(np.float32), float(one.min())
    for axis in (0, 1):
        image = np.moveaxis(image, axis, 0)
        places = shift[axis] + zoom[axis] * np.arange(len(image))
        below = np.clip(np.floor(places).astype(int), 0, max(len(image) - 2, 0))
        part = np.clip(places - below, 0.0, 1.0).astype(np.float32)[:, None]
        image = (1.0 - part) * image[below] + part * image[np.minimum(below + 1, len(image) - 1)]
        image[(places < -0.5) | (places > len(image) - 0.5)] = outside
        image = np.moveaxis(image, 0, axis)
    return image
