"""`spmamba evaluate` from a data set to metrics.json, with the tiny models."""
from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from pictures import picture, table
from tools import card_metrics

from SPMambaLib import bundle, cli
from SPMambaLib.data.reading import read_data
from SPMambaLib.data.samples import Sample
from SPMambaLib.errors import Cancelled, DataError, UnsupportedImageError, UsageError
from SPMambaLib.evaluation import controls
from SPMambaLib.evaluation.evaluate import evaluate, thresholds_of
from SPMambaLib.evaluation.tally import lesions_found, rows_of
from SPMambaLib.evaluation.truth import read_mask
from SPMambaLib.io.image import read_image, write_image

ROOT = Path(__file__).resolve().parents[2]
IMAGE_KEYS = ["auroc", "ap", "f1max", "sensitivity", "specificity", "auroc_height_matched"]
PIXEL_KEYS = ["auroc", "ap", "best_dice", "dice", "aupro"]


def lesion_mask():
    mask = np.zeros((tiny.ROWS, tiny.COLUMNS), dtype=np.uint8)
    mask[tiny.LESION_ROWS, tiny.LESION_COLUMNS] = 255
    return mask


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    """Manifest of twelve brain slices of six new patients, every second with a bright lesion and its mask."""
    folder = tmp_path_factory.mktemp("slices")
    rows = []
    for n in range(12):
        image, name = tiny.head(0.3 + 0.1 * (n // 2 % 4), 50 + n), "s/{}.png".format(n)
        row = {"path": name, "label": "normal", "patient": "p{}".format(n // 2), "split": "test",
               "note": "slice {}/9".format(3 + n // 2 % 4)}
        if n % 2:
            image[tiny.LESION_ROWS, tiny.LESION_COLUMNS] = 240.0
            row.update(label="lesion", mask_path="m/{}.png".format(n))
            picture(folder / row["mask_path"], lesion_mask())
        picture(folder / name, image)
        rows.append(row)
    return table(folder / "m.csv", rows)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A ZhangLab folder of chest films."""
    folder = tmp_path_factory.mktemp("zhanglab")
    for n in range(8):
        film = tiny.chest(200 + n)
        if n % 2:
            film[28:42, 14:24] = 220.0
        name = "test/PNEUMONIA/person{}_virus_1.png" if n % 2 else "test/NORMAL/IM-{:04d}-0001.png"
        picture(folder / name.format(n), film)
    picture(folder / "train/NORMAL/IM-0900-0001.png", tiny.chest(300))
    return folder


def brain():
    return str(tiny.bundle_folder("tiny-brain"))


def run(capsys, *arguments):
    status = cli.main([str(a) for a in ("evaluate", "--device", "cpu", *arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


# -- the result --------------------------------------------------------------------------------------------------------

def test_the_keys_and_their_values(slices, tmp_path, capsys):
    status, out, err = run(capsys, "--manifest", slices, "--model", brain(), "--output", tmp_path / "a" / "m.json",
                           "--controls")
    result = json.loads((tmp_path / "a" / "m.json").read_text())
    assert status == 0 and not err.replace("\n", "").startswith("spmamba"), err
    assert list(result["image"]) == IMAGE_KEYS and list(result["pixel"]) == PIXEL_KEYS
    assert result["protocol"] == "deployable" and result["image"]["f1max"] is None
    assert result["chosen_on_these_labels"] == ["pixel.best_dice"]
    assert len(result["model"]["sha256"]) == 64 and result["input_check"]["refused"] == 0.0
    assert {k: result["n"][k] for k in ("images", "normal", "abnormal", "patients", "failed")} == {
        "images": 12, "normal": 6, "abnormal": 6, "patients": 6, "failed": 0}
    assert result["image"]["auroc"] > 0.9 and result["pixel"]["auroc"] > 0.9
    assert 0.0 <= result["pixel"]["aupro"] <= 1.0 and result["pixel"]["dice"] <= result["pixel"]["best_dice"]
    assert result["froc"]["lesions"] == 6 and result["froc"]["sensitivity"]["8"] > 0.5
    assert [p["default"] for p in result["operating_points"]].count(True) == 1
    for name in ("auroc", "ap"):
        for part in ("image", "pixel"):
            low, high = result["intervals"][part][name]
            assert low <= result[part][name] <= high
    assert set(result["controls"]) == {"height_only", "frame_only", "centre_only", "intensity"}
    assert result["controls"]["intensity"]["pixel_auroc"] > 0.8  # the lesions are bright
    assert set(result["components"]) >= {"residual", "prototype", "contrast", "concentration", "peak"}
    assert "AUROC" in out and "not for diagnosis" in out and "similar height" in out


def test_evaluating_twice_gives_the_same_bytes(films, tmp_path, capsys):
    model = tiny.bundle_folder("tiny-chest")
    for name in ("a.json", "b.json"):
        assert run(capsys, "--folder", films, "--model", model, "--output", tmp_path / name)[0] == 0
    first, second = ((tmp_path / name).read_bytes() for name in ("a.json", "b.json"))
    assert first == second and str(tmp_path).encode() not in first and str(films).encode() not in first
    result = json.loads(first)
    assert result["data"]["kind"] == "ZhangLab" and result["n"]["images"] == 8 and result["pixel"] is None
    assert result["froc"] is None and result["image"]["auroc_height_matched"] is None


def test_published_chooses_on_the_labels_and_says_so(slices, tmp_path, capsys):
    status, out, _ = run(capsys, "--manifest", slices, "--model", brain(), "--output", tmp_path / "m.json",
                         "--protocol", "published")
    result = json.loads((tmp_path / "m.json").read_text())
    assert status == 0 and "published: Thresholds were chosen" in out
    assert set(result["columns"]) == {"deployable", "published"}
    assert result["image"]["f1max"] == result["columns"]["published"]["f1max"] >= 0.9
    assert result["pixel"]["dice"] == result["pixel"]["best_dice"] and "threshold of best F1" in out
    assert result["intervals"]["image"]["sensitivity"] is None
    assert {"image.f1max", "image.sensitivity", "image.specificity", "pixel.dice", "pixel.best_dice"} == set(
        result["chosen_on_these_labels"])


def test_shuffled_labels_give_chance(films):
    """Negative control: the labels of the films are dealt anew."""
    samples = read_data(folder=films).for_evaluation()
    detector = tiny.detector("tiny-chest")
    true = evaluate(samples, detector).result["image"]["auroc"]
    aurocs = []
    for seed in range(30):
        labels = np.random.default_rng(seed).permutation([s.label for s in samples])
        scores = {s.name: r.score for s, r in zip(samples, _rows(samples, detector))}
        abnormal = np.array([scores[s.name] for s, label in zip(samples, labels) if label == "pneumonia"])
        normal = np.array([scores[s.name] for s, label in zip(samples, labels) if label == "normal"])
        aurocs.append(float((abnormal[:, None] > normal).mean()))
    assert true > 0.9 and abs(np.mean(aurocs) - 0.5) < 0.12


_ROWS = {}


def _rows(samples, detector):
    if "rows" not in _ROWS:
        _ROWS["rows"] = evaluate(samples, detector).rows
    return _ROWS["rows"]


def test_swapped_masks_lower_the_pixel_metrics(slices):
    samples = read_data(manifest=slices).samples
    true = evaluate(samples, tiny.detector()).result["pixel"]
    elsewhere = picture(slices.parent / "moved.png", np.roll(lesion_mask(), (25, 20), (0, 1)))
    moved = [Sample(s.path, s.label, s.patient, s.slice_height, elsewhere if s.mask_path else None) for s in samples]
    wrong = evaluate(moved, tiny.detector()).result["pixel"]
    assert wrong["ap"] < 0.3 * true["ap"] and wrong["aupro"] < true["aupro"]


# -- volumes -----------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    rows = []
    for n in range(4):
        image = tiny.brain_image(70 + n, lesion=n % 2 == 1)
        name = "v{}.nii.gz".format(n)
        write_image(folder / name, image.voxels, image.ijk_to_ras)
        rows.append({"path": name, "label": "lesion" if n % 2 else "normal", "patient": "p{}".format(n),
                     "mask_path": "m.nii.gz" if n % 2 else ""})
    mask = np.zeros(image.voxels.shape, dtype=np.uint8)
    mask[tiny.LESION_SLICES, tiny.LESION_ROWS, tiny.LESION_COLUMNS] = 1
    write_image(folder / "m.nii.gz", mask, image.ijk_to_ras)
    return table(folder / "m.csv", rows)


def test_volumes_count_as_their_slices(volumes):
    samples = read_data(manifest=volumes).samples
    found = evaluate(samples, tiny.detector())
    assert found.result["n"]["files"] == 4 and found.result["n"]["images"] == 4 * tiny.SLICES
    assert found.result["n"]["abnormal"] == 4 and found.result["unit"] == "slice"
    assert found.result["froc"]["lesions"] == 2 and found.result["image"]["auroc_height_matched"] is not None
    assert {row.patient for row in found.rows} == {"p0", "p1", "p2", "p3"}
    of_first = [row for row in found.rows if row.patient == "p0"]
    assert [row.slice_height for row in of_first] == pytest.approx(np.linspace(0, 1, tiny.SLICES))
    assert found.result["image"]["auroc"] > 0.8


def test_without_masks_a_volume_is_one_image(volumes):
    samples = [Sample(s.path, s.label, s.patient) for s in read_data(manifest=volumes).samples]
    found = evaluate(samples, tiny.detector())
    assert found.result["n"]["images"] == 4 and found.result["unit"] == "file" and found.result["pixel"] is None


def test_slices_that_were_not_analysed_count_only_with_a_lesion():
    image, detector = tiny.brain_image(80), tiny.detector()
    image.voxels[0] = 0.0
    image.voxels[7] = 0.0
    detection = detector.detect(image)
    assert not detection.slices[0].analysed
    mask = np.zeros(image.voxels.shape, dtype=bool)
    mask[0, 5, 5] = True
    rows, _ = rows_of(Sample(tiny.Path("v"), "lesion", "p", name="v"), detection, mask, list(thresholds_of(detector)))
    assert [row.name for row in rows] == ["v#{}".format(n) for n in range(7)]
    assert rows[0].abnormal and np.isnan(rows[0].score) and not any(rows[0].flagged.values())


def test_lesions_touched_by_findings():
    labels = np.zeros((1, 10, 10), dtype=np.int16)
    labels[0, :3, :3], labels[0, 8:, 8:] = 1, 2
    mask = np.zeros((1, 10, 10), dtype=bool)
    mask[0, 2:4, 2:4] = mask[0, 0, 9] = True
    assert lesions_found(labels, mask) == (2, 1, 1) and lesions_found(labels, np.zeros_like(mask)) == (0, 0, 2)


# -- what can go wrong -------------------------------------------------------------------------------------------------

def test_one_broken_image_does_not_lose_the_run(slices, tmp_path, capsys):
    shutil.copytree(slices.parent, tmp_path / "copy")
    broken = tmp_path / "copy" / "s" / "3.png"
    broken.write_bytes(broken.read_bytes()[:50])
    status, _, err = run(capsys, "--manifest", tmp_path / "copy" / "m.csv", "--model", brain(), "--output",
                         tmp_path / "m.json")
    result = json.loads((tmp_path / "m.json").read_text())
    assert status == 0 and "s/3.png cannot be used" in err and "[image-unreadable]" in err
    assert result["n"]["images"] == 11 and result["n"]["failed"] == 1 and result["errors"][0]["name"] == "s/3.png"


def test_an_image_that_the_detector_refuses_is_counted_and_named(slices):
    samples = read_data(manifest=slices).samples
    flat = picture(slices.parent / "flat.png", np.full((tiny.ROWS, tiny.COLUMNS), 90))
    found = evaluate([*samples, Sample(flat, "normal", "q", name="flat.png")], tiny.detector()).result
    assert found["errors"] == [{"name": "flat.png", "code": "constant-image", "message": found["errors"][0]["message"]}]
    assert found["n"]["images"] == 12 and found["n"]["failed"] == 1
    with pytest.raises(DataError, match="None of the 1 images"):
        evaluate([Sample(flat, "normal", "q")], tiny.detector())


@pytest.mark.parametrize("change, code", [
    ({"split": "train", "patient": "p1"}, "patient-leak"), ({"path": "none.png"}, "file-missing"),
    ({"path": "s/2.png", "split": "train", "patient": "x"}, "duplicate-across-splits")])
def test_problems_stop_it_before_the_work(slices, tmp_path, capsys, change, code):
    with open(slices, newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    rows[0].update(change)
    changed = table(slices.parent / "changed.csv", rows)
    arguments = ("--manifest", changed, "--model", brain(), "--output", tmp_path / "m.json")
    status, out, err = run(capsys, *arguments)
    assert status == 3 and not out and err.strip().splitlines()[-1].endswith("[{}]".format(code))
    assert "Nothing was started" in err and not (tmp_path / "m.json").exists()
    assert run(capsys, *arguments, "--allow", code)[0] == 0
    assert json.loads((tmp_path / "m.json").read_text())["data"]["allowed"] == [code]


@pytest.mark.parametrize("arguments, status", [
    (["--every", "0"], 2), (["--protocol", "best"], 2), (["--select", "nothing*"], 2), (["--allow", "anything"], 2),
    (["--model", "absent"], 5), (["--device", "tpu"], 6), (["--report", "."], 7), (["--folder", "."], 2)])
def test_wrong_requests_have_a_status_and_one_line(slices, tmp_path, capsys, monkeypatch, arguments, status):
    monkeypatch.chdir(tmp_path)
    base = ["--manifest", slices, "--model", brain(), "--output", "m.json", *arguments]
    got, out, err = run(capsys, *base)
    assert got == status and not out and len(err.strip().splitlines()) == 1, err
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_cancelled(slices, tmp_path):
    samples, calls = read_data(manifest=slices).samples, []

    def after_two():
        calls.append(1)
        return len(calls) > 6

    with pytest.raises(Cancelled):
        evaluate(samples, tiny.detector(), cancelled=after_two)
    with pytest.raises(UsageError, match="deployable or published"):
        evaluate(samples, tiny.detector(), protocol="best")


def test_a_folder_of_normals_gives_the_rate_of_false_alarms(tmp_path, capsys):
    for n in range(4):
        picture(tmp_path / "normals" / "p{}.png".format(n), tiny.chest(400 + n))
    status, out, _ = run(capsys, "--folder", tmp_path / "normals", "--model", tiny.bundle_folder("tiny-chest"),
                         "--output", tmp_path / "m.json")
    result = json.loads((tmp_path / "m.json").read_text())
    assert status == 0 and result["image"]["auroc"] is None and result["image"]["sensitivity"] is None
    assert 0.0 <= result["image"]["specificity"] <= 1.0 and "AUROC      -" in out


SLOW = """import sys, time; sys.path.insert(0, {!r})
from SPMambaLib import cli
from SPMambaLib.commands import evaluate
load = evaluate.load_model
def load_slow(*choice):
    detector = load(*choice)
    detect = detector.detect
    def slow(image, **options):
        print('detecting', flush=True)
        time.sleep(0.3)
        return detect(image, **options)
    detector.detect = slow
    return detector
evaluate.load_model = load_slow
sys.exit(cli.main(sys.argv[1:]))
"""


def test_ctrl_c_leaves_nothing_behind(slices, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW.format(str(ROOT)), "evaluate", "--manifest", str(slices), "--model", brain(),
         "--device", "cpu", "--output", str(tmp_path / "m.json"), "--report", str(tmp_path / "r.html")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "detecting\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130 and out.count("detecting") < 3 and not list(tmp_path.iterdir())
    assert err.strip().splitlines()[-1] == "spmamba: Cancelled. [cancelled]"


# -- truth and controls ------------------------------------------------------------------------------------------------

def test_masks_of_any_kind(tmp_path):
    labels = picture(tmp_path / "labels.png", np.array([[0, 1], [3, 0]]).repeat(10, 0).repeat(10, 1))
    grey = picture(tmp_path / "grey.png", np.array([[0, 9], [255, 120]]).repeat(10, 0).repeat(10, 1))
    shape = (1, 20, 20)
    assert read_mask(Sample(labels, "lesion", "p", mask_path=labels), shape).mean() == 0.5
    assert read_mask(Sample(grey, "lesion", "p", mask_path=grey), shape).mean() == 0.25
    assert read_mask(Sample(grey, "lesion", "p"), shape) is None
    assert not read_mask(Sample(grey, "normal", "p"), shape).any()
    with pytest.raises(UnsupportedImageError) as error:
        read_mask(Sample(grey, "lesion", "p", mask_path=grey), (1, 20, 30))
    assert error.value.code == "mask-size"


def test_frame_and_centre_are_complements(films):
    samples = read_data(folder=films).for_evaluation()
    mean = controls.mean_normal(samples)
    assert mean.shape == (256, 256) and -0.3 < mean.min() < mean.max() < 1.3
    image = read_image(samples[0].path)
    frame, centre = (controls.masked(image, mean, keep).voxels[0] for keep in ("frame", "centre"))
    own_frame, own_centre = (part == image.voxels[0] for part in (frame, centre))
    box = np.zeros(own_frame.shape, dtype=bool)
    box[controls.centre_box(box.shape)] = True
    assert box.mean() == pytest.approx(0.75 ** 2, abs=0.02)
    assert own_frame[~box].all() and own_centre[box].all()
    assert own_frame[box].mean() < 0.2 and own_centre[~box].mean() < 0.2


def test_a_shortcut_in_the_frame_is_exposed(films, tmp_path):
    """Films whose classes differ in a bright border only: the frame tells them apart, the centre cannot."""
    samples = []
    for n in range(12):
        film = tiny.chest(500 + n)
        if n % 2:
            film[:6, :] = 255.0
        path = picture(tmp_path / "{}.png".format(n), film)
        samples.append(Sample(path, "pneumonia" if n % 2 else "normal", str(n), name=path.name))
    found = evaluate(samples, tiny.detector("tiny-chest"), controls=True).result["controls"]
    assert found["frame_only"]["auroc"] > 0.9 and found["centre_only"]["auroc"] < 0.85
    assert found["frame_only"]["images"] == 12 and "pixel_auroc" not in found["intensity"]


# -- real data ---------------------------------------------------------------------------------------------------------

def test_the_shipped_brain_model_on_a_few_real_slices(data, tmp_path, capsys):
    if "brain-flair" not in bundle.available_models():
        pytest.skip("the model brain-flair is not installed")
    status, _, _ = run(capsys, "--manifest", data / "MANIFEST.csv", "--select", "brain_lgg_flair256/test/*",
                       "--against", "brain_lgg_flair256/train/*", "--model", "brain-flair", "--every", "60",
                       "--output", tmp_path / "m.json")
    result = json.loads((tmp_path / "m.json").read_text())
    assert status == 0 and result["n"]["failed"] == 0 and result["pixel"]["auroc"] > 0.8


@pytest.mark.parametrize("name", ["brain-flair", "chest-xray"])
def test_the_measured_results_are_those_of_the_shipped_models(name):
    result = json.loads((ROOT / "Testing/benchmarks/results/quality_{}.json".format(name)).read_text())
    card = bundle.read_card(ROOT / "Resources/models" / name)
    assert result["model"]["sha256"] == card["files"][bundle.WEIGHTS] and result["n"]["failed"] == 0
    assert card["metrics"] == card_metrics.metrics_of(result, card["metrics"]["date"])
    with pytest.raises(ValueError, match="published"):
        card_metrics.metrics_of({**result, "protocol": "published"}, "")
