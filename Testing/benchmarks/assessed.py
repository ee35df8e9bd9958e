"""From any method's maps to figures: standardised on held-out normals, judged on the public test.

The protocol is `deployable`: statistics, thresholds and the normal state of scores come from held-out normals, by the
library's own `judge`; nothing is chosen on test images.  Metrics are those of `SPMambaLib.evaluation`.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from benchmarks.images import Images, Study
from torch import Tensor

from SPMambaLib.evaluation.bootstrap import patient_weights
from SPMambaLib.evaluation.curves import auroc, grouped
from SPMambaLib.evaluation.image_metrics import component_aurocs, operating_points, ranking_metrics
from SPMambaLib.evaluation.pixel_metrics import PixelView
from SPMambaLib.evaluation.result import rounded
from SPMambaLib.evaluation.rows import Row
from SPMambaLib.preprocessing.prepare import restore
from SPMambaLib.scoring.calibration import Calibration
from SPMambaLib.scoring.maps import AnomalyScale, ScoringConfig
from SPMambaLib.scoring.slices import at_height, score_by_height, score_maps, slice_components
from SPMambaLib.training.assemble import unit_of
from SPMambaLib.training.calibration_fit import NO_TERMS, Unfitted, calibration_of
from SPMambaLib.training.fit import HeldInMemory, rows_of

RATE = 0.05  # the operating point of sensitivity and specificity
PIXEL_STEP = 2  # pixel metrics look at every second pixel of the original picture, in both directions
RESAMPLES = 200
STANDARDS = ("whole", "place", "place and height")
"""How a map is standardised: one mean and spread, one for each place, or one for each place at each slice height."""

Terms = Dict[str, Tensor]


def carried(maps: Tensor, standard: str) -> Terms:
    """Maps (N, h, w), or by height (N, L, h, w), under the name of the library's term that is standardised that way."""
    by_height = maps if maps.dim() == 4 else maps[:, None]
    if standard != "place and height":
        return {"prototype": by_height}
    if by_height.shape[1] > 1:
        raise ValueError("distances to the prototypes of several heights know their height already")
    return {"prototype": by_height, "intensity": by_height[:, 0]}


def plain_config(study: Study, standard: str) -> ScoringConfig:
    """A rule for one map alone, the same for every method."""
    term = "intensity" if standard == "place and height" else "prototype"
    base = ScoringConfig(terms=(term,), weights=(1.0,), summary=study.recipe.scoring.summary, spread="deviation",
                         height_bins=12 if standard == "place and height" else 1)
    return replace(base, pooled=(term,), reach=1) if standard == "whole" else base


def assess_map(study: Study, held: Tensor, test: Tensor, standard: str) -> Dict[str, Any]:
    """Figures of one method's maps of the held-out normals and of the test images."""
    return assess_terms(study, plain_config(study, standard), carried(held, standard), carried(test, standard))


def assess_terms(study: Study, config: ScoringConfig, held: Terms, test: Terms,
                seen: Unfitted = NO_TERMS) -> Dict[str, Any]:
    """Figures of a scoring rule over raw terms; `seen`: what the fitted normals say, where the rule asks them."""
    calibrated = calibration_of(config, HeldInMemory(study.held, held), seen, unit=unit_of(study.recipe))
    rows, view = assessed_rows(study, calibrated.scale, calibrated.card, test)
    weights = patient_weights(study.test.patients, RESAMPLES)
    values, intervals = ranking_metrics(rows, weights)
    figures: Dict[str, Any] = {**values, "auroc_interval": intervals["auroc"], "components": component_aurocs(rows)}
    threshold = Calibration.from_dict(calibrated.card["map"]).threshold(RATE)
    point = operating_points(rows, {RATE: threshold}, RATE, weights)[0]
    figures.update(sensitivity=point["sensitivity"], specificity=point["specificity"])
    if study.test.slice_height is not None and study.held.slice_height is not None:
        normal = torch.cat([components["score"] for _, _, components in scored(
            calibrated.scale, calibrated.card, study.held, held)]).double().numpy()
        table = score_by_height(normal, study.held.slice_height.double().numpy())
        scores = at_height(torch.tensor([row.score for row in rows]), study.test.slice_height, table).numpy()
        abnormal = np.array([row.abnormal for row in rows])
        figures["auroc_level_standardised"] = float(auroc(*grouped(scores, abnormal, np.ones(len(rows)))[1:]))
    if view is not None:
        figures.update({"pixel_" + name: value for name, value in view.metrics().items()})
    return rounded(figures)


def implants_found(study: Study, held: Tensor, implants: Sequence[Tuple[Images, Tensor, Tensor]],
                   standard: str) -> float:
    """Share of implants whose peak exceeds what 1 in 20 held-out normals reach, the mean over groups of (images,
    lesions, one method's maps of them)."""
    calibrated = calibration_of(
        plain_config(study, standard),
        HeldInMemory(study.held, carried(held, standard)),
        NO_TERMS,
        unit=unit_of(study.recipe),
    )
    threshold = Calibration.from_dict(calibrated.card["map"]).threshold(RATE)
    shares = []
    for images, lesions, maps in implants:
        peaks = torch.cat([torch.where(lesions[rows], fused, -torch.inf).amax(dim=(1, 2)) for rows, fused, _ in scored(
            calibrated.scale, calibrated.card, images, carried(maps, standard))])
        shares.append(float((peaks >= threshold).float().mean()))
    return round(float(np.mean(shares)), 4)


def scored(scale: AnomalyScale, card: Dict[str, Any], images: Images,
           terms: Terms) -> Iterator[Tuple[Tensor, Tensor, Dict[str, Tensor]]]:
    """(rows, fused maps (n, S, S), score and components (n,)) of all images, some at a time."""
    for rows in torch.arange(len(images)).split(32):
        slice_height = None if images.slice_height is None else images.slice_height[rows]
        fused, standardised = score_maps(scale, rows_of(terms, rows), slice_height, images.masks[rows].float())
        yield rows, fused, slice_components(scale, fused, standardised, card)


def assessed_rows(study: Study, scale: AnomalyScale, card: Dict[str, Any],
                terms: Terms) -> Tuple[List[Row], Optional[PixelView]]:
    """A row for each test image, and its pixels where lesions are known."""
    truth, threshold = study.truth, Calibration.from_dict(card["map"]).threshold(RATE)
    view = None if truth.lesions is None else PixelView(by_patient=False)
    result: List[Row] = []
    for rows, fused, components in scored(scale, card, study.test, terms):
        own = restore(fused, truth.back, rows.numpy())
        peaks = fused.amax(dim=(1, 2))
        for place, n in enumerate(rows.tolist()):
            sample = truth.samples[n]
            values = {name: float(value[place]) for name, value in components.items()}
            result.append(Row(sample.name, sample.patient, sample.abnormal, values.pop("score"), sample.slice_height,
                              dict(values, peak=float(peaks[place])), {RATE: bool(peaks[place] >= threshold)}))
            if view is not None and truth.lesions is not None:
                thinned = (own[place, ::PIXEL_STEP, ::PIXEL_STEP], truth.lesions[n, ::PIXEL_STEP, ::PIXEL_STEP])
                view.add(*(np.ascontiguousarray(part)[None] for part in thinned), sample.patient)
    return result, view
