"""Normal brain at each place of the frame, as a model's bundle keeps it, and a scan held against it.

Beside the weights of a bundle lies ``normal_brain.npz``: mean and spread of the residuals of normal scans on a coarse
grid of the frame.  The card's ``calibration.volume`` is the operating point of the map, and ``calibration.least_grey``
the brightness of grey over white matter that scans of the model's contrast have at least.
"""
from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Mapping, Optional

import numpy as np

from ..scoring.calibration import Calibration
from .brain import distances, find_brain, on_voxels
from .excess import Excess, Norm, excess
from .head_frame import HeadPlace, frame, place

FILE = "normal_brain.npz"
STEP = 2  # voxels of the frame per stored one
RIM = 3.0  # mm of the frame's brain, in which outlines of brains differ: no finding starts there
RIM_CAP = 4.0
FEWEST_SLICES = 8  # of a scan, along every axis, that has a place in three dimensions


@dataclass(frozen=True)
class NormalBrain:
    """What a model knows of normal brains.

    Attributes:
        norm: mean and spread at each place.
        calibration: of the map; its normals are slices of held-out scans.
        least_grey: brightness of grey over white matter, below which a scan is of another contrast.
    """

    norm: Norm
    calibration: Calibration
    least_grey: float

    @classmethod
    def of(cls, card: Mapping[str, Any], data: Optional[bytes]) -> Optional[NormalBrain]:
        """From the card and the file of a bundle; None if the model has none.  Raises ValueError, KeyError."""
        known = card["calibration"].get("volume")
        if not known or data is None:
            return None
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            norm = Norm(finer(file["mean"].astype(np.float32)), finer(file["spread"].astype(np.float32)))
        return cls(norm, Calibration.from_dict(known), float(card["calibration"]["least_grey"]))


@dataclass(frozen=True)
class HeadVolume:
    """A scan held against normal brain: where it lies, its map (None if that is not known), and its kind."""

    place: HeadPlace
    found: Optional[Excess] = None
    stripped: bool = False
    other_contrast: bool = False


def compare(normal: NormalBrain, voxels: np.ndarray, ijk_to_ras: np.ndarray) -> Optional[HeadVolume]:
    """A scan (K, J, I) of finite numbers against normal brain; None if it has too few slices for a place."""
    if min(voxels.shape) < FEWEST_SLICES:
        return None
    where = place(voxels, ijk_to_ras)
    if where.problem:
        return HeadVolume(where)
    brain = find_brain(voxels, ijk_to_ras, where)
    if not brain.mask.any():
        return HeadVolume(HeadPlace(where.to_image, where.stripped, where.similarity, where.covered,
                                    "no brain was found in it"))
    found = excess(voxels, ijk_to_ras, where, brain, normal.norm)
    depth = on_voxels(distances()["depth"], where, voxels.shape, ijk_to_ras)
    found.map[depth <= RIM] = np.minimum(found.map[depth <= RIM], RIM_CAP)
    return HeadVolume(where, found, brain.stripped, found.tissue["grey"] < normal.least_grey)


def coarser(field: np.ndarray) -> np.ndarray:
    """A field of the frame as it is stored."""
    return field[::STEP, ::STEP, ::STEP].astype(np.float16)


def finer(stored: np.ndarray) -> np.ndarray:
    """Inverse of `coarser`, linear; edges are held."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.pad(stored, ((0, 1), (0, 1), (0, 1)), mode="edge"))
    image.SetSpacing([float(STEP)] * 3)
    shape = frame()["brain"].shape
    return np.asarray(sitk.GetArrayFromImage(sitk.Resample(
        image, list(shape[::-1]), sitk.Transform(), sitk.sitkLinear, [0.0] * 3, [1.0] * 3,
        np.eye(3).ravel().tolist(), 1.0, sitk.sitkFloat32)))
