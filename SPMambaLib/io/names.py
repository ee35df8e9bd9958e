"""Names of files whose bytes are not UTF-8: shown, and handed to libraries that are written in C.

Light: standard library only.
"""
from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Iterator, Union

from .temporary import working_folder


def printable(name: Union[str, Path]) -> str:
    r"""A name in letters that every file and every terminal takes: what is no letter is written as ``\udce9``."""
    return str(name).encode("utf-8", "backslashreplace").decode("utf-8")


@contextlib.contextmanager
def utf8_path(path: Path) -> Iterator[Path]:
    """A path to the same file, which may still have to be made, that every library can open.

    Raises:
        OSError: no link to it can be made.
    """
    if _is_utf8(path):
        yield path
        return
    with working_folder() as folder:
        if _is_utf8(Path(path.name)):  # a file that names another one beside it finds it
            os.symlink(path.parent.absolute(), folder / "folder", target_is_directory=True)
            yield folder / "folder" / path.name
        else:
            name = "image" + "".join(suffix for suffix in path.suffixes[-2:] if _is_utf8(Path(suffix)))
            os.symlink(path.absolute(), folder / name)
            yield folder / name


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
