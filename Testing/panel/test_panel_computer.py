"""*Check this computer*: in the worker, without a dialog; what it recommends is used; numba only after consent."""
from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterator

import pytest

pytest.importorskip("slicer", reason="runs in the test host")
import slicer

RIGHT: Dict[str, Any] = {
    "device": "cpu", "facts": {"name": "", "torch": "2.9", "driver": {"version": []}}, "problems": [],
    "recommendation": {"device": "cpu", "backend": "torch", "precision": "single", "batch": 4, "force_backend": False,
                       "avoid": ""},
    "gain": [{"model": "a", "scans": False, "installed": False, "text": "a computes no scan"},
              {"model": "b", "scans": True, "installed": False, "times_faster": 1.8, "text": "b: 90 ms, 50 ms"}]}
BROKEN: Dict[str, Any] = {
    "device": "cuda", "facts": {"name": "A2000", "torch": "2.9", "driver": {"version": [535, 10]}},
    "problems": [{"code": "driver-too-old", "text": "The driver is too old.", "remedy": "Install 580.", "fatal": True}],
    "recommendation": {"device": "cpu", "backend": "", "precision": "single", "batch": None, "force_backend": False,
                       "avoid": "cuda"}, "gain": []}
WRONG_BACKEND: Dict[str, Any] = {
    "device": "cuda", "facts": {"name": "A2000", "torch": "2.9", "driver": {"version": [580, 1]}},
    "problems": [{"code": "wrong-numbers", "text": "The scan by triton gives wrong numbers.", "remedy": "Report this.",
                  "fatal": False}],
    "recommendation": {"device": "cuda", "backend": "torch", "precision": "single", "batch": 8, "force_backend": True,
                       "avoid": ""}, "gain": []}


@pytest.fixture(autouse=True)
def unchecked(workplace: Any) -> Iterator[None]:
    """The next test finds the computer unchecked again."""
    yield
    workplace.computer._gains = []
    workplace.computer._show("")


@pytest.fixture
def checked(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> Iterator[Callable[[Dict[str, Any]], str]]:
    """Clicks the button and gives what the label says at the end of a check with this report."""
    folder = fakeWorker("good")
    before = workplace.settings.recommendation

    def check(report: Dict[str, Any]) -> str:
        (folder / "report.json").write_text(json.dumps(report))
        ui.checkComputerButton.click()
        assert ui.checkComputerButton.text == "Stop the check"
        host.waitFor(lambda: not workplace.computer.checking, 60000)
        return ui.computerLabel.text

    yield check
    workplace.settings.recommendation = before


def test_a_computer_that_is_right(ui: Any, workplace: Any, checked: Callable) -> None:
    assert checked(RIGHT).splitlines() == [
        "This computer computes rightly.", "Used from now on: cpu, scan by torch, 4 slices at once.", "b: 90 ms, 50 ms",
        "The whole report is in Details. It does not say whose computer this is."]
    assert '"recommendation":' in ui.logTextEdit.plainText and ui.checkComputerButton.text == "Check this computer"
    assert workplace.settings.jobOptions("auto") == workplace.settings.jobOptions("cpu") == {"batch_size": 4}
    assert workplace.settings.jobOptions("cuda:1") == {}


def test_a_card_that_cannot_be_used_is_not_what_auto_means(ui: Any, workplace: Any, checked: Callable) -> None:
    lines = checked(BROKEN).splitlines()
    assert lines[0].startswith("The graphics card cannot be used") and "The driver is too old. Install 580." in lines
    assert workplace.settings.jobOptions("auto") == {"device": "cpu"} and workplace.settings.jobOptions("cuda") == {}


def test_a_wrong_backend_is_not_used_any_more(workplace: Any, checked: Callable) -> None:
    assert checked(WRONG_BACKEND).startswith("This computer computes rightly, but:\nA2000, driver 580.1, PyTorch 2.9")
    assert workplace.settings.jobOptions("auto") == {"scan": "torch", "batch_size": 8}
    workplace.settings.recommendation = {"device": "cuda", "batch": 10 ** 9, "backend": 7, "force_backend": True}
    assert workplace.settings.jobOptions("cuda") == {}, "nonsense in the settings locks nothing"


def test_the_job_says_what_is_recommended(host: Any, ui: Any, workplace: Any, checked: Callable,
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    checked(WRONG_BACKEND)
    ui.detectButton.click()
    job = workplace.run._job
    assert (job["device"], job["scan"], job["batch_size"]) == ("auto", "torch", 8)
    host.waitFor(lambda: workplace.run is None, 60000)


def test_a_check_can_be_stopped(host: Any, ui: Any, workplace: Any, fakeWorker: Callable) -> None:
    fakeWorker("patient")
    ui.checkComputerButton.click()
    host.waitFor(lambda: ui.computerLabel.text.startswith("Checking: 10 %"), 60000)
    ui.checkComputerButton.click()
    host.waitFor(lambda: not workplace.computer.checking, 60000)
    assert ui.computerLabel.text == "The check was stopped." and ui.checkComputerButton.enabled


@pytest.mark.parametrize("behaviour, said", [("error", "There is not enough memory."), ("crash", "ended unexpectedly")])
def test_a_check_that_fails_says_so(host: Any, ui: Any, workplace: Any, fakeWorker: Callable, behaviour: str,
                                    said: str) -> None:
    fakeWorker(behaviour)
    ui.checkComputerButton.click()
    host.waitFor(lambda: not workplace.computer.checking, 60000)
    assert ui.computerLabel.text.startswith("The check failed: ") and said in ui.computerLabel.text


@pytest.mark.parametrize("agreed", [False, True])
def test_numba_is_installed_only_after_consent(host: Any, ui: Any, workplace: Any, checked: Callable, agreed: bool,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.detection import dependencies

    asked, installed = [], []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text, **options: asked.append(text) or agreed)
    monkeypatch.setattr(dependencies, "_installPackage", installed.append)
    checked({**RIGHT, "gain": [dict(RIGHT["gain"][1], times_faster=1.01), RIGHT["gain"][0]]})
    assert ui.installNumbaButton.isHidden(), "not worth it"
    checked(RIGHT)
    assert not ui.installNumbaButton.isHidden()
    ui.installNumbaButton.click()
    assert "b: 90 ms, 50 ms" in asked[0] and len(installed) == agreed
    assert workplace.computer.checking == agreed, "what is gained is measured then"
    if agreed:
        assert installed[0].startswith("numba>=0.59 numpy==")
        host.waitFor(lambda: not workplace.computer.checking, 60000)
    assert "numba" not in dependencies.requirements(), "it is never required"


def test_numba_that_cannot_be_installed_harms_nothing(ui: Any, workplace: Any, checked: Callable,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    from SPMambaPanel.detection import dependencies

    def refuse(requirement: str) -> None:
        raise RuntimeError("no numba for this numpy")

    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text, **options: True)
    monkeypatch.setattr(dependencies, "_installPackage", refuse)
    checked(RIGHT)
    ui.installNumbaButton.click()
    assert ui.computerLabel.text.startswith("numba was not installed") and not workplace.computer.checking
    assert "no numba for this numpy" in ui.logTextEdit.plainText
