"""Every image through `Detector.detect` as a user's would, and all that can be said of the answers.

The result is plain data, rounded, without times and dates: the same model, images and machine give the same bytes.
"""
from __future__ import annotations

import math
import platform
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np

from .. import __version__
from ..data.samples import Sample
from ..detection import Detection
from ..errors import Cancelled, DataError, DeviceError, UsageError
from ..failures import typed_error
from ..image import Image, read_image
from ..scoring import findings
from .bootstrap import LEVEL, RESAMPLES, SEED, patient_weights
from .controls import Controls
from .froc import FrocView
from .image_metrics import chosen_on_labels, component_aurocs, level_only, operating_points, ranking_metrics
from .pixel_metrics import PixelView
from .rows import Row, patients_of
from .truth import read_mask

PROTOCOLS = {
    "deployable": "Nothing was chosen on these images: findings are those at the operating point that the model was "
                  "calibrated to on normal images.",
    "published": "Thresholds were chosen on the labels and masks of these very images, as papers report it: an upper "
                 "bound for comparison, never a promise."}
RATES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
DIGITS = 6
UNFAMILIAR = "unfamiliar-scan"  # the notice of the fitness check

Progress = Callable[[float, str], None]
Watcher = Callable[[Sample, Image, Detection, Optional[np.ndarray], List[Row]], None]


@dataclass
class Evaluation:
    """What came out: `result` is metrics.json; the rest is for the report."""

    result: Dict[str, Any]
    rows: List[Row]
    pixels: Optional[PixelView] = None


@dataclass
class _Tally:
    """What is collected image by image."""

    pixels: PixelView
    froc: FrocView = field(default_factory=FrocView)
    slices: List[Row] = field(default_factory=list)  # volumes as their slices
    wholes: List[Row] = field(default_factory=list)  # volumes as one
    by_slice: bool = True  # every abnormal volume says where
    masks: bool = False
    unfamiliar: int = 0
    files: int = 0
    found: np.ndarray = field(default_factory=lambda: np.zeros(3))  # lesions, found ones, findings outside
    errors: List[Dict[str, str]] = field(default_factory=list)


def evaluate(samples: Sequence[Sample], detector: Any, *, protocol: str = "deployable", controls: bool = False,
             progress: Progress = lambda fraction, text: None, cancelled: Callable[[], bool] = lambda: False,
             watch: Optional[Watcher] = None, unusable: Sequence[Dict[str, str]] = ()) -> Evaluation:
    """Judge a detector on samples.

    A volume counts as its slices when all abnormal volumes have masks, otherwise as one image each.  An image that the
    detector refuses is counted and named, and the others go on.

    Args:
        detector: as from `load_model`.
        protocol: one of `PROTOCOLS`.
        controls: also judge altered images and brightness alone; three times the work.
        watch: called after each judged image, for pictures.
        unusable: images that were given up before ({"name", "code", "message"}), to be counted with the failed.

    Raises:
        UsageError: no such protocol.
        DataError: not a single image could be judged.
        DeviceError, Cancelled.
    """
    if protocol not in PROTOCOLS:
        raise UsageError("There is no protocol {!r}; use {}.".format(protocol, " or ".join(PROTOCOLS)))
    thresholds = thresholds_of(detector)
    default = detector.calibration.default_rate
    tally = _Tally(PixelView([thresholds[default]]), errors=list(unusable))
    checks = Controls(detector, samples) if controls else None
    for number, sample in enumerate(samples):
        if cancelled():
            raise Cancelled()
        try:
            image = read_image(sample.path)
            detection = detector.detect(image, cancelled=cancelled)
            mask = read_mask(sample, detection.map.shape)
            slices, whole = rows_of(sample, image, detection, mask, thresholds)
            _collect(tally, sample, image, detection, mask, slices, whole)
            if checks is not None:
                checks.add(sample, image, cancelled)
            if watch is not None:
                watch(sample, image, detection, mask, slices if mask is not None else whole)
        except (Cancelled, DeviceError, KeyboardInterrupt):
            raise
        except Exception as error:  # one image must not lose the night's run; the code says what it was
            typed = typed_error(error)
            tally.errors.append({"name": sample.name or sample.path.name, "code": typed.code,
                                 "message": typed.message})
        progress((number + 1) / len(samples), "{} of {}: {}".format(number + 1, len(samples), sample.path.name))
    if not tally.files:
        raise DataError("None of the {} images could be judged; the first: {}".format(
            len(tally.errors), tally.errors[0]["message"] if tally.errors else "there is none"))
    rows = tally.slices if tally.by_slice else tally.wholes
    result = _result(tally, rows, detector, protocol, thresholds)
    if checks is not None:
        result["controls"].update(checks.result())
    return Evaluation(rounded(result), rows, tally.pixels if tally.masks else None)


def thresholds_of(detector: Any) -> Dict[float, float]:
    """Operating point -> map threshold, for the model's default rate and those of `RATES` that its table reaches."""
    table = detector.calibration
    rates = {rate for rate in RATES if rate >= table.lowest_rate} | {table.default_rate}
    return {rate: table.threshold(rate) for rate in sorted(rates, reverse=True)}


def rows_of(sample: Sample, image: Image, detection: Detection, mask: Optional[np.ndarray],
            thresholds: Dict[float, float]) -> Tuple[List[Row], List[Row]]:
    """(rows of the slices, the row of the whole) of one image; a single picture is the same in both."""
    axis = detection.slice_axis
    others = tuple(n for n in range(3) if n != axis)
    marked: Dict[float, np.ndarray] = {}
    for rate, threshold in thresholds.items():
        labels = findings.find(detection.map, detection.ijk_to_ras, threshold, calibration=_calibration(detection),
                               slice_axis=axis)[0]
        marked[rate] = np.asarray(labels.any(axis=others))
    name = sample.name or sample.path.name
    flagged = {rate: bool(slices.any()) for rate, slices in marked.items()}
    components = dict(detection.components, peak=float(detection.map.max()))
    whole = Row(name, sample.patient, sample.abnormal, detection.score, sample.level, components, flagged)
    if detection.map.shape[axis] == 1:
        return [whole], [whole]
    abnormal = np.zeros(detection.map.shape[axis], dtype=bool) if mask is None else np.asarray(mask.any(axis=others))
    analysed = [s.index for s in detection.slices if s.analysed]  # in the order of their height
    heights = dict(zip(analysed, np.linspace(0.0, 1.0, max(len(analysed), 2))))
    rows = []
    for score in detection.slices:
        if not score.analysed and not abnormal[score.index]:
            continue
        values = dict(score.components, peak=score.peak) if score.analysed else {}
        rows.append(Row("{}#{}".format(name, score.index), sample.patient, bool(abnormal[score.index]),
                        score.score if score.analysed else math.nan,
                        None if not score.analysed else float(heights[score.index]), values,
                        {rate: bool(slices[score.index]) for rate, slices in marked.items()}))
    return rows, [whole]


def _calibration(detection: Detection) -> Any:
    from ..scoring.calibration import Calibration

    return Calibration.from_dict(detection.calibration)


def _collect(tally: _Tally, sample: Sample, image: Image, detection: Detection, mask: Optional[np.ndarray],
             slices: List[Row], whole: List[Row]) -> None:
    tally.files += 1
    tally.slices += slices
    tally.wholes += whole
    tally.unfamiliar += any(notice.code == UNFAMILIAR for notice in detection.notices)
    if mask is None:
        tally.by_slice &= detection.map.shape[detection.slice_axis] == 1
        return
    tally.pixels.add(detection.map, mask, sample.patient)
    tally.froc.add(detection.map, mask, image.spacing[::-1])
    tally.found += lesions_found(detection.labels, mask)
    tally.masks |= bool(mask.any())


def lesions_found(labels: np.ndarray, mask: np.ndarray) -> Tuple[int, int, int]:
    """(lesions, lesions that a finding touches, findings that touch no lesion) of one image at its operating point."""
    from .aupro import label_regions

    lesions = label_regions(mask) if mask.any() else np.zeros(mask.shape, dtype=np.int32)
    touched = np.unique(lesions[(labels > 0) & mask])
    true = np.unique(labels[(labels > 0) & mask])
    return int(lesions.max()), len(touched), int(labels.max()) - len(true)


def _result(tally: _Tally, rows: List[Row], detector: Any, protocol: str,
            thresholds: Dict[float, float]) -> Dict[str, Any]:
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
        "controls": {"level_only": level_only(rows)},
        "fitness": {"refused": tally.unfamiliar / tally.files, "refused_files": tally.unfamiliar,
                    "code": UNFAMILIAR},
        "errors": tally.errors,
        "bootstrap": {"unit": "patient", "resamples": RESAMPLES, "seed": SEED, "level": LEVEL},
        "intervals": {"image": intervals}}
    if tally.masks:
        metrics = tally.pixels.metrics()
        columns["deployable"]["dice"] = tally.pixels.dice(thresholds[default])
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
                       "auroc_level_matched": ranking["auroc_level_matched"]}
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
