"""From raw terms to scored slices: the one path that fitting, calibration and detection share."""
from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from torch import Tensor

from . import components
from .maps import AnomalyScale, at_input_size


def score_maps(scale: AnomalyScale, raw: Dict[str, Tensor], level: Optional[Tensor],
               masks: Tensor) -> Tuple[Tensor, Dict[str, Tensor]]:
    """Fused map and standardised terms (B, S, S) inside the anatomy."""
    maps = at_input_size(raw, level, masks.shape[-1])
    standardised = scale.standardise(maps, masks, level)
    return scale.fuse(standardised) * masks, standardised


def slice_components(scale: AnomalyScale, fused: Tensor, standardised: Dict[str, Tensor],
                     normals: Optional[Dict[str, Any]] = None) -> Dict[str, Tensor]:
    """Score and components of slices (B,); in units of normal spread when (mean, spread) of the `normals` are given."""
    summary = scale.config.summary
    values = {"score": components.summarise(fused, summary)}
    values.update({name: components.summarise(z, summary) for name, z in standardised.items()})
    values["contrast"] = components.contrast(fused)
    values["concentration"] = components.concentration(fused)
    if normals is not None:
        values = {name: (v - normals[name][0]) / normals[name][1] for name, v in values.items()}
    return values
