"""Results that are never half there: every file is written under a temporary name beside its own and renamed.

Used by the worker (files of a job folder, ``result.json`` last) and the command line.  Light: numpy and the standard
library.
"""
from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterator, List, Mapping, Optional

import numpy as np

from ..detection import Detection
from ..errors import Cancelled, OutputError

PART_SUFFIX = ".part"
NO_SPACE = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
RESULT_FILE = "result.json"
EVIDENCE_FILE = "evidence.npz"
ARRAY_FILES = ("map.npy", "labels.npy", "severity.npy", "terms.npy")


def output_error(error: OSError, place: Path) -> OutputError:
    """The typed error of a failed write, with a sentence that says what to do."""
    short_write = error.errno is None and "requested and" in str(error)  # numpy's words for a disk that ran full
    if short_write or error.errno in NO_SPACE:
        message = "There is no space left to write the result to {}; free some space and run again.".format(place)
    elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
        message = "There is no permission to write to {}; choose another folder.".format(place)
    elif isinstance(error, FileNotFoundError):
        message = "The folder {} does not exist any more; the result could not be written.".format(place)
    else:
        message = "The result could not be written to {}.".format(place)
    return OutputError(message, "{}: {}".format(type(error).__name__, error))


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that becomes `path` only when the block ends without an exception.

    Raises:
        OutputError: it cannot be written; what `path` held before is still there.
    """
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        try:
            with open(part, "wb") as file:
                yield file
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise output_error(error, path.parent) from error


def write_durably(path: Path, data: bytes) -> None:
    """`replacing`, and on the disk when it returns: a loss of power leaves the former file or the new one.

    Raises:
        OutputError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if os.name == "posix":  # the renaming too; elsewhere a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_array(path: Path, array: np.ndarray) -> None:
    with replacing(path) as file:
        np.save(file, array, allow_pickle=False)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    text = json.dumps(data, indent=1, allow_nan=False)
    with replacing(path) as file:
        file.write(text.encode("ascii"))


def check_writable(folder: Path) -> None:
    """Fail before the work and not after it.

    Raises:
        OutputError: no file can be made in `folder`.
    """
    probe = folder / ".writable{}".format(PART_SUFFIX)
    try:
        probe.write_bytes(b"1")
        probe.unlink()
    except OSError as error:
        raise output_error(error, folder) from error


def arrays_of(detection: Detection) -> Dict[str, np.ndarray]:
    """The voxels of a detection by file name: map float32, labels int16, severity uint8, each (K, J, I), and terms
    float16 (T, K, J, I) in the order of ``result.json``'s "terms"."""
    terms = np.empty((len(detection.terms), *detection.map.shape), dtype=np.float16)
    for index, term in enumerate(detection.terms.values()):
        terms[index] = term
    arrays = (detection.map.astype(np.float32, copy=False), detection.labels.astype(np.int16, copy=False),
              detection.severity.astype(np.uint8, copy=False), terms)
    return dict(zip(ARRAY_FILES, arrays))


def write_detection(detection: Detection, folder: Path, cancelled: Optional[Callable[[], bool]] = None) -> None:
    """Write the arrays, the evidence, then ``result.json``: where that is, all the others are whole and belong to it.

    Raises:
        OutputError: the folder cannot be written.
        Cancelled: `cancelled` said so between two files.
    """
    try:
        (folder / RESULT_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise output_error(error, folder) from error
    for name, array in arrays_of(detection).items():
        if cancelled is not None and cancelled():
            raise Cancelled()
        write_array(folder / name, array)
    write_evidence(detection, folder)
    if cancelled is not None and cancelled():
        raise Cancelled()
    write_json(folder / RESULT_FILE, detection.to_dict())


def write_evidence(detection: Detection, folder: Path) -> List[str]:
    """Write why places were marked, and return the file's name; a detection without evidence has no such file.

    Raises:
        OutputError: it cannot be written.
    """
    if detection.evidence is None:
        return []
    with replacing(folder / EVIDENCE_FILE) as file:
        file.write(detection.evidence.to_bytes())
    return [EVIDENCE_FILE]


@contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder whose files are moved into `folder` only when the block ends without an exception.

    Until then earlier results in `folder` stay whole.  ``result.json`` is moved last and an earlier one removed
    first, evidence too, so that it never describes files of another run.  Files of other names are left alone.

    Raises:
        OutputError: the results cannot be written there; known before the block begins where it can be.
    """
    exists = folder.is_dir()
    home = folder if exists else folder.parent
    try:
        if folder.exists() and not exists:
            raise FileExistsError("{} is a file".format(folder))
        home.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".spmamba-", suffix=PART_SUFFIX, dir=str(home)))
    except OSError as error:
        raise output_error(error, folder) from error
    try:
        yield staging
        _move_results(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _move_results(staging: Path, folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
        for name in (RESULT_FILE, EVIDENCE_FILE):  # not every detection has evidence: none of a former one may stay
            (folder / name).unlink(missing_ok=True)
        for path in sorted(staging.iterdir(), key=lambda path: path.name == RESULT_FILE):
            os.replace(path, folder / path.name)
    except OSError as error:
        raise output_error(error, folder) from error
