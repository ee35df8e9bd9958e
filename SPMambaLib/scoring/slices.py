"""From raw terms to scored slices: the one path that fitting, calibration and detection share."""
from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import torch
from torch import Tensor

from . import components
from .maps import AnomalyScale
from .terms import at_input_size

HEIGHT_KERNEL = 0.08  # relative height within which normal slices speak for each other's score
HEIGHT_NODES = 26  # heights at which that is tabulated


def score_maps(scale: AnomalyScale, raw: Dict[str, Tensor], slice_height: Optional[Tensor],
               masks: Tensor) -> Tuple[Tensor, Dict[str, Tensor]]:
    """Fused map and standardised terms (B, S, S) inside the anatomy."""
    maps = at_input_size(raw, slice_height, masks.shape[-1])
    standardised = scale.standardise(maps, masks, slice_height)
    return scale.fuse(standardised) * masks, standardised


def slice_components(
    scale: AnomalyScale,
    fused: Tensor,
    standardised: Dict[str, Tensor],
    normals: Optional[Dict[str, Any]] = None,
    slice_height: Optional[Tensor] = None,
) -> Dict[str, Tensor]:
    """Score and components of slices (B,); in units of normal spread when those of the normals are given.

    Args:
        normals: the card's calibration: (mean, spread) of each component, and of the score by height where the model
            knows heights: some heights of a normal body are more varied than others.
        height: (B,) relative height, negative where unknown.
    """
    summary = scale.config.summary
    values = {"score": components.summarise(fused, summary)}
    values.update({name: components.summarise(z, summary) for name, z in standardised.items()})
    values["contrast"] = components.contrast(fused)
    values["concentration"] = components.concentration(fused)
    if normals is not None:
        known = normals["components"]
        standard = {name: (v - known[name][0]) / known[name][1] for name, v in values.items()}
        if slice_height is not None and "score_by_height" in normals:
            local = at_height(values["score"], slice_height, normals["score_by_height"])
            standard["score"] = torch.where(slice_height >= 0, local, standard["score"])
        values = standard
    return values


def score_by_height(scores: np.ndarray, height_bins: np.ndarray) -> Dict[str, List[float]]:
    """Mean and spread of normal scores (N,) at `LEVEL_NODES` heights from 0 to 1, weighted by distance in height.

    Where few slices lie near, their spread says little: half of the overall one is the least.
    """
    heights = np.linspace(0.0, 1.0, HEIGHT_NODES)[:, None]
    weights = np.exp(-0.5 * ((height_bins[None] - heights) / HEIGHT_KERNEL) ** 2) + 1e-12
    weights /= weights.sum(axis=1, keepdims=True)
    mean = weights @ scores
    spread = np.sqrt((weights * (scores[None] - mean[:, None]) ** 2).sum(axis=1))
    return {"mean": mean.tolist(), "spread": np.maximum(spread, 0.5 * scores.std()).tolist()}


def at_height(scores: Tensor, slice_height: Tensor, table: Dict[str, List[float]]) -> Tensor:
    """Scores (B,) in units of the normal spread at their `slice_height` (B,), linear between the heights of the
    table."""
    heights = np.linspace(0.0, 1.0, len(table["mean"]))
    mean, spread = (torch.from_numpy(np.interp(slice_height.numpy(), heights, table[name])).to(scores)
                    for name in ("mean", "spread"))
    return (scores - mean) / spread
