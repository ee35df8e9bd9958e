"""What the score of a finding is made of: small bars, each with a sentence on what it says."""
from __future__ import annotations

import html
from typing import List, Optional, Sequence, Tuple

from slicer.i18n import tr as _

from SPMambaLib.evidence import Evidence
from SPMambaLib.scoring.calibration import Calibration

from .tables import Row

BAR_WIDTH = 70  # pixels
BAR_COLOR, BEYOND_COLOR, REST_COLOR = "#5b7fa6", "#d2691e", "#d0d0d0"
TERMS = ("residual", "prototype", "mirror", "intensity")


def meanings() -> List[Tuple[str, str, str]]:
    """Column, name and meaning of each component."""
    return [
        ("residual", _("Residual"), _("could not be reproduced from normal anatomy")),
        ("prototype", _("Prototype"), _("looks like no normal example of this place")),
        ("mirror", _("Mirror"), _("differs from the same place on the other side")),
        ("intensity", _("Intensity"), _("is brighter than tissue is here in normal images")),
        ("contrast", _("Contrast"), _("how far the peak stands out of the finding's mean")),
        ("concentration", _("Concentration"), _("how steeply the map falls off around the peak"))]


def barsHtml(row: Row, findings: Sequence[Row], calibration: Calibration, evidence: Optional[Evidence]) -> str:
    """Rich text for a label.  Terms and contrast are drawn on one fixed scale, twice what "extreme" starts at;
    concentration, which has no such scale, against the highest of the findings.  Where the evidence knows what normals
    reach, the part of a bar beyond all of them has another color."""
    full = 2.0 * max(band.threshold for band in calibration.bands)
    lines = []
    for name, title, meaning in meanings():
        if name not in row:
            continue
        whole = max(each.get(name, 0.0) for each in findings) if name == "concentration" else full
        reach = evidence.reach(name) if evidence is not None and name in evidence.terms else None
        highest = reach[1] if reach else row[name]
        text = html.escape(meaning) if reach is None else "{}; <b>{}</b>".format(
            html.escape(meaning), html.escape(standing(row[name], *reach)))
        lines.append("<tr><td>{}&nbsp;</td><td>{}</td><td>&nbsp;{:.1f}&nbsp;</td><td>{}</td></tr>".format(
            html.escape(title), _bar(row[name], highest, whole), row[name], text))
    text = "<table cellspacing='0' cellpadding='1'>{}</table>".format("".join(lines)) if lines else ""
    if not any(name in row for name in TERMS):
        text += html.escape(_("This result was made by an older version, which keeps the model's terms at the "
                              "operating point of the detection only."))
    return text


def standing(value: float, usual: float, highest: float) -> str:
    """How a term stands against the held-out normals: `usual` is what 1 in 20 of them reach somewhere."""
    if value > highest:
        return _("higher than in any normal held out (up to {highest})").format(highest="{:.1f}".format(highest))
    if value > usual:
        return _("seen in fewer than 1 in 20 normals (up to {highest})").format(highest="{:.1f}".format(highest))
    return _("within what normals show (1 in 20 reaches {usual})").format(usual="{:.1f}".format(usual))


def _bar(value: float, highest: float, whole: float) -> str:
    filled, normal = (max(1, min(BAR_WIDTH, int(round(BAR_WIDTH * each / whole)))) if whole > 0 else 1
                      for each in (value, min(value, highest)))
    cells = [(normal, BAR_COLOR), (filled - normal, BEYOND_COLOR), (BAR_WIDTH - filled, REST_COLOR)]
    return "<table cellspacing='0' cellpadding='0'><tr>{}</tr></table>".format("".join(
        "<td width='{0}' bgcolor='{1}'><span style='color:{1}; font-size:6pt'>&nbsp;</span></td>".format(width, color)
        for width, color in cells if width))
