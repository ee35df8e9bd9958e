"""Ctrl-C at a moment that suits the training: between two steps."""
from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Dict, Optional


class Interruption:
    """While it is entered, Ctrl-C and a polite kill set `requested` instead of raising; a second one raises.

    Signals belong to the main thread: in another thread, or when not `enabled`, nothing changes.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self.requested = False
        self._enabled = enabled and threading.current_thread() is threading.main_thread()
        self._former: Dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if self._enabled:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._former[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        while self._former:
            signal.signal(*self._former.popitem())

    def _note(self, number: int, frame: Optional[FrameType]) -> None:
        self.requested = True
        self.__exit__()
