"""Files and folders for the time of a run, which the next start sweeps when the run was killed.

Each belongs to a living process as long as that holds its lock; the lock goes with the process, whatever killed it.
Names hold neither what was read nor who is on it.  Light: standard library only.
"""
from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import IO, Any, Callable, Iterator, Optional
from uuid import uuid4

PREFIX, PART_SUFFIX = ".spmamba-", ".part"
LOCK = "lock"
UNLOCKED_AGE = 3600.0  # s after which what was never locked counts as left behind
ATTEMPTS = 5  # at a name of its own: a sweep may come between the making and the locking


class WorkingFolder:
    """A new folder below `home` (the system's temporary folder if None), until `close`.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, home: Optional[Path] = None) -> None:
        place = Path(tempfile.gettempdir() if home is None else home)
        sweep(place)
        for _ in range(ATTEMPTS):
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, suffix=PART_SUFFIX, dir=str(place)))
            try:
                self._lock: IO[bytes] = open(self.path / LOCK, "wb")  # noqa: SIM115 - held as long as the folder
            except FileNotFoundError:
                continue
            if try_lock(self._lock) is not False and _is_at(self._lock, self.path / LOCK):
                return
            self._lock.close()
        raise OSError("no working folder could be kept in {}".format(place))

    def close(self, remove: bool = True) -> None:
        """Let go, and remove the folder with all that is in it."""
        self._lock.close()
        if remove:
            remove_tree(self.path)


@contextlib.contextmanager
def working_folder(home: Optional[Path] = None) -> Iterator[Path]:
    """A `WorkingFolder` that is gone when the block ends.

    Raises:
        OSError: it cannot be made.
    """
    folder = WorkingFolder(home)
    try:
        yield folder.path
    finally:
        folder.close()


@contextlib.contextmanager
def working_file(home: Path) -> Iterator[IO[bytes]]:
    """A new binary file in `home`, open for writing; gone when the block ends, unless it was moved away.

    Raises:
        OSError: it cannot be made.
    """
    for _ in range(ATTEMPTS):
        path = home / "{}{}{}".format(PREFIX, uuid4().hex[:12], PART_SUFFIX)
        with open(path, "xb") as file:
            if try_lock(file) is False or not _is_at(file, path):
                continue
            try:
                yield file
            finally:
                file.close()
                with contextlib.suppress(OSError):
                    path.unlink()
            return
    raise OSError("no temporary file could be kept in {}".format(home))


def sweep(place: Path, finish: Optional[Callable[[Path], None]] = None) -> None:
    """Remove what killed runs have left in a folder; what cannot be removed, or is somebody else's, stays.

    Args:
        finish: called with each folder that was left behind, before it is removed; if it raises OSError, that stays.
    """
    try:
        with os.scandir(place) as entries:
            found = [Path(entry.path) for entry in entries
                     if entry.name.startswith(PREFIX) and entry.name.endswith(PART_SUFFIX)]
    except OSError:
        return
    for path in found:
        with contextlib.suppress(OSError):
            facts = path.lstat()
            if os.name == "posix" and facts.st_uid != os.geteuid():
                continue
            if stat.S_ISDIR(facts.st_mode):
                _sweep_folder(path, finish or _finish_swap)
            elif stat.S_ISREG(facts.st_mode) and _left_behind(path, path):
                path.unlink()


def _finish_swap(folder: Path) -> None:
    from .swap import finish

    finish(folder)


def _sweep_folder(folder: Path, finish: Callable[[Path], None]) -> None:
    """The lock is held meanwhile: two starts at once do not both finish what a third has left."""
    try:
        with open(folder / LOCK, "r+b") as file:
            if not _is_free(file, folder):
                return
            if os.name != "posix":
                file.close()
                os.unlink(folder / LOCK)  # refused as long as another process has it open
            finish(folder)
            remove_tree(folder)
    except FileNotFoundError:
        if time.time() - folder.stat().st_mtime > UNLOCKED_AGE:
            finish(folder)
            remove_tree(folder)


def _left_behind(path: Path, aged: Path) -> bool:
    with open(path, "r+b") as file:
        return _is_free(file, aged)


def _is_free(file: IO[bytes], aged: Path) -> bool:
    locked = try_lock(file)
    return time.time() - aged.stat().st_mtime > UNLOCKED_AGE if locked is None else locked


def try_lock(file: Any) -> Optional[bool]:
    """Take the lock of an open file (or of its descriptor): whether nobody had it; None on a file system without
    locks.  Where the system has no such locks, an open file cannot be removed, and is one."""
    try:
        import fcntl
    except ModuleNotFoundError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(file: IO[bytes], path: Path) -> bool:
    """Whether an open file still has its name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def remove_tree(folder: Path) -> None:
    """Remove a folder; what is write-protected in it too, what cannot be removed stays."""
    def again(remove: Callable[[str], None], path: str, _: Any) -> None:
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), stat.S_IRWXU)
            os.chmod(path, stat.S_IRWXU)
            remove(path)

    shutil.rmtree(folder, onerror=again)
