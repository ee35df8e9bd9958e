"""Shared by all tests: the folders on sys.path, idle threads that sleep, and drawing without a screen."""

from __future__ import annotations

import os
import sys

TESTING = os.path.dirname(os.path.abspath(__file__))
for folder in (TESTING, os.path.dirname(TESTING)):
    if folder not in sys.path:
        sys.path.insert(0, folder)

# Before anything loads Qt: without a display and without this, QApplication aborts the process.
os.environ["QT_QPA_PLATFORM"] = "offscreen"

from SPMambaLib.worker.processors import share_processors  # noqa: E402

share_processors()  # before anything loads torch
