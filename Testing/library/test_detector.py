"""Detection from end to end with a tiny real model: right, the same again, told apart, and stoppable."""
from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from SPMambaLib import bundle
from SPMambaLib.detector import Detector, load_model
from SPMambaLib.errors import (
    Cancelled,
    DeviceError,
    InputCheckError,
    ModelDamagedError,
    ModelMissingError,
    OutOfMemoryError,
    UnsupportedImageError,
    UsageError,
)
from SPMambaLib.io.image import Image
from SPMambaLib.model.device import BATCH, choose_device
from SPMambaLib.model.prototypes import at_height
from SPMambaLib.model.teacher import to_teacher_input
from SPMambaLib.preprocessing.prepare import prepare
from SPMambaLib.scoring import findings
from SPMambaLib.scoring.maps import resize

LESION = tuple((s.start + s.stop - 1) / 2 for s in (tiny.LESION_SLICES, tiny.LESION_ROWS, tiny.LESION_COLUMNS))


@pytest.fixture(scope="module")
def detector() -> Detector:
    return tiny.detector("tiny-brain")


@pytest.fixture(scope="module")
def found(detector):
    return detector.detect(tiny.brain_image(lesion=True))


def codes(detection):
    return [notice.code for notice in detection.notices]


def stored_as(image: Image, axes=(0, 1, 2), flips=()) -> Image:
    """The same patient in another voxel order: array axes permuted, some of the new ones reversed."""
    voxels = np.flip(np.transpose(image.voxels, axes), flips)
    old_to_new = np.zeros((4, 4))  # new (i, j, k, 1) -> old (i, j, k, 1)
    old_to_new[3, 3] = 1.0
    for new, old in enumerate(axes):
        old_to_new[2 - old, 2 - new] = -1.0 if new in flips else 1.0
        old_to_new[2 - old, 3] = voxels.shape[new] - 1 if new in flips else 0.0
    return Image(voxels, image.ijk_to_ras @ old_to_new, dict(image.facts), image.kind)


# -- what is found ---------------------------------------------------------------------------------------------------

def test_a_lesion_is_found_where_it_is(found):
    first = found.findings[0]
    assert found.score > 1 and found.map.max() > found.threshold
    i, j, k = np.linalg.inv(tiny.LPS)[:3] @ [*first.centroid_ras, 1.0]
    assert abs(k - LESION[0]) <= 1 and abs(j - LESION[1]) <= 4 and abs(i - LESION[2]) <= 4
    assert found.labels[4, 22, 22] == 1 and found.severity[4, 22, 22] >= 1
    highest = max(found.slices, key=lambda s: s.score)
    assert highest.index in range(3, 7) and highest.score == found.score


def test_normal_scans_stay_quiet_on_the_same_scale(detector, found):
    normals = [detector.detect(tiny.brain_image(patient)) for patient in (200, 201, 202)]
    slices = [s for detection in normals for s in detection.slices if s.analysed]
    reached = sum(s.peak >= found.threshold for s in slices)
    assert reached <= 0.2 * len(slices)
    assert all(detection.map.max() < 0.8 * found.map.max() for detection in normals)
    assert all(codes(detection) == [] for detection in normals)
    inside = np.concatenate([d.map[d.map != 0] for d in normals])
    assert abs(inside.mean()) < 1.0 and 0.4 < inside.std() < 2.0, "the map of normals is not in units of normal spread"


def test_single_images(detector):
    chest = tiny.detector("tiny-chest")
    normal, ill = (chest.detect(tiny.chest_image(lesion=lesion), force=True) for lesion in (False, True))
    assert normal.map.shape == (1, tiny.ROWS, tiny.COLUMNS) and normal.plane == "native"
    assert ill.map.max() > 2 * ill.threshold > normal.map.max() and not normal.findings
    assert ill.map[0, 28:42, 14:24].mean() > 2 * ill.map[0, 28:42, 40:50].mean(), "the other lung"
    assert ill.slices[0].slice_height is None and ill.calibration["unit"] == "image"


def test_a_rate_that_the_normals_cannot_tell_becomes_the_rarest_that_they_can():
    detector, image = tiny.detector(), tiny.brain_image(lesion=True)
    lowest = detector.calibration.lowest_rate
    for rate, told in ((1e-9, True), (lowest, False), (0.3, False)):
        detection = detector.detect(image, false_positive_rate=rate)
        assert detection.false_positive_rate == max(rate, lowest)
        notices = [notice for notice in detection.notices if notice.code == "rate-not-known"]
        assert bool(notices) == told and (not told or "1 in {:.0f}".format(1 / lowest) in notices[0].message)
        low, high = detection.to_dict()["false_positive_interval"]
        assert low <= detection.false_positive_rate <= high


def test_the_rate_moves_the_threshold(detector):
    image = tiny.brain_image(lesion=True)
    strict, loose = (detector.detect(image, false_positive_rate=rate) for rate in (0.04, 0.3))
    assert strict.threshold > loose.threshold and np.array_equal(strict.map, loose.map)
    assert (strict.labels > 0).sum() < (loose.labels > 0).sum()
    assert loose.false_positive_rate == 0.3 and detector.detect(image).false_positive_rate == 0.05
    for rate in (0.0, 1.0, -1.0, 5.0):
        with pytest.raises(UsageError):
            detector.detect(image, false_positive_rate=rate)


def test_the_map_is_made_of_its_terms(detector, found):
    """A = (sum of weighted terms - centre) / unit, up to half precision, voxel by voxel."""
    config, scale = detector.scale.config, detector.scale
    total = sum(weight * found.terms[name].astype(np.float64) for name, weight in zip(config.terms, config.weights))
    expected = (total - float(scale.centre)) / float(scale.unit)
    inside = found.map != 0
    assert 0.2 < inside.mean() < 0.8
    assert np.median(np.abs(found.map - expected)[inside]) < 1e-3
    assert np.abs(found.map - expected)[inside].max() < 0.2  # at the edge of the mask, both are interpolated
    assert np.median(np.abs(found.map - total)[inside]) > 0.02


def test_a_model_may_compare_every_place_with_its_own_slice(found):
    own = load_model(str(tiny.bundle_folder("tiny-brain")), "cpu")
    own.scale.config = replace(own.scale.config, centring="slice")
    own.scale.mean -= 5 * own.scale.spread  # every place of every slice is five spreads too high

    def middle(detection) -> float:
        """Of the terms, over all slices."""
        return float(np.median([term[detection.map != 0].astype(np.float64) for term in detection.terms.values()]))

    centred = own.detect(tiny.brain_image(lesion=True))
    assert middle(centred) < 1 < 4 < middle(found) + 5


# -- the same again --------------------------------------------------------------------------------------------------

def test_twice_the_same(detector, found):
    again = load_model(str(tiny.bundle_folder("tiny-brain")), "cpu").detect(tiny.brain_image(lesion=True))
    for name in ("map", "labels", "severity"):
        assert np.array_equal(getattr(found, name), getattr(again, name))
    assert all(np.array_equal(found.terms[name], again.terms[name]) for name in found.terms)
    one, two = found.to_dict(), again.to_dict()
    assert one.pop("timings") and two.pop("timings")
    assert one == two


@pytest.mark.parametrize("axes, flips", [((0, 1, 2), (0,)), ((0, 1, 2), (1, 2)), ((2, 0, 1), ()), ((1, 2, 0), (0, 2))])
def test_the_voxel_order_does_not_matter(detector, found, axes, flips):
    image = stored_as(tiny.brain_image(lesion=True), axes, flips)
    other = detector.detect(image)
    back = np.flip(np.transpose(found.map, axes), flips)
    assert other.map.shape == image.voxels.shape and np.allclose(other.map, back, atol=1e-4)
    assert other.slice_axis == axes.index(0)
    assert other.findings[0].centroid_ras == pytest.approx(found.findings[0].centroid_ras, abs=0.05)
    by_position = {tuple(np.round(s.ras, 3)): s.score for s in found.slices}
    for s in other.slices:
        assert s.score == pytest.approx(by_position[tuple(np.round(s.ras, 3))], abs=1e-4)


def test_a_patient_who_is_turned_is_another_one(detector, found):
    """The control of the test above: flipped voxels with the same geometry are a mirrored patient."""
    image = tiny.brain_image(lesion=True)
    mirrored = detector.detect(Image(image.voxels[:, :, ::-1], image.ijk_to_ras, image.facts))
    assert not np.allclose(mirrored.map, found.map, atol=0.5)
    columns = [np.unravel_index(d.map.argmax(), d.map.shape)[2] for d in (found, mirrored)]
    assert columns[0] < tiny.COLUMNS / 2 < columns[1]


def test_units_do_not_matter(detector, found):
    image = tiny.brain_image(lesion=True)
    image.voxels = image.voxels * 11 + 300
    assert np.abs(detector.detect(image).map - found.map).max() < 0.1


def test_batches_do_not_matter(detector, found, monkeypatch):
    monkeypatch.setitem(BATCH, "cpu", 3)
    assert np.allclose(detector.detect(tiny.brain_image(lesion=True)).map, found.map, atol=1e-3)


def test_the_input_is_left_alone_and_the_geometry_is_a_copy(detector):
    image = tiny.brain_image(lesion=True)
    kept, matrix = image.voxels.copy(), image.ijk_to_ras
    image.voxels.setflags(write=False)
    detection = detector.detect(image)
    assert np.array_equal(image.voxels, kept)
    assert np.array_equal(detection.ijk_to_ras, matrix) and detection.ijk_to_ras is not matrix
    detection.ijk_to_ras[0, 0] = 9.0
    assert image.ijk_to_ras[0, 0] == -1.0 and image.notices == []


# -- the result ------------------------------------------------------------------------------------------------------

def test_the_result_is_complete_and_plain_json(detector, found):
    text = json.dumps(found.to_dict(), allow_nan=False)
    result = json.loads(text)
    assert result["shape"] == [tiny.SLICES, tiny.ROWS, tiny.COLUMNS] and result["terms"] == list(found.terms)
    assert result["model"]["name"] == "tiny-brain" and len(result["model"]["sha256"]) == 64
    assert (result["device"], result["backend"]) == ("cpu", detector.backend) and result["backend"]
    assert len(result["slices"]) == tiny.SLICES and [s["index"] for s in result["slices"]] == list(range(tiny.SLICES))
    assert result["timings"]["total"] > 0
    shape = (tiny.SLICES, tiny.ROWS, tiny.COLUMNS)
    for array, kind in ((found.map, "float32"), (found.labels, "int16"), (found.severity, "uint8"),
                        *((term, "float16") for term in found.terms.values())):
        assert array.shape == shape and array.dtype == kind and np.isfinite(array).all()
    assert set(found.components) == {"residual", "prototype", "mirror", "intensity", "contrast", "concentration"}
    assert ((found.severity > 0) == (found.map >= found.threshold)).all()


def test_levels_ascend_through_the_head(found):
    height_bins = [s.slice_height for s in found.slices if s.analysed]
    assert len(height_bins) >= 6 and (np.diff(height_bins) > 0).all() and height_bins[0] < 0.4 and height_bins[-1] > 0.6


def test_slices_outside_the_anatomy_carry_nothing(detector):
    image = tiny.brain_image(lesion=True)
    air = np.random.default_rng(0).normal(10, 1, (3, tiny.ROWS, tiny.COLUMNS)).astype(np.float32)
    padded = Image(np.concatenate([air, image.voxels, air]), image.ijk_to_ras, image.facts)
    detection = detector.detect(padded)
    assert [s.analysed for s in detection.slices] == [False] * 3 + [True] * tiny.SLICES + [False] * 3
    assert not detection.map[:3].any() and not detection.map[-3:].any() and detection.map[7].any()
    assert all(s.score == 0.0 and s.slice_height is None for s in detection.slices if not s.analysed)


# -- what it refuses or notices --------------------------------------------------------------------------------------

def test_nothing_in_the_image(detector):
    specks = np.zeros((4, 40, 40), np.float32)
    specks[:, 20, 20] = 1.0
    with pytest.raises(UnsupportedImageError) as caught:
        detector.detect(Image(specks, np.eye(4)))
    assert caught.value.code == "no-anatomy"
    for voxels, code in ((np.zeros((4, 40, 40)), "constant-image"), (np.full((4, 40, 40), np.nan), "no-finite-voxels"),
                         (np.random.default_rng(0).random((4, 9, 9)), "too-small")):
        with pytest.raises(UnsupportedImageError) as caught:
            detector.detect(Image(voxels, np.eye(4)))
        assert caught.value.code == code


@pytest.mark.parametrize("count, said", [(findings.LIMIT - 1, []), (findings.LIMIT, ["findings-limited"])])
def test_a_long_list_of_findings_says_that_it_is_cut(detector, found, monkeypatch, count, said):
    monkeypatch.setattr(findings, "find", lambda *_, **__: (found.labels, found.findings[:1] * count))
    assert codes(detector.detect(tiny.brain_image(lesion=True))) == said


def test_missing_values_are_noticed(detector, found):
    image = tiny.brain_image(lesion=True)
    image.voxels[0, 0, :5] = np.nan
    image.voxels[7, 70, 3] = np.inf
    detection = detector.detect(image)
    assert codes(detection) == ["nan-replaced"] and "6 of" in detection.notices[0].message
    assert np.isfinite(detection.map).all() and np.abs(detection.map - found.map).max() < 0.2


def test_another_contrast_and_a_strange_scan_are_noticed(detector, found):
    assert "wrong-contrast" in codes(detector.detect(tiny.brain_image(facts={"description": "t1_mprage"})))
    assert codes(detector.detect(tiny.brain_image(facts={"description": "AX FLAIR"}))) == []
    assert codes(detector.detect(tiny.brain_image(facts={"modality": "CT"}))) == ["wrong-modality"]
    noise = np.random.default_rng(0).random((6, 64, 64)).astype(np.float32)
    with pytest.raises(InputCheckError):
        detector.detect(Image(noise, np.eye(4)))
    strange = detector.detect(Image(noise, np.eye(4)), force=True)
    assert "not-what-the-model-knows" in codes(strange)
    assert np.isfinite(strange.map).all()


def test_a_volume_for_a_model_of_single_images():
    detection = tiny.detector("tiny-chest").detect(tiny.brain_image(), force=True)
    assert "wrong-dimension" in codes(detection) and len(detection.slices) == tiny.SLICES


def test_notices_of_the_reading_come_along(detector):
    image = tiny.brain_image()
    image.notices = [type(detector.detect(tiny.brain_image(facts={"modality": "CT"})).notices[0])("read-so", "So.")]
    assert codes(detector.detect(image)) == ["read-so"] and len(image.notices) == 1


def test_a_volume_of_one_slice(detector):
    image = tiny.brain_image(lesion=True)
    detection = detector.detect(Image(image.voxels[4:5], image.ijk_to_ras, image.facts))
    assert detection.map.shape == (1, tiny.ROWS, tiny.COLUMNS) and len(detection.findings) >= 1
    assert 0 <= detection.slices[0].slice_height <= 1


def test_a_known_level_is_taken_and_the_score_is_judged_there(detector):
    """The same slice scores differently among normals of another height; the table of the card says how."""
    volume = tiny.brain_image(lesion=True)
    picture = Image(volume.voxels[4:5], volume.ijk_to_ras, volume.facts)
    found = {slice_height: detector.detect(picture, slice_height=slice_height).slices[0] for slice_height in (0.1, 0.9)}
    assert [found[slice_height].slice_height for slice_height in (0.1, 0.9)] == pytest.approx([0.1, 0.9])
    table = detector.card["calibration"]["score_by_height"]
    for slice_height, row in found.items():
        card = {**detector.card, "calibration": {**detector.card["calibration"], "score_by_height": {
            "mean": [value + 1.0 for value in table["mean"]], "spread": table["spread"]}}}
        other = Detector(card, detector.network, detector.scale, detector.preprocessing, torch.device("cpu"),
                         check=detector.check)
        spread = np.interp(slice_height, np.linspace(0, 1, len(table["spread"])), table["spread"])
        assert other.detect(picture, slice_height=slice_height).slices[0].score == pytest.approx(
            row.score - 1.0 / spread, abs=1e-4
        )


# -- progress, cancelling, memory, devices ---------------------------------------------------------------------------

def test_progress_runs_from_nothing_to_all(detector):
    seen = []
    detector.detect(tiny.brain_image(), progress=lambda fraction, text: seen.append((fraction, text)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions[0] == 0.0 and fractions[-1] == 1.0 and fractions == sorted(fractions)
    assert len(seen) >= 5 and all(text for _, text in seen)


@pytest.mark.parametrize("after", [0, 1, 12, 20])
def test_cancelling_stops_at_the_next_question(detector, monkeypatch, after):
    monkeypatch.setitem(BATCH, "cpu", 1)
    asked, batches = [], []
    inner = detector.terms
    monkeypatch.setattr(detector, "terms", lambda pixels: batches.append(len(asked)) or inner(pixels))

    def cancelled() -> bool:
        asked.append(time.perf_counter())
        return len(asked) > after

    with pytest.raises(Cancelled):
        detector.detect(tiny.brain_image(), cancelled=cancelled)
    assert len(asked) == after + 1, "it went on after the answer"
    assert all(before <= after for before in batches), "a batch was started after the answer"
    quiet = detector.detect(tiny.brain_image(), cancelled=lambda: False)
    assert len(batches) >= len(quiet.slices), "a cancelled run must not spoil the next one"


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError(),
                                   RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
                                   RuntimeError("DefaultCPUAllocator: not enough memory: you tried")], ids=str)
def test_a_full_memory_gets_smaller_batches(detector, found, monkeypatch, error):
    sizes, inner = [], detector.terms

    def little_memory(pixels):
        sizes.append(len(pixels))
        if len(pixels) > 1:
            raise error
        return inner(pixels)

    monkeypatch.setattr(detector, "terms", little_memory)
    detection = detector.detect(tiny.brain_image(lesion=True))
    assert sizes[:3] == [4, 2, 1] and set(sizes[2:]) == {1}
    assert np.allclose(detection.map, found.map, atol=1e-3)

    def no_memory(pixels):
        raise error

    monkeypatch.setattr(detector, "terms", no_memory)
    with pytest.raises(OutOfMemoryError):
        detector.detect(tiny.brain_image())


def test_other_failures_are_not_taken_for_a_full_memory(detector, monkeypatch):
    calls = []

    def fails(pixels):
        calls.append(len(pixels))
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(detector, "terms", fails)
    with pytest.raises(RuntimeError, match="shapes"):
        detector.detect(tiny.brain_image())
    assert len(calls) == 1


def test_devices(monkeypatch):
    assert choose_device("cpu").type == "cpu"
    for name in ("gpu", "mps", "tpu:7", "meta", "cuda:x", ""):
        with pytest.raises(DeviceError):
            choose_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert choose_device("auto").type == "cpu"
    for name in ("cuda", "cuda:0"):
        with pytest.raises(DeviceError, match="no cuda"):
            choose_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto").type == choose_device("cuda:0").type == "cuda"
    with pytest.raises(DeviceError):
        choose_device("cuda:1")


def test_loading(monkeypatch):
    detector = load_model(str(tiny.bundle_folder("tiny-chest")), "auto")
    assert detector.name == "tiny-chest" and detector.device.split(":")[0] in ("cpu", "cuda")
    assert not detector.network.training
    with pytest.raises(ModelMissingError):
        load_model("no such model")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(DeviceError):
        load_model(str(tiny.bundle_folder("tiny-chest")), "cuda")


def test_a_card_with_levels_that_nothing_tells_is_refused(tmp_path):
    folder = tiny.bundle_folder("tiny-chest")
    card, tensors = bundle.load(folder)
    assert card["network"]["prototype_height_bins"] == 1
    bundle.save(tmp_path / "one", card, tensors)
    for name in ("scale.mean", "scale.spread"):
        tensors[name] = tensors[name].repeat(1, 2, 1, 1)
    bundle.save(tmp_path / "two", dict(card, scoring=dict(card["scoring"], height_bins=2)), tensors)
    load_model(str(tmp_path / "one"), "cpu")
    with pytest.raises(ModelDamagedError) as caught:
        load_model(str(tmp_path / "two"), "cpu")
    assert "height" in caught.value.detail


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_cpu(found):
    detection = load_model(str(tiny.bundle_folder("tiny-brain")), "cuda").detect(tiny.brain_image(lesion=True))
    assert detection.device.startswith("cuda") and np.abs(detection.map - found.map).max() < 0.05


def test_the_prototype_term_is_that_of_the_slices_level(detector, found):
    """One slice by hand, from the stages themselves: prepare, encode, distances at the height, statistics."""
    number = 4
    image = tiny.brain_image(lesion=True)
    prepared = prepare(image.voxels, (1.0, 1.0), detector.preprocessing)
    with torch.no_grad():
        distances = detector.network(to_teacher_input(prepared.pixels[number:number + 1])).prototype_distances
    bucket = torch.tensor([int(found.slices[number].slice_height * 2)]).clamp(max=1)
    raw = resize(at_height(distances, bucket), tiny.SIZE)[:, None]
    which = detector.scale.config.terms.index("prototype")
    mean, spread = (torch.nn.functional.interpolate(s[which].mean(dim=0)[None, None], (tiny.SIZE, tiny.SIZE),
                                                    mode="bilinear", align_corners=False)
                    for s in (detector.scale.mean, detector.scale.spread))
    z = ((raw - mean) / spread)[0, 0].numpy() * prepared.input_masks[number].numpy()
    assert z.max() == pytest.approx(float(found.terms["prototype"][number].max()), rel=0.1)
