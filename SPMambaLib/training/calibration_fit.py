"""What held-out normals say of a model: statistics per position, thresholds, the normal state of each component.

Thresholds are cross-fitted: each tenth of the held-out patients is scored with the statistics of all the others, so
that no scan is measured by a table it helped to make, and the table is worth nearly as much as the one that is shipped.
(With halves of few normals it is worth much less: peaks come out too high, and thresholds far too strict.)  Varied
copies widen the statistics; thresholds come from scans as they are.  The normals come in batches, as often as they are
asked for; only their terms on the statistics grid are kept, so memory hardly grows with their number.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Protocol, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import UsageError
from ..scoring import published
from ..scoring.budget import FEWEST
from ..scoring.calibration import EXTENT_SHARE, Calibration
from ..scoring.components import published_score
from ..scoring.halves import folds_by_patient
from ..scoring.maps import AnomalyScale, ScoringConfig
from ..scoring.scan_verdict import KEY, scan_normals_card, standard_scores
from ..scoring.slices import score_by_height, score_maps, slice_components
from ..scoring.terms import at_input_size

Progress = Callable[[float, str], None]


@dataclass
class Batch:
    """Some held-out images: their rows, raw terms as `network_terms` gives them, masks (n, S, S)."""

    rows: Tensor
    terms: Dict[str, Tensor]
    masks: Tensor


class HeldOut(Protocol):
    """Held-out normals: patient of each, slice_height (N,) or None, and all of them in batches, the same at every
    call.  `counted` (N,) bool are those that thresholds come from: scans as they are, which the input check takes for
    normal; the others, varied copies among them, only widen the statistics."""

    patients: List[str]
    counted: Tensor
    slice_height: Optional[Tensor]

    def batches(self) -> Iterator[Batch]: ...


@dataclass
class Unfitted:
    """Terms that nothing was fitted for (`terms.UNFITTED`), of the normals seen in fitting: they speak for these too.

    Attributes:
        terms: raw, on the statistics grid, (N, grid, grid) each; none where nobody else is asked.
        masks: (N, grid, grid).
        height: (N,) or None.
    """

    terms: Dict[str, Tensor]
    masks: Tensor
    slice_height: Optional[Tensor]


NO_TERMS = Unfitted({}, torch.zeros(0), None)


FOLDS = 10  # groups of patients; the statistics that measure one come from all the others
PIXEL_STRIDE = 16  # one in so many pixels inside the anatomy speaks for the extent of findings


@dataclass
class CalibrationResult:
    """The scale of a model, the calibration part of its card, and of each counted image (N,) the peak map value, the
    standard score and the patient."""

    scale: AnomalyScale
    card: Dict[str, Any]
    peaks: np.ndarray
    scores: np.ndarray
    patients: List[str]


@torch.no_grad()
def calibration_of(config: ScoringConfig, held: HeldOut, seen: Unfitted, *, unit: str, folds: int = FOLDS,
          progress: Progress = lambda fraction, text: None) -> CalibrationResult:
    """Statistics and thresholds from held-out normals.

    The card is {"map": quantile table, "components": mean and spread of each, "term_peaks": what the shares of the
    table reach in each term, "normals": n, "patients": n, "scan_verdict": see `scoring.scan_verdict`},
    "published": see `scoring.published`, where the decoder is used, and "score_by_height" where the model knows
    heights.

    Args:
        folds: into how many groups of patients the normals are divided at most.

    Raises:
        UsageError: fewer than two patients (one is measured by the other) or 20 images that count.
    """
    if len(set(held.patients)) < 2:
        raise UsageError("At least two patients must be held out for a calibration.")
    fold = torch.from_numpy(folds_by_patient(held.patients, folds))
    pooled, masks = pooled_terms(config, held)
    progress(0.2, "thresholds")
    heights = held.slice_height
    by_fold = [
        scale_of(config, {name: term[fold != n] for name, term in pooled.items()},
                 None if heights is None else heights[fold != n], masks[fold != n], seen)
        for n in range(int(fold.max()) + 1)
    ]
    scale = scale_of(config, pooled, heights, masks, seen)
    centre, unit_spread = centre_and_spread(held, fold, by_fold)
    scale.centre.fill_(centre)
    scale.unit.fill_(unit_spread)
    progress(0.6, "thresholds")
    peaks = torch.zeros(len(fold))
    pixels: List[Tensor] = []
    term_peaks = {name: torch.zeros(len(fold)) for name in config.terms}
    values: Dict[str, Tensor] = {}
    for rows, total, standardised, inside in cross_fitted(held, fold, by_fold):
        fused = (total - scale.centre) / scale.unit * inside
        peaks[rows] = fused.amax(dim=(1, 2))
        if config.hysteresis:
            counts = held.counted[rows]
            pixels.append(fused[counts][inside[counts] > 0][::PIXEL_STRIDE])
        for name, term in standardised.items():
            term_peaks[name][rows] = term.amax(dim=(1, 2))
        for name, value in slice_components(scale, fused, standardised).items():
            values.setdefault(name, torch.zeros(len(fold)))[rows] = value
    counted = held.counted.numpy()
    patients = [patient for patient, counts in zip(held.patients, counted) if counts]
    extent = extent_of(pixels) if config.hysteresis else None
    card = {
        "map": Calibration.from_peaks(peaks.numpy()[counted], unit=unit, extent=extent, patients=patients).to_dict(),
        "components": {name: [float(v[held.counted].mean()), float(v[held.counted].std())]
                       for name, v in values.items()},
        "term_peaks": {name: list(Calibration.from_peaks(each.numpy()[counted], unit=unit).thresholds)
                       for name, each in term_peaks.items()},
        "normals": len(patients),
        "patients": len(set(patients)),
    }
    known = None if heights is None else heights.double().numpy()
    whole = values["score"].double().numpy()
    if known is not None and config.height_bins > 1:
        card["score_by_height"] = score_by_height(whole[counted], known[counted])
    scores = standard_scores(whole, card, known)[counted]
    card[KEY] = scan_normals_card(peaks.numpy()[counted], scores, patients, unit=unit)
    if set(published.TERMS) <= set(config.terms):
        highest, published_scores = published_reach(held)
        card[published.KEY] = published.published_card(
            highest[counted], published_scores[counted], patients, unit=unit)
    progress(1.0, "thresholds")
    return CalibrationResult(scale, card, peaks.numpy()[counted], scores, patients)


def counted_of(copy: Tensor, flagged: Optional[np.ndarray]) -> Tensor:
    """Which images (N,) thresholds come from: no varied copies, and none that the input check flags, unless too few
    were left."""
    if flagged is not None:
        unflagged = ~copy & ~torch.from_numpy(flagged)
        if int(unflagged.sum()) >= FEWEST:
            return unflagged
    return ~copy


def published_reach(held: HeldOut) -> Tuple[np.ndarray, np.ndarray]:
    """(highest value of the published map, published score) of each held-out image, (N,) each."""
    peaks, scores = torch.zeros(len(held.patients)), torch.zeros(len(held.patients))
    for batch in held.batches():
        maps = at_input_size(batch.terms, slice_height_of(held, batch.rows), batch.masks.shape[-1])
        whole = published.published_map(maps, batch.masks)
        peaks[batch.rows], scores[batch.rows] = whole.amax(dim=(1, 2)), published_score(whole)
    return peaks.double().numpy(), scores.double().numpy()


def extent_of(pixels: Sequence[Tensor]) -> float:
    """The map value that `EXTENT_SHARE` of the normals' pixels reach: where a finding ends."""
    values = torch.cat(list(pixels)).numpy()
    return float(np.quantile(values, 1.0 - EXTENT_SHARE, method="higher"))


def pooled_terms(config: ScoringConfig, held: HeldOut) -> Tuple[Dict[str, Tensor], Tensor]:
    """Raw terms and masks on the statistics grid, (N, grid, grid) each."""
    parts: Dict[str, List[Tensor]] = {name: [] for name in config.terms}
    masks = []
    for batch in held.batches():
        masks.append(pool(batch.masks, config))
        maps = at_input_size(batch.terms, slice_height_of(held, batch.rows), batch.masks.shape[-1])
        for name in config.terms:
            parts[name].append(pool(maps[name], config))
    return {name: torch.cat(part) for name, part in parts.items()}, torch.cat(masks)


def pool(maps: Tensor, config: ScoringConfig) -> Tensor:
    """(n, S, S) -> (n, grid, grid), as the statistics see them; maps on that grid stay as they are."""
    return F.adaptive_avg_pool2d(maps[:, None], config.grid)[:, 0]


def unfitted_on_grid(terms: Dict[str, Tensor], masks: Tensor, config: ScoringConfig) -> Dict[str, Tensor]:
    """`terms.unfitted_terms` as the statistics see them, (n, grid, grid) each, and "masks"; nothing of none."""
    maps = at_input_size(terms, None, masks.shape[-1])
    return {name: pool(m, config) for name, m in (dict(maps, masks=masks) if terms else {}).items()}


def unfitted_of(parts: Sequence[Dict[str, Tensor]], slice_height: Optional[Tensor]) -> Unfitted:
    """All that `unfitted_on_grid` gave for batches of normals; `slice_height` (N,) of all."""
    if not parts or not parts[0]:
        return NO_TERMS
    whole = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return Unfitted(whole, whole.pop("masks"), slice_height)


def scale_of(config: ScoringConfig, raw: Dict[str, Tensor], slice_height: Optional[Tensor], masks: Tensor,
             seen: Unfitted) -> AnomalyScale:
    """Mean and spread of each term from maps and masks (N, grid, grid); centre and unit are left at 0 and 1."""
    scale = AnomalyScale(config)
    for name in config.terms:
        if name in seen.terms:
            both = (
                None
                if slice_height is None or seen.slice_height is None
                else torch.cat([slice_height, seen.slice_height])
            )
            scale.fit_term(name, [raw[name], seen.terms[name]], both, torch.cat([masks, seen.masks]))
        else:
            scale.fit_term(name, [raw[name]], slice_height, masks)
    return scale


def cross_fitted(held: HeldOut, fold: Tensor, by_fold: Sequence[AnomalyScale],
                 ) -> Iterator[Tuple[Tensor, Tensor, Dict[str, Tensor], Tensor]]:
    """(rows, map before centring, standardised terms, masks) of all images, each scored by the other folds."""
    for batch in held.batches():
        for number, scale in enumerate(by_fold):
            inside = fold[batch.rows] == number
            if inside.any():
                rows, masks = batch.rows[inside], batch.masks[inside]
                terms = {name: term[inside] for name, term in batch.terms.items()}
                total, standardised = score_maps(scale, terms, slice_height_of(held, rows), masks)
                yield rows, total, standardised, masks


def centre_and_spread(held: HeldOut, fold: Tensor, by_fold: Sequence[AnomalyScale]) -> Tuple[float, float]:
    """Mean and standard deviation of the cross-fitted map inside the anatomy, summed in double precision."""
    count, total, squares = 0, 0.0, 0.0
    for _, maps, _, masks in cross_fitted(held, fold, by_fold):
        inside = maps[masks > 0].double()
        count += len(inside)
        total += float(inside.sum())
        squares += float((inside ** 2).sum())
    mean = total / count
    return mean, ((squares - count * mean ** 2) / (count - 1)) ** 0.5


def slice_height_of(held: HeldOut, rows: Tensor) -> Optional[Tensor]:
    return None if held.slice_height is None else held.slice_height[rows]
