"""Whose the files in a folder are: those of another volume stay.

What a result has written is remembered with size and time, so that exporting it again replaces its own files, as long
as nobody else has written them since, and takes another name where the files are not its own: of a volume that is gone,
or of another scene.
"""
from __future__ import annotations

import itertools
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from ..scene.naming import fileStem
from ..scene.result import Result, Stamp


def freeFolder(result: Result, parent: Path) -> Path:
    """A folder for the files of a result alone: a new one, or its own of before."""
    for stem in _stems(fileStem(result)):
        path = parent / stem
        own = _ownFiles(result, path)
        if not path.exists() or (path.is_dir() and all(each.name in own for each in path.iterdir())):
            return path
    raise AssertionError("not reached")


@contextmanager
def placed(result: Result, folder: Path, stem: str = "") -> Iterator[Tuple[Path, str, List[Path]]]:
    """Files that come into `folder` when the block ends without an exception, all of them.

    Gives a folder of the moment to write into, the stem of the files' names, and a list of where they are, filled at
    the end.  What the result wrote there before and has not written again, such as the surface of a finding that is
    none any more, goes with what is replaced.

    Args:
        stem: to begin with; where files of others have it, a number is added.

    Raises:
        OSError: the folder cannot be written.
    """
    own = _ownFiles(result, folder)
    others = [path.name.casefold() for path in folder.iterdir() if path.name not in own]
    stem = next(each for each in _stems(stem or fileStem(result)) if not any(
        name.startswith((each.casefold() + ".", each.casefold() + "_")) for name in others))
    files: List[Path] = []
    with tempfile.TemporaryDirectory(prefix=".SPMamba-", dir=str(folder)) as part:
        yield Path(part), stem, files
        for path in sorted(Path(part).iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.name)):  # as written
            os.replace(str(path), str(folder / path.name))
            files.append(folder / path.name)
    kinds = {_kind(path.name, stem) for path in files}
    for name in set(own) - {path.name for path in files}:
        if name.startswith(stem) and _kind(name, stem) in kinds:
            (folder / name).unlink()
            del own[name]
    own.update({path.name: _stamp(path) for path in files})
    result.exported = {**result.exported, _folderKey(folder): own}


def _stems(stem: str) -> Iterator[str]:
    """The name itself, then the same with higher numbers."""
    match = re.fullmatch(r"(.*)-(\d+)", stem)
    base, number = (match.group(1), int(match.group(2))) if match else (stem, 1)
    yield stem
    for n in itertools.count(number + 1):
        yield "{}-{}".format(base, n)


def _kind(name: str, stem: str) -> str:
    """".stl" of "T2_anomalies_1.stl"."""
    return "." + name[len(stem):].partition(".")[2]


def _stamp(path: Path) -> Stamp:
    facts = path.stat()
    return [facts.st_size, facts.st_mtime_ns]


def _folderKey(folder: Path) -> str:
    """Tells nobody where the folder is: scenes are given away."""
    import hashlib  # here: it loads OpenSSL, which the opening of the panel does not need

    return hashlib.sha256(str(folder.resolve()).encode("utf-8")).hexdigest()[:16]


def _ownFiles(result: Result, folder: Path) -> Dict[str, Stamp]:
    """What the result has written into a folder and is there as it was then."""
    written = result.exported.get(_folderKey(folder), {})
    return {name: stamp for name, stamp in written.items()
            if (folder / name).is_file() and _stamp(folder / name) == stamp}
