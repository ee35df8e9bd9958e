"""Copy measured quality into a model's card, so that it travels with the model.

    python Testing/tools/card_metrics.py RESULT.json Resources/models/brain-flair

RESULT.json comes from Testing/benchmarks/detection_quality.py.  Refuses results of other weights than the bundle's.
"""
from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    result = json.loads(Path(sys.argv[1]).read_text())
    path = Path(sys.argv[2]) / "card.json"
    card = json.loads(path.read_text())
    if result["model"]["sha256"] != card["files"]["model.safetensors"]:
        sys.exit("{} was measured with other weights than those of {}.".format(sys.argv[1], sys.argv[2]))
    image = {name: round(value, 3) for name, value in result["image"].items() if name != "auroc_of"}
    card["metrics"] = {"protocol": result["protocol"], "date": result["date"], "n": result["n"],
                       "operating_point": result["operating_point"], "image": image}
    if "pixel" in result:
        card["metrics"]["pixel"] = {name: round(value, 3) for name, value in result["pixel"].items()}
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
