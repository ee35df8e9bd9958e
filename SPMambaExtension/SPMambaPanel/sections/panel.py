"""The widgets: what they show and when they may be used.  Decides nothing, changes no node."""
from __future__ import annotations

import time
from typing import Any, Dict, Optional, Sequence

from slicer.i18n import tr as _

from SPMambaLib.scoring.calibration import Calibration

from ..model.state import ANALYSING, BUSY, PanelStateMachine, State
from ..reading import operatingpoint, scanverdict
from ..reading.review import Review
from ..scene import parameters
from ..scene.result import Result
from . import shortcuts

PROGRESS_STEPS = 1000
ESTIMATE_FROM = 0.05  # fraction from which the time left is told
INPUT_WIDGETS = ("inputSelector", "modelSelector", "deviceSelector")
REVIEW_WIDGETS = ("overlaySelector", "overlayVisibleCheckBox", "outlineCheckBox", "wholeMapCheckBox", "blinkButton",
                  "compareCheckBox", "nextUnseenButton", "previousUnseenButton", "opacitySlider", "findingsTable",
                  "previousFindingButton", "nextFindingButton", "previousSliceButton", "nextSliceButton", "plotButton",
                  "exportSegmentationCheckBox", "exportLabelMapCheckBox", "exportSurfacesCheckBox", "exportButton",
                  "decisionFilter", "sizeFilter", "sortSelector", "sortDescendingCheckBox", "legendCheckBox",
                  "exportChoiceSelector", "exportTableCheckBox", "exportObjectsCheckBox", "exportReportCheckBox",
                  "editButton")


def detectTexts(machine: PanelStateMachine) -> Dict[State, str]:
    """Tooltip of the Detect button by state: what it does, or why it cannot be used."""
    return {
        State.NO_VOLUME: machine.facts.problem or _("Select the volume to analyse first."),
        State.NO_MODEL: _("No model is installed. Install the SPMamba extension again, or put a model into the models "
                          "folder."),
        State.READY: _("Compare the volume with normal images and mark what is unusual."),
        State.INSTALLING: _("Packages are being installed."),
        State.STARTING: _("Stop the analysis; the scene stays as it is."),
        State.RUNNING: _("Stop the analysis; the scene stays as it is."),
        State.CANCELLING: _("The analysis is being stopped."),
        State.DONE: _("Analyse the volume again. The result shown is replaced after success."),
        State.FAILED: (_("Analyse this scan all the same; the result says that its marks cannot be trusted.")
                       if machine.refused else _("Try again.")),
    }


def doneText(notices: Sequence[str], count: Optional[int] = None, unusual: bool = False) -> str:
    """Of a result, at the end of its detection (`count`: of its findings then, `unusual`: the scan as a whole) and
    whenever it is read: with what the reader must know of it."""
    text = (_("Done.") if count is None else
            _("Done: no finding, but the scan as a whole is unusual.") if not count and unusual else
            _("Done: no finding.") if not count else
            _("Done: 1 finding.") if count == 1 else _("Done: {count} findings.").format(count=count))
    return "\n".join([text, *notices])


def statusTexts(machine: PanelStateMachine) -> Dict[State, str]:
    """Line below the button when there is no message of its own."""
    return {
        State.NO_VOLUME: machine.facts.problem or _("Load an image and select it above, or load the sample."),
        State.NO_MODEL: _("No model is installed."),
        State.READY: _("Ready."),
        State.INSTALLING: _("Installing packages..."),
        State.STARTING: _("Starting..."),
        State.RUNNING: _("Analysing..."),
        State.CANCELLING: _("Cancelling..."),
        State.DONE: _("Done."),
        State.FAILED: _("The analysis failed."),
    }


class Panel:
    """The loaded .ui and how it follows state, operating point and findings.

    Args:
        ui: widgets by name, from slicer.util.childWidgetVariables.
    """

    def __init__(self, ui: Any) -> None:
        self.ui = ui
        self._runStarted = 0.0
        ui.operatingPointSlider.maximum = operatingpoint.SLIDER_STEPS
        ui.operatingPointSlider.toolTip = _("How rarely a normal image may show a finding. To the right: more "
                                            "findings, more false alarms.")
        for mode, text in zip(parameters.OVERLAYS, (_("Severity bands"), _("Anomaly map"), _("Both"))):
            ui.overlaySelector.addItem(text, mode)
        keys = dict(shortcuts.descriptions())
        for button, key in ((ui.nextFindingButton, shortcuts.NEXT_FINDING),
                            (ui.previousFindingButton, shortcuts.PREVIOUS_FINDING),
                            (ui.nextSliceButton, shortcuts.NEXT_SLICE),
                            (ui.previousSliceButton, shortcuts.PREVIOUS_SLICE),
                            (ui.nextUnseenButton, shortcuts.NEXT_UNSEEN),
                            (ui.previousUnseenButton, shortcuts.PREVIOUS_UNSEEN),
                            (ui.overlayVisibleCheckBox, shortcuts.TOGGLE_OVERLAY),
                            (ui.overlaySelector, shortcuts.TOGGLE_MAP), (ui.blinkButton, shortcuts.BLINK),
                            (ui.compareCheckBox, shortcuts.COMPARE), (ui.keysButton, shortcuts.HELP)):
            button.toolTip = _("{action} ({key})").format(action=keys[key][:1].upper() + keys[key][1:], key=key)

    # -- state --------------------------------------------------------------------------------------------------------

    def apply(self, machine: PanelStateMachine) -> None:
        """Enabled, text and tooltip of every widget, from the state alone."""
        ui, state = self.ui, machine.state
        cancellable = state in (State.STARTING, State.RUNNING)
        ui.detectButton.enabled = cancellable or state in (State.READY, State.DONE, State.FAILED)
        ui.detectButton.text = (_("Cancel") if cancellable else
                                _("Cancelling...") if state is State.CANCELLING else
                                _("Installing...") if state is State.INSTALLING else
                                _("Detect anyway") if machine.refused else _("Detect anomalies"))
        ui.detectButton.toolTip = detectTexts(machine)[state]
        ui.statusLabel.text = machine.message or statusTexts(machine)[state]
        ui.progressBar.visible = state in ANALYSING
        if state is State.STARTING:
            self._runStarted = time.monotonic()
            ui.progressBar.value = 0
            ui.progressBar.format = ""
        for name in INPUT_WIDGETS:
            getattr(ui, name).enabled = state not in BUSY
        ui.loadSampleButton.visible = not machine.facts.volume
        reviewing = bool(machine.facts.result)
        for name in REVIEW_WIDGETS:
            getattr(ui, name).enabled = reviewing
        ui.detectAllButton.enabled = state not in BUSY and state is not State.NO_MODEL
        ui.detectAllButton.toolTip = _("Analyse every volume of the scene that has no result yet, one after the other; "
                                       "Cancel above stops all of them.")
        ui.operatingPointSlider.enabled = bool(machine.facts.model) and state not in BUSY

    def showProgress(self, fraction: float, text: str) -> None:
        """Fraction in [0, 1], what is being done, and about how long it will still take."""
        self.ui.progressBar.value = int(round(fraction * PROGRESS_STEPS))
        elapsed = time.monotonic() - self._runStarted
        if ESTIMATE_FROM <= fraction < 1.0:
            left = elapsed / fraction * (1.0 - fraction)
            text = _("{text}, about {time} left").format(text=text, time=duration(left))
        self.ui.progressBar.format = "{:.0f} %".format(100.0 * fraction)
        self.ui.statusLabel.text = text

    def warn(self, text: str) -> None:
        """What forbids to decide anything now, in color above the findings; nothing hides it."""
        self.ui.warningLabel.text = text
        self.ui.warningLabel.visible = bool(text)

    def log(self, line: str) -> None:
        self.ui.logTextEdit.appendPlainText(line)

    # -- choices ------------------------------------------------------------------------------------------------------

    def fillModels(self, cards: Sequence[Dict[str, Any]]) -> None:
        selector = self.ui.modelSelector
        wasBlocked = selector.blockSignals(True)
        selector.clear()
        for card in cards:
            selector.addItem(str(card.get("title") or card["name"]), card["name"])
        selector.blockSignals(wasBlocked)

    def selectModel(self, name: str) -> None:
        selector = self.ui.modelSelector
        wasBlocked = selector.blockSignals(True)
        selector.setCurrentIndex(selector.findData(name))
        selector.blockSignals(wasBlocked)

    def showModel(self, card: Dict[str, Any]) -> None:
        """What the chosen model is for, and not for."""
        parts = [str(card.get("purpose") or "")]
        notFor = card.get("not_for")
        if notFor:
            notFor = notFor if isinstance(notFor, str) else "; ".join(notFor)
            parts.append(_("Not for: {purposes}").format(purposes=notFor))
        self.ui.modelPurposeLabel.text = "\n".join(part for part in parts if part)

    def fillDevices(self, names: Sequence[str], selected: str) -> None:
        selector = self.ui.deviceSelector
        wasBlocked = selector.blockSignals(True)
        selector.clear()
        known = ["auto", *[name for name in names if name != "auto"]]
        titles = {"auto": _("Auto"), "cpu": _("CPU")}
        for name in known:
            selector.addItem(titles.get(name, name), name)
        selector.setCurrentIndex(known.index(selected) if selected in known else 0)
        selector.blockSignals(wasBlocked)

    # -- operating point ----------------------------------------------------------------------------------------------

    def showOperatingPoint(self, calibration: Calibration, rate: float) -> None:
        """Slider, words, raw threshold and legend at a false-positive rate."""
        ui = self.ui
        wasBlocked = ui.operatingPointSlider.blockSignals(True)
        ui.operatingPointSlider.value = operatingpoint.positionOfRate(rate, calibration)
        ui.operatingPointSlider.blockSignals(wasBlocked)
        threshold = calibration.threshold(rate)
        ui.operatingPointLabel.text = operatingpoint.meaningOfRate(rate, calibration)
        ui.operatingPointLabel.toolTip = operatingpoint.certaintyOfRate(rate, calibration)
        ui.thresholdLabel.text = _("{value} (normal spread)").format(value="{:.2f}".format(threshold))
        lines = []
        for name, color, meaning in operatingpoint.meaningOfBands(calibration, threshold):
            code = "#{:02x}{:02x}{:02x}".format(*(int(round(255 * channel)) for channel in color))
            lines.append('<span style="color:{}; font-size:large">&#9632;</span> <b>{}</b>, {}'.format(
                code, name, meaning))
        ui.legendLabel.text = "<br>".join(lines)

    def showScanVerdict(self, result: Optional[Result], rate: float) -> None:
        """The line above the findings; hidden without a result, and for one of an older version."""
        verdict = result.scanVerdict if result is not None else None
        absent = result is not None and bool(result.summary.get("no_scan_verdict"))
        text = scanverdict.lineHtml(verdict, rate, absent)
        self.ui.scanVerdictLabel.text = text
        self.ui.scanVerdictLabel.visible = bool(text)
        self.ui.scanVerdictLabel.toolTip = "" if verdict is None else _(
            "Score of the whole scan among normal ones. The bar goes from what half of them reach to what none "
            "does; the line is the operating point. It says nothing of where, and a scan that is not unusual may be "
            "abnormal all the same.")

    def showPosition(self, review: Review) -> None:
        """Name the current slice; moves no view."""
        position = review.slicePosition
        self.ui.slicePositionLabel.text = "" if position is None else _(
            "Slice {slice}: score {score}, {place} of {count}").format(
                slice=position[2]["slice"], score="{:.2f}".format(position[2]["score"]), place=position[0],
                count=position[1])


def duration(seconds: float) -> str:
    if seconds < 90:
        return _("{n} s").format(n=max(1, int(round(seconds))))
    return _("{n} min").format(n=int(round(seconds / 60)))
