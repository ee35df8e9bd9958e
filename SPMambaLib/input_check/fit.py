"""The input check of a model, from its normals: what it remembers of them, and the ranges of its statistics.

Feature distances are cross-fitted: no patient is measured by a Gaussian that he helped to make.  The ranges of all
statistics are set together, so that a stated share of the normals is marked by *any* of them; the share that this is
worth is measured crosswise (ranges of one half of the patients, marks of the other).

The ranges come from normals alone.  What is refused is not as independent: the kind of features, `REFUSE` and `RARE`
were settled with the foreign images of Testing/benchmarks/foreign_scans.py in view (`REFUSE` was 1.5 at first).
"""
from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor

from ..scoring.halves import halves_by_patient
from ..scoring.reliability import exact_interval
from .record import REFUSING, STATISTICS, WORDS, Limits
from .statistics import SIDE, InputCheck, plain_statistics, pooled, pose_statistics, reduced

RATE = 0.02  # share of normals that may be marked
REFUSE = 1.25  # an image is refused this many times as far from the median as it is marked
RARE = 0.01  # a volume is refused when most of its slices are rarer than this share of the normal slices
STRETCH = 0.5
SHRINKAGE = 0.1  # of a covariance towards a sphere
AXES, ROWS_PER_AXIS = 64, 8  # principal axes kept, and the normals that each must rest on
FOLDS = 5
HEIGHT_BINS = 6
COVERED = 0.5  # marked: a volume that spans less than this share of the heights that a patient's slices usually span
PATIENTS = 10  # fewer tell nothing about whole volumes
PREFIX = "input_check."
Values = Dict[str, np.ndarray]


@dataclass
class Looks:
    """What the check is fitted on: one row per normal image, varied copies included.

    Attributes:
        features: (N, D) pooled teacher features.
        small: (N, SIDE, SIDE) reduced pixels.
        plain: plain statistics, (N,) each.
        height: (N,) or None.
        patients: of each row; copy (N,) bool tells the varied copies.
    """

    features: Tensor
    small: Tensor
    plain: Dict[str, Tensor]
    slice_height: Optional[Tensor]
    patients: List[str]
    copy: Tensor


def look(pixels: Tensor, masks: Tensor, features: Sequence[Tensor]) -> Dict[str, Tensor]:
    """What `Looks` keeps of prepared images (n, 1, S, S), masks (n, S, S) and their teacher features."""
    kept = {"features": pooled(features).cpu(), "small": reduced(pixels), **plain_statistics(pixels, masks)}
    return {PREFIX + name: value.contiguous() for name, value in kept.items()}


def looks_of(
    kept: Mapping[str, Tensor], slice_height: Optional[Tensor], patients: Sequence[str], copy: Tensor
) -> Looks:
    """From the joined results of `look`."""
    own = {name[len(PREFIX):]: value.float() for name, value in kept.items() if name.startswith(PREFIX)}
    return Looks(own.pop("features"), own.pop("small"), own, slice_height, list(patients), copy)


@torch.no_grad()
def fit_input_check(looks: Looks, unlike: Optional[Tensor] = None) -> Tuple[InputCheck, Dict[str, Any]]:
    """From normals, and if they are at hand from pooled features `unlike` (M, D) of images that the model is not for:
    the check, rounded as it is stored, and the card's ``calibration.input_check``: {"rate", "worth", "slice":
    limits of
    each statistic for single slices, "volume": for the medians of whole patients or None, "normals", "patients"}."""
    patients = np.array(looks.patients)
    told = told_by_others(looks, unlike)
    check = InputCheck({**remembered(looks.features, unlike), "average": averages(looks.small, looks.slice_height)})
    check.median_distance.copy_(told["features"].median())
    check.half().float()
    told["features"] = told["features"] / check.median_distance
    values = {**{name: value.numpy() for name, value in told.items()},
              **{name: value.numpy() for name, value in pose_statistics(looks.small, check.average).items()},
              **{name: value.numpy() for name, value in looks.plain.items()}}
    card: Dict[str, Any] = {"rate": RATE, "worth": worth(values, patients)}
    slices = limits_of(values)
    card["slice"] = {name: asdict(one) for name, one in slices.items()}
    card["volume"] = None
    if looks.slice_height is not None and len(set(looks.patients)) >= PATIENTS:
        whole = limits_of(medians(values, patients, looks.copy.numpy()))
        card["volume"] = {name: asdict(whole_limits(one, values[name])) for name, one in whole.items()}
        card["volume"]["coverage"] = asdict(Limits(low=COVERED * usual_coverage(looks.slice_height.numpy(), patients)))
    card.update(normals=int((~looks.copy).sum()), patients=len(set(looks.patients)))
    return check, card


def told_by_others(looks: Looks, unlike: Optional[Tensor]) -> Dict[str, Tensor]:
    """`InputCheck.of_features` of images (N,), each by a check that was fitted to other patients; distances are not yet
    divided by their median."""
    told: Dict[str, Tensor] = {}
    for part in parts(np.array(looks.patients)):
        inside = torch.from_numpy(part)
        others = InputCheck({**remembered(looks.features[~inside], unlike), "average": averages(looks.small[:1], None)})
        for name, value in others.of_features(looks.features[inside]).items():
            told.setdefault(name, torch.zeros(len(looks.patients)))[inside] = value
    return told


@torch.no_grad()
def flagged_rows(looks: Looks, check: InputCheck, card: Mapping[str, Any], *, fitted: bool = False,
                 unlike: Optional[Tensor] = None) -> np.ndarray:
    """Which images (N,) a check marks, each by itself; what is promised of normals leaves them out.

    Args:
        fitted: the check was fitted to these very images (and to `unlike`): each is told by a check of the others.
    """
    told = check.of_features(looks.features)
    if fitted:
        told = told_by_others(looks, unlike)
        told["features"] = told["features"] / check.median_distance
    measured = {**told, **pose_statistics(looks.small, check.average), **looks.plain}
    values = {name: value.numpy() for name, value in measured.items()}
    return outside(values, {name: Limits(**one) for name, one in card["slice"].items()})


def outside(values: Values, limits: Mapping[str, Limits]) -> np.ndarray:
    """Whether any statistic of a row is outside its range, (N,) bool."""
    marks = [(values[name] < (-np.inf if one.low is None else one.low))
             | (values[name] > (np.inf if one.high is None else one.high)) for name, one in limits.items()]
    return np.any(marks, axis=0)


def gaussian(features: Tensor) -> Dict[str, Tensor]:
    """The Gaussian of features (n, D) as tensors of `InputCheck`, without the average slices."""
    mean, spread = features.mean(dim=0), features.std(dim=0)
    spread = spread.clamp(min=1e-2 * float(spread.median().clamp(min=1e-6)))
    standard = (features - mean) / spread
    _, singular, axes = torch.linalg.svd(standard, full_matrices=False)
    variances = singular ** 2 / (len(features) - 1)
    rank = max(1, min(AXES, len(features) // ROWS_PER_AXIS, len(variances) - 1))
    rest = (variances[rank:].sum() / max(features.shape[1] - rank, 1)).clamp(min=1e-3)
    return {"mean": mean, "spread": spread, "axes": axes[:rank], "variances": variances[:rank].clamp(min=float(rest)),
            "rest": rest, "median_distance": torch.ones(()), "average": torch.zeros(1, SIDE, SIDE)}


def remembered(features: Tensor, unlike: Optional[Tensor]) -> Dict[str, Tensor]:
    """`gaussian` of features (n, D), and the direction that tells those of other kinds (M, D) from them: Fisher's
    linear discriminant with the spread of both shrunk towards a sphere."""
    tensors = gaussian(features)
    if unlike is None:
        return tensors
    own, other = ((group - tensors["mean"]) / tensors["spread"] for group in (features, unlike))
    middles = own.mean(dim=0), other.mean(dim=0)
    within = torch.cat([own - middles[0], other - middles[1]])
    covariance = within.T @ within / len(within)
    sphere = covariance.diagonal().mean() * torch.eye(len(covariance))
    direction = torch.linalg.solve(torch.lerp(covariance, sphere, SHRINKAGE), middles[1] - middles[0])
    direction = direction / (direction @ covariance @ direction).sqrt()
    return {**tensors, "unlike": direction, "unlike_middle": direction @ (middles[0] + middles[1]) / 2}


def averages(small: Tensor, slice_height: Optional[Tensor]) -> Tensor:
    """Mean slice of each height (L, SIDE, SIDE); neighbours in height count by their distance."""
    if slice_height is None:
        return small.mean(dim=0, keepdim=True)
    centres = (torch.arange(HEIGHT_BINS) + 0.5)[:, None]
    weights = torch.exp(-0.5 * (slice_height.float() * HEIGHT_BINS - centres) ** 2)
    return torch.einsum("ln,nhw->lhw", weights / weights.sum(dim=1, keepdim=True), small)


def parts(patients: np.ndarray, seed: int = 0) -> List[np.ndarray]:
    """Masks over the rows of up to `FOLDS` parts of the patients."""
    names = np.array(sorted(set(patients.tolist())))
    shuffled = names[np.random.default_rng(seed).permutation(len(names))]
    return [np.isin(patients, shuffled[part::FOLDS]) for part in range(min(FOLDS, len(names)))]


def limits_of(values: Values, rate: float = RATE) -> Dict[str, Limits]:
    """Ranges outside of which `rate` of the rows fall in any statistic.  The fewer the rows, the less they
    show their extremes: up to `STRETCH` is added to the distance from the median."""
    sides = [(name, sign) for name in STATISTICS if name in values for sign, word in zip((-1, 1), WORDS[name]) if word]
    table = np.stack([sign * values[name] for name, sign in sides]).astype(np.float64)
    middle = np.median(table, axis=1)
    for tail in rate * np.append(np.geomspace(1.0, 0.5 / len(sides), 24), 0.0):
        edges = np.quantile(table, 1.0 - tail, axis=1)
        if (table > edges[:, None]).any(axis=0).mean() <= rate:
            break
    missing = max(0.0, 1.0 - table.shape[1] * rate / len(sides))
    edges = edges + STRETCH * missing * np.maximum(edges - middle, 1e-3)
    fields: Dict[str, Dict[str, float]] = {}
    for (name, sign), edge, centre in zip(sides, edges.tolist(), middle.tolist()):
        side = "low" if sign < 0 else "high"
        fields.setdefault(name, {})[side] = sign * edge
        if name in REFUSING:
            fields[name]["refuse"] = centre + REFUSE * (edge - centre)
    return {name: Limits(**sides_of) for name, sides_of in fields.items()}


def whole_limits(whole: Limits, single: np.ndarray) -> Limits:
    """Limits of a volume's median, from those of patients and the values of single slices: marked outside what patients
    show, refused where most of its slices are rare, one by one."""
    if whole.refuse is None:
        return whole
    return replace(whole, refuse=max(whole.refuse, float(np.quantile(single, 1.0 - RARE))))


def medians(values: Values, patients: np.ndarray, copy: np.ndarray) -> Values:
    """Medians over the slices of each patient, of originals and of copies."""
    groups = [rows for name in sorted(set(patients.tolist())) for kind in (False, True)
              for rows in [(patients == name) & (copy == kind)] if rows.any()]
    return {name: np.array([np.median(value[rows]) for rows in groups]) for name, value in values.items()}


def usual_coverage(slice_height: np.ndarray, patients: np.ndarray) -> float:
    """The share of the heights that the slices of a patient span; the median of all patients."""
    return float(np.median([np.ptp(slice_height[patients == name]) for name in set(patients.tolist())]))


def worth(values: Values, patients: np.ndarray) -> Dict[str, Any]:
    """The share of normals that is marked, measured crosswise: ranges of one half of the patients, marks of the other.
    The interval (95 %, exact) is that of as many independent images as there are patients."""
    half, marked = halves_by_patient(patients.tolist()), np.zeros(len(patients), dtype=bool)
    for side in (False, True):
        limits = limits_of({name: value[half == side] for name, value in values.items()})
        marked |= outside(values, limits) & (half != side)
    share, people = float(marked.mean()), len(set(patients.tolist()))
    low = exact_interval(int(np.floor(share * people)), people)[0]
    high = exact_interval(int(np.ceil(share * people)), people)[1]
    return {"flagged": round(share, 4), "low": round(low, 4), "high": round(high, 4)}
