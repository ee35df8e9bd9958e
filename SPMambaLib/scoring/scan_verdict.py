"""The scan verdict: is the scan unusual as a whole?

Diffuse disease raises the score of the whole scan and no single place of it.  The verdict compares that score with
those of held-out normals.  A single picture shares the false-positive rate with the findings (see `budget`).  The score
of a volume is the mean of the highest third of its slices' scores, each in spreads of the normal slices of its height;
it has a rate of its own, "1 in 20 normal volumes", because findings of volumes are promised by the slice.
Light: numpy only.
"""
from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from .budget import FEWEST, Budget, budget_of, rank_table, rate_at, value_at
from .calibration import Calibration

KEY = "scan_verdict"  # of the card's calibration, and of result.json
SHARE = 0.5  # of the rate that goes to the findings; chosen on implants, see Testing/benchmarks/scan_verdict.py
HIGHEST = 1.0 / 3.0  # of the slices, which speak for their volume
FEWEST_SLICES = 5  # of a patient, that count as a volume


@dataclass(frozen=True)
class ScanVerdict:
    """What the score of a whole scan says, at every operating point.

    Attributes:
        unit: what was compared with what: "image", "slice" or "volume".
        score: of the scan, in spreads of the normals.
        rate: share of normals that score this high, at least 1 / normals.
        unusual: at the operating point of the detection.
        normals, patients: the held-out normals behind it.
        rates, scores: operating points: the score from which on a scan is unusual as a whole, by the false-positive
            rate; of a picture that rate is shared with the findings.
        rank_rates, rank_scores: the score that each share of normals reaches.
    """

    unit: str
    score: float
    rate: float
    unusual: bool
    normals: int
    patients: int
    rates: Tuple[float, ...]
    scores: Tuple[float, ...]
    rank_rates: Tuple[float, ...]
    rank_scores: Tuple[float, ...]

    def threshold(self, rate: float) -> float:
        """Score from which on the scan is unusual as a whole, at an operating point."""
        return value_at(rate, self.rates, self.scores)

    def at(self, rate: float) -> ScanVerdict:
        """The same scan at another operating point."""
        return replace(self, unusual=self.score >= self.threshold(rate))

    @property
    def beyond(self) -> bool:
        """Whether no normal scored as high."""
        return self.score > self.rank_scores[-1]

    @property
    def position(self) -> float:
        """Where the score stands among the normals, for a bar: 0 where half of them reach it or more, 1 where none
        does; linear in the logarithm of the rate."""
        return 1.0 if self.beyond else self._position(self.rate)

    def limit(self, rate: float) -> float:
        """Where on that bar the verdict starts, at an operating point."""
        return self._position(rate_at(self.threshold(rate), self.rank_rates, self.rank_scores))

    def _position(self, rate: float) -> float:
        first, last = math.log(self.rank_rates[0]), math.log(self.rank_rates[-1])
        return min(max((first - math.log(rate)) / max(first - last, 1e-9), 0.0), 1.0)

    def sentence(self) -> str:
        """The verdict in words: "unusual as a whole: 1 in 45 normal images scores this high"."""
        return "{} as a whole: {}".format("unusual" if self.unusual else "not unusual", self.rank_sentence())

    def rank_sentence(self) -> str:
        units = self.unit + "s"
        if self.beyond:
            return "none of {} normal {} scores this high".format(self.normals, units)
        if self.rate >= self.rank_rates[0]:
            return "at least half of the normal {} score this high".format(units)
        return "1 in {:.0f} normal {} scores this high".format(1.0 / self.rate, units)

    def to_dict(self) -> Dict[str, Any]:
        return dict(asdict(self), sentence=self.sentence())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ScanVerdict:
        """Raises KeyError, TypeError or ValueError where it makes no sense."""
        tables = {name: tuple(float(v) for v in data[name])
                  for name in ("rates", "scores", "rank_rates", "rank_scores")}
        if not all(tables.values()):
            raise ValueError("an empty table")
        return cls(str(data["unit"]), float(data["score"]), float(data["rate"]), bool(data["unusual"]),
                   int(data["normals"]), int(data["patients"]), **tables)


@dataclass(frozen=True)
class ScanNormals:
    """What a model's card knows of normal scans as a whole.

    Attributes:
        unit: of single pictures, "image" or "slice".
        normals, patients: behind `budget`.
        budget: of a picture, shared with the findings.
        rank: (rates, scores) of pictures.
        volume: (rates, scores) of volumes; None where too few were held out.
        volumes: how many were.
    """

    unit: str
    normals: int
    patients: int
    budget: Budget
    rank: Tuple[Tuple[float, ...], Tuple[float, ...]]
    volume: Optional[Tuple[Tuple[float, ...], Tuple[float, ...]]]
    volumes: int

    @classmethod
    def of(cls, calibration: Mapping[str, Any]) -> Optional[ScanNormals]:
        """From the calibration of a card; None for a model of an earlier version, which has findings only."""
        data = calibration.get(KEY)
        if not data:
            return None
        volume = data.get("volume")
        return cls(str(data["unit"]), int(data["normals"]), int(data["patients"]), Budget.from_dict(data),
                   (tuple(data["rank"]["rates"]), tuple(data["rank"]["scores"])),
                   (tuple(volume["rates"]), tuple(volume["scores"])) if volume else None, int(data["volumes"]))

    def picture(self, score: float, rate: float) -> ScanVerdict:
        """The verdict on a single picture of that image score."""
        return self._verdict(self.unit, score, rate, (self.budget.rates, self.budget.scores), self.rank,
                             self.normals, self.patients)

    def whole(self, slice_scores: Sequence[float], rate: float) -> Optional[ScanVerdict]:
        """The verdict on a volume of these scores of its analysed slices; None where the model cannot tell."""
        if self.volume is None:
            return None
        return self._verdict("volume", volume_score(slice_scores), rate, self.volume, self.volume, self.volumes,
                             self.volumes)

    def absence(self) -> str:
        """Why there is no verdict on volumes."""
        if self.unit == "image":
            return "This model judges single images; it has no verdict on a volume as a whole."
        return ("There is no verdict on the volume as a whole: {} normal volumes were held out to compare it with, and "
                "{} are needed.".format(self.volumes, FEWEST))

    @staticmethod
    def _verdict(unit: str, score: float, rate: float, points: Tuple[Tuple[float, ...], Tuple[float, ...]],
                 rank: Tuple[Tuple[float, ...], Tuple[float, ...]], normals: int, patients: int) -> ScanVerdict:
        return ScanVerdict(unit, score, rate_at(score, *rank), score >= value_at(rate, *points), normals, patients,
                           *points, *rank)


def soundness(data: Mapping[str, Any]) -> List[List[float]]:
    """The numbers of a card's entry `KEY`, which are to be finite.

    Raises:
        KeyError, TypeError, ValueError: a part is missing, or tables are empty, uneven or out of order.
    """
    known = ScanNormals.of({KEY: data})
    assert known is not None
    budget = known.budget
    tables = [(budget.rates, budget.peaks), (budget.rates, budget.scores), known.rank, *filter(None, [known.volume])]
    for rates, values in tables:
        if not rates or len(rates) != len(values) or list(rates) != sorted(rates, reverse=True) \
                or list(values) != sorted(values) or not 0 < rates[-1] <= rates[0] <= 1:
            raise ValueError("a table of the scan verdict")
    return [[float(v) for v in table] for pair in tables for table in pair]


def calibration_for(calibration: Mapping[str, Any], kind: str) -> Calibration:
    """The thresholds of findings in an image of that kind, from the calibration of a card: those of pictures share
    their rate with the scan verdict where the model has one."""
    table, known = Calibration.from_dict(dict(calibration["map"])), ScanNormals.of(calibration)
    return table if known is None or kind != "image" else table.shared(known.budget.rates, known.budget.peaks)


def volume_score(slice_scores: Sequence[float]) -> float:
    """Score of a volume: the mean of the highest third of the scores of its slices (N,), at least one."""
    ordered = np.sort(np.asarray(slice_scores, dtype=np.float64))[::-1]
    return float(ordered[:max(1, round(HIGHEST * len(ordered)))].mean())


def scan_normals_card(peaks: np.ndarray, scores: np.ndarray, patients: Sequence[str], *, unit: str,
                      share: float = SHARE) -> Dict[str, Any]:
    """The entry `KEY` of a card, from peaks (N,) and image scores (N,) of held-out normals and the patient of each.

    The slices of a patient are a volume; rates of volumes are told from `FEWEST` of them on.
    """
    rates, reached = rank_table(scores.tolist())
    volumes = volume_scores(scores, patients) if unit == "slice" else []
    volume: Optional[Dict[str, Any]] = None
    if len(volumes) >= FEWEST:
        volume = dict(zip(("rates", "scores"), map(list, rank_table(volumes))))
    return {"unit": unit, "normals": len(peaks), "patients": len(set(patients)),
            **budget_of(peaks, scores, share).to_dict(), "rank": {"rates": list(rates), "scores": list(reached)},
            "volumes": len(volumes), "volume": volume,
            "volume_score": "mean of the highest third of the scores of the analysed slices"}


def standard_scores(scores: np.ndarray, calibration: Mapping[str, Any],
                    slice_heights: Optional[np.ndarray]) -> np.ndarray:
    """Image scores (N,) in spreads of the normals, as a detection tells them (`slices.slice_components`)."""
    mean, spread = calibration["components"]["score"]
    standard = (scores - mean) / spread
    table = calibration.get("score_by_height")
    if slice_heights is None or table is None:
        return standard
    nodes = np.linspace(0.0, 1.0, len(table["mean"]))
    local = (scores - np.interp(slice_heights, nodes, table["mean"])) / np.interp(slice_heights, nodes, table["spread"])
    return np.where(slice_heights >= 0, local, standard)


def volume_scores(scores: np.ndarray, patients: Sequence[str]) -> List[float]:
    """Scores of the volumes that the slices of each patient make up; patients of few slices are left out."""
    groups: Dict[str, List[float]] = {}
    for score, patient in zip(scores.tolist(), patients):
        groups.setdefault(patient, []).append(score)
    return [volume_score(group) for group in groups.values() if len(group) >= FEWEST_SLICES]
