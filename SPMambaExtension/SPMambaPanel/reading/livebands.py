"""The colored label layer that follows the operating point while the slider moves.

All voxels that can ever be marked are sorted once by map value.  A band is then a range of that order, and a move
rewrites only the voxels that change their band.
"""
from __future__ import annotations

from typing import Any, Optional

import numpy as np
import slicer

from ..scene.result import Result


class LiveBands:
    """Severity bands of a result, as `Calibration.severity` gives them, at any operating point.

    Args:
        result: complete; its map and label layer stay what they are (see `fits`).
    """

    def __init__(self, result: Result) -> None:
        self._calibration = result.calibration
        self._severity = result.severity
        self._voxels = _voxels(result)
        self._time = self._voxels.GetMTime()
        values = slicer.util.arrayFromVolume(result.map).ravel()
        index = np.flatnonzero(values >= self._calibration.thresholds[0])  # lower than this no operating point goes
        order = np.argsort(values[index], kind="stable")
        self._index = index[order]
        self._values = values[self._index]
        self._bounds: Optional[np.ndarray] = None

    def fits(self, result: Result) -> bool:
        """False once another result is read, or voxels of the map were changed or replaced."""
        return (result.severity is self._severity and _voxels(result) is self._voxels
                and self._voxels.GetMTime() == self._time)

    def show(self, threshold: float) -> None:
        """Mark what reaches `threshold` (at least the lowest of the calibration), band by band."""
        edges = np.asarray(self._calibration.band_edges(threshold), dtype=self._values.dtype)
        bounds = np.searchsorted(self._values, edges)
        labels = slicer.util.arrayFromVolume(self._severity).reshape(-1)
        if self._bounds is None:
            labels[:] = 0
            low, high = 0, len(self._index)
        else:
            moved = bounds != self._bounds
            if not moved.any():
                return
            low = int(min(bounds[moved].min(), self._bounds[moved].min()))
            high = int(max(bounds[moved].max(), self._bounds[moved].max()))
        labels[self._index[low:high]] = np.searchsorted(bounds, np.arange(low, high), side="right")
        self._bounds = bounds
        slicer.util.arrayFromVolumeModified(self._severity)


def _voxels(result: Result) -> Any:
    return result.map.GetImageData().GetPointData().GetScalars()
