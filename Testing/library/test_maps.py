"""Term maps and their standardisation, against slow float64 statements of the same."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from oracles import relative_error

from SPMambaLib.model.network import Output
from SPMambaLib.model.prototypes import at_height
from SPMambaLib.model.teacher import to_teacher_input
from SPMambaLib.scoring.maps import AnomalyScale, ScoringConfig, centred, gaussian_blur, resize
from SPMambaLib.scoring.terms import at_input_size, deepest, mirror_map, network_terms, residual_map


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


def slow_sample(image: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """Bilinear at all (row, column) of `spots` x `spots`, in cells; beyond the border the border is repeated."""
    last = len(image) - 1
    out = np.zeros((len(spots), len(spots)))
    for row, r in enumerate(np.clip(spots, 0, last)):
        for column, c in enumerate(np.clip(spots, 0, last)):
            r0, c0 = int(r), int(c)
            r1, c1 = min(r0 + 1, last), min(c0 + 1, last)
            out[row, column] = ((1 - r % 1) * ((1 - c % 1) * image[r0, c0] + c % 1 * image[r0, c1])
                                + r % 1 * ((1 - c % 1) * image[r1, c0] + c % 1 * image[r1, c1]))
    return out


def areas(side: int, size: int) -> np.ndarray:
    """Where `size` pixels lie on `side` cells when both cover the same area (align_corners=False)."""
    return (np.arange(size) + 0.5) * side / size - 0.5


def corners(side: int, size: int) -> np.ndarray:
    """... when their corner pixels meet (align_corners=True)."""
    return np.arange(size) * (side - 1) / (size - 1)


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


@pytest.mark.parametrize("upsampling, spots", [("centred", areas), ("published", corners)])
def test_residual_map(upsampling, spots):
    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(2, c, s, s, generator=generator) for c, s in ((5, 8), (7, 4))]
    answers = [f + 0.7 * torch.randn(f.shape, generator=generator) for f in features]
    got = residual_map(Output(features, answers, torch.zeros(2, 1, 4, 4)), 16, 2.0, upsampling)
    for n in range(2):
        scales = []
        for f, r in zip(features, answers):
            a, b = f[n].double().numpy(), r[n].double().numpy()
            cosine = (a * b).sum(0) / np.linalg.norm(a, axis=0) / np.linalg.norm(b, axis=0)
            scales.append(slow_sample(1 - cosine, spots(len(cosine), 16)))
        assert relative_error(got[n], slow_blur(sum(scales) / 2, 2.0)) < 1e-5
        assert relative_error(got[n], slow_blur(scales[0], 2.0)) > 1e-2
    perfect = residual_map(Output(features, features, torch.zeros(2, 1, 4, 4)), 16, 2.0, upsampling)
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


def test_scales_side_by_side_count_alike():
    generator = torch.Generator().manual_seed(0)
    fine, coarse, other_fine, other_coarse = (torch.rand(2, channels, side, side, generator=generator) - 0.5
                                              for channels, side in ((4, 6), (7, 3)) * 2)
    both, other = deepest([fine, fine, coarse], 2), deepest([fine, 10 * other_fine, 0.1 * other_coarse], 2)
    assert both.shape == (2, 11, 6, 6)
    larger = [torch.from_numpy(np.stack([[slow_sample(m.double().numpy(), areas(3, 6)) for m in one] for one in f]))
              for f in (coarse, other_coarse)]
    expected = (cosine(fine, other_fine) + cosine(*larger)) / 2
    assert (cosine(both, other) - expected).abs().max() < 1e-6
    assert (cosine(both, other) - cosine(fine, other_fine)).abs().max() > 0.1
    assert torch.allclose(deepest([fine, fine, coarse], 1), coarse / coarse.norm(dim=1, keepdim=True))


def cosine(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    a, b = a.double(), b.double()
    return (a * b).sum(dim=1) / a.norm(dim=1) / b.norm(dim=1)


def across(pixels: torch.Tensor) -> torch.Tensor:
    """The image seen in a mirror."""
    return pixels.flip(-1)


def test_the_mirror_finds_nothing_in_what_is_the_same_on_both_sides():
    network = tiny.network()
    network.teacher.load_state_dict(tiny.lively_teacher().state_dict())
    config = ScoringConfig(terms=("mirror",), weights=(1.0,))
    texture = gaussian_blur(torch.rand(1, tiny.SIZE, tiny.SIZE, generator=torch.Generator().manual_seed(0)), 2.0)[None]
    texture = (texture - texture.mean()) / texture.std()
    image = texture + across(texture)

    def mirror(pixels: torch.Tensor) -> torch.Tensor:
        return network_terms(network, pixels, config)["mirror"][0]

    with torch.no_grad():
        assert mirror(image).abs().max() < 1e-5, "everywhere, far from the middle too"
        assert mirror(texture).mean() > 0.02, "the two sides differ"
        lesion = image.clone()
        lesion[..., 24:40, 8:16] = 8.0
        assert mirror(lesion).max() > 0.02
        features = network.teacher(to_teacher_input(image))[-1]
        flipped_back = network.teacher(to_teacher_input(across(image)))[-1].flip(-1)
        assert mirror_map(features, flipped_back).max() > 0.02, "flipped back, each place is held against itself"


def test_resize_keeps_pixel_centres():
    image = np.random.default_rng(0).random((6, 6))
    got = resize(torch.from_numpy(image)[None], 15)[0]
    assert relative_error(got, slow_sample(image, areas(6, 15))) < 1e-12


@pytest.mark.parametrize("stride", [4, 8, 16])
def test_a_cell_lies_in_the_middle_of_its_pixels(stride):
    size, (row, column) = 64, (1, 2)
    impulse = torch.zeros(1, size // stride, size // stride)
    impulse[0, row, column] = 1.0
    pixels = np.arange(size)
    middle = [stride * row + (stride - 1) / 2, stride * column + (stride - 1) / 2]
    for corners_meet, right in ((False, True), (True, False)):
        weights = resize(impulse, size, align_corners=corners_meet)[0].double().numpy()
        place = [weights.sum(axis=1 - axis) @ pixels / weights.sum() for axis in (0, 1)]
        assert (place == pytest.approx(middle, abs=1e-3)) is right


def test_terms_of_a_network():
    network = tiny.network()
    pixels = torch.rand(3, 1, tiny.SIZE, tiny.SIZE)
    config = ScoringConfig(terms=("residual", "prototype", "mirror", "intensity"), weights=(1, 1, 1, 1))
    with torch.no_grad():
        terms = network_terms(network, pixels, config)
        output = network(to_teacher_input(pixels))
        mirrored = network.encode(to_teacher_input(across(pixels)))[-1]
    size, grid = tiny.SIZE, tiny.SIZE // 16
    assert {name: tuple(t.shape) for name, t in terms.items()} == {
        "residual": (3, size, size), "intensity": (3, size, size), "mirror": (3, grid, grid),
        "prototype": (3, 2, grid, grid)}
    assert torch.equal(terms["prototype"], output.prototype_distances)
    assert torch.equal(terms["residual"], residual_map(output, size, config.residual_sigma))
    assert torch.equal(terms["intensity"], gaussian_blur(pixels[:, 0], config.intensity_sigma))
    assert torch.equal(terms["mirror"], mirror_map(deepest(output.features, 1), deepest([mirrored], 1)))
    assert set(network_terms(network, pixels, ScoringConfig())) == {"residual", "prototype"}
    with torch.no_grad():
        finer = network_terms(network, pixels, replace(config, mirror_scales=2))["mirror"]
    assert finer.shape == (3, 2 * grid, 2 * grid)


def test_without_the_residual_the_decoder_rests(monkeypatch):
    network, pixels = tiny.network(), torch.rand(2, 1, tiny.SIZE, tiny.SIZE)
    with torch.no_grad():
        whole = network_terms(network, pixels, ScoringConfig())
        monkeypatch.setattr(network.decoder, "forward", lambda *given: pytest.fail("the decoder ran"))
        with pytest.raises(pytest.fail.Exception, match="decoder ran"):
            network_terms(network, pixels, ScoringConfig())
        terms = network_terms(network, pixels, ScoringConfig(terms=("prototype",), weights=(1.0,)))
    assert set(terms) == {"prototype"} and torch.equal(terms["prototype"], whole["prototype"])


def test_prototype_distance_at_the_level_of_each_slice():
    raw = {"prototype": torch.rand(4, 3, 5, 5), "intensity": torch.rand(4, 20, 20)}
    slice_height = torch.tensor([0.0, 0.5, 1.0, -1.0])
    maps = at_input_size(raw, slice_height, 20)
    for n, bucket in enumerate((0, 1, 2)):
        assert torch.allclose(maps["prototype"][n], resize(raw["prototype"][n, bucket][None], 20)[0])
    assert torch.allclose(maps["prototype"][3], resize(raw["prototype"][3].amin(dim=0)[None], 20)[0])
    assert torch.equal(maps["intensity"], raw["intensity"])
    nearest = at_input_size(raw, None, 20)["prototype"]
    assert torch.allclose(nearest, resize(at_height(raw["prototype"]), 20))


# -- statistics ------------------------------------------------------------------------------------------------------

def fitted(maps: np.ndarray, name: str = "residual", slice_height=None, **changes) -> AnomalyScale:
    scale = AnomalyScale(ScoringConfig(**{"terms": (name,), "weights": (1.0,), "grid": maps.shape[-1], **changes}))
    scale.fit_term(name, [torch.from_numpy(part).float() for part in np.array_split(maps, 7)], slice_height)
    return scale


def slow_spread(maps: np.ndarray, weights: np.ndarray, reach: int) -> np.ndarray:
    """Spread (h, w) of maps (N, h, w), as the library defines it."""
    mean = slow_blur(np.average(maps, axis=0, weights=weights), 1.0)
    spread = (np.average(np.maximum(maps - mean, 0) ** 4, axis=0, weights=weights) / 1.5) ** 0.25
    spread = np.maximum(spread, 0.25 * np.quantile(spread, 0.75))
    padded = np.pad(spread, reach // 2, constant_values=-np.inf)
    widest = [[padded[r:r + reach, c:c + reach].max() for c in range(maps.shape[2])] for r in range(maps.shape[1])]
    return slow_blur(np.array(widest), 1.0)


def uneven(count: int, side: int = 12) -> np.ndarray:
    """Maps (count, side, side) that vary more to the right, hardly at all in the first columns, much in one place."""
    maps = np.random.default_rng(0).normal(2.0, 1.0, (count, side, side)) * np.linspace(1, 2, side)
    maps[:, :, :3] = 2.0 + 1e-3 * maps[:, :, :3]
    maps[:, 6, 5] *= 4
    return maps


@pytest.mark.parametrize("reach", [1, 3, 9])
def test_mean_and_spread_of_each_position(reach):
    maps = uneven(60)
    scale = fitted(maps, reach=reach)
    assert relative_error(scale.mean[0, 0], slow_blur(maps.mean(axis=0), 1.0)) < 1e-5
    assert relative_error(scale.spread[0, 0], slow_spread(maps, np.ones(60), reach)) < 1e-5
    for other in {1, 3, 9} - {reach}:
        assert relative_error(scale.spread[0, 0], slow_spread(maps, np.ones(60), other)) > 0.05
    lower = 2 * maps.mean(axis=0) - maps
    assert relative_error(scale.spread[0, 0], slow_spread(lower, np.ones(60), reach)) > 1e-3, "the lower tail"


def test_spread_of_levels():
    """Each height weighs the scans by their distance in height."""
    maps, slice_height = uneven(60), np.linspace(0, 1, 60)
    maps *= 1 + 2 * slice_height[:, None, None]
    scale = fitted(maps, "intensity", torch.from_numpy(slice_height), height_bins=3, reach=3)
    for bucket in range(3):
        weights = np.exp(-0.5 * (slice_height * 3 - bucket - 0.5) ** 2)
        assert relative_error(scale.spread[0, bucket], slow_spread(maps, weights, 3)) < 1e-5
        assert relative_error(scale.spread[0, bucket], slow_spread(maps, np.ones(60), 3)) > 0.02


def test_the_spread_of_a_normal_distribution_is_its_deviation():
    maps = np.random.default_rng(0).normal(2.0, 3.0, (4000, 6, 6))
    scale = fitted(maps, reach=1)
    assert scale.spread.numpy() == pytest.approx(3.0, rel=0.05)
    tailed = maps.copy()
    tailed[::20] += 30.0  # one scan in twenty
    assert (fitted(tailed, reach=1).spread > 1.5 * tailed.std(axis=0).mean()).all(), "a heavy tail counts for more"


def test_spread_as_deviation():
    maps = uneven(60)
    scale = fitted(maps, spread="deviation", reach=1)
    deviation = np.sqrt(np.mean((maps - slow_blur(maps.mean(axis=0), 1.0)) ** 2, axis=0))
    deviation = np.maximum(deviation, 0.25 * np.quantile(deviation, 0.75))
    assert relative_error(scale.spread[0, 0], slow_blur(deviation, 1.0)) < 1e-5
    assert relative_error(scale.spread[0, 0], slow_spread(maps, np.ones(60), 1)) > 0.05, "the other spread"


def test_pooled_terms_have_one_mean_and_spread_of_a_level():
    """Inside the anatomy, every scan with the same weight however much of it is seen; by distance in height."""
    maps, slice_height = uneven(60), np.linspace(0, 1, 60)
    maps += 3 * slice_height[:, None, None]
    masks = np.zeros(maps.shape)
    for n, mask in enumerate(masks):
        mask[2:4 + n % 7, 1:9] = 1
    config = ScoringConfig(terms=("residual",), weights=(1.0,), grid=12, pooled=("residual",), height_bins=3)
    scale = AnomalyScale(config)
    scale.fit_term(
        "residual", [torch.from_numpy(maps).float()], torch.from_numpy(slice_height), torch.from_numpy(masks)
    )
    assert scale.mean.numel() == 0
    for bucket in range(3):
        share = masks / masks.sum(axis=(1, 2), keepdims=True)
        weights = np.exp(-0.5 * (slice_height * 3 - bucket - 0.5) ** 2)[:, None, None] * share
        mean = np.average(maps, weights=weights)
        spread = np.sqrt(np.average((maps - mean) ** 2, weights=weights))
        assert float(scale.pooled_mean[0, bucket]) == pytest.approx(mean, rel=1e-5)
        assert float(scale.pooled_spread[0, bucket]) == pytest.approx(spread, rel=1e-5)
        assert abs(np.average(maps, weights=masks) - mean) > 0.01 < abs(maps.mean() - mean), "scans and anatomy"
    z = standardised(scale, torch.full((2, 12, 12), 2.0), slice_height=torch.tensor([1 / 6, 5 / 6]))
    expected = (2.0 - scale.pooled_mean[0, [0, 2]]) / scale.pooled_spread[0, [0, 2]]
    assert torch.allclose(z, expected[:, None, None].expand(2, 12, 12), atol=1e-5)
    assert len(fitted(maps).mean.unique()) > 100


def test_positions_that_never_vary_do_not_explode():
    maps = np.random.default_rng(0).normal(size=(50, 8, 8))
    maps[:, :4] = 1.0
    assert fitted(maps, reach=1).spread[0, 0, :2].min() > 0.2
    constant = fitted(np.ones((7, 8, 8)))
    assert torch.isfinite(standardised(constant, torch.ones(1, 8, 8))).all()


def standardised(scale: AnomalyScale, raw: torch.Tensor, masks=None, slice_height=None) -> torch.Tensor:
    """z of a scale of one term."""
    masks = torch.ones_like(raw) if masks is None else masks
    return scale.standardise({scale.config.terms[0]: raw}, masks, slice_height)[scale.config.terms[0]]


def focal(z: torch.Tensor) -> torch.Tensor:
    """A bright square in a ninth of each slice."""
    out = z.clone()
    out[:, 10:22, 10:22] += 8.0
    return out


def test_centring_asks_the_calm_half_of_the_slice():
    z = torch.randn(2, 40, 40, generator=torch.Generator().manual_seed(0)) * 2
    z += torch.tensor([-1.0, 1.0])[:, None, None]
    masks = (torch.rand(2, 40, 40, generator=torch.Generator().manual_seed(1)) > 0.3).float()
    for image, mask, got in zip(z.double().numpy(), masks.numpy(), centred(z, masks)):
        inside = image[::4, ::4][mask[::4, ::4] > 0]
        low, median = np.quantile(inside, 0.1), np.quantile(inside, 0.5)
        assert relative_error(got, (image - max(median, 0)) / (median - low)) < 1e-5
    for flat in (torch.zeros(1, 8, 8), torch.full((1, 8, 8), 3.0)):  # no anatomy, or nothing varies in it
        for mask in (torch.zeros(1, 8, 8), torch.ones(1, 8, 8)):
            assert torch.isfinite(centred(flat, mask)).all()


def test_centring_undoes_what_moves_a_whole_slice_up():
    raw = torch.randn(3, 48, 48, generator=torch.Generator().manual_seed(0))
    up = raw * torch.tensor([1.0, 3.0, 2.0])[:, None, None] + torch.tensor([0.5, 40.0, 7.0])[:, None, None]
    masks = torch.zeros(3, 48, 48)
    masks[:, 8:40, 4:44] = 1.0
    for centring, worst in (("slice", 0.5), ("none", 30.0)):
        scale = AnomalyScale(ScoringConfig(terms=("residual",), weights=(1.0,), grid=8, centring=centring))
        change = (standardised(scale, up, masks) - standardised(scale, raw, masks)).abs().max()
        assert change < worst if centring == "slice" else change > worst
    outside = torch.where(masks > 0, raw, raw + 50)
    assert torch.equal(centred(raw, masks) * masks, centred(outside, masks) * masks), "only the anatomy counts"


def test_centring_keeps_large_lesions_and_loses_what_is_diffuse():
    z = torch.randn(1, 36, 36, generator=torch.Generator().manual_seed(0))
    masks = torch.ones(1, 36, 36)
    large = z.clone()
    large[:, :16] += 8.0  # under half of the slice
    assert centred(large, masks)[0, :16].mean() > 3
    assert centred(focal(z), masks)[0, 10:22, 10:22].mean() > 5
    assert centred(z + 8.0, masks).mean() < 0.5


def test_levels_count_for_every_term():
    config = ScoringConfig(terms=("residual", "intensity"), weights=(1.0, 1.0), grid=4, height_bins=3)
    scale, slice_height = AnomalyScale(config), torch.linspace(0, 1, 300)
    maps = slice_height[:, None, None] * 10 + torch.zeros(1, 4, 4)
    distance = (np.linspace(0, 1, 300)[None] * 3 - (np.arange(3) + 0.5)[:, None])
    weights = np.exp(-0.5 * distance ** 2)
    expected = (weights * np.linspace(0, 10, 300)).sum(axis=1) / weights.sum(axis=1)
    for row, name in enumerate(config.terms):
        scale.fit_term(name, [maps[:100], maps[100:]], slice_height)
        assert np.allclose(scale.mean[row, :, 0, 0], expected, atol=1e-4)
    assert expected[2] - expected[0] > 2


def test_the_fused_map_is_smoothed():
    z = {"residual": torch.randn(2, 20, 20, generator=torch.Generator().manual_seed(0))}
    plain, smooth = (AnomalyScale(ScoringConfig(terms=("residual",), weights=(1.0,), grid=4, sigma=sigma)).fuse(z)
                     for sigma in (0.0, 2.0))
    assert torch.equal(plain, z["residual"])
    for image, got in zip(plain.numpy(), smooth.numpy()):
        assert relative_error(got, slow_blur(image, 2.0)) < 1e-5


def test_statistics_between_levels():
    """Linear between bucket centres, held beyond them; the average for an unknown height."""
    scale = AnomalyScale(ScoringConfig(terms=("intensity",), weights=(1.0,), grid=2, height_bins=3))
    scale.mean[0] = torch.tensor([0.0, 10.0, 50.0])[:, None, None]
    slice_height = torch.tensor([0.0, 1 / 6, 1 / 3, 0.5, 2 / 3, 5 / 6, 1.0, -1.0])
    z = standardised(scale, torch.zeros(8, 2, 2), slice_height=slice_height)
    assert torch.allclose(-z[:, 0, 0], torch.tensor([0.0, 0.0, 5.0, 10.0, 30.0, 50.0, 50.0, 20.0]), atol=1e-4)
    unknown = standardised(scale, torch.zeros(1, 2, 2))
    assert float(unknown[0, 0, 0]) == pytest.approx(-20.0)


def test_fusion():
    scale = AnomalyScale(ScoringConfig(weights=(0.5, 2.0), grid=2))
    scale.mean[0], scale.mean[1], scale.spread[0], scale.spread[1] = 1.0, 2.0, 4.0, 5.0
    scale.centre.fill_(0.25)
    scale.unit.fill_(3.0)
    raw = {"residual": torch.rand(2, 6, 6), "prototype": torch.rand(2, 6, 6)}
    masks = torch.ones(2, 6, 6)
    masks[:, :, 4:] = 0.0
    z = scale.standardise(raw, masks)
    fused = scale.fuse(z)
    assert not z["residual"][:, :, 4:].any() and not z["prototype"][:, :, 4:].any()
    expected = (0.5 * (raw["residual"] - 1) / 4 + 2 * (raw["prototype"] - 2) / 5 - 0.25) / 3
    assert torch.allclose(fused[:, :, :4], expected[:, :, :4], atol=1e-6)


def test_geometric_fusion_asks_every_term():
    scale = AnomalyScale(ScoringConfig(weights=(0.5, 1.0), grid=2, fusion="geometric"))
    scale.unit.fill_(2.0)

    def fuse(residual, prototype):
        z = {"residual": torch.full((1, 2, 2), residual), "prototype": torch.full((1, 2, 2), prototype)}
        return float(scale.fuse(z).mean())

    expected = ((3.0 + 0.1) ** 0.5 * (5.0 + 0.1) ** 1.0) ** (1 / 1.5) / 2
    assert fuse(3.0, 5.0) == pytest.approx(expected, rel=1e-5)
    assert fuse(-4.0, 5.0) == fuse(0.0, 5.0), "below the mean of normals is just normal"
    assert fuse(0.0, 9.0) < fuse(3.0, 5.0), "one term alone is not enough, though the sums are 9 and 6.5"


def test_a_configuration_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError):
        ScoringConfig(terms=("residual",), weights=(1.0, 2.0))
    with pytest.raises(ValueError):
        ScoringConfig(terms=("residual", "colour"), weights=(1.0, 2.0))
    for wrong in ({"centring": "volume"}, {"upsampling": "nearest"}, {"spread": "range"}, {"fusion": "maximum"}):
        with pytest.raises(ValueError):
            ScoringConfig(**wrong)
    assert ScoringConfig(**ScoringConfig(terms=["mirror"], weights=[1]).to_dict()).terms == ("mirror",)
