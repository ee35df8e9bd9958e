"""The score as the paper has it, for comparison: A = R / 3 + 0.5 P, score = max A + beta C + gamma K.

R and P are raw terms, not standardised; C and K are contrast and concentration of A with the paper's constants
(`components.published_score`).  Here R is the residual of the bundle's decoder and P the distance to the bundle's
prototypes, which are centres of normal features and not learned by pulling, as the paper's are.  The authors tune a
threshold on test images; ours is read off held-out normals, as for every other score: the card keeps under
`KEY` the same two tables that it keeps of its own score.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Mapping

import numpy as np

from ..errors import UsageError
from .calibration import Calibration
from .scan_verdict import KEY as VERDICT
from .scan_verdict import scan_normals_card

if TYPE_CHECKING:
    from torch import Tensor

KEY = "published"  # of the card's calibration
TERMS = ("residual", "prototype")
RESIDUAL_SHARE = 1.0 / 3.0  # the authors divide the mean over scales by their number once more
PROTOTYPE_WEIGHT = 0.5
SCORINGS = ("model", "published")


def published_map(maps: Mapping[str, Tensor], masks: Tensor) -> Tensor:
    """A (B, S, S) from raw terms at input size, 0 outside of the anatomy `masks` (B, S, S)."""
    return (RESIDUAL_SHARE * maps["residual"] + PROTOTYPE_WEIGHT * maps["prototype"]) * masks


def published_card(peaks: np.ndarray, scores: np.ndarray, patients: Any, *, unit: str) -> Dict[str, Any]:
    """The entry `KEY` of a card, from what held-out normals reach in A (N,) and in the score (N,)."""
    return {"map": Calibration.from_peaks(peaks.tolist(), unit=unit).to_dict(),
            VERDICT: scan_normals_card(peaks, scores, patients, unit=unit)}


def tables_for(scoring: str, card: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a card's calibration that holds the thresholds of a way of scoring.

    Raises:
        UsageError: there is no such way, or the model cannot be scored so.
    """
    if scoring not in SCORINGS:
        raise UsageError("There is no scoring {!r}; use {}.".format(scoring, " or ".join(SCORINGS)))
    calibration: Mapping[str, Any] = card["calibration"]
    if scoring == "model":
        return calibration
    if not set(TERMS) <= set(card["scoring"]["terms"]):
        raise UsageError("Model {} cannot be scored as published: it does not use its decoder.".format(card["name"]))
    if not calibration.get(KEY):
        raise UsageError("Model {} has no threshold for the published score; calibrate it anew with `spmamba "
                         "recalibrate`.".format(card["name"]))
    known: Mapping[str, Any] = calibration[KEY]
    return known
