"""A scene in a fresh process: ``reopen.py SCENE OUTPUT AGAIN CARDS`` loads it, writes its `digest`, saves it as AGAIN.

A process of its own for every scene: the test host takes up a subject hierarchy once only.
"""
from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1]), str(HERE)]

import host  # noqa: E402
from digest import digest, standBy  # noqa: E402


def main() -> int:
    running = host.start(str(HERE.parents[1] / "SPMambaExtension" / "SPMamba.py"))
    running.widget.logic._cards = json.loads(sys.argv[4])
    running.loadScene(sys.argv[1])
    place = running.widget.workplace
    standBy(running)
    found = digest(running)
    text = place.ui.statusLabel.text
    running.saveScene(sys.argv[3])
    if place.review.result is not None:
        place.review.refresh()  # found again from the map, nothing else
        running.processEvents(500)  # the surfaces are made step by step
    again = {**digest(running), "exceptions": str([each.text for each in running.exceptions])}
    Path(sys.argv[2]).write_text(json.dumps([found, again, text]), encoding="utf-8")
    running.unload()
    return 0


if __name__ == "__main__":
    sys.exit(main())
