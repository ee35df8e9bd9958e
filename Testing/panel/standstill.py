"""How long does the event loop stand still?"""
from __future__ import annotations

import time
from typing import Any

import qt


class Standstill:
    """Longest work in ms between two turns of the event loop, as processor time: what the user of an idle computer
    would wait, however busy this one is."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.timer = qt.QTimer()
        self.timer.setInterval(5)
        self.timer.timeout.connect(self.tick)

    def tick(self) -> None:
        now = time.process_time()
        self.longest = max(self.longest, 1000.0 * (now - self.last))
        self.last = now

    def __enter__(self) -> "Standstill":
        self.last = time.process_time()
        self.timer.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.tick()
        self.timer.stop()
