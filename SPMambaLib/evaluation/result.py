"""From what was collected to the content of metrics.json."""
from __future__ import annotations

import math
import platform
from typing import Any, Dict

import numpy as np

from .. import __version__
from ..input_check.record import FLAGGED, REFUSED
from .bootstrap import CONFIDENCE, RESAMPLES, SEED, patient_weights
from .image_metrics import chosen_on_labels, component_aurocs, height_only, operating_points, ranking_metrics
from .rows import patients_of
from .tally import Tally

PROTOCOLS = {
    "deployable": "Nothing was chosen on these images: findings and the verdict on the whole scan are those at the "
                  "operating point that the model was calibrated to on normal images.",
    "published": "Thresholds were chosen on the labels and masks of these very images, as papers report it: an upper "
                 "bound for comparison, never a promise."}
DIGITS = 6


def result_of(tally: Tally, detector: Any, protocol: str, thresholds: Dict[float, float]) -> Dict[str, Any]:
    """The content of metrics.json, not yet `rounded`; `thresholds` are those of the operating points."""
    rows = tally.rows
    default = detector.calibration.default_rate
    patients = sorted(set(patients_of(rows)))
    weights = patient_weights(patients)
    ranking, intervals = ranking_metrics(rows, weights)
    points = operating_points(rows, thresholds, default, weights)
    point = next(p for p in points if p["default"])
    oracle = chosen_on_labels(rows)
    for name in ("sensitivity", "specificity"):  # none where the threshold was chosen: it would have to be chosen anew
        intervals[name] = point[name + "_interval"] if protocol == "deployable" else None
    columns: Dict[str, Dict[str, Any]] = {
        "deployable": {"sensitivity": point["sensitivity"], "specificity": point["specificity"], "f1max": None},
        "published": {name: oracle[name] for name in ("sensitivity", "specificity", "f1max", "score_threshold")}}
    result: Dict[str, Any] = {
        "protocol": protocol, "protocol_means": PROTOCOLS[protocol],
        "model": detector.summary(),
        "n": {"images": len(rows), "normal": sum(not r.abnormal for r in rows),
              "abnormal": sum(r.abnormal for r in rows), "patients": len(patients), "files": tally.files,
              "failed": len(tally.errors)},
        "unit": detector.calibration.unit if tally.by_slice else "file",
        "image": {}, "pixel": None, "froc": None, "operating_points": points,
        "components": component_aurocs(rows),
        "controls": {"height_only": height_only(rows)},
        "input_check": {"checked": sum(tally.input_check.values()) == tally.files,
                    "refused": tally.input_check[REFUSED] / tally.files, "refused_files": tally.input_check[REFUSED],
                    "flagged": tally.input_check[FLAGGED] / tally.files, "flagged_files": tally.input_check[FLAGGED]},
        "errors": tally.errors,
        "bootstrap": {"unit": "patient", "resamples": RESAMPLES, "seed": SEED, "level": CONFIDENCE},
        "intervals": {"image": intervals}}
    if tally.masks:
        metrics = tally.pixels.metrics()
        columns["deployable"]["dice"] = tally.pixels.dice()
        columns["published"]["dice"] = metrics["best_dice"]
        result["pixel"] = {"auroc": metrics["auroc"], "ap": metrics["ap"], "best_dice": metrics["best_dice"],
                           "dice": columns[protocol]["dice"], "aupro": metrics["aupro"]}
        result["pixel_precision"] = tally.pixels.precision()
        result["intervals"]["pixel"] = tally.pixels.intervals(patients, weights)
        lesions, found, outside = (float(v) for v in tally.found)
        result["froc"] = dict(tally.froc.result(), operating_point={
            "false_positive_rate": default, "sensitivity": found / lesions if lesions else math.nan,
            "false_positives_per_image": outside / tally.pixels.images})
    chosen = columns[protocol]
    result["image"] = {"auroc": ranking["auroc"], "ap": ranking["ap"], "f1max": chosen["f1max"],
                       "sensitivity": chosen["sensitivity"], "specificity": chosen["specificity"],
                       "auroc_height_matched": ranking["auroc_height_matched"]}
    result["columns"] = columns if protocol == "published" else {"deployable": columns["deployable"]}
    result["chosen_on_these_labels"] = (["pixel.best_dice"] if tally.masks else []) + (
        ["image.f1max", "image.sensitivity", "image.specificity", "pixel.dice"] if protocol == "published" else [])
    result["versions"] = _versions(detector)
    return result


def _versions(detector: Any) -> Dict[str, str]:
    import torch

    return {"spmamba": __version__, "python": platform.python_version(), "torch": torch.__version__,
            "numpy": np.__version__, "device": detector.device, "backend": detector.backend}


def rounded(value: Any) -> Any:
    """Plain data for JSON: numbers to `DIGITS` digits, None for what is not a finite number."""
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return round(float(value), DIGITS) if math.isfinite(value) else None
    return value
