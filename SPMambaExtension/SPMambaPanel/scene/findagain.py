"""Findings of a result from its map in the scene, at any operating point and wherever its scan lies now."""
from __future__ import annotations

import slicer

from SPMambaLib.scoring import findings as regions

from ..model.applydecisions import Settled, settle
from . import evidencenode, tables
from .result import Result
from .volumeinfo import ijkToRas


def findAgain(result: Result, rate: float) -> Settled:
    """Findings at a false-positive rate, with what was decided about them, written into the table of the scene.

    The segments are not made: that is the slow half, see `overlay.fillSegmentation`.
    """
    calibration = result.calibration
    threshold = calibration.threshold(rate)
    values, matrix = slicer.util.arrayFromVolume(result.map), ijkToRas(result.map)
    labels, found = regions.find(values, matrix, threshold, calibration=calibration,
                                 slice_axis=int(result.summary["slice_axis"]))
    settled = settle(result.decisions, values, labels, found, ijkToRas=matrix, threshold=threshold,
                     calibration=calibration)
    settled = evidencenode.withTerms(result, settled)
    tables.writeFindings(result.get("findings"), settled)
    result.setOperatingPoint(rate, threshold)
    return settled
