"""Other people's methods in the benchmark harness: each marks what normals do not show, and where it is."""
from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from benchmarks import ablations
from benchmarks.assessed import HeldInMemory, carried, plain_config, scored
from benchmarks.comparators.intensity import Intensity
from benchmarks.comparators.padim import PaDiM
from benchmarks.comparators.patchcore import PatchCore, farthest_first
from benchmarks.comparators.prototypes import PositionPrototypes
from benchmarks.comparators.reverse_distillation import ReverseDistillation
from benchmarks.images import Images
from benchmarks.records import Records
from torch.nn import functional as F

from SPMambaLib.model.config import NetworkConfig, TeacherConfig
from SPMambaLib.model.network import SPMamba
from SPMambaLib.training.calibration_fit import NO_TERMS, calibration_of

SIDE = 64
CHANNELS = (4, 12, 24)
MAKERS = {
    "intensity": lambda: Intensity(),
    "padim": lambda: PaDiM(),
    "patchcore": lambda: PatchCore(memory=200),
    "prototypes": lambda: PositionPrototypes(per_cell=3),
    "whitened prototypes": lambda: PositionPrototypes(per_cell=3, space="whitened"),
    "fine prototypes": lambda: PositionPrototypes(per_cell=3, features="layers 2 and 3"),
    "reverse distillation": lambda: ReverseDistillation(steps=120),
}


def images(count: int, seed: int, strange: bool = False) -> Images:
    """Every place has features of its own, images differ a little; `strange` ones differ at the upper left."""
    places, random = torch.Generator().manual_seed(7), torch.Generator().manual_seed(seed)
    features = []
    for scale, channels in enumerate(CHANNELS):
        grid = SIDE // (4 << scale)
        own = torch.rand(1, channels, grid, grid, generator=places) + 0.1 * torch.rand(
            count, channels, grid, grid, generator=random)
        other = torch.rand(1, channels, 1, 1, generator=places)
        if strange:
            own[:, :, grid // 8:3 * grid // 8 + 1, grid // 8:3 * grid // 8 + 1] = other + 0.1 * torch.rand(
                count, channels, 1, 1, generator=random)
        features.append(own)
    pixels = 0.4 + 0.02 * torch.randn(count, 1, SIDE, SIDE, generator=random)
    if strange:
        pixels[:, :, 8:24, 8:24] += 0.4
    masks = torch.ones(count, SIDE, SIDE, dtype=torch.uint8)  # as the cache keeps them
    return Images(pixels, masks, None, ["p{}".format(n) for n in range(count)], features)


def inside_and_outside(maps: torch.Tensor) -> "tuple[float, float]":
    at_input = F.interpolate(maps.reshape(len(maps), 1, *maps.shape[-2:]), (SIDE, SIDE))[:, 0]
    outside = at_input.clone()
    outside[:, :32, :32] = 0
    return float(at_input[:, 8:24, 8:24].mean()), float(outside.sum() / (SIDE ** 2 - 32 ** 2) / len(maps))


@pytest.mark.parametrize("name", MAKERS)
def test_a_method_marks_what_is_strange_where_it_is(name):
    method = MAKERS[name]()
    method.fit(images(32, seed=1))
    with torch.no_grad():
        strange, normal = (inside_and_outside(method.map(images(4, seed=2, strange=kind))) for kind in (True, False))
    assert strange[0] > 1.25 * normal[0]
    assert strange[0] - normal[0] > 1.5 * (strange[1] - normal[1]), "as much elsewhere"


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "intensity"])
def test_what_the_normals_show_is_not_strange(name):
    """Control: fitted on the strange images themselves, a method does not mark them any more."""
    method = MAKERS[name]()
    method.fit(images(32, seed=1, strange=True))
    with torch.no_grad():
        strange, normal = (inside_and_outside(method.map(images(4, seed=2, strange=kind))) for kind in (True, False))
    assert strange[0] < normal[0]


def test_farthest_first_spreads():
    points = torch.tensor([[0.0, 0.0], [0.1, 0.0], [10.0, 0.0], [10.1, 0.0], [0.0, 7.0]])
    assert sorted(farthest_first(points, 3).tolist()) in ([0, 3, 4], [0, 2, 4])


@pytest.mark.parametrize("standard", ["whole", "place"])
def test_maps_go_through_the_librarys_own_judge(standard):
    """Held-out normals score 0 +- 1, strange images far above; the harness has no statistics of its own."""
    method = MAKERS["padim"]()
    method.fit(images(32, seed=1))
    held, test = images(48, seed=3), images(4, seed=2, strange=True)
    study = SimpleNamespace(recipe=SimpleNamespace(scoring=SimpleNamespace(summary="top5")))
    config = plain_config(study, standard)
    terms = [carried(method.map(group), standard) for group in (held, test)]
    calibrated = calibration_of(config, HeldInMemory(held, terms[0]), NO_TERMS, unit="image")
    normal, strange = (torch.cat([values["score"] for _, _, values in scored(
        calibrated.scale, calibrated.card, group, own)]) for group, own in zip((held, test), terms))
    assert abs(float(normal.mean())) < 1.0 and float(strange.min()) > float(normal.max()) + 3.0


def test_variants_of_the_decoder_differ():
    """Scan order, no scan, no branch: not one of them computes what another does."""
    config = NetworkConfig(input_size=256, teacher=TeacherConfig("features only", (1, 1, 1), CHANNELS),
                           fusion_channels=(8, 16), neck_blocks=1, decoder_channels=(16, 12, 8),
                           decoder_depths=(1, 2, 2), state_size=4, expand=1, prototypes_per_cell=1)
    outputs = {}
    for name, change in ablations.TRAINING.items():
        torch.manual_seed(0)
        network = SPMamba(NetworkConfig.from_dict({**config.to_dict(), **change.get("network", {})}))
        change.get("prepare", lambda network: None)(network)
        random = torch.Generator().manual_seed(1)
        features = [torch.rand(1, c, 64 >> n, 64 >> n, generator=random) for n, c in enumerate(CHANNELS)]
        with torch.no_grad():
            outputs[name] = network.eval().decode(features).reconstructions[0]
    same = {name for name, change in ablations.TRAINING.items() if not {"network", "prepare"} & set(change)}
    reference = outputs.pop(ablations.BASE)
    for name, output in outputs.items():
        assert torch.equal(output, reference) == (name in same), name


def test_an_interrupted_study_goes_on(tmp_path):
    path, made = tmp_path / "rows.jsonl", []
    for _ in range(2):
        records = Records(path, command="x")
        for seed in (0, 1):
            records.once({"method": "m", "seed": seed}, lambda seed=seed: made.append(seed) or {"value": seed})
    assert made == [0, 1]
    path.write_text(path.read_text()[:-20])  # killed while it wrote the second row
    Records(path, command="x").once({"method": "m", "seed": 1}, lambda: made.append(2) or {"value": np.pi})
    assert made == [0, 1, 2] and json.loads(path.read_text().splitlines()[0])["value"] == 0
