"""Small differences in positioning and scanner that a normal scan may show; used in fitting and calibration alike."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..preprocessing.alignment import warped


@dataclass(frozen=True)
class Augmentation:
    """Ranges of a random affine and tone change; `flip` for paired anatomy without a side."""

    rotation_degrees: float = 8.0
    shift: float = 0.04
    zoom: float = 0.06
    gamma: float = 0.2
    contrast: float = 0.15
    noise: float = 0.02
    flip: bool = False


def augment(pixels: Tensor, masks: Tensor, augmentation: Augmentation, seed: int) -> "tuple[Tensor, Tensor]":
    """A varied, seeded copy of prepared images (N, 1, S, S) and masks (N, S, S); borders are replicated."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(limit: float) -> Tensor:
        return limit * (2 * torch.rand(len(pixels), generator=generator) - 1)

    angle, scale = torch.deg2rad(uniform(augmentation.rotation_degrees)), 1 + uniform(augmentation.zoom)
    affine = torch.zeros(len(pixels), 2, 3)
    affine[:, 0, 0] = affine[:, 1, 1] = torch.cos(angle) / scale
    affine[:, 0, 1], affine[:, 1, 0] = -torch.sin(angle) / scale, torch.sin(angle) / scale
    affine[:, 0, 2], affine[:, 1, 2] = 2 * uniform(augmentation.shift), 2 * uniform(augmentation.shift)
    if augmentation.flip:
        affine[:, :, 0] *= torch.where(torch.rand(len(pixels), generator=generator) < 0.5, -1.0, 1.0)[:, None]
    gamma, contrast, noise = (uniform(limit).view(-1, 1, 1, 1) for limit in
                              (augmentation.gamma, augmentation.contrast, augmentation.noise))
    out, moved = torch.empty_like(pixels), torch.empty_like(masks)
    for start in range(0, len(pixels), 64):
        part = slice(start, start + 64)
        image = warped(pixels[part], affine[part])
        image = image.clamp(1e-4, 1.0) ** (1 + gamma[part]) * (1 + contrast[part])
        image = image + noise[part].abs() * torch.randn(image.shape, generator=generator)
        out[part] = image.clamp(0.0, 1.0)
        moved[part] = warped(masks[part, None], affine[part], "nearest", "zeros")[:, 0]
    return out, moved
