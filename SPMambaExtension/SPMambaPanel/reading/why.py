"""Why a finding was marked, in pictures: what this scan shows, and what normals show at the same place."""
from __future__ import annotations

import base64
import html
from typing import List, Optional, Tuple

import numpy as np
from slicer.i18n import tr as _

from SPMambaLib.errors import UnreadableFileError
from SPMambaLib.evidence.record import VoxelEvidence, sampled

from ..scene.evidencenode import evidenceOf, planeOf
from ..scene.pictures import cross, png
from ..scene.result import Result
from ..scene.tables import Row, ijkOf
from ..scene.volumeinfo import ijkToRas, voxelsOf

SIDE = 140  # of a picture in pixels


def picturesHtml(result: Result, row: Row) -> str:
    """Rich text for a label: two pictures of one grey scale, each with its title, or why there are none."""
    try:
        evidence, place = evidenceOf(result), placeOf(result, row)
    except UnreadableFileError as error:
        return html.escape(error.message)
    if evidence is None:
        return html.escape(_("This result was made by an older version and keeps no evidence; detect again to see it."))
    if place is None:
        return html.escape(_("No evidence was kept for this place."))
    cells = ["<td width='{}'>{}<br>{}</td>".format(SIDE + 12, _img(image, place, SIDE), html.escape(title))
             for title, image in _pictures(result, place)]
    if place.tile is not None:
        remark = _("Same place, same grey scale; the strokes point at the highest map value.")
    elif not len(evidence.tiles):
        remark = _("This model holds no pictures of what is normal.")
    else:
        remark = _("Too few normal patients are known at this place for a picture of them.")
    text = "<table cellspacing='0' cellpadding='2'><tr>{}</tr></table>".format("".join(cells)) if cells else ""
    return text + html.escape(remark)


def figureHtml(result: Result, row: Row, width: int) -> str:
    """Both pictures for a report, one above the other, each `width` pixels wide; empty if there are not both."""
    try:
        place = placeOf(result, row)
    except UnreadableFileError:
        return ""
    if place is None:
        return ""
    pictures = _pictures(result, place)
    return "<br>".join(_img(image, place, width) for _title, image in pictures) if len(pictures) == 2 else ""


def _pictures(result: Result, place: VoxelEvidence) -> List[Tuple[str, np.ndarray]]:
    """Titles and gray pictures (SIDE, SIDE); those that there are."""
    scan = _scan(result, place)
    pictures = [(_("This scan"), scan)] if scan.size else []
    if place.tile is not None:
        title = _("Closest normal here: mean of {count} patients").format(count=place.patients)
        pictures.append((title, sampled(place.tile, np.diag(place.tile.shape) @ np.eye(2, 3), SIDE)))
    return pictures


def _img(image: np.ndarray, place: VoxelEvidence, width: int) -> str:
    data = base64.b64encode(png(_marked(image, place))).decode("ascii")
    return "<img width='{0}' height='{0}' src='data:image/png;base64,{1}'>".format(width, data)


def placeOf(result: Result, row: Row) -> Optional[VoxelEvidence]:
    """The evidence of a finding's highest voxel; None if there is none.

    Raises:
        UnreadableFileError: the evidence is damaged.
    """
    evidence = evidenceOf(result)
    if evidence is None:
        return None
    plane = planeOf(result)
    return evidence.at(plane, [int(round(n)) for n in ijkOf(row, ijkToRas(result.map))])


def _scan(result: Result, place: VoxelEvidence) -> np.ndarray:
    """What the volume shows around the place, (SIDE, SIDE); empty if the volume is gone or was changed."""
    plane, volume = planeOf(result), result.input
    values = voxelsOf(volume) if volume is not None else np.zeros(0)
    if values.shape != plane.shape:
        return np.zeros((0, 0), dtype=np.uint8)
    return place.patch(plane.to_slices(values)[place.number], SIDE)


def _marked(image: np.ndarray, place: VoxelEvidence) -> np.ndarray:
    picture = np.repeat(image[:, :, None], 3, axis=2)
    spot = [int(round(min(max(share, 0.0), 1.0) * (SIDE - 1))) for share in place.spot]
    cross(picture, (spot[0], spot[1]))
    return picture
