"""The input check: what it measures, how its ranges are set, what it refuses, and that it says why."""
from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tiny
import torch

from SPMambaLib import bundle
from SPMambaLib.cli import main
from SPMambaLib.detector import load_model
from SPMambaLib.errors import InputCheckError, ModelDamagedError
from SPMambaLib.input_check import fit as input_check_fit
from SPMambaLib.input_check import record
from SPMambaLib.input_check.fit import Looks, fit_input_check, gaussian, limits_of
from SPMambaLib.input_check.record import Limits, read
from SPMambaLib.input_check.statistics import SIDE, InputCheck, plain_statistics, pose_statistics, reduced
from SPMambaLib.io.image import Image, read_image, write_image


def changed(image: Image, voxels: np.ndarray) -> Image:
    return Image(voxels.astype(np.float32), image.ijk_to_ras, dict(image.facts), image.kind)


# -- statistics ------------------------------------------------------------------------------------------------------

def test_noise_is_measured_in_pixel_values():
    smooth = (torch.arange(128.0) / 256 + 0.2).expand(2, 1, 128, 128)
    random = torch.Generator().manual_seed(0)
    noisy = smooth + torch.tensor([0.02, 0.05]).view(2, 1, 1, 1) * torch.randn(2, 1, 128, 128, generator=random)
    masks = torch.ones(2, 128, 128)
    assert plain_statistics(noisy, masks)["noise"].exp().numpy() == pytest.approx([0.02, 0.05], rel=0.08)
    assert (plain_statistics(smooth, masks)["noise"].exp() < 1e-3).all(), "a ramp is not noise"


def test_contrast_brightness_and_sharpness_are_those_of_the_anatomy():
    image = torch.zeros(1, 1, 64, 64)
    image[..., 16:48, 16:48] = torch.linspace(0.4, 0.8, 32)
    masks = (image[:, 0] > 0).float()
    inside = plain_statistics(image, masks)
    assert float(inside["contrast"]) == pytest.approx(0.36, abs=0.03)
    assert float(inside["brightness"]) == pytest.approx(0.6, abs=0.03)
    assert float(plain_statistics(image, torch.ones(1, 64, 64))["brightness"]) == 0.0
    film = torch.from_numpy(tiny.chest(1))[None, None] / 255
    blurred = torch.nn.functional.avg_pool2d(film, 5, 1, 2, count_include_pad=False)
    sharp, soft = (plain_statistics(f, torch.ones(1, *f.shape[2:]))["sharpness"] for f in (film, blurred))
    assert float(soft) < float(sharp) - 0.3


@pytest.mark.parametrize("degrees", [-15.0, -6.0, 0.0, 7.5, 14.0])
def test_tilt_is_the_angle_that_the_image_was_turned_by(degrees):
    average = reduced(torch.from_numpy(tiny.chest(1))[None, None] / 255)
    from SPMambaLib.input_check.statistics import tilted

    assert float(pose_statistics(tilted(average, degrees), average)["tilt"]) == pytest.approx(degrees, abs=1.5)


def test_tilt_is_clockwise_as_displayed():
    from SPMambaLib.input_check.statistics import tilted

    image = torch.zeros(1, 32, 32)
    image[0, :16, 15:17] = 1.0  # a hand at 12 o'clock
    assert float(tilted(image, 24.0)[0, 2, 18:].sum()) > 0.5 > float(tilted(image, 24.0)[0, 2, :14].sum())


def test_pose_tells_what_was_done_to_an_image():
    average = reduced(torch.from_numpy(tiny.chest(1))[None, None] / 255)
    average[:, 4:10, 3:9] += 0.5  # something that has a side and a height
    done = {"turned": average.flip(1), "mirrored": average.flip(2), "negative": 1 - average}
    upright = pose_statistics(average, average)
    for name, image in done.items():
        assert float(pose_statistics(image, average)[name]) > 0.1 > 0.0 >= float(upright[name]), name
    assert float(upright["layout"]) == pytest.approx(1.0, abs=1e-4)


def test_the_distance_is_that_of_mahalanobis_where_all_axes_are_kept():
    random = torch.Generator().manual_seed(0)
    features = torch.randn(4000, 6, generator=random) @ torch.randn(6, 6, generator=random)
    check = InputCheck(gaussian(features))
    x = 3 * torch.randn(5, 6, generator=random)
    inverse = torch.linalg.inv(torch.cov(features.T))
    expected = torch.einsum("bi,ij,bj->b", x - features.mean(0), inverse, x - features.mean(0)).sqrt()
    assert torch.allclose(check.distance(x), expected, rtol=0.02)


# -- ranges ----------------------------------------------------------------------------------------------------------

def normals(n=1500, seed=0):
    random = np.random.default_rng(seed)
    return {name: random.normal(size=n) for name in record.STATISTICS}


def outside(values, limits):
    out = np.zeros(len(values["noise"]), dtype=bool)
    for name, one in limits.items():
        for value, bound, sign in ((values[name], one.low, -1), (values[name], one.high, 1)):
            if bound is not None:
                out |= sign * value > sign * bound
    return out


def test_all_statistics_together_mark_the_stated_share():
    limits = limits_of(normals())
    assert outside(normals(), limits).mean() <= input_check_fit.RATE
    assert outside(normals(20000, seed=1), limits).mean() == pytest.approx(input_check_fit.RATE, abs=0.012)
    each = {name: Limits(high=float(np.quantile(value, 0.98))) for name, value in normals().items()}
    assert outside(normals(20000, seed=1), each).mean() > 3 * input_check_fit.RATE, "one by one they mark far more"


def test_few_normals_give_wide_ranges():
    few, many = limits_of(normals(30)), limits_of(normals(3000))
    values = normals(5000, seed=2)
    assert outside(values, few).mean() < 0.15
    assert few["features"].refuse > few["features"].high and many["noise"].refuse is None


def test_distances_are_cross_fitted_by_patient():
    """Few normals with many features: a Gaussian knows its own too well, so unseen normals would all be far away."""
    random = torch.Generator().manual_seed(0)
    rows = torch.randn(120, 60, generator=random)
    looks = Looks(rows[:60], torch.rand(60, 32, 32, generator=random), {}, None, [str(n) for n in range(60)],
                  torch.zeros(60, dtype=torch.bool))
    check, card = fit_input_check(looks)
    limit = card["slice"]["features"]["high"]
    assert float((check.distance(rows[60:]) > limit).float().mean()) <= 0.1
    assert float(check.distance(rows[:60]).median()) < 1.0, "its own are nearer than those not seen"
    assert card["volume"] is None and card["normals"] == 60


def test_readings_and_their_words():
    limits = Limits(low=1.0, high=2.0, refuse=3.0)
    states = [read("tilt", value, limits).state for value in (0.5, 1.5, 2.5, 3.5)]
    assert states == ["flagged", "usual", "flagged", "refused"]
    assert "counter" in read("tilt", 0.5, limits).sentence and "counter" not in read("tilt", 2.5, limits).sentence
    assert read("noise", 0.5, limits).state == "usual", "a little noise is not a fault"


# -- detection -------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def brain():
    return tiny.detector("tiny-brain")


def test_a_normal_scan_and_a_lesion_are_neither_marked_nor_refused(brain):
    for lesion in (False, True):
        result = brain.detect(tiny.brain_image(lesion=lesion)).input_check
        assert result.state == "usual" and result.message() == ""
        assert {r.name for r in result.readings} >= set(record.STATISTICS) - {"kind"}, "it was shown no others"


def foreign():
    head = tiny.brain_image()
    noise = np.random.default_rng(0).random(head.voxels.shape) * 100
    return {"noise": changed(head, noise), "inverted": changed(head, 200 - head.voxels)}


@pytest.mark.parametrize("name", ["noise", "inverted"])
def test_a_foreign_scan_is_refused_before_the_network_runs(brain, monkeypatch, name):
    monkeypatch.setattr(brain, "terms", lambda pixels: pytest.fail("the network ran"))
    with pytest.raises(InputCheckError) as caught:
        brain.detect(foreign()[name])
    assert caught.value.code == "not-what-the-model-knows" and "does not look like" in caught.value.message
    assert any(reading["state"] == "refused" for reading in json.loads(caught.value.detail))


def test_the_user_may_have_it_all_the_same(brain):
    detection = brain.detect(foreign()["noise"], force=True)
    assert detection.input_check.state == "refused"
    assert [n.message for n in detection.notices if n.code == "not-what-the-model-knows"] == [
        detection.input_check.message()]
    written = json.loads(json.dumps(detection.to_dict(), allow_nan=False))["input_check"]
    assert written["state"] == "refused" and {"name", "value", "low", "high", "state", "sentence"} <= set(
        written["statistics"][0])


def test_a_noisy_scan_is_marked_with_its_reason():
    chest = tiny.detector("tiny-chest")
    film = tiny.chest_image()
    noisy = film.voxels + np.random.default_rng(0).normal(0, 25, film.voxels.shape)
    assert chest.detect(film).input_check.state == "usual"
    result = chest.detect(changed(film, noisy), force=True).input_check
    assert any("noisier" in r.sentence for r in result.readings if r.state == "flagged")


def test_images_of_other_kinds_are_told_once_they_were_shown():
    """Another kind that no single statistic tells: a small shift along many features at once."""
    random = torch.Generator().manual_seed(0)
    shift = 0.6 * torch.randn(96, generator=random)

    def group(n, other):
        return torch.randn(n, 96, generator=random) + 3.0 + (shift if other else 0.0)

    own = Looks(group(400, False), torch.rand(400, SIDE, SIDE, generator=random), {}, None,
                [str(n // 2) for n in range(400)], torch.arange(400) % 2 == 1)
    fresh = {other: group(300, other) for other in (False, True)}
    for shown in (None, group(200, True)):
        check, card = fit_input_check(own, shown)
        limits = {name: Limits(**one) for name, one in card["slice"].items() if name in ("features", "kind")}
        told = {}
        for other, features in fresh.items():
            values = {name: value.numpy() for name, value in check.of_features(features).items()}
            told[other] = float(input_check_fit.outside(values, limits).mean())
        assert told[False] < 0.05
        assert told[True] < 0.5 if shown is None else told[True] >= 0.99, "negative control: unseen, most of them pass"
        again = InputCheck(check.state_dict())
        assert again.knows_others == (shown is not None)
        assert torch.equal(again.distance(fresh[True]), check.distance(fresh[True]))


def test_a_part_of_the_head_is_marked(brain):
    head = tiny.brain_image()
    coverage = {n: [r for r in brain.detect(changed(head, head.voxels[:n]), force=True).input_check.readings
                    if r.name == "coverage"] for n in (2, tiny.SLICES)}
    assert coverage[2][0].value < coverage[tiny.SLICES][0].value and coverage[tiny.SLICES][0].state == "usual"


# -- bundle, command line --------------------------------------------------------------------------------------------

def stripped(folder, change):
    """The tiny brain model with another card of the check."""
    card, tensors = bundle.load(tiny.bundle_folder("tiny-brain"))
    change(card, tensors)
    bundle.save(folder, card, tensors)
    return load_model(str(folder), "cpu")


def test_a_model_without_the_check_says_so(tmp_path):
    def forget(card, tensors):
        del card["calibration"]["input_check"]
        for name in [name for name in tensors if name.startswith("input_check.")]:
            del tensors[name]

    detection = stripped(tmp_path, forget).detect(foreign()["noise"])
    assert detection.input_check is None and "no-input-check" in [n.code for n in detection.notices]
    assert detection.to_dict()["input_check"] is None


def test_a_damaged_check_is_refused(tmp_path):
    with pytest.raises(ModelDamagedError):
        stripped(tmp_path, lambda card, tensors: tensors.pop("input_check.axes"))
    with pytest.raises(ModelDamagedError):
        stripped(tmp_path, lambda card, tensors: card["calibration"]["input_check"]["slice"]["noise"].update(high="x"))


def test_the_size_of_the_anatomy_is_judged_where_the_card_says_it(tmp_path):
    detector = stripped(tmp_path, lambda card, tensors: card.update(extent_mm=[50.0, 75.0]))
    head = tiny.brain_image()
    assert detector.detect(head).input_check.state == "usual"
    small = Image(head.voxels, head.ijk_to_ras @ np.diag([0.3, 0.3, 1.0, 1.0]), dict(head.facts), head.kind)
    result = detector.detect(small).input_check
    assert result.state == "flagged" and "spacing" in result.message()


def test_the_command_line_refuses_and_analyses_anyway(tmp_path, capsys):
    image = foreign()["noise"]
    write_image(tmp_path / "noise.nrrd", image.voxels, image.ijk_to_ras)
    arguments = ["detect", str(tmp_path / "noise.nrrd"), "--model", str(tiny.bundle_folder("tiny-brain")),
                 "--output", str(tmp_path / "out"), "--device", "cpu"]
    assert main(arguments) == 4 and not (tmp_path / "out").exists()
    assert "does not look like what the model knows" in capsys.readouterr().err
    assert main([*arguments, "--anyway"]) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["input_check"]["state"] == "refused"
    shutil.rmtree(tmp_path / "out")


# -- the shipped models on real images -------------------------------------------------------------------------------

@pytest.mark.parametrize("name, usual, strange", [
    ("chest-xray", "cxr_kermany224/test/NORMAL", "brain_lgg_flair256/test/normal"),
    ("brain-flair", "brain_lgg_flair256/test/normal", "cxr_kermany224/test/NORMAL")])
def test_the_shipped_models_know_their_kind(data, name, usual, strange):
    detector = load_model(name, "cpu")
    if detector.check is None:
        pytest.skip("the shipped {} has no input check yet".format(name))

    def refused(paths):
        states = []
        for path in paths:
            try:
                states.append(detector.detect(read_image(path)).input_check.state)
            except InputCheckError:
                states.append("refused")
        return states.count("refused") / len(states)

    assert refused(sorted((data / usual).iterdir())[::20]) <= 0.05
    assert refused(sorted((data / strange).iterdir())[::20]) >= 0.99
    assert refused(sorted((data / "oct_kermany/val").glob("*/*"))) >= 0.99
