"""A synthetic map with several findings whose relations are known."""
from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from SPMambaPanel.selftests import selftest

# (K, J, I) boxes.  At "1 in 20" (2.9) HIGH, MIDDLE and SMALL are three findings; at "1 in 2" (2.0) the bridge of 2.4
# joins HIGH and MIDDLE.  From 4.5 up HIGH falls into two parts, one of them without its peak.
HIGH = (slice(3, 7), slice(5, 11), slice(4, 14))
NOTCH = (slice(3, 7), slice(5, 11), slice(8, 10))
MIDDLE = (slice(3, 7), slice(5, 11), slice(18, 24))
BRIDGE = (slice(3, 7), slice(7, 9), slice(14, 18))
SMALL = (slice(14, 16), slice(20, 23), slice(30, 33))
HIGH_PEAK, MIDDLE_PEAK, SMALL_PEAK = (4, 7, 5), (5, 8, 20), (14, 21, 31)


def landscapeMap() -> np.ndarray:
    """float32 (K, J, I)."""
    values = np.random.default_rng(3).uniform(0.0, 0.9, selftest.SHAPE).astype(np.float32)
    values[HIGH] = 5.0
    values[NOTCH] = 4.0
    values[MIDDLE] = 4.0
    values[BRIDGE] = 2.4
    values[SMALL] = 3.2
    values[HIGH_PEAK], values[MIDDLE_PEAK], values[SMALL_PEAK] = 6.0, 5.5, 3.5
    return values


def landscape(volume: Any) -> Any:
    """Result of a volume with `landscapeMap` as its map, at "1 in 20"."""
    from SPMambaPanel.reading.review import Review

    result = selftest.addResult(volume)
    slicer.util.arrayFromVolume(result.map)[:] = landscapeMap()
    slicer.util.arrayFromVolumeModified(result.map)
    review = Review(lambda: None, lambda: None)
    review.open(result)
    review.refresh()
    review.open(None)  # leaves no observer behind
    return result
