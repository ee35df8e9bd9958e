"""Prototypes that are only pulled collapse, and that is seen; k-means prototypes do not."""
from __future__ import annotations

import pytest
import tiny
import torch
from test_training import brain_normals, quiet

from SPMambaLib.errors import TrainingError
from SPMambaLib.training import assemble as assemble_module
from SPMambaLib.training.collapse import prototype_spread, require_spread
from SPMambaLib.training.fit import cache_features, fit_prototypes


@pytest.fixture(scope="module")
def setting():
    """A network with the paper's prototypes, and features of normal images."""
    network = tiny.network(prototype_height_bins=1, prototype_match="features")
    network.teacher.load_state_dict(tiny.lively_teacher().state_dict())
    seen = brain_normals(range(8), height_bins=(0.1, 0.4, 0.6, 0.9))
    return network, cache_features(network, seen.pixels, quiet)[2], seen.slice_height


def pulled(network, features, seed):
    """Prototypes trained as the paper does: from N(0, 1), each image pulls the nearest one, nothing pushes."""
    torch.manual_seed(seed)
    torch.nn.init.normal_(network.prototypes.vectors)
    network.prototypes.requires_grad_(True)
    optimiser = torch.optim.AdamW([network.prototypes.vectors], lr=0.02)
    for _ in range(80):
        loss = network.prototypes.distances(features[torch.randint(len(features), (8,))].float()).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    network.prototypes.requires_grad_(False)
    return network.prototypes.vectors.detach()


def test_pulled_prototypes_are_caught_and_k_means_is_not(setting):
    network, features, _ = setting
    fit_prototypes(network, features, None)
    assert require_spread(prototype_spread(network.prototypes.vectors, features)) > 0.3
    for seed in (0, 1):
        spread = prototype_spread(pulled(network, features, seed), features)
        assert spread < 0.01
        with pytest.raises(TrainingError, match="collapsed") as caught:
            require_spread(spread)
        assert caught.value.code == "prototypes-collapsed"


def test_one_place_for_all_is_a_collapse_too(setting):
    network, features, _ = setting
    mean = features.float().mean(dim=0).flatten(1).T[None, :, None]
    same = mean.expand(1, -1, 4, -1) * (1 + 1e-4 * torch.rand(1, mean.shape[1], 4, mean.shape[3]))
    assert prototype_spread(same, features) < 0.01


def test_the_spread_is_the_mean_over_pairs():
    """Against the plain definition, at one cell."""
    random = torch.Generator().manual_seed(0)
    x, vectors = torch.rand(6, 5, 1, 1, generator=random), torch.rand(1, 1, 3, 5, generator=random)
    unit, directions = (torch.nn.functional.normalize(v, dim=-1) for v in (x[:, :, 0, 0], vectors[0, 0]))
    nearest = directions[(unit @ directions.T).argmax(dim=1)]
    expected = (1 - nearest @ nearest.T).mean() / (1 - unit @ unit.T).mean()
    assert prototype_spread(vectors, x) == pytest.approx(float(expected), rel=1e-4)
    assert prototype_spread(x[:, :, 0, 0][None, None], x) == pytest.approx(1.0, abs=1e-5)


def test_without_meaning_nothing_is_refused(setting):
    _, features, slice_height = setting
    assert prototype_spread(torch.rand(1, 16, 1, 32), features) == 1.0
    assert prototype_spread(torch.rand(1, 16, 4, 32), features[:1].expand(5, -1, -1, -1)) == 1.0
    assert prototype_spread(torch.rand(2, 16, 4, 32), features, slice_height) > 0.0


def test_a_collapsed_model_is_not_written(tmp_path, monkeypatch):
    def collapse(network, features, slice_height):
        network.prototypes.vectors.copy_(network.prototypes.vectors[:, :, :1].expand_as(network.prototypes.vectors))
        return 0.0

    monkeypatch.setattr(assemble_module, "fit_prototypes", torch.no_grad()(collapse))
    with pytest.raises(TrainingError, match="collapsed"):
        tiny.make_bundle("tiny-chest", tmp_path / "model")
    assert not (tmp_path / "model").exists()
