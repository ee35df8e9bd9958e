"""The operating point: a rate on normals, a threshold on the map, and back."""
from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from SPMambaLib.errors import UsageError
from SPMambaLib.scoring.calibration import EXTREME_MARGIN, Calibration
from SPMambaLib.scoring.slices import at_height, score_by_height

RATES = (0.4, 0.2, 0.1, 0.05, 0.03, 0.01)


def peaks(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4.0, 1.0, n)


@pytest.mark.parametrize("n", [20, 21, 33, 100, 777, 2000])
def test_the_share_of_normals_that_reach_a_threshold(n):
    values = peaks(n)
    calibration = Calibration.from_peaks(values, unit="slice")
    assert (calibration.normals, calibration.lowest_rate) == (n, pytest.approx(1.0 / (n + 1)))
    for rate in calibration.rates:
        reached = (values >= calibration.threshold(rate)).mean()
        assert rate - 1.0 / n <= reached <= rate + 1.0 / n + 1e-12
        assert (values >= calibration.threshold(min(0.9, 2 * rate)) - 0.2).mean() > rate


def test_thresholds_hold_on_new_normals():
    calibration = Calibration.from_peaks(peaks(1000), unit="image")
    fresh = peaks(4000, seed=1)
    for rate in RATES:
        low, high = calibration.interval(rate)
        assert low < (fresh >= calibration.threshold(rate)).mean() < high
    assert calibration.interval(0.05) == pytest.approx((0.0374, 0.0654), abs=2e-4), "Clopper and Pearson, 50 of 1000"


@pytest.mark.parametrize("n", [20, 50, 100])
def test_the_rate_is_right_on_average_however_few_the_normals(n):
    """The share of new normals that is let through, mean of many calibrations; the quantile of before as control."""
    fresh = np.sort(peaks(20000, seed=9))
    reached, old = [], []
    for seed in range(400):
        values = peaks(n, seed=100 + seed)
        for found, threshold in ((reached, Calibration.from_peaks(values, unit="image").threshold(0.05)),
                                 (old, float(np.quantile(values, 0.98, method="higher")))):
            found.append(1.0 - np.searchsorted(fresh, threshold) / len(fresh))
    assert np.mean(reached) == pytest.approx(0.05, rel=0.15)
    assert np.mean(old) < 0.045, "negative control"


def test_a_rate_that_the_normals_cannot_tell_is_refused():
    calibration = Calibration.from_peaks(peaks(50), unit="image")
    assert calibration.threshold(1.0 / 51) == pytest.approx(max(peaks(50)))
    for rate in (1e-9, 0.01):
        with pytest.raises(UsageError, match="50 normals; the rarest is 0.01961, 1 in 51") as caught:
            calibration.threshold(rate)
        assert caught.value.code == "rate-not-known"


def test_images_of_few_patients_are_worth_less():
    values, patients = peaks(100).repeat(5), [str(n // 5) for n in range(500)]
    alike, alone = (Calibration.from_peaks(values, unit="slice", patients=names)
                    for names in (patients, [str(n) for n in range(500)]))
    assert alike.effective == 100 and alone.effective == 500
    assert alike.interval(0.05)[1] > alone.interval(0.05)[1]
    assert Calibration.from_dict(alike.to_dict()) == alike


def test_threshold_and_rate_are_inverses_and_monotone():
    calibration = Calibration.from_peaks(peaks(500), unit="slice")
    rates = np.exp(np.linspace(np.log(0.0021), np.log(0.49), 50))
    thresholds = [calibration.threshold(rate) for rate in rates]
    assert (np.diff(thresholds) < 0).all()
    assert [calibration.rate(t) for t in thresholds] == pytest.approx(list(rates), rel=1e-6)
    assert calibration.threshold(0.9) == calibration.threshold(0.5)
    assert calibration.rate(1e9) == pytest.approx(calibration.lowest_rate)
    assert calibration.rate(-1e9) == pytest.approx(0.5)


def test_equal_peaks_do_no_harm():
    calibration = Calibration.from_peaks([2.0] * 30, unit="slice")
    assert calibration.threshold(0.05) == 2.0
    assert 0.0 < calibration.rate(2.0) <= 0.5 and calibration.rate(3.0) == pytest.approx(1 / 31)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 2.0, float("nan")])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(UsageError):
        Calibration.from_peaks(peaks(50), unit="slice").threshold(rate)


def test_too_few_normals_are_refused():
    Calibration.from_peaks(peaks(20), unit="slice")
    with pytest.raises(UsageError, match="19"):
        Calibration.from_peaks(peaks(19), unit="slice")


@pytest.mark.parametrize("rate", [0.3, 0.05, 0.02, 0.005])
def test_no_band_starts_below_the_threshold(rate):
    values = peaks(300)
    calibration = Calibration.from_peaks(values, unit="slice")
    threshold = calibration.threshold(rate)
    edges = calibration.band_edges(threshold)
    assert edges[0] == threshold and list(edges) == sorted(edges)
    assert calibration.bands[2].threshold == pytest.approx(values.max() * EXTREME_MARGIN)
    ladder = np.array([threshold - 1e-3, threshold, *edges, values.max() * EXTREME_MARGIN + 1e-3, -5.0, 0.0])
    severity = calibration.severity(ladder, threshold)
    assert severity.dtype == np.uint8
    assert severity[0] == 0 and severity[1] >= 1 and severity[-3] == 3 and (severity[-2:] == 0).all()
    assert severity.tolist() == [sum(v >= e for e in edges) for v in ladder]


def test_a_calibration_survives_json():
    calibration = Calibration.from_peaks(peaks(64), unit="image", default_rate=0.1, extent=1.25)
    again = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict())))
    assert again == calibration


def test_a_score_is_judged_among_normals_of_its_height():
    """Where normals vary more a high score is less unusual; without the table both slices look alike."""
    random = np.random.default_rng(0)
    height_bins = random.uniform(0, 1, 4000)
    scores = 2 * (height_bins > 0.5) + random.normal(size=4000) * np.where(height_bins > 0.5, 2.0, 0.5)
    table = score_by_height(scores, height_bins)
    assessed = at_height(torch.tensor([2.0, 2.0]), torch.tensor([0.2, 0.8]), table)
    assert assessed[0] > 2 and abs(float(assessed[1])) < 0.2
    far = score_by_height(scores[height_bins < 0.4], height_bins[height_bins < 0.4])  # nobody lies near the top
    assert np.isfinite(far["mean"]).all() and min(far["spread"]) >= 0.5 * scores[height_bins < 0.4].std() - 1e-9


def test_a_finding_of_a_band_that_is_not_there_has_the_nearest():
    """Results may be read with the bands of another version."""
    calibration = Calibration.from_peaks(np.linspace(1.0, 3.0, 100), unit="slice")
    assert [calibration.band(number) for number in (1, 2, 3)] == list(calibration.bands)
    assert calibration.band(0) is calibration.bands[0] and calibration.band(9) is calibration.bands[-1]
