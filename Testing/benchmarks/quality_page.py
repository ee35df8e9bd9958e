"""Write QUALITY.md, the page of methods and ablations, from the results beside it.

    python Testing/benchmarks/quality_page.py

A test compares the page with the results, so that no number on it is anybody's memory.
"""
# ruff: noqa: E402 - the path comes before the imports that need it
from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[slice_height]) for slice_height in (2, 1)]

from benchmarks.records import RESULTS, read_rows
from benchmarks.speed_page import table

PAGE = Path(__file__).resolve().parent / "QUALITY.md"
Row = Dict[str, Any]
SETS = {"chest-xray": "Chest films", "brain-flair": "Brain FLAIR slices"}
METRICS = {"auroc": "image AUROC", "ap": "image AP", "auroc_level_standardised": "AUROC by height",
           "auroc_height_matched": "height-matched", "pixel_ap": "pixel AP", "pixel_best_dice": "best Dice",
           "sensitivity": "sensitivity", "specificity": "specificity", "implants": "implants found"}
IMPLANTED = {"sensitivity_at_5": "peak at 1 in 20", "sensitivity_at_20": "peak at 1 in 5", "pixel_ap": "pixel AP",
             "auroc": "image AUROC", "dice": "Dice at 1 in 20"}
PARTS = {"terms": "Scoring rule of the shipped model, one thing changed", "prototypes": "Prototypes alone",
         "training": "Neck and decoder, trained with one thing changed"}

HEAD = """\
# Quality: other methods, and what each part earns

Written by `quality_page.py` from `comparators.jsonl`, `ablations.jsonl`, `quality_*.json` and `implanted_*.json` of
`results`; do not edit. All methods share teacher, preparation, splits and metrics; statistics and thresholds come
from held-out normals, nothing is chosen on the public test images judged here. So many rows on one test set are for
orientation: the best of them is flattered, and differences of .02 mean nothing.

* *standardised*: one mean and spread for the whole map, for each place, or for each place at each slice height.
* *AUROC by height*: the slice's score among normals of its height; *height-matched*: only pairs of one height count.
* *sensitivity*, *specificity*: peak of the map at the threshold that 1 in 20 held-out normals reach.
* +- is the standard deviation over seeds, where there are several.
* Implanted anomalies (`implants.py`: masses and opacities of three sizes, for chests also many at once) lie in normal
  images: rules are chosen on them, so that the test images are not. *peak at*: share of implants whose peak reaches
  that threshold; *implants found*: the same at 1 in 20.
* A *recipe* is how images are prepared and varied and what the prototypes are; a table tells which one it is of.
* Reverse distillation is trained as long as the shipped models' decoders, far shorter than in its paper.
"""
UNTRAINED = """\
**The `training` part is not recorded.** After 100 steps the decoder alone is still at chance on the chest films,
whatever its scan order, so such a short run compares nothing; the shipped decoders had 500 steps. Nothing here says
whether the state-space branch or the scan order earn anything, and nothing else in this project claims it."""

TOGETHER = """\
The same residuals beside one set of prototypes, the residual with half of their weight:"""


def averaged(rows: Sequence[Row], names: Sequence[str]) -> List[Dict[str, Any]]:
    """One line for each combination of `names`, in the order in which they came: mean +- deviation over seeds."""
    groups: Dict[Tuple[Any, ...], List[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(name) for name in names), []).append(row["metrics"])
    lines = []
    for key, found in groups.items():
        line = dict(zip(names, key), seeds=str(len(found)))
        line.update({metric: spread([each.get(metric) for each in found]) for metric in METRICS})
        lines.append(line)
    return lines


def spread(values: Sequence[Optional[float]]) -> Optional[str]:
    known = [value for value in values if value is not None]
    if not known:
        return None
    text = "{:.3f}".format(np.mean(known))
    return text if len(known) == 1 else "{} +- {:.3f}".format(text, np.std(known, ddof=1))


def metrics_table(names: Dict[str, str], lines: List[Dict[str, Any]]) -> List[str]:
    """Without the columns that nobody fills."""
    filled = {metric: title for metric, title in METRICS.items() if any(line[metric] for line in lines)}
    return table({**names, **filled, "seeds": "seeds"}, lines)


def runs(rows: Sequence[Row]) -> List[str]:
    """Which commands made them, where and when."""
    found = {(row["command"], row["device"], row["torch"], row["date"]) for row in rows}
    return ["", *("`{}`; {}; torch {}; {}.".format(*run) for run in sorted(found)), ""]


def by_recipe(rows: Sequence[Row]) -> List[Tuple[str, List[Row]]]:
    """Each recipe, for a heading, and its rows; the latest first."""
    recipes = list(dict.fromkeys(row["recipe"] for row in reversed(rows)))
    return [("recipe `{}`".format(recipe), [row for row in rows if row["recipe"] == recipe]) for recipe in recipes]


def shipped(name: str) -> List[str]:
    result = json.loads((RESULTS / "quality_{}.json".format(name)).read_text(encoding="utf-8"))
    values = {**result["image"], **{"pixel_" + key: value for key, value in (result["pixel"] or {}).items()}}
    parts = ["{} {:.3f}".format(METRICS[key], values[key]) for key in METRICS if values.get(key) is not None]
    return ["", "The shipped model as a whole (`results/quality_{}.json`): {}.".format(name, ", ".join(parts))]


def implanted(name: str) -> List[str]:
    """What the scoring rule was chosen on; figures are means over the groups of implants."""
    result = json.loads((RESULTS / "implanted_{}.json".format(name)).read_text(encoding="utf-8"))
    lines = [{"rule": rule, **{key: "{:.3f}".format(value) for key, value in found["mean"].items()}}
             for rule, found in result["rules"].items()]
    return ["", "### Rules on anomalies implanted into held-out normals", "",
            "`{}`; {}; torch {}; {}.".format(*(result[key] for key in ("command", "device", "torch", "date"))), "",
            *table({"rule": "rule", **IMPLANTED}, lines)]


def page(comparators: Sequence[Row], ablations: Sequence[Row]) -> str:
    lines = HEAD.splitlines()
    if not any(row["part"] == "training" for row in ablations):
        lines += ["", *UNTRAINED.splitlines()]
    for name, title in SETS.items():
        own = [row for row in comparators if row["set"] == name]
        lines += ["", "## " + title, *shipped(name)]
        for recipe, rows in by_recipe(own):
            lines += ["", "### Methods, {}, teacher `{}`".format(recipe, rows[-1]["teacher"][:12]), *runs(rows)]
            lines += metrics_table({"method": "method", "standardised": "standardised"},
                                   averaged(rows, ("method", "standardised")))
        lines += implanted(name)
        for part, heading in PARTS.items():
            for recipe, rows in by_recipe([row for row in ablations if row["set"] == name and row["part"] == part]):
                lines += ["", "### {}, {}".format(heading, recipe), *runs(rows)]
                lines += metrics_table({"method": "variant"}, averaged(rows, ("method",)))
                if part == "training":
                    lines += ["", *TOGETHER.splitlines(), "", *metrics_table({"method": "variant"}, averaged(
                        [dict(row, metrics=row["with prototypes"]) for row in rows], ("method",)))]
    return "\n".join(lines) + "\n"


def results() -> Tuple[List[Row], List[Row]]:
    return read_rows(RESULTS / "comparators.jsonl"), read_rows(RESULTS / "ablations.jsonl")


if __name__ == "__main__":
    PAGE.write_text(page(*results()), encoding="utf-8")
