"""Is the image abnormal?  Metrics of the image score, and of the findings at the calibrated operating points."""
from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np

from .bootstrap import interval, patient_index
from .curves import auroc, average_precision, best_f1, grouped
from .rows import Row, abnormal_of, patients_of, scores_of

Metric = Callable[[np.ndarray, np.ndarray], np.ndarray]
HEIGHT_TOLERANCE = 0.06  # height-matched AUROC compares only slices this close in relative height


def ranking_metrics(rows: Sequence[Row], weights: np.ndarray) -> Tuple[Dict[str, float], Dict[str, Any]]:
    """({"auroc", "ap", "auroc_height_matched"}, their intervals); `weights` as from `bootstrap.patient_weights`."""
    scores, abnormal, index = scores_of(rows), abnormal_of(rows), patient_index(patients_of(rows))
    _, negatives, positives = grouped(scores, abnormal, np.ones(len(rows)))
    values = {"auroc": float(auroc(negatives, positives)), "ap": float(average_precision(negatives, positives)),
              "auroc_height_matched": float("nan")}
    intervals: Dict[str, Any] = {}
    for name, metric in (("auroc", auroc), ("ap", average_precision)):
        intervals[name] = interval(partial(_resampled, metric, scores, abnormal, index), weights)
    height_bins = np.array([np.nan if row.slice_height is None else row.slice_height for row in rows])
    if np.isfinite(height_bins).any():
        wins, pairs = height_matched_pairs(scores, abnormal, height_bins, index)
        values["auroc_height_matched"] = float(wins.sum() / pairs.sum()) if pairs.sum() else float("nan")
        intervals["auroc_height_matched"] = interval(partial(_paired, wins, pairs), weights)
    return values, intervals


def _resampled(metric: Metric, scores: np.ndarray, abnormal: np.ndarray, index: np.ndarray,
               weights: np.ndarray) -> np.ndarray:
    """A metric of `curves` for resamples of patients (n, P)."""
    return metric(*grouped(scores, abnormal, weights[:, index])[1:])


def height_matched_pairs(scores: np.ndarray, abnormal: np.ndarray, height_bins: np.ndarray,
                        index: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """(wins, pairs), each (P, P): of abnormal images of patient p with normal ones of patient q at similar height.

    A pair that is ranked right is a win, a tie half a win.  Lesions are not at all heights equally likely, so a score
    that only knew the height would separate the classes; among pairs of one height it cannot.
    """
    count = int(index.max()) + 1
    wins, pairs = np.zeros((count, count)), np.zeros((count, count))
    normal = np.flatnonzero(~abnormal & np.isfinite(height_bins))
    for n in np.flatnonzero(abnormal & np.isfinite(height_bins)):
        near = normal[np.abs(height_bins[normal] - height_bins[n]) < HEIGHT_TOLERANCE]
        won = (scores[n] > scores[near]) + 0.5 * (scores[n] == scores[near])
        wins[index[n]] += np.bincount(index[near], won, minlength=count)
        pairs[index[n]] += np.bincount(index[near], minlength=count)
    return wins, pairs


def _paired(wins: np.ndarray, pairs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Level-matched AUROC of resamples (n, P): a pair counts as often as both of its patients together."""
    top, bottom = (np.einsum("np,pq,nq->n", weights, table, weights, optimize=True) for table in (wins, pairs))
    return np.divide(top, bottom, out=np.full(len(weights), np.nan), where=bottom > 0)


def component_aurocs(rows: Sequence[Row]) -> Dict[str, float]:
    """AUROC of each score component alone, in the direction "higher is abnormal"."""
    values = {}
    for name in sorted({name for row in rows for name in row.components}):
        known = [row for row in rows if name in row.components]
        scores = np.array([row.components[name] for row in known])
        values[name] = float(auroc(*grouped(scores, abnormal_of(known), np.ones(len(known)))[1:]))
    return values


ALARMS: Dict[str, Callable[[Row, float], bool]] = {
    "findings": lambda row, rate: row.flagged.get(rate, False),
    "scan_verdict": lambda row, rate: row.unusual.get(rate, False)}
"""What may speak of an image, each with an operating point of its own."""


def operating_points(rows: Sequence[Row], thresholds: Dict[float, float], default: float,
                     weights: np.ndarray) -> List[Dict[str, Any]]:
    """Sensitivity and specificity at each calibrated rate, of "shows a finding or is unusual as a whole" and, under
    "findings" and "scan_verdict", of each alone; nothing is chosen on these images.

    Where an image has no scan verdict (slices of a volume, models of earlier versions) there are findings alone, and
    "scan_verdict" is None.
    """
    told = all(row.unusual for row in rows)
    points = []
    for rate, threshold in thresholds.items():
        point: Dict[str, Any] = {"false_positive_rate": rate, "threshold": threshold, "default": rate == default}
        point.update(accuracy(rows, [row.alarmed(rate) if told else row.flagged.get(rate, False) for row in rows],
                              weights))
        point.update({name: accuracy(rows, [says(row, rate) for row in rows], weights)
                      if told or name == "findings" else None for name, says in ALARMS.items()})
        points.append(point)
    return points


def accuracy(rows: Sequence[Row], alarms: Sequence[bool], weights: np.ndarray) -> Dict[str, Any]:
    """{"sensitivity", "specificity", and "..._interval" of each} of an alarm in each of the rows."""
    abnormal, index, raised = abnormal_of(rows), patient_index(patients_of(rows)), np.array(alarms, dtype=bool)
    found: Dict[str, Any] = {}
    for name, right, members in (("sensitivity", raised & abnormal, abnormal),
                                 ("specificity", ~raised & ~abnormal, ~abnormal)):
        found[name] = float(right.sum() / members.sum()) if members.any() else float("nan")
        found[name + "_interval"] = interval(partial(_share, right, members, index), weights)
    return found


def _share(right: np.ndarray, members: np.ndarray, index: np.ndarray, weights: np.ndarray) -> np.ndarray:
    count = weights.shape[1]
    top, bottom = (weights @ np.bincount(index, mask, minlength=count) for mask in (right, members))
    return np.divide(top, bottom, out=np.full(len(weights), np.nan), where=bottom > 0)


def chosen_on_labels(rows: Sequence[Row]) -> Dict[str, float]:
    """F1max, its threshold on the image score, and sensitivity and specificity there: chosen on these very labels, as
    papers do; never a promise for other images."""
    scores, abnormal = scores_of(rows), abnormal_of(rows)
    values, negatives, positives = grouped(scores, abnormal, np.ones(len(rows)))
    f1, threshold = best_f1(values, negatives, positives)
    flagged = scores >= threshold
    return {"f1max": f1, "score_threshold": threshold, "sensitivity": _mean(flagged[abnormal]),
            "specificity": _mean(~flagged[~abnormal])}


def height_only(rows: Sequence[Row]) -> Optional[float]:
    """AUROC of what the height of a slice alone tells: the share of lesions among slices of similar height of all
    *other* patients.  How far an image AUROC must be above this to mean anything; None when heights are unknown."""
    known = [row for row in rows if row.slice_height is not None]
    abnormal, patients = abnormal_of(known), np.array(patients_of(known))
    height_bins = np.array([row.slice_height for row in known], dtype=np.float64)
    if not len(known) or not abnormal.any() or abnormal.all():
        return None
    guesses = np.full(len(known), abnormal.mean())
    for n, slice_height in enumerate(height_bins):
        near = (np.abs(height_bins - slice_height) < HEIGHT_TOLERANCE) & (patients != patients[n])
        if near.any():
            guesses[n] = abnormal[near].mean()
    return float(auroc(*grouped(guesses, abnormal, np.ones(len(known)))[1:]))


def _mean(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else float("nan")
