"""Why a finding was marked, in pictures: what this scan shows, and what normals show at the same place."""
from __future__ import annotations

import base64
import html
from typing import Any, Optional

import numpy as np
from slicer.i18n import tr as _

from SPMambaLib.errors import UnreadableFileError
from SPMambaLib.evidence import Place

from .facts import sourceFacts, voxelsOf
from .keptevidence import evidenceOf, planeOf
from .pictures import cross, png
from .result import Result
from .tables import Row

SIDE = 140  # of a picture in pixels


def picturesHtml(result: Result, row: Row, width: int = SIDE) -> str:
    """Rich text for a label or a report: two pictures of one grey scale, `width` pixels wide, or why there are none."""
    try:
        place = placeOf(result, row)
        pictures = [(_("This scan"), _scan(result, place))] if place is not None else []
    except UnreadableFileError as error:
        return html.escape(error.message)
    if place is None:
        return html.escape(_("This result was made by an older version and keeps no evidence; detect again to see it."))
    if not pictures[0][1].size:
        pictures = []
    if place.tile is not None:
        pictures.append((_("Normal here: mean of {count} normal patients").format(count=place.patients),
                         _enlarged(place.tile)))
    cells = ["<td width='{0}'><img width='{1}' height='{1}' src='data:image/png;base64,{2}'><br>{3}</td>".format(
        width + 12, width, base64.b64encode(png(_marked(image, place))).decode("ascii"), html.escape(title))
        for title, image in pictures]
    text = "<table cellspacing='0' cellpadding='2'><tr>{}</tr></table>".format("".join(cells)) if cells else ""
    return text + html.escape(_remark(place, evidenceOf(result)))


def placeOf(result: Result, row: Row) -> Optional[Place]:
    """The evidence of a finding's highest voxel; None if there is none.

    Raises:
        UnreadableFileError: the evidence is damaged.
    """
    evidence = evidenceOf(result)
    if evidence is None:
        return None
    plane = planeOf(result)
    ijk = np.linalg.solve(plane.ijk_to_ras, [row["right"], row["anterior"], row["superior"], 1.0])[:3]
    return evidence.at(plane, [int(round(n)) for n in ijk.tolist()])


def _remark(place: Place, evidence: Any) -> str:
    if place.tile is not None:
        return _("The strokes point at the finding's highest point. Both pictures have the same grey scale.")
    if not len(evidence.tiles):
        return _("This model holds no pictures of what is normal.")
    return _("Too few normal patients are known at this place for a picture of them.")


def _scan(result: Result, place: Place) -> np.ndarray:
    """What the volume shows around the place, (SIDE, SIDE); empty if the volume is gone or was changed."""
    plane, volume = planeOf(result), result.input
    values = voxelsOf(volume, sourceFacts(volume)) if volume is not None else np.zeros(0)
    if values.shape != plane.shape:
        return np.zeros((0, 0), dtype=np.uint8)
    return place.patch(plane.to_slices(values)[place.number], SIDE)


def _enlarged(tile: np.ndarray) -> np.ndarray:
    """A tile (side, side) at (SIDE, SIDE), smooth: linear between pixels, its edge repeated."""
    at = np.clip((np.arange(SIDE) + 0.5) * len(tile) / SIDE - 0.5, 0, len(tile) - 1)
    low = np.minimum(at.astype(int), len(tile) - 2)
    grey = tile.astype(np.float64)
    for axis in (0, 1):
        share = np.expand_dims(at - low, 1 - axis)
        grey = grey.take(low, axis) * (1 - share) + grey.take(low + 1, axis) * share
    return np.round(grey).astype(np.uint8)


def _marked(image: np.ndarray, place: Place) -> np.ndarray:
    picture = np.repeat(image[:, :, None], 3, axis=2)
    spot = [int(round(min(max(share, 0.0), 1.0) * (SIDE - 1))) for share in place.spot]
    cross(picture, (spot[0], spot[1]))
    return picture
