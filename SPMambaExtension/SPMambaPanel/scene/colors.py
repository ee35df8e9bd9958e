"""Color tables of what is shown: the continuous map and the severity bands."""
from __future__ import annotations

from typing import Any, Sequence, Tuple

import numpy as np
import slicer
from slicer.i18n import tr as _

from SPMambaLib.output.appearance import MAP_COLORS
from SPMambaLib.scoring.calibration import Calibration

from ..model.decisions import REJECTED
from .drawntext import drawn
from .texts import bandText, decisionText

MAP_COLOR_COUNT = 256
REJECTED_COLOR = (0.55, 0.55, 0.55)


def fillMapColors(colorNode: Any) -> None:
    """Fill a vtkMRMLColorTableNode with the ramp of the continuous map."""
    positions = np.linspace(0, len(MAP_COLORS) - 1, MAP_COLOR_COUNT)
    ramp = np.stack([np.interp(positions, range(len(MAP_COLORS)), channel) for channel in zip(*MAP_COLORS)], axis=1)
    _fill(colorNode, [(str(n), (r, g, b), 1.0) for n, (r, g, b) in enumerate(ramp.tolist())])


def fillBandColors(colorNode: Any, calibration: Calibration) -> None:
    """Fill a vtkMRMLColorTableNode: 0 is transparent, n is the n-th severity band."""
    bands = [(drawn(bandText(band.name), band.name), band.color, 1.0) for band in calibration.bands]
    _fill(colorNode, [(_("not marked"), (0.0, 0.0, 0.0), 0.0), *bands])
    _leaveOut(colorNode)


def hasRejected(colorNode: Any, gray: int) -> bool:
    """Whether a table of bands has the color of rejected findings, number `gray`; None has not."""
    return colorNode is not None and colorNode.GetNumberOfColors() > gray


def addRejected(colorNode: Any, gray: int) -> None:
    """Give a table of bands the color of rejected findings; the legend names it from now on."""
    if colorNode is None or hasRejected(colorNode, gray):
        return
    entries = []
    for index in range(gray):
        color = [0.0] * 4
        colorNode.GetColor(index, color)
        entries.append((colorNode.GetColorName(index), (color[0], color[1], color[2]), color[3]))
    _fill(colorNode, [*entries, (drawn(decisionText(REJECTED), REJECTED), REJECTED_COLOR, 1.0)])
    _leaveOut(colorNode)


def _leaveOut(colorNode: Any) -> None:
    """Color 0 means that nothing is marked: the legend does not list it."""
    if hasattr(colorNode, "SetColorDefined"):
        colorNode.SetColorDefined(0, False)
    else:  # before 5.8 it lists those with a name
        colorNode.SetColorName(0, colorNode.GetNoName())


def _fill(colorNode: Any, entries: Sequence[Tuple[str, Tuple[float, float, float], float]]) -> None:
    with slicer.util.NodeModify(colorNode):
        colorNode.SetTypeToUser()
        colorNode.SetNumberOfColors(len(entries))
        for index, (name, (r, g, b), alpha) in enumerate(entries):
            colorNode.SetColor(index, name, r, g, b, alpha)
            if colorNode.GetColorName(index) != name:  # Slicer 5.6 loses names until it is told that there are some
                colorNode.NamesInitialisedOn()
                colorNode.SetColor(index, name, r, g, b, alpha)
        colorNode.GetLookupTable().SetTableRange(0, len(entries) - 1)
