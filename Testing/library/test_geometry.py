"""Slices of volumes stored in any way: cut exactly, shown the right way round, and put back exactly."""
from __future__ import annotations

import numpy as np
import pytest
from geometries import GEOMETRIES, affine, rotation

from SPMambaLib.errors import UnsupportedImageError, UsageError
from SPMambaLib.geometry import check_geometry, is_orthogonal, plane_of, spacing_of, voxel_volume

RIGHT, ANTERIOR, SUPERIOR = np.eye(3)
SHOWN = {  # plane: direction in which slices ascend, rows run (downwards) and columns run (to the right)
    "axial": (SUPERIOR, -ANTERIOR, -RIGHT),
    "coronal": (ANTERIOR, -SUPERIOR, -RIGHT),
    "sagittal": (RIGHT, -SUPERIOR, -ANTERIOR),
}
everywhere = pytest.mark.parametrize("name", GEOMETRIES)
all_planes = pytest.mark.parametrize("plane_name", [*SHOWN, "native"])


def numbered(shape):
    """An array whose voxels are all different."""
    return np.arange(np.prod(shape)).reshape(shape)


@everywhere
@all_planes
def test_slices_are_exact_copies_and_go_back_exactly(name, plane_name):
    ijk_to_ras, shape = GEOMETRIES[name]
    plane, volume = plane_of(ijk_to_ras, shape, plane_name), numbered(shape)
    stack = plane.to_slices(volume)
    assert stack.shape == plane.stack_shape
    assert np.array_equal(plane.from_slices(stack), volume)
    assert np.array_equal(plane.to_slices(plane.from_slices(numbered(plane.stack_shape))), numbered(plane.stack_shape))


@everywhere
@all_planes
def test_every_voxel_stays_where_it_is_in_the_patient(name, plane_name):
    ijk_to_ras, shape = GEOMETRIES[name]
    plane, volume = plane_of(ijk_to_ras, shape, plane_name), numbered(shape)
    stack = plane.to_slices(volume)
    n, r, c = (index.ravel() for index in np.indices(stack.shape))
    points = plane.stack_to_ras @ np.stack([c, r, n, np.ones_like(n)])
    i, j, k = np.rint((np.linalg.inv(ijk_to_ras) @ points)[:3]).astype(int)
    assert np.array_equal(volume[k, j, i], stack[n, r, c])
    assert np.allclose((ijk_to_ras @ np.stack([i, j, k, np.ones_like(i)])), points, atol=1e-9)


@everywhere
@pytest.mark.parametrize("plane_name", SHOWN)
def test_slices_are_shown_as_radiologists_expect(name, plane_name):
    ijk_to_ras, shape = GEOMETRIES[name]
    plane = plane_of(ijk_to_ras, shape, plane_name)
    columns, rows, slices = plane.stack_to_ras[:3, :3].T
    for step, direction in zip((slices, rows, columns), SHOWN[plane_name]):
        assert step @ direction >= 0, "runs the wrong way"
    if name != "half way":  # where the volume follows the anatomy roughly, so do its slices
        for step, direction in zip((slices, rows, columns), SHOWN[plane_name]):
            assert step @ direction > 0.7 * np.linalg.norm(step)
    if name == "las":
        assert np.allclose(np.stack([slices, rows, columns]), SHOWN[plane_name])


@pytest.mark.parametrize("name", [name for name in GEOMETRIES if name not in ("one slice", "half way")])
@pytest.mark.parametrize("plane_name", SHOWN)
def test_a_bright_spot_is_found_where_the_display_shows_it(name, plane_name):
    """A spot above the middle of the body lies in the upper half of a sagittal slice, and so on, along each axis."""
    ijk_to_ras, shape = GEOMETRIES[name]
    centre = ijk_to_ras @ [*(np.array(shape[::-1]) - 1) / 2.0, 1.0]
    reach = 0.4 * min(np.array(shape[::-1]) * spacing_of(ijk_to_ras))
    for position, direction in enumerate(SHOWN[plane_name]):
        i, j, k = np.rint(np.linalg.inv(ijk_to_ras) @ (centre + [*(reach * direction), 0.0]))[:3].astype(int)
        volume = np.zeros(shape)
        volume[k, j, i] = 1.0
        stack = plane_of(ijk_to_ras, shape, plane_name).to_slices(volume)
        found = np.unravel_index(stack.argmax(), stack.shape)
        assert found[position] > (stack.shape[position] - 1) / 2.0


@everywhere
@all_planes
def test_slice_positions(name, plane_name):
    ijk_to_ras, shape = GEOMETRIES[name]
    plane, volume = plane_of(ijk_to_ras, shape, plane_name), numbered(shape)
    for number in (0, plane.stack_shape[0] // 2, plane.stack_shape[0] - 1):
        native = plane.slice_index(number)
        assert plane.slice_index(native) == number
        chosen = np.take(volume, native, axis=plane.axis)
        assert np.array_equal(np.sort(chosen.ravel()), np.sort(plane.to_slices(volume)[number].ravel()))
        k, j, i = np.unravel_index(chosen.ravel(), shape)
        points = ijk_to_ras @ np.stack([i, j, k, np.ones_like(i)])
        assert np.allclose(plane.slice_center_ras(number), points[:3].mean(axis=1), atol=1e-9)


@everywhere
@all_planes
def test_spacing_is_the_distance_between_neighbours(name, plane_name):
    ijk_to_ras, shape = GEOMETRIES[name]
    plane = plane_of(ijk_to_ras, shape, plane_name)
    columns, rows, slices = np.linalg.norm(plane.stack_to_ras[:3, :3], axis=0)
    assert plane.spacing == pytest.approx((slices, rows, columns))


def test_slices_ascend_through_the_body():
    for name, (ijk_to_ras, shape) in GEOMETRIES.items():
        for axis, plane_name in ((2, "axial"), (1, "coronal"), (0, "sagittal")):
            plane = plane_of(ijk_to_ras, shape, plane_name)
            heights = [plane.slice_center_ras(n)[axis] for n in range(plane.stack_shape[0])]
            assert (np.diff(heights) > 0).all() or name == "half way"


def test_each_voxel_axis_serves_one_anatomical_axis():
    """At 45 degrees the nearest voxel axis of two anatomical axes can be the same one: that would lose voxels."""
    repeated = 0
    for seed in range(200):
        matrix = affine(rotation(seed, 50), (1, 1, 1), (0, 0, 0))
        plane = plane_of(matrix, (4, 5, 6), "coronal")
        assert sorted(plane.order) == [0, 1, 2]
        repeated += len(set(np.abs(matrix[:3, :3]).argmax(axis=1))) < 3
    assert repeated > 10, "the case that the test is about did not occur"


def test_shear_and_volume():
    for name, (ijk_to_ras, _) in GEOMETRIES.items():
        assert is_orthogonal(ijk_to_ras) == ("sheared" not in name)
    sheared, _ = GEOMETRIES["sheared"]
    assert voxel_volume(sheared) == pytest.approx(0.5 * 0.5 * 3.0 * np.cos(np.radians(18.0)))


@pytest.mark.parametrize("matrix", [
    np.diag([1.0, 0.0, 1.0, 1.0]), np.diag([1.0, np.nan, 1.0, 1.0]), np.diag([1.0, np.inf, 1.0, 1.0]), np.eye(3),
    affine([[1, 1, 0], [0, 0, 0], [0, 0, 1]], (1, 1, 1), (0, 0, 0)), np.diag([1.0, 1.0, 1.0, 2.0])],
    ids=["zero", "nan", "infinite", "3x3", "parallel axes", "projective"])
def test_geometry_that_makes_no_sense_is_refused(matrix):
    with pytest.raises(UnsupportedImageError) as caught:
        check_geometry(matrix)
    assert caught.value.code == "bad-geometry"


def test_small_voxels_are_no_degenerate_geometry():
    assert np.array_equal(check_geometry(np.diag([1e-4, 1e-4, 1e-4, 1.0])), np.diag([1e-4, 1e-4, 1e-4, 1.0]))


def test_wrong_plane_and_shape_are_refused():
    with pytest.raises(UsageError):
        plane_of(np.eye(4), (2, 3, 4), "frontal")
    plane = plane_of(np.eye(4), (2, 3, 4), "sagittal")
    with pytest.raises(ValueError, match="shape"):
        plane.to_slices(np.zeros((4, 3, 2)))
    with pytest.raises(ValueError, match="shape"):
        plane.from_slices(np.zeros((2, 3, 4)))
