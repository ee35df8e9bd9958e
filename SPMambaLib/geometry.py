"""Where voxels lie in the patient, and how a volume is cut into slices for the network.

Arrays are (K, J, I); a geometry is a 4x4 float64 `ijk_to_ras` in mm: the point of voxel (i, j, k) is
``ijk_to_ras @ (i, j, k, 1)``.  Cutting never interpolates: it only transposes and flips, so it can be undone exactly.
Light: numpy only.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

import numpy as np

from .errors import UnsupportedImageError, UsageError

Vector = Tuple[float, float, float]

PLANES: Dict[str, Tuple[Tuple[int, int], ...]] = {
    # (RAS axis, sign) towards which slices, rows and columns ascend: the radiological display, seen from the feet,
    # from the front and from the left.
    "axial": ((2, +1), (1, -1), (0, -1)),
    "coronal": ((1, +1), (2, -1), (0, -1)),
    "sagittal": ((0, +1), (2, -1), (1, -1)),
}
FLATTEST = 1e-4  # smallest volume of the unit cell of directions (1 when orthogonal) that still spans a volume


def spacing_of(ijk_to_ras: np.ndarray) -> Vector:
    """Distance in mm between neighbours along (i, j, k)."""
    i, j, k = np.linalg.norm(np.asarray(ijk_to_ras, dtype=np.float64)[:3, :3], axis=0)
    return float(i), float(j), float(k)


def voxel_volume(ijk_to_ras: np.ndarray) -> float:
    """Volume of one voxel in mm3; for sheared geometry the volume of the parallelepiped."""
    return float(abs(np.linalg.det(np.asarray(ijk_to_ras, dtype=np.float64)[:3, :3])))


def is_orthogonal(ijk_to_ras: np.ndarray, tolerance: float = 1e-6) -> bool:
    """Whether the voxel axes stand at right angles (a tilted CT gantry or an affine registration shears them)."""
    directions = np.asarray(ijk_to_ras, dtype=np.float64)[:3, :3] / spacing_of(ijk_to_ras)
    return bool(np.abs(directions.T @ directions - np.eye(3)).max() <= tolerance)


def check_geometry(ijk_to_ras: np.ndarray) -> np.ndarray:
    """`ijk_to_ras` as a 4x4 float64 array.

    Raises:
        UnsupportedImageError: ``"bad-geometry"``: not finite, a spacing of zero, or axes that lie in one plane.
    """
    matrix = np.array(ijk_to_ras, dtype=np.float64)
    problem = ""
    if matrix.shape != (4, 4) or not np.array_equal(matrix[3], (0.0, 0.0, 0.0, 1.0)):
        problem = "not an affine 4x4 matrix"
    elif not np.isfinite(matrix).all():
        problem = "not finite"
    elif min(spacing_of(matrix)) <= 0.0:
        problem = "spacing {}".format(spacing_of(matrix))
    elif voxel_volume(matrix) < FLATTEST * np.prod(spacing_of(matrix)):
        problem = "the voxel axes lie in one plane"
    if problem:
        raise UnsupportedImageError("The image does not say where its voxels lie: its spacing or directions make no "
                                    "sense.", "{}: {}".format(problem, matrix.tolist()), code="bad-geometry")
    return matrix


@dataclass(frozen=True)
class SlicePlane:
    """A way to see a volume as a stack of slices (N, H, W), and back.

    Attributes:
        name: ``"axial"``, ``"coronal"``, ``"sagittal"`` or ``"native"``.
        order: array axes (of the (K, J, I) array) that become slice, row and column.
        flips: which of slice, row and column run against their array axis.
        shape: (K, J, I) of the volume.
        ijk_to_ras: 4x4 of the volume.
    """

    name: str
    order: Tuple[int, int, int]
    flips: Tuple[bool, bool, bool]
    shape: Tuple[int, int, int]
    ijk_to_ras: np.ndarray

    @property
    def axis(self) -> int:
        """Axis of the (K, J, I) array along which slices are counted."""
        return self.order[0]

    @property
    def stack_shape(self) -> Tuple[int, int, int]:
        """(N, H, W)."""
        slices, rows, columns = (self.shape[axis] for axis in self.order)
        return slices, rows, columns

    @property
    def spacing(self) -> Vector:
        """Distance in mm between neighbouring slices, rows and columns."""
        ijk = spacing_of(self.ijk_to_ras)
        slices, rows, columns = (ijk[2 - axis] for axis in self.order)
        return slices, rows, columns

    @property
    def stack_to_ras(self) -> np.ndarray:
        """4x4: (column, row, slice, 1) of the stack -> RAS mm."""
        stack_to_ijk = np.zeros((4, 4))
        stack_to_ijk[3, 3] = 1.0
        for source, axis, flip in zip((2, 1, 0), self.order, self.flips):  # slice, row, column
            stack_to_ijk[2 - axis, source] = -1.0 if flip else 1.0
            stack_to_ijk[2 - axis, 3] = self.shape[axis] - 1.0 if flip else 0.0
        return np.asarray(self.ijk_to_ras, dtype=np.float64) @ stack_to_ijk

    def to_slices(self, array: np.ndarray) -> np.ndarray:
        """(K, J, I) -> (N, H, W), a view; row 0 is the top and column 0 the left of the displayed slice."""
        if array.shape != self.shape:
            raise ValueError("array of shape {} for a plane of {}".format(array.shape, self.shape))
        return np.flip(np.transpose(array, self.order), self._flipped)

    def from_slices(self, stack: np.ndarray) -> np.ndarray:
        """(N, H, W) -> (K, J, I), a view; exact inverse of `to_slices`."""
        if stack.shape != self.stack_shape:
            raise ValueError("stack of shape {} for a plane of {}".format(stack.shape, self.stack_shape))
        inverse = [self.order.index(axis) for axis in range(3)]
        return np.transpose(np.flip(stack, self._flipped), inverse)

    def slice_index(self, number: int) -> int:
        """Index along `axis` of the array for slice `number` of the stack; its own inverse."""
        return self.shape[self.axis] - 1 - number if self.flips[0] else number

    def slice_center_ras(self, number: int) -> Vector:
        """RAS point in mm of the middle of slice `number` of the stack."""
        _, rows, columns = self.stack_shape
        right, anterior, superior, _ = self.stack_to_ras @ ((columns - 1) / 2.0, (rows - 1) / 2.0, number, 1.0)
        return float(right), float(anterior), float(superior)

    @property
    def _flipped(self) -> Tuple[int, ...]:
        return tuple(n for n, flip in enumerate(self.flips) if flip)


def plane_of(ijk_to_ras: np.ndarray, shape: Tuple[int, ...], plane: str = "axial") -> SlicePlane:
    """How to cut a volume of `shape` (K, J, I) into slices of an anatomical plane.

    Slices are cut along the voxel axis closest to the plane's normal; oblique volumes keep their own, tilted slices.

    ============  ==================  =======================  ==========================
    plane         slices ascend to    row 0 (top)              column 0 (left)
    ============  ==================  =======================  ==========================
    axial         superior            anterior                 patient's right
    coronal       anterior            superior                 patient's right
    sagittal      right               superior                 anterior
    native        as stored (k)       as stored (j = 0)        as stored (i = 0)
    ============  ==================  =======================  ==========================

    Raises:
        UsageError: unknown plane.
        UnsupportedImageError: ``"bad-geometry"``.
    """
    matrix = check_geometry(ijk_to_ras)
    depth, height, width = (int(n) for n in shape)
    if plane == "native":
        return SlicePlane(plane, (0, 1, 2), (False, False, False), (depth, height, width), matrix)
    if plane not in PLANES:
        raise UsageError("Unknown plane {!r}; choose {} or native.".format(plane, ", ".join(PLANES)))
    voxel_axis = _nearest_axes(matrix)
    order, flips = [], []
    for anatomical, sign in PLANES[plane]:
        order.append(2 - voxel_axis[anatomical])
        flips.append(bool(matrix[anatomical, voxel_axis[anatomical]] * sign < 0.0))
    return SlicePlane(plane, (order[0], order[1], order[2]), (flips[0], flips[1], flips[2]),
                      (depth, height, width), matrix)


def _nearest_axes(ijk_to_ras: np.ndarray) -> Dict[int, int]:
    """For each anatomical axis (R, A, S) the voxel axis (i, j, k) that runs along it, each used once.

    The pair with the greatest direction cosine is fixed first, then the next among what is left: at 45 degrees two
    anatomical axes may both prefer the same voxel axis.
    """
    cosines = np.abs(ijk_to_ras[:3, :3] / spacing_of(ijk_to_ras))
    nearest: Dict[int, int] = {}
    for _ in range(3):
        anatomical, voxel = np.unravel_index(int(cosines.argmax()), cosines.shape)
        nearest[int(anatomical)] = int(voxel)
        cosines[anatomical, :] = cosines[:, voxel] = -1.0
    return nearest
