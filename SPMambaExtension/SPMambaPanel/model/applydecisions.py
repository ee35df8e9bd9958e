"""From connected regions to findings as the reader sees them: merges joined, decisions attached."""
from __future__ import annotations

from typing import Any, List, NamedTuple, Sequence

import numpy as np

from SPMambaLib.detection import Finding

from . import merge
from .decisions import Decisions, Verdict
from .regions import Region, boxOf


class Settled(NamedTuple):
    """labels (K, J, I), value n belongs to the n-th finding; of each finding its places and its verdict."""

    labels: np.ndarray
    findings: List[Finding]
    places: List[List[Region]]
    verdicts: List[Verdict]

    def at(self, ijk: Sequence[float]) -> int:
        """Index of the finding that a voxel belongs to; -1 for none."""
        i, j, k = (int(round(n)) for n in ijk)
        return int(self.labels[k, j, i]) - 1


def settle(decisions: Decisions, values: np.ndarray, labels: np.ndarray, findings: Sequence[Finding], *,
           ijkToRas: np.ndarray, threshold: float, calibration: Any) -> Settled:
    """Apply what the reader has decided to what was found in the map `values` (K, J, I) at `threshold`."""
    merged, joined, parts = merge.apply(decisions.merges, values, labels, findings, ijkToRas=ijkToRas,
                                        threshold=threshold, calibration=calibration)
    places = [[Region.of(part, ijkToRas, _lowest(part, values, labels)) for part in each] for each in parts]
    return Settled(merged, joined, places, decisions.judge(values, merged, joined))


def _lowest(finding: Finding, values: np.ndarray, labels: np.ndarray) -> float:
    """The map value that all voxels of a finding reach, and none around it."""
    box = boxOf(finding.extent)
    return float(values[box][labels[box] == finding.label].min())
