"""Write OPERATING_POINTS.md from results/operating_points.jsonl.

    python Testing/benchmarks/operating_points_page.py

A test compares the two.
"""
from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

HERE = Path(__file__).resolve().parent
PAGE = HERE / "OPERATING_POINTS.md"
RESULTS = HERE / "results" / "operating_points.jsonl"
RATES = (0.2, 0.1, 0.05)
NAMES = {"adult": "adult chest films", "children": "chest films of children", "brain": "FLAIR slices of the head"}

HEAD = """\
# Is the false-positive rate true?

Written by `operating_points_page.py` from `results/operating_points.jsonl`; do not edit. Made by
`python Testing/benchmarks/operating_points.py --data DATA --work FOLDER` on a CPU, {dates}.

A model is fitted on so many normal images, drawn at random, by the steps of `spmamba fit`, and scores up to 500 normal
images of other patients, as a new scan is scored. A cell is the mean over the fits of the share of those that show a
finding, with the lowest and highest fit; **bold** is outside of a factor of 1.3 of what was stated (1.6 at 50 normals).

* *finding*, *either*: a finding; a finding or a verdict on the scan as a whole, which share the rate. Of new normals
  that the input check does not flag, as the promise is made; *all*: either, of flagged ones too.
* *held*: in how many fits the stated 95 % interval holds the share of findings. 500 new images have a chance of their
  own: of intervals that are exactly right about 94 in 100 hold at 100 normals, 92 at 200 and 86 at 400.
* *old way*: findings, of the same normals, with thresholds from halves and varied copies counted, as it was before.
"""


def rows() -> List[Dict[str, Any]]:
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def page(results: Sequence[Dict[str, Any]]) -> str:
    dates = sorted({row["date"] for row in results})
    text = [HEAD.format(dates=" to ".join(sorted({dates[0], dates[-1]})))]
    groups: Dict[Tuple[str, int], List[Dict[str, Any]]] = defaultdict(list)
    for row in results:
        groups[row["set"], row["size"]].append(row)
    for name in [name for name in NAMES if any(key[0] == name for key in groups)]:
        text += ["## {}\n".format(NAMES[name][0].upper() + NAMES[name][1:]),
                 "| normals | fits | stated | finding | held | old way | either | all |", "|---" * 8 + "|"]
        for size in sorted(size for group, size in groups if group == name):
            text += [line(size, groups[name, size], n) for n in range(len(RATES))]
        text.append("")
    return "\n".join(text)


def line(size: int, fits: Sequence[Dict[str, Any]], n: int) -> str:
    now, rate = [fit["now"][n] for fit in fits], RATES[n]
    held = sum(each["low"] <= each["finding"] <= each["high"] for each in now)
    limit = 1.3 if size >= 100 else 1.6 if size >= 50 else float("inf")
    cells = [cell([each["finding"] for each in now], rate, limit), "{} of {}".format(held, len(now)),
             cell([fit["old"][n]["finding"] for fit in fits], rate, limit),
             cell([each["either"] for each in now], rate, limit),
             cell([fit["all"][n]["either"] for fit in fits], rate, limit)]
    return "| {} | {} | {:.0%} | {} |".format(size, len(fits), rate, " | ".join(cells))


def cell(shares: Sequence[float], rate: float, limit: float) -> str:
    mean = sum(shares) / len(shares)
    shown = "{:.1f} %".format(100 * mean)
    if not rate / limit <= mean <= rate * limit:
        shown = "**{}**".format(shown)
    return "{} ({:.1f} to {:.1f})".format(shown, 100 * min(shares), 100 * max(shares))


if __name__ == "__main__":
    PAGE.write_text(page(rows()), encoding="utf-8")
    print(PAGE)
