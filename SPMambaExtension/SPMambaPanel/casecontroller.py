"""What the user's clicks do: ties state machine, parameter node, detection and review to the panel."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

import slicer
import vtk
from slicer.i18n import tr as _

from SPMambaLib import __version__
from SPMambaLib.errors import SPMambaError

from .detection.modelchoice import ModelChoice
from .detection.run import DetectionRun
from .detection.workerclient import WorkerClient
from .model.state import Facts, PanelStateMachine
from .reading import display
from .reading.review import Review
from .reading.viewpoints import Viewpoints
from .scene import auditlog, hierarchy, overlay, sample, sliceplot
from .scene.parameters import MachineSettings, SPMambaParameterNode
from .scene.result import Result
from .scene.tables import Row
from .scene.volumeinfo import problemOf
from .sections.caseguard import CaseGuard
from .sections.computer import ComputerSection
from .sections.detect import DetectionController
from .sections.export import ExportSection
from .sections.findings import FindingsSection
from .sections.operatingpoint import OperatingPointSection
from .sections.panel import Panel, doneText
from .sections.views import ViewSection
from .sections.worklist import Worklist


class CaseController:
    """One case on the desk: its choices, the detection under way, the result being read.

    Args:
        ui: widgets by name.
        cards: gives the cards of the installed models.

    Attributes:
        parameters: wrapper of the parameter node; None while there is no case (scene closing).
        machine, review, worker, panel: the parts that it ties together.
        findings, exports, detection, worklist, views, rates: sections of the panel and what they do.
        viewpoints: where the reader stood in the other volumes.
    """

    def __init__(self, ui: Any, cards: Callable[[], List[Dict[str, Any]]]) -> None:
        self.ui = ui
        self.settings = MachineSettings()
        self.panel = Panel(ui)
        self.machine = PanelStateMachine(self.panel.apply)
        self.review = Review(self._onFindings, lambda: self.views.showSlices())
        self.models = ModelChoice(cards, lambda: self.parameters)
        self.findings = FindingsSection(ui, self.review)
        self.views = ViewSection(ui, self.review, lambda: self.parameters, self.findings.onDecisionClicked,
                               self.findings.toggleWhy)
        self.rates = OperatingPointSection(ui, self.review, lambda: self.parameters, self.models.card)
        self.exports = ExportSection(ui, self.settings, lambda: self.review.result, cards, self.machine.say)
        self.detection = DetectionController(self)
        self.worklist = Worklist(ui, self.detection.queue, lambda: self.detection.volume,
                                 lambda: self.parameters.inputVolume if self.parameters is not None else None,
                                 self.onVolumeChosen)
        self.review.onDecided = self._onDecided
        self.review.onSegments = self.views.showSolids
        self.viewpoints = Viewpoints()
        self.guard = CaseGuard(self.review, lambda: self.parameters, self.update, self._onGuarded)
        self.review.onMoved = lambda before: auditlog.appendOperatingPoint(self.review.opened, before,
                                                                           self.review.findings)
        self.worker = WorkerClient(onStatus=self._onWorkerStatus, onLog=self.panel.log)
        self.computer = ComputerSection(ui, self.settings, self.worker, self.panel.log)
        self.parameters: Optional[SPMambaParameterNode] = None
        self._cards = cards
        self._guiTag = self._observation = None
        self._connect()
        self.panel.fillDevices(self.settings.devices, self.settings.device)
        self.findings.showFindings()

    def _connect(self) -> None:
        ui = self.ui
        ui.detectButton.clicked.connect(self.detection.onDetectButton)
        ui.detectAllButton.clicked.connect(self.detection.onDetectAllButton)
        ui.loadSampleButton.clicked.connect(self.onLoadSampleButton)
        ui.modelSelector.currentIndexChanged.connect(self.onModelChosen)
        ui.deviceSelector.currentIndexChanged.connect(self.onDeviceChosen)
        ui.overlaySelector.currentIndexChanged.connect(self.onOverlayChosen)
        ui.findingsTable.cellClicked.connect(self.onFindingChosen)
        ui.findingsTable.itemSelectionChanged.connect(self.onFindingChosen)
        ui.nextFindingButton.clicked.connect(lambda *args: self._step(self.review.stepFinding, 1))
        ui.previousFindingButton.clicked.connect(lambda *args: self._step(self.review.stepFinding, -1))
        ui.nextSliceButton.clicked.connect(lambda *args: self._step(self.review.stepSlice, 1))
        ui.previousSliceButton.clicked.connect(lambda *args: self._step(self.review.stepSlice, -1))
        ui.copyLogButton.clicked.connect(self.onCopyLogButton)

    def close(self) -> None:
        """Leave neither process nor observer behind."""
        self.dropRun()
        self.guard.close()
        self.setParameters(None)
        self.views.close()
        self.worklist.close()
        self.worker.stop()

    # -- case ---------------------------------------------------------------------------------------------------------

    def setParameters(self, parameters: Optional[SPMambaParameterNode]) -> None:
        """Take up the case of a parameter node, or lay it down (None)."""
        if self.parameters is not None:
            if parameters is None:
                self.views.layDown(self.parameters)
            self.parameters.disconnectGui(self._guiTag)
            self.parameters.parameterNode.RemoveObserver(self._observation)
        self.parameters = parameters
        if self.run is None:
            Result.removeHalves()
        if parameters is not None:
            # Not connectGui: in Slicer 5.6 it returns no tag and cannot be undone.
            self._guiTag = parameters.connectParametersToGui({
                "inputVolume": self.ui.inputSelector, "overlayOpacity": self.ui.opacitySlider,
                "overlayVisible": self.ui.overlayVisibleCheckBox, "outlineOnly": self.ui.outlineCheckBox,
                "legend": self.ui.legendCheckBox, "wholeMap": self.ui.wholeMapCheckBox,
                "show3D": self.ui.show3DCheckBox, "compare": self.ui.compareCheckBox})
            self._observation = parameters.parameterNode.AddObserver(
                vtk.vtkCommand.ModifiedEvent, lambda caller, event: self.update())
            self.panel.fillModels(self._cards())
            self.ui.overlaySelector.setCurrentIndex(self.ui.overlaySelector.findData(parameters.overlay))
        self.update()
        if parameters is None:  # another scene has other nodes of the same IDs
            self.worklist.forget()
            self.viewpoints.forget()
            self.review.forget()

    def update(self) -> None:
        """Follow the parameter node and the scene: volume, model, result, operating point, overlay.  Not while a scene
        comes in: half of it is not a case, and the end of it is told."""
        if slicer.mrmlScene.IsImporting():
            return
        volume = self.parameters.inputVolume if self.parameters is not None else None
        self.guard.followScans()
        card = self.models.card()
        self.panel.selectModel(card["name"] if card else "")
        result = Result.of(volume)
        former, model = self.machine.facts.volume, card["name"] if card else ""
        failure = self.detection.failureOf(volume, model) if result is None else None
        self.machine.know(Facts(volume.GetID() if volume is not None else "", problemOf(volume), model,
                                result.node.GetID() if result else "", failure.message if failure else "",
                                bool(failure and failure.refused)))
        if volume is not None and self.parameters is not None and former != volume.GetID():
            if result is None:
                self.parameters.falsePositiveRate = 0.0  # that of the former patient is not this one's
            self._showImage(former, volume)
        self.panel.showModel(card or {})
        if result is not None:
            overlay.mendColors(result)
            hierarchy.arrange(result)
        if (result and result.node) is not (self.review.result and self.review.result.node):
            self._open(result)
        self.guard.check(volume, result)
        self.views.follow()
        if result:
            display.applyChoices(result, self.parameters)
            if self.guard.strange:
                display.veil(result)
        calibration = self.rates.calibration()
        if calibration is not None and self.parameters is not None:
            rate = self.rates.rate() or calibration.default_rate
            self.panel.showOperatingPoint(calibration, rate)
            self.panel.showScanVerdict(result, rate)
        self.worklist.later()

    def _onGuarded(self, warning: str) -> None:
        self.panel.warn(warning)
        self.findings.showCurrent()

    def _showImage(self, former: str, volume: Any) -> None:
        """Let the views follow to another volume; what this moves was not moved by the reader."""
        seen, result = self.review.seen, self.review.result
        seen.open(None)
        self.viewpoints.change(former, volume, bool(self.parameters is not None and self.parameters.beforeCompare))
        seen.open(result if result is not None and result.complete else None)

    def _open(self, result: Optional[Result]) -> None:
        self.findings.onNoteEdited()  # being written when another volume was chosen
        former = self.review.result
        if former is not None and former.complete:
            display.hide(former)
        if result is not None:
            sliceplot.fill(result, result.input.GetName())
        self.review.open(result)
        if result is not None and self.parameters is not None:
            self.parameters.falsePositiveRate = result.summary["false_positive_rate"]
            if not display.revealed(result):  # as it is after a detection, view by view
                self.restoreViews()
            if result.notices and not self.machine.busy:  # true of the result, not only at the end of its detection
                self.machine.say(doneText(result.notices))

    def readFirst(self, result: Result) -> None:
        """After a detection the first finding is in view, as long as the reader is at no other volume or finding."""
        if self.review.result is not None and self.review.result.node is result.node and self.review.finding < 0:
            self._step(self.review.stepFinding, 1)

    def restoreViews(self) -> None:
        """Show the result being read, all of it at once, after a detection that came to nothing."""
        result = self.review.result
        if result is not None and result.complete and self.parameters is not None:
            for _step in display.reveal(result, self.parameters):
                pass

    def onLoadSampleButton(self, *args: Any) -> None:
        try:
            volume = sample.load()
        except SPMambaError as error:
            self.machine.say(error.message)
            return
        self.onVolumeChosen(volume)

    def onModelChosen(self, *args: Any) -> None:
        if self.parameters is not None:
            self.parameters.model = self.ui.modelSelector.itemData(self.ui.modelSelector.currentIndex)
            if self.review.result is None:
                self.parameters.falsePositiveRate = 0.0  # each model has an operating point of its own

    @property
    def device(self) -> str:
        """The device shown: "auto" where the one of the settings is gone."""
        return str(self.ui.deviceSelector.itemData(self.ui.deviceSelector.currentIndex))

    def onDeviceChosen(self, *args: Any) -> None:
        self.settings.device = self.device

    def _onWorkerStatus(self, event: Dict[str, Any]) -> None:
        devices = tuple(str(name) for name in event.get("devices", ()))
        if devices:
            self.settings.devices = devices
            self.panel.fillDevices(devices, self.settings.device)

    def onOverlayChosen(self, *args: Any) -> None:
        if self.parameters is not None:
            self.parameters.overlay = self.ui.overlaySelector.itemData(self.ui.overlaySelector.currentIndex)

    # -- detection ----------------------------------------------------------------------------------------------------

    @property
    def run(self) -> Optional[DetectionRun]:
        """Detection under way, or None."""
        return self.detection.run

    def checkInput(self) -> None:
        """A node has left the scene: was it one of ours?"""
        self.detection.checkInput()
        if self.parameters is not None:
            self.update()
        self.worklist.later()

    def dropRun(self) -> None:
        self.detection.drop()

    def onVolumeChosen(self, volume: Any) -> None:
        """Clicked in the list of volumes: it is shown, whatever the views have shown meanwhile."""
        if self.parameters is not None:
            self.parameters.inputVolume = volume
            self._showImage(self.machine.facts.volume, volume)
            if self.review.result is not None and not display.revealed(self.review.result):
                self.restoreViews()

    def tellForeignResults(self) -> None:
        """Say it if the scene holds results that this version cannot read."""
        versions = Result.foreignVersions()
        if versions:
            self.machine.say(_("This scene holds a result of another version of SP-Mamba ({versions}; this is {own}). "
                               "Its images are there, but it cannot be reviewed here. Detect again, or open the scene "
                               "with that version.").format(versions=", ".join(versions), own=__version__))

    def _onFindings(self) -> None:
        self.findings.showFindings()
        self.panel.showPosition(self.review)

    def _onDecided(self, event: str, rows: List[Row]) -> None:
        auditlog.appendDecision(event, self.review.opened, rows)
        if self.parameters is not None:
            display.applyToLegends(self.review.opened, self.parameters)
        self.worklist.later()

    def _step(self, move: Callable[[int], None], step: int) -> None:
        self.findings.onNoteEdited()  # a key leaves the field without a word
        move(step)
        self.findings.showCurrent()
        self.panel.showPosition(self.review)

    def onFindingChosen(self, *args: Any) -> None:
        self._step(self.review.showFinding, self.findings.table.current)

    def onCopyLogButton(self, *args: Any) -> None:
        self.ui.logTextEdit.selectAll()
        self.ui.logTextEdit.copy()
