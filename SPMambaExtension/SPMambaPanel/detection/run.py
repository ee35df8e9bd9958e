"""One click on Detect: from the volume through the worker to nodes in the scene, without ever blocking the views."""
from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, Optional

import slicer
from slicer.i18n import tr as _

from SPMambaLib.errors import OutputError, SPMambaError
from SPMambaLib.worker import protocol

from ..scene import overlay, scanstate
from ..scene.result import Result
from ..scene.steps import Steps, Work, saveArray
from ..scene.volumeinfo import ijkToRas, kindOf, sourceFacts, voxelsOf
from .workerclient import WorkerClient

OnProgress = Callable[[float, str], None]


class DetectionRun:
    """A detection under way.

    Args:
        worker: the process that computes.
        volumeNode: vtkMRMLScalarVolumeNode.
        model: name or path of a bundle.
        device: "auto", "cpu" or "cuda:N".
        rate: false-positive rate; None means the model's own.
        anyway: analyse also a scan that does not look like what the model knows.
        options: fields of the job that the check of this computer recommends, see `protocol.Job`.
        reveal: shows a result in the views, in steps.
        onProgress: fraction in [0, 1] and what is being done.
        onDone, onCancelled, onFailed: exactly one of them is called at the end, unless `drop` comes first.
    """

    def __init__(self, worker: WorkerClient, volumeNode: Any, model: str, device: str, rate: Optional[float], *,
                 anyway: bool, options: Optional[Dict[str, Any]] = None, reveal: Callable[[Result], Work],
                 onProgress: OnProgress,
                 onDone: Callable[[Result], None], onCancelled: Callable[[], None],
                 onFailed: Callable[[SPMambaError], None]) -> None:
        self.volumeNode = volumeNode
        self._worker = worker
        self._job = {"v": protocol.VERSION, "input": protocol.INPUT_FILE, "model": model, "device": device,
                     "false_positive_rate": rate, "force": anyway,
                     "kind": kindOf(volumeNode), "facts": sourceFacts(volumeNode),
                     "ijk_to_ras": ijkToRas(volumeNode).tolist(), **(options or {})}
        self._voxels = scanstate.fingerprint(volumeNode)
        self._reveal = reveal
        self._onProgress = onProgress
        self._onDone = onDone
        self._onCancelled = onCancelled
        self._onFailed = onFailed
        self._run = ""
        self._steps: Optional[Steps] = None
        self._over = False
        self._folder = Path()  # of the job
        self._made = False  # whether there is one: an empty path is the folder that Slicer works in

    def start(self) -> None:
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="SPMamba-", dir=slicer.app.temporaryPath))
            self._made = True
        except OSError as error:
            self._onFailed(_writeError(error))
            return
        self._steps = Steps(self._writeJob(), self._onJobWritten, self._onStepError)

    def cancel(self) -> None:
        """Stop; `onCancelled` follows as soon as the worker has let go."""
        if self._run:
            self._worker.cancel(self._run)
        else:
            self._end(self._onCancelled)

    def drop(self) -> None:
        """Stop without a word: the scene is being closed or the module unloaded."""
        if self._run:
            self._worker.cancel(self._run)
        self._end(lambda: None)

    def checkInput(self) -> None:
        """Ends the run with a message if its volume has left the scene."""
        if not self._over and self.volumeNode.GetScene() is None:
            if self._run:
                self._worker.cancel(self._run)
            error = SPMambaError(_("The volume was deleted during the analysis; its result was dropped."),
                                 code="input-deleted")
            self._end(lambda: self._onFailed(error))

    # -- steps --------------------------------------------------------------------------------------------------------

    def _writeJob(self) -> Work:
        voxels = voxelsOf(self.volumeNode)
        yield from saveArray(self._folder / protocol.INPUT_FILE, voxels)
        (self._folder / protocol.JOB_FILE).write_text(json.dumps(self._job), encoding="ascii")

    def _onJobWritten(self, nothing: None) -> None:
        self._steps = None
        try:
            self._run = self._worker.detect(str(self._folder), self._onEvent)
        except Exception as error:  # the program cannot be started at all
            self._onStepError(error)

    def _onEvent(self, event: Dict[str, Any]) -> None:
        kind = event["event"]
        if kind != "progress":
            self._run = ""
        if self._over:  # dropped meanwhile; the folder could not go while the worker wrote to it
            if kind != "progress":
                self._removeFolder()
        elif kind == "progress":
            self._onProgress(float(event.get("fraction", 0.0)), str(event.get("text", "")))
        elif kind == "cancelled":
            self._end(self._onCancelled)
        elif kind == "error":
            error = SPMambaError(str(event.get("message", "")), str(event.get("detail", "")),
                                 code=str(event.get("code", "")))
            self._end(lambda: self._onFailed(error))
        else:
            self._onProgress(1.0, _("Showing the result"))
            self._steps = Steps(self._showResult(), lambda result: self._end(lambda: self._onDone(result)),
                                self._onStepError)

    def _showResult(self) -> Work:
        """The former result of the volume goes only after the new one is in the views."""
        result = yield from overlay.build(self._folder, self.volumeNode, self._voxels)
        try:
            yield from self._reveal(result)
            yield from overlay.replace(result)
        except GeneratorExit:
            if not result.finished:
                result.remove()
            raise
        return result

    def _onStepError(self, error: Exception) -> None:
        if isinstance(error, SPMambaError):
            typed = error
        elif isinstance(error, OSError):
            typed = _writeError(error)
        else:
            typed = SPMambaError(_("The result could not be shown; the scene is unchanged."), repr(error))
        self._end(lambda: self._onFailed(typed))

    def _end(self, tell: Callable[[], None]) -> None:
        if self._over:
            return
        self._over = True
        if self._steps is not None:
            self._steps.stop()
            self._steps = None
        if not self._run:
            self._removeFolder()
        tell()

    def _removeFolder(self) -> None:
        if self._made:
            shutil.rmtree(self._folder, ignore_errors=True)


def _writeError(error: OSError) -> OutputError:
    return OutputError(_("The volume could not be handed to the analysis process: the temporary folder is full or "
                         "cannot be written."), repr(error))
