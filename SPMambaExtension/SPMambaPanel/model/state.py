"""The one state machine of the panel.  Pure Python: knows neither Qt nor the scene.

Everything that the user may do at a moment follows from the state; `panel.Panel.apply` turns it into widgets.
"""
from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Callable, Dict, Optional, Tuple


class State(Enum):
    NO_VOLUME = "no volume"
    NO_MODEL = "no model"
    READY = "ready"
    INSTALLING = "installing"
    STARTING = "starting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"


class Event(Enum):
    DETECT = "the user asked for a detection"
    INSTALL = "missing packages are being installed"
    PROGRESS = "the worker reported progress"
    CANCEL = "the user asked to stop"
    FINISHED = "the work ended well"
    STOPPED = "the work was stopped; nothing changed"
    FAILED = "the work failed"


BUSY = frozenset({State.INSTALLING, State.STARTING, State.RUNNING, State.CANCELLING})
ANALYSING = frozenset({State.STARTING, State.RUNNING, State.CANCELLING})

REST = None  # resolved by the facts: no volume, no model, ready, done or failed before

TRANSITIONS: Dict[Tuple[State, Event], Optional[State]] = {
    (State.READY, Event.DETECT): State.STARTING,
    (State.DONE, Event.DETECT): State.STARTING,
    (State.FAILED, Event.DETECT): State.STARTING,
    (State.STARTING, Event.INSTALL): State.INSTALLING,
    (State.INSTALLING, Event.FINISHED): State.STARTING,
    (State.INSTALLING, Event.STOPPED): REST,
    (State.INSTALLING, Event.FAILED): State.FAILED,
    (State.STARTING, Event.PROGRESS): State.RUNNING,
    (State.STARTING, Event.CANCEL): State.CANCELLING,
    (State.RUNNING, Event.CANCEL): State.CANCELLING,
    (State.STARTING, Event.FINISHED): REST,
    (State.RUNNING, Event.FINISHED): REST,
    (State.STARTING, Event.STOPPED): REST,
    (State.RUNNING, Event.STOPPED): REST,
    (State.CANCELLING, Event.STOPPED): REST,
    (State.CANCELLING, Event.FINISHED): REST,  # the result was under way when the user asked to stop
    (State.STARTING, Event.FAILED): State.FAILED,
    (State.RUNNING, Event.FAILED): State.FAILED,
    (State.CANCELLING, Event.FAILED): State.FAILED,
}


@dataclass(frozen=True)
class Facts:
    """What the panel knows about the case.

    Attributes:
        volume: ID of the input volume, empty if none.
        problem: why that volume cannot be analysed, one sentence; empty if it can.
        model: name of the chosen model, empty if none is installed.
        result: ID of the result shown for this volume, empty if there is none.
        failure: why this model could not analyse the volume; empty if it did, or was not asked.
        refused: it did not want to, and may be told to do it all the same.
    """

    volume: str = ""
    problem: str = ""
    model: str = ""
    result: str = ""
    failure: str = ""
    refused: bool = False

    @property
    def rest(self) -> State:
        """State of the panel while nothing runs."""
        if not self.volume or self.problem:
            return State.NO_VOLUME
        if not self.model:
            return State.NO_MODEL
        return State.DONE if self.result else State.FAILED if self.failure else State.READY

    @property
    def detectable(self) -> bool:
        return self.rest in (State.READY, State.DONE, State.FAILED)


class PanelStateMachine:
    """Current state, facts and the message that belongs to them.

    `refused`: the last detection refused the scan, and the user may have it analysed all the same.

    Example:
        >>> machine = PanelStateMachine(panel.apply)
        >>> machine.know(Facts(volume="vtkMRMLScalarVolumeNode1", model="brain-flair"))
        >>> machine.send(Event.DETECT)
        True
    """

    def __init__(self, onChange: Callable[["PanelStateMachine"], None]) -> None:
        self.facts = Facts()
        self.state = self.facts.rest
        self.message = ""
        self.refused = False
        self._onChange = onChange

    @property
    def busy(self) -> bool:
        return self.state in BUSY

    def send(self, event: Event, message: str = "", refused: bool = False) -> bool:
        """Follow `event`; False if it means nothing in this state (a late answer of work that has ended)."""
        if (self.state, event) not in TRANSITIONS:
            return False
        target = TRANSITIONS[self.state, event]
        rest = self.facts.rest
        again = target is State.FAILED and self.facts.detectable  # otherwise there is nothing to try again
        self.state = rest if target is REST or (target is State.FAILED and not again) else target
        self.refused = (refused or self.facts.refused) and self.state is State.FAILED
        still = self.state is State.FAILED and not again  # as it was before
        self.message = "\n".join(text for text in (message, self.facts.failure if still else "") if text)
        self._onChange(self)
        return True

    def say(self, message: str) -> None:
        """Tell something that changes nothing; it stays until the next event."""
        self.message = message
        self._onChange(self)

    def know(self, facts: Facts) -> None:
        """Take over new facts.  Work in progress goes on; a failure is forgotten once the case is another one."""
        same = facts == self.facts
        self.facts = facts
        if not self.busy and not (same and self.state is State.FAILED):
            self.state = facts.rest
            if not same:
                failed = self.state is State.FAILED
                self.message, self.refused = (facts.failure, facts.refused) if failed else ("", False)
        self._onChange(self)
