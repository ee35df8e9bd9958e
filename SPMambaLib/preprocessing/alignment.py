"""Bring slices into the position of the average normal one: prototypes compare place with place.

A similarity (turn, zoom, shift) is found for each slice by Gauss-Newton steps on the difference between the slice and
the average normal picture, both of mean 0 and deviation 1 (at its minimum their correlation is largest), on `SIDE` x
`SIDE` pixels, smoothed.  A weak preference for staying keeps pictures that look like nothing normal where they are.
Transforms are matrices (N, 2, 3) as of `torch.nn.functional.affine_grid`: from the aligned picture to the slice, both
from -1 to 1, x before y.
"""
from __future__ import annotations

import math
from typing import Tuple

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 64
BLUR = 3  # box, twice
STEPS = 15
ROUNDS = 3  # of averaging and aligning
USUAL = (0.2, 0.15, 0.1, 0.1)  # turn in radians, zoom (logarithm), shifts in half sides: what costs `STAY` each
STAY = 0.01  # of the squared difference
LARGEST = (0.5, 0.4, 0.35, 0.35)
STRIDE = 1e-2  # of the differences that stand for derivatives
FLAT = 1e-3  # deviation of a picture in which there is nothing to align


@torch.no_grad()
def average_of(pixels: Tensor) -> Tensor:
    """The average picture (SIDE, SIDE) of normal ones (N, 1, S, S), aligned with one another.

    In every round the mean movement is taken out, so that the average stays where the pictures are on the whole.
    """
    small = torch.cat([reduced(part) for part in pixels.split(64)])
    average = small.mean(dim=0, keepdim=True)
    for _ in range(ROUNDS):
        moves = torch.cat([moves_onto(part, average) for part in small.split(64)])
        moves = moves - moves.mean(dim=0)
        average = torch.cat([warped(part, matrices(own)) for part, own in zip(small.split(64), moves.split(64))]
                            ).mean(dim=0, keepdim=True)
    return average[0, 0]


@torch.no_grad()
def transforms_onto(pixels: Tensor, average: Tensor) -> Tensor:
    """How pictures (N, 1, S, S) come into the position of the average (SIDE, SIDE): (N, 2, 3)."""
    return matrices(moves_onto(reduced(pixels), average[None, None]))


def warped(pixels: Tensor, transforms: Tensor, mode: str = "bilinear", padding: str = "border") -> Tensor:
    """Pictures (N, C, S, S) in their new position."""
    grid = F.affine_grid(transforms, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode=mode, padding_mode=padding, align_corners=False)


def inverted(transforms: Tensor) -> Tensor:
    """The way back, (N, 2, 3)."""
    inverse = torch.linalg.inv(transforms[:, :, :2])
    return torch.cat([inverse, -inverse @ transforms[:, :, 2:]], dim=2)


def reduced(pixels: Tensor) -> Tensor:
    """(N, 1, S, S) -> (N, 1, SIDE, SIDE), smoothed."""
    small = F.interpolate(pixels.float(), (SIDE, SIDE), mode="area")
    for _ in range(2):
        small = F.avg_pool2d(small, BLUR, 1, BLUR // 2, count_include_pad=False)
    return small


def matrices(moves: Tensor) -> Tensor:
    """Moves (N, 4), see `USUAL`, as transforms (N, 2, 3)."""
    turn, zoom, right, down = moves.unbind(dim=1)
    cosine, sine = torch.cos(turn) * zoom.exp(), torch.sin(turn) * zoom.exp()
    return torch.stack([torch.stack([cosine, -sine, right], dim=1), torch.stack([sine, cosine, down], dim=1)], dim=1)


def moves_onto(small: Tensor, average: Tensor) -> Tensor:
    """Moves (N, 4) of reduced pictures (N, 1, SIDE, SIDE) onto the average (1, 1, SIDE, SIDE)."""
    aim, rate = standardised(average), STAY / torch.tensor(USUAL) ** 2
    moves = torch.zeros(len(small), len(USUAL))
    for _ in range(STEPS):
        now, slopes = with_slopes(small, moves)
        away = (aim.flatten(1) - now)[:, :, None] / math.sqrt(now.shape[1])
        slopes = slopes / math.sqrt(now.shape[1])
        normal = slopes.transpose(1, 2) @ slopes + torch.diag(rate)
        step = torch.linalg.solve(normal, slopes.transpose(1, 2) @ away - (rate * moves)[:, :, None])[:, :, 0]
        moves = (moves + step.clamp(-0.1, 0.1)).clamp(-torch.tensor(LARGEST), torch.tensor(LARGEST))
    return moves


def with_slopes(small: Tensor, moves: Tensor) -> Tuple[Tensor, Tensor]:
    """Standardised moved pictures (N, pixels) and their derivatives by each move (N, pixels, 4)."""
    sides = torch.cat([torch.zeros(1, len(USUAL)), STRIDE * torch.eye(len(USUAL)), -STRIDE * torch.eye(len(USUAL))])
    every = (moves[:, None] + sides).flatten(0, 1)
    pictures = standardised(warped(small.repeat_interleave(len(sides), dim=0), matrices(every)))
    pictures = pictures.flatten(1).unflatten(0, (len(small), len(sides)))
    slopes = (pictures[:, 1:len(USUAL) + 1] - pictures[:, len(USUAL) + 1:]) / (2 * STRIDE)
    return pictures[:, 0], slopes.transpose(1, 2)


def standardised(pictures: Tensor) -> Tensor:
    """(N, 1, H, W) with mean 0 and deviation 1 each."""
    centred = pictures - pictures.mean(dim=(2, 3), keepdim=True)
    return centred / centred.square().mean(dim=(2, 3), keepdim=True).sqrt().clamp(min=FLAT)
