"""The plots of the report: ROC with its interval, precision and recall, FROC, and the scores of both classes."""
from __future__ import annotations

from typing import List

import numpy as np

from .bootstrap import CONFIDENCE, patient_index, patient_weights
from .curves import grouped, precision_recall_points, roc_points
from .evaluate import Evaluation
from .plots import BLUE, GREY, ORANGE, Axes, Line, histogram, plot
from .rows import abnormal_of, patients_of, scores_of

BAND_RESAMPLES = 300
GRID = np.linspace(0.0, 1.0, 101)


def figures(evaluation: Evaluation) -> List[str]:
    """<figure> elements; those that need both classes or masks only where they are."""
    result, parts = evaluation.result, []
    scores, abnormal = scores_of(evaluation.rows), abnormal_of(evaluation.rows)
    if abnormal.any() and not abnormal.all():
        parts += [_roc(evaluation, scores, abnormal), _precision_recall(result, scores, abnormal)]
    if result["froc"] and result["froc"]["lesions"]:
        parts.append(_froc(result["froc"]))
    groups = [(name, scores[keep], color) for name, keep, color in
              (("normal", ~abnormal, BLUE), ("abnormal", abnormal, ORANGE)) if keep.any()]
    parts.append(_figure(histogram(groups, "image score (normal spreads)", title="Scores"),
                         "Image scores: 0 is the average normal image of the model's calibration."))
    return parts


def _figure(svg: str, caption: str) -> str:
    return "<figure>{}<figcaption>{}</figcaption></figure>".format(svg, caption)


def _roc(evaluation: Evaluation, scores: np.ndarray, abnormal: np.ndarray) -> str:
    _, negatives, positives = grouped(scores, abnormal, np.ones(len(scores)))
    x, y = roc_points(negatives, positives)
    patients = patients_of(evaluation.rows)
    weights = patient_weights(patients, BAND_RESAMPLES)[:, patient_index(patients)]
    curves = []
    for row in weights:  # one at a time: the memory of one curve
        _, n, p = grouped(scores, abnormal, row)
        if n.sum() and p.sum():
            curves.append(np.interp(GRID, *roc_points(n, p)))
    low, high = np.quantile(curves, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0) if curves else (GRID, GRID)
    points = [(1.0 - p["specificity"], p["sensitivity"], ORANGE if p["default"] else GREY)
              for p in evaluation.result["operating_points"]]
    lines = [Line((0, 1), (0, 1), GREY, dashed=True), Line(x.tolist(), y.tolist())]
    svg = plot(Axes("1 - specificity", "sensitivity"), lines,
               band=(GRID.tolist(), low.tolist(), high.tolist()), points=points, title="ROC curve")
    return _figure(svg, "ROC of the image score, with its 95 % band by patient. Circles: findings, or the verdict on "
                        "the whole scan, at the calibrated operating points (orange: default), which need not lie on "
                        "the curve of the score.")


def _precision_recall(result: "dict[str, object]", scores: np.ndarray, abnormal: np.ndarray) -> str:
    _, negatives, positives = grouped(scores, abnormal, np.ones(len(scores)))
    recall, precision = precision_recall_points(negatives, positives)
    share = float(abnormal.mean())
    lines = [Line((0, 1), (share, share), GREY, dashed=True), Line(recall.tolist(), precision.tolist())]
    svg = plot(Axes("recall (sensitivity)", "precision"), lines, title="Precision and recall")
    return _figure(svg, "Precision and recall of the image score. Dashed: marking images at random, with {:.0f} % "
                        "abnormal ones as here; in a clinic there are fewer, and precision is lower.".format(
                            100 * share))


def _froc(froc: "dict[str, object]") -> str:
    curve, sensitivity = froc["curve"], froc["sensitivity"]
    assert isinstance(curve, dict) and isinstance(sensitivity, dict)
    ticks = [float(rate) for rate in sensitivity]
    axes = Axes("false marks per image", "lesions found", (0.1, 8.0), (0.0, 1.0), ticks, log_x=True)
    steps = [(x, y) for x, y in zip(curve["false_positives_per_image"], curve["sensitivity"]) if x >= 0.1]
    points = [(float(rate), value, BLUE) for rate, value in sensitivity.items() if value is not None]
    svg = plot(axes, [Line([x for x, _ in steps], [y for _, y in steps])], points=points, title="FROC curve")
    return _figure(svg, "FROC over {} lesions in {} images: a lesion is found when a peak of the map lies inside."
                   .format(froc["lesions"], froc["images"]))
