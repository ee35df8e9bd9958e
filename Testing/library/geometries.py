"""Volumes in all the ways that scanners and programs store them: (ijk_to_ras, shape (K, J, I)) by name."""
from __future__ import annotations

from typing import Dict, Sequence, Tuple

import numpy as np

Geometry = Tuple[np.ndarray, Tuple[int, int, int]]


def rotation(seed: int, degrees: float) -> np.ndarray:
    """3x3 rotation by an angle about a random axis (Rodrigues)."""
    x, y, z = axis = np.random.default_rng(seed).normal(size=3)
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def affine(directions: np.ndarray, spacing: Sequence[float], origin: Sequence[float]) -> np.ndarray:
    """4x4 from directions (columns along i, j, k), spacing and origin in mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.asarray(directions, dtype=np.float64) * spacing
    matrix[:3, 3] = origin
    return matrix


SHEAR = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, np.sin(np.radians(18.0))], [0.0, 0.0, np.cos(np.radians(18.0))]])
ORIGIN = (91.0625, -126.123456789, 72.0123456789)

GEOMETRIES: Dict[str, Geometry] = {
    "las": (affine(np.diag([-1, 1, 1]), (1, 1, 1), (90, -126, -72)), (17, 19, 21)),
    "lps": (affine(np.diag([-1, -1, 1]), (0.5, 0.7, 3.0), ORIGIN), (17, 19, 21)),
    "ras": (affine(np.eye(3), (0.9, 1.1, 2.0), ORIGIN), (17, 19, 21)),
    "left-handed": (affine(np.diag([1, -1, 1]), (1, 2, 3), ORIGIN), (17, 19, 21)),
    "all flipped": (affine(-np.eye(3), (1, 2, 3), ORIGIN), (17, 19, 21)),
    "permuted": (affine(np.eye(3)[:, [2, 0, 1]], (3, 1, 2), ORIGIN), (17, 19, 21)),
    "sagittal oblique": (affine(rotation(1, 12) @ [[0, 0, 1], [-1, 0, 0], [0, -1, 0]], (1.15, 1.15, 1.0), ORIGIN),
                         (18, 20, 22)),
    "oblique anisotropic": (affine(rotation(2, 25), (0.7187, 0.7188, 4.0), ORIGIN), (16, 20, 24)),
    "half way": (affine(rotation(3, 45), (1, 1.5, 2), ORIGIN), (17, 19, 21)),
    "sheared": (affine(SHEAR, (0.5, 0.5, 3.0), ORIGIN), (17, 19, 21)),
    "sheared oblique left-handed": (affine(rotation(4, 20) @ SHEAR @ np.diag([-1, 1, 1]), (1, 2, 3), ORIGIN),
                                    (17, 19, 21)),
    "one slice": (affine(rotation(5, 10), (0.8, 0.8, 5.0), ORIGIN), (1, 19, 21)),
}
