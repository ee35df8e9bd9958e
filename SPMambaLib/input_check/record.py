"""Does this scan look like what the model knows?  The record of the input check, and its words.

Every statistic of the scan is held against two ranges of the normals that the model was made from: outside the first
the scan is *flagged*, outside the second, for the statistics that can tell a foreign image, it is *refused*.  How they
are measured is in `statistics`, where the ranges come from in `fit`.  Light: standard library.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ..detection import Notice

USUAL, FLAGGED, REFUSED = STATES = ("usual", "flagged", "refused")
REFUSAL_CODE = "not-what-the-model-knows"  # code of the error, and of the notice when the user has it analysed anyway
FLAG_CODE = "unusual-scan"  # code of the notice
NO_CHECK_CODE = "no-input-check"  # code of the notice about a model without the check

# Statistic -> what is said of a value below and above its range; None where that side means nothing.
WORDS: Dict[str, Tuple[Optional[str], Optional[str]]] = {
    "features": (None, "it looks like none of the normal scans that the model was made from"),
    "kind": (None, "it looks like scans of another kind that the model is not for"),
    "negative": (None, "it looks like a negative: bright and dark seem to be exchanged"),
    "turned": (None, "it seems to lie on its side or upside down"),
    "mirrored": (None, "left and right seem to be exchanged"),
    "layout": ("the anatomy is not where it is in normal scans: cropped, shifted or another region", None),
    "tilt": ("it is turned counter-clockwise further than normal scans are",
             "it is turned clockwise further than normal scans are"),
    "contrast": ("it has less contrast than normal scans have", "it has more contrast than normal scans have"),
    "brightness": ("it is darker than normal scans are", "it is brighter than normal scans are"),
    "noise": (None, "it is noisier than normal scans are"),
    "sharpness": ("it is more blurred than normal scans are", "it is sharper than normal scans are"),
    "extent": ("the anatomy is smaller, in millimetres, than the model expects; is the spacing right?",
               "the anatomy is larger, in millimetres, than the model expects; is the spacing right?"),
    "tissue": ("grey matter is not brighter than white matter, as it is on FLAIR: it may be another contrast", None),
    "coverage": ("its slices cover less than half of the anatomy that those of normal scans cover", None),
}
REFUSING = ("features", "kind", "negative", "turned")  # the other statistics also tell a bad scan of the right kind
STATISTICS = tuple(name for name in WORDS if name not in ("extent", "tissue", "coverage"))  # measured of every slice


@dataclass(frozen=True)
class Limits:
    """Ranges of one statistic; None where a side, or refusing, means nothing.

    Attributes:
        low, high: outside is flagged.
        refuse: above is refused.
    """

    low: Optional[float] = None
    high: Optional[float] = None
    refuse: Optional[float] = None


@dataclass(frozen=True)
class Reading:
    """One statistic of a scan: its value, the range of the normals, a state of `STATES`, and a sentence if flagged."""

    name: str
    value: float
    low: Optional[float]
    high: Optional[float]
    state: str
    sentence: str = ""


@dataclass(frozen=True)
class InputCheckResult:
    """What the check says of one scan; `false_alarm_rate` is the share of normals that it flags, as calibrated."""

    readings: Tuple[Reading, ...]
    false_alarm_rate: float

    @property
    def state(self) -> str:
        """The worst state of all readings."""
        return max((reading.state for reading in self.readings), key=STATES.index, default=USUAL)

    def reasons(self, state: str) -> List[str]:
        return [reading.sentence for reading in self.readings if reading.state == state]

    def with_coverage(self, span: float, card: Mapping[str, Any]) -> InputCheckResult:
        """The record, completed by the share of the heights that a volume's slices span."""
        table = card["calibration"]["input_check"]["volume"] or {}
        return replace(self, readings=self.readings + tuple(
            read("coverage", span, Limits(**table[name])) for name in ("coverage",) if name in table))

    def with_tissue(self, grey: float, least: float) -> InputCheckResult:
        """The record of a head that was found in three dimensions, with the brightness of its grey over its white
        matter: below `least` it is refused; else that its slices look foreign, as those of a skull-stripped brain do,
        is only flagged."""
        reading = Reading("tissue", grey, least, None, USUAL)
        if grey < least:
            return replace(self, readings=self.readings + (
                replace(reading, state=REFUSED, sentence=WORDS["tissue"][0] or ""),))
        milder = tuple(replace(one, state=FLAGGED) if one.state == REFUSED else one for one in self.readings)
        return replace(self, readings=milder + (reading,))

    def message(self) -> str:
        """One plain sentence (or two) with the reasons; "" if there is nothing to say."""
        if self.state == REFUSED:
            return "This scan does not look like what the model knows: {}. Its findings could not be trusted.".format(
                "; ".join(self.reasons(REFUSED)))
        if self.state == FLAGGED:
            return "This scan is unusual for the model: {}. Read its findings with care.".format(
                "; ".join(self.reasons(FLAGGED)))
        return ""

    def to_dict(self) -> Dict[str, Any]:
        return {"state": self.state, "message": self.message(), "false_alarm_rate": self.false_alarm_rate,
                "statistics": [asdict(reading) for reading in self.readings]}


def read(name: str, value: float, limits: Limits) -> Reading:
    """A value held against its limits."""
    low, high = WORDS[name]
    state, sentence = USUAL, ""
    if low and limits.low is not None and value < limits.low:
        state, sentence = FLAGGED, low
    elif high and limits.high is not None and value > limits.high:
        state, sentence = FLAGGED, high
    if high and limits.refuse is not None and value > limits.refuse:
        state, sentence = REFUSED, high
    return Reading(name, value, limits.low, limits.high, state, sentence)


def assess(values: Mapping[str, float], card: Mapping[str, Any], *, is_volume: bool) -> InputCheckResult:
    """The record of a scan from its statistics and the model's card; statistics without a range are left out.

    A volume is held against the ranges of whole patients where the card has them: their medians vary far less.
    """
    known = card["calibration"]["input_check"]
    table = {name: Limits(**fields) for name, fields in (is_volume and known["volume"] or known["slice"]).items()}
    if card.get("extent_mm"):  # what the anatomy allows, not what the normals show: many of them are pictures
        table["extent"] = Limits(*card["extent_mm"])
    readings = [read(name, value, table[name]) for name, value in values.items() if name in table]
    return InputCheckResult(tuple(readings), float(known["rate"]))


def soundness(card: Mapping[str, Any]) -> Sequence[float]:
    """All numbers of ``calibration.input_check``, for a check that they are numbers."""
    tables = [card["slice"], card.get("volume") or {}]
    limits = [Limits(**fields) for table in tables for fields in table.values()]
    return [float(card["rate"])] + [float(v) for one in limits for v in asdict(one).values() if v is not None]


def notices_of(fit: Optional[InputCheckResult]) -> List[Notice]:
    """What the reader of a result must know of the input check."""
    if fit is None:
        return [Notice(NO_CHECK_CODE, "This model has no input check; nobody has looked whether this is the kind "
                       "of scan that it knows.")]
    codes = {REFUSED: REFUSAL_CODE, FLAGGED: FLAG_CODE}
    return [Notice(codes[fit.state], fit.message())] if fit.state in codes else []
