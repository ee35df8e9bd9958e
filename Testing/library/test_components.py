"""The score components, against the formulas of the paper in slow float64."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from test_maps import slow_blur

from SPMambaLib.scoring import components
from SPMambaLib.scoring.maps import AnomalyScale, ScoringConfig
from SPMambaLib.scoring.slices import score_maps, slice_components

MAPS = np.random.default_rng(0).normal(size=(3, 18, 22))
MAPS[1, 5, 7] = 9.0
MAPS[2] = slow_blur(MAPS[2], 3.0)


def slow_concentration(image: np.ndarray) -> float:
    top = np.unravel_index(int(image.argmax()), image.shape)
    total = 0.0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            total += np.hypot(row - top[0], column - top[1]) * (image[row, column] - image[top]) ** 2
    return total / image.size


def slow_contrast(image: np.ndarray) -> float:
    return float(np.abs(slow_blur(image, 0.5) - slow_blur(image, 1.0)).mean())


def test_contrast():
    got = components.contrast(torch.from_numpy(MAPS)).numpy()
    assert np.allclose(got, [slow_contrast(image) for image in MAPS], rtol=1e-10)
    assert got[2] < 0.2 * got[0], "a smooth map has little contrast"


def test_concentration():
    got = components.concentration(torch.from_numpy(MAPS)).numpy()
    assert np.allclose(got, [slow_concentration(image) for image in MAPS], rtol=1e-10)
    moved = components.concentration(torch.from_numpy(MAPS).roll(3, dims=-1)).numpy()
    assert not np.isclose(moved, got, rtol=1e-3).any(), "where the peak lies does not matter"
    twice = np.zeros((1, 5, 5))
    twice[0, 0, 4] = twice[0, 4, 0] = 1.0  # two maxima: the first one counts
    assert components.concentration(torch.from_numpy(twice)).item() == pytest.approx(slow_concentration(twice[0]))


def test_published_score_has_the_published_constants():
    got = components.published_score(torch.from_numpy(MAPS)).numpy()
    expected = [image.max() + 3750 * slow_contrast(image) - 0.08 * slow_concentration(image) for image in MAPS]
    assert np.allclose(got, expected, rtol=1e-10)


def test_summaries():
    maps = torch.from_numpy(MAPS)
    assert np.allclose(components.summarise(maps, "mean"), MAPS.mean(axis=(1, 2)))
    count = int(0.05 * 18 * 22)
    expected = [np.sort(image.ravel())[-count:].mean() for image in MAPS]
    assert np.allclose(components.summarise(maps, "top5"), expected)
    assert components.summarise(torch.tensor([[[1.0, 2.0]]]), "top5").item() == 2.0


def test_components_of_a_region():
    random = np.random.default_rng(1)
    values, points = random.random(50), random.random((50, 3)) * 30
    peak = int(values.argmax())
    got = components.region_components(values.astype(np.float32), points)
    expected = np.mean([np.linalg.norm(p - points[peak]) * (v - values[peak]) ** 2 for v, p in zip(values, points)])
    assert got["concentration"] == pytest.approx(expected, rel=1e-5)
    assert got["contrast"] == pytest.approx(values[peak] - values.mean(), rel=1e-5)
    assert components.region_components(np.array([3.0]), np.zeros((1, 3))) == {"contrast": 0.0, "concentration": 0.0}


def test_slices_are_scored_inside_the_anatomy_in_units_of_normal_spread():
    torch.manual_seed(0)
    scale = AnomalyScale(ScoringConfig(grid=4))
    masks = torch.zeros(2, 16, 16)
    masks[:, 4:12, 4:12] = 1
    raw = {"residual": torch.rand(2, 16, 16), "prototype": torch.rand(2, 1, 4, 4)}
    fused, standardised = score_maps(scale, raw, None, masks)
    assert (fused[masks == 0] == 0).all() and (fused[masks == 1] != 0).any()
    assert set(standardised) == {"residual", "prototype"}
    plain = slice_components(scale, fused, standardised)
    assert set(plain) == {"score", "residual", "prototype", "contrast", "concentration"}
    normals = {name: [0.5, 2.0] for name in plain}
    for name, values in slice_components(scale, fused, standardised, {"components": normals}).items():
        assert torch.allclose(values, (plain[name] - 0.5) / 2.0)
    changed = dict(raw, residual=torch.where(masks > 0, raw["residual"], torch.tensor(99.0)))
    assert torch.equal(score_maps(scale, changed, None, masks)[0], fused), "outside the anatomy does not count"
