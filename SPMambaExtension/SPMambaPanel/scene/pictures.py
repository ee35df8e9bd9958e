"""Small color pictures for reports and labels: strokes that point at a place, and the bytes of a PNG."""
from __future__ import annotations

from typing import Tuple

import numpy as np
import vtk
from vtk.util import numpy_support

Color = Tuple[int, int, int]
OUTLINE = (60, 220, 255)  # neither a gray of an image nor a color of the map
# Of three by five pixels: letters of the sides of the body.
GLYPHS = {"R": "##. #.# ##. #.# #.#", "L": "#.. #.. #.. #.. ###", "A": ".#. #.# ### #.# #.#",
          "P": "##. #.# ##. #.. #..", "S": ".## #.. .#. ..# ##.", "I": "### .#. .#. .#. ###"}
GLYPH_SCALE = 4


def cross(picture: np.ndarray, place: Tuple[int, int], color: Color = OUTLINE) -> None:
    """Four short strokes that point at a place from 14 to 8 pixels away, and leave it free."""
    y, x = place
    for near, far in ((8, 15), (-14, -7)):
        picture[max(0, y + near):max(0, y + far), x] = color
        picture[y, max(0, x + near):max(0, x + far)] = color


def write(picture: np.ndarray, letter: str, place: Tuple[int, int], color: Color = (255, 255, 255)) -> None:
    """One of `GLYPHS`, 20 pixels high, with its middle as near to (row, column) as the picture allows."""
    glyph = np.kron(np.array([[each == "#" for each in line] for line in GLYPHS[letter].split()]),
                    np.ones((GLYPH_SCALE, GLYPH_SCALE)))
    top, left = (min(max(0, at - size // 2), whole - size)
                 for at, size, whole in zip(place, glyph.shape, picture.shape))
    if min(top, left) >= 0:
        picture[top:top + glyph.shape[0], left:left + glyph.shape[1]][glyph > 0] = color


def png(pixels: np.ndarray) -> bytes:
    """uint8 (H, W, 3), row 0 on top."""
    height, width, _ = pixels.shape
    image = vtk.vtkImageData()
    image.SetDimensions(width, height, 1)
    image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(
        np.ascontiguousarray(pixels[::-1]).reshape(-1, 3), 1, vtk.VTK_UNSIGNED_CHAR))
    writer = vtk.vtkPNGWriter()
    writer.WriteToMemoryOn()
    writer.SetInputData(image)
    writer.Write()
    return bytes(numpy_support.vtk_to_numpy(writer.GetResult()))
