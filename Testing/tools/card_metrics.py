"""Copy measured quality into a model's card, so that it travels with the model.

    python Testing/tools/card_metrics.py METRICS.json Resources/models/brain-flair --date 2026-01-31

METRICS.json comes from `spmamba evaluate`, which writes no date.  Refuses results of other weights than the bundle's
and results whose thresholds were chosen on the test labels.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Dict

DIGITS = 3


def rounded(values: Dict[str, Any]) -> Dict[str, Any]:
    """Known numbers to three digits."""
    return {name: round(value, DIGITS) for name, value in values.items() if value is not None}


def metrics_of(result: Dict[str, Any], date: str) -> Dict[str, Any]:
    """What a card says of a result of `spmamba evaluate`.

    Raises:
        ValueError: thresholds were chosen on the labels.
    """
    if result["protocol"] != "deployable":
        raise ValueError("a card holds deployable results only, not {}".format(result["protocol"]))
    point = next(p for p in result["operating_points"] if p["default"])
    intervals = {name: [round(value, DIGITS) for value in interval]
                 for name, interval in result["intervals"]["image"].items() if interval}
    metrics: Dict[str, Any] = {
        "protocol": "deployable: nothing chosen on these images", "date": date,
        "n": {name: result["n"][name] for name in ("normal", "abnormal", "patients")},
        "operating_point": point["false_positive_rate"], "image": rounded(result["image"]),
        "image_intervals_95_by_patient": intervals}
    if result["pixel"]:
        pixel = rounded(result["pixel"])
        pixel["best_dice_oracle"] = pixel.pop("best_dice")
        metrics["pixel"] = pixel
    controls = {name: control["auroc"] for name, control in result["controls"].items()
                if isinstance(control, dict) and "auroc" in control}
    controls["height_only"] = result["controls"]["height_only"]
    metrics["controls_auroc"] = rounded(controls)
    return metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--date", required=True)
    arguments = parser.parse_args()
    result = json.loads(arguments.result.read_text())
    path = arguments.bundle / "card.json"
    card = json.loads(path.read_text())
    if result["model"]["sha256"] != card["files"]["model.safetensors"]:
        parser.error("{} was measured with other weights than those of {}.".format(arguments.result, arguments.bundle))
    card["metrics"] = metrics_of(result, arguments.date)
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
