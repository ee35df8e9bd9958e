"""Client of the worker process: starts it, sends requests, hands on its events.

A separate process, so that a crash of the graphics driver or an out-of-memory never takes the unsaved scene along.  It
stays warm between runs, ends itself when its stdin closes (also when Slicer dies), and is started again on the next
request after it died.  Everything is driven by QProcess signals in the main thread; nothing here waits.
"""
from __future__ import annotations

import os
import shutil
import sys
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional

import qt
import slicer
from slicer.i18n import tr as _

from SPMambaLib.errors import SPMambaError
from SPMambaLib.worker import protocol

from .. import libraryRoot

CANCEL_GRACE_MS = 3000  # a worker that has not answered a cancel by then is killed
LOG_LINES = 200
DETAIL_LINES = 15

Listener = Callable[[Dict[str, Any]], None]


def workerCommand() -> List[str]:
    """Program and arguments.  In Slicer, PythonSlicer: by path, never a script of an installed package."""
    python = shutil.which("PythonSlicer", path=os.path.join(slicer.app.slicerHome, "bin"))
    python = python or shutil.which("PythonSlicer") or sys.executable
    return [python, str(libraryRoot() / "SPMambaLib" / "worker" / "__main__.py")]


def workerEnvironment(program: str) -> qt.QProcessEnvironment:
    """Environment from before Slicer's launcher changed it; PythonSlicer makes its own out of that.

    Its LD_LIBRARY_PATH goes: there a system-wide cuDNN would win over the one that torch brings along.  Python packages
    of the user's own Python would clash with Slicer's.
    """
    environment = slicer.app.startupEnvironment()
    if "PythonSlicer" in os.path.basename(program):
        for name in ("LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME"):
            environment.remove(name)
        environment.insert("PYTHONNOUSERSITE", "1")
    environment.insert("PYTHONUNBUFFERED", "1")
    return environment


class WorkerClient:
    """The worker process and who waits for which answer.

    Args:
        command: program and arguments; by default this computer's worker.
        onStatus: called with the status events that the worker sends by itself (devices of this computer).
        onLog: called with every line for the log.

    Attributes:
        log: last lines of the process, for an error's detail.
    """

    def __init__(self, command: Optional[List[str]] = None, onStatus: Optional[Listener] = None,
                 onLog: Optional[Callable[[str], None]] = None) -> None:
        self.command = command
        self._onStatus = onStatus or (lambda event: None)
        self._onLog = onLog or (lambda line: None)
        self._process: Any = None
        self._started = False  # the program runs
        self._ready = False  # and has said that it listens
        self._unsent: List[bytes] = []
        self._listeners: Dict[str, Listener] = {}
        self._lines = protocol.LineBuffer()
        self._lastRun = 0
        self.log: Deque[str] = deque(maxlen=LOG_LINES)

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def processId(self) -> int:
        """0 if there is no process."""
        return int(self._process.processId()) if self.running else 0

    def detect(self, folder: str, listener: Listener) -> str:
        """Run the job of `folder`; `listener` gets its progress and, exactly once, result, error or cancelled."""
        return self._ask("detect", listener, job=folder)

    def check(self, device: str, listener: Listener) -> str:
        """Prove a device; `listener` gets its progress and, exactly once, checked, error or cancelled."""
        return self._ask("check", listener, device=device)

    def _ask(self, command: str, listener: Listener, **fields: Any) -> str:
        self._lastRun += 1
        run = str(self._lastRun)
        self._listeners[run] = listener
        self._start()
        self._send(protocol.request(command, run, **fields))
        return run

    def cancel(self, run: str) -> None:
        """Ask to stop `run`; kills the process if that is not answered in time."""
        if run in self._listeners:
            self._send(protocol.request("cancel", run))
            qt.QTimer.singleShot(CANCEL_GRACE_MS, lambda: self._killIfPending(run))

    def stop(self) -> None:
        """End the process (module unloaded, Slicer quits); runs that still wait count as cancelled."""
        process, self._process = self._process, None
        self._forget()
        if process is not None:
            process.closeWriteChannel()
            if not process.waitForFinished(500):
                process.kill()
                process.waitForFinished(2000)
            process.deleteLater()
        listeners, self._listeners = self._listeners, {}
        for run, listener in listeners.items():
            listener({"event": "cancelled", "id": run})

    # -- process ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self.running:
            return
        program, *arguments = self.command or workerCommand()
        self._forget()
        self.log.clear()
        process = self._process = qt.QProcess()
        process.setProcessEnvironment(workerEnvironment(program))
        process.readyReadStandardOutput.connect(lambda: self._onOutput(process))
        process.readyReadStandardError.connect(lambda: self._onErrorOutput(process))
        process.started.connect(self._onStarted)
        process.errorOccurred.connect(lambda *args: self._onProcessError(process))
        process.finished.connect(lambda *args: self._onFinished(process))
        self.note(_("Starting the analysis process: {command}").format(command=" ".join([program, *arguments])))
        process.start(program, arguments)

    def _forget(self) -> None:
        self._started = self._ready = False
        self._unsent = []
        self._lines = protocol.LineBuffer()

    def _send(self, line: bytes) -> None:
        """Requests wait until the process has said that it listens."""
        if self._ready:
            self._process.write(line)
        elif self.running:
            self._unsent.append(line)

    def _killIfPending(self, run: str) -> None:
        if run not in self._listeners:
            return
        self.note(_("The analysis process did not answer the cancel in time and was ended."))
        self._listeners.pop(run)({"event": "cancelled", "id": run})
        if self.running:
            self._process.kill()

    def _onStarted(self) -> None:
        self._started = True

    def _onProcessError(self, process: Any) -> None:
        # Any error of a process that has started is followed by finished().  Not process.error(): Qt 5 has a signal of
        # that name too.
        if process is self._process and not self._started:
            self._process = None
            self._fail(SPMambaError(
                _("The analysis process could not be started. Install the extension again or ask for support."),
                str(process.errorString()), code="worker-not-started"))
            process.deleteLater()

    def _onFinished(self, process: Any) -> None:
        if process is not self._process:
            return
        self._onOutput(process)
        self._onErrorOutput(process)
        self._process = None
        reason = _("exit code {code}").format(code=process.exitCode())
        if process.exitStatus() == qt.QProcess.CrashExit:
            reason = _("crash or killed, {reason}").format(reason=reason)
        self.note(_("The analysis process has ended ({reason}).").format(reason=reason))
        self._fail(SPMambaError(
            _("The analysis process ended unexpectedly; the scene is unchanged. Click Detect again to restart it."),
            "\n".join(list(self.log)[-DETAIL_LINES:]), code="worker-died"))
        process.deleteLater()

    def _fail(self, error: SPMambaError) -> None:
        """Every run that still waits gets the error."""
        self._forget()
        listeners, self._listeners = self._listeners, {}
        for run, listener in listeners.items():
            listener(protocol.error_event(error, run))

    # -- lines --------------------------------------------------------------------------------------------------------

    def _onErrorOutput(self, process: Any) -> None:
        text = process.readAllStandardError().data().decode("utf-8", "replace")
        for line in text.splitlines():
            self.note(line)

    def _onOutput(self, process: Any) -> None:
        if process is not self._process:
            return
        for line in self._lines.feed(process.readAllStandardOutput().data()):
            try:
                event = protocol.decode(line)
            except SPMambaError:
                self.note(line.decode("utf-8", "replace"))  # a library printed; not for us
            else:
                self._onEvent(event)

    def _onEvent(self, event: Dict[str, Any]) -> None:
        kind, run = event.get("event"), str(event.get("id"))
        if kind == "ready":
            self._ready = True
            for line in self._unsent:
                self._process.write(line)
            self._unsent = []
        elif kind == "status":
            self._onStatus(event)
        elif kind == "progress" and run in self._listeners:
            self._listeners[run](event)
        elif kind in ("result", "checked", "error", "cancelled") and run in self._listeners:
            self._listeners.pop(run)(event)
        elif kind == "error":
            self.note(str(event.get("message", "")))

    def note(self, line: str) -> None:
        self.log.append(line)
        self._onLog(line)
