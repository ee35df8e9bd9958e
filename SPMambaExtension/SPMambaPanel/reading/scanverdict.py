"""The verdict on the scan as a whole in the reader's words, with a bar that holds it against the normals."""
from __future__ import annotations

import html
from typing import Optional

from slicer.i18n import tr as _

from SPMambaLib.scoring.scan_verdict import ScanVerdict

from .operatingpoint import rounded, shareText
from .scorebars import BAR_WIDTH, bar


def verdictText(verdict: ScanVerdict) -> str:
    """Unusual or not, in plain text: "unusual: 1 in 56 normal images would score this high"."""
    return (_("unusual: {rank}") if verdict.unusual else _("not unusual: {rank}")).format(rank=rankText(verdict))


def rankText(verdict: ScanVerdict) -> str:
    """How many normals score this high."""
    if verdict.beyond:
        text = {"slice": _("above all {count} normal slices"), "image": _("above all {count} normal images")}.get(
            verdict.unit, _("above all {count} normal volumes"))
        return text.format(count=verdict.normals)
    text = {"slice": _("{share} normal slices would score this high"),
            "image": _("{share} normal images would score this high")}.get(
                verdict.unit, _("{share} normal volumes would score this high"))
    return text.format(share=_("half or more of") if _isCommon(verdict) else shareText(verdict.rate))


def briefText(verdict: ScanVerdict) -> str:
    """The rank alone, for a narrow column."""
    return _("above all") if verdict.beyond else _("usual") if _isCommon(verdict) else _("1 in {n}").format(
        n=rounded(1.0 / verdict.rate))


def _isCommon(verdict: ScanVerdict) -> bool:
    """Whether half of the normals score this high; how many more is not known."""
    return verdict.rate >= verdict.rank_rates[0]


def lineHtml(verdict: Optional[ScanVerdict], rate: float, absent: bool) -> str:
    """Rich text for a label: the verdict at an operating point, a bar from what half of the normals score to what none
    does, with a line where the verdict starts, and the rank in words.  Without a verdict that is said (`absent`), or
    nothing."""
    if verdict is None:
        return html.escape(_("Whole scan: this model has no verdict on it.")) if absent else ""
    verdict = verdict.at(rate)
    title = _("Whole scan unusual") if verdict.unusual else _("Whole scan not unusual")
    line = max(1, min(BAR_WIDTH - 2, int(round(BAR_WIDTH * verdict.limit(rate)))))
    return ("<table cellspacing='0' cellpadding='0'><tr><td>{0}{2}{1}&nbsp;</td><td>{3}</td><td>&nbsp;{4}</td></tr>"
            "</table>").format(*(("<b>", "</b>") if verdict.unusual else ("", "")), html.escape(title),
                               bar(verdict.position, line), html.escape(rankText(verdict)))
