"""Regions of the anomaly map that outlive a moved operating point.

Regions of one map are nested: at another threshold a region contains this one, lies inside it, or does not touch it.
So its highest voxel and the threshold that it was found at say which voxels it had, and none need to be stored.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Tuple

import numpy as np

from SPMambaLib.detection import Finding
from SPMambaLib.scoring.findings import connected

Box = Tuple[slice, slice, slice]


@dataclass(frozen=True)
class Region:
    """A connected region of a map.

    Attributes:
        peak: (i, j, k) of its highest voxel.
        extent: (i_min, i_max, j_min, j_max, k_min, k_max), inclusive.
        threshold: map value that all of its voxels reach.
    """

    peak: Tuple[int, ...]
    extent: Tuple[int, ...]
    threshold: float

    @property
    def box(self) -> Box:
        """Of the extent, in a (K, J, I) array."""
        return boxOf(self.extent)

    def voxels(self, values: np.ndarray) -> np.ndarray:
        """The voxels of this region inside `box`, boolean.

        Args:
            values: the whole map, (K, J, I).
        """
        inside = values[self.box] >= self.threshold
        start = tuple(index - side.start for index, side in zip(reversed(self.peak), self.box))
        if not all(0 <= n < size for n, size in zip(start, inside.shape)) or not inside[start]:
            return np.zeros(inside.shape, dtype=bool)  # the map is not the one that the region was found in
        numbered = np.zeros(inside.shape, dtype=np.int64)
        where = np.flatnonzero(inside)
        numbered.ravel()[where] = connected(np.ascontiguousarray(inside), where)
        return numbered == numbered[start]

    @property
    def text(self) -> str:
        """One word per number, the threshold first: survives every table and attribute."""
        return " ".join([repr(self.threshold), *map(str, (*self.peak, *self.extent))])

    @classmethod
    def fromText(cls, text: str) -> "Region":
        """Inverse of `text`.

        Raises:
            ValueError: it is not one.
        """
        threshold, *numbers = text.split()
        if len(numbers) != 9:
            raise ValueError("not a place: {!r}".format(text))
        indices = tuple(map(int, numbers))
        return cls(indices[:3], indices[3:], float(threshold))

    @classmethod
    def of(cls, finding: Finding, ijkToRas: np.ndarray, threshold: float) -> "Region":
        """Of a finding that is one connected region."""
        peak = np.linalg.solve(ijkToRas, [*finding.peak_ras, 1.0])[:3]
        return cls(tuple(int(round(n)) for n in peak.tolist()), tuple(finding.extent), threshold)


def boxOf(extent: Sequence[int]) -> Box:
    i0, i1, j0, j1, k0, k1 = (int(n) for n in extent)
    return slice(k0, k1 + 1), slice(j0, j1 + 1), slice(i0, i1 + 1)
