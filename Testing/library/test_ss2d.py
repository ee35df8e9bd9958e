from __future__ import annotations

import oracles
import pytest
import torch

from SPMambaLib.model import ss2d as ss2d_module
from SPMambaLib.model.scan_order import directional_orders
from SPMambaLib.model.ss2d import DT_RANGE, SS2D, StateSpaceUnit, drop_path

SIDE, CHANNELS, PATH = 8, 8, "circular-hilbert"


@pytest.fixture(scope="module")
def case():
    """A layer, an input and the oracle's answer.

    At initialisation the scan contributes about a thousandth of the output, so that a loose test would pass
    without any scan.  Everything that steers it is perturbed first.
    """
    torch.manual_seed(1)
    layer = SS2D(CHANNELS, SIDE, state_size=4, expand=2, scan_order=PATH)
    with torch.no_grad():
        layer.x_proj.weight.copy_(torch.randn_like(layer.x_proj.weight))
        layer.dt_bias.add_(torch.randn_like(layer.dt_bias))
        layer.A_log.add_(0.5 * torch.randn_like(layer.A_log))
        layer.D.copy_(torch.randn_like(layer.D))
        layer.norm.weight.add_(0.3 * torch.randn_like(layer.norm.weight))
        layer.norm.bias.add_(0.3 * torch.randn_like(layer.norm.bias))
    x = torch.randn(2, SIDE, SIDE, CHANNELS)
    return layer, x, oracles.ss2d(layer, x, PATH)


def test_ss2d_matches_the_authors_way(case):
    layer, x, expected = case
    assert oracles.relative_error(layer(x), expected) < 1e-5


def wrong_orders():
    right = torch.from_numpy(directional_orders(PATH, SIDE).copy())
    return {
        "raster order": torch.from_numpy(directional_orders("raster", SIDE).copy()),
        "swapped directions": right[[0, 1, 3, 2, 4, 5, 7, 6]],
        "no flip": torch.cat([right[:4], right[:4]]),
    }


@pytest.mark.parametrize("fault", wrong_orders())
def test_the_comparison_sees_a_wrong_order(case, monkeypatch, fault):
    layer, x, expected = case
    monkeypatch.setitem(layer._buffers, "order", wrong_orders()[fault])
    assert oracles.relative_error(layer(x), expected) > 0.1


def test_the_comparison_sees_a_missing_scan(case, monkeypatch):
    layer, x, expected = case
    monkeypatch.setattr(ss2d_module, "selective_scan", lambda u, *_, **__: torch.zeros_like(u))
    assert oracles.relative_error(layer(x), expected) > 0.1


def test_initialisation():
    layer = SS2D(48, SIDE, state_size=16, expand=2)
    assert layer.rank == 3
    steps = torch.nn.functional.softplus(layer.dt_bias)
    assert steps.min() >= DT_RANGE[0] * 0.999
    assert steps.max() <= DT_RANGE[1] * 1.001
    assert torch.allclose(torch.exp(layer.A_log), torch.arange(1.0, 17.0).expand(8, 96, 16))
    assert (layer.D == 1).all()
    assert {name for name, p in layer.named_parameters() if getattr(p, "_no_weight_decay", False)} == {
        "A_log", "D", "dt_bias"}
    assert "order" not in layer.state_dict()


def test_another_grid_is_refused(case):
    with pytest.raises(ValueError, match="config fixes"):
        case[0](torch.zeros(1, 4, 4, CHANNELS))


def test_drop_path_keeps_the_expectation():
    torch.manual_seed(0)
    dropped = drop_path(torch.ones(4000, 2, 2, 1), 0.2)
    assert set(dropped.unique().tolist()) == {0.0, 1.25}
    assert (dropped.flatten(1).std(1) == 0).all()
    assert abs(dropped.mean().item() - 1.0) < 0.02


def test_drop_path_acts_in_training_only():
    torch.manual_seed(0)
    unit = StateSpaceUnit(CHANNELS, SS2D(CHANNELS, SIDE, state_size=2, expand=1), drop_path=0.5)
    x = torch.randn(16, SIDE, SIDE, CHANNELS)
    untouched = (unit(x) == x).flatten(1).all(1)
    assert 0 < untouched.sum() < 16
    assert not (unit.eval()(x) == x).flatten(1).all(1).any()
