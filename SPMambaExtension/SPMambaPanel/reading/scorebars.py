"""What the score of a finding is made of: small bars, each with a sentence on what it says."""
from __future__ import annotations

import html
from typing import List, Optional, Tuple

from slicer.i18n import tr as _

from SPMambaLib.evidence.record import Evidence
from SPMambaLib.scoring.calibration import Calibration

from ..scene.tables import Row

BAR_WIDTH = 70  # pixels
BAR_COLOR, BEYOND_COLOR, REST_COLOR, LINE_COLOR = "#5b7fa6", "#d2691e", "#d0d0d0", "#404040"
TERMS = ("residual", "prototype", "mirror", "intensity")


def meanings() -> List[Tuple[str, str, str]]:
    """Column, name and meaning of each component."""
    return [
        ("residual", _("Residual"), _("could not be reproduced from normal anatomy")),
        ("prototype", _("Prototype"), _("looks like no normal example of this place")),
        ("mirror", _("Mirror"), _("differs from the same place on the other side")),
        ("intensity", _("Intensity"), _("is brighter than tissue is here in normal images")),
        ("contrast", _("Contrast"), _("how far the peak stands out of the finding's mean"))]


def barsHtml(row: Row, calibration: Calibration, evidence: Optional[Evidence]) -> str:
    """Rich text for a label.  Of a term of which the evidence knows what normals reach, the highest of them is the line
    in the middle of the bar.  Other terms and contrast are drawn on one fixed scale, twice what "extreme" starts at.
    Concentration has no scale that a reader could use and stands in the exported table alone."""
    full = 2.0 * max(band.threshold for band in calibration.bands)
    lines = []
    for name, title, meaning in meanings():
        if name not in row:
            continue
        reach = evidence.reach(name) if evidence is not None and name in evidence.terms else None
        text = html.escape(meaning)
        if reach is not None and reach[1] > 0:
            drawn = bar(row[name] / (2.0 * reach[1]), BAR_WIDTH // 2)
            text = "{}<br>{}".format(standing(row[name], *reach), text)
        else:
            drawn = bar(row[name] / full if full > 0 else 0.0)
        lines.append("<tr><td>{}&nbsp;</td><td>{}</td><td>&nbsp;{:.1f}&nbsp;</td><td>{}</td></tr>".format(
            html.escape(title), drawn, row[name], text))
    text = "<table cellspacing='0' cellpadding='1'>{}</table>".format("".join(lines)) if lines else ""
    if not any(name in row for name in TERMS):
        text += html.escape(_("This result was made by an older version, which keeps the model's terms at the "
                              "operating point of the detection only."))
    return text


def standing(value: float, usual: float, highest: float) -> str:
    """How a term stands against the held-out normals: `usual` is what 1 in 20 of them reach somewhere."""
    number = "{:.1f}".format(highest)
    if value > highest:
        return "<b>{}</b>".format(html.escape(_("above all normals ({highest})").format(highest=number)))
    text = _("rare in normals (up to {highest})") if value > usual else _("as in normals (up to {highest})")
    return html.escape(text.format(highest=number))


def bar(share: float, line: Optional[int] = None) -> str:
    """A bar filled to `share`, with a line at a pixel; beyond it the bar has another color."""
    filled = max(1, min(BAR_WIDTH, int(round(BAR_WIDTH * share))))
    lines = () if line is None else (line, line + 1)
    edges = sorted({0, filled, BAR_WIDTH, *lines})
    cells = []
    for start, end in zip(edges, edges[1:]):
        color = BAR_COLOR if line is None or start < line else BEYOND_COLOR
        cells.append((end - start, LINE_COLOR if start == line else color if start < filled else REST_COLOR))
    return "<table cellspacing='0' cellpadding='0'><tr>{}</tr></table>".format("".join(
        "<td width='{0}' bgcolor='{1}'><span style='color:{1}; font-size:6pt'>{2}</span></td>".format(
            width, color, "&nbsp;" if width > 4 else "") for width, color in cells))
