"""Findings: connected regions with the right size, place and height, however the volume is stored."""
from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from geometries import GEOMETRIES, affine, rotation

from SPMambaLib.geometry import voxel_volume
from SPMambaLib.scoring.calibration import Calibration
from SPMambaLib.scoring.components import region_components
from SPMambaLib.scoring.findings import find

CALIBRATION = Calibration.from_peaks(np.linspace(1.0, 3.0, 200), unit="slice")
OBLIQUE = affine(rotation(7, 30), (0.8, 1.2, 3.0), (10.5, -20.25, 33.0))
SHAPE = (12, 30, 40)
# Two boxes (i, j, k ranges, inclusive) with their peaks: 7 x 5 x 4 and 4 x 4 x 2 voxels.
LARGE, LARGE_PEAK = (5, 11, 6, 10, 2, 5), (9, 7, 3)
SMALL, SMALL_PEAK = (30, 33, 20, 23, 8, 9), (31, 22, 9)


def two_blobs():
    """(K, J, I) map: a large blob of 2 with a peak of 5, a small one of 2.5 with a peak of 6, in noise below 1."""
    values = np.random.default_rng(3).uniform(-1.0, 1.0, SHAPE).astype(np.float32)
    for extent, (i, j, k), slice_height, peak in ((LARGE, LARGE_PEAK, 2.0, 5.0), (SMALL, SMALL_PEAK, 2.5, 6.0)):
        i0, i1, j0, j1, k0, k1 = extent
        values[k0:k1 + 1, j0:j1 + 1, i0:i1 + 1] = slice_height
        values[k, j, i] = peak
    return values


def search(values, ijk_to_ras=OBLIQUE, threshold=1.5, **options):
    return find(values, ijk_to_ras, threshold,
                **{"calibration": CALIBRATION, "slice_axis": 0, "minimum_mm3": 0.0, **options})


def ras(ijk, ijk_to_ras=OBLIQUE):
    return (ijk_to_ras @ [*ijk, 1.0])[:3]


def middle(extent):
    return [(extent[2 * n] + extent[2 * n + 1]) / 2.0 for n in range(3)]


def test_two_known_blobs_in_an_oblique_volume():
    values = two_blobs()
    labels, found = search(values)
    assert [f.label for f in found] == [1, 2] and labels.dtype == np.int16 and labels.shape == SHAPE
    small, large = found  # the higher peak comes first
    voxel = 0.8 * 1.2 * 3.0
    for finding, extent, peak_at, size, slice_height, peak in (
            (small, SMALL, SMALL_PEAK, (4, 4, 2), 2.5, 6.0), (large, LARGE, LARGE_PEAK, (7, 5, 4), 2.0, 5.0)):
        count = int(np.prod(size))
        assert finding.extent == extent and finding.voxels == count
        assert finding.volume_mm3 == pytest.approx(count * voxel)
        assert finding.size_mm == pytest.approx((size[0] * 0.8, size[1] * 1.2, size[2] * 3.0))
        assert finding.peak == peak and finding.mean == pytest.approx((slice_height * (count - 1) + peak) / count)
        assert finding.peak_ras == pytest.approx(tuple(ras(peak_at)))
        assert finding.centroid_ras == pytest.approx(tuple(ras(middle(extent))))
        assert (labels == finding.label).sum() == count
        assert labels[peak_at[2], peak_at[1], peak_at[0]] == finding.label
        assert finding.false_positive_rate == CALIBRATION.rate(peak)
        assert finding.band == CALIBRATION.severity(np.array([peak]), 1.5)[0]
    assert labels[values < 1.5].max() == 0 and (labels[values >= 1.5] > 0).all()


def test_a_finding_extends_around_its_peak_and_needs_one():
    """Hysteresis: told by the peak, drawn down to the extent; without an extent, or above it, by the threshold."""
    values, hysteresis = two_blobs(), replace(CALIBRATION, extent=1.5)
    for threshold, expected in ((5.5, [SMALL]), (4.5, [SMALL, LARGE]), (6.5, [])):
        labels, found = search(values, threshold=threshold, calibration=hysteresis)
        assert [f.extent for f in found] == expected  # not of its peak alone
        assert (labels > 0).sum() == sum(f.voxels for f in found)
    plain = search(values, threshold=4.5)[1]
    assert [f.voxels for f in plain] == [1, 1]
    assert search(values, threshold=1.2, calibration=hysteresis)[1] == search(values, threshold=1.2)[1]


def test_a_high_finding_is_drawn_in_and_its_lower_neighbour_kept():
    """A wide slope down to the extent belongs to nobody; what reaches the threshold by itself is a finding."""
    values = np.zeros((1, 40, 60), dtype=np.float32)
    rows, columns = np.mgrid[:40, :60]
    slope = np.maximum(values[0], 20.0 - 1.5 * np.hypot(rows - 20, columns - 15))
    values[0] = np.maximum(slope, np.where(np.hypot(rows - 20, columns - 32) < 5, 6.0, 0.0))
    labels, found = search(values, np.eye(4), 5.0, calibration=replace(CALIBRATION, extent=2.0))
    assert [f.peak for f in found] == [20.0, 6.0] and labels[0, 20, 15] == 1 and labels[0, 20, 32] == 2
    assert values[labels > 0].min() >= 5.0 and (labels > 0).sum() == (values >= 5.0).sum()
    modest = np.minimum(values, 7.0)  # 40 % of 7 are 2.8: beyond the threshold, not down to the extent
    labels, found = search(modest, np.eye(4), 5.0, calibration=replace(CALIBRATION, extent=2.0))
    assert len(found) == 2 and (labels > 0).sum() == (modest >= np.float32(2.8)).sum() < (modest >= 2.0).sum()


def test_another_geometry_gives_other_places():
    """Negative control: with the identity, or with the axes in the wrong order, the places above would be missed."""
    right = np.array([f.centroid_ras for f in search(two_blobs())[1]])
    for wrong in (np.eye(4), OBLIQUE[:, [2, 1, 0, 3]], np.diag([-1, -1, 1, 1]) @ OBLIQUE):
        other = np.array([f.centroid_ras for f in search(two_blobs(), wrong)[1]])
        assert np.linalg.norm(other - right, axis=1).min() > 5.0


@pytest.mark.parametrize("name", ["las", "permuted", "oblique anisotropic", "sheared", "left-handed"])
def test_stored_otherwise_the_findings_are_the_same(name):
    ijk_to_ras, _ = GEOMETRIES[name]
    smooth = np.kron(np.random.default_rng(5).normal(size=(4, 6, 5)), np.ones((3, 3, 3))).astype(np.float32)
    term = np.abs(smooth).astype(np.float16)
    reference = search(smooth, ijk_to_ras, 0.8, terms={"residual": term})[1]
    assert len(reference) > 5
    for order, flips in itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)):
        # voxel (i, j, k) of the copy is the same point as voxel `back @ (i, j, k)` of the original
        def stored(array, order=order, flips=flips):
            return np.ascontiguousarray(array.transpose(order)[::flips[0], ::flips[1], ::flips[2]])

        back = np.zeros((4, 4))
        back[3, 3] = 1.0
        for axis, (source, flip) in enumerate(zip(order, flips)):
            back[2 - source, 2 - axis] = flip
            back[2 - source, 3] = 0.0 if flip > 0 else smooth.shape[source] - 1.0
        labels, found = search(stored(smooth), ijk_to_ras @ back, 0.8, terms={"residual": stored(term)})
        assert len(found) == len(reference)
        for copy, original in zip(found, reference):
            assert copy.peak == original.peak and copy.voxels == original.voxels and copy.band == original.band
            assert copy.centroid_ras == pytest.approx(original.centroid_ras, abs=1e-6)
            assert copy.peak_ras == pytest.approx(original.peak_ras, abs=1e-6)
            assert sorted(copy.size_mm) == pytest.approx(sorted(original.size_mm))
            assert copy.components == pytest.approx(original.components)
            assert (labels == copy.label).sum() == copy.voxels


def test_volume_of_sheared_voxels():
    sheared, _ = GEOMETRIES["sheared"]
    _, found = search(two_blobs(), sheared)
    assert found[0].volume_mm3 == pytest.approx(4 * 4 * 2 * voxel_volume(sheared))
    assert found[0].volume_mm3 < 0.96 * 4 * 4 * 2 * 0.5 * 0.5 * 3.0, "edge lengths alone overstate the volume"


def test_regions_that_touch_by_a_corner_are_one():
    values = np.zeros((5, 5, 5), np.float32)
    values[1, 1, 1] = values[2, 2, 2] = 2.0
    assert len(search(values)[1]) == 1
    values[2, 2, 2], values[3, 3, 3] = 0.0, 2.0
    assert len(search(values)[1]) == 2


def test_small_regions_are_dropped_by_volume_not_by_voxels():
    values = two_blobs()
    assert [f.voxels for f in search(values, minimum_mm3=100.0)[1]] == [140]  # 403 mm3; the small one has 92
    assert len(search(values, minimum_mm3=92.0)[1]) == 2
    labels, found = search(values, np.diag([0.1, 0.1, 0.1, 1.0]), minimum_mm3=10.0)
    assert found == [] and not labels.any()


def test_the_thickness_of_a_single_slice_does_not_count():
    values = np.zeros((1, 30, 30), np.float32)
    values[0, 4:6, 4:6] = 3.0  # 4 mm2, but 80 mm3 with the nominal thickness
    values[0, 10:14, 10:14] = 4.0
    thick = np.diag([1.0, 1.0, 20.0, 1.0])
    assert [f.voxels for f in search(values, thick, minimum_mm3=10.0)[1]] == [16]
    assert [f.voxels for f in search(values, thick, minimum_mm3=16.0)[1]] == [16], "the minimum itself is kept"
    upright = search(values.transpose(1, 0, 2), np.diag([1.0, 20.0, 1.0, 1.0]), slice_axis=1, minimum_mm3=10.0)
    assert [f.voxels for f in upright[1]] == [16]
    assert len(search(np.repeat(values, 2, axis=0), thick, minimum_mm3=10.0)[1]) == 2


def test_nothing_above_the_threshold():
    for values in (np.zeros((3, 4, 5), np.float32), np.full((3, 4, 5), np.nan, np.float32)):
        labels, found = search(values)
        assert found == [] and labels.shape == (3, 4, 5) and labels.dtype == np.int16 and not labels.any()


def test_missing_values_are_no_finding():
    values = two_blobs()
    values[values < 1.0] = np.nan
    assert [f.voxels for f in search(values)[1]] == [32, 140]


def test_the_threshold_itself_belongs_to_the_finding():
    """As in `Calibration.severity`: what is coloured is what is listed."""
    values = two_blobs()
    labels, found = search(values, threshold=2.0)
    assert [f.voxels for f in found] == [32, 140]
    assert np.array_equal(labels > 0, CALIBRATION.severity(values, 2.0) > 0)
    assert [f.voxels for f in search(values, threshold=np.nextafter(np.float32(2.0), np.float32(3.0)))[1]] == [32, 1]


def test_the_highest_are_kept_when_there_are_too_many():
    values = np.zeros((20, 40, 40), np.float32)
    spots = values[1::4, 1::4, 1::4]
    spots[:] = np.random.default_rng(0).permutation(spots.size).reshape(spots.shape) + 10.0
    labels, found = search(values, limit=30)
    assert [f.peak for f in found] == sorted(spots.ravel(), reverse=True)[:30]
    assert [f.label for f in found] == list(range(1, 31)) and labels.max() == 30
    assert np.count_nonzero(labels) == 30, "what is not listed is not labelled"


def test_equals_are_ranked_by_place_not_by_storage():
    """Eight regions of the same height and size, four places: a flipped copy keeps the same four."""
    values = np.zeros((9, 9, 9), np.float32)
    values[1::6, 1::6, 1::6] = 4.0
    reference = [f.peak_ras for f in search(values, limit=4)[1]]
    assert len(reference) == 4
    flip = np.diag([-1.0, -1.0, -1.0, 1.0])
    flip[:3, 3] = 8.0
    copy = [f.peak_ras for f in search(values[::-1, ::-1, ::-1], OBLIQUE @ flip, limit=4)[1]]
    assert np.allclose(copy, reference)


def test_components_are_those_of_the_region():
    values = two_blobs()
    residual = np.random.default_rng(9).normal(size=SHAPE).astype(np.float16)
    labels, found = search(values, terms={"residual": residual})
    for finding in found:
        k, j, i = np.nonzero(labels == finding.label)
        points = np.stack([i, j, k], axis=1) @ OBLIQUE[:3, :3].T + OBLIQUE[:3, 3]
        expected = region_components(values[k, j, i], points)
        assert finding.components == pytest.approx({**expected, "residual": float(residual[k, j, i].max())})
    assert found[0].components["contrast"] == pytest.approx(6.0 - found[0].mean)


def test_the_map_is_not_changed_and_may_be_a_view():
    values = two_blobs()
    kept = values.copy()
    strided = np.asfortranarray(values)[::1]
    assert search(strided)[1] == search(values)[1]
    assert np.array_equal(values, kept)
