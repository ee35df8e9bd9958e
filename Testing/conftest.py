"""Shared by all tests: the folders on sys.path, idle threads that sleep, and drawing without a screen."""

from __future__ import annotations

import os
import re
import sys

TESTING = os.path.dirname(os.path.abspath(__file__))
for folder in (TESTING, os.path.dirname(TESTING)):
    if folder not in sys.path:
        sys.path.insert(0, folder)

# Before anything loads Qt: without a display and without this, QApplication aborts the process.
os.environ["QT_QPA_PLATFORM"] = "offscreen"

from SPMambaLib.worker.processors import share_processors  # noqa: E402

share_processors()  # before anything loads torch

LONG = re.compile(  # in the file of a test
    r"^(?:import|from) (?:tiny|torch|scan_cases|bad_inputs|bad_circumstances)\b|subprocess|load_model",
    re.MULTILINE)


def pytest_collection_modifyitems(items):
    """Markers by what a test is made of, so that none is forgotten."""
    slow = {}
    for item in items:
        path = item.path
        if path not in slow:
            slow[path] = bool(LONG.search(path.read_text(encoding="utf-8")))
        names = set(getattr(item, "fixturenames", ()))
        for marker, holds in (("slow", slow[path]), ("gui", path.parent.name == "panel"), ("data", "data" in names),
                              ("gpu", "cuda" in item.name)):
            if holds:
                item.add_marker(marker)
