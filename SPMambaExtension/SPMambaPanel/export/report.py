"""One page for people: what was looked at with what, the key images, the findings and what was decided."""
from __future__ import annotations

import base64
import html
import platform
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import qt
import slicer
from slicer.i18n import tr as _

from SPMambaLib import __version__
from SPMambaLib.errors import OutputError, UsageError

from ..model.decisions import ACCEPTED, REJECTED, UNDECIDED, UNSURE
from ..reading.findingscolumns import DECISION, cellTexts, headers, summaryText
from ..reading.operatingpoint import certaintyOfRate, meaningOfBands, meaningOfRate
from ..reading.scanverdict import verdictText
from ..reading.whereabouts import Whereabouts
from ..reading.why import figureHtml
from ..scene import auditlog, tables
from ..scene.origin import originOf
from ..scene.planes import sliceOf
from ..scene.result import Result
from ..scene.tables import Row
from ..scene.texts import decisionText, reasonText
from .chosen import NOT_REJECTED, fits
from .folders import placed
from .keyimages import KeyImages

MOST_IMAGES = 4
TABLE_HEIGHT = 205  # what one page holds of the table below two lines of images, in pixels
ROW_HEIGHT, LINE_HEIGHT, IMAGE_HEIGHT = 18, 13, 160
LINE_LENGTH = 105  # letters
TEXT_LENGTH = 420  # of a fact of the model card
NOTE_LENGTH = 300
NAME_LENGTH = 50
IMAGE_WIDTH = 230  # of a pair of tiles in pixels
WHY_WIDTH = 64  # of a picture of the evidence
ENLARGED = 1.9  # where there is only one
ORDER = (ACCEPTED, UNSURE, REJECTED, UNDECIDED)  # of what a page cannot hold the last goes first
STYLE = ("body { font-family: sans-serif; font-size: 7.5pt; } p { margin: 2px 0; } "
         ".title { font-size: 12pt; font-weight: bold; } "
         ".head { font-size: 9pt; font-weight: bold; margin: 5px 0 1px 0; } th { text-align: left; } "
         ".warning { font-weight: bold; color: #a02000; }")


def exportReport(result: Result, folder: Path, card: Dict[str, Any], choice: str = NOT_REJECTED,
                 stem: str = "") -> List[Path]:
    """Write the report of a result as HTML (one file, pictures inside) and as PDF (A4), and return both.

    Args:
        card: of the model, for its purpose and limits; may be empty if the model is not installed here.
        choice: of `export.CHOICES`; the findings that are listed.
        stem: as in `export.exportSegments`.

    Raises:
        UsageError: the result has lost nodes.
        OutputError: the folder cannot be written.
    """
    if not result.complete:
        raise UsageError(_("There is no result to export."))
    failure = OutputError(_("The report could not be written to {folder}.").format(folder=folder))
    text = reportHtml(result, card, choice)
    try:
        with placed(result, folder, stem) as (part, name, files):
            paths = [part / (name + "_report" + suffix) for suffix in (".html", ".pdf")]
            paths[0].write_text(text, encoding="utf-8")
            _writePdf(text, paths[1])
            if not paths[1].is_file():
                raise failure
    except OSError as error:
        raise OutputError(failure.message, repr(error)) from error
    return files


def _writePdf(text: str, path: Path) -> None:
    document = qt.QTextDocument()
    document.setHtml(text)
    writer = qt.QPdfWriter(str(path))
    writer.setTitle(_("SP-Mamba report"))
    writer.setCreator("SP-Mamba {}".format(__version__))
    document.print(writer)


def reportHtml(result: Result, card: Dict[str, Any], choice: str) -> str:
    everything = tables.readFindings(result.get("findings"))
    rows = sorted((row for row in everything if fits(row["decision"], choice)),
                  key=lambda row: (ORDER.index(row["decision"]), row["rank"]))
    parts = ["<p class='title'>{}</p><p class='warning'>{}</p>".format(
        html.escape(_("SP-Mamba: unusual places in {name}").format(name=_short(_volumeName(result), NAME_LENGTH))),
        html.escape(_("Research use only, not for diagnosis. A scan without marks is not a normal scan.")))]
    parts += ["<p class='warning'>{}</p>".format(html.escape(text)) for text in result.notices]
    parts.append(_factsTable(_facts(result, everything)))
    parts.append(_images(result, rows[:MOST_IMAGES]))
    parts.append(_findings(result, rows, len(everything) - len(rows)))
    parts.append("<p class='head'>{}</p>{}".format(html.escape(_("Model")), _factsTable(_modelFacts(result, card))))
    return ("<!DOCTYPE html><html><head><meta charset='utf-8'><title>{}</title><style>{}</style></head>"
            "<body>{}</body></html>").format(html.escape(_("SP-Mamba report")), STYLE, "".join(parts))


def _volumeName(result: Result) -> str:
    return result.inputName if result.input is not None else _("{name} (no longer in the scene)").format(
        name=result.inputName or _("a volume"))


def _facts(result: Result, rows: Sequence[Row]) -> List[Tuple[str, str]]:
    summary, calibration = result.summary, result.calibration
    rate, verdict = float(summary["false_positive_rate"]), result.scanVerdict
    counts = [sum(row["decision"] == decision for row in rows) for decision in ("accepted", "rejected", "unsure", "")]
    summed = _("{count}: {accepted} accepted, {rejected} rejected, {unsure} unsure, {open} undecided").format(
        count=len(rows), accepted=counts[0], rejected=counts[1], unsure=counts[2], open=counts[3])
    if not rows:
        summed = _("none; marked as reviewed") if result.reviewed else _("none; not marked as reviewed")
    reader = auditlog.user()
    origin = originOf(result.input) if result.input is not None else ""
    name = _volumeName(result)
    return [
        *([(_("Volume"), name)] if len(name) > NAME_LENGTH else []),
        *([(_("From"), origin)] if origin else []),
        (_("Operating point"), "{}; {}; {}".format(
            meaningOfRate(rate, calibration), certaintyOfRate(rate, calibration),
            _("threshold {value}").format(value="{:.2f}".format(float(summary["threshold"]))))),
        *([(_("Whole scan"), verdictText(verdict))] if verdict is not None else []),
        (_("Findings"), summed),
        (_("Written"), " ".join([auditlog.now()[:16].replace("T", " "), "UTC", reader]).strip()),
        (_("Software"), "SP-Mamba {}, 3D Slicer {}, Python {}; {} ({})".format(
            __version__, slicer.app.applicationVersion, platform.python_version(), summary.get("backend"),
            summary.get("device")))]


def _modelFacts(result: Result, card: Dict[str, Any]) -> List[Tuple[str, str]]:
    model = result.summary.get("model", {})
    facts = [(_("Name"), "{} {}, sha256 {}".format(model.get("name"), model.get("version", ""),
                                                   str(model.get("sha256", ""))[:16]))]
    if card.get("version") == model.get("version"):  # the card here may be of another one
        for key, title in (("purpose", _("For")), ("not_for", _("Not for")), ("data", _("Made from")),
                           ("limits", _("Limits"))):
            if card.get(key):
                facts.append((title, _short(str(card[key]), TEXT_LENGTH)))
    return facts


def _factsTable(facts: Sequence[Tuple[str, str]]) -> str:
    return "<table cellpadding='1'>{}</table>".format("".join(
        "<tr><td><b>{}</b>&nbsp;</td><td>{}</td></tr>".format(html.escape(name), html.escape(text))
        for name, text in facts))


def _images(result: Result, rows: Sequence[Row]) -> str:
    """Two findings a line, an accepted one with what is normal there; none if the volume has left the scene."""
    if result.input is None:
        return ""
    images, cells, explained = KeyImages(result), [], False
    width, whyWidth = (int((ENLARGED if len(rows) < 2 else 1.0) * each) for each in (IMAGE_WIDTH, WHY_WIDTH))
    for row in rows:
        number = sliceOf(result, row)
        caption = _("Finding {rank}, slice {slice}: {decision}").format(
            rank=row["rank"], slice=number, decision=decisionText(row["decision"]))
        figure = figureHtml(result, row, whyWidth) if row["decision"] == ACCEPTED else ""
        explained = explained or bool(figure)
        cells.append("<td>{}</td><td>{}</td>".format(_picture(images.png(number, row), width, caption), figure))
    legend = [_("Outlined: the finding (gray: rejected), thinner: others in the same slice; the strokes point at its "
                "highest value.")]
    if explained:
        legend.append(_("Small pictures: this scan, and below it the normal scans closest to it at this place."))
    if not rows:
        number = max(tables.readSlices(result.get("slices")), key=lambda row: row["score"])["slice"]
        caption = _("Slice {slice}, the highest of the map").format(slice=number)
        cells, legend = ["<td>{}</td>".format(_picture(images.png(number), width // 2, caption))], []
    lines = ["<tr>{}</tr>".format("".join(cells[n:n + 2])) for n in range(0, len(cells), 2)]
    return "<table cellpadding='1'>{}</table><p>{}</p>".format("".join(lines), html.escape(" ".join(legend)))


def _picture(data: bytes, width: int, caption: str) -> str:
    return "<img width='{}' src='data:image/png;base64,{}'><br>{}".format(
        width, base64.b64encode(data).decode("ascii"), html.escape(caption))


def _listed(rows: Sequence[Row]) -> int:
    """How many findings one page holds, notes included."""
    left = TABLE_HEIGHT + IMAGE_HEIGHT * (MOST_IMAGES - min(len(rows), MOST_IMAGES)) // 2
    for count, row in enumerate(rows):
        left -= ROW_HEIGHT + LINE_HEIGHT * -(-len(_short(row["note"], NOTE_LENGTH)) // LINE_LENGTH)
        if left < 0:
            return count
    return len(rows)


def _findings(result: Result, rows: Sequence[Row], leftOut: int) -> str:
    listed, words = _listed(rows), Whereabouts(result)
    lines = []
    for row in rows[:listed]:
        cells = cellTexts(row, sliceOf(result, row), result.calibration.band(row["band"]).name, words)
        decision = decisionText(row["decision"])  # on paper an empty cell says nothing
        cells[DECISION] = "{} ({})".format(decision, reasonText(row["reason"])) if row["reason"] else decision
        lines.append(_row("td", cells))
        if row["note"]:
            lines.append("<tr><td></td><td colspan='{}'>{}</td></tr>".format(
                len(cells) - 1, html.escape(_short(row["note"], NOTE_LENGTH))))
    text = "<p class='head'>{}</p>".format(html.escape(_("Findings")))
    if lines:
        text += "<table border='1' style='border-collapse: collapse' cellpadding='2'>{}{}</table>{}".format(
            _row("th", headers(words)), "".join(lines), _legend(result))
    rest, missed = [], 0
    if len(rows) > listed:
        missed = sum(row["decision"] == ACCEPTED for row in rows[listed:])
        rest.append(_("{count} more, {accepted} of them accepted, are in the table of findings (CSV).").format(
            count=len(rows) - listed, accepted=missed))
    if leftOut:
        rest.append(_("{count} with other decisions are not listed.").format(count=leftOut))
    if not rows:
        rest.insert(0, _("No finding is listed.") if leftOut else summaryText(rows, 0))
    return text + "<p class='{}'>{}</p>".format("warning" if missed else "", html.escape(" ".join(rest)))


def _row(kind: str, cells: Sequence[str]) -> str:
    return "<tr>{}</tr>".format("".join(
        "<{0} style='white-space: nowrap'>{1}</{0}>".format(kind, html.escape(cell)) for cell in cells))


def _legend(result: Result) -> str:
    """What the bands of the map mean at this operating point, and what its values count."""
    parts = []
    for name, color, meaning in meaningOfBands(result.calibration, float(result.summary["threshold"])):
        style = "color: #" + "".join("{:02x}".format(int(round(255 * part))) for part in color)
        parts.append("<span style='{}'>&#9632;</span> <b>{}</b> {}".format(
            style, html.escape(name), html.escape(meaning)))
    bands = "; ".join(parts)
    return "<p>{}: {}.</p>".format(
        html.escape(_("Peak and mean are map values, in units of the spread of normals")), bands)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length - 4].rsplit(" ", 1)[0] + " ..."
