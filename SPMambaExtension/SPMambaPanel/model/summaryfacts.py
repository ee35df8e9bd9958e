"""What the text of a result's summary says; parsed once, however often it is asked for."""
from __future__ import annotations

import json
from typing import Any, Dict, NamedTuple, Optional

from SPMambaLib.scoring.calibration import Calibration


class SummaryFacts(NamedTuple):
    """A summary as a file or a user may have left it."""

    text: str
    summary: Dict[str, Any]  # empty if the text makes no sense
    calibration: Optional[Calibration]  # None if it makes no sense
    usable: bool  # all that a review needs is there


_known: Dict[str, SummaryFacts] = {}  # by node ID; another scene may use the ID again, with another text


def summaryFacts(identity: str, text: str) -> SummaryFacts:
    """Facts of the node `identity`, whose summary is `text` now."""
    known = _known.get(identity)
    if known is None or known.text != text:
        known = _known[identity] = _parse(text)
    return known


def _parse(text: str) -> SummaryFacts:
    try:
        summary = json.loads(text or "{}")
    except ValueError:
        summary = {}
    if not isinstance(summary, dict):
        summary = {}
    calibration: Optional[Calibration] = None
    usable = True
    try:
        calibration = Calibration.from_dict(summary["calibration"])
        float(summary["threshold"]), float(summary["false_positive_rate"]), int(summary["slice_axis"])
        usable = bool(calibration.thresholds)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        usable = False
    return SummaryFacts(text, summary, calibration, usable)
