"""The brain of a placed head, on the voxels of its scan: which of them are brain, and fields of the frame there.

Light: numpy; SimpleITK at the call.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Dict, Tuple

import numpy as np

from ..geometry import spacing_of, voxel_volume
from .head_frame import SPACING, HeadPlace, as_image, frame

DARKEST = 0.55  # of the brain's median: below it are fluid, bone and air
BRIGHTEST = 1.35  # of it, outside of the frame's brain: fat
NEAR = {True: 6.0, False: 3.0}  # mm that a stripped brain, or one in its head, may reach beyond that of the frame
FAR = 16.0  # mm beyond the frame's brain, where a head has skull and scalp
CUT = 2.0  # mm: thinner bridges do not belong to the brain
LEAST_PIECE = 500.0  # mm3


@dataclass(frozen=True)
class Brain:
    """The brain of a scan.

    Attributes:
        mask: (K, J, I) bool.
        stripped: whether skull and scalp were taken away.
        median: value of the median voxel of the mask.
    """

    mask: np.ndarray
    stripped: bool
    median: float


@lru_cache(maxsize=1)
def distances() -> Dict[str, np.ndarray]:
    """``depth``: mm inside of the frame's brain, and ``outside``: mm beyond it; both float32 on the frame's grid."""
    inside = frame()["brain"] > 0.5
    return {"depth": distance(inside, (SPACING,) * 3), "outside": distance(~inside, (SPACING,) * 3)}


def distance(mask: np.ndarray, spacing_kji: Tuple[float, ...]) -> np.ndarray:
    """Distance in mm of each voxel of a (K, J, I) mask from what is outside of it; 0 outside."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing([float(s) for s in spacing_kji[::-1]])
    found = sitk.SignedMaurerDistanceMap(image, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)
    return np.maximum(sitk.GetArrayFromImage(found), 0.0)


def on_voxels(field: np.ndarray, place: HeadPlace, shape: Tuple[int, ...], ijk_to_ras: np.ndarray) -> np.ndarray:
    """A field of the frame on the voxels (K, J, I) of a scan, linear, 0 outside of the frame."""
    import SimpleITK as sitk

    return np.asarray(sitk.GetArrayFromImage(sitk.Resample(
        as_image(field), [int(n) for n in shape[::-1]], affine(np.linalg.inv(place.to_image) @ ijk_to_ras),
        sitk.sitkLinear, [0.0] * 3, [1.0] * 3, np.eye(3).ravel().tolist(), 0.0, sitk.sitkFloat32)))


def on_frame(values: np.ndarray, place: HeadPlace, ijk_to_ras: np.ndarray) -> np.ndarray:
    """Values of a scan (K, J, I) on the frame's grid, linear, 0 where it does not reach."""
    import SimpleITK as sitk

    return np.asarray(sitk.GetArrayFromImage(sitk.Resample(
        sitk.GetImageFromArray(np.ascontiguousarray(values, dtype=np.float32)), as_image(frame()["brain"]),
        affine(np.linalg.inv(ijk_to_ras) @ place.to_image), sitk.sitkLinear, 0.0, sitk.sitkFloat32)))


def affine(matrix: np.ndarray) -> Any:
    """A 4x4 matrix as a SimpleITK transform."""
    import SimpleITK as sitk

    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    return transform


def find_brain(voxels: np.ndarray, ijk_to_ras: np.ndarray, place: HeadPlace) -> Brain:
    """The brain of a placed scan (K, J, I): tissue in and near the frame's brain, without what hangs on it by a thread.

    Slices of the scan that are empty (a stack with gaps) cut nothing off.
    """
    import SimpleITK as sitk

    spacing = spacing_of(ijk_to_ras)[::-1]
    share = on_voxels(frame()["brain"], place, voxels.shape, ijk_to_ras)
    outside = on_voxels(np.where(distances()["outside"] <= FAR, distances()["outside"], 99.0), place, voxels.shape,
                        ijk_to_ras)
    filled = voxels.max(axis=(1, 2)) > voxels.min()
    core = (share > 0.9) & filled[:, None, None]
    air = float(np.quantile(voxels, 0.02))
    median = float(np.median(voxels[core])) - air
    shell = (outside > NEAR[True]) & (outside <= FAR) & filled[:, None, None]
    stripped = not shell.any() or float((voxels[shell] <= air + 0.02 * median).mean()) > 0.5
    near = (share > 0) | ((outside > 0) & (outside <= NEAR[stripped]))
    tissue = near & (voxels - air > DARKEST * median) & ~((share < 0.5) & (voxels - air > BRIGHTEST * median))
    tissue &= filled[:, None, None]
    gaps = ~filled[:, None, None] & np.ones_like(tissue)
    solid = (distance(tissue | gaps, spacing) > CUT) & tissue
    connect: Any = sitk.ConnectedComponent
    pieces = sitk.GetArrayFromImage(connect(sitk.GetImageFromArray(solid.astype(np.uint8))))
    total = np.bincount(pieces.ravel())
    inner = np.bincount(pieces[core].ravel(), minlength=len(total))
    kept = (inner > 0.5 * total) & (total * voxel_volume(ijk_to_ras) > LEAST_PIECE)
    kept[0] = False
    grown = distance(~kept[pieces], spacing) <= 1.3 * CUT
    mask = grown & tissue
    middle = float(np.median(voxels[mask])) if mask.any() else median + air
    return Brain(mask, stripped, middle)
