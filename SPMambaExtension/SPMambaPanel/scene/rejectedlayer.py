"""Rejected findings are gray in the colored label layer, too, not only in their outlines."""
from __future__ import annotations

from typing import Sequence

import numpy as np
import slicer

from ..model.decisions import REJECTED
from . import colors
from .result import Result
from .tables import Row, placesOf


def paint(result: Result, rows: Sequence[Row], threshold: float) -> None:
    """Gray for the marked voxels of rejected findings, the color of its band for every other one.

    Args:
        result: complete.
        rows: its findings.
        threshold: map value of the operating point that the layer shows.
    """
    gray = len(result.calibration.bands) + 1
    rejected = [row for row in rows if row["decision"] == REJECTED]
    if not rejected and not colors.hasRejected(result.get("bandColors"), gray):
        return  # nothing ever was
    values = slicer.util.arrayFromVolume(result.map)
    labels = slicer.util.arrayFromVolume(result.severity)
    if values.shape != labels.shape:
        return  # someone has replaced one of them
    wanted = np.zeros(0, dtype=np.int64)
    for row in rejected:
        for place in placesOf(row):
            k, j, i = np.nonzero(place.voxels(values) & (labels[place.box] > 0))
            start = [side.start for side in place.box]
            wanted = np.append(wanted, np.ravel_multi_index(
                (k + start[0], j + start[1], i + start[2]), labels.shape))
    flat = labels.reshape(-1)
    painted = np.flatnonzero(flat == gray)
    wanted = np.unique(wanted)
    if np.array_equal(painted, wanted):
        return
    edges = np.asarray(result.calibration.band_edges(threshold), dtype=values.dtype)
    flat[painted] = np.searchsorted(edges, values.reshape(-1)[painted], side="right")
    flat[wanted] = gray
    if len(wanted):
        colors.addRejected(result.get("bandColors"), gray)
    slicer.util.arrayFromVolumeModified(result.severity)
