"""Metrics against scikit-learn, brute force and cases worked out by hand."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from sklearn import metrics as reference

from SPMambaLib.evaluation.aupro import aupro, label_regions, region_weights
from SPMambaLib.evaluation.bootstrap import interval, patient_index, patient_weights
from SPMambaLib.evaluation.curves import auroc, average_precision, best_f1, grouped, precision_recall_points, roc_points
from SPMambaLib.evaluation.froc import FrocView, peaks, running_maximum
from SPMambaLib.evaluation.image_metrics import (
    chosen_on_labels,
    component_aurocs,
    height_only,
    operating_points,
    ranking_metrics,
)
from SPMambaLib.evaluation.pixel_metrics import PixelView
from SPMambaLib.evaluation.ranking import Ranking, sortable, unsorted
from SPMambaLib.evaluation.rows import Row, scores_of


def drawn(n=200, ties=False, seed=0):
    """Scores and labels that have something to do with each other."""
    random = np.random.default_rng(seed)
    abnormal = random.random(n) < 0.3
    scores = random.normal(size=n) + abnormal
    return (np.round(scores, 1) if ties else scores), abnormal


def counts(scores, abnormal):
    return grouped(scores, abnormal, np.ones(len(scores)))


# -- curves ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_as_scikit_learn(ties, seed):
    scores, abnormal = drawn(ties=ties, seed=seed)
    values, negatives, positives = counts(scores, abnormal)
    assert auroc(negatives, positives) == pytest.approx(reference.roc_auc_score(abnormal, scores), abs=1e-12)
    assert average_precision(negatives, positives) == pytest.approx(
        reference.average_precision_score(abnormal, scores), abs=1e-12)
    f1, threshold = best_f1(values, negatives, positives)
    brute = [reference.f1_score(abnormal, scores >= t) for t in np.unique(scores)]
    assert f1 == pytest.approx(max(brute), abs=1e-12)
    assert reference.f1_score(abnormal, scores >= threshold) == pytest.approx(f1, abs=1e-12)
    x, y = roc_points(negatives, positives)
    assert reference.auc(x, y) == pytest.approx(reference.roc_auc_score(abnormal, scores), abs=1e-12)
    precision, recall, _ = reference.precision_recall_curve(abnormal, scores)
    ours = precision_recall_points(negatives, positives)
    assert np.allclose(ours[0][::-1], recall[:-1]) and np.allclose(ours[1][::-1], precision[:-1])


def test_weights_are_repetitions():
    scores, abnormal = drawn(60, ties=True)
    weights = np.random.default_rng(1).integers(0, 4, (5, 60))
    _, negatives, positives = grouped(scores, abnormal, weights)
    for row, repeats in enumerate(weights):
        s, a = np.repeat(scores, repeats), np.repeat(abnormal, repeats)
        assert auroc(negatives, positives)[row] == pytest.approx(reference.roc_auc_score(a, s), abs=1e-12)
        assert average_precision(negatives, positives)[row] == pytest.approx(
            reference.average_precision_score(a, s), abs=1e-12)


def test_one_class_gives_no_number():
    for abnormal in (np.zeros(5, bool), np.ones(5, bool)):
        _, negatives, positives = counts(np.arange(5.0), abnormal)
        assert np.isnan(auroc(negatives, positives)) and np.isnan(average_precision(negatives, positives))


def test_constant_scores_know_nothing():
    _, negatives, positives = counts(np.zeros(50), np.arange(50) < 20)
    assert auroc(negatives, positives) == 0.5 and average_precision(negatives, positives) == pytest.approx(0.4)


def test_shuffled_labels_give_chance():
    """Negative control."""
    scores, abnormal = drawn(4000)
    assert auroc(*counts(scores, abnormal)[1:]) > 0.7
    shuffled = np.random.default_rng(3).permutation(abnormal)
    assert abs(auroc(*counts(scores, shuffled)[1:]) - 0.5) < 0.03


# -- counts in bounded memory ------------------------------------------------------------------------------------------

def test_sortable_bits():
    values = np.array([-np.inf, -3e38, -2.5, -1e-40, -0.0, 0.0, 1e-40, 1e-3, 7.0, 3e38, np.inf], dtype=np.float32)
    keys = sortable(values)
    assert (np.diff(keys.astype(np.int64)) >= 0).all() and keys[4] == keys[5]
    assert np.array_equal(unsorted(keys), values)


def test_a_ranking_is_exact_until_it_is_full_and_bounded_after():
    random = np.random.default_rng(0)
    parts = [(random.normal(size=(20, 30)).astype(np.float32), random.random((20, 30)) < 0.2) for _ in range(12)]
    parts = [(m + t, t) for m, t in parts]
    scores, truth = (np.concatenate([part[n].ravel() for part in parts]) for n in (0, 1))
    for capacity, bits, tolerance in ((10_000, 32, 1e-12), (1000, 31, 2e-3)):
        ranking = Ranking(("negatives", "positives"), capacity)
        for anomaly_map, mask in parts:
            ranking.add(anomaly_map, negatives=~mask, positives=mask)
        values, columns = ranking.counts()
        assert len(values) <= capacity and ranking.bits <= bits and ranking.total == scores.size
        assert (ranking.bits == 32) == (bits == 32) and (np.diff(values) < 0).all()
        assert columns["positives"].sum() == truth.sum() and columns["negatives"].sum() == (~truth).sum()
        assert auroc(columns["negatives"], columns["positives"]) == pytest.approx(
            reference.roc_auc_score(truth, scores), abs=tolerance)
        assert average_precision(columns["negatives"], columns["positives"]) == pytest.approx(
            reference.average_precision_score(truth, scores), abs=tolerance)


def test_maps_that_are_not_finite_are_no_maps():
    with pytest.raises(ValueError):
        Ranking(("negatives",)).add(np.array([1.0, np.nan]))


# -- pixels ------------------------------------------------------------------------------------------------------------

def blobs(seed, lesions=2, shape=(40, 40), shift=(0, 0)):
    """A map (1, H, W) that is high on its mask, and the mask."""
    random = np.random.default_rng(seed)
    mask = np.zeros(shape, dtype=bool)
    for _ in range(lesions):
        row, column = random.integers(4, 32, 2)
        mask[row:row + random.integers(2, 6), column:column + random.integers(2, 6)] = True
    anomaly_map = ndimage.gaussian_filter(random.normal(size=shape), 1.5) + 0.8 * np.roll(mask, shift, (0, 1))
    return anomaly_map[None].astype(np.float32), mask[None]


def viewed(pairs, threshold=0.5):
    view = PixelView()
    for n, (anomaly_map, mask) in enumerate(pairs):
        view.add(anomaly_map, mask, "p{}".format(n), anomaly_map >= np.float32(threshold))
    return view


def test_pixel_metrics_as_scikit_learn():
    pairs = [blobs(seed, lesions=seed % 3) for seed in range(6)]
    view = viewed(pairs)
    scores, truth = (np.concatenate([pair[n].ravel() for pair in pairs]) for n in (0, 1))
    found = view.metrics()
    assert found["auroc"] == pytest.approx(reference.roc_auc_score(truth, scores), abs=1e-12)
    assert found["ap"] == pytest.approx(reference.average_precision_score(truth, scores), abs=1e-12)
    assert found["best_dice"] == pytest.approx(
        max(reference.f1_score(truth, scores >= t) for t in np.sort(scores)[-250:]), abs=1e-12)
    assert view.dice() == pytest.approx(reference.f1_score(truth, scores >= np.float32(0.5)), abs=1e-12)
    assert view.precision()["pixels"] == scores.size and view.precision()["bits_of_map_value"] == 32


def test_a_swapped_mask_lowers_pixel_ap():
    """Negative control: each map judged by the next one's mask."""
    pairs = [blobs(seed) for seed in range(8)]
    swapped = [(anomaly_map, pairs[(n + 1) % 8][1]) for n, (anomaly_map, _) in enumerate(pairs)]
    right, wrong = viewed(pairs).metrics(), viewed(swapped).metrics()
    assert wrong["ap"] < 0.5 * right["ap"] and wrong["aupro"] < right["aupro"] and wrong["auroc"] < right["auroc"]


def test_pixel_intervals_hold_the_value_and_follow_the_patients():
    view = viewed([blobs(seed) for seed in range(12)])
    patients = sorted("p{}".format(n) for n in range(12))
    weights = patient_weights(patients, 200)
    found, metrics = view.intervals(patients, weights), view.metrics()
    for name in ("auroc", "ap"):
        low, high = found[name]
        assert low < metrics[name] < high
    assert view.intervals(patients, np.ones((3, 12)))["ap"] == pytest.approx([metrics["ap"]] * 2, abs=5e-3)
    assert view.intervals(["stranger", *patients], np.ones((3, 13)))["ap"] == pytest.approx([metrics["ap"]] * 2,
                                                                                            abs=5e-3)


# -- AUPRO -------------------------------------------------------------------------------------------------------------

def aupro_of(pairs, limit=0.3):
    view = viewed(pairs)
    values, columns = view.ranking.counts()
    return aupro(columns["negatives"], columns["overlaps"], limit)


def brute_aupro(pairs, limit):
    """The definition, threshold by threshold."""
    points = [(0.0, 0.0)]
    negatives = sum((~mask).sum() for _, mask in pairs)
    for threshold in sorted({v for m, _ in pairs for v in m.ravel().tolist()}, reverse=True):
        overlaps = []
        for anomaly_map, mask in pairs:
            labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
            overlaps += [(anomaly_map[labels == n] >= threshold).mean() for n in range(1, count + 1)]
        false = sum(((m >= threshold) & ~mask).sum() for m, mask in pairs) / negatives
        points.append((false, np.mean(overlaps)))
    grid = np.linspace(0, limit, 200_001)
    x, y = np.array(points).T
    return np.trapezoid(np.interp(grid, x, y), grid) / limit


def test_aupro_by_hand():
    """Ten pixels in a row: lesion A of two (9, 5), lesion B of one (3), seven normal: 8, 4, 2 and four of 0.

    Thresholds 9: PRO 1/4 at FPR 0; 8: FPR 1/7; 5: PRO 1/2; 4: FPR 2/7; 3: PRO 1; then FPR grows to 3/7 and 1.
    Area up to 0.3: 1/7 * 1/4 + 1/7 * 1/2 + (0.3 - 2/7) * 1.
    """
    anomaly_map = np.array([[[9, 5, 8, 4, 3, 2, 0, 0, 0, 0]]], dtype=np.float32)
    mask = np.array([[[1, 1, 0, 0, 1, 0, 0, 0, 0, 0]]], dtype=bool)
    expected = (1 / 7 * 1 / 4 + 1 / 7 * 1 / 2 + (0.3 - 2 / 7)) / 0.3
    assert aupro_of([(anomaly_map, mask)]) == pytest.approx(expected, abs=1e-12)


def test_aupro_of_the_best_the_worst_and_the_blind():
    mask = np.zeros((1, 10, 10), bool)
    mask[0, 2:4, 2:4] = mask[0, 7, 7] = True
    assert aupro_of([(mask.astype(np.float32), mask)]) == 1.0
    assert aupro_of([(1.0 - mask.astype(np.float32), mask)]) == 0.0
    blind = aupro_of([(np.zeros((1, 10, 10), np.float32), mask)])
    assert blind == pytest.approx(0.15)  # the diagonal up to 0.3: 0.3 / 2
    assert np.isnan(aupro_of([(mask.astype(np.float32), np.zeros_like(mask))]))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_aupro_against_the_definition(seed, limit):
    pairs = [blobs(10 * seed + n, lesions=n, shape=(40, 40)) for n in range(3)]
    pairs = [(np.round(m, 1), t) for m, t in pairs]
    assert aupro_of(pairs, limit) == pytest.approx(brute_aupro(pairs, limit), abs=1e-4)


def test_aupro_is_always_a_share():
    random = np.random.default_rng(0)
    for n in range(200):
        shape = (1, *random.integers(2, 9, 2))
        mask = random.random(shape) < random.uniform(0.05, 0.9)
        anomaly_map = np.round(random.normal(size=shape) * random.choice([1e-6, 1, 1e6]), n % 3).astype(np.float32)
        value = aupro_of([(anomaly_map, mask)], float(random.uniform(0.01, 1.0)))
        assert np.isnan(value) or 0.0 <= value <= 1.0


def test_regions_touch_by_corners():
    mask = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 1, 0]], dtype=bool)[None]
    labels = label_regions(mask)
    weights, count = region_weights(labels)
    assert count == 2 and weights.sum() == pytest.approx(2.0) and np.count_nonzero(weights) == 4


# -- FROC --------------------------------------------------------------------------------------------------------------

def spot(shape, *points):
    """A map (1, H, W) that is 0 but for single pixels (row, column, value)."""
    anomaly_map = np.zeros((1, *shape), dtype=np.float32)
    for row, column, value in points:
        anomaly_map[0, row, column] = value
    return anomaly_map


def test_froc_by_hand():
    """Two images: lesions A (mark 5), B (mark 2), C (none); false marks 4, 3 in the first, 1 in the second.

    No false mark: only A. One false mark in two images (0.5 per image) is that of 4: still A.  Two (1 per image): 4
    and 3, so B's 2 counts: A and B.  C is never found.
    """
    first = spot((60, 60), (10, 10, 5.0), (30, 30, 2.0), (50, 10, 4.0), (10, 50, 3.0))
    lesions = np.zeros((1, 60, 60), dtype=bool)
    lesions[0, 8:13, 8:13] = lesions[0, 28:33, 28:33] = lesions[0, 45:48, 45:48] = True
    view = FrocView()
    view.add(first, lesions, (1.0, 1.0, 1.0))
    view.add(spot((60, 60), (20, 20, 1.0)), np.zeros((1, 60, 60), dtype=bool), (1.0, 1.0, 1.0))
    result = view.result()
    third = 1 / 3
    assert result["sensitivity"] == pytest.approx({"0.125": third, "0.25": third, "0.5": third, "1": 2 * third,
                                                   "2": 2 * third, "4": 2 * third, "8": 2 * third})
    assert (result["lesions"], result["images"], result["marks_outside_lesions"]) == (3, 2, 3)
    curve = result["curve"]["sensitivity"]
    assert curve == sorted(curve) and max(curve) == pytest.approx(2 * third)


def test_neighbours_are_one_mark_and_a_plateau_too():
    values, _ = peaks(spot((40, 40), (10, 10, 5.0), (12, 12, 4.0), (30, 30, 3.0), (30, 31, 3.0)), (1.0, 1.0, 1.0))
    assert sorted(values.tolist()) == [3.0, 5.0]
    far, _ = peaks(spot((40, 40), (10, 10, 5.0), (12, 12, 4.0)), (1.0, 4.0, 4.0))  # 11 mm apart
    assert sorted(far.tolist()) == [4.0, 5.0]
    assert len(peaks(np.zeros((1, 20, 20), np.float32), (1.0, 1.0, 1.0))[0]) == 0


def test_running_maximum_is_a_filter():
    array = np.random.default_rng(0).normal(size=(3, 17, 12))
    for axis, radius in ((1, 4), (2, 11), (0, 1)):
        size = [1, 1, 1]
        size[axis] = 2 * radius + 1
        expected = ndimage.maximum_filter(array, size=size, mode="constant", cval=-np.inf)
        assert np.array_equal(running_maximum(array, axis, radius), expected)


# -- intervals ---------------------------------------------------------------------------------------------------------

def test_patients_are_drawn_with_replacement_and_seeded():
    weights = patient_weights(["b", "a", "b", "c"], 500)
    assert weights.shape == (500, 3) and (weights.sum(axis=1) == 3).all()
    assert np.array_equal(weights, patient_weights(["c", "b", "a"], 500))
    assert patient_index(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]
    assert interval(lambda w: np.full(len(w), np.nan), weights) is None
    assert interval(lambda w: np.ones(len(w)), weights) == [1.0, 1.0]
    assert interval(lambda w: np.ones(len(w)), np.ones((500, 1))) is None, "one patient cannot vary"


def rows(n=300, patients=30, seed=0, signal=1.0):
    random = np.random.default_rng(seed)
    out = []
    for k in range(n):
        abnormal = bool(random.random() < 0.4)
        score = float(random.normal() + signal * abnormal)
        out.append(Row("r{}".format(k), "p{}".format(k % patients), abnormal, score, float(random.random()),
                       {"peak": score, "other": float(random.normal())}, {0.1: score > 1.28}))
    return out


def test_intervals_by_patient_are_wider_than_by_image_when_patients_repeat():
    once = rows(40, patients=40)
    repeated = [Row("{}-{}".format(r.name, k), r.patient, r.abnormal, r.score) for r in once for k in range(10)]

    def width(items, unit):
        names = [getattr(item, unit) for item in items]
        scores, abnormal, index = scores_of(items), np.array([i.abnormal for i in items]), patient_index(names)
        low, high = interval(lambda w: auroc(*grouped(scores, abnormal, w[:, index])[1:]), patient_weights(names, 400))
        return high - low

    assert width(repeated, "patient") == pytest.approx(width(once, "patient"), rel=0.25)
    assert width(repeated, "patient") > 2 * width(repeated, "name")


def test_image_metrics_of_rows():
    items = rows()
    weights = patient_weights([r.patient for r in items])
    values, intervals = ranking_metrics(items, weights)
    truth, scores = np.array([r.abnormal for r in items]), np.array([r.score for r in items])
    assert values["auroc"] == pytest.approx(reference.roc_auc_score(truth, scores), abs=1e-12)
    wins = pairs = 0.0
    for a in (r for r in items if r.abnormal):
        near = np.array([r.score for r in items if not r.abnormal and abs(r.slice_height - a.slice_height) < 0.06])
        wins, pairs = wins + (a.score > near).sum() + 0.5 * (a.score == near).sum(), pairs + len(near)
    assert values["auroc_height_matched"] == pytest.approx(wins / pairs, abs=1e-12)
    for name, (low, high) in intervals.items():
        assert low < values[name] < high, name
    assert component_aurocs(items)["peak"] == pytest.approx(values["auroc"])
    assert abs(component_aurocs(items)["other"] - 0.5) < 0.1


def test_operating_points_say_which_share_shows_a_finding():
    items = rows()
    (point,) = operating_points(items, {0.1: 1.28}, 0.1, patient_weights([r.patient for r in items]))
    flagged, truth = np.array([r.score > 1.28 for r in items]), np.array([r.abnormal for r in items])
    assert point["default"] and point["threshold"] == 1.28
    assert point["sensitivity"] == pytest.approx(flagged[truth].mean())
    assert point["specificity"] == pytest.approx(1 - flagged[~truth].mean())
    assert point["specificity_interval"][0] < point["specificity"] < point["specificity_interval"][1]
    assert point["scan_verdict"] is None and point["findings"]["sensitivity"] == point["sensitivity"]
    oracle = chosen_on_labels(items)
    scores = np.array([r.score for r in items])
    chosen = scores >= oracle["score_threshold"]
    assert oracle["f1max"] == pytest.approx(reference.f1_score(truth, chosen))
    assert oracle["sensitivity"] == pytest.approx(chosen[truth].mean())


def test_operating_points_tell_findings_and_verdict_apart():
    items = [replace(r, unusual={0.1: n % 3 == 0}) for n, r in enumerate(rows())]
    weights = patient_weights([r.patient for r in items])
    (point,) = operating_points(items, {0.1: 1.28}, 0.1, weights)
    truth = np.array([r.abnormal for r in items])
    finding, verdict = (np.array([says[0.1] for says in each])
                        for each in ([r.flagged for r in items], [r.unusual for r in items]))
    for measured, alarm in ((point["findings"], finding), (point["scan_verdict"], verdict), (point, finding | verdict)):
        assert measured["sensitivity"] == pytest.approx(alarm[truth].mean())
        assert measured["specificity"] == pytest.approx(1 - alarm[~truth].mean())
    (without,) = operating_points([*items[1:], replace(items[0], unusual={})], {0.1: 1.28}, 0.1, weights)
    assert without["scan_verdict"] is None, "where one image has none, none is counted"
    assert without["sensitivity"] == without["findings"]["sensitivity"] < point["sensitivity"]


def test_height_alone_is_seen_and_matched_away():
    """A score that is nothing but the height looks good, until slices of one height are compared."""
    random = np.random.default_rng(0)
    items = []
    for k in range(2000):
        slice_height = float(random.random())
        abnormal = bool(random.random() < np.exp(-0.5 * ((slice_height - 0.6) / 0.25) ** 2))
        items.append(Row(str(k), "p{}".format(k % 50), abnormal, -abs(slice_height - 0.6), slice_height))
    values, _ = ranking_metrics(items, patient_weights([r.patient for r in items], 10))
    assert values["auroc"] > 0.75 and abs(values["auroc_height_matched"] - 0.5) < 0.1 and height_only(items) > 0.75
    assert height_only([Row("a", "p", True, 1.0), Row("b", "q", False, 0.0)]) is None


def test_a_lesion_where_nothing_was_analysed_is_a_miss():
    items = [Row("a", "p", True, float("nan")), Row("b", "q", False, -3.0), Row("c", "r", True, 5.0)]
    assert scores_of(items).tolist() == [-4.0, -3.0, 5.0]
    values, _ = ranking_metrics(items, patient_weights(["p", "q", "r"], 10))
    assert values["auroc"] == 0.5 and np.isnan(values["auroc_height_matched"])
