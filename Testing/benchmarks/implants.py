"""Anomalies that nobody has seen: masses for normal heads, one opacity or many for normal chests, of every size.

A scoring rule may be chosen on them, because no abnormal image is touched.  Sizes are drawn evenly on a logarithmic
scale, so that a rule cannot win by one size alone.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Optional, Tuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from SPMambaLib.scoring.maps import gaussian_blur
from SPMambaLib.training.fit import Normals

BRAIN_HEIGHTS = (0.3, 0.95)  # of the slices that show brain
TISSUE = (0.18, 0.6)  # normalised intensity of brain, where a mass may sit
LUNG = (0.2, 0.75, 0.15, 0.85)  # rows and columns of a film between which lungs are looked for, as shares of its side
AIR = 0.12  # brightness of a film below which there is no body
Implant = Callable[[np.random.Generator, Tensor, Tensor, float], Optional[Tuple[Tensor, Tensor]]]
"""(random generator, image (S, S), mask (S, S), radius in pixels) -> (image, bool lesion), or None: no place for it."""


@dataclass(frozen=True)
class Kind:
    """What is implanted: how, and smallest and largest radius in pixels of a 256-pixel image."""

    implant: Implant
    smallest: float
    largest: float


def implanted(normals: Normals, kind: Kind, seed: int) -> Tuple[Normals, Tensor]:
    """The unaugmented normals, each made abnormal where there is place for it, and bool lesions (N, S, S)."""
    rng = np.random.default_rng(seed)
    pixels, lesions, keep = [], [], []
    for n in range(len(normals) // 2):
        if (
            normals.slice_height is not None
            and not BRAIN_HEIGHTS[0] <= float(normals.slice_height[n]) <= BRAIN_HEIGHTS[1]
        ):
            continue
        radius = float(np.exp(rng.uniform(np.log(kind.smallest), np.log(kind.largest))))
        made = kind.implant(rng, normals.pixels[n, 0].float(), normals.masks[n].float(), radius)
        if made is not None and int(made[1].sum()) >= 40:
            pixels.append(made[0][None].clamp(0, 1))
            lesions.append(made[1])
            keep.append(n)
    chosen = torch.tensor(keep)
    slice_height = None if normals.slice_height is None else normals.slice_height[chosen]
    return Normals(torch.stack(pixels), normals.masks[chosen], slice_height, [normals.patients[n] for n in keep]), \
        torch.stack(lesions)


def cloud(rng: np.random.Generator, size: int, grain: float) -> Tensor:
    """Smooth noise (size, size) of mean 0 and spread 1 whose grain is about `grain` pixels."""
    coarse = max(4, int(round(2 * size / grain)))
    noise = torch.from_numpy(rng.standard_normal((1, 1, coarse, coarse)).astype(np.float32))
    smooth = F.interpolate(noise, (size, size), mode="bicubic", align_corners=False)[0, 0]
    return (smooth - smooth.mean()) / smooth.std()


def grid(size: int) -> Tuple[Tensor, Tensor]:
    rows, columns = torch.meshgrid(torch.arange(float(size)), torch.arange(float(size)), indexing="ij")
    return rows, columns


def blob(rng: np.random.Generator, size: int, row: float, column: float, radius: float) -> Tensor:
    """Distance (size, size) from the middle of an uneven, ragged ellipse, 1 at its border."""
    rows, columns = grid(size)
    turn, flat = rng.uniform(0, np.pi), rng.uniform(0.6, 1.0)
    u = ((columns - column) * np.cos(turn) + (rows - row) * np.sin(turn)) / radius
    v = ((rows - row) * np.cos(turn) - (columns - column) * np.sin(turn)) / (radius * flat)
    return torch.sqrt(u ** 2 + v ** 2) + 0.25 * cloud(rng, size, max(radius, 4.0))


def pushed(image: Tensor, row: float, column: float, radius: float, push: float) -> Tensor:
    """The image with what lies around a place moved outwards by up to `push` pixels: mass effect."""
    rows, columns = grid(len(image))
    distance = torch.sqrt((columns - column) ** 2 + (rows - row) ** 2).clamp(min=1)
    amount = push * torch.exp(-((distance - radius) / radius).clamp(min=0) ** 2)
    from_columns = columns - amount * (columns - column) / distance
    from_rows = rows - amount * (rows - row) / distance
    last = len(image) - 1
    places = torch.stack([from_columns / last * 2 - 1, from_rows / last * 2 - 1], dim=-1)[None]
    return F.grid_sample(image[None, None], places, align_corners=True, padding_mode="border")[0, 0]


def mass(rng: np.random.Generator, image: Tensor, mask: Tensor, radius: float) -> Optional[Tuple[Tensor, Tensor]]:
    """A bright mass of FLAIR: ragged, textured, on one side of the midline, pushing tissue away, sometimes with a dark
    core."""
    inner = -F.max_pool2d(-mask[None], 41, 1, 20)[0] > 0
    smooth = gaussian_blur(image[None], 3.0)[0]
    brain = inner & (smooth > TISSUE[0]) & (smooth < TISSUE[1])
    places = brain.nonzero()
    if len(places) < 200:
        return None
    row, column = (float(n) for n in places[int(rng.integers(len(places)))])
    middle, size = len(image) / 2, len(image)
    distance = blob(rng, size, row, column, radius)
    side = torch.sigmoid((grid(size)[1] - middle) * (1 if column >= middle else -1) / 3 + 1)
    share = torch.sigmoid(float(rng.uniform(3, 9)) * (1 - distance)) * mask * side
    moved = pushed(image, row, column, radius, float(rng.uniform(0, 0.25)) * radius)
    tissue = float(smooth[brain].median())
    value = (0.5 * gaussian_blur(moved[None], 2.0)[0] + 0.5 * tissue) * float(rng.uniform(1.25, 1.9))
    value = value * (1 + 0.08 * cloud(rng, size, 8.0))
    if radius > 16 and rng.random() < 0.4:
        core = torch.sigmoid(8 * (0.5 - distance))
        value = torch.lerp(value, torch.full_like(value, tissue * float(rng.uniform(0.4, 0.9))), core)
    return torch.lerp(moved, value, share), share > 0.5


def opacity(rng: np.random.Generator, image: Tensor, mask: Tensor, radius: float) -> Optional[Tuple[Tensor, Tensor]]:
    """A consolidation or haze of a chest film: lung becomes as bright as soft tissue, its vessels are veiled."""
    size = len(image)
    top, bottom, left, right = (int(share * size) for share in LUNG)
    smooth = gaussian_blur(image[None], 4.0)[0]
    inside = torch.zeros_like(image, dtype=torch.bool)
    inside[top:bottom, left:right] = True
    soft = float(smooth[inside].quantile(0.85))
    lung = inside & (smooth < smooth[inside].quantile(0.4)) & (smooth > AIR)
    places = lung.nonzero()
    if len(places) < 200:
        return None
    row, column = (float(n) for n in places[int(rng.integers(len(places)))])
    # Bone, heart and air stay what they are.
    near = torch.sigmoid((smooth[inside].median() + 0.1 - smooth) * 25) * torch.sigmoid((smooth - AIR) * 60)
    share = torch.sigmoid(float(rng.uniform(2, 6)) * (1 - blob(rng, size, row, column, radius))) * near
    patchy = torch.sigmoid(2 + 2 * cloud(rng, size, 20.0))
    veil = share * patchy * float(rng.uniform(0.6, 1.0))
    return torch.lerp(image, 0.2 * image + 0.8 * soft, veil), (share > 0.5) & inside


def opacities(rng: np.random.Generator, image: Tensor, mask: Tensor, radius: float) -> Optional[Tuple[Tensor, Tensor]]:
    """Three to eight opacities over both lungs, of about the same size: diffuse disease."""
    lesion = torch.zeros_like(image, dtype=torch.bool)
    for _ in range(int(rng.integers(3, 9))):
        made = opacity(rng, image, mask, radius * float(rng.uniform(0.7, 1.4)))
        if made is None:
            break
        image, lesion = made[0], lesion | made[1]
    return (image, lesion) if lesion.any() else None


KINDS: Dict[str, Dict[str, Kind]] = {
    "brain-flair": {"small": Kind(mass, 6.0, 11.0), "medium": Kind(mass, 11.0, 21.0), "large": Kind(mass, 21.0, 42.0)},
    "chest-xray": {"small": Kind(opacity, 10.0, 18.0), "medium": Kind(opacity, 18.0, 34.0),
                   "large": Kind(opacity, 34.0, 64.0), "diffuse": Kind(opacities, 18.0, 40.0)},
}
"""Groups of anomalies for the images of each recipe."""
