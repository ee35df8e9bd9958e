from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from SPMambaLib.model.config import PRESETS, NetworkConfig, TeacherConfig, units_per_block
from SPMambaLib.model.decoder import Block, drop_path_rates
from SPMambaLib.model.network import SPMamba

TINY = NetworkConfig(
    input_size=64,
    teacher=TeacherConfig(name="resnet18", blocks=(1, 1, 1), channels=(8, 12, 16)),
    fusion_channels=(8, 12), neck_blocks=2, decoder_channels=(16, 16, 8), decoder_depths=(1, 2, 3),
    state_size=2, expand=1, scan_order="hilbert", prototypes_per_cell=2, prototype_height_bins=2,
)


def build(config=TINY, **changes):
    torch.manual_seed(0)
    return SPMamba(dataclasses.replace(config, **changes))


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    config = PRESETS[name]
    assert NetworkConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_paper_preset_has_the_papers_numbers():
    config = PRESETS["paper"]
    assert config.teacher == TeacherConfig("resnet34", (3, 4, 6), (64, 128, 256))
    assert config.input_size == 256
    assert (config.decoder_channels, config.decoder_depths) == ((512, 256, 128, 64), (3, 4, 6, 3))
    assert (config.state_size, config.expand, config.directions, config.drop_path) == (16, 2, 8, 0.2)
    assert (config.prototypes_per_cell, config.prototype_window, config.prototype_grid) == (5, 3, 8)
    assert (config.scan_order, config.prototype_features, config.prototype_match) == (
        "circular-hilbert", "neck", "features")


@pytest.mark.parametrize("values, message", [
    ({"colour": 1}, "unknown NetworkConfig field.*colour"),
    ({"teacher": {"depth": 3}}, "unknown TeacherConfig field.*depth"),
    ({"teacher": {"blocks": [1, 2]}}, "three stages"),
    ({"input_size": 250}, "multiple of 32"),
    ({"decoder_depths": [3, 4]}, "differ in length"),
    ({"decoder_channels": [64], "decoder_depths": [3]}, "two to four stages"),
    ({"decoder_depths": [3, 5, 6, 3]}, "depth 5"),
    ({"decoder_channels": [30, 16, 16, 16]}, "divisible by 4"),
    ({"directions": 5}, "directions"),
    ({"drop_path": 1.0}, "drop_path"),
    ({"branch_kernels": [4]}, "odd"),
    ({"prototype_window": 2}, "odd"),
    ({"prototype_features": "decoder"}, "'neck' or 'teacher'"),
    ({"prototype_match": "nothing"}, "'features' or 'prototypes'"),
    ({"prototype_height_bins": 0}, "positive"),
    ({"prototype_scales": 2}, "1 to 3 of the teacher"),  # the neck has one
    ({"prototype_features": "teacher", "prototype_scales": 4}, "1 to 3 of the teacher"),
])
def test_bad_configs_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        NetworkConfig.from_dict(values)


@pytest.mark.parametrize("depth, units", [(1, 1), (2, 2), (3, 3), (4, 2), (6, 3), (8, 2), (9, 3)])
def test_depth_rule(depth, units):
    assert units_per_block(depth) == units


def test_the_paper_network_has_the_papers_size_and_shapes():
    network = build(PRESETS["paper"]).eval()
    published = {"teacher": 8.17, "neck": 1.46, "decoder": 16.0, "prototypes": 0.164}
    millions = {part: count(getattr(network, part)) / 1e6 for part in published}
    assert millions == pytest.approx(published, rel=0.005)
    blocks = [[len(block.units) for block in stage] for stage in network.decoder.stages]
    assert blocks == [[3], [2, 2], [3, 3], [3]]

    with torch.no_grad():
        output = network(torch.randn(1, 3, 256, 256))
    assert [tuple(f.shape) for f in output.features] == [(1, 64, 64, 64), (1, 128, 32, 32), (1, 256, 16, 16)]
    assert [r.shape for r in output.reconstructions] == [f.shape for f in output.features]
    assert output.prototype_distances.shape == (1, 1, 8, 8)


def test_the_compact_network_is_small():
    network = build(PRESETS["compact"]).eval()
    assert count(network.neck) + count(network.decoder) < 1e6
    with torch.no_grad():
        output = network(torch.randn(1, 3, 256, 256))
    assert [tuple(f.shape) for f in output.features] == [(1, 128, 32, 32), (1, 256, 16, 16)]
    assert [r.shape for r in output.reconstructions] == [f.shape for f in output.features]
    assert output.prototype_distances.shape == (1, 1, 16, 16)


def test_drop_path_falls_linearly_from_the_deepest_stage():
    rates = drop_path_rates(PRESETS["paper"])
    assert [len(stage) for stage in rates] == [3, 4, 6, 3]
    flat = torch.tensor([rate for stage in rates for rate in stage])
    assert torch.allclose(flat, torch.linspace(0.2, 0.0, 16))
    network = build(drop_path=0.3)
    blocks = [module for module in network.modules() if isinstance(module, Block)]
    built = [unit.drop_path for block in blocks for unit in block.units]
    assert built == pytest.approx([0.3, 0.24, 0.18, 0.12, 0.06, 0.0])


def test_a_block_adds_the_fused_branches_to_its_input():
    block = build().decoder.stages[2][0].eval()
    x = torch.randn(2, 8, 8, 8)
    image = x.permute(0, 3, 1, 2)
    branches = [block.units[2](block.units[1](block.units[0](x)))]
    for kernel in (5, 7):
        branch = block.branches[len(branches) - 1]
        y = image
        for conv in (branch[0], branch[3], branch[6]):
            y = conv(y)
            y = y - y.mean((2, 3), keepdim=True)
            y = torch.nn.functional.silu(y / torch.sqrt(y.square().mean((2, 3), keepdim=True) + 1e-5))
        assert branch[3].kernel_size == (kernel, kernel)
        branches.append(y.permute(0, 2, 3, 1))
    assert torch.allclose(block(x), x + block.fuse(torch.cat(branches, dim=-1)), atol=1e-5)


@pytest.mark.parametrize("stages, scales", [(2, (2,)), (3, (1, 2)), (4, (0, 1, 2))])
def test_each_stage_after_the_first_matches_one_scale(stages, scales):
    network = build(decoder_channels=(16, 16, 8, 8)[:stages], decoder_depths=(1,) * stages).eval()
    assert network.config.matched_scales == scales
    maps = network.encode(torch.randn(2, 3, 64, 64))
    output = network.decode(maps)
    assert all(kept is maps[scale] for kept, scale in zip(output.features, scales))
    assert [r.shape for r in output.reconstructions] == [maps[scale].shape for scale in scales]


@pytest.mark.parametrize("source, grid", [("neck", 2), ("teacher", 4)])
def test_prototypes_sit_on_the_configured_features(source, grid):
    network = build(prototype_features=source).eval()
    maps = network.encode(torch.randn(2, 3, 64, 64))
    output = network.decode(maps)
    positioned = network.neck(maps) if source == "neck" else maps[2]
    assert output.prototype_distances.shape == (2, 2, grid, grid)
    assert torch.equal(output.prototype_distances, network.prototypes.distances(positioned))


def test_cached_features_give_the_same_output():
    network = build().eval()
    images = torch.randn(3, 3, 64, 64)
    direct, cached = network(images), network.decode(network.encode(images))
    for one, other in zip([*direct[0], *direct[1], direct[2]], [*cached[0], *cached[1], cached[2]]):
        assert torch.equal(one, other)


def test_images_of_a_batch_do_not_influence_each_other():
    network = build().eval()
    images = torch.randn(3, 3, 64, 64)
    together, alone = network(images), network(images[1:2])
    for batch, single in zip([*together[1], together[2]], [*alone[1], alone[2]]):
        assert torch.allclose(batch[1:2], single, atol=1e-4)  # how sums are cut up differs with the number of images


def test_the_teacher_stays_frozen_and_everything_else_learns():
    network = build().train()
    assert network.training
    assert not network.teacher.training
    output = network(torch.randn(2, 3, 64, 64))
    assert not any(feature.requires_grad for feature in output.features)
    residual = sum((f - r).square().mean() for f, r in zip(output.features, output.reconstructions))
    (residual + output.prototype_distances.mean()).backward()
    still = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    assert still == {"teacher." + name for name, _ in network.teacher.named_parameters()}


def test_a_few_steps_lower_the_loss():
    network = build(drop_path=0.0).train()
    maps = network.encode(torch.randn(4, 3, 64, 64))
    optimizer = torch.optim.AdamW(network.parameter_groups(1e-4), lr=5e-3)
    losses = []
    for _ in range(15):
        output = network.decode(maps)
        loss = sum((f - r).square().mean() for f, r in zip(output.features, output.reconstructions))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_weight_decay_spares_the_scan_parameters_biases_and_norms():
    network = build()
    decayed, spared = network.parameter_groups(1e-4)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (1e-4, 0.0)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    with_decay, without = ({names[id(p)] for p in group["params"]} for group in (decayed, spared))
    assert {name.rsplit(".", 1)[-1] for name in with_decay} == {"weight", "dt_weight", "vectors"}
    assert {name.rsplit(".", 1)[-1] for name in without} == {"A_log", "D", "dt_bias", "bias", "weight"}
    assert not any(".norm." in name for name in with_decay)
    assert with_decay | without == {name for name, p in network.named_parameters() if p.requires_grad}


def test_wrong_image_size_is_refused():
    with pytest.raises(ValueError, match=r"\(B, 3, 64, 64\)"):
        build()(torch.zeros(1, 3, 96, 96))
