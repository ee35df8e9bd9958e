"""*Check this computer*: proves device and software in the worker, says in words what came out, offers numba."""
from __future__ import annotations

import json
from typing import Any, Callable, Dict, List

from slicer.i18n import tr as _

from SPMambaLib.errors import SPMambaError

from ..detection import dependencies
from ..detection.workerclient import WorkerClient
from ..scene.parameters import MachineSettings

WORTH = 1.1  # times faster from which numba is offered


class ComputerSection:
    """Button, line below it and the offer.

    Args:
        ui: widgets by name.
        settings: keep the recommendation.
        worker: the process that checks; detections asked for meanwhile wait for it.
        log: takes the whole report.
    """

    def __init__(self, ui: Any, settings: MachineSettings, worker: WorkerClient, log: Callable[[str], None]) -> None:
        self._ui, self._settings, self._worker, self._log = ui, settings, worker, log
        self._run = ""
        self._gains: List[str] = []
        ui.checkComputerButton.clicked.connect(self.onCheckButton)
        ui.installNumbaButton.clicked.connect(self.onNumbaButton)
        self._show("")

    @property
    def checking(self) -> bool:
        return bool(self._run)

    def onCheckButton(self, *args: Any) -> None:
        """Start, or stop what was started."""
        if self._run:
            self._worker.cancel(self._run)
            return
        self._gains = []
        self._run = self._worker.check("auto", self._onEvent)
        self._show(_("Checking..."))

    def onNumbaButton(self, *args: Any) -> None:
        """Only after consent; then the computer is checked again, now with what is gained measured."""
        if self._run or not dependencies.consentToNumba(self._gains):
            return
        try:
            dependencies.installNumba()
        except SPMambaError as error:
            self._log("[{}] {}\n{}".format(error.code, error.message, error.detail).rstrip())
            self._show(error.message)
            return
        self._worker.stop()  # a process that is running would not find it
        self.onCheckButton()

    def _onEvent(self, event: Dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "progress":
            self._show(_("Checking: {percent} %, {text}").format(
                percent=round(100 * float(event.get("fraction", 0.0))), text=event.get("text", "")))
            return
        self._run = ""
        if kind == "checked" and isinstance(event.get("report"), dict):
            self._onReport(event["report"])
        elif kind == "error":
            self._log("[{}] {}\n{}".format(event.get("code"), event.get("message"), event.get("detail")).rstrip())
            self._show(_("The check failed: {reason}").format(reason=event.get("message", "")))
        else:
            self._show(_("The check was stopped."))

    def _onReport(self, report: Dict[str, Any]) -> None:
        self._settings.recommendation = report["recommendation"]
        self._log(json.dumps(report, separators=(",", ":")))
        self._gains = [row["text"] for row in report["gain"]
                       if row["scans"] and not row["installed"] and row["times_faster"] >= WORTH]
        self._show("\n".join(reportLines(report)))

    def _show(self, text: str) -> None:
        ui = self._ui
        ui.computerLabel.text = text
        ui.computerLabel.visible = bool(text)
        ui.checkComputerButton.text = _("Stop the check") if self._run else _("Check this computer")
        ui.installNumbaButton.visible = bool(self._gains) and not self._run


def reportLines(report: Dict[str, Any]) -> List[str]:
    """What a user should know of a report: the outcome, what to mend, what is used from now on."""
    facts, wanted = report["facts"], report["recommendation"]
    fatal = any(problem["fatal"] for problem in report["problems"])
    title = (_("The graphics card cannot be used as it is; Auto now means the CPU.") if fatal and wanted["avoid"]
             else _("This computer cannot detect as it is.") if fatal
             else _("This computer computes rightly, but:") if report["problems"]
             else _("This computer computes rightly."))
    lines = [title]
    if facts["name"]:
        lines.append(_("{card}, driver {driver}, PyTorch {torch}").format(
            card=facts["name"], driver=".".join(map(str, facts["driver"]["version"])), torch=facts["torch"]))
    lines += ["{text} {remedy}".format(**problem) for problem in report["problems"]]
    if not fatal:
        lines.append(_("Used from now on: {device}, scan by {backend}, {count} slices at once.").format(
            device=wanted["device"], backend=wanted["backend"], count=wanted["batch"]) if wanted["batch"] else
            _("Used from now on: {device}, scan by {backend}.").format(
                device=wanted["device"], backend=wanted["backend"]))
    lines += [row["text"] for row in report["gain"] if row["scans"]]
    lines.append(_("The whole report is in Details. It does not say whose computer this is."))
    return lines
