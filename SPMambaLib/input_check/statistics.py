"""Statistics that tell whether a slice looks like the normals of a model: plain ones of the prepared pixels, how it
lies against the average normal slice, and how far its teacher features are from theirs.

The feature distance is that of a Gaussian with the leading principal axes and one variance for all others (Tipping and
Bishop, Journal of the Royal Statistical Society B 61, 1999), of the channel means of f2 and f3: what kind of image it
is, not what is where.  Disease moves them little; another modality, region or contrast moves them far.
"""
from __future__ import annotations

import math
from typing import Callable, Dict, List, Mapping, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..preprocessing.alignment import warped
from ..preprocessing.prepare import PreparedSlices

SIDE = 32  # of the average slices
ANGLES = tuple(range(-24, 25, 4))  # degrees at which a tilt is tried
STRIDE = 4  # quantiles of a slice are taken of every fourth pixel
SAMPLED = 15  # slices of a volume that are looked at, evenly spaced
TENSORS = ("mean", "spread", "axes", "variances", "rest", "median_distance", "average")
UNLIKE = ("unlike", "unlike_middle")  # of models that were shown images of other kinds


def pooled(features: Sequence[Tensor]) -> Tensor:
    """Channel means of the teacher's f2 and f3: (B, C2 + C3)."""
    return torch.cat([feature.float().mean(dim=(2, 3)) for feature in features[1:3]], dim=1)


def reduced(pixels: Tensor) -> Tensor:
    """Prepared pixels (B, 1, S, S) -> (B, SIDE, SIDE)."""
    return F.adaptive_avg_pool2d(pixels, SIDE)[:, 0]


def plain_statistics(pixels: Tensor, masks: Tensor) -> Dict[str, Tensor]:
    """Statistics (B,) of prepared slices (B, 1, S, S) in [0, 1] inside the anatomy (B, S, S).

    ``contrast``: 5 to 95 % range; ``brightness``: median; ``noise``: logarithm of its robust standard deviation
    (Immerkaer, Computer Vision and Image Understanding 64, 1996, with the median instead of the mean);
    ``sharpness``: logarithm of the share of the variance that a 5 x 5 mean removes.
    """
    image, inside = pixels[:, 0], masks > 0
    values = torch.where(inside, image, torch.nan)[:, ::STRIDE, ::STRIDE].flatten(1)
    low, middle, high = torch.nan_to_num(torch.nanquantile(values, torch.tensor([0.05, 0.5, 0.95]), dim=1))
    kernel = torch.tensor([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]]) / 6.0  # keeps the variance of noise
    ripple = F.conv2d(F.pad(pixels, (1, 1, 1, 1), mode="replicate"), kernel[None, None])[:, 0].abs()
    ripple = torch.where(inside, ripple, torch.nan).flatten(1)[:, ::2]
    noise = torch.nan_to_num(torch.nanquantile(ripple, 0.5, dim=1)) / 0.6745
    count = inside.flatten(1).sum(dim=1).clamp(min=1)
    smooth = F.avg_pool2d(F.pad(pixels, (2, 2, 2, 2), mode="replicate"), 5, 1)[:, 0]
    mean = (image * inside).flatten(1).sum(dim=1) / count
    fine, all_of_it = (((image - other) ** 2 * inside).flatten(1).sum(dim=1) / count
                       for other in (smooth, mean[:, None, None]))
    return {"contrast": high - low, "brightness": middle, "noise": (noise + 1e-4).log(),
            "sharpness": (fine / all_of_it.clamp(min=1e-6)).clamp(min=1e-6).log()}


def pose_statistics(small: Tensor, average: Tensor) -> Dict[str, Tensor]:
    """How slices (B, SIDE, SIDE) lie against the average normal slices (L, SIDE, SIDE) of all heights; (B,) each.

    ``layout``: best correlation over heights and tilts; ``tilt``: the angle of it in degrees, clockwise as displayed;
    ``turned``, ``mirrored``, ``negative``: how much better it fits when turned by 90 or 180 degrees or upside down,
    mirrored, or inverted.
    """
    slices = directions(small)
    turns = torch.stack([directions(tilted(average, angle)) for angle in ANGLES])
    fits = torch.einsum("bd,ald->bal", slices, turns)
    by_angle = fits.amax(dim=2)
    upright = by_angle[:, len(ANGLES) // 2]

    def best(*others: Tensor) -> Tensor:
        return torch.stack([(slices @ directions(other).T).amax(dim=1) for other in others]).amax(dim=0)

    return {"layout": by_angle.amax(dim=1), "tilt": peak_angle(by_angle),
            "turned": best(average.flip(1), *(average.rot90(n, (1, 2)) for n in (1, 2, 3))) - upright,
            "mirrored": best(average.flip(2)) - upright,
            "negative": -fits.flatten(1).amin(dim=1) - by_angle.amax(dim=1)}


def directions(small: Tensor) -> Tensor:
    """(B, s, s) -> vectors (B, s * s) of mean 0 and length 1, whose products are correlations."""
    flat = small.flatten(1)
    return F.normalize(flat - flat.mean(dim=1, keepdim=True), dim=1, eps=1e-6)


def tilted(average: Tensor, degrees: float) -> Tensor:
    """(L, s, s) turned clockwise, borders replicated."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    affine = torch.tensor([[c, s, 0.0], [-s, c, 0.0]]).expand(len(average), -1, -1)
    return warped(average[:, None], affine)[:, 0]


def peak_angle(by_angle: Tensor) -> Tensor:
    """Angle of the best fit (B, len(ANGLES)), between the tried ones by a parabola."""
    at = by_angle.argmax(dim=1).clamp(1, len(ANGLES) - 2)
    rows = torch.arange(len(at))
    before, here, after = (by_angle[rows, at + step] for step in (-1, 0, 1))
    offset = 0.5 * (before - after) / (before - 2 * here + after).clamp(max=-1e-6)
    return torch.tensor(ANGLES)[at] + (ANGLES[1] - ANGLES[0]) * offset.clamp(-1, 1)


class InputCheck(nn.Module):
    """What the check remembers of the normals.

    Buffers: ``mean``, ``spread`` (D,) of the pooled features, ``axes`` (R, D) and ``variances`` (R,) of the leading
    principal axes of the standardised features, ``rest`` () the variance of every other axis, ``median_distance`` ()
    that of normals; ``average`` (L, SIDE, SIDE), the mean normal slice of each height.  Where images of other kinds
    were shown: ``unlike`` (D,), the direction of the standardised features that tells them from normals, and
    ``unlike_middle`` (), halfway between the two.
    """

    mean: Tensor
    spread: Tensor
    axes: Tensor
    variances: Tensor
    rest: Tensor
    median_distance: Tensor
    average: Tensor
    unlike: Tensor
    unlike_middle: Tensor

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name in TENSORS:
            self.register_buffer(name, state[name].float())
        for name in UNLIKE if UNLIKE[0] in state else ():
            self.register_buffer(name, state[name].float())
        if self.axes.shape != (len(self.variances), len(self.mean)) or self.average.shape[1:] != (SIDE, SIDE):
            raise ValueError("the tensors of the input check do not fit together")

    def distance(self, features: Tensor) -> Tensor:
        """Distance (B,) of pooled features (B, D) from the normals, in units of the normals' own median distance."""
        standard = (features - self.mean) / self.spread
        along = standard @ self.axes.T
        beyond = ((standard ** 2).sum(dim=1) - (along ** 2).sum(dim=1)).clamp(min=0)
        squared = (along ** 2 / self.variances).sum(dim=1) + beyond / self.rest
        return squared.sqrt() / self.median_distance

    @property
    def knows_others(self) -> bool:
        return hasattr(self, UNLIKE[0])

    def kind(self, features: Tensor) -> Tensor:
        """How much rather pooled features (B, D) are those of the other kinds that were shown, (B,); 0 is halfway."""
        return ((features - self.mean) / self.spread) @ self.unlike - self.unlike_middle

    def of_features(self, features: Tensor) -> Dict[str, Tensor]:
        """The statistics (B,) of pooled features (B, D)."""
        kind = {"kind": self.kind(features)} if self.knows_others else {}
        return {"features": self.distance(features), **kind}

    def statistics(self, pixels: Tensor, masks: Tensor, features: List[Tensor]) -> Dict[str, Tensor]:
        """All statistics (B,) of prepared slices (B, 1, S, S), masks (B, S, S) and their teacher features."""
        return {**self.of_features(pooled(features).cpu()), **pose_statistics(reduced(pixels), self.average),
                **plain_statistics(pixels, masks)}


def scan_statistics(check: InputCheck, prepared: PreparedSlices, encode: Callable[[Tensor], List[Tensor]],
                    checkpoint: Callable[[], None]) -> Dict[str, float]:
    """Statistics of a scan: medians over a few of its analysed slices, evenly spaced.

    Args:
        encode: teacher features of prepared slices (B, 1, S, S).
        checkpoint: called between slices; may raise to cancel.
    """
    analysed = np.flatnonzero(prepared.analysed)
    places = (np.arange(min(SAMPLED, len(analysed))) + 0.5) / min(SAMPLED, len(analysed))
    rows = []
    for n in analysed[(places * len(analysed)).astype(int)].tolist():
        checkpoint()
        pixels, masks = prepared.pixels[n:n + 1], prepared.input_masks[n:n + 1]
        rows.append(check.statistics(pixels, masks, encode(pixels)))
    return {name: float(np.median([float(row[name]) for row in rows])) for name in rows[0]}


def extent_mm(prepared: PreparedSlices, spacing: Tuple[float, float]) -> float:
    """Longest side in the slice plane of the anatomy of any slice, for pixels of `spacing` (row, column) mm."""
    sides = [np.ptp(np.flatnonzero(mask.any(axis=axis))) + 1.0
             for mask in prepared.masks[prepared.analysed] for axis in (1, 0)]
    return float(np.max(np.reshape(sides, (-1, 2)) * np.asarray(spacing)))
