"""One page for each shipped model, made of its card: ``python Testing/tools/model_pages.py``.

The page says what the card says; a test compares them.
"""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Dict, List

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from SPMambaLib import bundle  # noqa: E402

PAGES = ROOT / "Resources" / "Docs" / "models"
TEXTS = (
    ("purpose", "For"),
    ("not_for", "Not for"),
    ("expects", "Expects"),
    ("data", "Made from"),
    ("limits", "Limits"),
    ("licence", "Licence"),
)


def page(card: Dict[str, Any]) -> str:
    """The page of one model, Markdown."""
    lines = ["# {}".format(card["title"]), "", "`{}`, version {}. Research use only.".format(card["name"],
                                                                                         card["version"]), ""]
    lines += ["- **{}**: {}".format(title, card[key]) for key, title in TEXTS if card.get(key)]
    calibration = card["calibration"]
    unit = calibration["map"]["unit"]
    lines += [
        "",
        "## Operating point",
        "",
        "Thresholds were read off {:,} held-out normal {}s of {:,} patients; the lowest rate that they can tell is "
        "1 in {:,.0f}.".format(
            calibration["normals"], unit, calibration["patients"], 1.0 / min(calibration["map"]["rates"])
        ),
    ]
    if calibration.get("scan_verdict"):
        lines += ["", *scan_verdict(calibration["scan_verdict"])]
    check = calibration.get("input_check")
    if check:
        worth = check["worth"]
        lines += ["", "Of normal scans the input check flags {:.1%} ({:.1%} to {:.1%}, 95 %).".format(
            worth["flagged"], worth["low"], worth["high"])]
    if card.get("metrics"):
        lines += ["", "## Measured", "", *metrics(card["metrics"])]
    return "\n".join(lines) + "\n"


def scan_verdict(known: Dict[str, Any]) -> List[str]:
    """How findings and the verdict on the whole scan share a rate, and whether there is one on volumes."""
    at = min(range(len(known["rates"])), key=lambda n: abs(known["rates"][n] - 0.05))
    lines = ["Of single {}s the rate is shared: {:.0f} % of it goes to findings, the rest to the verdict on the scan "
             "as a whole. At 1 in {:.0f}, {:.1%} of the held-out normals show a finding and {:.1%} are called unusual "
             "as a whole.".format(known["unit"], 100 * known["share"], 1 / known["rates"][at],
                                  known["finding_rates"][at], known["verdict_rates"][at])]
    if known["unit"] == "slice":
        lines.append("The score of a volume is the {}. {}".format(known["volume_score"], (
            "It is compared with {} normal volumes.".format(known["volumes"]) if known["volume"] else
            "Only {} normal volumes were held out: there is no verdict on volumes as a whole.".format(
                known["volumes"]))))
    return lines


def metrics(found: Dict[str, Any]) -> List[str]:
    """The table of figures on the public test images, with what should not work beside it."""
    n = found["n"]
    lines = ["{:,} normal and {:,} abnormal public test images of {:,} patients, {}; nothing was chosen on them "
             "(`Testing/benchmarks`).".format(n["normal"], n["abnormal"], n["patients"], found["date"]), "",
             "| figure | value | 95 % by patient |", "|---|---|---|"]
    intervals = found.get("image_intervals_95_by_patient", {})
    for key, value in found["image"].items():
        span = intervals.get(key)
        lines.append("| image {} | {:.3f} | {} |".format(
            key.replace("_", " "), value, "{:.3f} to {:.3f}".format(*span) if span else ""))
    lines += ["| pixel {} | {:.3f} | |".format(key.replace("_", " "), value)
              for key, value in found.get("pixel", {}).items()]
    lines += ["| control, {}: AUROC | {:.3f} | |".format(key.replace("_", " "), value)
              for key, value in found.get("controls_auroc", {}).items()]
    return [*lines, "", 'Sensitivity and specificity are those at "1 in {:.0f}".'.format(1 / found["operating_point"])]


def pages() -> Dict[Path, str]:
    """Path -> text of the page of every shipped model."""
    folder = ROOT / "Resources" / "models"
    return {PAGES / (path.name + ".md"): page(bundle.read_card(path)) for path in sorted(folder.iterdir())}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
