"""Draws the module's icon: a brain-like slice, a Hilbert curve through it (the scan order), and one warm spot.

    python Testing/tools/make_icon.py SPMambaExtension/Resources/Icons/SPMamba.png
"""
from __future__ import annotations

import sys
from typing import List, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = 128
SCALE = 8  # drawn larger and reduced, for smooth edges
ORDER = 3  # Hilbert curve over 8 x 8 cells
SPOT = (0.655, 0.385)
BACKGROUND, RIM, TISSUE_DARK, TISSUE_LIGHT = (18, 24, 38), (214, 223, 236), (62, 74, 98), (128, 142, 168)
CURVE = (196, 226, 255)
WARM = ((205, 50, 15), (238, 140, 0), (255, 233, 90))


def hilbert(order: int) -> List[Tuple[float, float]]:
    """Cell centers of a Hilbert curve over the unit square, in order."""
    points = []
    side = 2 ** order
    for index in range(side * side):
        x = y = 0
        rest, step = index, 1
        while step < side:
            right = 1 & (rest // 2)
            up = 1 & (rest ^ right)
            if up == 0:
                if right == 1:
                    x, y = step - 1 - x, step - 1 - y
                x, y = y, x
            x, y = x + step * right, y + step * up
            rest, step = rest // 4, step * 2
        points.append(((x + 0.5) / side, (y + 0.5) / side))
    return points


def draw() -> Image.Image:
    n = SIZE * SCALE
    row, column = np.mgrid[0:n, 0:n] / (n - 1.0)
    across, along = (column - 0.5) / 0.39, (row - 0.5) / 0.45
    radius = np.hypot(across, along)
    angle = np.arctan2(along, across)
    outline = 1.0 + 0.014 * np.cos(10 * (angle - np.pi / 2)) - 0.05 * np.exp(-((np.abs(angle) - np.pi / 2) / 0.16) ** 2)
    depth = np.clip(radius / outline, 0.0, 1.0)
    shade = (1.0 - depth ** 2)[..., None]
    tissue = np.array(TISSUE_DARK) * (1 - shade) + np.array(TISSUE_LIGHT) * shade
    picture = np.where((radius < outline)[..., None], tissue, np.array(BACKGROUND))
    rim = np.exp(-((radius / outline - 1.0) / 0.022) ** 2)[..., None]
    picture = picture * (1 - rim) + np.array(RIM) * rim

    image = Image.fromarray(picture.astype(np.uint8))
    curve = Image.new("L", (n, n), 0)
    points = [((0.24 + 0.52 * x) * n, (0.24 + 0.52 * y) * n) for x, y in hilbert(ORDER)]
    ImageDraw.Draw(curve).line(points, fill=225, width=int(1.6 * SCALE), joint="curve")
    image.paste(Image.new("RGB", (n, n), CURVE), (0, 0), curve.filter(ImageFilter.GaussianBlur(SCALE * 0.25)))

    distance = np.hypot(column - SPOT[0], row - SPOT[1])
    picture = np.asarray(image).astype(float)
    for color, size in zip(WARM, (0.135, 0.085, 0.042)):
        weight = np.clip(1.35 * np.exp(-(distance / size) ** 2), 0.0, 1.0)[..., None]
        picture = picture * (1 - weight) + np.array(color) * weight

    corner = 0.17  # rounded square, transparent outside
    dx = np.maximum(np.abs(column - 0.5) - (0.5 - corner), 0.0)
    dy = np.maximum(np.abs(row - 0.5) - (0.5 - corner), 0.0)
    alpha = 255.0 * (np.hypot(dx, dy) <= corner)
    full = np.dstack([picture, alpha]).round().astype(np.uint8)
    return Image.fromarray(full, "RGBA").resize((SIZE, SIZE), Image.LANCZOS)


if __name__ == "__main__":
    draw().save(sys.argv[1], optimize=True)
