"""The worker process: one thread listens and answers at once, the main thread computes, one run after the other."""
from __future__ import annotations

import logging
import os
import queue
import threading
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any, Callable, Dict, List, Optional, Set, Tuple

from .. import __version__
from ..errors import Cancelled, SPMambaError, typed_error
from ..io.whole import check_writable
from ..output.files import write_detection
from . import protocol
from .channel import Channel, claim_standard_streams
from .processors import share_processors
from .protocol import Job, ProtocolError, error_event

log = logging.getLogger(__name__)

KEPT_DETECTORS = 2  # models kept in memory: the one in use and the one compared with it
EXIT_GRACE = 1.0  # s that a computation gets to stop by itself before the process ends
LOADED, WRITING = 0.03, 0.97  # parts of the progress bar: before is loading, between is detection


class Run:
    """One request to detect or to check.  Ends exactly once, with a result, an error or a cancellation.

    Attributes:
        folder: the job of a detection; None for a check.
        device: the device to be checked.
    """

    def __init__(self, name: str, folder: Optional[Path], send: Callable[[Dict[str, Any]], None],
                 device: str = "") -> None:
        self.name = name
        self.folder = folder
        self.device = device
        self._send = send
        self._lock = threading.Lock()
        self._ended = False
        self._cancelled = False

    def cancelled(self) -> bool:
        return self._cancelled

    def progress(self, fraction: float, text: str) -> None:
        with self._lock:
            if not self._ended:
                self._send({"event": "progress", "id": self.name, "fraction": round(min(max(fraction, 0.0), 1.0), 4),
                            "text": text})

    def end(self, event: Dict[str, Any]) -> None:
        """Send the last event, unless the run has ended already."""
        with self._lock:
            if not self._ended:
                self._ended = True
                self._send(event)

    def cancel(self) -> None:
        """Answered here and now; the computation notices at its next look and its results are dropped."""
        self._cancelled = True
        self.end({"event": "cancelled", "id": self.name})


class Server:
    """Serves requests until stdin ends or `shutdown` is asked.

    What computes is injected, so that the server itself imports neither torch nor a model.

    Args:
        requests: lines of the viewer.
        channel: where events go.
        load: ``(model, device, **options) -> detector`` with ``detect(image, false_positive_rate=, force=,
            progress=, cancelled=)``; options of `load_model`, only those that the job names.
        make_image: the detector's input from a `Job`.
        models: card summaries of the installed models.
        check: ``(device, progress, check) -> report``, see `doctor.check.run`.
        warm_up: run in the main thread before the first run, so that its cost is paid while the user still chooses;
            returns the names of the devices found, and a status event then tells them.
        leave: ends the process when a computation does not stop by itself.
    """

    def __init__(self, requests: IO[bytes], channel: Channel, *, load: Callable[..., Any],
                 make_image: Callable[[Job], Any], models: Callable[[], List[Dict[str, Any]]],
                 check: Callable[..., Dict[str, Any]],
                 warm_up: Callable[[], List[str]] = list, leave: Callable[[int], Any] = os._exit) -> None:
        self._requests = requests
        self._channel = channel
        self._load, self._make_image, self._models = load, make_image, models
        self._check, self._warm_up, self._leave = check, warm_up, leave
        self._detectors: "OrderedDict[Tuple[str, str, str, int], Any]" = OrderedDict()
        self._waiting: "queue.Queue[Optional[Run]]" = queue.Queue()
        self._runs: "OrderedDict[str, Run]" = OrderedDict()  # waiting and current, by id
        self._ended_ids: Set[str] = set()
        self._lock = threading.Lock()
        self._state = "warming up"
        self._devices: List[str] = []
        self._idle = threading.Event()
        self._counters = {"models_loaded": 0, "results": 0, "errors": 0, "cancelled": 0}

    def serve(self) -> None:
        """Answer until the end; returns when the viewer is gone or asked for the end."""
        self._channel.send({"event": "ready", "version": __version__, "pid": os.getpid()})
        threading.Thread(target=self._listen, name="requests", daemon=True).start()
        try:
            self._devices = self._warm_up()
        except Exception as error:  # the first run meets the same failure and reports it
            log.warning("warm-up failed: %s", error)
        self._state = "idle"
        self._channel.send({"event": "status", "id": None, **self.status()})
        while True:
            run = self._waiting.get()
            if run is None:
                break
            self._state = "running"
            self._compute(run)
        self._idle.set()

    # -- the listening thread ----------------------------------------------------------------------------------------

    def _listen(self) -> None:
        for line in self._requests:
            if not line.strip():
                continue
            try:
                if not self._answer(protocol.decode(line)):
                    break
            except SPMambaError as error:
                self._channel.send(error_event(error))
            except Exception as error:
                log.exception("request failed")
                self._channel.send(error_event(typed_error(error)))
        self._stop()

    def _answer(self, message: Dict[str, Any]) -> bool:
        """Act on one request; False means that it was the last."""
        command, name = message.get("command"), message.get("id")
        if name is not None and not isinstance(name, str):
            raise ProtocolError("The id of a request must be text.", repr(name)[:200])
        if command == "detect":
            folder = message.get("job")
            if not isinstance(folder, str) or not folder:
                raise ProtocolError("A run needs an id and a job folder, both as text.")
            self._accept(name, Path(folder))
        elif command == "check":
            device = message.get("device", "auto")
            if not isinstance(device, str) or device.split(":")[0] not in ("auto", "cpu", "cuda"):
                raise ProtocolError("A check needs a device: auto, cpu or cuda:0.", repr(device)[:200])
            self._accept(name, None, device)
        elif command == "cancel":
            self._cancel(name)
        elif command == "models":
            self._channel.send({"event": "models", "id": name, "models": self._models()})
        elif command == "status":
            self._channel.send({"event": "status", "id": name, **self.status()})
        elif command != "shutdown":
            raise ProtocolError("The worker does not know the command {!r}.".format(command))
        return command != "shutdown"

    def _accept(self, name: Optional[str], folder: Optional[Path], device: str = "") -> None:
        if not name:
            raise ProtocolError("A run needs an id, as text.")
        run = Run(name, folder, self._channel.send, device)
        with self._lock:
            if name in self._runs:
                raise ProtocolError("A run with the id {!r} is already waiting or running.".format(name))
            self._runs[name] = run
        run.progress(0.0, {"warming up": "Starting PyTorch", "running": "Waiting for the previous run to stop"}.get(
            self._state, "Reading the image"))
        self._waiting.put(run)

    def _cancel(self, name: Optional[str]) -> None:
        run = self._runs.get(name or "")
        if run is not None:
            run.cancel()
        elif name not in self._ended_ids:  # a run that has just ended has had its answer
            raise ProtocolError("There is no run with the id {!r} to cancel.".format(name))

    def status(self) -> Dict[str, Any]:
        """What the worker is doing: state, ids of the current and waiting runs, devices (none until the warm-up is
        over), models in memory, counters."""
        with self._lock:
            loaded = [{"model": model, "device": getattr(detector, "device", device),
                       "backend": getattr(detector, "backend", "")}
                      for (model, device, *_), detector in self._detectors.items()]
            return {"state": self._state, "runs": list(self._runs), "devices": list(self._devices), "loaded": loaded,
                    "counters": dict(self._counters), "version": __version__, "pid": os.getpid()}

    def _stop(self) -> None:
        """No more requests: drop all runs, give the current one a moment, then end the process in any case."""
        for run in list(self._runs.values()):
            run.cancel()
        self._waiting.put(None)
        if not self._idle.wait(EXIT_GRACE):
            self._leave(0)

    # -- the main thread ---------------------------------------------------------------------------------------------

    def _compute(self, run: Run) -> None:
        event: Dict[str, Any] = {"event": "cancelled", "id": run.name}
        outcome = "cancelled"
        try:
            if run.folder is None:
                event = {"event": "checked", "id": run.name, "report": self._checked(run)}
            else:
                self._detect(run, run.folder)
                event = {"event": "result", "id": run.name, "folder": str(run.folder), "result": protocol.RESULT_FILE}
            outcome = "cancelled" if run.cancelled() else "results"
        except Exception as error:
            typed = typed_error(error)
            if not run.cancelled() and not isinstance(typed, Cancelled):
                log.error("run %s: [%s] %s\n%s", run.name, typed.code, typed.message, typed.detail)
                event, outcome = error_event(typed, run.name), "errors"
        with self._lock:  # before the answer: who has it may ask for the status at once
            self._counters[outcome] += 1
            self._state = "idle"
            del self._runs[run.name]
            self._ended_ids.add(run.name)
        run.end(event)

    def _checked(self, run: Run) -> Dict[str, Any]:
        """The report on a device; no model is kept in memory meanwhile."""
        with self._lock:
            self._detectors.clear()
        return self._check(run.device, run.progress, lambda: _stop_if(run.cancelled()))

    def _detect(self, run: Run, folder: Path) -> None:
        def check() -> None:
            _stop_if(run.cancelled())

        check()
        job = Job.read(folder)
        check_writable(folder)
        detector = self._detector(job, run)
        check()
        image = self._make_image(job)
        detection = detector.detect(
            image, false_positive_rate=job.false_positive_rate, force=job.force, cancelled=run.cancelled,
            progress=lambda part, text: run.progress(LOADED + (WRITING - LOADED) * part, text))
        check()
        run.progress(WRITING, "Writing the result")
        check_writable(folder)  # whoever has deleted the job's folder waits for nothing
        write_detection(detection, folder, run.cancelled)

    def _detector(self, job: Job, run: Run) -> Any:
        """The detector of the job's model, device and options, loaded once and kept."""
        key = (job.model, job.device, job.scan, job.batch_size)
        detector = self._detectors.get(key)
        if detector is None:
            run.progress(0.0, "Loading the model")
            options = {"scan": job.scan, "batch_size": job.batch_size}
            detector = self._load(job.model, job.device, **{name: value for name, value in options.items() if value})
        with self._lock:
            self._counters["models_loaded"] += key not in self._detectors
            self._detectors[key] = detector
            self._detectors.move_to_end(key)
            while len(self._detectors) > KEPT_DETECTORS:
                self._detectors.popitem(last=False)
        return detector


def _stop_if(cancelled: bool) -> None:
    if cancelled:
        raise Cancelled()


def main(**parts: Any) -> int:
    """Serve on this process's stdin and stdout.  `parts` replaces parts of `library_parts`, for tests."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    share_processors()
    requests, channel = claim_standard_streams()
    try:
        Server(requests, channel, **{**library_parts(), **parts}).serve()
    except KeyboardInterrupt:
        os._exit(Cancelled.exit_code)  # the listening thread may still wait in a read
    return 0


def library_parts() -> Dict[str, Callable[..., Any]]:
    """What a real worker computes with; every import waits until it is needed."""

    def load(model: str, device: str, **options: Any) -> Any:
        from ..detector import load_model

        return load_model(model, device, **options)

    def check(device: str, progress: Callable[[float, str], None], stop: Callable[[], None]) -> Dict[str, Any]:
        from ..doctor.check import run

        return run(device, progress, stop)

    def make_image(job: Job) -> Any:
        from ..io.image import Image

        return Image(job.voxels, job.ijk_to_ras, job.facts, job.kind)

    def models() -> List[Dict[str, Any]]:
        from ..bundle import catalogue

        return catalogue.installed()

    def warm_up() -> List[str]:
        import torch

        return ["cpu"] + ["cuda:{}".format(n) for n in range(torch.cuda.device_count())]

    return {"load": load, "make_image": make_image, "models": models, "check": check,
            "warm_up": warm_up}
