"""From an anomaly map and a threshold to findings: connected regions with size, place and height.

Fast enough to follow a moving threshold (the panel calls it without the model): everything happens inside the
bounding box of what lies above the edge of findings. Nothing depends on how the voxel axes are stored: a flipped or
permuted copy of a volume gives the same findings in RAS. Light: numpy, and SimpleITK at the call.
"""
from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from ..detection import Finding, Vector
from ..geometry import spacing_of, voxel_volume
from .calibration import Calibration
from .components import region_components

MINIMUM_MM3 = 10.0  # a sphere of 2.7 mm: below what is reported as a lesion, above the grain of a map
LIMIT = 200


def find(anomaly_map: np.ndarray, ijk_to_ras: np.ndarray, threshold: float, *, calibration: Calibration,
         slice_axis: int, minimum_mm3: float = MINIMUM_MM3, terms: Optional[Mapping[str, np.ndarray]] = None,
         limit: int = LIMIT) -> Tuple[np.ndarray, List[Finding]]:
    """Connected regions (by faces, edges and corners) of the map whose peak reaches the threshold.

    Args:
        anomaly_map: (K, J, I), normal-spread units; NaN counts as below.
        ijk_to_ras: 4x4, mm.
        threshold: map value that the peak of a finding reaches.
        calibration: how far a finding extends around its peak (`Calibration.edge`, but see `drawn_in`); gives it its
            severity band and false-positive rate, from its peak.
        slice_axis: array axis along which slices are counted; where there is only one slice, its nominal thickness
            says nothing about a lesion, and it counts as 1 mm for `minimum_mm3`.
        minimum_mm3: smaller regions are dropped.
        terms: (K, J, I) maps behind the anomaly map; their peaks inside the region go into the components.
        limit: how many findings are kept; when as many come back, lower ones may have been left out.

    Returns:
        labels int16 (K, J, I), and the findings by descending peak; label n is the n-th finding.  `size_mm` is the
        size of the region's bounding box along the voxel axes (i, j, k), `centroid_ras` the mean position of its
        voxels (not weighted by the map).
    """
    labels = np.zeros(anomaly_map.shape, dtype=np.int16)
    if not (anomaly_map >= threshold).any():
        return labels, []
    above = anomaly_map >= calibration.edge(threshold)
    box = _bounding_box(above)
    mask = np.ascontiguousarray(above[box])
    if calibration.edge(threshold) < threshold:
        mask = drawn_in(anomaly_map[box], mask, threshold, calibration.edge(threshold), calibration.peak_share)
    affine = np.asarray(ijk_to_ras, dtype=np.float64)

    # One row per voxel above the edge, sorted by region, so that a region is a range of rows.
    where = np.flatnonzero(mask)
    region = connected(mask, where)
    order = np.argsort(region, kind="stable")
    where, region = where[order], region[order]
    starts = np.flatnonzero(np.diff(region, prepend=0))
    ends = np.append(starts[1:], len(region))
    values = anomaly_map[box].ravel()[where]
    peaks = np.maximum.reduceat(values, starts)
    volumes = (ends - starts) * _voxel_size(affine, anomaly_map.shape, slice_axis)
    # Rounded, so that storage decides no close call.
    kept = np.flatnonzero((peaks >= threshold) & (np.round(volumes, 6) >= minimum_mm3))
    kept = kept[np.argsort(-peaks[kept], kind="stable")]

    inside = {name: term[box].ravel() for name, term in (terms or {}).items()}
    found = []
    cut = peaks[kept[limit - 1]] if len(kept) > limit else -np.inf  # regions of equal peak compete for the last place
    for n in kept[peaks[kept] >= cut]:
        rows = where[starts[n]:ends[n]]
        term_peaks = {name: float(term[rows].max()) for name, term in inside.items()}
        kji = np.stack(np.unravel_index(rows, mask.shape), axis=1) + [side.start for side in box]
        found.append((n + 1, describe(kji[:, ::-1], values[starts[n]:ends[n]], affine, threshold, calibration,
                                      term_peaks)))
    found.sort(key=lambda item: (-item[1].peak, -item[1].voxels, np.round(item[1].centroid_ras, 3).tolist()))
    found = found[:limit]

    ranks = np.zeros(len(starts) + 1, dtype=np.int16)
    ranks[[number for number, _ in found]] = np.arange(1, len(found) + 1)
    inner = np.zeros(mask.shape, dtype=np.int16)
    inner.ravel()[where] = ranks[region]
    labels[box] = inner
    return labels, [Finding(**{**vars(finding), "label": rank}) for rank, (_, finding) in enumerate(found, 1)]


def drawn_in(values: np.ndarray, mask: np.ndarray, threshold: float, edge: float,
             share: float) -> np.ndarray:
    """The regions of `mask` (K, J, I), which reach `edge`, drawn in to `share` of their peak: a high peak spreads far
    in a smooth map.  What reaches the threshold stays, so that no second lesion beside a higher one is lost."""
    where = np.flatnonzero(mask)
    region, heights = connected(mask, where), values.ravel()[where]
    peaks = np.zeros(region.max() + 1)
    np.maximum.at(peaks, region, heights)
    drawn = np.zeros(mask.shape, dtype=bool)
    ends = np.where(peaks >= threshold, np.clip(share * peaks, edge, threshold), np.inf)
    drawn.ravel()[where] = heights >= ends[region]
    return drawn


def _bounding_box(mask: np.ndarray) -> Tuple[slice, slice, slice]:
    sides = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        sides.append(slice(int(used[0]), int(used[-1]) + 1))
    return sides[0], sides[1], sides[2]


def connected(mask: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Number, from 1, of the region of each voxel `where` (flat indices) of a (K, J, I) mask."""
    import SimpleITK as sitk

    connect: Any = sitk.ConnectedComponent
    numbered = connect(sitk.GetImageFromArray(mask.view(np.uint8)), True)
    return sitk.GetArrayViewFromImage(numbered).ravel()[where].astype(np.int64)


def _voxel_size(affine: np.ndarray, shape: Tuple[int, ...], slice_axis: int) -> float:
    volume = voxel_volume(affine)
    return volume / spacing_of(affine)[2 - slice_axis] if shape[slice_axis] == 1 else volume


def describe(ijk: np.ndarray, values: np.ndarray, affine: np.ndarray, threshold: float, calibration: Calibration,
             components: Dict[str, float]) -> Finding:
    """One region: voxel indices (n, 3) as (i, j, k), map values (n,); not yet ranked."""
    points = ijk @ affine[:3, :3].T + affine[:3, 3]
    highest = np.flatnonzero(values == values.max())
    # On a plateau the peak is its first point in RAS order, whatever the order of the voxels.
    first = highest[np.lexsort(np.round(points[highest], 3).T[::-1])[0]]
    order = np.r_[first, np.arange(first), np.arange(first + 1, len(values))]
    low, high = ijk.min(axis=0), ijk.max(axis=0)
    peak = float(values[first])
    return Finding(
        label=0, voxels=len(values), volume_mm3=len(values) * voxel_volume(affine),
        extent=(int(low[0]), int(high[0]), int(low[1]), int(high[1]), int(low[2]), int(high[2])),
        size_mm=_vector((high - low + 1) * spacing_of(affine)), peak=peak,
        mean=float(values.mean(dtype=np.float64)), peak_ras=_vector(points[first]),
        centroid_ras=_vector(points.mean(axis=0)), band=int(calibration.severity(values[[first]], threshold)[0]),
        false_positive_rate=calibration.rate(peak),
        components={**components, **region_components(values[order], points[order])})


def _vector(values: np.ndarray) -> Vector:
    return float(values[0]), float(values[1]), float(values[2])
