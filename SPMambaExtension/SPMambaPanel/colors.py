"""Colors and names of what is shown: the continuous map, the severity bands, the segments."""
from __future__ import annotations

from typing import Any, Sequence, Tuple

import numpy as np
import slicer
from slicer.i18n import tr as _

from SPMambaLib.scoring.calibration import Calibration

# "inferno" of matplotlib (CC0) from a quarter of its length up: perceptually uniform, readable for color-blind eyes,
# and nowhere as dark as the gray image below it.
MAP_COLORS: Tuple[Tuple[float, float, float], ...] = (
    (0.342, 0.062, 0.429), (0.497, 0.119, 0.424), (0.651, 0.178, 0.373), (0.792, 0.255, 0.288),
    (0.902, 0.365, 0.184), (0.968, 0.513, 0.056), (0.988, 0.684, 0.072), (0.961, 0.866, 0.298), (0.988, 0.998, 0.645))
MAP_COLOR_COUNT = 256

# Neutral on purpose: what is marked is unusual, not diagnosed.  The type is a private code (DICOM PS3.3 8.2, "99").
TERMINOLOGY = ("Segmentation category and type - 3D Slicer General Anatomy list"
               "~SCT^49755003^Morphologically Altered Structure"
               "~99SPMAMBA^anomaly-candidate^Anomaly candidate~^^"
               "~Anatomic codes - DICOM master list~^^~^^")


def fillMapColors(colorNode: Any) -> None:
    """Fill a vtkMRMLColorTableNode with the ramp of the continuous map."""
    positions = np.linspace(0, len(MAP_COLORS) - 1, MAP_COLOR_COUNT)
    ramp = np.stack([np.interp(positions, range(len(MAP_COLORS)), channel) for channel in zip(*MAP_COLORS)], axis=1)
    _fill(colorNode, [(str(n), (r, g, b), 1.0) for n, (r, g, b) in enumerate(ramp.tolist())])


def fillBandColors(colorNode: Any, calibration: Calibration) -> None:
    """Fill a vtkMRMLColorTableNode: 0 is transparent, n is the n-th severity band."""
    bands = [(band.name, band.color, 1.0) for band in calibration.bands]
    _fill(colorNode, [(_("not marked"), (0.0, 0.0, 0.0), 0.0), *bands])


def _fill(colorNode: Any, entries: Sequence[Tuple[str, Tuple[float, float, float], float]]) -> None:
    with slicer.util.NodeModify(colorNode):
        colorNode.SetTypeToUser()
        colorNode.SetNumberOfColors(len(entries))
        for index, (name, (r, g, b), alpha) in enumerate(entries):
            colorNode.SetColor(index, name, r, g, b, alpha)
            if colorNode.GetColorName(index) != name:  # Slicer 5.6 loses names until it is told that there are some
                colorNode.NamesInitialisedOn()
                colorNode.SetColor(index, name, r, g, b, alpha)
        colorNode.GetLookupTable().SetTableRange(0, len(entries) - 1)


def mapWindow(calibration: Calibration) -> Tuple[float, float]:
    """Fixed scale of the map: the same color means the same rarity in every image of a model.  From the value that half
    of the normals reach to twice as far above it as "extreme" starts."""
    low = calibration.thresholds[0]
    high = max(band.threshold for band in calibration.bands)
    return low, max(low + 2.0 * (high - low), low + 1e-3)
