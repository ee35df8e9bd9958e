"""Where a finding lies and how large it is, in the words and units that its image has.

Of a volume: millimetres in the world (RAS), as in every export.  Of a single picture: pixels from its upper left
corner, since it has no place in a patient; sizes in mm only where its file states a spacing, and never a volume.
"""
from __future__ import annotations

from typing import Any, Dict, List, Sequence

import numpy as np
from slicer.i18n import tr as _

from ..scene.planes import AnalysedPlane, inWorld
from ..scene.result import Result
from ..scene.tables import Row, ijkOf, rasOf
from ..scene.volumeinfo import hasSpacing, ijkToRas, kindOf

SIZES = ("size_i_mm", "size_j_mm", "size_k_mm")


class Whereabouts:
    """Words for the findings of one result.

    Args:
        result: complete.

    Attributes:
        isPicture: a single picture without a place in a patient.
    """

    def __init__(self, result: Result) -> None:
        scan = result.input if result.input is not None else result.map
        self.isPicture = kindOf(scan) == "image"
        self._inMm = not self.isPicture or hasSpacing(scan)
        self._matrix = ijkToRas(result.map)
        self._spacing = np.linalg.norm(self._matrix[:3, :3], axis=0)
        self._dimensions = result.map.GetImageData().GetDimensions()
        self._plane = AnalysedPlane(result)

    def headers(self) -> List[str]:
        """Of place, size and extent."""
        if not self.isPicture:
            return volumeHeaders()
        return [_("Place (px)"), _("Size (mm)") if self._inMm else _("Size (px)"), _("px")]

    def place(self, row: Row) -> str:
        """"L 23, A 41, S 12", or "x 120, y 340"."""
        if self.isPicture:
            i, j = (int(round(n)) for n in ijkOf(row, self._matrix)[:2])
            return "x {}, y {}".format(i, j)
        return placeText(self._plane.world(rasOf(row)))

    def size(self, row: Row) -> str:
        """Along the axes of the image."""
        count = 2 if self.isPicture else 3
        units = np.ones(count) if self._inMm else self._spacing[:count]
        return " x ".join("{:.0f}".format(row[name] / unit) for name, unit in zip(SIZES[:count], units.tolist()))

    def extent(self, row: Row) -> str:
        """Millilitres, or of a picture how many pixels."""
        return "{:.0f}".format(row["voxels"]) if self.isPicture else "{:.2f}".format(row["volume_ml"])

    def side(self, row: Row) -> str:
        """Of the image as it is displayed, or of the patient, as the file has it."""
        if self.isPicture:
            right = ijkOf(row, self._matrix)[0] >= (self._dimensions[0] - 1) / 2
            return _("right half of the image") if right else _("left half of the image")
        middle = self._matrix @ [*((n - 1) / 2 for n in self._dimensions), 1.0]
        here, there = (self._plane.world(each) for each in (rasOf(row), middle[:3]))
        return _("right half of the scan") if here[0] >= there[0] else _("left half of the scan")

    def record(self, row: Row) -> Dict[str, Any]:
        """The row for a file: its place in the world (RAS mm), or of a picture in pixels; what a picture does not have
        is left empty."""
        if not self.isPicture:
            return inWorld(row, self._plane)
        i, j = (int(round(n)) for n in ijkOf(row, self._matrix)[:2])
        absent = ("right", "anterior", "superior", "size_k_mm", "volume_ml", *(() if self._inMm else SIZES[:2]))
        return {**row, **dict.fromkeys(absent, ""), "column_px": i, "row_px": j}


def placeText(ras: Sequence[float]) -> str:
    """"L 23, A 41, S 12": distances from the origin in mm towards left or right, front or back, top or bottom."""
    letters = (("R", "L"), ("A", "P"), ("S", "I"))
    return ", ".join("{} {:.0f}".format(positive if value >= 0 else negative, abs(value))
                     for value, (positive, negative) in zip(ras, letters))


def volumeHeaders() -> List[str]:
    """Of place, size and extent of a volume's findings."""
    return [_("Place (RAS mm)"), _("Size (mm)"), _("ml")]
