"""Raw term maps of prepared slices, each "how unexplained is this place", before standardisation.

* ``residual``   R: mean over scales of 1 - cos(teacher, reconstruction), Gaussian-smoothed (paper, section 3).
* ``prototype``  P: distance to the nearest normal prototype of this place (paper, section 3).
* ``mirror``     M: 1 - best cosine of a teacher feature with the mirrored image's features nearby; for paired anatomy.
* ``intensity``  I: smoothed normalised intensity; for disease that is brighter than tissue ever is at this place.

R and P are the paper's; M and I are additions that a bundle may use.  Only the bundle's terms are computed: without the
residual, neck and decoder do not run.
"""
from __future__ import annotations

from typing import Dict, Optional, Sequence, Tuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..model.feature_space import joined
from ..model.network import Output, SPMamba
from ..model.prototypes import ANY_HEIGHT, at_height
from ..model.teacher import to_teacher_input
from .maps import ScoringConfig, gaussian_blur, resize

UNFITTED = ("mirror", "intensity")
"""Terms that nothing was fitted for: the images that the rest was fitted on are as good a norm as any others."""


def network_terms(network: SPMamba, pixels: Tensor, config: ScoringConfig) -> Dict[str, Tensor]:
    """Raw terms of prepared slices (B, 1, S, S), all but the choice of height, which needs the whole volume.

    Returns ``residual`` and ``intensity`` (B, S, S), ``mirror`` (B, h, w), and ``prototype`` (B, height_bins, h, w):
    the distance to the prototypes of every height.
    """
    return terms_and_nearest(network, pixels, config)[0]


def terms_and_nearest(network: SPMamba, pixels: Tensor, config: ScoringConfig) -> Tuple[Dict[str, Tensor], Tensor]:
    """`network_terms`, and the numbers of the nearest prototypes (B, height_bins, h, w)."""
    return terms_of_features(network, pixels, network.encode(to_teacher_input(pixels)), config)


def terms_of_features(network: SPMamba, pixels: Tensor, features: Sequence[Tensor],
                      config: ScoringConfig) -> Tuple[Dict[str, Tensor], Tensor]:
    """`terms_and_nearest` of slices whose teacher features f1, f2, f3 are known."""
    output = network.decode(features, reconstruct="residual" in config.terms)
    terms = dict(unfitted_terms(network, pixels, features, config), prototype=output.prototype_distances)
    if "residual" in config.terms:
        terms["residual"] = residual_map(output, pixels.shape[-1], config.residual_sigma, config.upsampling)
    assert output.nearest is not None
    return {name: term.float() for name, term in terms.items()}, output.nearest


def unfitted_terms(network: SPMamba, pixels: Tensor, features: Sequence[Tensor],
                   config: ScoringConfig) -> Dict[str, Tensor]:
    """The bundle's `UNFITTED` terms of slices (B, 1, S, S) whose teacher features f1, f2, f3 are known."""
    terms = {}
    if "mirror" in config.terms:
        mirrored = network.encode(to_teacher_input(pixels.flip(-1)))
        terms["mirror"] = mirror_map(deepest(features, config.mirror_scales), deepest(mirrored, config.mirror_scales))
    if "intensity" in config.terms:
        terms["intensity"] = gaussian_blur(pixels[:, 0], config.intensity_sigma)
    return terms


def residual_map(output: Output, size: int, sigma: float, upsampling: str = "centred") -> Tensor:
    """R (B, size, size): reconstruction error in cosine distance, averaged over scales, then smoothed."""
    scales = []
    for feature, reconstruction in zip(output.features, output.reconstructions):
        distance = 1.0 - F.cosine_similarity(feature.float(), reconstruction.float(), dim=1)
        scales.append(resize(distance, size, align_corners=upsampling == "published"))
    return gaussian_blur(torch.stack(scales).mean(dim=0), sigma)


def deepest(features: Sequence[Tensor], scales: int) -> Tensor:
    """The last `scales` of a teacher's maps in one (B, C, h, w), on the grid of the finest of them."""
    chosen = features[len(features) - scales:]
    return joined(chosen, chosen[0].shape[-1])


def mirror_map(feature: Tensor, mirrored: Tensor) -> Tensor:
    """M (B, h, w): 1 - max cosine of each cell of `feature` with the 3x3 cells around it in `mirrored`.

    `mirrored` are the features of the mirrored image, not flipped back: its cell i shows what lies opposite of cell i,
    turned the way that cell i would show it.
    """
    a, b = F.normalize(feature.float(), dim=1), F.normalize(mirrored.float(), dim=1)
    height, width = a.shape[2:]
    padded = F.pad(b, (1, 1, 1, 1))
    best = torch.full(a.shape[:1] + a.shape[2:], -1.0, dtype=a.dtype, device=a.device)
    for row in range(3):
        for column in range(3):
            best = torch.maximum(best, (a * padded[:, :, row:row + height, column:column + width]).sum(dim=1))
    return 1.0 - best


def height_bin_index(slice_height: Optional[Tensor], height_bins: int) -> Optional[Tensor]:
    """Index of the bucket of each `slice_height` (B,) in [0, 1], `ANY_HEIGHT` where it is negative; None for None."""
    if slice_height is None:
        return None
    return torch.where(
        slice_height >= 0, (slice_height.clamp(0, 1) * height_bins).long().clamp(max=height_bins - 1), ANY_HEIGHT
    )


def at_input_size(terms: Dict[str, Tensor], slice_height: Optional[Tensor], size: int) -> Dict[str, Tensor]:
    """Terms of `network_terms` as maps (B, S, S): the prototype distance at each slice's `slice_height`, all upsampled.

    `slice_height` (B,) in [0, 1]; None or negative takes the nearest prototype of any height.
    """
    maps = dict(terms)
    if "prototype" in terms:
        maps["prototype"] = at_height(terms["prototype"], height_bin_index(slice_height, terms["prototype"].shape[1]))
    return {name: m if m.shape[-1] == size else resize(m, size) for name, m in maps.items()}
