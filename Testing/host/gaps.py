"""How long does the event loop stand still?"""

from __future__ import annotations

import time

from PySide6 import QtCore


class GapMonitor:
    """Measures the time between ticks of a 10 ms timer. A responsive panel keeps `largestMs` under 100."""

    intervalMs = 10

    def __init__(self):
        self.largestMs = 0.0
        self.ticks = 0
        self._timer = QtCore.QTimer()
        self._timer.setTimerType(QtCore.Qt.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def _tick(self):
        now = time.perf_counter()
        self.largestMs = max(self.largestMs, (now - self._last) * 1000)
        self._last = now
        self.ticks += 1

    def __enter__(self):
        self._last = time.perf_counter()
        self._timer.start(self.intervalMs)
        return self

    def __exit__(self, *exception):
        self._timer.stop()
        # What blocked until now never got its tick.
        self._tick()
