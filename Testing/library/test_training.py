"""From normal images to a model, step by step: each step does what it is for, again and again the same."""
from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import SimpleITK as sitk
import tiny
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from SPMambaLib import bundle
from SPMambaLib.cli import main
from SPMambaLib.data.samples import Sample, split_by_patient
from SPMambaLib.errors import UnreadableFileError, UsageError
from SPMambaLib.model.teacher import to_teacher_input
from SPMambaLib.preprocessing.prepare import Preprocessing, prepare
from SPMambaLib.scoring.halves import halves_by_patient
from SPMambaLib.scoring.maps import ScoringConfig
from SPMambaLib.training import fit
from SPMambaLib.training.adapt import adapt_teacher, cosine_distance, degrade
from SPMambaLib.training.assemble import adapt_for, assemble, recalibrate, round_weights, settle_teacher, with_copies
from SPMambaLib.training.augment import Augmentation, augment
from SPMambaLib.training.calibration_fit import NO_TERMS
from SPMambaLib.training.data import load_slices, read_manifest
from SPMambaLib.training.fit import Normals, cache_features, calibrate, fit_prototypes, fit_scale, raw_terms, unfitted
from SPMambaLib.training.recipes import RECIPES
from SPMambaLib.training.train import TrainingConfig, reconstruction_loss, train_decoder


def quiet(fraction, text):
    """A progress that nobody watches."""


def brain_normals(patients=range(6), height_bins=(0.3, 0.6)) -> Normals:
    slices = np.stack([tiny.head(slice_height, patient) for patient in patients for slice_height in height_bins])
    prepared = prepare(slices, (1.0, 1.0), tiny.TINY_RECIPES["tiny-brain"].preprocessing)
    return Normals(prepared.pixels, prepared.input_masks, torch.tensor(list(height_bins) * len(patients)),
                   [str(patient) for patient in patients for _ in height_bins])


# -- data ------------------------------------------------------------------------------------------------------------

def manifest(folder, text, *pictures):
    for name in pictures:
        sitk.WriteImage(sitk.GetImageFromArray(np.eye(32, dtype=np.uint8) * 200), str(folder / name))
    (folder / "manifest.csv").write_text(text, encoding="utf-8")
    return folder / "manifest.csv"


def test_a_manifest_is_read(tmp_path):
    path = manifest(tmp_path, "path,split,label,patient,note,mask_path\na.png,train,normal,p1,slice 7/23,\n"
                              "b.png,train,normal,,,m.png\nc.jpg,train,normal,p3,,\n", "a.png", "b.png")
    first, second = read_manifest(path, "*.png")
    assert first == Sample(tmp_path / "a.png", "normal", "p1", pytest.approx(6 / 22), split="train", name="a.png")
    assert second == Sample(tmp_path / "b.png", "normal", "b", None, tmp_path / "m.png", "train", name="b.png")


@pytest.mark.parametrize("text, error", [
    ("path,label\nmissing.png,normal\n", UnreadableFileError), ("path,label\n", UsageError), ("", UnreadableFileError),
    ("file,label\na.png,normal\n", UnreadableFileError), ("path\na.png\n", UnreadableFileError)])
def test_a_manifest_with_faults(tmp_path, text, error):
    with pytest.raises(error):
        read_manifest(manifest(tmp_path, text, "a.png"), "*.png")


def test_a_missing_manifest(tmp_path):
    with pytest.raises(UnreadableFileError):
        read_manifest(tmp_path / "none.csv", "*")


def test_a_patient_is_never_split():
    random = np.random.default_rng(0)
    samples = [Sample(tiny.Path("{}.png".format(n)), "normal", "p{}".format(random.integers(30)), None)
               for n in range(200)]
    for seed in range(5):
        seen, held = split_by_patient(samples, 0.2, seed)
        assert sorted(seen + held) == list(range(200))
        assert not {samples[n].patient for n in seen} & {samples[n].patient for n in held}
        assert 0.2 * 200 <= len(held) <= 0.2 * 200 + 20
        assert (seen, held) == split_by_patient(samples, 0.2, seed)
    assert split_by_patient(samples, 0.2, 0) != split_by_patient(samples, 0.2, 1)


def test_pictures_are_prepared_as_in_detection():
    samples = read_manifest(tiny.workshop() / "manifest.csv", "brain/p00_*")
    preprocessing = tiny.TINY_RECIPES["tiny-brain"].preprocessing
    same, pixels, masks = load_slices(samples, preprocessing, "axial")
    assert same == samples
    assert [s.slice_height for s in samples] == pytest.approx(np.linspace(0, 1, tiny.SLICES))
    for n in (0, 3):
        picture = sitk.GetArrayFromImage(sitk.ReadImage(str(samples[n].path))).astype(np.float32)
        expected = prepare(picture[None], (1.0, 1.0), preprocessing)
        assert torch.equal(pixels[n], expected.pixels[0]) and torch.equal(masks[n], expected.input_masks[0])
    normals = with_copies(samples, pixels, masks, tiny.TINY_RECIPES["tiny-brain"], preprocessing)
    assert len(normals) == 2 * len(samples) and normals.patients == ["p0"] * 16
    assert torch.equal(normals.pixels[:8], pixels) and not torch.equal(normals.pixels[8:], pixels)


# -- augmentation ----------------------------------------------------------------------------------------------------

def test_augmentation_is_seeded_small_and_moves_mask_and_image_together():
    normals = brain_normals()
    little = Augmentation(noise=0.0, flip=True)
    varied, moved = augment(normals.pixels, normals.masks, little, seed=3)
    again, other = (augment(normals.pixels, normals.masks, little, seed=seed)[0] for seed in (3, 4))
    assert torch.equal(varied, again) and not torch.equal(varied, other)
    assert varied.min() >= 0 and varied.max() <= 1
    only_moved = Augmentation(gamma=0.0, contrast=0.0, noise=0.0)
    shape, same_shape = augment(normals.masks[:, None], normals.masks, only_moved, seed=3)
    assert ((shape[:, 0] > 0.5).float() - same_shape).abs().mean() < 0.01
    for mask, original in zip(moved, normals.masks):
        assert 0.7 < mask.sum() / original.sum() < 1.4
        assert not torch.equal(mask, original)
    still = Augmentation(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    unchanged, same = augment(normals.pixels, normals.masks, still, seed=0)
    assert torch.allclose(unchanged.clamp(1e-4), normals.pixels.clamp(1e-4), atol=1e-4)
    assert torch.equal(same, normals.masks)


# -- teacher ---------------------------------------------------------------------------------------------------------

def test_degradation_is_seeded_and_stays_an_image():
    pixels = brain_normals().pixels
    one, two, three = (degrade(pixels, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, three)
    assert one.shape == pixels.shape and one.min() >= 0 and one.max() <= 1
    assert (one - pixels).abs().mean() > 0.01


def test_adaptation_makes_features_blind_to_the_scanner():
    pixels = brain_normals(range(12)).pixels
    original, teacher, twin = (tiny.lively_teacher() for _ in range(3))
    unseen = brain_normals(range(40, 46)).pixels
    degraded = degrade(unseen, torch.Generator().manual_seed(9))

    def distance(network) -> float:
        with torch.no_grad():
            pairs = zip(network(to_teacher_input(degraded)), original(to_teacher_input(unseen)))
            return float(sum(cosine_distance(a, b).mean() for a, b in pairs))

    before = distance(teacher)
    losses = adapt_teacher(teacher, original, pixels, steps=40, batch=4, learning_rate=3e-4)
    assert distance(teacher) < 0.9 * before
    assert len(losses) == 40 and np.mean(losses[-6:]) < np.mean(losses[:6])
    assert not any(p.requires_grad for p in teacher.parameters())
    short = [adapt_teacher(twin, original, pixels, steps=3, batch=2, seed=seed) for seed in (1, 1, 2)]
    assert short[0] != short[1], "the teacher did not change between the runs"


@pytest.mark.parametrize("steps", [1, 2, 10, 11])
def test_any_number_of_steps_will_do(steps):
    network, seen = tiny.network(), brain_normals(range(2))
    features = cache_features(network, seen.pixels, quiet)
    assert len(train_decoder(network, features, TrainingConfig(steps=steps, batch=1))) == steps


# -- prototypes ------------------------------------------------------------------------------------------------------

def mean_distance(network, features) -> float:
    with torch.no_grad():
        return float(network.prototypes.distances(features.float()).amin(dim=1).mean())


def test_prototypes_lie_among_the_normals():
    network, seen = tiny.network(prototype_window=1), brain_normals(range(10))
    features = cache_features(network, seen.pixels, quiet)[2]
    random = mean_distance(network, features)
    drawn = fit_prototypes(network, features, seen.slice_height, iterations=0)
    fitted = fit_prototypes(network, features, seen.slice_height, iterations=20)
    assert fitted < drawn, "k-means is not better than images drawn at random"
    assert mean_distance(network, features) <= fitted + 1e-5 < 0.2 * random
    vectors = network.prototypes.vectors.clone()
    fit_prototypes(network, features, seen.slice_height, iterations=20)
    assert torch.equal(network.prototypes.vectors, vectors), "not seeded"
    assert torch.allclose(vectors.norm(dim=-1), torch.ones(vectors.shape[:3]), atol=1e-4)


def test_clusters_are_found():
    """Three well separated directions, four centres: every direction gets one."""
    network = tiny.network(prototype_height_bins=1, prototype_window=1)
    grid, channels = network.prototypes.grid, tiny.TEACHER.channels[2]
    generator = torch.Generator().manual_seed(0)
    directions = F.normalize(torch.randn(3, channels, generator=generator), dim=1)
    features = directions[torch.arange(60) % 3][:, :, None, None].expand(-1, -1, grid, grid)
    features = features + 0.01 * torch.randn(features.shape, generator=generator)
    assert fit_prototypes(network, features, None) < 0.01
    nearest = (network.prototypes.vectors[0] @ directions.T).amax(dim=1)
    assert (nearest > 0.99).all()


def test_every_level_has_its_own_prototypes():
    network, seen = tiny.network(prototype_window=1), brain_normals(range(10), height_bins=(0.1, 0.9))
    features = cache_features(network, seen.pixels, quiet)[2]
    fit_prototypes(network, features, seen.slice_height)
    low, high = network.prototypes.distances(features.float()).mean(dim=(2, 3)).detach().T
    assert (low < high).tolist() == (seen.slice_height < 0.5).tolist()
    fit_prototypes(network, features, None)
    low, high = network.prototypes.distances(features.float()).mean(dim=(2, 3)).detach().T
    assert (low - high).abs().max() < 0.02, "without heights both know everything"


def test_a_level_without_images_is_refused_in_words():
    network, seen = tiny.network(), brain_normals(range(3), height_bins=(0.02, 0.1))
    features = cache_features(network, seen.pixels, quiet)[2]
    with pytest.raises(UsageError, match="height 2 of 2"):
        fit_prototypes(network, features, seen.slice_height)


def test_more_centres_than_images():
    network, seen = tiny.network(prototype_height_bins=1), brain_normals(range(1))
    fit_prototypes(network, cache_features(network, seen.pixels, quiet)[2], seen.slice_height)
    assert torch.isfinite(network.prototypes.vectors).all()


# -- decoder ---------------------------------------------------------------------------------------------------------

def test_training_reduces_the_loss_and_is_seeded():
    seen = brain_normals()
    runs = []
    for seed in (0, 0, 1):
        network = tiny.network()
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        features = cache_features(network, seen.pixels, quiet)
        losses = train_decoder(network, features, TrainingConfig(steps=15, batch=2, seed=seed))
        runs.append((losses, network.state_dict()))
        for name, tensor in network.state_dict().items():
            frozen = name.startswith(("teacher", "prototypes"))
            assert not frozen or torch.equal(tensor, before[name]), "{} was trained".format(name)
        assert not network.training
    (first, weights), (second, same), (third, _) = runs
    assert np.mean(first[-5:]) < 0.75 * np.mean(first[:3])
    assert first == second and all(torch.equal(weights[name], same[name]) for name in weights)
    assert first != third


def test_losses():
    a, b = torch.randn(2, 5, 4, 4), torch.randn(2, 5, 4, 4)
    cosine = 1 - F.cosine_similarity(a, b, dim=1).mean()
    assert reconstruction_loss([a, a], [b, a], "cosine").item() == pytest.approx(cosine.item(), abs=1e-6)
    assert reconstruction_loss([a, b], [b, b], "mse").item() == pytest.approx(((a - b) ** 2).mean().item(), rel=1e-6)


def test_rounding_twice_changes_nothing():
    network = tiny.network()
    fresh = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    round_weights(network)
    once = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    round_weights(network)
    assert all(torch.equal(tensor, once[name]) for name, tensor in network.state_dict().items())
    for part in ("teacher.layer3.0.conv2.weight", "prototypes.vectors"):
        assert not torch.equal(fresh[part], once[part])


# -- calibration -----------------------------------------------------------------------------------------------------

def simulated(monkeypatch, n=240, seed=0):
    """Held-out normals whose raw terms are drawn, two images of each patient, strong differences between patients."""
    random = torch.Generator().manual_seed(seed)
    own = torch.randn(n // 2, 8, 8, generator=random).repeat_interleave(2, dim=0)
    drawn = {name: (own + 0.3 * torch.randn(n, 8, 8, generator=random)) for name in ("residual", "prototype")}
    monkeypatch.setattr(fit, "raw_terms", lambda *_: drawn)
    held = Normals(torch.zeros(n, 1, 8, 8), torch.ones(n, 8, 8), None, [str(i // 2) for i in range(n)])
    return held, drawn


def test_a_map_of_normals_has_mean_zero_and_spread_one(monkeypatch):
    held, drawn = simulated(monkeypatch)
    config = ScoringConfig(grid=8)
    scale, card = calibrate(tiny.network(), config, held, held, unit="slice", progress=quiet)
    fused = scale.fuse(scale.standardise(drawn, held.masks))
    assert float(fused.mean()) == pytest.approx(0.0, abs=0.05) and float(fused.std()) == pytest.approx(1.0, abs=0.1)
    assert (card["normals"], card["patients"], card["map"]["unit"]) == (120, 60, "slice"), "copies are not counted"
    assert set(card["components"]) == {"score", "residual", "prototype", "contrast", "concentration"}
    assert all(np.isfinite(v).all() and v[1] > 0 for v in map(np.array, card["components"].values()))


def test_thresholds_are_cross_fitted_by_patient(monkeypatch):
    """With few normals a table fits its own scans too well: judged by the other half, their peaks are higher."""
    held, drawn = simulated(monkeypatch, n=40)
    config = ScoringConfig(grid=8)
    _, honest = calibrate(tiny.network(), config, held, held, unit="slice", progress=quiet)
    halves = halves_by_patient(held.patients)
    assert halves.sum() == 20 and (halves[::2] == halves[1::2]).all(), "a patient is in both halves"

    whole = fit_scale(config, drawn, None, held.masks, NO_TERMS)
    own = whole.fuse(whole.standardise(drawn, held.masks))
    own = (own - own.mean()) / own.std()
    tail = np.quantile(own.flatten(1).amax(dim=1).numpy(), 0.9)
    assert honest["map"]["thresholds"][honest["map"]["rates"].index(0.1)] > 1.03 * tail

    fresh = torch.Generator().manual_seed(7)
    new = {name: 1.044 * torch.randn(2000, 8, 8, generator=fresh) for name in drawn}
    scale, _ = calibrate(tiny.network(), config, held, held, unit="slice", progress=quiet)
    peaks = scale.fuse(scale.standardise(new, torch.ones(2000, 8, 8))).flatten(1).amax(dim=1)
    reached = float((peaks >= honest["map"]["thresholds"][honest["map"]["rates"].index(0.1)]).float().mean())
    assert reached < 0.25, "the promised rate of 0.1 is far from kept"


def test_one_patient_cannot_judge_itself(monkeypatch):
    held, _ = simulated(monkeypatch, n=40)
    alone = replace(held, patients=["one"] * 40)
    with pytest.raises(UsageError, match="two patients"):
        calibrate(tiny.network(), ScoringConfig(grid=8), alone, held, unit="slice", progress=quiet)


@pytest.mark.parametrize("pooled", [(), ("mirror", "intensity")])
def test_statistics_of_what_is_not_fitted_hear_the_training_images_too(pooled):
    network, held, seen = tiny.network(), brain_normals(range(3)), brain_normals(range(10, 18))
    network.teacher.load_state_dict(tiny.lively_teacher().state_dict())
    terms = ("residual", "mirror", "intensity")
    config = ScoringConfig(terms=terms, weights=(1.0,) * 3, grid=16, height_bins=2, pooled=pooled, mirror_scales=2)
    raw = raw_terms(network, config, held, quiet)
    assert raw["residual"].shape == (6, tiny.SIZE, tiny.SIZE)
    scale, alone, own = (fit_scale(config, raw, held.slice_height, held.masks, others) for others in (
        unfitted(network, config, seen), NO_TERMS, unfitted(network, config, held)))
    for name in terms:
        mean, of_held, twice = (s.statistics(name)[0] for s in (scale, alone, own))
        assert torch.allclose(of_held, twice, atol=1e-5), "the same images twice change nothing"
        assert torch.equal(mean, of_held) == (name == "residual")
        assert name == "residual" or not torch.allclose(mean, of_held, rtol=1e-4, atol=0)


# -- the whole -------------------------------------------------------------------------------------------------------

def test_the_card_tells_what_was_done():
    card = bundle.read_card(tiny.bundle_folder("tiny-brain"))
    assert card["training"]["images"] + card["training"]["held_out_images"] == tiny.PATIENTS * tiny.SLICES
    assert 20 <= card["calibration"]["normals"] <= card["training"]["held_out_images"], "without varied copies"
    assert card["scoring"]["height_bins"] == 2 and card["network"]["prototype_height_bins"] == 2
    assert Preprocessing.from_dict(card["preprocessing"], {}).crop == "foreground"


def test_the_same_seeds_make_the_same_model(tmp_path):
    first = tiny.bundle_folder("tiny-chest")
    torch.manual_seed(12345)  # whatever was drawn before in this process
    again = tiny.make_bundle("tiny-chest", tmp_path / "again")
    assert (again / bundle.WEIGHTS).read_bytes() == (first / bundle.WEIGHTS).read_bytes()
    assert bundle.read_card(again)["calibration"] == bundle.read_card(first)["calibration"]


def settle(network, imagenet=None, teacher=None):
    settle_teacher(network, tiny.TINY_RECIPES["tiny-brain"], brain_normals(range(2)), imagenet, teacher, quiet)


def test_a_teacher_is_needed_and_must_be_one(tmp_path):
    with pytest.raises(UsageError, match="teacher is needed"):
        settle(tiny.network())
    text, other = tmp_path / "text", tmp_path / "other.safetensors"
    text.write_text("not weights")
    save_file({"conv1.weight": torch.zeros(3)}, str(other))
    np.savez(tmp_path / "other.npz", fc=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    for wrong in (tmp_path / "none", tmp_path, text, other):
        with pytest.raises(UnreadableFileError):
            settle(tiny.network(), teacher=wrong)
    for wrong in (tmp_path / "none", tmp_path, text, tmp_path / "other.npz", tmp_path / "array.npy"):
        with pytest.raises(UnreadableFileError):
            settle(tiny.network(), imagenet=wrong)
    network = tiny.network(seed=3)
    settle(network, teacher=tiny.workshop() / "teacher.safetensors")
    expected = tiny.network()
    expected.teacher.load_state_dict(load_file(str(tiny.workshop() / "teacher.safetensors")))
    round_weights(expected)
    assert torch.equal(network.teacher.conv1.weight, expected.teacher.conv1.weight)


@pytest.mark.parametrize("make", [
    lambda name, folder: assemble(name, folder / "none.csv", folder / "out", teacher=folder / "none"),
    lambda name, folder: adapt_for(["brain-flair", name], folder / "none.csv", folder / "none", folder / "out")])
def test_what_is_wrong_is_said_before_any_image_is_read(tmp_path, make):
    with pytest.raises(UsageError, match="brain-flair, chest-xray"):
        make("brain", tmp_path)
    with pytest.raises(UnreadableFileError, match="weights"):
        make("chest-xray", tmp_path)


def test_the_command_line_says_so_too(tmp_path, capsys):
    arguments = ["--manifest", str(tmp_path / "none.csv"), "--output", str(tmp_path / "out")]
    assert main(["train", "brain", "--teacher", str(tmp_path / "t"), *arguments]) == UsageError.exit_code
    assert "chest-xray" in capsys.readouterr().err
    assert main(["train", "brain-flair", "--teacher", str(tmp_path / "t"), *arguments]) == UnreadableFileError.exit_code
    assert str(tmp_path / "t") in capsys.readouterr().err


def test_recalibration_keeps_the_network_and_follows_the_recipe(tmp_path):
    source, manifest = tiny.bundle_folder("tiny-brain"), tiny.workshop() / "manifest.csv"
    former = bundle.read_card(source)
    with mock.patch.dict(RECIPES, tiny.TINY_RECIPES):
        same = recalibrate(source, manifest, tmp_path / "same")
    assert same["files"] == former["files"] and same["calibration"] == former["calibration"]  # bit for bit
    recipe = tiny.TINY_RECIPES["tiny-brain"]
    other = replace(recipe, scoring=replace(recipe.scoring, weights=(2.0,) + recipe.scoring.weights[1:]))
    with mock.patch.dict(RECIPES, {"tiny-brain": other}):
        changed = recalibrate(source, manifest, tmp_path / "changed")
    assert changed["calibration"]["map"] != former["calibration"]["map"]
    kept, found = (bundle.load(folder)[1] for folder in (source, tmp_path / "changed"))
    assert all(torch.equal(kept[name], found[name]) for name in kept if not name.startswith("scale."))


def test_recalibration_needs_a_recipe_of_that_name(tmp_path):
    with pytest.raises(UsageError, match="tiny-brain"):
        recalibrate(tiny.bundle_folder("tiny-brain"), tmp_path / "none.csv", tmp_path / "out")
