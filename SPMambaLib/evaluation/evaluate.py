"""Every image through `Detector.detect` as a user's would, and all that can be said of the answers.

The result is plain data, rounded, without times and dates: the same model, images and machine give the same bytes.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy as np

from ..data.samples import Sample
from ..detection import Detection
from ..errors import Cancelled, DataError, DeviceError, UsageError, typed_error
from ..io.image import Image, read_image
from .controls import Controls
from .pixel_metrics import PixelView
from .result import PROTOCOLS, result_of, rounded
from .rows import Row
from .tally import Tally, rows_of
from .truth import read_mask

RATES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)

Progress = Callable[[float, str], None]
Watcher = Callable[[Sample, Image, Detection, Optional[np.ndarray], List[Row]], None]


@dataclass
class Evaluation:
    """What came out: `result` is the content of metrics.json, `rows` are the judged images for the report."""

    result: Dict[str, Any]
    rows: List[Row]


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
        raise UsageError("Unknown protocol {!r}; use {}.".format(protocol, " or ".join(PROTOCOLS)))
    thresholds = thresholds_of(detector)
    tally = Tally(PixelView(), errors=list(unusable))
    checks = Controls(detector, samples) if controls else None
    for number, sample in enumerate(samples):
        if cancelled():
            raise Cancelled()
        try:
            image = read_image(sample.path, series=sample.series or None)
            detection = detector.detect(image, slice_height=sample.slice_height, force=True, cancelled=cancelled)
            mask = read_mask(sample, detection.map.shape)
            slices, whole = rows_of(sample, detection, mask, list(thresholds))
            if checks is not None:
                checks.add(sample, image, cancelled)
            if watch is not None:
                watch(sample, image, detection, mask, slices if mask is not None else whole)
            tally.add(sample, image, detection, mask, slices, whole)
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
    result = result_of(tally, detector, protocol, thresholds)
    if checks is not None:
        result["controls"].update(checks.result())
    return Evaluation(rounded(result), tally.rows)


def thresholds_of(detector: Any) -> Dict[float, float]:
    """Operating point -> map threshold, for the model's default rate and those of `RATES` that its table reaches."""
    table = detector.calibration
    rates = {rate for rate in RATES if rate >= table.lowest_rate} | {table.default_rate}
    return {rate: table.threshold(rate) for rate in sorted(rates, reverse=True)}
