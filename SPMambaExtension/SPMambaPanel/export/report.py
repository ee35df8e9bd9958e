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

from .. import audit, tables
from ..decisions import ACCEPTED, REJECTED, decisionText, reasonText
from ..findingstable import BAND, DECISION, cellTexts, headers
from ..operatingpoint import meaningOfRate
from ..origin import originOf
from ..result import Result
from ..review import sliceOf
from ..tables import Row
from ..why import figureHtml
from .chosen import NOT_REJECTED, fits
from .keyimages import keyImage
from .naming import placed

MOST_IMAGES, MOST_ROWS = 4, 8  # what one page holds
TEXT_LENGTH = 220  # of a fact of the model card
NOTE_LENGTH = 70
IMAGE_WIDTH = 240  # of a pair of tiles in pixels
WHY_WIDTH = 52  # of a picture of the evidence
STYLE = ("body { font-family: sans-serif; font-size: 7.5pt; } .title { font-size: 12pt; font-weight: bold; } "
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
    rows = [row for row in everything if fits(row["decision"], choice)]
    parts = ["<p class='title'>{}</p><p class='warning'>{}</p>".format(
        html.escape(_("SP-Mamba: unusual places in {name}").format(name=_volumeName(result))),
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
    rate = float(summary["false_positive_rate"])
    counts = [sum(row["decision"] == decision for row in rows) for decision in ("accepted", "rejected", "unsure", "")]
    summed = _("{count}: {accepted} accepted, {rejected} rejected, {unsure} unsure, {open} undecided").format(
        count=len(rows), accepted=counts[0], rejected=counts[1], unsure=counts[2], open=counts[3])
    if not rows:
        summed = _("none; marked as reviewed") if result.reviewed else _("none; not marked as reviewed")
    reader = audit.user()
    origin = originOf(result.input) if result.input is not None else ""
    return [
        *([(_("From"), origin)] if origin else []),
        (_("Operating point"), "{}; {}".format(meaningOfRate(rate, calibration.unit), _("threshold {value}").format(
            value="{:.2f}".format(float(summary["threshold"]))))),
        (_("Findings"), summed),
        (_("Written"), " ".join([audit.now()[:16].replace("T", " "), "UTC", reader]).strip()),
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
    cells, explained = [], False
    for row in rows:
        number = sliceOf(result, row)
        data = base64.b64encode(keyImage(result, row, number, row["decision"] == REJECTED)).decode("ascii")
        caption = _("Finding {rank}, slice {slice}: {decision}").format(
            rank=row["rank"], slice=number, decision=decisionText(row["decision"]))
        figure = figureHtml(result, row, WHY_WIDTH) if row["decision"] == ACCEPTED else ""
        explained = explained or bool(figure)
        cells.append("<td><img width='{}' src='data:image/png;base64,{}'><br>{}</td><td>{}</td>".format(
            IMAGE_WIDTH, data, html.escape(caption), figure))
    lines = ["<tr>{}</tr>".format("".join(cells[n:n + 2])) for n in range(0, len(cells), 2)]
    text = html.escape(_("Small pictures: this scan, and below it the normal scans closest to it at this place."))
    return "<table cellpadding='1'>{}</table>{}".format("".join(lines), text if explained else "")


def _findings(result: Result, rows: Sequence[Row], leftOut: int) -> str:
    heads = [*headers()[:BAND], _("Note")]
    lines = []
    for row in rows[:MOST_ROWS]:
        cells = [*cellTexts(row, sliceOf(result, row), "")[:BAND], _short(row["note"], NOTE_LENGTH)]
        decision = decisionText(row["decision"])  # on paper an empty cell says nothing
        cells[DECISION] = "{} ({})".format(decision, reasonText(row["reason"])) if row["reason"] else decision
        lines.append("<tr>{}<td>{}</td></tr>".format(
            "".join("<td style='white-space: nowrap'>{}</td>".format(html.escape(cell)) for cell in cells[:-1]),
            html.escape(cells[-1])))
    text = "<p class='head'>{}</p>".format(html.escape(_("Findings")))
    if lines:
        table = "<table border='1' style='border-collapse: collapse' cellpadding='2'><tr>{}</tr>{}</table>"
        text += table.format(
            "".join("<th style='white-space: nowrap'>{}</th>".format(html.escape(head)) for head in heads),
            "".join(lines))
    rest = []
    if len(rows) > MOST_ROWS:
        rest.append(_("{count} more are in the table of findings (CSV).").format(count=len(rows) - MOST_ROWS))
    if leftOut:
        rest.append(_("{count} with other decisions are not listed.").format(count=leftOut))
    if not rows:
        rest.insert(0, _("No finding is listed."))
    return text + ("<p>{}</p>".format(html.escape(" ".join(rest))) if rest else "")


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length].rsplit(" ", 1)[0] + " ..."
