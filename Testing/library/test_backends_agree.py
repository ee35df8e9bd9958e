"""Whole networks give the same answer whatever computes the scan, and the same as in their authors' layout."""
from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import oracles
import pytest
import torch

from SPMambaLib.bench.sequential import sequential_form
from SPMambaLib.model import ss2d
from SPMambaLib.model.config import PRESETS
from SPMambaLib.model.network import SPMamba
from SPMambaLib.scan import available_backends, using
from SPMambaLib.scoring.maps import AnomalyScale, ScoringConfig
from SPMambaLib.scoring.slices import score_maps
from SPMambaLib.scoring.terms import network_terms

DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
FAST = [(name, device) for device in DEVICES for name in available_backends(device) if name != "reference"]


@cache
def network(preset):
    """A network whose scans matter: at initialisation they are a thousandth of the output."""
    torch.manual_seed(3)
    made = SPMamba(PRESETS[preset]).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "x_proj" in name:
                parameter.copy_(torch.randn_like(parameter))
            elif name.endswith(("A_log", "dt_bias", ".D")):
                parameter.add_(0.5 * torch.randn_like(parameter))
    return made


@cache
def picture(size=256):
    return torch.rand(1, 1, size, size, generator=torch.Generator().manual_seed(1))


def anomaly_map(made, device="cpu"):
    with torch.inference_mode():
        terms = network_terms(made.to(device), picture().to(device), ScoringConfig())
        fused, _ = score_maps(AnomalyScale(ScoringConfig()), {name: term.cpu() for name, term in terms.items()}, None,
                              torch.ones(1, 256, 256))
    made.to("cpu")
    return fused


def share_of_range(found, right):
    return float((found - right).abs().max() / (right.max() - right.min()))


@cache
def sequential_map(preset):
    return anomaly_map(sequential_form(network(preset)))


@pytest.mark.parametrize("name, device", FAST)
def test_maps_agree_with_the_authors_layout(name, device):
    with using(name):
        assert share_of_range(anomaly_map(network("compact"), device), sequential_map("compact")) < 1e-4


@pytest.mark.parametrize("name, device", FAST)
def test_maps_of_the_paper_network_agree(name, device):
    with using("torch"):  # whose agreement with the authors' layout `spmamba bench detect` records
        right = anomaly_map(network("paper"))
    with using(name):
        assert share_of_range(anomaly_map(network("paper"), device), right) < 1e-4


def test_maps_agree_with_the_reference_backend():
    with using("reference"):
        assert share_of_range(anomaly_map(network("compact")), sequential_map("compact")) < 1e-4


@pytest.mark.parametrize("fault", ["no scan", "raster order"])
def test_the_comparison_sees_a_wrong_scan(monkeypatch, fault):
    made = network("compact")
    original = ss2d.selective_scan

    def wrong(u, dt, A, B, C, D, order, **options):
        if fault == "no scan":
            return torch.zeros_like(u)
        raster = torch.arange(order.shape[1])
        return original(u, dt, A, B, C, D, torch.stack([raster, raster.flip(0)] * (len(order) // 2)), **options)

    monkeypatch.setattr(ss2d, "selective_scan", wrong)
    assert share_of_range(anomaly_map(made), sequential_map("compact")) > 1e-3


def test_channels_last_weights_change_nothing():
    made = network("compact")
    last = sequential_map("compact")
    assert share_of_range(anomaly_map(made.to(memory_format=torch.channels_last)), last) < 1e-4
    made.to(memory_format=torch.contiguous_format)


@pytest.mark.parametrize("match", ["features", "prototypes"])
def test_the_sequential_prototypes_are_the_oracles(match):
    torch.manual_seed(0)
    config = dataclasses.replace(PRESETS["compact"], input_size=128, scan_order="hilbert", prototype_match=match,
                                 prototypes_per_cell=2)
    made = SPMamba(config).eval()
    features = torch.randn(1, config.prototype_channels, config.prototype_grid, config.prototype_grid)
    with torch.no_grad():
        found = sequential_form(made).prototypes.distances(features)
    right = oracles.prototype_distance(made.prototypes.vectors[0].detach().double().numpy(),
                                       features[0].double().numpy(), config.prototype_window, match)
    assert np.abs(found[0, 0].numpy() - right).max() < 1e-6
