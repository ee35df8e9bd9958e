"""Prototypes, statistics and calibration from normal scans: the part of a model that a hospital fits itself.

Prototypes are spherical k-means centres of the frozen teacher's features, cell by cell (and level by level); pull-only
learned prototypes collapse.  Everything that judges them comes from *held-out* patients: mean and spread per position,
thresholds and component statistics.  Thresholds are cross-fitted: each half of the held-out normals is scored with the
statistics of the other, so that no scan is judged by a table it helped to make.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import UsageError
from ..model.network import SPMamba
from ..model.teacher import to_teacher_input
from ..scoring.calibration import Calibration
from ..scoring.maps import AnomalyScale, ScoringConfig, appearance, at_input_size, gaussian_blur, network_terms
from ..scoring.slices import score_maps, slice_components

Progress = Callable[[float, str], None]
BATCH = 8


@dataclass
class Normals:
    """Prepared normal images: pixels (N, 1, S, S), masks (N, S, S), level (N,) or None, patient of each."""

    pixels: Tensor
    masks: Tensor
    level: Optional[Tensor]
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
def fit_prototypes(network: SPMamba, features: Tensor, level: Optional[Tensor], *, iterations: int = 20,
                   seed: int = 0) -> float:
    """Spherical k-means at each cell of `features` (N, C, grid, grid); returns the mean distance to the nearest centre.

    With several levels an image counts for every bucket within three quarters of a bucket width of its level.

    Raises:
        UsageError: no image for one of the levels.
    """
    generator = torch.Generator().manual_seed(seed)
    levels, cells, k, channels = network.prototypes.vectors.shape
    vectors, distances = [], []
    for bucket in range(levels):
        keep = torch.ones(len(features), dtype=torch.bool)
        if levels > 1 and level is not None:
            keep = (level * levels - (bucket + 0.5)).abs() <= 0.75
        if not keep.any():
            raise UsageError("No normal image shows level {} of {}; more images are needed.".format(bucket + 1, levels))
        x = F.normalize(features[keep].float().flatten(2).permute(2, 0, 1), dim=-1)  # (cells, n, C)
        centres = x[:, torch.randint(x.shape[1], (k,), generator=generator)]
        for _ in range(iterations):
            similarity, nearest = torch.bmm(x, centres.transpose(1, 2)).max(dim=2)
            total = torch.zeros_like(centres).scatter_add_(1, nearest[:, :, None].expand(-1, -1, channels), x)
            empty = total.norm(dim=-1, keepdim=True) < 1e-6
            spare = x.gather(1, similarity.topk(min(k, x.shape[1]), dim=1, largest=False).indices[:, :, None]
                             .expand(-1, -1, channels))
            if spare.shape[1] == k:  # an empty centre starts anew at an image that is explained worst
                total = torch.where(empty, spare, total)
            centres = F.normalize(total, dim=-1)
        vectors.append(centres)
        distances.append(float(1.0 - torch.bmm(x, centres.transpose(1, 2)).amax(dim=2).mean()))
    network.prototypes.initialise(torch.stack(vectors))
    return float(np.mean(distances))


@torch.no_grad()
def raw_terms(network: SPMamba, config: ScoringConfig, normals: Normals, progress: Progress) -> Dict[str, Tensor]:
    """Raw terms of all images at input size, (N, S, S) each, and ``appearance`` (N,)."""
    parts: Dict[str, List[Tensor]] = {}
    for start in range(0, len(normals), BATCH):
        rows = slice(start, start + BATCH)
        level = None if normals.level is None else normals.level[rows]
        raw = network_terms(network, normals.pixels[rows], config)
        maps = at_input_size(raw, level, normals.pixels.shape[-1])
        for name, term in dict(maps, appearance=appearance(raw["prototype"])).items():
            parts.setdefault(name, []).append(term)
        progress(min(1.0, (start + BATCH) / len(normals)), "scoring held-out normals")
    return {name: torch.cat(part) for name, part in parts.items()}


def fit_scale(config: ScoringConfig, raw: Dict[str, Tensor], level: Optional[Tensor], seen: Normals) -> AnomalyScale:
    """Mean and spread per position of each term; centre and unit are left at 0 and 1.

    Intensity has no fitted part, so the normals `seen` in fitting may speak for it too.
    """
    scale = AnomalyScale(config)
    for name in config.terms:
        if name == "intensity":
            smooth = [gaussian_blur(batch[:, 0], config.intensity_sigma) for batch in seen.pixels.split(64)]
            both = None if level is None or seen.level is None else torch.cat([level, seen.level])
            scale.fit_term(name, [raw[name], *smooth], both)
        else:
            scale.fit_term(name, [raw[name]], level)
    return scale


@torch.no_grad()
def calibrate(network: SPMamba, config: ScoringConfig, held: Normals, seen: Normals, *, unit: str,
              progress: Progress) -> Tuple[AnomalyScale, Dict[str, Any]]:
    """The scale of a model and the calibration part of its card, from held-out normals (and those `seen` in fitting).

    Returns:
        (scale, {"map": quantile table, "components": mean and spread of each, "appearance": ..., "normals": n}).

    Raises:
        UsageError: fewer than two patients (each half judges the other) or 20 images.
    """
    if len(set(held.patients)) < 2:
        raise UsageError("At least two patients must be held out for a calibration.")
    raw = raw_terms(network, config, held, progress)
    half = halves_by_patient(held.patients)
    total, standardised = torch.zeros_like(held.masks), {name: torch.zeros_like(held.masks) for name in config.terms}
    for own, other in ((half, ~half), (~half, half)):
        learn, judge = (torch.from_numpy(np.flatnonzero(h)) for h in (own, other))
        level = held.level
        scale = fit_scale(config, rows_of(raw, learn), None if level is None else level[learn], seen)
        for rows in judge.split(64):
            chosen = with_level_chosen(rows_of(raw, rows))
            total[rows], z = score_maps(scale, chosen, None if level is None else level[rows], held.masks[rows])
            for name in z:
                standardised[name][rows] = z[name]
    scale = fit_scale(config, raw, held.level, seen)
    inside = total[held.masks > 0]
    scale.centre.copy_(inside.mean())
    scale.unit.copy_(inside.std())
    fused = (total - scale.centre) / scale.unit * held.masks
    values = slice_components(scale, fused, standardised)
    card = {
        "map": Calibration.from_peaks(fused.amax(dim=(1, 2)).tolist(), unit=unit).to_dict(),
        "components": {name: [float(v.mean()), float(v.std())] for name, v in values.items()},
        "appearance": {"mean": float(raw["appearance"].mean()), "spread": float(raw["appearance"].std())},
        "normals": len(held),
        "patients": len(set(held.patients)),
    }
    return scale, card


def with_level_chosen(raw: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Terms whose level was chosen already, in the shape that `at_input_size` expects."""
    return {name: term[:, None] if name == "prototype" else term for name, term in raw.items() if name != "appearance"}


def rows_of(raw: Dict[str, Tensor], rows: Tensor) -> Dict[str, Tensor]:
    return {name: term[rows] for name, term in raw.items()}


def halves_by_patient(patients: List[str], seed: int = 0) -> np.ndarray:
    """A random half of the patients, as a mask over their images."""
    names = sorted(set(patients))
    np.random.default_rng(seed).shuffle(names)
    first = set(names[: len(names) // 2])
    return np.array([patient in first for patient in patients])

