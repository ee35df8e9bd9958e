"""Folders for the time of a run, which the next start sweeps when the run was killed.

A folder belongs to a living process as long as that holds its lock; the lock goes with the process, whatever killed
it.  Names hold neither what was read nor who is on it.  Light: standard library only.
"""
from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO, Iterator, Optional

PREFIX, PART_SUFFIX = ".spmamba-", ".part"
LOCK = "lock"
UNLOCKED_AGE = 3600.0  # s after which a folder that was never locked counts as left behind


@contextlib.contextmanager
def working_folder(home: Optional[Path] = None) -> Iterator[Path]:
    """A new folder below `home` (the system's temporary folder if None) that is gone when the block ends.

    Raises:
        OSError: it cannot be made.
    """
    place = Path(tempfile.gettempdir() if home is None else home)
    sweep(place)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, suffix=PART_SUFFIX, dir=str(place)))
    lock: Optional[IO[bytes]] = None
    try:
        lock = open(folder / LOCK, "wb")  # noqa: SIM115 - held as long as the folder
        _try_lock(lock)
        yield folder
    finally:
        if lock is not None:
            lock.close()
        shutil.rmtree(folder, ignore_errors=True)


def sweep(place: Path) -> None:
    """Remove what killed runs have left in a folder; what cannot be removed stays."""
    try:
        found = [Path(entry.path) for entry in os.scandir(place)
                 if entry.name.startswith(PREFIX) and entry.name.endswith(PART_SUFFIX) and entry.is_dir(
                     follow_symlinks=False)]
    except OSError:
        return
    for folder in found:
        if _left_behind(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _left_behind(folder: Path) -> bool:
    try:
        with open(folder / LOCK, "r+b") as file:
            free = _try_lock(file)
        if os.name != "posix":
            os.unlink(folder / LOCK)  # refused as long as another process has it open
        return free
    except FileNotFoundError:
        try:
            return time.time() - folder.stat().st_mtime > UNLOCKED_AGE
        except OSError:
            return False
    except OSError:
        return False


def _try_lock(file: IO[bytes]) -> bool:
    """Take the lock of a file if nobody has it; where there are no such locks, an open file is one."""
    try:
        import fcntl
    except ModuleNotFoundError:
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: only the age tells
        return False
    return True
