"""Write ROBUSTNESS.md, the page of the robustness study, from the results beside it.

    python Testing/benchmarks/robustness_page.py

A test compares page and plots with the results.
"""
# ruff: noqa: E402 - the path comes before the imports that need it
from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List

sys.path[:0] = [str(Path(__file__).resolve().parents[slice_height]) for slice_height in (2, 1)]

from benchmarks.perturbations import PERTURBATIONS
from benchmarks.speed_page import table

from SPMambaLib.evaluation.plots import BLUE, GREY, HEIGHT, ORANGE, WIDTH, Axes, Line, nice_ticks, plot

HERE = Path(__file__).resolve().parent
PAGE = HERE / "ROBUSTNESS.md"
COLUMNS = 4
TITLE_HEIGHT = 22
KEY_HEIGHT = 26  # of the one line that says what the colors are: a legend in each panel would cover its curves
CURVES = (("false_positive_rate", "false positives", ORANGE, False), ("sensitivity", "sensitivity", BLUE, False),
          ("caught_normal", "caught", GREY, True))

HEAD = """\
# Robustness

Written by `robustness_page.py` from `results/robustness_*.json` and `chosen_*.json`; do not edit. Pictures of the
public test sets, normal and abnormal, are changed as another day, another operator or another scanner might, and judged
at the model's default threshold, which nothing here moved.

* *false positives*: share of normal pictures that show a finding; *silent*: and that the input check let pass.
* *sensitivity*: share of abnormal pictures that show a finding.
* *caught*: share of normal pictures that the input check marks or refuses. It is a service when false positives rise,
  and a nuisance when they do not.
* Rotated and shifted pictures have replicated borders. Rates rest on some dozens of pictures: differences of a few
  hundredths mean nothing.
"""


def results() -> List[Dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("results/robustness_*.json"))]


def figure(result: Dict[str, Any]) -> str:
    """A panel for each perturbation, as one SVG file."""
    clean = result["rows"][0]
    rows = -(-len(PERTURBATIONS) // COLUMNS)
    height = HEIGHT + TITLE_HEIGHT
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" '
             'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>'.format(
                 COLUMNS * WIDTH, KEY_HEIGHT + rows * height)]
    for number, (_, label, color, _) in enumerate(CURVES):
        parts.append('<text x="{}" y="18" font-size="14" fill="{}">\u2014 {}</text>'.format(
            46 + 150 * number, color, label))
    for number, (name, (_, unit, _, neutral)) in enumerate(PERTURBATIONS.items()):
        own = [row for row in result["rows"] if row["perturbation"] == name]
        own = sorted([dict(clean, strength=neutral), *own], key=lambda row: row["strength"])
        strengths = [row["strength"] for row in own]
        lines = [Line(strengths, [row[key] for row in own], color, dashed)
                 for key, _, color, dashed in CURVES]
        ends = strengths[0], strengths[-1]
        panel = plot(Axes("{} ({})".format(name, unit), "share of pictures", ends, (0.0, 1.0), nice_ticks(*ends)),
                     lines, points=[(neutral, clean[key], color) for key, _, color, _ in CURVES], title=name)
        x, y = number % COLUMNS * WIDTH, KEY_HEIGHT + number // COLUMNS * height
        parts.append('<text x="{}" y="{}" font-size="14">{}</text>'.format(x + 46, y + 18, name))
        parts.append(panel.replace("<svg ", '<svg x="{}" y="{}" width="{}" height="{}" '.format(
            x, y + TITLE_HEIGHT, WIDTH, HEIGHT), 1))
    return "".join([*parts, "</svg>\n"])


def section(result: Dict[str, Any]) -> List[str]:
    checked = "" if result["input_check"] else (
        " This model has no input check that refuses; *caught* counts the notice of an unfamiliar scan.")
    lines = ["## {title} (`{name}`)".format(**result["model"]), "",
             "`{}`; {}; torch {}; {}; weights `{}`. Operating point: {:g} of normal images would show a finding.{}"
             .format(
                 result["command"], result["device"], result["torch"], result["date"], result["model"]["sha256"][:12],
                 result["operating_point"], checked), "",
             "![shares over the strength of each perturbation](results/robustness_{}.svg)".format(
                 result["model"]["name"]), "", summary(result), ""]
    return lines + rates(result) + chosen(result["model"]["name"])


def chosen(name: str) -> List[str]:
    """Some conditions on more pictures, if they were measured."""
    path = HERE / "results" / "chosen_{}.json".format(name)
    if not path.is_file():
        return []
    result = json.loads(path.read_text(encoding="utf-8"))
    clean = result["rows"][0]
    return ["", "`{}`; {}; {}; weights `{}`: {} normal and {} abnormal pictures.".format(
        result["command"], result["device"], result["date"], result["model"]["sha256"][:12], clean["normal"],
        clean["abnormal"]), "", *rates(result, "{:.3f}")]


def rates(result: Dict[str, Any], form: str = "{:.2f}") -> List[str]:
    """A line for each condition."""
    return table({
        "perturbation": "perturbation", "strength": "strength", "false_positive_rate": "false positives",
        "silent_false_positive_rate": "silent", "sensitivity": "sensitivity", "caught_normal": "caught (normal)",
        "caught_abnormal": "caught (abnormal)", "refused": "of these refused"},
        [{key: form.format(value) if isinstance(value, float) and key != "strength" else value
          for key, value in dict(row, strength="{:g}".format(row["strength"])).items()} for row in result["rows"]])


def summary(result: Dict[str, Any]) -> str:
    """The worst conditions in words: by silent false positives, and by lost sensitivity."""
    clean, others = result["rows"][0], result["rows"][1:]
    worst = max(others, key=lambda row: row["silent_false_positive_rate"])
    lost = min(others, key=lambda row: row["sensitivity"])
    return ("On {} normal and {} abnormal pictures. Unchanged: {:.0%} false positives, sensitivity {:.0%}. Most silent "
            "false positives: {:.0%}, under {} {:g}. Lowest sensitivity: {:.0%}, under {} {:g}.").format(
                clean["normal"], clean["abnormal"], clean["false_positive_rate"], clean["sensitivity"],
                worst["silent_false_positive_rate"], worst["perturbation"], worst["strength"],
                lost["sensitivity"], lost["perturbation"], lost["strength"])


def page() -> str:
    lines = HEAD.splitlines()
    for result in results():
        lines += ["", *section(result)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    for result in results():
        path = HERE / "results" / "robustness_{}.svg".format(result["model"]["name"])
        path.write_text(figure(result), encoding="utf-8")
