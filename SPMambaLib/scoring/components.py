"""The four score components of an image and of a finding: residual, prototype, contrast, concentration.

Residual and prototype summarise the standardised term maps; contrast and concentration describe the shape of the
anomaly map A (paper, section 3):

* contrast       C = mean |DoG(A; sigmas 0.5, 1.0)|
* concentration  K = mean over p of dist(p, p*) (A(p) - A(p*))^2, p* = argmax A

`published_score` is the paper's formula with its constants, for comparison only: they were tuned on test data.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Dict

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

DOG_SIGMAS = (0.5, 1.0)
TOP_SHARE = 0.05


def contrast(maps: Tensor) -> Tensor:
    """C of maps (B, h, w) -> (B,)."""
    from .maps import gaussian_blur

    fine, coarse = (gaussian_blur(maps, sigma) for sigma in DOG_SIGMAS)
    return (fine - coarse).abs().mean(dim=(1, 2))


def concentration(maps: Tensor) -> Tensor:
    """K of maps (B, h, w) -> (B,); distances in pixels, the first maximum in row-major order."""
    import torch

    batch, height, width = maps.shape
    peak, where = maps.flatten(1).max(dim=1)
    rows = torch.arange(height, device=maps.device, dtype=maps.dtype)[None, :, None]
    columns = torch.arange(width, device=maps.device, dtype=maps.dtype)[None, None, :]
    top = torch.div(where, width, rounding_mode="floor").to(maps.dtype)[:, None, None]
    distance = torch.sqrt((rows - top) ** 2 + (columns - (where % width).to(maps.dtype)[:, None, None]) ** 2)
    return (distance * (maps - peak[:, None, None]) ** 2).mean(dim=(1, 2))


def summarise(maps: Tensor, summary: str) -> Tensor:
    """One number per map (B, h, w): ``"mean"`` for diffuse disease, ``"top5"`` (mean of the highest 5 %) for focal."""
    if summary == "mean":
        return maps.mean(dim=(1, 2))
    flat = maps.flatten(1)
    return flat.topk(max(1, int(TOP_SHARE * flat.shape[1])), dim=1).values.mean(dim=1)


def published_score(maps: Tensor, beta: float = 3750.0, gamma: float = -0.08) -> Tensor:
    """max A + beta C + gamma K with the paper's constants; maps (B, h, w) in the paper's scale -> (B,)."""
    return maps.amax(dim=(1, 2)) + beta * contrast(maps) + gamma * concentration(maps)


def region_components(values: np.ndarray, points_mm: np.ndarray) -> Dict[str, float]:
    """Contrast and concentration of one region, from its map values (n,) and voxel positions (n, 3) in mm.

    Inside a region of a volume the paper's two formulas become: contrast, how far the peak stands out of the region's
    mean (map units); concentration, mean over voxels of dist(p, p*) (A(p) - A(p*))^2 with distances in mm.
    """
    values = values.astype(np.float64)
    peak = int(values.argmax())
    distance = np.linalg.norm(points_mm - points_mm[peak], axis=1)
    return {"contrast": float(values[peak] - values.mean()),
            "concentration": float((distance * (values - values[peak]) ** 2).mean())}
