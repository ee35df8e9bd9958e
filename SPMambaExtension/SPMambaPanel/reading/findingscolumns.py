"""The columns of the list of findings: their headers, and the cells of one finding, in the reader's words."""
from __future__ import annotations

from typing import List, Optional, Sequence

from slicer.i18n import tr as _

from ..scene.tables import Row
from ..scene.texts import bandText, decisionText
from .whereabouts import Whereabouts, volumeHeaders

RANK, DECISION, SLICE, VOLUME, BAND, PLACE, SIZE, PEAK, MEAN = range(9)


def headers(words: Optional[Whereabouts] = None) -> List[str]:
    """Of the columns, in their order, which is that of use; in the units of the image."""
    place, size, extent = words.headers() if words is not None else volumeHeaders()
    return [_("#"), _("Decision"), _("Slice"), extent, _("Band"), place, size, _("Peak"), _("Mean")]


def cellTexts(row: Row, sliceNumber: int, band: str, words: Whereabouts) -> List[str]:
    """Cells of one finding in the reader's language, in the order of the columns; `band` is the name of its band."""
    return [str(row["rank"]), decisionText(row["decision"]) if row["decision"] else "",
            str(sliceNumber) if sliceNumber >= 0 else "", words.extent(row), bandText(band), words.place(row),
            words.size(row), "{:.2f}".format(row["peak"]), "{:.2f}".format(row["mean"])]


def summaryText(findings: Sequence[Row], listed: int) -> str:
    """How many there are, how many are listed, how many were decided."""
    count = len(findings)
    if not count:
        return _("No finding at this operating point; the scan may be abnormal all the same.")
    text = _("1 finding.") if count == 1 else _("{count} findings.").format(count=count)
    if not listed:
        text += " " + _("None is listed: the choices below leave all of them out.")
    elif listed < count:
        text += " " + _("{listed} listed.").format(listed=listed)
    decided = sum(bool(row["decision"]) for row in findings)
    if decided:
        text += " " + _("{decided} decided.").format(decided=decided)
    return text
