"""Detection of one volume or of all of the scene: from the click through the queue to the results."""
from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Callable, List, Optional

from slicer.i18n import tr as _

from SPMambaLib.errors import InputCheckError, SPMambaError

from ..detection import dependencies
from ..detection.run import DetectionRun
from ..model.detectionqueue import DetectionQueue, Failure
from ..model.state import Event
from ..reading import display
from ..scene import auditlog, tables
from ..scene.result import Result
from ..scene.steps import Work
from . import worklist
from .panel import doneText

if TYPE_CHECKING:
    from ..casecontroller import CaseController


class DetectionController:
    """Runs detections for a workplace.

    Attributes:
        run: detection under way, or None.
        queue: volumes still to come.
    """

    def __init__(self, workplace: "CaseController") -> None:
        self._place = workplace
        self.run: Optional[DetectionRun] = None
        self.queue = DetectionQueue(lambda volume: volume.GetScene() is not None)

    @property
    def volume(self) -> Any:
        """Volume under way, or None."""
        return self.run.volumeNode if self.run is not None else None

    # -- clicks -------------------------------------------------------------------------------------------------------

    def onDetectButton(self, *args: Any) -> None:
        place = self._place
        if not place.machine.busy:
            place.update()  # another module may have changed the volume without a word
        anyway = place.machine.refused  # the button says so
        if place.machine.send(Event.CANCEL):
            self.queue.stop()
            if self.run is not None:
                self.run.cancel()
        elif place.parameters is not None and place.machine.send(Event.DETECT):
            volume = place.parameters.inputVolume
            self._orFail(lambda: self._startOne(volume, anyway))

    def _startOne(self, volume: Any, anyway: bool) -> None:
        if self.installMissing():
            self.queue.clear()
            self._place.onVolumeChosen(volume)  # what is analysed is on the screen
            self._start(volume, anyway=anyway)

    def onDetectAllButton(self, *args: Any) -> None:
        """Analyse every volume that was not tried yet, the one being read first; if all were, those that failed."""
        place = self._place
        if place.machine.busy or place.parameters is None:
            return
        place.update()
        first = place.parameters.inputVolume
        volumes = sorted(worklist.pending(self.queue), key=lambda volume: volume is not first)
        if not volumes:
            place.machine.say(_("Every volume of the scene has been analysed.") if Result.all() else
                              _("The scene has no volume that can be analysed."))
            return
        if not place.machine.facts.detectable:
            place.parameters.inputVolume = volumes[0]
        if place.machine.send(Event.DETECT):
            self._orFail(lambda: self._startAll(volumes))

    def _startAll(self, volumes: List[Any]) -> None:
        if self.installMissing():
            self.queue.fill(volumes)
            self._startNext()

    def _orFail(self, work: Callable[[], None]) -> None:
        """Whatever goes wrong while a run starts or ends, the panel can be used again, and its log says what it was."""
        try:
            work()
        except Exception as error:
            if self.run is not None:
                self.run.drop()
            self.onFailed(error if isinstance(error, SPMambaError) else SPMambaError(
                _("The analysis could not be started or shown; the log has the details."), traceback.format_exc()))

    def installMissing(self) -> bool:
        """True if all packages are there, after asking and installing where they were not."""
        machine = self._place.machine
        packages = dependencies.missing()
        if packages:
            machine.send(Event.INSTALL)
            if not dependencies.consent(packages):
                machine.send(Event.STOPPED)
                return False
            try:
                dependencies.install(packages)
            except SPMambaError as error:
                self.onFailed(error)
                return False
            machine.send(Event.FINISHED)
            if not machine.facts.detectable:  # the scene was closed meanwhile
                machine.send(Event.STOPPED)
                return False
        return True

    # -- runs ---------------------------------------------------------------------------------------------------------

    def _start(self, volume: Any, anyway: bool = False) -> None:
        place = self._place
        model = place.models.nameFor(volume)
        sameModel = model == place.models.name
        self.run = DetectionRun(
            place.worker, volume, model, place.device,
            (place.rates.rate() or None) if sameModel else None, anyway=anyway,
            options=place.settings.jobOptions(place.device),
            reveal=self._reveal, onProgress=self.onProgress, onDone=self.onDone, onCancelled=self.onCancelled,
            onFailed=self.onFailed)
        place.worklist.later()
        self.run.start()

    def _reveal(self, result: Result) -> Work:
        """Show a result, unless the reader is at another volume."""
        parameters = self._place.parameters
        if parameters is not None and parameters.inputVolume is result.input:
            yield from display.reveal(result, parameters)

    def _startNext(self) -> bool:
        """False at the end of the queue."""
        volume = self.queue.next() if self.queue.active else None
        if volume is not None:
            self._orFail(lambda: self._start(volume))
        return volume is not None

    def onProgress(self, fraction: float, text: str) -> None:
        place, queue = self._place, self.queue
        place.machine.send(Event.PROGRESS)
        if queue.active:
            text = _("{number} of {total}, {name}: {text}").format(
                number=queue.position, total=queue.total, name=self.volume.GetName(), text=text)
            fraction = queue.fraction(fraction)
        place.panel.showProgress(fraction, text)

    def _end(self) -> None:
        self.run = None
        Result.removeHalves()  # of a scene that came in meanwhile

    def onDone(self, result: Result) -> None:
        self._end()
        self._orFail(lambda: self._take(result))

    def _take(self, result: Result) -> None:
        self.queue.failures.pop(result.input.GetID(), None)
        auditlog.appendDetection(result, len(tables.readFindings(result.get("findings"))))
        self._place.update()
        self.queue.succeeded += 1
        if not self._startNext():
            self._place.readFirst(result)
            verdict = result.scanVerdict
            text = self._queueText() if self.queue.active else doneText(
                result.notices, len(tables.readFindings(result.get("findings"))), bool(verdict and verdict.unusual))
            self.queue.clear()
            self._place.machine.send(Event.FINISHED, text)
        self._place.worklist.later()

    def _queueText(self) -> str:
        """What became of the queue, and what is left of it."""
        parts = [_("Done: {count} of {total} volumes.").format(count=self.queue.succeeded, total=self.queue.total)]
        if self.queue.failed:
            parts.append(_("Those that failed say why in the list of volumes."))
        left = len(worklist.untried(self.queue))
        if left:
            text = _("Not run: {count}; the button below the list of volumes goes on with them.")
            parts.append(text.format(count=left))
        return " ".join(parts)

    def onCancelled(self) -> None:
        self._end()
        text = (" ".join([_("Cancelled."), self._queueText()]) if self.queue.active else
                _("Cancelled. The scene is unchanged."))
        self.queue.clear()
        self._place.restoreViews()
        self._place.machine.send(Event.STOPPED, text)
        self._place.worklist.later()

    def onFailed(self, error: SPMambaError) -> None:
        """In a queue the other volumes go on."""
        volume, place = self.volume, self._place
        self._end()
        place.panel.log("[{}] {}\n{}".format(error.code, error.message, error.detail).rstrip())
        refused = error.code == InputCheckError.code
        if volume is not None and volume.GetScene() is not None and Result.of(volume) is None:
            self.queue.failures[volume.GetID()] = Failure(error.message, refused, place.models.nameFor(volume))
        self.queue.failed += 1
        if self.queue.active:
            place.update()  # the one being read may be the one that failed
        if not self._startNext():
            place.restoreViews()
            if self.queue.active and self.queue.succeeded:
                place.machine.send(Event.FINISHED, self._queueText())
            else:
                place.machine.send(Event.FAILED, error.message, refused=refused)
            self.queue.clear()
        place.worklist.later()

    def failureOf(self, volume: Any, model: str) -> Optional[Failure]:
        """Why a volume without a result could not be analysed by this model; None if it was not tried."""
        failure = self.queue.failures.get(volume.GetID()) if volume is not None else None
        return failure if failure is not None and failure.model == model else None

    def drop(self) -> None:
        """Stop without a word: the scene is being closed or the module unloaded."""
        self.queue.clear()
        self.queue.failures.clear()  # another scene has other volumes of the same IDs
        if self.run is not None:
            self.run.drop()
            self.run = None
            self._place.machine.send(Event.STOPPED)

    def checkInput(self) -> None:
        """A node has left the scene: was it the volume under way?"""
        if self.run is not None:
            self.run.checkInput()
