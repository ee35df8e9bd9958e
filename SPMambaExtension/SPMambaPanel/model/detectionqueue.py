"""Which volumes are still to be analysed, one after the other.  Pure Python: knows neither Qt nor the scene."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Sequence


class Failure(NamedTuple):
    """Why a volume has no result: one sentence, whether the model refused the scan, and which model it was."""

    message: str
    refused: bool
    model: str


class DetectionQueue:
    """Volumes that wait, and what became of the others.

    Args:
        inScene: whether a volume is still there.

    Attributes:
        total: how many were asked for; 0 while there is no queue.
        succeeded, failed: how many of them.
        failures: of the volumes that could not be analysed, by ID; kept until they are, or the scene is closed.
    """

    def __init__(self, inScene: Callable[[Any], bool]) -> None:
        self._inScene = inScene
        self._waiting: List[Any] = []
        self.total = 0
        self.succeeded = self.failed = 0
        self.failures: Dict[str, Failure] = {}

    @property
    def active(self) -> bool:
        return self.total > 0

    @property
    def position(self) -> int:
        """Number, from 1, of the volume under way."""
        return self.total - len(self._waiting)

    def fill(self, volumes: Sequence[Any]) -> None:
        self._waiting = list(volumes)
        self.total = len(self._waiting)
        self.succeeded = self.failed = 0

    def next(self) -> Any:
        """Take the next volume that is still in the scene; None at the end."""
        while self._waiting:
            volume = self._waiting.pop(0)
            if self._inScene(volume):
                return volume
        return None

    def waits(self, volume: Any) -> bool:
        return volume in self._waiting

    def fraction(self, ofCurrent: float) -> float:
        """Done of all, in [0, 1]."""
        return (self.position - 1 + ofCurrent) / self.total

    def stop(self) -> None:
        """The volume under way is the last one."""
        self._waiting = []

    def clear(self) -> None:
        """No queue any more; what failed is kept."""
        self._waiting = []
        self.total = 0
