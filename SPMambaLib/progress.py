"""A progress bar for a terminal, in plain ASCII; sparse lines where stderr is a file."""
from __future__ import annotations

import shutil
import sys
import time
from typing import Callable, Optional, TextIO

BAR = 24  # characters
REDRAW = 0.1  # s between drawings in a terminal
LOG_EVERY = 10.0  # s between lines in a file
FIRST_ESTIMATE = 2.0  # s before the time left is more than a guess


class ProgressBar:
    """Call it with (fraction in [0, 1], text), as `Detector.detect` does; leaving it clears the line.

    Example:
        >>> with ProgressBar() as bar:
        ...     detection = detector.detect(image, progress=bar)
    """

    def __init__(self, stream: Optional[TextIO] = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._terminal = self._stream.isatty()
        self._begin = clock()
        self._drawn = self._begin if not self._terminal else float("-inf")
        self._width = 0

    def __call__(self, fraction: float, text: str) -> None:
        now = self._clock()
        if now - self._drawn < (REDRAW if self._terminal else LOG_EVERY) and fraction < 1.0:
            return
        self._drawn = now
        line = self.line(fraction, text, now - self._begin)
        if self._terminal:
            line = line[:max(shutil.get_terminal_size().columns - 1, 20)]
            self._stream.write("\r" + line.ljust(self._width))
            self._width = len(line)
        elif fraction < 1.0:
            self._stream.write(line + "\n")
        self._stream.flush()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave an empty line in a terminal for what is printed next."""
        if self._terminal and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0

    @staticmethod
    def line(fraction: float, text: str, elapsed: float) -> str:
        """One state of the bar, after `elapsed` seconds."""
        fraction = min(max(fraction, 0.0), 1.0)
        done = int(fraction * BAR)
        line = "[{}{}] {:3d}%".format("#" * done, "." * (BAR - done), int(fraction * 100))
        if elapsed >= FIRST_ESTIMATE and 0.02 < fraction < 1.0:
            line += "  {} left".format(duration(elapsed / fraction * (1.0 - fraction)))
        return "{}  {}".format(line, text)


def duration(seconds: float) -> str:
    """Seconds as a reader says them: "8 s", "2 min 05 s", "1 h 03 min"."""
    whole = int(round(seconds))
    if whole < 60:
        return "{} s".format(whole)
    if whole < 3600:
        return "{} min {:02d} s".format(whole // 60, whole % 60)
    return "{} h {:02d} min".format(whole // 3600, whole % 3600 // 60)
