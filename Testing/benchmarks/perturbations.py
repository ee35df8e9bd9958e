"""What may happen to a picture without disease: positioning, tone, noise, blur, an uneven field."""
from __future__ import annotations

from typing import Callable, Dict, Tuple

import numpy as np
from scipy import ndimage

Picture = np.ndarray  # (H, W) float, 0 black and 1 white
Change = Callable[[Picture, float, np.random.Generator], Picture]


def moved(picture: Picture, matrix: np.ndarray, shift: Tuple[float, float] = (0.0, 0.0)) -> Picture:
    """Affine about the centre, linear, borders replicated; `matrix` goes from the result to the picture."""
    centre = (np.array(picture.shape) - 1) / 2.0
    return ndimage.affine_transform(picture, matrix, centre - matrix @ centre + np.array(shift), order=1,
                                    mode="nearest")


def rotation(picture: Picture, degrees: float, random: np.random.Generator) -> Picture:
    angle = np.deg2rad(degrees) * random.choice((-1, 1))
    return moved(picture, np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]))


def shift(picture: Picture, share: float, random: np.random.Generator) -> Picture:
    """By a share of each side, in a random diagonal direction."""
    return moved(picture, np.eye(2), tuple(share * n * random.choice((-1, 1)) for n in picture.shape))


def zoom(picture: Picture, factor: float, random: np.random.Generator) -> Picture:
    return moved(picture, np.eye(2) / factor)


def gamma(picture: Picture, exponent: float, random: np.random.Generator) -> Picture:
    return picture.clip(0) ** exponent


def contrast(picture: Picture, factor: float, random: np.random.Generator) -> Picture:
    """About middle grey; what leaves the range of the picture is cut, as a display or a file does."""
    return ((picture - 0.5) * factor + 0.5).clip(0, 1)


def noise(picture: Picture, spread: float, random: np.random.Generator) -> Picture:
    return picture + random.normal(0, spread, picture.shape)


def blur(picture: Picture, sigma: float, random: np.random.Generator) -> Picture:
    return ndimage.gaussian_filter(picture, sigma, mode="nearest")


def bias_field(picture: Picture, amplitude: float, random: np.random.Generator) -> Picture:
    """Times 1 + amplitude times a smooth field between -1 and 1: a wave one to two pictures long."""
    row, column = np.meshgrid(*(np.linspace(0, 1, n) for n in picture.shape), indexing="ij")
    turn, phase, length = random.uniform(0, 2 * np.pi), random.uniform(0, 2 * np.pi), random.uniform(1, 2)
    wave = np.sin(2 * np.pi / length * (row * np.sin(turn) + column * np.cos(turn)) + phase)
    return picture * (1 + amplitude * wave)


PERTURBATIONS: Dict[str, Tuple[Change, str, Tuple[float, ...], float]] = {
    "rotation": (rotation, "degrees", (2.0, 5.0, 10.0, 15.0), 0.0),
    "shift": (shift, "share of the side", (0.02, 0.05, 0.1), 0.0),
    "zoom": (zoom, "factor", (0.8, 0.9, 1.1, 1.2), 1.0),
    "gamma": (gamma, "exponent", (0.5, 0.7, 1.3, 1.8), 1.0),
    "contrast": (contrast, "factor", (0.6, 0.8, 1.25, 1.5), 1.0),
    "noise": (noise, "sd, of the range", (0.01, 0.03, 0.06), 0.0),
    "blur": (blur, "sigma, pixels", (0.6, 1.2, 2.4), 0.0),
    "bias field": (bias_field, "amplitude", (0.1, 0.2, 0.4), 0.0),
}
"""Name -> (function, what its strength means, strengths, the strength that changes nothing)."""
