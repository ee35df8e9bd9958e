"""metrics.json as a page for people: one HTML file with everything inside, to be read on screen or printed.

It says first what the numbers mean for a reader, then what speaks against them, then shows curves, tables and the worst
mistakes.  No script, no font and no picture from elsewhere.
"""
from __future__ import annotations

import datetime
from html import escape
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from ..io.whole import replacing
from .evaluate import Evaluation
from .figures import figures
from .gallery import Exhibit, Gallery
from .words import cautions, findings_in_words, percent, value, value_with_interval, words_of_rate

STYLE = """
:root{color-scheme:light}*{box-sizing:border-box}
body{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:#1d2127;margin:0;
background:#fff}
main{max-width:1080px;margin:0 auto;padding:24px 28px 60px}
h1{font-size:26px;margin:0 0 2px}h2{font-size:18px;margin:34px 0 10px;padding-top:12px;border-top:1px solid #dfe2e6}
p{margin:6px 0}.sub{color:#5b626c}.banner{background:#7a1f1f;color:#fff;padding:8px 28px;font-weight:600}
.say{font-size:17px;margin:16px 0}.say li{margin:5px 0}
.warn{background:#fff6e5;border-left:4px solid #e08a00;padding:8px 14px;margin:8px 0}
.fine{background:#eef6ee;border-left:4px solid #3a8a4a;padding:8px 14px;margin:8px 0}
table{border-collapse:collapse;width:100%;font-size:14px}table+table{margin-top:18px}
th,td{text-align:left;padding:5px 10px;border-bottom:1px solid
#e6e8eb;vertical-align:top}th{color:#5b626c;font-weight:600}td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
tr.default{background:#eaf1fb;font-weight:600}.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));
gap:22px}figure{margin:0}figcaption{font-size:13px;color:#5b626c;overflow-wrap:anywhere}svg{width:100%;height:auto}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(330px,1fr));gap:14px}
.gallery img{width:100%;background:#121214;display:block}.small{font-size:13px;color:#5b626c}code{font-size:13px}
@media print{h2{break-after:avoid}figure,tr{break-inside:avoid}.banner,.warn,.fine,tr.default{print-color-adjust:exact;
-webkit-print-color-adjust:exact}}
"""
CARD = (("purpose", "For"), ("not_for", "Not for"), ("expects", "Expects"), ("data", "Made from"), ("limits", "Limits"),
        ("version", "Version"), ("licence", "Licence"))


def write_report(path: Path, evaluation: Evaluation, gallery: Gallery, card: Dict[str, Any],
                 date: Optional[datetime.date] = None) -> None:
    """Write the page; whole or not at all.

    Args:
        card: the model's card.
        date: printed on the page; today if not given.

    Raises:
        OutputError: it cannot be written.
    """
    text = page(evaluation, gallery, card, date or datetime.date.today())
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def page(evaluation: Evaluation, gallery: Gallery, card: Dict[str, Any], date: datetime.date) -> str:
    result = evaluation.result
    n = result["n"]
    head = ('<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
            'content="width=device-width"><title>{}: evaluation</title><style>{}</style></head><body><div class='
            '"banner">Research use only. Not a medical device, not for diagnosis.</div><main>').format(
                escape(card["title"]), STYLE)
    parts = [
        head, "<h1>How good is {}?</h1>".format(escape(card["title"])),
        '<p class="sub">{} images ({} normal, {} abnormal) of {} patients &middot; model <code>{}</code> {} &middot; '
        "{}</p>".format(n["images"], n["normal"], n["abnormal"], n["patients"], escape(result["model"]["name"]),
                        escape(str(result["model"]["version"])), date.isoformat()),
        '<ul class="say">{}</ul>'.format("".join("<li>{}</li>".format(escape(s)) for s in findings_in_words(result))),
        _cautions(result), "<h2>Curves</h2>", '<div class="figures">{}</div>'.format("".join(figures(evaluation))),
        "<h2>Operating points</h2>", _operating_points(result), "<h2>All numbers</h2>", _numbers(result),
        _columns(result), "<h2>Controls</h2>", _controls(result),
        _gallery("Worst misses", gallery.misses, gallery.missed, "abnormal images that nothing was said of; those of "
                 "lowest score", "No abnormal image was missed at the default operating point."),
        _gallery("Worst false alarms", gallery.alarms, gallery.alarmed, "normal images that were marked; those of "
                 "highest score", "No normal image is marked at the default operating point."),
        "<h2>What could not be judged</h2>", _errors(result), "<h2>The model</h2>", _card(card, result),
        "<h2>How this was measured</h2>", _method(result), "</main></body></html>\n"]
    return "\n".join(parts)


def _cautions(result: Dict[str, Any]) -> str:
    found = cautions(result)
    if not found:
        return '<p class="fine">None of the automatic checks speaks against these numbers.</p>'
    return "".join('<p class="warn">{}</p>'.format(escape(text)) for text in found)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = (),
           marked: Sequence[int] = ()) -> str:
    """Cells are escaped here; columns of `numeric` are set right, rows of `marked` stand out."""
    def cells(row: Sequence[str], tag: str) -> str:
        return "".join("<{0}{1}>{2}</{0}>".format(tag, ' class="n"' if n in numeric else "", escape(str(cell)))
                       for n, cell in enumerate(row))

    body = "".join("<tr{}>{}</tr>".format(' class="default"' if n in marked else "", cells(row, "td"))
                   for n, row in enumerate(rows))
    return "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>".format(cells(header, "th"), body)


def _operating_points(result: Dict[str, Any]) -> str:
    rows: List[List[str]] = []
    marked: List[int] = []
    verdicts = all(point["scan_verdict"] is not None for point in result["operating_points"])
    for point in result["operating_points"]:
        parts = [("", point)] if not verdicts else [
            ("finding or verdict", point), ("findings alone", point["findings"]),
            ("verdict alone", point["scan_verdict"])]
        for n, (what, measured) in enumerate(parts):
            if point["default"] and n == 0:
                marked.append(len(rows))
            words = words_of_rate(point["false_positive_rate"], result["unit"], verdicts)
            rows.append(["" if n else words + (" (default)" if point["default"] else ""), what,
                         "" if n else "{:.2f}".format(point["threshold"]),
                         value_with_interval(measured["sensitivity"], measured["sensitivity_interval"], percent),
                         value_with_interval(measured["specificity"], measured["specificity_interval"], percent),
                         "" if n else percent(1.0 - point["false_positive_rate"])])
    text = ("An image counts as positive when it shows at least one finding{}.".format(
        " or is unusual as a whole; the two share the rate" if verdicts else ""))
    return _table(["calibrated on normal images to", "what speaks", "map threshold", "sensitivity (95 % interval)",
                   "specificity (95 % interval)", "promised"], rows, (2, 3, 4, 5), marked) + (
        '<p class="small">Thresholds come from the model\'s own calibration; nothing was chosen on these images. '
        "{}</p>".format(text))


def _numbers(result: Dict[str, Any]) -> str:
    intervals = result["intervals"]
    image, pixel, rows = result["image"], result["pixel"], []
    ours = intervals["image"]
    for key, label in (("auroc", "Image AUROC"), ("ap", "Image average precision"),
                       ("auroc_height_matched", "Image AUROC, only slices of similar height compared")):
        if image[key] is not None:
            rows.append([label, value_with_interval(image[key], ours.get(key))])
    if pixel:
        limit = result["pixel_precision"]["aupro_fpr_limit"]
        rows += [["Pixel AUROC", value_with_interval(pixel["auroc"], intervals["pixel"]["auroc"])],
                 ["Pixel average precision", value_with_interval(pixel["ap"], intervals["pixel"]["ap"])],
                 ["AUPRO up to a false-positive rate of {:g}".format(limit), value(pixel["aupro"])],
                 ["Best Dice (oracle: threshold chosen on these masks)", value(pixel["best_dice"])]]
        found = result["froc"]["operating_point"]
        rows.append(["Lesions touched by a finding at the default operating point", "{} with {} false findings per "
                     "image".format(percent(found["sensitivity"]), value(found["false_positives_per_image"]))])
    for name, score in sorted(result["components"].items()):
        rows.append(["AUROC of {} alone".format(name), value(score)])
    return _table(["measure", "value (95 % interval, by patient)"], rows, (1,))


def _columns(result: Dict[str, Any]) -> str:
    titles = {"deployable": "deployable (nothing chosen on these images)",
              "published": "published (thresholds chosen on these labels)"}
    names = [name for name in ("sensitivity", "specificity", "f1max", "dice")
             if any(column.get(name) is not None for column in result["columns"].values())]
    rows = [[name] + [value(column.get(name)) for column in result["columns"].values()] for name in names]
    return _table(["depends on a threshold"] + [titles[name] for name in result["columns"]], rows,
                  range(1, 1 + len(result["columns"])))


def _controls(result: Dict[str, Any]) -> str:
    controls, rows = result["controls"], []
    texts = (("frame_only", "Centre of the image hidden: AUROC from the frame alone"),
             ("centre_only", "Frame of the image hidden: AUROC from the centre alone"))
    if controls["height_only"] is not None:
        rows.append(["Height of the slice alone, no image: AUROC", value(controls["height_only"])])
    rows += [[text, value_with_interval(controls[key]["auroc"], controls[key]["interval"])]
             for key, text in texts if key in controls]
    if "intensity" in controls:
        rows.append(["Mean brightness alone, no model: AUROC", value(controls["intensity"]["image_auroc"])])
        rows += [["Brightness as the map: pixel {}".format(name), value(controls["intensity"]["pixel_" + name])]
                 for name in ("auroc", "ap", "best_dice") if "pixel_" + name in controls["intensity"]]
    rows.append(["Images the input check refused; flagged", "{}; {}".format(
        percent(result["input_check"]["refused"]), percent(result["input_check"]["flagged"]))])
    text = "" if "frame_only" in controls or "intensity" in controls else (
        '<p class="small">The controls with hidden parts were not run; add <code>--controls</code>.</p>')
    return _table(["control", "measured"], rows, (1,)) + text


def _gallery(title: str, exhibits: List[Exhibit], count: int, what: str, none: str) -> str:
    head = "<h2>{}</h2>".format(title)
    if not exhibits:
        return head + "<p>{}</p>".format(none)
    figure = ('<figure><img alt="{0}" src="{1}"><figcaption>{0}<br>score {2:.2f}, peak {3:.2f} normal spreads'
              "</figcaption></figure>")
    figures = "".join(figure.format(escape(e.row.name), e.png, e.row.score, e.row.components.get("peak", float("nan")))
                      for e in exhibits)
    return head + ('<p class="small">{} {}. Left: the image; green: what is known to be there. Right: the anomaly map '
                   "from the value that half of all normal images reach; cyan: findings.</p><div class=\"gallery\">{}"
                   "</div>").format(count, what, figures)


def _errors(result: Dict[str, Any]) -> str:
    if not result["errors"]:
        return "<p>Every image could be judged.</p>"
    rows = [[e["name"], e["code"], e["message"]] for e in result["errors"][:50]]
    more = len(result["errors"]) - len(rows)
    return _table(["image", "code", "what was wrong"], rows) + ("<p>And {} more.</p>".format(more) if more else "")


def _card(card: Dict[str, Any], result: Dict[str, Any]) -> str:
    rows = [[label, str(card[key])] for key, label in CARD if card.get(key)]
    return _table(["", ""], rows + [["Weights (SHA-256)", result["model"]["sha256"]]])


def _method(result: Dict[str, Any]) -> str:
    bootstrap, versions, data = result["bootstrap"], result["versions"], result.get("data", {})
    texts = ["Every image went through the detector as a user's would. Protocol {}: {}".format(
        result["protocol"], result["protocol_means"]),
        "Intervals: {:.0%} percentile intervals over {} draws of whole patients (seed {}).".format(
            bootstrap["level"], bootstrap["resamples"], bootstrap["seed"])]
    if result["pixel"]:
        precision = result["pixel_precision"]
        texts.append("Pixel measures: {:,} pixels of {} images, {} lesions, no subsampling; map values told apart by "
                     "{} of the 32 bits of a number.".format(precision["pixels"], precision["images"],
                                                          precision["lesions"], precision["bits_of_map_value"]))
    if data:
        texts.append("Images: {} {}, selection {}, every {}.".format(
            data["kind"], data["name"], " ".join(data["select"]) or "all", data["every"]))
    texts.append("Software: " + ", ".join("{} {}".format(k, v) for k, v in versions.items()) + ".")
    return "".join('<p class="small">{}</p>'.format(escape(text)) for text in texts)
