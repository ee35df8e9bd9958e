"""Folders of results that are exchanged in one step: whoever looks sees the former result or the new one, whole.

Written beside its place, a new folder is exchanged with the former one by one call of the system (Linux, macOS), or by
two renamings that a next start completes when they are cut short (Windows, some network drives).  A folder that holds
anything else, is a mount point or the folder one stands in, stays itself: then the files of the former result step
aside together, and those of the new one come in, the last one being the one that says that all are there; a failure
in between puts the former ones back, and what a kill has cut short is completed by the next start.

Light: standard library only.
"""
from __future__ import annotations

import contextlib
import ctypes
import errno
import itertools
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Callable, Collection, Dict, Iterator, List, Optional

from ..errors import OutputError
from .temporary import LOCK, PART_SUFFIX, PREFIX, WorkingFolder, try_lock
from .whole import check_writable, output_error

NEW, FORMER, PLAN = "files", "former", "swap.json"  # in a working folder
WAIT = 60.0  # s for another run that is just replacing the same result
AT_CWD, EXCHANGE = -100, 2  # of Linux's renameat2; macOS has the same number for its renamex_np
UNABLE = (errno.EINVAL, errno.ENOSYS, getattr(errno, "ENOTSUP", errno.EINVAL))

Ours = Callable[[Path], Collection[str]]


@contextlib.contextmanager
def whole_folder(folder: Path, ours: Ours, last: str = "", *, keep: bool = True) -> Iterator[Path]:
    """A new folder whose files are those of `folder` when the block ends without an exception, and not before.

    Until then the former result is whole where it was.  Files of other names are left alone.

    Args:
        ours: which names in an existing folder are those of a result, to be replaced or removed.
        last: the file that says that all the others are there.
        keep: keep the new result beside the former one where that cannot be replaced.

    Raises:
        OutputError: the result cannot be written there; known before the block begins where it can be.  With the code
            ``result-in-use``: the former result cannot be replaced and is whole; the message says where the new one is.
    """
    folder = Path(os.path.realpath(folder))
    made: List[Path] = []
    try:
        work = _open(folder, ours, made)
        (work.path / NEW).mkdir()
    except OSError as error:
        _remove_empty(made)
        raise output_error(error, folder) from error
    try:
        yield work.path / NEW
        try:
            _place(work.path, folder, ours, last)
        except OSError as error:
            raise (_kept(work.path / NEW, folder, ours, error) if keep else output_error(error, folder)) from error
        made.clear()
    finally:
        work.close(remove=not (work.path / PLAN).exists())  # a former result may still be in it
        _remove_empty(made)


def check_folder(folder: Path, ours: Ours) -> None:
    """Fail before the work and not after it.

    Raises:
        OutputError: `whole_folder` could not write there.
    """
    made: List[Path] = []
    try:
        _open(Path(os.path.realpath(folder)), ours, made).close()
    except OSError as error:
        raise output_error(error, folder) from error
    finally:
        _remove_empty(made)


def _open(folder: Path, ours: Ours, made: List[Path]) -> WorkingFolder:
    """A working folder on the disk of `folder`; the folders above that had to be made are added to `made`."""
    with contextlib.suppress(FileNotFoundError):
        folder.lstat()
        if not folder.is_dir():
            raise FileExistsError("{} is a file".format(folder))
        check_writable(folder)
        if _stays(folder, ours):
            return WorkingFolder(folder)
    missing = list(itertools.takewhile(lambda each: not each.exists(), folder.parents))
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        made.append(each)
    if not os.path.lexists(folder):  # a name that no disk takes is known now
        folder.mkdir()
        folder.rmdir()
    try:
        return WorkingFolder(folder.parent)
    except PermissionError:
        if not folder.is_dir():
            raise
        return WorkingFolder(folder)


def _remove_empty(folders: List[Path]) -> None:
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _stays(folder: Path, ours: Ours) -> bool:
    """Whether a folder is more than a result, and must not be exchanged."""
    with contextlib.suppress(OSError):
        if os.path.ismount(folder) or os.path.samefile(folder, os.getcwd()):
            return True
    known = ours(folder)
    with os.scandir(folder) as entries:
        return any(entry.name not in known or entry.is_dir(follow_symlinks=False) for entry in entries)


def _place(work: Path, folder: Path, ours: Ours, last: str) -> None:
    """Bring the new files into place.

    Raises:
        OSError: they are not there, and the former ones are.
        OutputError: there is no space for them.
    """
    new, beside = work / NEW, work.parent == folder.parent
    try:
        for path in new.iterdir():
            with open(path, "rb+") as file:
                os.fsync(file.fileno())  # a full network drive says so only now
    except OSError as error:
        raise output_error(error, folder) from error
    with _turn(folder):
        for place in (folder.parent, folder):
            for other in place.glob("{}*{}".format(PREFIX, PART_SUFFIX)):
                _complete(other, folder)  # of a run that was killed: whose turn it is now, is ours
        if beside and not os.path.lexists(folder):
            os.rename(new, folder)
        elif beside and not _stays(folder, ours):
            shutil.copymode(folder, new)
            if not exchange(new, folder):
                _rename_twice(work, folder)
        else:
            move_in(work, folder, ours(folder), last)


def _kept(new: Path, folder: Path, ours: Ours, error: OSError) -> OutputError:
    """The error of a result that could not come into its place; it is kept beside it, or in it."""
    try:
        former = bool({*ours(folder)} & {*os.listdir(folder)})
    except OSError:
        former = False
    why = ("The earlier result in {} could not be replaced and is as it was (is one of its files open in another "
           "program?)" if former else "The result could not be brought into {}")
    for place in (folder.parent / (folder.name[:200] + "-new"), folder / "new"):
        for number in itertools.count(1):
            kept = place if number == 1 else place.with_name("{}-{}".format(place.name, number))
            if not os.path.lexists(kept):
                break
        with contextlib.suppress(OSError):
            os.rename(new, kept)
            return OutputError((why + "; the new result is in {}.").format(folder, kept), "{}: {}".format(
                type(error).__name__, error), code="result-in-use" if former else OutputError.code)
    return output_error(error, folder)


# -- one step ---------------------------------------------------------------------------------------------------------

def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or the disk cannot.

    Raises:
        OSError: it can, and did not.
    """
    name = {"linux": "renameat2", "darwin": "renamex_np"}.get(sys.platform)
    call = getattr(ctypes.CDLL(None, use_errno=True), name, None) if name else None
    if call is None:
        return False
    paths = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        status = call(*paths, ctypes.c_uint(EXCHANGE))
    else:
        status = call(AT_CWD, paths[0], AT_CWD, paths[1], ctypes.c_uint(EXCHANGE))
    if status == 0:
        return True
    number = ctypes.get_errno()
    if number in UNABLE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _rename_twice(work: Path, folder: Path) -> None:
    """Exchange where the system cannot; between the two there is no result, and the next start puts the new one."""
    _plan(work, folder, {})
    try:
        patiently(folder, work / FORMER)
    except BaseException:
        (work / PLAN).unlink()
        raise
    try:
        patiently(work / NEW, folder)
    except BaseException:
        os.rename(work / FORMER, folder)
        (work / PLAN).unlink()
        raise
    (work / PLAN).unlink()


def patiently(source: Path, target: Path) -> None:
    """Rename, with patience for a virus scanner that has just opened what was written."""
    for wait in (0.05, 0.2, 0.5) if os.name == "nt" else ():
        try:
            os.rename(source, target)
            return
        except PermissionError:
            time.sleep(wait)
    os.rename(source, target)


# -- several steps ----------------------------------------------------------------------------------------------------

def move_in(work: Path, folder: Path, old: Collection[str], last: str = "") -> None:
    """Replace the files `old` of a folder, as far as they are there, by those in ``work / NEW``; all or none.

    Raises:
        OSError: one could not be moved; the former ones are back.
    """
    new = sorted((path.name for path in (work / NEW).iterdir()), key=lambda name: (name == last, name))
    aside = sorted({*old, *new} & set(os.listdir(folder)), key=lambda name: (name != last, name))
    for name in aside:
        if os.path.isdir(folder / name) and not os.path.islink(folder / name):
            raise IsADirectoryError(errno.EISDIR, "a folder has the name of a result's file", str(folder / name))
    (work / FORMER).mkdir(exist_ok=True)
    _plan(work, folder, {"old": aside, "new": new})
    done: Dict[Path, Path] = {}
    try:
        for source, target, names in ((folder, work / FORMER, aside), (work / NEW, folder, new)):
            for name in names:
                patiently(source / name, target / name)
                done[target / name] = source / name
    except BaseException:
        for target, source in reversed(list(done.items())):
            os.rename(target, source)  # if not even this can be done, the plan stays for the next start
        (work / PLAN).unlink()
        raise
    (work / PLAN).unlink()


def _plan(work: Path, folder: Path, names: Dict[str, List[str]]) -> None:
    place = "." if work.parent == folder else folder.name
    (work / PLAN).write_text(json.dumps({"folder": place, **names}), encoding="ascii")


def finish(work: Path) -> None:
    """Complete the exchange that a killed run had begun; nothing if it had not.

    Raises:
        OSError: it cannot be completed now.
    """
    plan = _planned(work)
    if plan is not None:
        folder = work.parent if plan["folder"] == "." else work.parent / plan["folder"]
        with _turn(folder):
            _complete(work, folder)


def _planned(work: Path) -> Optional[Dict[str, Any]]:
    """The plan of a working folder if it has one of our making."""
    try:
        plan = json.loads((work / PLAN).read_text(encoding="ascii"))
        names = [plan["folder"], *plan.get("old", ()), *plan.get("new", ())]
        sound = all(each == os.path.basename(each) and each not in ("", "..") for each in names)
        if os.name == "posix" and work.stat().st_uid != os.geteuid():
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(plan) if sound else None


def _complete(work: Path, folder: Path) -> None:
    """What `finish` does, for those whose turn it is at `folder`: who has a plan there is dead."""
    plan = _planned(work)
    if plan is None or folder != (work.parent if plan["folder"] == "." else work.parent / plan["folder"]):
        return
    new = plan.get("new", [])
    rest = [name for name in new if os.path.lexists(work / NEW / name)]
    if not new and not os.path.lexists(folder):
        os.rename(work / NEW, folder)
    for name in plan.get("old", []) if rest == new else []:
        if os.path.lexists(folder / name):
            os.rename(folder / name, work / FORMER / name)
    for name in rest:
        os.rename(work / NEW / name, folder / name)
    (work / PLAN).unlink()


# -- one after the other -----------------------------------------------------------------------------------------------

@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait until no other run is replacing this result; nothing is left of it afterwards.

    Raises:
        OSError: another one holds on to it.
    """
    end = time.monotonic() + WAIT
    descriptor: Optional[int] = None
    while descriptor is None:
        descriptor = _claim(folder)
        if descriptor is None:
            if time.monotonic() > end:
                raise PermissionError(errno.EAGAIN, "another run is replacing the result", str(folder))
            time.sleep(0.01)
    try:
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _claim(folder: Path) -> Optional[int]:
    """An open descriptor that is the turn; -1 where the system cannot tell whose it is, None if it is another's."""
    if os.name == "nt":
        flags = os.O_CREAT | os.O_EXCL | getattr(os, "O_TEMPORARY", 0)  # gone when it is closed, also by a kill
        try:
            return os.open(folder.parent / ".spmamba-turn.{}".format(LOCK), flags)
        except OSError:
            return None
    for place in (folder.parent, folder):
        with contextlib.suppress(OSError):
            descriptor = os.open(place, os.O_RDONLY)
            if try_lock(descriptor) is False:
                os.close(descriptor)
                return None
            return descriptor
    return -1
