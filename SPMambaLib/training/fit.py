"""Prototypes, statistics and calibration from normal scans: the part of a model that a hospital fits itself.

Prototypes are spherical k-means centres of the frozen teacher's features, cell by cell (and height by height);
pull-only
learned prototypes collapse.  Everything that judges them comes from *held-out* patients: mean and spread per position,
thresholds and component statistics (see `judging`).
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .. import bundle
from ..errors import UsageError
from ..input_check.fit import fit_input_check, flagged_rows, look, looks_of
from ..input_check.statistics import InputCheck
from ..model.feature_space import CELLS
from ..model.network import SPMamba
from ..model.teacher import to_teacher_input
from ..scoring.maps import AnomalyScale, ScoringConfig
from ..scoring.slice_height import in_height_bin
from ..scoring.terms import UNFITTED, at_input_size, network_terms, unfitted_terms
from .calibration_fit import (
    NO_TERMS,
    Batch,
    Unfitted,
    calibration_of,
    counted_of,
    pool,
    scale_of,
    unfitted_of,
    unfitted_on_grid,
)

Progress = Callable[[float, str], None]
BATCH = 8


@dataclass
class Normals:
    """Prepared normal images: pixels (N, 1, S, S), masks (N, S, S), slice_height (N,) or None, patient of each."""

    pixels: Tensor
    masks: Tensor
    slice_height: Optional[Tensor]
    patients: List[str]

    def __len__(self) -> int:
        return len(self.pixels)


@torch.no_grad()
def cache_features(network: SPMamba, pixels: Tensor, progress: Progress) -> List[Tensor]:
    """The teacher's f1, f2, f3 of all images in half precision on the CPU, (N, C, h, w) each."""
    parts: List[List[Tensor]] = [[], [], []]
    device = next(network.teacher.parameters()).device
    for start in range(0, len(pixels), BATCH):
        for part, feature in zip(parts, network.encode(to_teacher_input(pixels[start:start + BATCH].to(device)))):
            part.append(feature.half().cpu())
        progress(min(1.0, (start + BATCH) / len(pixels)), "teacher features")
    return [torch.cat(part) for part in parts]


@torch.no_grad()
def positioned_features(network: SPMamba, features: Sequence[Tensor]) -> Tensor:
    """`SPMamba.positioned` of all images in half precision, from their f1, f2, f3 as `cache_features` gives them."""
    return torch.cat([network.positioned([scale.float() for scale in part]).half()
                      for part in zip(*(scale.split(64) for scale in features))])


@torch.no_grad()
def fit_space(network: SPMamba, features: Tensor) -> None:
    """Before `fit_prototypes`: its space, from features (N, C, grid, grid), rounded as it is stored."""
    space = network.prototypes.space
    space.fit(features)
    space.load_state_dict(bundle.as_stored(space.state_dict()))


@torch.no_grad()
def fit_prototypes(network: SPMamba, features: Tensor, slice_height: Optional[Tensor], *, iterations: int = 20,
                   seed: int = 0) -> float:
    """Spherical k-means at each cell of `features` (N, C, grid, grid); returns the mean distance to the nearest centre.

    With several heights an image counts for every bucket within three quarters of a bucket width of its height.

    Raises:
        UsageError: no image for one of the heights.
    """
    generator, space = torch.Generator().manual_seed(seed), network.prototypes.space
    height_bins, cells, k, _ = network.prototypes.vectors.shape
    vectors, distances = [], []
    for bucket in range(height_bins):
        keep = in_height_bin(slice_height, bucket, height_bins, len(features))
        if not keep.any():
            raise UsageError(
                "No normal image shows height {} of {}; more images are needed.".format(bucket + 1, height_bins)
            )
        first = torch.randint(int(keep.sum()), (k,), generator=generator)  # the same images at every cell
        parts = []
        chosen = features if keep.all() else features[keep]  # no copy of what may be a gigabyte
        for start in range(0, cells, CELLS):
            parts.append(spherical_k_means(space.at(chosen, slice(start, start + CELLS)), first, iterations))
        vectors.append(torch.cat([centres for centres, _ in parts]))
        distances.append(float(1.0 - torch.cat([similarity for _, similarity in parts]).mean()))
    network.prototypes.initialise(torch.stack(vectors))
    return float(np.mean(distances))


def spherical_k_means(x: Tensor, first: Tensor, iterations: int) -> Tuple[Tensor, Tensor]:
    """(centres (cells, k, C), cosine of each vector with its nearest centre (cells, n)) of vectors (cells, n, C).

    The centres start at the vectors `first` (k,) of every cell.
    """
    x = F.normalize(x, dim=-1)
    k, channels = len(first), x.shape[2]
    centres = x[:, first]
    for _ in range(iterations):
        similarity, nearest = torch.bmm(x, centres.transpose(1, 2)).max(dim=2)
        total = torch.zeros_like(centres).scatter_add_(1, nearest[:, :, None].expand(-1, -1, channels), x)
        empty = total.norm(dim=-1, keepdim=True) < 1e-6
        spare = x.gather(1, similarity.topk(min(k, x.shape[1]), dim=1, largest=False).indices[:, :, None]
                         .expand(-1, -1, channels))
        if spare.shape[1] == k:  # an empty centre starts anew at an image that is explained worst
            total = torch.where(empty, spare, total)
        centres = F.normalize(total, dim=-1)
    return centres, torch.bmm(x, centres.transpose(1, 2)).amax(dim=2)


@torch.no_grad()
def raw_terms(network: SPMamba, config: ScoringConfig, normals: Normals, progress: Progress) -> Dict[str, Tensor]:
    """Raw terms of all images at input size, (N, S, S) each."""
    parts: Dict[str, List[Tensor]] = {}
    for start in range(0, len(normals), BATCH):
        rows = slice(start, start + BATCH)
        slice_height = None if normals.slice_height is None else normals.slice_height[rows]
        raw = network_terms(network, normals.pixels[rows], config)
        maps = at_input_size(raw, slice_height, normals.pixels.shape[-1])
        for name, term in maps.items():
            parts.setdefault(name, []).append(term)
        progress(min(1.0, (start + BATCH) / len(normals)), "scoring held-out normals")
    return {name: torch.cat(part) for name, part in parts.items()}


def fit_scale(config: ScoringConfig, raw: Dict[str, Tensor], slice_height: Optional[Tensor], masks: Tensor,
              seen: Unfitted) -> AnomalyScale:
    """Mean and spread of each term, from terms and masks at input size in memory."""
    return scale_of(
        config, {name: pool(term, config) for name, term in raw.items()}, slice_height, pool(masks, config), seen
    )


@torch.no_grad()
def calibrate(network: SPMamba, config: ScoringConfig, held: Normals, seen: Normals, *, unit: str,
              progress: Progress, flagged: Optional[np.ndarray] = None) -> Tuple[AnomalyScale, Dict[str, Any]]:
    """The scale of a model and the calibration part of its card, from held-out normals (and those `seen` in fitting).

    Args:
        flagged: (N,) the held-out ones that the model's input check marks.

    Returns:
        (scale, card) as of `judging.judge`.

    Raises:
        UsageError: fewer than two patients (one is measured by the other) or 20 images.
    """
    if len(set(held.patients)) < 2:
        raise UsageError("At least two patients must be held out for a calibration.")
    raw = raw_terms(network, config, held, progress)
    calibrated = calibration_of(
        config, HeldInMemory(held, with_height_chosen(raw), flagged), unfitted(network, config, seen, progress),
        unit=unit)
    return calibrated.scale, calibrated.card


class HeldInMemory:
    """Held-out normals whose raw terms, as `network_terms` gives them, are all in memory; the second half of them are
    varied copies."""

    def __init__(self, held: Normals, raw: Dict[str, Tensor], flagged: Optional[np.ndarray] = None) -> None:
        self.patients, self.slice_height = held.patients, held.slice_height
        self.counted = counted_of(torch.arange(len(held)) >= len(held) // 2, flagged)
        self._masks, self._raw = held.masks, raw

    def batches(self) -> Iterator[Batch]:
        for rows in torch.arange(len(self._masks)).split(64):
            yield Batch(rows, rows_of(self._raw, rows), self._masks[rows].float())


@torch.no_grad()
def input_check_of(network: SPMamba, *groups: Normals, progress: Progress,
               per_position: Optional[List[Tensor]] = None) -> Tuple[InputCheck, Dict[str, Any], np.ndarray]:
    """The input check, its card, and which of the images (N,) it marks; from all normals, of whom the second half of
    each group are varied copies.

    What prototypes are placed among, of all images and in half precision, is added to `placed` on the way.
    """
    parts, device = [], next(network.teacher.parameters()).device
    for number, normals in enumerate(groups):
        for rows in torch.arange(len(normals)).split(BATCH):
            pixels = normals.pixels[rows]
            features = network.encode(to_teacher_input(pixels.to(device)))
            parts.append(look(pixels, normals.masks[rows], features))
            if per_position is not None:
                per_position.append(network.positioned(features).half().cpu())
        progress((number + 1) / len(groups), "input check")
    kept = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    height_bins = [normals.slice_height for normals in groups if normals.slice_height is not None]
    looks = looks_of(
        kept, torch.cat(height_bins) if len(height_bins) == len(groups) else None,
        [patient for normals in groups for patient in normals.patients],
        torch.cat([torch.arange(len(normals)) >= len(normals) // 2 for normals in groups]))
    check, card = fit_input_check(looks)
    return check, card, flagged_rows(looks, check, card, fitted=True)


@torch.no_grad()
def unfitted(network: SPMamba, config: ScoringConfig, seen: Normals,
             progress: Progress = lambda fraction, text: None) -> Unfitted:
    """What the normals `seen` in fitting say of the terms that nothing was fitted for, if the model has any."""
    if not set(UNFITTED) & set(config.terms):
        return NO_TERMS
    parts = []
    for rows in torch.arange(len(seen)).split(BATCH):
        pixels = seen.pixels[rows].float()
        features = network.encode(to_teacher_input(pixels)) if "mirror" in config.terms else []
        terms = unfitted_terms(network, pixels, features, config)
        parts.append(unfitted_on_grid(terms, seen.masks[rows].float(), config))
        progress(float(rows[-1] + 1) / len(seen), "scoring fitted normals")
    return unfitted_of(parts, seen.slice_height)


def with_height_chosen(raw: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Terms whose height was chosen already, in the shape that `at_input_size` expects."""
    return {name: term[:, None] if name == "prototype" else term for name, term in raw.items()}


def rows_of(raw: Dict[str, Tensor], rows: Tensor) -> Dict[str, Tensor]:
    return {name: term[rows] for name, term in raw.items()}
