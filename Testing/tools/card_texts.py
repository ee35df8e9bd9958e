"""Give a fitted bundle the texts of a shipped one: what it is for, what it is not for, where its images are from.

    spmamba fit --manifest MANIFEST.csv --select "cxr_adult224/train/NORMAL/*" --base chest-xray \\
        --name chest-xray-adult --output Resources/models/chest-xray-adult
    python Testing/tools/card_texts.py Testing/tools/chest-xray-adult.json Resources/models/chest-xray-adult

Only texts and the patients' ages may change: numbers of a card come from what was computed.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

TEXTS = ("title", "purpose", "not_for", "expects", "data", "limits", "licence")
AGES = "ages"  # in years, for whom it is: [first, last]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, help="JSON of some of: {}".format(", ".join(TEXTS)))
    parser.add_argument("bundle", type=Path)
    arguments = parser.parse_args()
    texts = json.loads(arguments.texts.read_text(encoding="utf-8"))
    ages = {AGES: texts.pop(AGES)} if AGES in texts else {}
    unknown = set(texts) - set(TEXTS)
    if unknown or not all(isinstance(text, str) for text in texts.values()):
        parser.error("not texts of a card: {}".format(", ".join(sorted(unknown)) or "a value that is not a text"))
    path = arguments.bundle / "card.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**card, **texts, **ages}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
