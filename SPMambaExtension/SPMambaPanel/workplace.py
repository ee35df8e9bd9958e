"""What the user's clicks do: ties state machine, parameter node, detection and review to the panel."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from SPMambaLib.errors import MisfitError, SPMambaError

from . import dependencies, display, export, sliceplot
from .facts import kindOf, problemOf
from .jobs import DetectionRun
from .looking import Looking
from .panel import Panel
from .parameters import MachineSettings, SPMambaParameterNode
from .ratechoice import RateChoice
from .result import Result
from .review import Review
from .state import Event, Facts, Machine, State
from .worker import WorkerClient


class Workplace:
    """One case on the desk: its choices, the detection under way, the result being read.

    Args:
        ui: widgets by name.
        cards: gives the cards of the installed models.

    Attributes:
        parameters: wrapper of the parameter node; None while there is no case (scene closing).
        machine, review, worker, panel: the parts that it ties together.
        run: detection under way, or None.
    """

    def __init__(self, ui: Any, cards: Callable[[], List[Dict[str, Any]]]) -> None:
        self.ui = ui
        self.settings = MachineSettings()
        self.panel = Panel(ui)
        self.machine = Machine(self.panel.apply)
        self.review = Review(self._onFindings, self._onSlices)
        self.looking = Looking(ui, self.review, lambda: self.parameters)
        self.rates = RateChoice(ui, self.settings, self.review, lambda: self.parameters, self.card)
        self.worker = WorkerClient(onStatus=self._onWorkerStatus, onLog=self.panel.log)
        self.parameters: Optional[SPMambaParameterNode] = None
        self.run: Optional[DetectionRun] = None
        self._cards = cards
        self._guiTag: Any = None
        self._observation: Any = None
        self._connect()
        self.panel.fillDevices(self.settings.devices, self.settings.device)
        self.panel.showFindings(self.review)

    def _connect(self) -> None:
        ui = self.ui
        ui.detectButton.clicked.connect(self.onDetectButton)
        ui.modelSelector.currentIndexChanged.connect(self.onModelChosen)
        ui.deviceSelector.currentIndexChanged.connect(self.onDeviceChosen)
        ui.overlaySelector.currentIndexChanged.connect(self.onOverlayChosen)
        ui.findingsTable.cellClicked.connect(self.onFindingChosen)
        ui.findingsTable.itemSelectionChanged.connect(self.onFindingChosen)
        ui.nextFindingButton.clicked.connect(lambda *args: self._step(self.review.stepFinding, 1))
        ui.previousFindingButton.clicked.connect(lambda *args: self._step(self.review.stepFinding, -1))
        ui.nextSliceButton.clicked.connect(lambda *args: self._step(self.review.stepSlice, 1))
        ui.previousSliceButton.clicked.connect(lambda *args: self._step(self.review.stepSlice, -1))
        ui.exportButton.clicked.connect(self.onExportButton)
        ui.copyLogButton.clicked.connect(self.onCopyLogButton)

    def close(self) -> None:
        """Leave neither process nor observer behind."""
        self.dropRun()
        self.setParameters(None)
        self.looking.close()
        self.worker.stop()

    # -- case ---------------------------------------------------------------------------------------------------------

    def setParameters(self, parameters: Optional[SPMambaParameterNode]) -> None:
        """Take up the case of a parameter node, or lay it down (None)."""
        if self.parameters is not None:
            if parameters is None:
                self.looking.layDown(self.parameters)
            self.parameters.disconnectGui(self._guiTag)
            self.parameters.parameterNode.RemoveObserver(self._observation)
        self.parameters = parameters
        if parameters is not None:
            # Not connectGui: in Slicer 5.6 it returns no tag and cannot be undone.
            self._guiTag = parameters.connectParametersToGui({
                "inputVolume": self.ui.inputSelector, "overlayOpacity": self.ui.opacitySlider,
                "overlayVisible": self.ui.overlayVisibleCheckBox, "outlineOnly": self.ui.outlineCheckBox,
                "wholeMap": self.ui.wholeMapCheckBox, "compare": self.ui.compareCheckBox})
            self._observation = parameters.parameterNode.AddObserver(
                vtk.vtkCommand.ModifiedEvent, lambda caller, event: self.update())
            self.panel.fillModels(self._cards())
            self.ui.overlaySelector.setCurrentIndex(self.ui.overlaySelector.findData(parameters.overlay))
        self.update()

    def update(self) -> None:
        """Follow the parameter node and the scene: volume, model, result, operating point, overlay."""
        volume = self.parameters.inputVolume if self.parameters is not None else None
        card = self.card()
        self.panel.selectModel(card["name"] if card else "")
        result = Result.of(volume)
        self.machine.know(Facts(volume.GetID() if volume is not None else "", problemOf(volume),
                                card["name"] if card else "", result.node.GetID() if result else ""))
        self.panel.showModel(card or {})
        if (result and result.node) is not (self.review.result and self.review.result.node):
            self._open(result)
        self.looking.follow()
        if result:
            display.applyChoices(result, self.parameters)
        calibration = self.rates.calibration()
        if calibration is not None and self.parameters is not None:
            self.panel.showOperatingPoint(calibration, self.rates.rate() or calibration.default_rate)

    def _open(self, result: Optional[Result]) -> None:
        former = self.review.result
        if former is not None and former.complete:
            display.hide(former)
        if result is not None:
            sliceplot.fill(result, result.input.GetName())
        self.review.open(result)
        if result is not None:
            self.parameters.falsePositiveRate = result.summary["false_positive_rate"]
            if not display.revealed(result):  # as it is after a detection, view by view
                self._restoreViews()

    def _restoreViews(self) -> None:
        """Show the result being read, all of it at once."""
        result = self.review.result
        if result is not None and result.complete and self.parameters is not None:
            for _step in display.reveal(result, self.parameters):
                pass

    def card(self) -> Optional[Dict[str, Any]]:
        """Card of the chosen model; until the user chooses, of the first one for this kind of image."""
        cards = self._cards()
        if self.parameters is None or not cards:
            return None
        chosen = [card for card in cards if card["name"] == self.parameters.model]
        volume = self.parameters.inputVolume
        forImages = volume is not None and not problemOf(volume) and kindOf(volume) == "image"
        fitting = [card for card in cards if (card["plane"] == "native") == forImages]
        return (chosen + fitting + cards)[0]

    # -- choices ------------------------------------------------------------------------------------------------------

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

    def onDetectButton(self, *args: Any) -> None:
        if not self.machine.busy:
            self.update()  # another module may have changed the volume without a word
        anyway = self.machine.refused  # the button says so
        if self.machine.send(Event.CANCEL):
            self.run.cancel()
        elif self.machine.send(Event.DETECT) and self.installMissing():
            self.run = DetectionRun(
                self.worker, self.parameters.inputVolume, self.card()["name"], self.device,
                self.rates.rate() or None, anyway=anyway,
                reveal=lambda result: display.reveal(result, self.parameters), onProgress=self.onProgress,
                onDone=self.onDone, onCancelled=self.onCancelled, onFailed=self.onFailed)
            self.run.start()

    def installMissing(self) -> bool:
        """True if all packages are there, after asking and installing where they were not."""
        packages = dependencies.missing()
        if packages:
            self.machine.send(Event.INSTALL)
            if not dependencies.consent(packages):
                self.machine.send(Event.STOPPED)
                return False
            try:
                dependencies.install(packages)
            except SPMambaError as error:
                self.onFailed(error)
                return False
            self.machine.send(Event.FINISHED)
            if self.machine.facts.rest not in (State.READY, State.DONE):  # the scene was closed meanwhile
                self.machine.send(Event.STOPPED)
                return False
        return True

    def checkInput(self) -> None:
        """A node has left the scene: was it one of ours?"""
        if self.run is not None:
            self.run.checkInput()
        if self.parameters is not None:
            self.update()

    def onProgress(self, fraction: float, text: str) -> None:
        self.machine.send(Event.PROGRESS)
        self.panel.showProgress(fraction, text)

    def onDone(self, result: Result) -> None:
        self.run = None
        self.update()
        notices = [notice["message"] for notice in result.summary["notices"]]
        self.machine.send(Event.FINISHED, "\n".join([_("Done."), *notices]))

    def onCancelled(self) -> None:
        self.run = None
        self._restoreViews()
        self.machine.send(Event.STOPPED, _("Cancelled. The scene is unchanged."))

    def onFailed(self, error: SPMambaError) -> None:
        self.run = None
        self._restoreViews()
        self.panel.log("[{}] {}\n{}".format(error.code, error.message, error.detail).rstrip())
        self.machine.send(Event.FAILED, error.message, refused=error.code == MisfitError.code)

    def dropRun(self) -> None:
        if self.run is not None:
            self.run.drop()
            self.run = None
            self.machine.send(Event.STOPPED)

    # -- reading ------------------------------------------------------------------------------------------------------

    def _onFindings(self) -> None:
        self.panel.showFindings(self.review)

    def _onSlices(self) -> None:
        self.looking.showSlices()

    def _step(self, move: Callable[[int], None], step: int) -> None:
        move(step)
        self.panel.showPosition(self.review)

    def onFindingChosen(self, *args: Any) -> None:
        self._step(self.review.showFinding, self.ui.findingsTable.currentRow())

    def onExportButton(self, *args: Any) -> None:
        folder = qt.QFileDialog.getExistingDirectory(
            slicer.util.mainWindow(), _("Export segments to"), self.settings.exportFolder)
        if folder:
            self.settings.exportFolder = folder
            boxes = (self.ui.exportSegmentationCheckBox, self.ui.exportLabelMapCheckBox, self.ui.exportSurfacesCheckBox)
            self.exportTo(Path(folder), [each for each, box in zip(export.FORMATS, boxes) if box.checked])

    def exportTo(self, folder: Path, formats: Sequence[str]) -> List[Path]:
        """Write the segments and say where; an error is shown, not raised."""
        try:
            files = export.exportSegments(self.review.result, folder, formats)
        except SPMambaError as error:
            self.machine.say(error.message)
            return []
        text = _("1 file written to {folder}.") if len(files) == 1 else _("{count} files written to {folder}.")
        self.machine.say(text.format(count=len(files), folder=folder))
        return files

    def onCopyLogButton(self, *args: Any) -> None:
        self.ui.logTextEdit.selectAll()
        self.ui.logTextEdit.copy()
