"""Findings that the reader has made one."""
from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Sequence, Set, Tuple

import numpy as np

from SPMambaLib.detection import Finding
from SPMambaLib.scoring.calibration import Calibration
from SPMambaLib.scoring.findings import describe

from .decisions import SHARE
from .regions import Region, boxOf


def apply(merges: Sequence[Sequence[Region]], values: np.ndarray, labels: np.ndarray, findings: Sequence[Finding], *,
          ijkToRas: np.ndarray,
          threshold: float, calibration: Calibration) -> Tuple[np.ndarray, List[Finding], List[List[Finding]]]:
    """Join the findings that belong to the regions of each merge, and rank all of them anew.

    A finding belongs to a region if one holds at least half of the other's voxels.

    Args:
        values, labels: (K, J, I); label n is the n-th finding.

    Returns:
        labels and findings, as `SPMambaLib.scoring.findings.find` gives them, and of each finding the given ones that
        it is made of; the same objects if nothing is merged.
    """
    groups = _groups(merges, values, labels, findings)
    if not groups:
        return labels, list(findings), [[finding] for finding in findings]
    joined = [finding for finding in findings if not any(finding.label in group for group in groups)]
    joined += [_join([finding for finding in findings if finding.label in group], values, labels, ijkToRas, threshold,
                     calibration) for group in groups]
    joined.sort(key=lambda finding: (-finding.peak, finding.label))
    ranks = np.zeros(len(findings) + 1, dtype=labels.dtype)
    parts = []
    for rank, finding in enumerate(joined, 1):
        members = next((group for group in groups if finding.label in group), {finding.label})
        ranks[list(members)] = rank
        parts.append([each for each in findings if each.label in members])
    return ranks[labels], [replace(finding, label=rank) for rank, finding in enumerate(joined, 1)], parts


def _groups(merges: Sequence[Sequence[Region]], values: np.ndarray, labels: np.ndarray,
            findings: Sequence[Finding]) -> List[Set[int]]:
    """Labels to be joined, each in one group at most, groups of one left out."""
    groups: List[Set[int]] = []
    sizes = {finding.label: finding.voxels for finding in findings}
    for places in merges:
        members: Set[int] = set()
        for place in places:
            region = place.voxels(values)
            counts = np.bincount(labels[place.box][region])
            members.update(int(n) for n in np.flatnonzero(counts)
                           if n and counts[n] >= SHARE * min(sizes[int(n)], int(region.sum())))
        for other in [group for group in groups if group & members]:
            groups.remove(other)
            members |= other
        groups.append(members)
    return [group for group in groups if len(group) > 1]


def _join(members: Sequence[Finding], values: np.ndarray, labels: np.ndarray, ijkToRas: np.ndarray,
          threshold: float, calibration: Calibration) -> Finding:
    extents = np.array([finding.extent for finding in members])
    extent = extents.max(axis=0)
    extent[0::2] = extents[:, 0::2].min(axis=0)
    box: Any = boxOf(extent.tolist())
    inside = np.isin(labels[box], [finding.label for finding in members])
    kji = np.argwhere(inside) + [side.start for side in box]
    known = set.intersection(*(set(finding.components) for finding in members))
    terms = {name: max(finding.components[name] for finding in members) for name in known}
    whole = describe(kji[:, ::-1], values[box][inside], ijkToRas, threshold, calibration, terms)
    return replace(whole, label=min(finding.label for finding in members))
