from __future__ import annotations

import numpy as np
import oracles
import pytest
import torch

from SPMambaLib.model.config import SPACES
from SPMambaLib.model.feature_space import FeatureSpace, joined
from SPMambaLib.model.prototypes import ANY_HEIGHT, Prototypes, at_height

GRID, CHANNELS = 6, 12


def prototypes_and_features(per_cell=2, window=3, height_bins=1, match="features", batch=3):
    torch.manual_seed(0)
    prototypes = Prototypes(GRID, CHANNELS, per_cell, window, height_bins, match)
    return prototypes, torch.randn(batch, CHANNELS, GRID, GRID)


def slow(prototypes, features, window=3, match="features"):
    """Oracle distances (B, height_bins, GRID, GRID)."""
    height_bins = prototypes.vectors.detach().double().numpy()
    return np.array([[oracles.prototype_distance(slice_height, image, window, match) for slice_height in height_bins]
                     for image in features.double().numpy()])


@pytest.mark.parametrize("match", ["features", "prototypes"])
@pytest.mark.parametrize("per_cell, window, height_bins", [(5, 3, 1), (1, 3, 2), (2, 1, 1), (2, 5, 3)])
def test_distances_match_the_slow_loop(per_cell, window, height_bins, match):
    prototypes, features = prototypes_and_features(per_cell, window, height_bins, match)
    found = prototypes.distances(features)
    assert found.shape == (3, height_bins, GRID, GRID)
    assert oracles.relative_error(found, slow(prototypes, features, window, match)) < 1e-6


@pytest.mark.parametrize("match", ["features", "prototypes"])
def test_the_comparison_sees_wrong_distances(match):
    prototypes, features = prototypes_and_features(height_bins=2, match=match)
    expected = slow(prototypes, features, match=match)
    other = "prototypes" if match == "features" else "features"
    wrong = {
        "window of one": slow(prototypes, features, window=1, match=match),
        "the other match": slow(prototypes, features, match=other),
        "swapped heights": prototypes.distances(features).flip(1),
        "transposed cells": prototypes.distances(features.mT),
    }
    for what, distances in wrong.items():
        assert oracles.relative_error(distances, expected) > 0.1, what


@pytest.mark.parametrize("match", ["features", "prototypes"])
def test_the_window_is_cut_at_the_border_rather_than_padded(match):
    # Everything points away from the prototypes: padded zeros would look nearer (1) than what is there (2).
    prototypes = Prototypes(GRID, CHANNELS, per_cell=1, match=match)
    prototypes.initialise(torch.ones_like(prototypes.vectors))
    distances = prototypes.distances(-torch.ones(1, CHANNELS, GRID, GRID))
    assert torch.allclose(distances, torch.tensor(2.0))


@pytest.mark.parametrize("match", ["features", "prototypes"])
def test_a_shift_by_one_cell_is_tolerated_and_by_two_is_not(match):
    prototypes, features = prototypes_and_features(per_cell=1, batch=1, match=match)
    prototypes.initialise(features[0].flatten(1).t()[None, :, None])
    inner = slice(2, -2)
    assert prototypes.distances(features).abs().max() < 1e-6
    assert prototypes.distances(features.roll(1, -1))[..., inner, inner].abs().max() < 1e-6
    assert prototypes.distances(features.roll(2, -1))[..., inner, inner].min() > 0.1


def test_a_lone_strange_cell_is_forgiven_by_matching_features_only():
    found = {}
    for match in ("features", "prototypes"):
        prototypes = Prototypes(GRID, CHANNELS, per_cell=1, match=match)
        prototypes.initialise(torch.ones_like(prototypes.vectors))
        features = torch.ones(1, CHANNELS, GRID, GRID)
        features[..., 2, 3] = -1.0
        found[match] = prototypes.distances(features)[0, 0]
    assert found["features"].max() < 1e-6
    assert (found["prototypes"] > 1.0).nonzero().tolist() == [[2, 3]]


def test_only_the_direction_counts():
    prototypes, features = prototypes_and_features()
    expected = prototypes.distances(features)
    with torch.no_grad():
        prototypes.vectors.mul_(3)
    assert torch.allclose(prototypes.distances(7 * features), expected, atol=1e-6)


def test_each_image_is_judged_at_its_level():
    distances = torch.rand(4, 3, GRID, GRID)
    chosen = at_height(distances, torch.tensor([2, 0, ANY_HEIGHT, 1]))
    expected = [distances[0, 2], distances[1, 0], distances[2].amin(0), distances[3, 1]]
    assert torch.equal(chosen, torch.stack(expected))
    assert torch.equal(at_height(distances), distances.amin(1))


@pytest.mark.parametrize("match", ["features", "prototypes"])
def test_gradients(match):
    # Also where the border is repeated: the copies of a cell share the gradient of the one cell.
    torch.manual_seed(0)
    prototypes = Prototypes(3, 4, per_cell=2, height_bins=2, match=match).double()
    features = torch.randn(2, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    leaves = (features, prototypes.vectors)
    assert torch.autograd.gradcheck(lambda features, _: prototypes.distances(features), leaves)


@pytest.mark.parametrize("match", ["features", "prototypes"])
def test_full_precision_under_autocast(match):
    prototypes, features = prototypes_and_features(match=match)
    half = features.bfloat16()
    right = prototypes.distances(half.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = prototypes.distances(half)
    assert found.dtype == torch.float32 and torch.equal(found, right)


def test_changed_prototypes_are_seen_though_directions_are_kept():
    prototypes, features = prototypes_and_features()
    with torch.inference_mode():
        before = prototypes.distances(features)
        assert torch.equal(prototypes.distances(features), before)
    prototypes.initialise(torch.randn_like(prototypes.vectors))
    with torch.inference_mode():
        after = prototypes.distances(features)
    assert oracles.relative_error(after, slow(prototypes, features)) < 1e-6
    assert oracles.relative_error(after, before) > 0.1
    prototypes.load_state_dict({"vectors": torch.randn_like(prototypes.vectors)})
    with torch.inference_mode():
        assert oracles.relative_error(prototypes.distances(features), slow(prototypes, features)) < 1e-6


def test_bad_arguments_are_refused():
    prototypes, features = prototypes_and_features(height_bins=2)
    with pytest.raises(ValueError, match="grid"):
        prototypes.distances(features[..., :-1])
    with pytest.raises(ValueError, match="shape"):
        prototypes.initialise(torch.zeros(2, 5, 5, CHANNELS))


@pytest.mark.parametrize("kind", ["standardised", "whitened"])
def test_a_feature_space_makes_channels_equal(kind):
    """Mean 0 and spread 1 after standardising, no correlation after whitening; the plain space leaves both."""
    random = torch.Generator().manual_seed(0)
    mixing = torch.tensor([[3.0, 0.5, 0.0], [0.0, 1.0, 0.4], [0.0, 0.0, 0.6]])
    features = torch.einsum("nchw,cd->ndhw", torch.randn(200, 3, 4, 4, generator=random), mixing) + 2.0
    before = features.movedim(1, -1).reshape(-1, 3)
    space = FeatureSpace(kind, 3)
    space.fit(features)
    after = space.maps(features).movedim(1, -1).reshape(-1, 3)
    covariance = torch.cov(after.T)
    assert after.mean(dim=0).abs().max() < 1e-4
    if kind == "standardised":
        assert torch.allclose(covariance.diagonal(), torch.ones(3), atol=0.02)
    else:
        spectrum = torch.linalg.eigvalsh(torch.cov(before.T))
        wanted = spectrum / (spectrum + 0.1 * spectrum.mean())
        assert torch.allclose(torch.linalg.eigvalsh(covariance), wanted, atol=1e-3)
    assert torch.cov(before.T)[0, 0] / torch.cov(before.T)[2, 2] > 5  # or there was nothing to do
    assert torch.equal(FeatureSpace("plain", 3).maps(features), features)


@pytest.mark.parametrize("kind", SPACES)
def test_a_space_with_a_centre_at_every_cell_tells_how_features_differ_there(kind):
    """Cells whose normals lie far apart have one mean, zero, and the covariance of what they differ in; a space with
    one centre still sees mostly where a feature is from.  `at` gives what `maps` gives."""
    random = torch.Generator().manual_seed(0)
    place = 10 * torch.randn(1, 6, 1, 1, generator=random) * torch.arange(64.0).view(8, 8) / 64  # linear: smoothing
    features = place + torch.randn(300, 6, 8, 8, generator=random) * torch.linspace(0.2, 2, 6).view(1, -1, 1, 1)
    space, whole = FeatureSpace(kind, 6, grid=8), FeatureSpace(kind, 6)
    for one in (space, whole):
        one.fit(features)
        mapped = one.maps(features)
        assert torch.allclose(one.at(features, slice(9, 21)), mapped.flatten(2)[:, :, 9:21].permute(2, 0, 1), atol=1e-4)
    assert torch.equal(space.centre, space.centre.half().float()), "as it is stored"
    per_position, from_whole = (one.maps(features).mean(dim=0)[:, 1:-1, 1:-1].square().mean() for one in (space, whole))
    within = space.maps(features).var(dim=0).mean()
    assert per_position < 0.02 * within and from_whole > 10 * per_position
    if kind == "whitened":
        before, after = (torch.cov(x[:, :, 4, 4].T).diagonal() for x in (features, space.maps(features)))
        assert after.max() / after.min() < 10 < 50 < before.max() / before.min()


def test_only_a_placed_space_gets_a_new_centre():
    features = torch.randn(20, 5, 4, 4) + 3
    placed, whole = FeatureSpace("whitened", 5, grid=4), FeatureSpace("whitened", 5)
    for space in (placed, whole):
        space.fit(features)
    before = {name: tensor.clone() for name, tensor in (*placed.named_buffers(), *(
        ("whole." + name, tensor) for name, tensor in whole.named_buffers()))}
    for space in (placed, whole):
        space.recentre(features + 7)
    assert torch.allclose(placed.centre, before["centre"] + 7, atol=0.01)
    assert torch.equal(placed.matrix, before["matrix"]) and torch.equal(whole.centre, before["whole.centre"])


def test_scales_are_joined_at_equal_weight():
    """The cosine of joined features is the mean of the scales' cosines, whatever their lengths."""
    torch.manual_seed(0)
    (fine, other_fine), (coarse, other_coarse) = torch.randn(2, 1, 6, 8, 8), torch.randn(2, 1, 9, 4, 4)
    cosine = torch.nn.functional.cosine_similarity
    got = cosine(joined([fine, 100 * coarse], 4), joined([other_fine, other_coarse], 4))
    small, other_small = (torch.nn.functional.adaptive_avg_pool2d(scale, 4) for scale in (fine, other_fine))
    assert torch.allclose(got, (cosine(small, other_small) + cosine(coarse, other_coarse)) / 2, atol=1e-5)
    assert joined([fine, coarse], 8).shape == (1, 15, 8, 8)


def test_prototypes_meet_features_in_their_space():
    """Distances in a space are those of mapped features to the same vectors in the plain one."""
    torch.manual_seed(0)
    features = torch.randn(8, 5, 4, 4)
    mapped, plain = Prototypes(4, 5, 3, space="whitened"), Prototypes(4, 5, 3)
    mapped.space.fit(features)
    mapped.initialise(plain.vectors.detach())
    assert torch.allclose(mapped.distances(features), plain.distances(mapped.space.maps(features)), atol=1e-5)
    assert not torch.allclose(mapped.distances(features), plain.distances(features), atol=1e-2)
