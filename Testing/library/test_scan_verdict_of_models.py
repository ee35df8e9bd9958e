"""The scan verdict of a detection: it follows the operating point, and models that cannot tell say why."""
from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import SIZE, brain_image, bundle_folder, chest_image, detector

from SPMambaLib import bundle, load_model
from SPMambaLib.errors import ModelDamagedError, UsageError
from SPMambaLib.output.summary import operating_point, verdict_line
from SPMambaLib.scoring.calibration import Calibration
from SPMambaLib.scoring.components import concentration, contrast
from SPMambaLib.scoring.published import tables_for
from SPMambaLib.scoring.scan_verdict import KEY, ScanVerdict, standard_scores
from SPMambaLib.scoring.slices import slice_components
from SPMambaLib.scoring.terms import at_input_size


def test_scores_are_standardised_as_a_detection_does():
    random = np.random.default_rng(0)
    raw, heights = random.normal(3.0, 2.0, 8), np.array([-1.0, 0.0, 0.1, 0.33, 0.5, 0.77, 1.0, 0.2])
    known = {"components": {name: [2.5, 1.7] for name in ("score", "prototype", "contrast", "concentration")},
             "score_by_height": {"mean": random.normal(3, 1, 26).tolist(), "spread": random.uniform(1, 2, 26).tolist()}}
    scale = SimpleNamespace(config=SimpleNamespace(summary="mean"))
    maps = torch.from_numpy(raw)[:, None, None].expand(-1, 4, 4)
    for table in (known, {"components": known["components"]}):
        detected = slice_components(scale, maps, {"prototype": maps}, table, torch.from_numpy(heights))["score"]
        assert standard_scores(raw, table, heights) == pytest.approx(detected.numpy())
    assert standard_scores(raw, known, None) == pytest.approx((raw - 2.5) / 1.7)
    assert standard_scores(raw, known, heights)[3] != pytest.approx((raw[3] - 2.5) / 1.7)


def test_a_detector_says_it_of_a_picture_and_follows_the_operating_point():
    model = detector("tiny-chest")
    detection = model.detect(chest_image(), force=True)
    verdict = detection.scan_verdict
    assert verdict.unit == "image" and verdict.score == detection.score and detection.no_scan_verdict == ""
    assert verdict == verdict.at(detection.false_positive_rate)
    assert "or is unusual as a whole" in operating_point(detection) and verdict.sentence() == verdict_line(detection)
    assert detection.threshold == pytest.approx(model.card["calibration"][KEY]["peaks"][
        model.card["calibration"][KEY]["rates"].index(0.05)])
    assert detection.threshold >= Calibration.from_dict(model.card["calibration"]["map"]).threshold(0.05)
    written = json.loads(json.dumps(detection.to_dict()))["scan_verdict"]
    assert ScanVerdict.from_dict(written) == verdict

    film = chest_image()
    film.voxels = 0.6 * film.voxels + 60.0 * np.random.default_rng(0).random(film.voxels.shape).astype(np.float32)
    assert model.detect(film, force=True).scan_verdict.score > verdict.score + 1.0
    assert model.detect(film, force=True).scan_verdict.unusual, "nothing of this film is as it should be"


def test_a_detector_says_why_it_has_none(tmp_path):
    volume = detector().detect(brain_image(), force=True)
    assert volume.scan_verdict is None and "4 normal volumes were held out" in volume.no_scan_verdict
    assert verdict_line(volume) == volume.no_scan_verdict and "as a whole" not in operating_point(volume)

    model, tensors, others = bundle.load_whole(bundle_folder("tiny-chest"))
    old = {**model, "calibration": {k: v for k, v in model["calibration"].items() if k != KEY}}
    bundle.save(tmp_path / "old", old, tensors, others)
    detection = load_model(str(tmp_path / "old"), "cpu").detect(chest_image(), force=True)
    assert detection.scan_verdict is None and "earlier version" in detection.no_scan_verdict
    assert detection.threshold == Calibration.from_dict(old["calibration"]["map"]).threshold(0.05)
    assert operating_point(detection).startswith("1 in 20 normal images shows a finding (")

    for damage in ({"rates": []}, {"scores": [float("nan")] * len(model["calibration"][KEY]["rates"])},
                   {"rank": {"rates": [0.5, 0.1], "scores": [2.0, 1.0]}}, {"share": "half"}):
        broken = {**model, "calibration": {**model["calibration"], KEY: {**model["calibration"][KEY], **damage}}}
        with pytest.raises(ModelDamagedError):
            bundle.check_card(broken)
    bundle.check_card(model)


def test_the_published_score_has_thresholds_of_its_own():
    ours, papers = detector("tiny-chest"), load_model(str(bundle_folder("tiny-chest")), "cpu", scoring="published")
    film = chest_image(lesion=True)
    plane, prepared, _ = papers._prepared(film, lambda: None)
    raw = at_input_size(papers.terms(prepared.pixels)[0], None, SIZE)
    whole = (raw["residual"] / 3 + 0.5 * raw["prototype"]) * prepared.input_masks
    expected = float(whole.max() + 3750 * contrast(whole) - 0.08 * concentration(whole))
    detection = papers.detect(film, force=True)
    assert detection.score == pytest.approx(expected, rel=1e-5)
    assert detection.map.max() == pytest.approx(float(whole.max()), rel=0.05)
    assert detection.model["scoring"] == "published" and "scoring" not in ours.summary()
    assert "published-scoring" in [notice.code for notice in detection.notices]
    known = papers.card["calibration"]["published"]
    assert detection.threshold == pytest.approx(known[KEY]["peaks"][known[KEY]["rates"].index(0.05)])
    assert detection.threshold != pytest.approx(ours.detect(film, force=True).threshold)
    assert detection.scan_verdict.scores == tuple(known[KEY]["scores"])
    usual = papers.detect(chest_image(), force=True)
    assert usual.score < detection.score

    card = papers.card
    without = {**card, "calibration": {k: v for k, v in card["calibration"].items() if k != "published"}}
    for scoring, broken, word in (("published", without, "recalibrate"), ("ours", card, "no scoring"), (
            "published", {**card, "scoring": {**card["scoring"], "terms": ["prototype"]}}, "does not use its decoder")):
        with pytest.raises(UsageError, match=word):
            tables_for(scoring, broken)
    assert tables_for("model", without) is without["calibration"]
