"""How much brighter each voxel of a brain is than normal brain at its place, in units of normal spread there.

Brightness is relative to the brain's own median, freed of a smooth bias field, and lightly smoothed.  What is normal
at a place is fitted to the scan itself: a robust combination of the frame's tissues and of the mean of the normals,
plus what both sides of the same neighbourhood share.  Its spread is the scan's own, distributed over places as that of
the normals.  Lesions are left out by robust weights.  Light: numpy, SimpleITK at the call.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from ..geometry import spacing_of
from .brain import Brain, on_frame, on_voxels
from .head_frame import HeadPlace, frame

SMOOTH = 0.8  # mm, of the scan
NEIGHBOURHOOD = 15.0  # mm (sigma), in which both sides share what is normal
ORDER = 3  # of the polynomial bias field
OUTLIER = 3.5  # robust spreads, from which on a voxel does not count
STRIDE = 7
CENTRE = (52.0, 62.0, 48.0)  # of the frame's grid


@dataclass(frozen=True)
class Norm:
    """What is normal at each place of the frame, (K, J, I) on its grid, in robust spreads of a scan: `mean` of the
    residual, and its `spread`; symmetric.  `plain` knows nothing of places."""

    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def plain(cls) -> Norm:
        return cls(np.zeros(frame()["brain"].shape, np.float32), np.ones(frame()["brain"].shape, np.float32))


@dataclass
class Excess:
    """``map`` (K, J, I) float32 on the voxels, 0 outside of the brain; ``residual`` on the frame's grid in spreads of
    the scan where ``seen``; ``tissue``: medians of grey and fluid over that of white matter, as brightness."""

    map: np.ndarray
    residual: np.ndarray
    seen: np.ndarray
    tissue: Dict[str, float]


def excess(voxels: np.ndarray, ijk_to_ras: np.ndarray, place: HeadPlace, brain: Brain, norm: Norm) -> Excess:
    """The map of a scan (K, J, I) of finite numbers whose head lies at `place`."""
    fields = frame()
    weight = on_frame(brain.mask, place, ijk_to_ras)
    seen = weight > 0.6

    def in_frame(values: np.ndarray) -> np.ndarray:
        return np.asarray(on_frame(values * brain.mask, place, ijk_to_ras) / np.maximum(weight, 0.05))

    air = float(np.quantile(voxels, 0.02))
    relative = ((voxels - air) / max(brain.median - air, 1e-12)).astype(np.float32)
    bias = bias_field(in_frame(relative), seen)
    relative *= np.exp(-on_voxels(bias, place, voxels.shape, ijk_to_ras))
    tissue = tissue_ratios(on_frame(relative, place, ijk_to_ras))
    smooth = gaussian(relative, [SMOOTH / s for s in spacing_of(ijk_to_ras)[::-1]])
    values = in_frame(smooth)
    bases = [np.ones_like(values), gaussian(fields["grey"], [1.0] * 3), gaussian(fields["fluid"], [1.0] * 3),
             gaussian(fields["white"], [2.0] * 3), norm.mean]
    fit, spread = robust_fit(values, bases, seen)
    rest, counted = values - fit, seen.astype(np.float32)
    shared = np.clip(rest, -2.5 * spread, 2.5 * spread) * counted
    width = [NEIGHBOURHOOD / 2.0] * 3
    fit = fit + gaussian(both_sides(shared), width) / np.maximum(gaussian(both_sides(counted), width), 1e-3)
    normal = on_voxels(fit, place, voxels.shape, ijk_to_ras)
    spreads = on_voxels(spread * norm.spread, place, voxels.shape, ijk_to_ras)
    found = np.where(brain.mask & (spreads > 0), (smooth - normal) / np.maximum(spreads, 1e-6), 0.0)
    return Excess(found.astype(np.float32), (values - fit) / spread, seen, tissue)


def both_sides(field: np.ndarray) -> np.ndarray:
    """A field of the frame plus its mirror image."""
    return field + field[:, :, ::-1]


def gaussian(array: np.ndarray, sigmas: Sequence[float]) -> np.ndarray:
    """Gaussian smoothing of (K, J, I) with a sigma in voxels along each axis; below a quarter of a voxel: none."""
    import SimpleITK as sitk

    variances = [float(s * s) if s >= 0.25 else 0.0 for s in sigmas][::-1]
    image = sitk.GetImageFromArray(np.ascontiguousarray(array, dtype=np.float32))
    return np.asarray(sitk.GetArrayFromImage(sitk.DiscreteGaussian(image, variances, 64, 0.01, False)))


def tissue_ratios(values: np.ndarray) -> Dict[str, float]:
    """Brightness (on the frame's grid) of grey matter and of fluid over that of white matter, as medians."""
    fields = frame()
    chosen = {"grey": fields["grey"] > 0.85, "fluid": fields["fluid"] > 0.8, "white": fields["white"] > 0.95}
    medians = {name: float(np.median(values[where])) for name, where in chosen.items()}
    return {name: medians[name] / max(medians["white"], 1e-6) for name in ("grey", "fluid")}


def robust_fit(values: np.ndarray, bases: List[np.ndarray], seen: np.ndarray) -> Tuple[np.ndarray, float]:
    """(combination of the bases that fits best where `seen`, robust spread of the rest); bisquare weights."""
    table = np.stack([base[seen][::STRIDE] for base in bases], axis=1).astype(np.float64)
    factors, spread = solved(table, values[seen][::STRIDE], OUTLIER, 8)
    return np.asarray(sum(f * base for f, base in zip(factors, bases)), dtype=np.float32), spread


def solved(table: np.ndarray, wanted: np.ndarray, outlier: float, rounds: int) -> Tuple[np.ndarray, float]:
    weights, spread = np.ones(len(wanted)), 1e-6
    factors: Any = np.zeros(table.shape[1])
    for _ in range(rounds):
        factors = np.linalg.lstsq(table * weights[:, None], wanted * weights, rcond=1e-6)[0]
        rest = wanted - table @ factors
        spread = max(1.4826 * float(np.median(np.abs(rest))), 1e-6)
        weights = np.sqrt(np.clip(1.0 - (rest / (outlier * spread)) ** 2, 0.0, 1.0))
    return factors, spread


def bias_field(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Logarithm of a smooth gain over the frame's grid, about 0: a polynomial of order `ORDER` beside the tissues."""
    fields = frame()
    axes = [(np.arange(n) - c) / c for n, c in zip(values.shape, CENTRE)]
    powers = [(a, b, c) for a in range(ORDER + 1) for b in range(ORDER + 1 - a) for c in range(ORDER + 1 - a - b)]
    where = np.argwhere(seen)[::11]
    at = tuple(where.T)
    places = [axes[n][where[:, n]] for n in range(3)]
    columns = [places[0] ** a * places[1] ** b * places[2] ** c for a, b, c in powers]
    table = np.stack(columns + [fields["grey"][at], fields["fluid"][at]], axis=1).astype(np.float64)
    factors, _ = solved(table, np.log(np.maximum(values[at], 1e-3)), 3.0, 6)
    field: Any = np.zeros(values.shape)
    for factor, (a, b, c) in zip(factors, powers):
        field += factor * (axes[0] ** a)[:, None, None] * (axes[1] ** b)[None, :, None] * (axes[2] ** c)
    return np.asarray(np.clip(field - np.median(field[seen]), -0.4, 0.4), dtype=np.float32)
