"""How a result looks wherever it is shown: colors of the map, its fixed scale, the terminology of segments.

Light: numpy only, for viewers and pictures alike.
"""
from __future__ import annotations

from typing import Tuple

import numpy as np

from ..scoring.calibration import Calibration

# "inferno" of matplotlib (CC0) from a quarter of its length up: perceptually uniform, readable for color-blind eyes,
# and nowhere as dark as the gray image below it.
MAP_COLORS: Tuple[Tuple[float, float, float], ...] = (
    (0.342, 0.062, 0.429), (0.497, 0.119, 0.424), (0.651, 0.178, 0.373), (0.792, 0.255, 0.288),
    (0.902, 0.365, 0.184), (0.968, 0.513, 0.056), (0.988, 0.684, 0.072), (0.961, 0.866, 0.298), (0.988, 0.998, 0.645))

# Neutral on purpose: what is marked is unusual, not diagnosed.  The type is a private code (DICOM PS3.3 8.2, "99").
TERMINOLOGY = ("Segmentation category and type - 3D Slicer General Anatomy list"
               "~SCT^49755003^Morphologically Altered Structure"
               "~99SPMAMBA^anomaly-candidate^Anomaly candidate~^^"
               "~Anatomic codes - DICOM master list~^^~^^")


def map_window(calibration: Calibration) -> Tuple[float, float]:
    """Fixed scale of the map: the same color means the same rarity in every image of a model.  From the value that half
    of the normals reach to twice as far above it as "extreme" starts."""
    low = calibration.thresholds[0]
    high = max(band.threshold for band in calibration.bands)
    return low, max(low + 2.0 * (high - low), low + 1e-3)


def map_colors(values: np.ndarray, window: Tuple[float, float]) -> np.ndarray:
    """uint8 colors (..., 3) of map values on a fixed scale; values outside take its end colors."""
    low, high = window
    positions = np.clip((values - low) / (high - low), 0.0, 1.0) * (len(MAP_COLORS) - 1)
    channels = [np.interp(positions, range(len(MAP_COLORS)), channel) for channel in zip(*MAP_COLORS)]
    return np.round(np.stack(channels, axis=-1) * 255.0).astype(np.uint8)
