"""The words of the worker: one ASCII JSON object per line, version 1, unknown fields ignored.

Requests (stdin)::

    {"v":1, "id":"7", "command":"detect", "job":"<folder>"}     progress, then one of result, error, cancelled
    {"v":1, "id":"8", "command":"check", "device":"auto"}       progress, then one of checked, error, cancelled
    {"v":1, "id":"7", "command":"cancel"}                       id of the run to stop
    {"v":1, "command":"models"} | {"v":1, "command":"status"} | {"v":1, "command":"shutdown"}

Events (stdout)::

    {"v":1, "event":"ready", "version", "pid"}                  once, before torch is imported
    {"v":1, "event":"progress", "id", "fraction", "text"}       fraction in [0, 1]
    {"v":1, "event":"result", "id", "folder", "result"}         the files of the run lie complete in `folder`
    {"v":1, "event":"checked", "id", "report"}                  as `doctor.check.run` gives it
    {"v":1, "event":"error", "id", "code", "message", "detail"} id is null when no run is concerned
    {"v":1, "event":"cancelled", "id"}                          the run sends nothing more
    {"v":1, "event":"models", "id", "models"}                   card summaries
    {"v":1, "event":"status", "id", "state", "devices", ...}    see `server.Server.status`; once unasked, with id null,
                                                                when torch is imported and the devices are known

Light: numpy and the standard library, so the viewer's side may import it.
"""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Union

import numpy as np

from ..errors import SPMambaError, UnreadableFileError, UsageError
from ..older_versions import forced
from ..output.files import write_array, write_json

VERSION = 1
JOB_FILE = "job.json"
INPUT_FILE = "input.npy"
RESULT_FILE = "result.json"


class ProtocolError(UsageError):
    """A line that is not a request of this protocol.  The worker answers it and goes on."""

    code = "bad-request"


def encode(message: Mapping[str, Any]) -> bytes:
    """One message as an ASCII line, newline included.  Text outside ASCII travels as JSON escapes, so that the
    encoding of a pipe can never matter; numbers that JSON does not know (NaN, infinity) raise ValueError."""
    line = json.dumps(dict(message, v=VERSION), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return line.encode("ascii") + b"\n"


def decode(line: Union[bytes, str]) -> Dict[str, Any]:
    """The message of one line.

    Raises:
        ProtocolError: not a JSON object, or another protocol version.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("A line could not be understood: it is not JSON.", str(error)) from error
    if not isinstance(message, dict):
        raise ProtocolError("A line could not be understood: it is not a JSON object.", repr(line)[:200])
    if message.get("v") != VERSION:
        raise ProtocolError("This worker speaks protocol version {}; the line has {!r}.".format(
            VERSION, message.get("v")))
    return message


def error_event(error: SPMambaError, run: Optional[str] = None) -> Dict[str, Any]:
    return {"event": "error", "id": run, **error.to_dict()}


@dataclass
class Job:
    """What to detect in: the voxels, where they lie, and the choices of the user.

    Attributes:
        voxels: (K, J, I), native type.
        ijk_to_ras: 4x4, RAS mm; the point of voxel (i, j, k) is ``ijk_to_ras @ (i, j, k, 1)``.
        model: name or path of a bundle.
        facts: source facts as in `image.Image.facts` (modality, description, ...); never patient identity.
        kind: "volume", or "image" for a single two-dimensional picture.
        false_positive_rate: operating point; None means the model's own.
        force: analyse also a scan that does not look like what the model knows; else it is refused.
        scan: backend of the selective scan; empty takes the fastest that works.
        batch_size: slices computed at once; 0 takes what suits the kind of device.
    """

    voxels: np.ndarray
    ijk_to_ras: np.ndarray
    model: str
    device: str = "auto"
    facts: Dict[str, Any] = field(default_factory=dict)
    kind: str = "volume"
    false_positive_rate: Optional[float] = None
    force: bool = False
    scan: str = ""
    batch_size: int = 0

    def write(self, folder: Union[str, Path]) -> None:
        """Write ``input.npy`` and then ``job.json`` into an existing folder.

        Raises:
            OutputError: the folder cannot be written.
        """
        folder = Path(folder)
        write_array(folder / INPUT_FILE, self.voxels)
        write_json(folder / JOB_FILE, {
            "v": VERSION, "input": INPUT_FILE, "ijk_to_ras": np.asarray(self.ijk_to_ras, dtype=float).tolist(),
            "facts": self.facts, "kind": self.kind, "model": self.model, "device": self.device,
            "false_positive_rate": self.false_positive_rate, "force": self.force,
            "scan": self.scan, "batch_size": self.batch_size})

    @classmethod
    def read(cls, folder: Union[str, Path]) -> "Job":
        """The job of a folder; the inverse of `write`.

        Raises:
            UnreadableFileError: folder, ``job.json`` or the voxels are missing or damaged.
        """
        folder = Path(folder)
        try:
            job = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
            voxels = np.load(folder / job["input"], allow_pickle=False)
            matrix = np.asarray(job["ijk_to_ras"], dtype=np.float64)
            rate = job.get("false_positive_rate")
            if matrix.shape != (4, 4):
                raise ValueError("ijk_to_ras is not a 4x4 matrix")
            return cls(voxels, matrix, str(job["model"]), str(job.get("device", "auto")),
                       dict(job.get("facts") or {}), str(job.get("kind", "volume")),
                       None if rate is None else float(rate), forced(job), str(job.get("scan") or ""),
                       int(job.get("batch_size") or 0))
        except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError) as error:
            raise UnreadableFileError("The run's input could not be read from its folder; run it again.",
                                      "{}: {}: {}".format(folder, type(error).__name__, error)) from error


def request(command: str, run: Optional[str] = None, **fields: Any) -> bytes:
    """One request as a line to write to the worker.

    Example:
        >>> request("detect", "7", job="/tmp/job")
        b'{"command":"detect","id":"7","job":"/tmp/job","v":1}\\n'
    """
    message: Dict[str, Any] = {"command": command}
    if run is not None:
        message["id"] = run
    return encode({**message, **fields})


class LineBuffer:
    """Whole lines out of a stream that arrives in pieces (a pipe gives a message in parts, or several at once)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> List[bytes]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line for line in lines if line.strip()]
