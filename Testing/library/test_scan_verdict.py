"""The scan verdict: what it says, and that it shares its rate with the findings."""
from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SPMambaLib.scoring.budget import GRID, budget_of, rank_table, share_reaching
from SPMambaLib.scoring.calibration import Calibration
from SPMambaLib.scoring.scan_verdict import (
    FEWEST,
    KEY,
    ScanNormals,
    ScanVerdict,
    calibration_for,
    scan_normals_card,
    volume_score,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import model_pages


def normals(n: int, correlation: float, seed: int = 0):
    """Peaks and image scores (n,) that go together to a degree."""
    both = np.random.default_rng(seed).multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], n)
    return np.exp(both[:, 0]), both[:, 1]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.95])
@pytest.mark.parametrize("n", [20, 97, 400])
def test_one_in_so_many_normals_shows_either(n, correlation, share):
    peaks, scores = normals(n, correlation)
    budget = budget_of(peaks, scores, share)
    for rate, peak, score, finding, verdict in zip(budget.rates, budget.peaks, budget.scores, budget.finding_rates,
                                                   budget.verdict_rates):
        either = ((peaks >= peak) | (scores >= score)).mean()
        assert rate - 1.0 / n - 1e-9 <= either * n / (n + 1) <= rate + 1e-9
        assert (finding, verdict) == ((peaks >= peak).mean(), (scores >= score).mean())
    assert list(budget.peaks) == sorted(budget.peaks) and list(budget.scores) == sorted(budget.scores)
    assert budget.rates[-1] == pytest.approx(1.0 / (n + 1)), "the rarest event that n normals show"
    assert list(budget.rates) == sorted(budget.rates, reverse=True) and set(budget.rates[:-1]) <= set(GRID)


def test_two_alarms_without_a_budget_break_the_promise():
    """Negative control."""
    peaks, scores = normals(2000, 0.0)
    alone = [Calibration.from_peaks(values, unit="image").threshold(0.05) for values in (peaks, scores)]
    assert ((peaks >= alone[0]) | (scores >= alone[1])).mean() > 0.09


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_the_promise_holds_for_new_normals(share):
    budget = budget_of(*normals(2000, 0.5), share)
    peaks, scores = normals(20000, 0.5, seed=1)
    for rate, peak, score in zip(budget.rates, budget.peaks, budget.scores):
        if rate >= 0.02:
            assert ((peaks >= peak) | (scores >= score)).mean() == pytest.approx(rate, rel=0.3)


def test_the_share_goes_to_the_findings():
    peaks, scores = normals(2000, 0.2)
    little, half, much = (budget_of(peaks, scores, share) for share in (0.2, 0.5, 0.8))
    at = GRID.index(0.05)
    assert little.finding_rates[at] < half.finding_rates[at] < much.finding_rates[at] < 0.05
    assert half.finding_rates[at] == pytest.approx(half.verdict_rates[at], abs=2 / 2000)


def test_equal_values_do_no_harm():
    budget = budget_of(np.full(30, 2.0), np.full(30, 1.0), 0.5)
    assert budget.rates == (30 / 31,) and budget.peaks == (2.0,)
    assert share_reaching(np.array([1.0, 3.0, 3.0, 2.0])).tolist() == [0.8, 0.4, 0.4, 0.6]
    with pytest.raises(ValueError):
        budget_of(np.ones(30), np.ones(30), 1.0)
    with pytest.raises(ValueError):
        budget_of(np.ones(30), np.ones(29), 0.5)


def card(n: int = 200, unit: str = "image", patients=None):
    peaks, scores = normals(n, 0.5)
    return {"map": Calibration.from_peaks(peaks, unit=unit).to_dict(),
            KEY: scan_normals_card(peaks, scores, patients or [str(k) for k in range(n)], unit=unit)}


def test_words_and_bar_of_a_picture():
    known = ScanNormals.of(json.loads(json.dumps(card())))
    scores = np.sort(normals(200, 0.5)[1])
    usual, unusual, beyond = (known.picture(float(s), 0.05) for s in (scores[10], scores[-3], scores[-1] + 1.0))
    assert not usual.unusual
    assert usual.sentence() == "not unusual as a whole: at least half of the normal images score this high"
    assert unusual.unusual and unusual.rate == pytest.approx(3 / 200, rel=0.3)
    assert unusual.sentence() == "unusual as a whole: 1 in 56 normal images scores this high"
    assert beyond.beyond and "none of 200 normal images scores this high" in beyond.sentence()
    assert 0.0 == usual.position < unusual.position < beyond.position == 1.0
    assert unusual.threshold(0.01) > unusual.threshold(0.05) > unusual.threshold(0.3)
    assert not unusual.at(0.006).unusual and unusual.at(0.5).unusual, "it follows the operating point"
    again = ScanVerdict.from_dict(json.loads(json.dumps(beyond.to_dict())))
    assert again == beyond
    for damage in ({"rates": []}, {"score": None}, {"unit": None, "normals": "x"}):
        with pytest.raises((KeyError, TypeError, ValueError)):
            ScanVerdict.from_dict({**beyond.to_dict(), **damage})


def test_volumes_are_compared_with_volumes():
    slices = 12
    patients = ["p{}".format(n // slices) for n in range(FEWEST * slices)]
    known = ScanNormals.of(card(len(patients), "slice", patients))
    assert known.volumes == FEWEST and known.volume[0][-1] == pytest.approx(1 / (FEWEST + 1))
    scores = normals(len(patients), 0.5)[1].reshape(FEWEST, slices)
    expected = np.sort(np.sort(scores, axis=1)[:, -4:].mean(axis=1))
    assert known.volume[1] == pytest.approx(rank_table(expected.tolist())[1])
    verdict = known.whole(scores[0] + 9.0, 0.05)
    assert (verdict.unit, verdict.normals, verdict.unusual) == ("volume", FEWEST, True)
    assert verdict.score == pytest.approx(volume_score(scores[0]) + 9.0)
    assert volume_score([3.0]) == 3.0 and volume_score([1.0, 2.0, 9.0]) == 9.0

    fewer = ScanNormals.of(card((FEWEST - 1) * slices, "slice", patients[: (FEWEST - 1) * slices]))
    assert fewer.whole(scores[0], 0.05) is None and "19 normal volumes" in fewer.absence()


def test_findings_share_their_rate_in_pictures_only():
    calibration = card()
    alone, shared = (calibration_for(calibration, kind) for kind in ("volume", "image"))
    assert shared.threshold(0.05) > alone.threshold(0.05) == Calibration.from_dict(calibration["map"]).threshold(0.05)
    assert shared.rate(5.0) == alone.rate(5.0), "how rare a peak is does not depend on the budget"
    assert Calibration.from_dict(json.loads(json.dumps(shared.to_dict()))) == shared
    assert "shared_rates" not in alone.to_dict()
    fewer = replace(alone, rates=alone.rates[:8], thresholds=alone.thresholds[:8])  # to 1 in 20
    assert fewer.shared(shared.shared_rates, shared.shared_thresholds).lowest_rate == fewer.lowest_rate == 0.05
    assert fewer.shared(shared.shared_rates, shared.shared_thresholds).threshold(0.05) == shared.threshold(0.05)
    without = {"map": calibration["map"]}
    assert ScanNormals.of(without) is None and calibration_for(without, "image") == alone


def test_a_volume_and_its_slices_can_be_told_apart():
    known = ScanNormals.of(card())
    assert known.whole([1.0, 2.0], 0.05) is None and "single images" in known.absence()
    assert "as a whole: 9 normal volumes were held out" in replace(known, unit="slice", volumes=9).absence()


def test_a_page_tells_how_the_rate_is_shared():
    lines = model_pages.scan_verdict(card(180, "slice", [str(n // 20) for n in range(180)])[KEY])
    assert "50 % of it goes to findings" in lines[0] and "Only 9 normal volumes" in lines[1]
    lines = model_pages.scan_verdict(card(400, "slice", [str(n // 20) for n in range(400)])[KEY])
    assert "compared with 20 normal volumes" in lines[1]
    assert len(model_pages.scan_verdict(card()[KEY])) == 1
