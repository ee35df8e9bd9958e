"""The state machine, by table, without Qt or a scene."""
from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from SPMambaPanel.model.state import BUSY, TRANSITIONS, Event, Facts, PanelStateMachine, State

EXTENSION = Path(__file__).resolve().parents[2] / "SPMambaExtension"

READY = Facts(volume="v", model="m")
DONE = Facts(volume="v", model="m", result="r")
RUNS = [Event.DETECT, Event.PROGRESS]


def machineAt(facts: Facts, *events: Event) -> PanelStateMachine:
    machine = PanelStateMachine(lambda machine: None)
    machine.know(facts)
    for event in events:
        assert machine.send(event), event
    return machine


@pytest.mark.parametrize("facts, state", [
    (Facts(), State.NO_VOLUME),
    (Facts(model="m"), State.NO_VOLUME),
    (Facts(volume="v"), State.NO_MODEL),
    (Facts(volume="v", model="m", problem="color"), State.NO_VOLUME),
    (READY, State.READY),
    (DONE, State.DONE),
])
def test_rest(facts: Facts, state: State) -> None:
    assert machineAt(facts).state is state


@pytest.mark.parametrize("facts, events, state", [
    (READY, [Event.DETECT], State.STARTING),
    (DONE, [Event.DETECT], State.STARTING),
    (READY, RUNS, State.RUNNING),
    (READY, [*RUNS, Event.FINISHED], State.READY),
    (DONE, [*RUNS, Event.FINISHED], State.DONE),
    (READY, [Event.DETECT, Event.CANCEL], State.CANCELLING),
    (READY, [*RUNS, Event.CANCEL], State.CANCELLING),
    (READY, [*RUNS, Event.CANCEL, Event.STOPPED], State.READY),
    (READY, [*RUNS, Event.CANCEL, Event.FAILED], State.FAILED),
    (READY, [*RUNS, Event.STOPPED], State.READY),
    (READY, [*RUNS, Event.FAILED], State.FAILED),
    (READY, [*RUNS, Event.FAILED, Event.DETECT], State.STARTING),
    (READY, [Event.DETECT, Event.INSTALL], State.INSTALLING),
    (READY, [Event.DETECT, Event.INSTALL, Event.FINISHED], State.STARTING),
    (READY, [Event.DETECT, Event.INSTALL, Event.STOPPED], State.READY),
    (READY, [Event.DETECT, Event.INSTALL, Event.FAILED], State.FAILED),
])
def test_transitions(facts: Facts, events: list, state: State) -> None:
    assert machineAt(facts, *events).state is state


@pytest.mark.parametrize("state, event", [pair for pair in product(State, Event) if pair not in TRANSITIONS])
def test_other_events_mean_nothing(state: State, event: Event) -> None:
    calls = []
    machine = PanelStateMachine(lambda machine: calls.append(machine.state))
    machine.state = state
    assert not machine.send(event)
    assert machine.state is state and not calls


def test_every_busy_state_can_be_left() -> None:
    for state in BUSY:
        assert any(source is state and target not in BUSY for (source, _), target in TRANSITIONS.items())


def test_facts_wait_until_work_ends() -> None:
    machine = machineAt(READY, *RUNS)
    machine.know(DONE)
    assert machine.state is State.RUNNING
    machine.send(Event.FINISHED)
    assert machine.state is State.DONE


def test_failure_stays_until_the_case_changes() -> None:
    machine = machineAt(READY, *RUNS)
    machine.send(Event.FAILED, "No memory.")
    machine.know(READY)
    assert (machine.state, machine.message) == (State.FAILED, "No memory.")
    machine.know(Facts(volume="another", model="m"))
    assert (machine.state, machine.message) == (State.READY, "")


def test_a_refusal_is_forgotten_with_its_case() -> None:
    machine = machineAt(READY, *RUNS)
    machine.send(Event.FAILED, "Foreign.", refused=True)
    machine.know(READY)
    assert machine.refused
    machine.know(Facts(volume="another", model="m"))
    assert not machine.refused


def test_needs_neither_qt_nor_slicer() -> None:
    code = ("import sys; sys.path.insert(0, {!r}); import SPMambaPanel.model.state; "
            "print([n for n in ('qt', 'slicer', 'vtk', 'numpy', 'torch') if n in sys.modules])").format(str(EXTENSION))
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
