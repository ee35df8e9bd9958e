"""Term maps and their standardisation, against slow float64 statements of the same."""
from __future__ import annotations

import numpy as np
import pytest
import tiny
import torch
from oracles import relative_error

from SPMambaLib.model.network import Output
from SPMambaLib.model.prototypes import at_level
from SPMambaLib.model.teacher import to_teacher_input
from SPMambaLib.scoring.maps import (
    AnomalyScale,
    ScoringConfig,
    at_input_size,
    gaussian_blur,
    mirror_map,
    network_terms,
    residual_map,
    resize,
)


def slow_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian of (h, w), cut at 3 sigma, borders replicated, pixel by pixel."""
    reach = max(1, int(np.ceil(3 * sigma)))
    offsets = range(-reach, reach + 1)
    weights = np.array([[np.exp(-0.5 * (r * r + c * c) / sigma ** 2) for c in offsets] for r in offsets])
    padded = np.pad(image.astype(np.float64), reach, mode="edge")
    out = np.zeros(image.shape)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            out[row, column] = (weights * padded[row:row + 2 * reach + 1, column:column + 2 * reach + 1]).sum()
    return out / weights.sum()


def slow_resize(image: np.ndarray, size: int, corners: bool) -> np.ndarray:
    """Bilinear, corner pixels on corner pixels (`corners`) or pixel areas on pixel areas."""
    side = len(image)
    out = np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            spots = [p * (side - 1) / (size - 1) if corners else min(max((p + 0.5) * side / size - 0.5, 0), side - 1)
                     for p in (row, column)]
            (r, c), (fr, fc) = (int(s) for s in spots), (s % 1 for s in spots)
            r1, c1 = min(r + 1, side - 1), min(c + 1, side - 1)
            out[row, column] = ((1 - fr) * ((1 - fc) * image[r, c] + fc * image[r, c1])
                                + fr * ((1 - fc) * image[r1, c] + fc * image[r1, c1]))
    return out


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 4.0])
def test_blur(sigma):
    maps = np.random.default_rng(0).random((2, 20, 17))
    blurred = gaussian_blur(torch.from_numpy(maps), sigma).numpy()
    for image, got in zip(maps, blurred):
        assert relative_error(got, slow_blur(image, sigma)) < 1e-12
    assert relative_error(blurred[0], slow_blur(maps[0], sigma * 1.2)) > 1e-3
    assert np.allclose(gaussian_blur(torch.full((1, 9, 9), 3.0), sigma), 3.0, atol=1e-5)


def test_blur_agrees_with_scipy():
    scipy_ndimage = pytest.importorskip("scipy.ndimage")
    image = np.random.default_rng(1).random((30, 40))
    expected = scipy_ndimage.gaussian_filter(image, 4.0, mode="nearest", truncate=3.0)
    assert relative_error(gaussian_blur(torch.from_numpy(image)[None], 4.0)[0], expected) < 1e-12


def test_residual_map():
    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(2, c, s, s, generator=generator) for c, s in ((5, 8), (7, 4))]
    answers = [f + 0.7 * torch.randn(f.shape, generator=generator) for f in features]
    got = residual_map(Output(features, answers, torch.zeros(2, 1, 4, 4)), 16, 2.0)
    for n in range(2):
        scales = []
        for f, r in zip(features, answers):
            a, b = f[n].double().numpy(), r[n].double().numpy()
            cosine = (a * b).sum(0) / np.linalg.norm(a, axis=0) / np.linalg.norm(b, axis=0)
            scales.append(slow_resize(1 - cosine, 16, corners=True))
        assert relative_error(got[n], slow_blur(sum(scales) / 2, 2.0)) < 1e-5
        assert relative_error(got[n], slow_blur(scales[0], 2.0)) > 1e-2
    perfect = residual_map(Output(features, features, torch.zeros(2, 1, 4, 4)), 16, 2.0)
    assert perfect.abs().max() < 1e-6


def test_mirror_map():
    generator = torch.Generator().manual_seed(0)
    feature, other = (torch.rand(1, 6, 5, 5, generator=generator) for _ in range(2))
    got = mirror_map(feature, other)[0]
    a, b = feature[0].double().numpy(), other[0].double().numpy()
    for row in range(5):
        for column in range(5):
            best = max(a[:, row, column] @ b[:, r, c] / np.linalg.norm(a[:, row, column]) / np.linalg.norm(b[:, r, c])
                       for r in range(max(row - 1, 0), min(row + 2, 5))
                       for c in range(max(column - 1, 0), min(column + 2, 5)))
            assert float(got[row, column]) == pytest.approx(1 - best, abs=1e-6)
    moved = torch.roll(feature, 1, dims=-1)
    assert mirror_map(feature, moved)[0, :, :-1].abs().max() < 1e-6, "one cell aside is found"
    assert mirror_map(feature, torch.roll(feature, 2, dims=-1))[0, :, 1:-2].mean() > 0.01, "two cells are too far"


def test_resize_keeps_pixel_centres():
    image = np.random.default_rng(0).random((6, 6))
    got = resize(torch.from_numpy(image)[None], 15)[0]
    assert relative_error(got, slow_resize(image, 15, corners=False)) < 1e-12


def test_terms_of_a_network():
    network = tiny.network()
    pixels = torch.rand(3, 1, tiny.SIZE, tiny.SIZE)
    config = ScoringConfig(terms=("residual", "prototype", "mirror", "intensity"), weights=(1, 1, 1, 1))
    with torch.no_grad():
        terms = network_terms(network, pixels, config)
        output = network(to_teacher_input(pixels))
        flipped = network.encode(to_teacher_input(pixels.flip(-1)))[-1].flip(-1)
    size, grid = tiny.SIZE, tiny.SIZE // 16
    assert {name: tuple(t.shape) for name, t in terms.items()} == {
        "residual": (3, size, size), "intensity": (3, size, size), "mirror": (3, grid, grid),
        "prototype": (3, 2, grid, grid)}
    assert torch.equal(terms["prototype"], output.prototype_distances)
    assert torch.equal(terms["residual"], residual_map(output, size, config.residual_sigma))
    assert torch.equal(terms["intensity"], gaussian_blur(pixels[:, 0], config.intensity_sigma))
    assert torch.equal(terms["mirror"], mirror_map(output.features[-1], flipped))
    assert set(network_terms(network, pixels, ScoringConfig())) == {"residual", "prototype"}


def test_prototype_distance_at_the_level_of_each_slice():
    raw = {"prototype": torch.rand(4, 3, 5, 5), "intensity": torch.rand(4, 20, 20)}
    level = torch.tensor([0.0, 0.5, 1.0, -1.0])
    maps = at_input_size(raw, level, 20)
    for n, bucket in enumerate((0, 1, 2)):
        assert torch.allclose(maps["prototype"][n], resize(raw["prototype"][n, bucket][None], 20)[0])
    assert torch.allclose(maps["prototype"][3], resize(raw["prototype"][3].amin(dim=0)[None], 20)[0])
    assert torch.equal(maps["intensity"], raw["intensity"])
    assert torch.allclose(at_input_size(raw, None, 20)["prototype"], resize(at_level(raw["prototype"]), 20))


def test_statistics_are_mean_and_deviation_of_each_position():
    random = np.random.default_rng(0)
    maps = random.normal(2.0, 1.0, (200, 8, 8)) * np.linspace(1, 2, 8)
    scale = AnomalyScale(ScoringConfig(terms=("residual",), weights=(1.0,), grid=8))
    batches = [torch.from_numpy(part).float() for part in np.array_split(maps, 7)]
    scale.fit_term("residual", batches)
    assert relative_error(scale.mean[0, 0], slow_blur(maps.mean(axis=0), 1.0)) < 1e-5
    assert relative_error(scale.spread[0, 0], slow_blur(maps.std(axis=0), 1.0)) < 1e-5
    assert relative_error(scale.spread[0, 0], slow_blur(np.full((8, 8), maps.std()), 1.0)) > 0.1
    z = scale.standardise({"residual": torch.from_numpy(maps).float()})["residual"]
    assert abs(float(z.mean())) < 0.05 and float(z.std()) == pytest.approx(1.0, abs=0.05)


def test_positions_that_never_vary_do_not_explode():
    maps = torch.randn(50, 8, 8)
    maps[:, :4] = 1.0
    scale = AnomalyScale(ScoringConfig(terms=("residual",), weights=(1.0,), grid=8))
    scale.fit_term("residual", [maps])
    assert scale.spread[0, 0, :2].min() > 0.2
    constant = AnomalyScale(ScoringConfig(terms=("residual",), weights=(1.0,), grid=8))
    constant.fit_term("residual", [torch.ones(5, 8, 8)])
    assert torch.isfinite(constant.standardise({"residual": torch.ones(1, 8, 8)})["residual"]).all()


def test_only_intensity_knows_levels():
    config = ScoringConfig(terms=("residual", "intensity"), weights=(1.0, 1.0), grid=4, levels=3)
    scale, level = AnomalyScale(config), torch.linspace(0, 1, 300)
    maps = level[:, None, None] * 10 + torch.zeros(1, 4, 4)
    for name in config.terms:
        scale.fit_term(name, [maps[:100], maps[100:]], level)
    residual, intensity = scale.mean[:, :, 0, 0]
    assert torch.allclose(residual, torch.full((3,), 5.0), atol=1e-3)
    distance = (np.linspace(0, 1, 300)[None] * 3 - (np.arange(3) + 0.5)[:, None])
    weights = np.exp(-0.5 * distance ** 2)
    expected = (weights * np.linspace(0, 10, 300)).sum(axis=1) / weights.sum(axis=1)
    assert np.allclose(intensity, expected, atol=1e-4) and intensity[2] - intensity[0] > 2


def test_statistics_between_levels():
    """Linear between bucket centres, held beyond them; the average for an unknown level."""
    scale = AnomalyScale(ScoringConfig(terms=("intensity",), weights=(1.0,), grid=2, levels=3))
    scale.mean[0] = torch.tensor([0.0, 10.0, 50.0])[:, None, None]
    level = torch.tensor([0.0, 1 / 6, 1 / 3, 0.5, 2 / 3, 5 / 6, 1.0, -1.0])
    z = scale.standardise({"intensity": torch.zeros(8, 2, 2)}, level)["intensity"]
    assert torch.allclose(-z[:, 0, 0], torch.tensor([0.0, 0.0, 5.0, 10.0, 30.0, 50.0, 50.0, 20.0]), atol=1e-4)
    unknown = scale.standardise({"intensity": torch.zeros(1, 2, 2)}, None)["intensity"]
    assert float(unknown[0, 0, 0]) == pytest.approx(-20.0)


def test_fusion():
    scale = AnomalyScale(ScoringConfig(weights=(0.5, 2.0), grid=2))
    scale.mean[0], scale.mean[1], scale.spread[0], scale.spread[1] = 1.0, 2.0, 4.0, 5.0
    scale.centre.fill_(0.25)
    scale.unit.fill_(3.0)
    raw = {"residual": torch.rand(2, 6, 6), "prototype": torch.rand(2, 6, 6)}
    fused = scale.fuse(scale.standardise(raw))
    expected = (0.5 * (raw["residual"] - 1) / 4 + 2 * (raw["prototype"] - 2) / 5 - 0.25) / 3
    assert torch.allclose(fused, expected, atol=1e-6)


def test_a_configuration_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError):
        ScoringConfig(terms=("residual",), weights=(1.0, 2.0))
    with pytest.raises(ValueError):
        ScoringConfig(terms=("residual", "colour"), weights=(1.0, 2.0))
    assert ScoringConfig(**ScoringConfig(terms=["mirror"], weights=[1]).to_dict()).terms == ("mirror",)
