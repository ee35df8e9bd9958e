"""Files that are whole or not there: written under a temporary name, then renamed.  Folders: see `swap`.

Light: standard library only.
"""
from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import IO, Iterator, Optional

from ..errors import OutputError
from .temporary import sweep, working_file

NO_SPACE = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


def output_error(error: OSError, place: Path) -> OutputError:
    """The typed error of a failed write, with a sentence that says what to do."""
    short_write = error.errno is None and "requested and" in str(error)  # numpy's words for a disk that ran full
    if short_write or error.errno in NO_SPACE:
        message = "There is no space left to write the result to {}; free some space and run again."
    elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
        message = "There is no permission to write to {}; choose another folder."
    elif isinstance(error, FileNotFoundError):
        message = "The folder {} does not exist any more; the result could not be written."
    elif error.errno == errno.ENAMETOOLONG:
        message = "The name {} is too long for a file or folder; choose a shorter one."
    else:
        message = "The result could not be written to {}."
    return OutputError(message.format(place), "{}: {}".format(type(error).__name__, error))


@contextlib.contextmanager
def partial(path: Path, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """A binary file that becomes `path` only when the block ends without an exception.

    Two that write one file at the same time do not meet: the file is wholly of one of them.

    Args:
        durable: on the disk when it returns; a loss of power leaves the former file or the new one.

    Raises:
        OSError: it cannot be written; what `path` held before is still there.
    """
    with working_file(path.parent) as file:
        yield file
        file.flush()
        if durable:
            os.fsync(file.fileno())
        if os.name != "posix":
            file.close()  # elsewhere an open file has no other name
        os.replace(file.name, path)
    if durable:
        sync_folder(path.parent)


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """`partial`, for files that a user has asked for.

    Raises:
        OutputError: it cannot be written; what `path` held before is still there.
    """
    try:
        with partial(path, durable=durable) as file:
            yield file
    except OSError as error:
        raise output_error(error, path.parent) from error


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file; see `partial`.

    Raises:
        OutputError: it cannot be written.
    """
    with replacing(path, durable=True) as file:
        file.write(data)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk; only where a folder can be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def check_writable(folder: Path) -> None:
    """Fail before the work and not after it, and sweep what killed runs have left there.

    Raises:
        OutputError: no file can be made in `folder`.
    """
    sweep(folder)
    try:
        with working_file(folder):
            pass
    except OSError as error:
        raise output_error(error, folder) from error


def prepare_file(path: Optional[Path]) -> None:
    """Make the folder of a file that will be written, and fail now and not after the work.  Nothing for None.

    Raises:
        OutputError: it cannot be written.
    """
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise OutputError("{} is a folder; name a file to write.".format(path))
    except OSError as error:
        raise output_error(error, path) from error
    check_writable(path.parent)
