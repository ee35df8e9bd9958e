"""The height of a volume's slices is found from the prototypes, however much of the body it shows."""
from __future__ import annotations

import numpy as np
import pytest

from SPMambaLib.scoring.slice_height import align_heights

HEIGHT_BINS = 6


def distances_at(height_bins: np.ndarray, noise: float = 0.0) -> np.ndarray:
    """Prototype distances of slices whose true heights are known: smallest at the bucket of the height."""
    centres = (np.arange(HEIGHT_BINS) + 0.5) / HEIGHT_BINS
    random = np.random.default_rng(0)
    return 0.2 + np.abs(height_bins[:, None] - centres) + noise * random.normal(size=(len(height_bins), HEIGHT_BINS))


@pytest.mark.parametrize("low, high", [(0.0, 1.0), (0.2, 0.8), (0.5, 1.0), (0.0, 0.5), (0.4, 0.9)])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_known_line_is_recovered(low, high, noise):
    positions = np.linspace(0, 1, 40)
    truth = low + (high - low) * positions
    found = align_heights(distances_at(truth, noise), positions)
    assert np.abs(found - truth).max() <= 0.11
    assert np.abs(positions - truth).max() > 0.15 or (low, high) == (0.0, 1.0), "the volume's own ruler would do"


def test_levels_ascend_and_stay_inside():
    positions = np.linspace(0, 1, 15)
    found = align_heights(np.random.default_rng(3).random((15, HEIGHT_BINS)), positions)
    assert (np.diff(found) > 0).all() and found.min() >= 0 and found.max() <= 1


def test_one_slice_takes_its_nearest_level():
    for bucket in range(HEIGHT_BINS):
        distances = np.ones((1, HEIGHT_BINS))
        distances[0, bucket] = 0.5
        assert align_heights(distances, np.zeros(1)) == pytest.approx([(bucket + 0.5) / HEIGHT_BINS])


def test_one_level_or_no_slice_leaves_nothing_to_align():
    positions = np.linspace(0, 1, 5)
    assert np.array_equal(align_heights(np.ones((5, 1)), positions), positions)
    assert len(align_heights(np.ones((0, HEIGHT_BINS)), np.zeros(0))) == 0
