"""Standardisation of term maps (see `terms`) against normal scans, and the fused anomaly map.

Each term t becomes
``z_t(p) = (t(p) - mean_t(p)) / spread_t(p)`` with mean and spread per position over held-out normals, and the map is
``A = (F(z) - centre) / unit``: how unusual this is *here*, in units of normal spread, the same scale for every image.
F is the weighted sum of the z_t, or their weighted geometric mean, which asks that *every* term finds a place unusual.
One function serves fitting and detection.

Normal scans have heavy tails, and what is heavy is bound to places: scalp, orbits, neck.  So the spread may be that of
the upper tail (fourth moment of what exceeds the mean), taken from the worst place within `reach`.  Scanners and head
shapes move whole slices at once; for focal disease a bundle may therefore compare every place with the calm half of its
own slice (`centring`).
"""
from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Dict, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TERMS = ("residual", "prototype", "mirror", "intensity")
UPPER_FOURTH_MOMENT = 1.5  # mean of max(x, 0)^4 for a standard normal x
GEOMETRIC_FLOOR = 0.1  # normal spreads added before the geometric mean: no single term has a veto
QUANTILE_STRIDE = 4  # quantiles of a slice are taken on every fourth pixel
LEAST_CALM = 1.0  # of a slice's own spread below its median, in normal spreads


@dataclass(frozen=True)
class ScoringConfig:
    """What a bundle's map is made of.

    Attributes:
        terms, weights: the terms fused and their weights w_t.
        residual_sigma, intensity_sigma: Gaussian smoothing in input pixels.
        mirror_scales: how many of the teacher's scales the mirror term compares, the deepest first, on the grid of the
            finest of them; it takes the shallower for small lesions.
        grid: side of the grid on which mean and spread are stored.
        heights: height bins of mean and spread (1 for single images).
        spread: ``"tail"`` (of the upper tail) or ``"deviation"`` (standard deviation).
        pooled: terms with one mean and one spread for all positions of a height, inside the anatomy, because the term
            itself knows its place already.
        reach: side in grid cells of the neighbourhood whose largest spread counts; anatomy is never quite in place.
        fusion: ``"sum"`` or ``"geometric"``.
        centring: ``"none"``, or ``"slice"``: z_t minus its median in the slice, where that is above 0, divided by the
            distance from the 10 % quantile to the median, at least `LEAST_CALM`.  Disease that fills less than half of
            a slice moves neither much; diffuse disease does.
        hysteresis: findings are drawn beyond what reaches the threshold (`Calibration.edge`); for focal disease only,
            since diffuse disease would become one finding.
        sigma: Gaussian smoothing of the fused map in input pixels; a lesion is larger than the grain of a map.
        upsampling: of the residual; ``"centred"`` puts each cell in the middle of the pixels that it stands for, which
            is where trained weights look; ``"published"`` stretches the grid to the corners as the paper does, half a
            cell off at the borders.
        summary: image score from the map: ``"mean"`` (diffuse disease) or ``"top5"`` (mean of the highest 5 %).
    """

    terms: Tuple[str, ...] = ("residual", "prototype")
    weights: Tuple[float, ...] = (0.5, 1.0)
    residual_sigma: float = 4.0
    intensity_sigma: float = 2.0
    mirror_scales: int = 1
    grid: int = 64
    height_bins: int = 1
    spread: str = "tail"
    pooled: Tuple[str, ...] = ()
    reach: int = 9
    fusion: str = "sum"
    centring: str = "none"
    hysteresis: bool = False
    sigma: float = 0.0
    upsampling: str = "centred"
    summary: str = "top5"

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tuple(self.terms))
        object.__setattr__(self, "weights", tuple(self.weights))
        object.__setattr__(self, "pooled", tuple(self.pooled))
        if self.spread not in ("tail", "deviation") or self.fusion not in ("sum", "geometric"):
            raise ValueError("unknown spread {!r} or fusion {!r}".format(self.spread, self.fusion))
        if len(self.terms) != len(self.weights) or not set(self.terms) <= set(TERMS):
            raise ValueError("terms {} and weights {} do not fit".format(self.terms, self.weights))
        if not 1 <= self.mirror_scales <= 3:
            raise ValueError("mirror_scales must be 1 to 3, not {}".format(self.mirror_scales))
        if self.centring not in ("none", "slice") or self.upsampling not in ("centred", "published"):
            raise ValueError("unknown centring {!r} or upsampling {!r}".format(self.centring, self.upsampling))

    @property
    def per_position(self) -> Tuple[str, ...]:
        """Terms with a mean and a spread of each position."""
        return tuple(name for name in self.terms if name not in self.pooled)

    def to_dict(self) -> Dict[str, Any]:
        return asdict(self)


def gaussian_blur(maps: Tensor, sigma: float) -> Tensor:
    """Separable Gaussian over (B, h, w), kernel cut at 3 sigma, borders replicated."""
    radius = max(1, int(math.ceil(3 * sigma)))
    offsets = torch.arange(-radius, radius + 1, dtype=maps.dtype, device=maps.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(maps[:, None], (radius, radius, radius, radius), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))[:, 0]


def resize(maps: Tensor, size: int, align_corners: bool = False) -> Tensor:
    """(B, h, w) -> (B, size, size), bilinear."""
    return F.interpolate(maps[:, None], (size, size), mode="bilinear", align_corners=align_corners)[:, 0]


class AnomalyScale(nn.Module):
    """Mean and spread of each term on normal scans, and the fusion that rests on them.

    Buffers: ``mean``, ``spread`` (placed terms, height_bins, grid, grid); ``pooled_mean``, ``pooled_spread`` (pooled
    terms,
    heights), each in the order of the configuration's terms; ``centre``, ``unit`` scalars that make A zero-mean and
    unit-spread over held-out normals.
    """

    mean: Tensor
    spread: Tensor
    pooled_mean: Tensor
    pooled_spread: Tensor
    centre: Tensor
    unit: Tensor

    def __init__(self, config: ScoringConfig) -> None:
        super().__init__()
        self.config = config
        self._pooled = tuple(name for name in config.terms if name in config.pooled)
        shape = (len(config.per_position), config.height_bins, config.grid, config.grid)
        pooled = (len(self._pooled), config.height_bins)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("spread", torch.ones(shape))
        self.register_buffer("pooled_mean", torch.zeros(pooled))
        self.register_buffer("pooled_spread", torch.ones(pooled))
        self.register_buffer("centre", torch.zeros(()))
        self.register_buffer("unit", torch.ones(()))

    def standardise(
        self, terms: Dict[str, Tensor], masks: Tensor, slice_height: Optional[Tensor] = None
    ) -> Dict[str, Tensor]:
        """z_t of raw terms (B, S, S), 0 outside the anatomy `masks` (B, S, S).

        `slice_height` (B,) in [0, 1] picks the statistics; None or negative takes the average height.
        """
        out = {}
        for name in self.config.terms:
            raw = terms[name]
            mean, spread = (resize(self._at_height(statistic, slice_height, len(raw)), raw.shape[-1])
                            for statistic in self.statistics(name))
            z = (raw - mean) / spread
            out[name] = (centred(z, masks) if self.config.centring == "slice" else z) * masks
        return out

    def fuse(self, standardised: Dict[str, Tensor]) -> Tensor:
        """A (B, S, S) from standardised terms."""
        weights = dict(zip(self.config.terms, self.config.weights))
        if self.config.fusion == "geometric":
            total = torch.stack([weight * (standardised[name].clamp(min=0) + GEOMETRIC_FLOOR).log()
                                 for name, weight in weights.items()]).sum(dim=0)
            total = (total / sum(self.config.weights)).exp()
        else:
            total = torch.stack([weight * standardised[name] for name, weight in weights.items()]).sum(dim=0)
        if self.config.sigma:
            total = gaussian_blur(total, self.config.sigma)
        return (total - self.centre) / self.unit

    def statistics(self, name: str) -> Tuple[Tensor, Tensor]:
        """Mean and spread of a term, (height_bins, side, side) each; the side of pooled terms is 1.  Views: they can
        be set.
        """
        if name in self.config.pooled:
            row = self._pooled.index(name)
            return self.pooled_mean[row, :, None, None], self.pooled_spread[row, :, None, None]
        row = self.config.per_position.index(name)
        return self.mean[row], self.spread[row]

    def _at_height(self, statistic: Tensor, slice_height: Optional[Tensor], batch: int) -> Tensor:
        """(height_bins, g, g) -> (B, g, g), linear between the centres of the height bin."""
        statistic = statistic.float()
        if self.config.height_bins == 1 or slice_height is None:
            return statistic.mean(dim=0, keepdim=True).expand(batch, -1, -1)
        position = (slice_height.clamp(0, 1) * self.config.height_bins - 0.5).clamp(0, self.config.height_bins - 1)
        lower = position.floor().long().clamp(max=self.config.height_bins - 2)
        share = (position - lower)[:, None, None]
        known = torch.lerp(statistic[lower], statistic[lower + 1], share)
        return torch.where((slice_height >= 0)[:, None, None], known, statistic.mean(dim=0, keepdim=True))

    @torch.no_grad()
    def fit_term(self, name: str, maps: Sequence[Tensor], slice_height: Optional[Tensor] = None,
                 masks: Optional[Tensor] = None) -> None:
        """Set mean and spread of one term from the raw maps of normal scans.

        `maps` are batches (n, S, S) in the order of `slice_height` (N,).  Statistics of a height bin weigh every scan
        by its
        distance in height (Gaussian, one bucket wide), so that sparse buckets borrow from their neighbours.  Those of
        pooled terms are taken inside of `masks` (N, grid, grid), where every scan counts alike.
        """
        height_bins, grid = self.config.height_bins, self.config.grid
        kept_mean, kept_spread = self.statistics(name)
        small = torch.cat([F.adaptive_avg_pool2d(batch[:, None], grid)[:, 0] for batch in maps])
        weights = torch.ones(height_bins, len(small))
        if slice_height is not None and height_bins > 1:
            centres = (torch.arange(height_bins) + 0.5)[:, None]
            weights = torch.exp(-0.5 * (slice_height.float() * height_bins - centres) ** 2)
        weights = weights / weights.sum(dim=1, keepdim=True)
        if name in self.config.pooled:
            inside = torch.ones_like(small) if masks is None else (masks > 0.5).to(small)
            share = inside / inside.sum(dim=(1, 2), keepdim=True).clamp(min=1)
            weights = weights * (inside.amax(dim=(1, 2)) > 0)
            weights = weights / weights.sum(dim=1, keepdim=True)
            of_scan = (share * small).sum(dim=(1, 2))
            within = (share * (small - of_scan[:, None, None]) ** 2).sum(dim=(1, 2))
            mean = weights @ of_scan
            variance = weights @ within + (weights * (of_scan - mean[:, None]) ** 2).sum(dim=1)
            kept_mean.copy_(mean[:, None, None])
            kept_spread.copy_(variance.sqrt().clamp(min=1e-6)[:, None, None])
            return
        mean = gaussian_blur(torch.einsum("ln,nhw->lhw", weights, small), 1.0)
        if self.config.spread == "tail":
            tail = torch.stack([torch.einsum("n,nhw->hw", w, (small - m).clamp(min=0) ** 4)
                                for w, m in zip(weights, mean)])
            spread = (tail / UPPER_FOURTH_MOMENT) ** 0.25
        else:
            spread = torch.stack([torch.einsum("n,nhw->hw", w, (small - m) ** 2) for w, m in zip(weights, mean)]).sqrt()
        # Positions that never vary (air) must not turn rounding into anomalies: at least a quarter of what is typical.
        floor = 0.25 * spread.flatten(1).quantile(0.75, dim=1)[:, None, None]
        widest = F.max_pool2d(torch.maximum(spread, floor)[:, None], self.config.reach, 1, self.config.reach // 2)[:, 0]
        kept_mean.copy_(mean)
        kept_spread.copy_(gaussian_blur(widest, 1.0).clamp(min=1e-6))


def centred(z: Tensor, masks: Tensor) -> Tensor:
    """z (B, S, S) relative to the calm half of its own slice, inside the anatomy; see `ScoringConfig.centring`."""
    inside = torch.where(masks > 0, z, torch.nan)[:, ::QUANTILE_STRIDE, ::QUANTILE_STRIDE].flatten(1)
    quantiles = torch.nanquantile(inside, torch.tensor([0.1, 0.5], dtype=z.dtype, device=z.device), dim=1)
    low, median = torch.nan_to_num(quantiles)[:, :, None, None]
    return (z - median.clamp(min=0)) / (median - low).clamp(min=LEAST_CALM)
